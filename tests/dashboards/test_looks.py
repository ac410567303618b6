"""How a period is looked at: points by hour, day, week and month by a recount, what is beside them, and the links."""

from __future__ import annotations

import datetime as dt
import html
import random
import re
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from dashboards.stats.overview import Overview
from dashboards.stats.period import Period, parse
from dashboards.stats.refused import BadQuery
from dashboards.stats.report import Reports
from dashboards.stats.view import DRAWN, View, view_of
from dashboards.web import charts
from schema.site import Site

pytestmark = pytest.mark.clickhouse
Ago = Callable[[int], dt.date]
Row = dict[str, int]


def fill(rollups: Any, ago: Ago, days: range, seed: int = 1, absent: tuple[int, ...] = ()) -> dict[dt.date, Row]:
    """Released days: what each has."""
    rng, told = random.Random(seed), {}
    with rollups.together():
        for back in days:
            if back in absent:
                continue
            people = rng.randint(50, 150)
            row = {"visitors": people, "visits": people + rng.randint(0, 30), "pageviews": 3 * people}
            row |= {"entries": row["visits"], "bounces": rng.randint(10, 40), "visit_seconds": 60 * people}
            rollups.cell(ago(back), released=True, **row)
            rollups.release(ago(back))
            told[ago(back)] = row
    return told


def recount(rows: list[Row], metric: str) -> float | None:
    def total(name: str) -> int:
        return sum(row[name] for row in rows)

    if not rows:
        return None
    match metric:
        case "views_per_visit":
            return round(total("pageviews") / total("visits"), 2)
        case "bounce_rate":
            return round(100 * total("bounces") / total("entries"), 1)
        case "visit_duration":
            return round(total("visit_seconds") / total("entries"), 1)
    return total(metric)


@pytest.mark.parametrize("grain", ["day", "week", "month"])
def test_points_are_what_a_recount_of_their_days_gives(grain: str, reports: Reports, rollups: Any, ago: Ago) -> None:
    """Of 70 days, five of them without data, beside the 70 before."""
    told = fill(rollups, ago, range(1, 141), absent=(3, 30, 31, 32, 100))
    period = Period(ago(70), ago(1), "")

    def begin(day: dt.date) -> dt.date:
        if grain == "month":
            return max(ago(70), day.replace(day=1))
        return day if grain == "day" else max(ago(70), day - dt.timedelta(day.weekday()))

    parts: dict[dt.date, list[int]] = {}
    for back in range(70, 0, -1):
        parts.setdefault(begin(ago(back)), []).append(back)
    for metric in DRAWN:
        overview = reports.overview(rollups.site, period, view=View(metric, grain))
        assert [point.at.date() for point in overview.series] == list(parts)
        assert [point.days for point in overview.series] == [len(part) for part in parts.values()]
        for points, before in ((overview.series, 0), (overview.previous_series, 70)):
            expected = [[told[day] for back in part if (day := ago(back + before)) in told] for part in parts.values()]
            assert [point.value for point in points] == pytest.approx([recount(rows, metric) for rows in expected])
            assert [point.with_data for point in points] == [len(rows) for rows in expected]


def test_a_week_says_of_how_many_days_it_is_and_a_part_of_one_is_dashed(
    reports: Reports, rollups: Any, ago: Ago
) -> None:
    fill(rollups, ago, range(1, 31), absent=(5,))
    overview = reports.overview(rollups.site, Period(ago(19), ago(1), ""), view=View(grain="week"))
    chart = charts.draw(overview)
    # 30 May is a Friday, 17 June a Tuesday.
    assert [mark.label for mark in chart.marks] == [
        "30 May – 1 Jun 2031",
        "2–8 Jun 2031",
        "9–15 Jun 2031",
        "16–17 Jun 2031",
    ]
    assert ["data of 6 of 7 days" in mark.text for mark in chart.marks] == [False, False, True, False]
    assert (chart.unfinished.count("M"), chart.line.count("M")) == (2, 1)


def test_hours_are_drawn_of_several_days_that_have_them(reports: Reports, rollups: Any, ago: Ago) -> None:
    for back in (1, 2, 3):
        rollups.cell(ago(back), visitors=60)
        for hour in (9, 17):
            if back != 2:
                rollups.hour(ago(back), hour, visitors=10 * back + hour)
    overview = reports.overview(rollups.site, Period(ago(3), ago(1), ""), view=View(grain="hour"))
    assert len(overview.series) == 72
    found = {(point.at.day, point.at.hour): (point.state, point.value) for point in overview.series}
    assert found[ago(3).day, 9] == ("measured", 39)
    assert found[ago(3).day, 10] == ("measured", 0)
    assert found[ago(2).day, 9] == ("hidden", None)  # the day has people, and no hours
    assert [tick.text for tick in charts.draw(overview).across] == ["15 Jun", "16 Jun", "17 Jun"]


def test_a_period_is_compared_with_a_year_before_with_dates_or_with_nothing(
    client: TestClient, rollups: Any, ago: Ago
) -> None:
    told = fill(rollups, ago, range(1, 400))
    key = rollups.site.key

    def comparison(query: str) -> dict[str, Any]:
        found: dict[str, Any] = client.get(f"/api/sites/{key}/overview?{query}").json()
        assert len(found["previous_series"]) in (0, len(found["series"]), 7)
        return found["comparison"] | {"points": [point["visitors"] for point in found["previous_series"]]}

    def visitors(first: int, last: int) -> list[int]:
        return [told[ago(back)]["visitors"] for back in range(first, last - 1, -1)]

    year = comparison("period=7d&compare=year")
    assert (year["period"]["first"], year["points"]) == (ago(371).isoformat(), visitors(371, 365))
    assert year["previous"]["visitors"] == sum(visitors(371, 365))
    dates = comparison(f"period=7d&compare_from={ago(60)}&compare_to={ago(54)}")
    assert (dates["previous"]["visitors"], dates["a_day"]) == (sum(visitors(60, 54)), False)
    # Not as many days: by averages.
    fewer = comparison(f"period=28d&compare=custom&compare_from={ago(60)}&compare_to={ago(54)}")
    assert (fewer["a_day"], fewer["days"], fewer["previous_days"]) == (True, 28, 7)
    average = (sum(visitors(28, 1)) / 28) / (sum(visitors(60, 54)) / 7)
    assert fewer["change"]["visitors"] == pytest.approx(100 * (average - 1), abs=0.1)
    nothing = comparison("period=7d&compare=none")
    assert (nothing["period"], nothing["previous"], nothing["points"]) == (None, None, [])
    page = client.get(f"/sites/{key}?period=7d&compare=none").text
    assert not re.search(r'class="(then|change )|not compared', page)
    assert "A year before" in page


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("metric=colour", "allowed are visitors, visits"),
        ("grain=hour", "grain='hour' does not fit 28 days: allowed are day, week"),
        ("grain=century", "allowed are day, week"),
        ("compare=yesterday", "allowed are previous, year, custom, none"),
        ("compare=custom", "needs compare_from and compare_to"),
        ("compare=year&compare_from=2031-01-01", "leave out compare_from"),
        ("compare_from=2031-01-02&compare_to=2031-01-01", "first day must not be after the last"),
        ("compare_from=soon&compare_to=2031-01-01", "compare_from='soon' is not a date"),
        ("compare_from=2031-06-01&compare_to=2031-06-18", "compared with earlier days"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_what_can(client: TestClient, rollups: Any, query: str, told: str) -> None:
    for path in ("/sites", "/api/sites"):
        suffix = "/overview" if path.startswith("/api") else ""
        answer = client.get(f"{path}/{rollups.site.key}{suffix}?period=28d&{query}")
        text = answer.json()["error"] if suffix else html.unescape(answer.text)
        assert (answer.status_code, told in text) == (400, True), text


@pytest.mark.parametrize(
    "view",
    [
        View(),
        View("bounce_rate", "week", "year"),
        View("visits", against="none"),
        View(against="custom", dates=Period(dt.date(2031, 5, 1), dt.date(2031, 5, 7), "1–7 May 2031")),
    ],
)
def test_the_arguments_of_a_view_ask_for_it_again(view: View, today: dt.date) -> None:
    assert view_of(view.arguments(), parse({"period": "28d"}, today), today) == view


def test_long_periods_are_drawn_by_weeks_and_months_unless_told(reports: Reports, today: dt.date) -> None:
    site = Site("nobody.example")

    def grain(days: int, asked: str = "") -> str:
        return reports.overview(site, Period(today - dt.timedelta(days - 1), today, ""), view=View(grain=asked)).grain

    assert [grain(days) for days in (1, 2, 183, 184, 1100, 1101)] == ["hour", "day", "day", "week", "week", "month"]
    assert grain(184, "day") == "day"
    with pytest.raises(BadQuery, match="does not fit one day: allowed are hour"):
        grain(1, "day")


def hrefs(page: str, kind: str) -> list[str]:
    return [html.unescape(link) for link in re.findall(rf'<a class="{kind}" href="([^"]+)"', page)]


@pytest.mark.slow
def test_a_click_on_a_day_opens_it_and_what_was_chosen_stays(client: TestClient, rollups: Any, ago: Ago) -> None:
    fill(rollups, ago, range(1, 30), absent=(3,))
    path = f"/sites/{rollups.site.key}"
    page = client.get(f"{path}?period=7d&metric=visits&compare=year").text
    links = hrefs(page, "mark measured")
    assert links[0] == f"{path}?period=custom&from={ago(7)}&to={ago(7)}&metric=visits&compare=year"
    assert len(links) == 6
    assert hrefs(page, "mark absent") == [links[0].replace(str(ago(7)), str(ago(3)))]
    assert re.search(r'aria-label="Tue 17 Jun 2031: \d+ visits"', page)
    assert re.search(r'<rect x="58.33\d%" y="28" width="16.66\d%" height="220" fill="url\(#hatch\)"/>', page)
    opened = client.get(links[0]).text
    assert "<h1>11 Jun 2031" in opened
    assert "Visits by hour" in opened
    weeks = client.get(f"{path}?from={ago(16)}&to={ago(3)}&grain=week").text
    assert f"from={ago(16)}&to={ago(10)}" in hrefs(weeks, "mark measured")[0]


def test_a_tile_chooses_what_is_drawn(client: TestClient, rollups: Any, ago: Ago) -> None:
    fill(rollups, ago, range(1, 15))
    path = f"/sites/{rollups.site.key}"
    page = client.get(f"{path}?period=7d").text
    tiles = re.search(r'<dl class="tiles">.*?</dl>', page, re.S)
    assert tiles
    links = re.findall(r'<a href="([^"]+)"( aria-current="true")?>', tiles[0])
    assert [bool(chosen) for _, chosen in links] == [True] + [False] * 5
    chosen = client.get(html.unescape(links[4][0])).text
    assert "Bounce rate by day" in chosen
    assert re.search(r'aria-label="Tue 17 Jun 2031: [\d.]+% bounce rate · [\d.]+% before, on Tue 10 Jun 2031"', chosen)
    assert "Bounce rate before</th>" in chosen
    assert re.search(r'metric=bounce_rate" aria-current="true"', chosen)
    # It stays with the other period.
    assert "period=28d&amp;metric=bounce_rate" in chosen


def test_a_rate_that_too_few_are_behind_is_a_gap_that_says_so(reports: Reports, rollups: Any, ago: Ago) -> None:
    for back in (1, 2, 3):
        rollups.cell(ago(back), visitors=20, entries=0 if back == 2 else 20, bounces=0 if back == 2 else 10)
    overview: Overview = reports.overview(rollups.site, Period(ago(3), ago(1), ""), view=View("bounce_rate"))
    chart = charts.draw(overview)
    assert [mark.text for mark in chart.marks] == [
        "50% bounce rate",
        "not shown: too few people behind this number",
        "50% bounce rate",
    ]
    assert (chart.line, len(chart.dots), len(chart.gaps)) == (chart.line, 2, 1)


def test_the_line_of_the_earlier_days_is_told_from_the_paper(request: pytest.FixtureRequest) -> None:
    """At least 3 : 1 (WCAG 2.2, 1.4.11), in both themes."""
    css = (request.config.rootpath / "dashboards/web/static/footfall.css").read_text()

    def luminance(text: str) -> float:
        full = text if len(text) == 6 else "".join(2 * letter for letter in text)
        parts = [int(full[n : n + 2], 16) / 255 for n in (0, 2, 4)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    cards, lines = (re.findall(rf"--{name}: #([0-9a-f]+)", css) for name in ("card", "then"))
    for card, line in zip(cards, lines, strict=True):
        dark, light = sorted((luminance(card), luminance(line)))
        assert (light + 0.05) / (dark + 0.05) >= 3
