"""Rule R1 for imports: one may be taken back, by an entry in the manifest; then it is as if it had never been."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from msgspec import structs

from dashboards.stats.query import Query
from dashboards.stats.report import Reports
from pipeline import undo as undoing
from pipeline.imports import Import
from pipeline.manifest import manifest_digest, read_entries
from pipeline.months import sum_months
from pipeline.open_days import open_days
from pipeline.release import release
from pipeline.settings import SiteRules
from pipeline.undo import runs, undo
from schema.families import FAMILIES
from schema.manifest import standing
from schema.months import TABLES
from schema.site import Site, day_bounds, day_number
from schema.store import Store
from tests.conftest import insert, make_event

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse]

RULES = SiteRules(1, 30, "balanced")
# Raw rows of the past would have expired.
FIRST = dt.date(2042, 8, 1)
DAYS = [FIRST + dt.timedelta(days=number) for number in range(31)]
NOW = 2_300_000_000
_NUMBER = itertools.count(1)


@pytest.fixture
def site() -> Site:
    return Site(f"undo-{next(_NUMBER)}")


def events(site: Site, day: dt.date, people: int) -> list[Any]:
    start = day_bounds(site.timezone, day_number(day)).start
    return [
        make_event(site.key, start + 60 * i, day, visitor=i + 1, path=f"/{i % 2}", lcp=900.0) for i in range(people)
    ]


def bring_in(store: Store, site: Site, days: Sequence[dt.date], people: int = 3, made_by: str = "import") -> str:
    run = Import(store)
    run.begin()
    for day in days:
        run.add([list(structs.astuple(event)) for event in events(site, day, people)])
    assert run.finish([(site, RULES)], NOW, made_by).released == [day.isoformat() for day in days]
    return run.run


def release_live(store: Store, site: Site, day: dt.date, people: int = 2) -> None:
    insert(store, events(site, day, people))
    release(store, "events", site, [day], RULES, NOW, "live")


def left(store: Store, site: Site, tables: Sequence[str] = tuple(f"released_{f}" for f in FAMILIES)) -> set[dt.date]:
    what = "month" if tables == TABLES else "day"
    found: set[dt.date] = set()
    for table in tables:
        found |= {day for (day,) in store.rows(f"SELECT DISTINCT {what} FROM {table} WHERE site = '{site.key}'")}
    return found


def visitors(reports: Reports, site: Site, first: dt.date = FIRST, last: dt.date = DAYS[-1]) -> int:
    return int(reports.stats(Query.of(site.key, first, last, "page", (), 100))["totals"]["visitors"])


def test_an_import_that_is_taken_back_is_gone_and_may_be_imported_again(store: Store, site: Site) -> None:
    run = bring_in(store, site, DAYS[:3])
    assert left(store, site) == set(DAYS[:3])
    undone = undo(store, run, NOW + 5)
    assert undone
    assert (undone.site, undone.days, undone.already) == (site.key, tuple(DAYS[:3]), False)
    assert left(store, site) == set()
    again = bring_in(store, site, DAYS[:3], people=4)
    assert visitors(Reports(store, [site]), site) == 12
    assert [(found.run, found.undone, found.days) for found in runs(store) if found.site == site.key] == [
        (run, NOW + 5, tuple(DAYS[:3])), (again, 0, tuple(DAYS[:3])),
    ]  # fmt: skip


def test_the_chain_of_the_manifest_holds_the_import_and_its_end(store: Store, site: Site) -> None:
    run = bring_in(store, site, DAYS[:2])
    undo(store, run, NOW)
    bring_in(store, site, DAYS[:2])
    entries = read_entries(store, site.key)
    assert [entry.number for entry in entries] == [1, 2, 3, 4, 5, 6]
    assert [entry.origin.partition(":")[0] for entry in entries] == ["import"] * 2 + ["undo"] * 2 + ["import"] * 2
    digests = [manifest_digest(structs.asdict(entry)) for entry in entries]
    assert [entry.previous for entry in entries] == ["", *digests[:-1]]


def test_days_that_were_collected_live_are_never_touched(store: Store, site: Site) -> None:
    release_live(store, site, DAYS[5])
    run = bring_in(store, site, DAYS[:2])
    before = visitors(Reports(store, [site]), site, DAYS[5], DAYS[5])
    undo(store, run, NOW)
    assert left(store, site) == {DAYS[5]}
    assert visitors(Reports(store, [site]), site) == before == 2
    assert undo(store, "live", NOW) is None
    assert undo(store, "", NOW) is None


def test_a_day_that_another_import_has_released_since_is_its_own(store: Store, site: Site) -> None:
    first = bring_in(store, site, DAYS[:2])
    undo(store, first, NOW)
    second = bring_in(store, site, DAYS[1:2], made_by="demo")
    undone = undo(store, first, NOW)
    assert undone
    assert undone.already
    assert left(store, site) == {DAYS[1]}
    undo(store, second, NOW)
    assert left(store, site) == set()


def test_a_day_that_is_taken_back_is_open_if_it_has_raw_rows(store: Store, site: Site) -> None:
    run = bring_in(store, site, DAYS[:1])
    insert(store, events(site, DAYS[0], 1))
    assert site.key not in {day.site for day in open_days(store)}
    undo(store, run, NOW)
    assert site.key in {day.site for day in open_days(store)}
    release(store, "events", site, DAYS[:1], RULES, NOW, "live")
    assert visitors(Reports(store, [site]), site) == 1


def test_sums_of_months_and_what_is_remembered_follow(store: Store, site: Site) -> None:
    release_live(store, site, DAYS[0])
    run = bring_in(store, site, DAYS[1:4])
    other = bring_in(store, site, [dt.date(2042, 10, 1)])
    sum_months(store, 60)
    reports = Reports(store, [site])
    assert [visitors(reports, site), visitors(reports, site)] == [2 + 3 * 3] * 2
    undo(store, run, NOW)
    undo(store, other, NOW)
    assert left(store, site, TABLES) == set()
    assert visitors(reports, site) == 2
    sum_months(store, 60)
    assert left(store, site, TABLES) == {FIRST}
    assert visitors(reports, site) == 2
    bring_in(store, site, DAYS[1:4], people=1)
    assert visitors(reports, site) == 2 + 3
    sum_months(store, 60)
    assert visitors(reports, site) == 2 + 3


def test_sums_of_a_month_that_came_while_it_was_taken_back_go_with_the_next_run(
    store: Store, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = bring_in(store, site, DAYS[:1])
    sum_months(store, 60)
    with monkeypatch.context() as patched:
        patched.setattr(undoing, "TABLES", ())
        undo(store, run, NOW)
    assert left(store, site, TABLES) == {FIRST}
    assert visitors(Reports(store, [site]), site) == 0
    sum_months(store, 60)
    assert left(store, site, TABLES) == set()


def test_one_that_is_cut_off_is_unreadable_and_ends_with_the_same_again(
    store: Store, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = bring_in(store, site, DAYS[:2])
    with monkeypatch.context() as patched:
        patched.setattr(undoing, "_forget", lambda *_: None)
        undo(store, run, NOW)
    assert left(store, site) == set(DAYS[:2])
    assert visitors(Reports(store, [site]), site) == 0
    undone = undo(store, run, NOW)
    assert undone
    assert undone.already
    assert left(store, site) == set()


def test_the_filter_and_the_statement_agree_on_what_holds() -> None:
    entries = [
        (1, 1, "import:a"),
        (2, 2, "live"),
        (1, 3, "undo:a"),
        (3, 4, "import:b"),
        (1, 5, "import:c"),
        (3, 6, "undo:b"),
    ]
    assert standing(entries, 0, 1, 2) == [(2, 2, "live"), (1, 5, "import:c")]
    assert standing(entries[:2], 0, 1, 2) == entries[:2]


def test_a_day_whose_events_may_be_on_their_way_is_not_imported(store: Store, site: Site) -> None:
    store.insert("watermarks", ("spool", "received_through"), (["a"], [day_bounds("UTC", day_number(DAYS[1])).end - 1]))
    try:
        run = Import(store)
        run.begin()
        for day in DAYS[:2]:
            run.add([list(structs.astuple(event)) for event in events(site, day, 6)])
        report = run.finish([(site, RULES)], NOW, "import")
    finally:
        store.command("TRUNCATE TABLE watermarks")
    assert (report.released, list(report.skipped)) == (["2042-08-01"], ["2042-08-02"])
    assert "may be on their way" in report.skipped["2042-08-02"]


def test_a_preview_tells_what_would_be_released_and_releases_nothing(store: Store, site: Site) -> None:
    release_live(store, site, DAYS[2])
    run = Import(store)
    run.begin()
    for day, people in ((DAYS[0], 6), (DAYS[1], 1), (DAYS[2], 6)):
        run.add([list(structs.astuple(event)) for event in events(site, day, people)])
    told, skipped = run.preview([(site, structs.replace(RULES, k=3))], NOW)
    assert [(day.day, day.visitors, day.pageviews) for day in told.days] == [
        ("2042-08-01", 6, 6),
        ("2042-08-02", None, None),
    ]
    assert told.pages == {"/0": 3, "/1": 3}
    assert skipped == {"2042-08-03": "released already"}
    assert left(store, site) == {DAYS[2]}
    assert store.rows(f"SELECT count() FROM system.tables WHERE name = '{run.table}'")[0][0] == 0
    assert not store.rows(f"SELECT 1 FROM staging_cells WHERE site = '{site.key}'")
