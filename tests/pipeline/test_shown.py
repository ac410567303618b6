"""An open day goes on in steps: of k visitors who are new, at quarters of an hour, and each value by its own (N7)."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from msgspec import structs

from pipeline.rollup.open_days.newcomers import QUARTER_S
from pipeline.rollup.open_days.publish import OPEN, drop_open
from pipeline.rollup.stages import roll_up
from pipeline.schedule import Pipeline
from pipeline.settings import RollupSettings, SiteRules
from pipeline.spool.file import Header
from pipeline.writer import COLUMNS
from schema.event import ENGAGEMENT
from schema.site import Site, day_bounds, day_number
from schema.store import Store
from tests.conftest import insert, make_event
from tests.together import Test, Work, together

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse, pytest.mark.timeout(900)]

DAY = dt.date(2045, 6, 7)
NOON = day_bounds("UTC", day_number(DAY)).start + 43_200
K = 3
RULES = SiteRules(K, 30, "balanced")
_NUMBER = itertools.count(1)


def new_site() -> Site:
    return Site(f"shown-{next(_NUMBER)}")


class Worker:
    """A pipeline that remembers nothing of an earlier one, at the end of each quarter of an hour in turn."""

    def __init__(self, store: Store, site: Site | None = None, rules: SiteRules = RULES, quarter: int = 0) -> None:
        site = site or new_site()
        self.store, self.site, self.rules, self.quarter = store, site, rules, quarter
        self._pipeline = Pipeline(store, [(site, rules)], RollupSettings(every_s=60), clock=lambda: self._now)

    @property
    def _now(self) -> float:
        return NOON + self.quarter * QUARTER_S + 61

    def come(self, *visitors: int, **given: Any) -> None:
        """Have these come in the quarter of an hour that goes on."""
        received = NOON + self.quarter * QUARTER_S + 100
        insert(self.store, [make_event(self.site.key, received, DAY, visitor=one, **given) for one in visitors])

    def end(self) -> Work:
        """Let a quarter of an hour be over, and the work be done; whether the day was counted anew. By a pipeline that
        has begun with it, and works for all others who wait for the same."""
        self.quarter += 1
        return Work(_end, self, int(self._now))

    def end_alone(self) -> bool:
        """The same by the pipeline that it has."""
        self.quarter += 1
        return self.again()

    def again(self) -> bool:
        """The work done once more, by the pipeline that it has."""
        return self._pipeline.roll_up() == [(self.site.key, DAY)]

    def restarted(self, rules: SiteRules = RULES) -> Worker:
        return Worker(self.store, self.site, rules, self.quarter)


def _end(store: Store, workers: Sequence[Worker], now: int) -> list[bool]:
    sites = [(one.site, one.rules) for one in workers]
    done = Pipeline(store, sites, RollupSettings(every_s=60), clock=lambda: now).roll_up()
    return [(one.site.key, DAY) in done for one in workers]


def visitors(store: Store, site: Site) -> int:
    rows = "SELECT sum(visitors) FROM open_cells WHERE site = {s:String} AND dimension = '' AND grain = 'day'"
    return int(store.rows(rows, {"s": site.key})[0][0])


def as_of(store: Store, site: Site) -> int:
    """In quarters of an hour after noon."""
    rows = "SELECT toUnixTimestamp(argMax(as_of, version)) FROM open_through WHERE site = {s:String}"
    return (int(store.rows(rows, {"s": site.key})[0][0]) - NOON) // QUARTER_S


def erase(store: Store, site: Site, visitor: int) -> None:
    sql = "ALTER TABLE events DELETE WHERE site = {s:String} AND visitor = {v:UInt64}"
    store.command(sql, {"s": site.key, "v": visitor}, mutations_sync=2)


@together
def test_the_display_trails_by_k_newcomers_and_goes_on_by_as_many(store: Store) -> Test:
    worker = Worker(store)
    site = worker.site
    steps = []
    for visitor in range(9):
        worker.come(visitor)
        yield worker.end()
        steps.append(visitors(store, site))
    assert steps == [0, 0, 0, 0, 0, 3, 3, 3, 6]
    assert as_of(store, site) == 6


def test_between_quarters_of_an_hour_nothing_is_done(store: Store) -> None:
    worker = Worker(store)
    site = worker.site
    worker.come(1, 2, 3)
    assert worker.end_alone()
    worker.come(4, 5, 6)
    assert not worker.again()
    assert worker.end_alone()
    assert visitors(store, site) == 3


def test_a_quarter_of_an_hour_without_k_newcomers_writes_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Worker(store)
    worker.come(1, 2, 3)
    worker.end_alone()
    worker.come(4, 5)
    for name in ("command", "insert"):
        monkeypatch.setattr(store, name, lambda *_, **__: pytest.fail("something is written"))
    assert not worker.end_alone()


@together
def test_what_came_after_the_quarter_of_an_hour_is_counted_in_the_next(store: Store) -> Test:
    site = new_site()
    worker = Worker(store, site)
    worker.come(1, 2, 3)
    worker.quarter = 1
    worker.come(4, 5, 6)
    assert worker.again()
    assert (yield worker.end())
    assert visitors(store, site) == 3
    worker.come(7, 8, 9)
    assert (yield worker.end())
    assert visitors(store, site) == 6


@together
def test_who_only_goes_on_is_not_new(store: Store) -> Test:
    worker = Worker(store)
    site = worker.site
    worker.come(1, 2, 3)
    yield worker.end()
    worker.come(*[4] * 20)
    worker.come(*[4] * 20, name=ENGAGEMENT, engaged_ms=1000)
    worker.come(1, 2, 3)
    assert not (yield worker.end())
    # Of those who were there before it is seen that they went on, as soon as others are k.
    worker.come(5, 6)
    assert (yield worker.end())
    worker.come(7, 8, 9)
    yield worker.end()
    assert visitors(store, site) == 6


def test_with_k_of_one_everything_is_shown_at_once(store: Store) -> None:
    site = new_site()
    worker = Worker(store, site, structs.replace(RULES, k=1))
    for visitor in range(3):
        worker.come(visitor)
        worker.again()
        assert visitors(store, site) == visitor + 1


@together
def test_who_has_come_since_is_counted_across_a_restart(store: Store) -> Test:
    worker = Worker(store)
    site = worker.site
    worker.come(1, 2, 3)
    yield worker.end()
    worker = worker.restarted()
    worker.come(4, 5)
    assert not (yield worker.end())
    worker = worker.restarted()
    worker.come(6)
    assert (yield worker.end())
    assert visitors(store, site) == 3


@together
def test_each_value_goes_on_by_its_own_newcomers(store: Store) -> Test:
    worker = Worker(store)
    site = worker.site

    def countries() -> dict[str, int]:
        rows = "SELECT value, visitors FROM open_cells WHERE site = {s:String} AND dimension = 'country'"
        return dict(store.rows(rows, {"s": site.key}))

    number = itertools.count(1)
    seen = []
    for coming in ("DDDUUUFFF", "DDDUUUFFF", "DDDUUUF", "DDDUUUF", "DDDUUUF", "DDDUUU"):
        for country in coming:
            worker.come(next(number), country={"D": "DE", "U": "US", "F": "FR"}[country])
        yield worker.end()
        seen.append(countries())
    # With one of France somebody waits, or the whole site less the others would tell him.
    assert seen[1] == {"DE": 3, "US": 3, "FR": 3}
    assert seen[2] in ({"DE": 6, "US": 3, "FR": 3}, {"DE": 3, "US": 6, "FR": 3})
    assert all(sum(after.values()) >= sum(before.values()) for before, after in itertools.pairwise(seen))
    assert seen[-1]["FR"] == 6
    assert sum(seen[-1].values()) >= 24


def test_sites_that_go_on_together_go_on_as_each_would_alone(store: Store) -> None:
    """In one batch: some with k newcomers, one without, one that shows all at once."""
    sites = [new_site() for _ in range(4)]
    rules = [RULES, RULES, structs.replace(RULES, k=5), structs.replace(RULES, k=1)]
    now = [NOON]
    pipeline = Pipeline(
        store, list(zip(sites, rules, strict=True)), RollupSettings(every_s=60), clock=lambda: now[0] + 61
    )
    seen = []
    for quarter, coming in enumerate(((3, 4, 5, 2), (3, 0, 5, 2), (3, 3, 4, 2))):
        for site, people in zip(sites, coming, strict=True):
            insert(
                store,
                [
                    make_event(site.key, now[0] + 5, DAY, visitor=10 * quarter + n, country="DE", lcp=900.0)
                    for n in range(people)
                ],
            )
        now[0] += QUARTER_S
        pipeline.rolling.due = 0.0
        pipeline.roll_up()
        seen.append([visitors(store, site) for site in sites])
    assert seen == [[0, 0, 0, 2], [3, 0, 5, 4], [6, 4, 5, 6]]
    vitals = "SELECT site, people FROM open_vitals WHERE dimension = 'country' AND site IN {s:Array(String)}"
    found = dict(store.rows(vitals, {"s": [site.key for site in sites]}))
    assert found[sites[3].key] == 6


@together
def test_what_an_earlier_version_shows_stays_and_newcomers_are_counted_from_now_on(store: Store) -> Test:
    worker = Worker(store)
    site = worker.site
    worker.come(1, 2, 3)
    roll_up(store, site, DAY, RULES)
    worker.come(4, 5, 6)
    assert not (yield worker.end()), "they may be in it"
    worker.come(7, 8)
    assert not (yield worker.end())
    assert visitors(store, site) == 3
    worker.come(9)
    assert (yield worker.end())
    assert visitors(store, site) == 3
    worker.come(10, 11, 12)
    assert (yield worker.end())
    assert visitors(store, site) == 9


@pytest.mark.parametrize("which", ["take", "remember", "show", "put_in_place"])
@together
def test_a_run_that_is_killed_shows_fewer_never_more(store: Store, which: str) -> Test:
    worker = Worker(store)
    site = worker.site
    worker.come(1, 2, 3)
    yield worker.end()
    worker.come(4, 5, 6)
    name = {
        "take": "pipeline.rollup.open_days.step._take",
        "remember": "pipeline.rollup.open_days.step.remember",
        "show": "pipeline.rollup.open_days.step._show",
        "put_in_place": "pipeline.rollup.stages.put_in_place",
    }[which]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(name, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            worker.end_alone()
    assert visitors(store, site) == 0
    worker = worker.restarted()
    # Where a snapshot was taken it is shown when k more have come.
    assert worker.again() == (which == "take")
    worker.come(7, 8, 9)
    assert (yield worker.end())
    assert visitors(store, site) == 6


@together
def test_an_erasure_alone_shows_nobody_vanish_and_rides_with_a_snapshot(store: Store) -> Test:
    worker = Worker(store)
    site = worker.site
    worker.come(1, 2, 3, 4)
    yield worker.end()
    worker.come(5, 6, 7)
    yield worker.end()
    assert visitors(store, site) == 4
    erase(store, site, 4)
    assert not (yield worker.end())
    assert visitors(store, site) == 4
    worker.come(8, 9, 10)
    yield worker.end()
    assert visitors(store, site) == 7, "the snapshot that was taken before it"
    worker.come(11, 12, 13)
    yield worker.end()
    assert visitors(store, site) == 9


def test_stricter_rules_hold_at_once(store: Store) -> None:
    site = new_site()
    worker = Worker(store, site, structs.replace(RULES, k=1))
    worker.come(1, 2, 3, 4)
    worker.again()
    assert visitors(store, site) == 4
    worker = worker.restarted(structs.replace(RULES, k=5))
    worker.again()
    assert visitors(store, site) == 0


@together
def test_what_was_shown_by_laxer_rules_is_shown_again_once_it_has_gone_on_by_the_stricter(store: Store) -> Test:
    site = new_site()
    worker = Worker(store, site)
    for quarter in range(2):
        worker.come(*(10 * quarter + n for n in range(3)))
        yield worker.end()
    assert visitors(store, site) == 3
    worker = worker.restarted(structs.replace(RULES, k=5))
    yield worker.end()
    assert visitors(store, site) == 0
    worker.come(20, 21, 22, 23)
    yield worker.end()
    assert visitors(store, site) == 0
    worker.come(24)
    yield worker.end()
    assert visitors(store, site) == 6


@together
def test_of_several_spools_each_is_counted_up_to_the_quarter_of_an_hour(store: Store) -> Test:
    """A spool that lags is shown with the others, but nobody of it is counted as new."""
    site = new_site()
    worker, created = Worker(store, site), itertools.count(NOON)

    def arrive(spool: int, at: int, *visitors: int) -> None:
        header = Header("u", next(created), 0, spool, 1)
        rows = [
            [*structs.astuple(make_event(site.key, NOON + at, DAY, visitor=visitor)), header.sequence(place)]
            for place, visitor in enumerate(visitors)
        ]
        store.insert("events", COLUMNS, [list(column) for column in zip(*rows, strict=True)])

    arrive(0, 100, 1, 2, 3)
    arrive(1, 100, 4)
    yield worker.end()
    arrive(1, 200, 5, 6, 7)
    assert not (yield worker.end())
    arrive(0, 2000, 8, 9, 10)
    yield worker.end()
    assert visitors(store, site) == 4
    arrive(1, 3000, 11, 12, 13)
    yield worker.end()
    assert visitors(store, site) == 10


@together
def test_nobody_is_kept_by_his_number_and_nothing_outlives_the_open_day(store: Store) -> Test:
    worker = Worker(store)
    site = worker.site
    for quarter in range(2):
        worker.come(*(2**63 + 10 * quarter + n for n in (1, 2, 3)))
        yield worker.end()
    tables = [name for name in OPEN if name != "sessionized"]
    kept = {table: store.rows(f"SELECT * FROM {table} WHERE site = {{s:String}}", {"s": site.key}) for table in tables}
    assert kept["open_cells"]
    assert kept["next_cells"]
    assert not any(str(2**63 + n) in str(kept) for n in (1, 2, 3, 11, 12, 13))
    drop_open(store, site.key, [DAY])
    assert not any(
        store.rows(f"SELECT count() FROM {table} WHERE site = {{s:String}}", {"s": site.key})[0][0] for table in OPEN
    )


def test_open_rows_of_a_day_of_which_everybody_was_erased_go_when_it_is_over(store: Store) -> None:
    site = new_site()
    now = [float(NOON)]
    worker = Pipeline(store, [(site, RULES)], RollupSettings(every_s=60), clock=lambda: now[0])
    insert(store, [make_event(site.key, NOON, DAY, visitor=visitor) for visitor in (1, 2, 3)])
    roll_up(store, site, DAY, RULES)
    store.command("ALTER TABLE events DELETE WHERE site = {s:String}", {"s": site.key}, mutations_sync=2)
    worker.close()
    assert visitors(store, site) == 3
    now[0] = day_bounds("UTC", day_number(DAY)).end + 301
    store.insert("watermarks", ("spool", "received_through"), (("shown",), (int(now[0]),)))
    try:
        worker.close()
    finally:
        store.command("TRUNCATE TABLE watermarks")
    assert visitors(store, site) == 0
