"""An overview says the same whether it reads months as sums or day by day, and takes no sum of other releases."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

import msgspec
import pytest

from dashboards.stats import plan as planning
from dashboards.stats import report
from dashboards.stats.lru_cache import LruCache
from dashboards.stats.overview import Overview
from dashboards.stats.period import Period
from dashboards.stats.query import Query
from dashboards.stats.report import Reports
from pipeline.months import sum_months
from schema.dimensions import DIMENSIONS
from schema.measures import MEASURES
from schema.site import Site
from schema.store import Store
from schema.vitals import PEOPLE_BUCKET

# Each a half-year of its own; a second one found nothing that the first had not.
SEEDS = [0, pytest.param(1, marks=pytest.mark.long)]

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse]

FIRST, LAST = dt.date(2031, 1, 20), dt.date(2031, 6, 18)
DAYS = [FIRST + dt.timedelta(days=n) for n in range((LAST - FIRST).days + 1)]


@pytest.fixture(autouse=True)
def _months_are_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "WORTH_ROWS", 0)


def by_day(reports: Reports, site: Site, period: Period, monkeypatch: pytest.MonkeyPatch) -> Overview:
    with monkeypatch.context() as patch:
        patch.setattr(report, "LEAST_DAYS", 10_000)
        patch.setattr(reports, "_cache", LruCache(0))
        return reports.overview(site, period)


def shown(overview: Overview) -> dict[str, Any]:
    """Everything of it but from where it was read."""
    told = msgspec.to_builtins(overview)
    told["released"] = {name: told["released"][name] for name in ("k", "since", "through", "suppressed")}
    return told  # type: ignore[no-any-return]


def fill(rollups: Any, chance: random.Random) -> list[dt.date]:
    """Half a year in which days are released, suppressed, open or not there, with values that come and go. Of some
    released days the open rows are still there, and of some there are rows that nobody asks for. The open days."""
    opened: list[dt.date] = []
    released: list[tuple[dt.date, int]] = []
    cells: list[list[Any]] = []
    conversions: list[list[Any]] = []
    histograms: list[list[Any]] = []
    buckets: list[list[Any]] = []
    for day in DAYS:
        state = chance.choices(("released", "suppressed", "open", "absent"), (12, 1, 1, 1))[0]
        if state in ("released", "suppressed"):
            released.append((day, 100 if state == "released" else 0))
        if state in ("suppressed", "absent"):
            continue
        key = [rollups.site.key, "day", day, int(dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC).timestamp())]
        for dimension, values in (("", 1), ("page", 40), ("country", 6), ("utm_source", 3), ("event", 4)):
            for value in chance.sample(range(values), 1 + chance.randrange(values)):
                name = "" if value == 0 and dimension in ("", "utm_source") else f"/{value}"
                name = "(other)" if value == 1 else "pageview" if (dimension, value) == ("event", 2) else name
                cells.append([state, *key, dimension, name, "", "", *(chance.randrange(1, 90) for _ in MEASURES)])
        for goal, currency in (("Signup", ""), ("Purchase", ""), ("Purchase", "EUR")):
            for dimension in chance.sample(["", "page"], chance.randrange(3)):
                counts = [chance.randrange(9) for _ in range(4)]
                conversions.append([state, *key, dimension, dimension and "/1", "", "", goal, currency, *counts])
        for metric in ("lcp", "cls"):
            for dimension in chance.sample(["", "page", "device"], chance.randrange(4)):
                own = [state, *key, dimension, dimension and f"/{chance.randrange(12)}", "", "", metric]
                each = sorted(
                    [bucket, *(chance.randrange(1, 9) for _ in range(3)), 0]
                    for bucket in chance.sample(range(200), chance.randrange(6))
                )
                if state == "open":
                    of_each = [[row[place] for row in each] for place in range(4)]
                    histograms.append([*own, *of_each[:2], *map(sum, of_each[1:]), 7])
                else:
                    buckets += [[*own, *row] for row in (*each, [PEOPLE_BUCKET, 0, 0, 0, 7])]
        opened += [day] * (state == "open")
        if state == "open" or chance.random() < 0.2:
            whole = ["open", *key, "", "", "", ""]
            crossed = ["open", *key, "", "", "country", "DE"]
            hour = ["open", key[0], "hour", *key[2:], "", "", "", ""]
            if state == "released":
                cells.append([*whole, *range(500, 500 + len(MEASURES))])
                conversions.append([*whole, "Signup", "", 500, 501, 0, 0])
                histograms.append([*whole, "lcp", [7], [500], 500, 500, 0, 500])
            cells += [[*own, *range(600, 600 + len(MEASURES))] for own in (crossed, hour)]
            conversions += [[*own, "Signup", "", 600, 601, 0, 0] for own in (crossed, hour)]
            histograms += [[*own, "lcp", [8], [600], 600, 600, 0, 600] for own in (crossed, hour)]
    vitals = histograms + buckets
    for family, rows in (("cells", cells), ("conversions", conversions), ("vitals", vitals)):
        for state in ("released", "open"):
            table = f"{state}_{family}"
            listed = f"SELECT name FROM system.columns WHERE table = '{table}' ORDER BY position"
            names = [name for (name,) in rollups.store.rows(listed)]
            columns = [*zip(*(row[1:] for row in rows if row[0] == state), strict=True)]
            rollups.store.insert(table, names, [list(column) for column in columns])
    rollups.store.insert(
        "manifest",
        ("site", "number", "day", "k", "rows", "complete", "digest"),
        [
            [rollups.site.key] * len(released), list(range(1, len(released) + 1)), [day for day, _ in released],
            [5] * len(released), [rows for _, rows in released], [1] * len(released), ["d"] * len(released),
        ],
    )  # fmt: skip
    return opened


@pytest.mark.parametrize("seed", SEEDS)
def test_an_overview_is_the_same_by_months_and_by_days(
    reports: Reports, rollups: Any, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)
    fill(rollups, chance)
    sum_months(rollups.store, longest_s=60)
    summed = 0
    for _ in range(25):
        first, last = sorted(chance.sample(DAYS, 2))
        period = Period(first, last, "")
        overview = reports.overview(rollups.site, period)
        assert shown(overview) == shown(by_day(reports, rollups.site, period, monkeypatch)), period
        summed += any(
            month.days <= overview.released.span.part(first, last).released for month in overview.released.months
        )
        assert reports.version(rollups.site, period) == overview.version
    assert summed > 5


@pytest.mark.parametrize("seed", SEEDS)
def test_an_answer_is_the_same_by_months_and_by_days_and_that_of_the_overview(
    reports: Reports, rollups: Any, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it is filtered."""
    chance = random.Random(100 + seed)
    fill(rollups, chance)
    sum_months(rollups.store, longest_s=60)
    asked = [
        ("",),
        ("day",),
        ("page",),
        ("page", "page~/1"),
        ("page", "page!=/3|/4"),
        ("day", "page==/5|/6"),
        ("", "country~1"),
        ("utm_source",),
        ("goal",),
        ("goal", "page==/1"),
        ("goal", "goal==Purchase"),
        ("goal_day",),
        ("goal_day", "page==/1"),
        ("vital",),
        ("vital_day",),
        ("vital", "page~/1"),
        ("vital", "vital==lcp"),
    ]
    filled = 0
    for number in range(28):
        by, *filters = asked[number % len(asked)]
        first, last = sorted(chance.sample(DAYS, 2))
        order = chance.choice(("visitors", "visitors", "pageviews", "exit_rate", "time_on_page"))
        query = Query.of(rollups.site.key, first, last, by, filters, chance.choice((3, 1000)), (), order)
        answer = reports.stats(query)
        with monkeypatch.context() as patch:
            patch.setattr(report, "LEAST_DAYS", 10_000)
            patch.setattr(reports, "_cache", LruCache(0))
            assert reports.stats(query) == answer, query
        filled += bool(answer["rows"] and answer["totals"]["visitors"])
        if by in DIMENSIONS and not filters and order == "visitors":
            overview = reports.overview(rollups.site, Period(first, last, ""), rows=query.limit)
            assert overview.totals.visitors == answer["totals"]["visitors"]
            without = DIMENSIONS[by].without
            shown = [(row["value"], row["visitors"], row["certainty"]) for row in answer["rows"]]
            told = [(cell.value, cell.visitors, cell.certainty) for cell in overview.tables[by]]
            assert (told == shown) if without is None else ({*told} >= {one for one in shown if one[0] != without})
    assert filled > 10


def test_a_month_with_another_release_than_its_sums_is_read_by_days(
    reports: Reports, rollups: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A late import releases a day of a month that is summed up already."""
    april = Period(dt.date(2031, 4, 1), dt.date(2031, 4, 30), "")

    def release(day: int, visitors: int) -> None:
        rollups.cell(dt.date(2031, 4, day), visitors=visitors, released=True)
        rollups.cell(dt.date(2031, 4, day), "page", "/", visitors=visitors, released=True)
        rollups.release(dt.date(2031, 4, day))

    def told() -> tuple[int, int, int]:
        overview = reports.overview(rollups.site, april)
        assert shown(overview) == shown(by_day(reports, rollups.site, april, monkeypatch))
        return overview.totals.visitors, overview.tables["page"][0].visitors, len(overview.released.months)

    release(3, 10)
    sum_months(rollups.store, longest_s=60)
    assert told() == (10, 10, 1)
    release(9, 20)
    assert told() == (30, 30, 0)
    sum_months(rollups.store, longest_s=60)
    assert told() == (30, 30, 1)


def test_sums_without_their_row_in_months_are_never_read(store: Store, reports: Reports, rollups: Any) -> None:
    day = dt.date(2031, 4, 3)
    rollups.cell(day, "page", "/", visitors=10, released=True)
    rollups.cell(day, visitors=10, released=True)
    rollups.release(day)
    columns = ("site", "month", "made", "dimension", "value", "visitors")
    values = (rollups.site.key, day.replace(day=1), 1, "page", "/", 999)
    store.insert("months_cells", columns, [[value] for value in values])
    sum_months(store, longest_s=60)
    overview = reports.overview(rollups.site, Period(dt.date(2031, 4, 1), dt.date(2031, 4, 30), ""))
    assert (len(overview.released.months), overview.tables["page"][0].visitors) == (1, 10)
