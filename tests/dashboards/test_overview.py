"""Rules of the overview: what the dashboard page is drawn from."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from dashboards.stats.bare_totals import BareTotal
from dashboards.stats.overview import Figures, Overview
from dashboards.stats.period import Period, parse
from dashboards.stats.report import Reports
from dashboards.web import charts
from schema.dimensions import DIMENSIONS
from schema.metrics import METRICS
from schema.site import Site
from schema.store import Store

pytestmark = pytest.mark.clickhouse
Ago = Callable[[int], dt.date]


@pytest.fixture
def look(reports: Reports, rollups: Any, today: dt.date) -> Callable[..., Overview]:
    return lambda name="7d", rows=9: reports.overview(rollups.site, parse({"period": name}, today), rows)


def test_figures_hold_every_metric_there_is() -> None:
    assert [field.name for field in msgspec.structs.fields(Figures)] == list(METRICS)


def test_the_series_tells_hidden_days_from_counted_ones(look: Any, rollups: Any, ago: Ago) -> None:
    rollups.cell(ago(9), visitors=12, released=True)
    rollups.release(ago(9))
    rollups.cell(ago(5), visitors=12, released=True)
    rollups.release(ago(5))
    rollups.release(ago(4), rows=0)
    rollups.cell(ago(1), visitors=20)
    overview = look()
    states = [(point.at.date().isoformat()[-2:], point.state, point.visitors) for point in overview.series]
    assert states == [
        ("11", "absent", 0),
        ("12", "absent", 0),
        ("13", "measured", 12),
        ("14", "hidden", 0),
        ("15", "open", 0),  # open days without rows: nobody, or too few to tell
        ("16", "open", 0),
        ("17", "measured", 20),
    ]
    assert (overview.hidden_days, overview.data_days) == (3, 2)
    assert overview.released.suppressed == (ago(4),)
    texts = [mark.text for mark in charts.draw(overview).marks]
    assert texts == [
        *["no data: nobody came, or nothing was collected"] * 2,
        "12 visitors",
        "not shown: fewer than 5 visitors",
        *["not counted yet, or fewer than 5 visitors"] * 2,
        "20 visitors",
    ]


def test_one_day_is_drawn_by_hours_and_hours_to_come_are_not_counted(look: Any, rollups: Any, today: dt.date) -> None:
    rollups.cell(today, visitors=30)
    rollups.hour(today, 9, visitors=12)
    overview = look("today")
    assert (overview.grain, len(overview.series), overview.folded_hours) == ("hour", 24, 0)
    by_hour = {point.at.hour: (point.state, point.visitors) for point in overview.series}
    assert by_hour[9] == ("measured", 12)
    assert by_hour[10] == ("measured", 0)
    assert by_hour[15] == ("future", 0)


def test_folded_hours_are_told_and_leave_gaps(look: Any, rollups: Any, today: dt.date) -> None:
    rollups.cell(today, visitors=30)
    rollups.hour(today, 0, folded=True, visitors=8)
    rollups.hour(today, 9, visitors=12)
    overview = look("today")
    assert overview.folded_hours == 8
    assert {point.at.hour: point.state for point in overview.series}[3] == "hidden"


@pytest.mark.parametrize(("day", "hours"), [("2031-03-30", 23), ("2031-10-26", 25)])
def test_a_day_of_clock_change_has_its_own_number_of_hours(
    reports: Reports, rollups: Any, day: str, hours: int
) -> None:
    date = dt.date.fromisoformat(day)
    overview = reports.overview(rollups.site, Period(date, date, ""))
    assert len({point.at.timestamp() for point in overview.series}) == hours


def test_every_dimension_has_a_table_with_its_largest_values(look: Any, rollups: Any, ago: Ago) -> None:
    for number in range(5):
        rollups.cell(ago(1), "page", f"/{number}", visitors=10 + number)
    rollups.cell(ago(1), "page", "(other)", visitors=500)
    rollups.cell(ago(1), "event", "pageview", visitors=50)
    rollups.cell(ago(1), "event", "signup", visitors=6)
    rollups.cell(ago(1), "utm_source", "", visitors=50)
    rollups.cell(ago(1), visitors=50)
    overview = look(rows=3)
    assert set(overview.tables) == set(DIMENSIONS)
    # What is folded is last, and not cut.
    assert [cell.value for cell in overview.tables["page"]] == ["/4", "/3", "/2", "(other)"]
    assert [cell.value for cell in look(rows=9).tables["page"]][-1] == "(other)"
    assert [cell.value for cell in overview.tables["event"]] == ["signup"]
    assert overview.tables["utm_source"] == ()


def test_goals_vitals_and_count_only_visits_are_there(look: Any, rollups: Any, ago: Ago) -> None:
    rollups.cell(ago(1), visitors=100)
    rollups.goal(ago(1), "Signup", 10, 12)
    rollups.vital(ago(1), "lcp", [1000, 1100, 1200], people=6)
    rollups.vital(ago(1), "lcp", [3000, 3100], people=5, dimension="page", value="/slow")
    rollups.bare_total(ago(40), 60)
    overview = look()
    assert [(goal.goal, goal.conversion_rate) for goal in overview.goals] == [("Signup", 10.0)]
    assert [(cell.dimension, cell.value, cell.rating) for cell in overview.vitals] == [
        ("", "", "good"),
        ("page", "/slow", "needs improvement"),
    ]
    assert overview.count_only == BareTotal(ago(40), ago(13), 60, True)


def test_n8_who_was_counted_only_is_told_of_whole_four_weeks(look: Any, rollups: Any, ago: Ago) -> None:
    """Of those within the period together; of a shorter one of the last that were over with it."""
    assert look().count_only is None
    for days, pageviews, complete in ((97, 300, True), (69, 20, False), (41, 0, True), (13, 7_000, True)):
        rollups.bare_total(ago(days), pageviews, complete)
    assert look("7d").count_only == BareTotal(ago(41), ago(14), 0, True)
    assert look("90d").count_only == BareTotal(ago(69), ago(14), 20, False)
    assert look("90d").count_only.four_weeks == 2


def test_the_version_changes_when_the_numbers_do(look: Any, reports: Reports, rollups: Any, today: dt.date) -> None:
    period = parse({"period": "today"}, today)
    empty = look("today").version
    assert reports.version(rollups.site, period) == empty
    rollups.cell(today, visitors=9)
    filled = look("today").version
    assert reports.version(rollups.site, period) == filled != empty


@pytest.mark.parametrize("period", ["today", "12mo"])
def test_an_overview_asks_no_more_than_eight_statements(
    store: Store, rollups: Any, today: dt.date, period: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, dict[str, Any]]] = []
    real = store.rows

    def rows(sql: str, parameters: dict[str, Any], **settings: Any) -> Any:
        asked.append((sql, settings))
        return real(sql, parameters, **settings)

    monkeypatch.setattr(store, "rows", rows)
    Reports(store, [rollups.site]).overview(rollups.site, parse({"period": period}, today))
    assert len(asked) <= 8
    assert not [sql for sql, _ in asked if " events " in sql.split("FROM")[-1]]
    assert all(settings == store.brief != {} for _, settings in asked)  # or the fourth page takes 0.2 s longer


def test_after_the_warm_up_a_page_opens_no_client(
    store: Store, reports: Reports, rollups: Any, today: dt.date, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports.warm_up()
    opened: list[str] = []
    monkeypatch.setattr("clickhouse_connect.get_client", lambda dsn, **_: opened.append(dsn))
    for _ in range(3):
        reports.overview(rollups.site, parse({"period": "today"}, today))
    assert opened == []


def test_the_chart_breaks_at_hidden_days_and_says_itself_in_a_sentence(
    reports: Reports, rollups: Any, ago: Ago
) -> None:
    for days in (6, 5, 2, 1, 0):
        rollups.cell(ago(days), visitors=10 * (days + 1))
    chart = charts.draw(reports.overview(rollups.site, Period(ago(6), ago(0), "")))
    assert chart.line.count("M") == 2
    assert chart.unfinished.count("M") == 1
    assert chart.summary == "190 visitors; most on Thu 12 Jun 2031 with 70."
    assert (chart.previous, chart.dots) == ("", ())
    assert [row.visitors for row in chart.rows] == [70, 60, None, None, 30, 20, 10]
    assert [tick.text for tick in chart.up] == ["0", "20", "40", "60", "80"]


def test_a_first_day_is_a_dot(reports: Reports, rollups: Any, ago: Ago) -> None:
    """A line needs two points; with one of them the chart was empty."""
    rollups.cell(ago(0), visitors=7)
    rollups.hour(ago(0), 9, visitors=7)
    for period in (Period(ago(6), ago(0), ""), parse({"period": "month"}, ago(0))):
        chart = charts.draw(reports.overview(rollups.site, period))
        assert [x for x, _ in chart.dots] == [100.0]
        assert (chart.unfinished, chart.previous) == ("", "")
        assert chart.summary == "7 visitors."
        assert chart.marks[0].text == "before the first day of data"


def test_a_site_opens_on_today_until_it_has_a_full_day(reports: Reports, rollups: Any, ago: Ago) -> None:
    assert reports.default_period(rollups.site) == "today"
    rollups.cell(ago(0), visitors=7)
    assert reports.default_period(rollups.site) == "today"
    rollups.cell(ago(1), visitors=7)
    assert reports.default_period(rollups.site) == "30d"


def test_a_site_with_nobody_is_drawn_too(reports: Reports, store: Store, today: dt.date) -> None:
    overview = reports.overview(Site("nobody.example"), parse({"period": "30d"}, today))
    assert overview.empty
    assert charts.draw(overview).summary == "No visitors to show for Last 30 days."
