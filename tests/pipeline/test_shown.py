"""An open day is shown anew only when at least k visitors have rows that what is shown does not have."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

import pytest
from msgspec import structs

from pipeline.rollup.batch import SiteDay
from pipeline.rollup.publish import drop_open
from pipeline.rollup.shown import may_show, shown
from pipeline.rollup.stages import roll_up
from pipeline.schedule import Pipeline
from pipeline.settings import RollupSettings, SiteRules
from pipeline.spool_file import Header
from pipeline.writer import COLUMNS
from schema.event import ENGAGEMENT
from schema.site import Site, day_bounds, day_number
from schema.store import Store
from tests.conftest import insert, make_event

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse]

DAY = dt.date(2045, 6, 7)
NOON = day_bounds("UTC", day_number(DAY)).start + 43_200
K = 3
RULES = SiteRules(K, 30, "balanced")
_NUMBER = itertools.count(1)
_SECOND = itertools.count(NOON)


@pytest.fixture
def site() -> Site:
    return Site(f"shown-{next(_NUMBER)}")


def started(store: Store, site: Site, rules: SiteRules = RULES) -> Pipeline:
    """A pipeline that remembers nothing of an earlier one."""
    return Pipeline(store, [(site, rules)], RollupSettings(every_s=60), clock=lambda: NOON)


def come(store: Store, site: Site, *visitors: int, **given: Any) -> None:
    insert(store, [make_event(site.key, NOON, DAY, visitor=visitor, **given) for visitor in visitors])


def visitors(store: Store, site: Site) -> int:
    rows = "SELECT sum(visitors) FROM open_cells WHERE site = {s:String} AND dimension = '' AND grain = 'day'"
    return int(store.rows(rows, {"s": site.key})[0][0])


def test_fewer_than_k_visitors_change_nothing_and_the_kth_shows_them_all(store: Store, site: Site) -> None:
    worker, steps = started(store, site), []
    for visitor in range(10):
        come(store, site, visitor)
        worker.roll_up()
        steps.append(visitors(store, site))
    assert steps == [0, 0, 3, 3, 3, 6, 6, 6, 9, 9]


def test_a_run_that_would_not_be_shown_is_not_made(store: Store, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = started(store, site)
    come(store, site, 1, 2, 3)
    worker.roll_up()
    come(store, site, 4, 5)
    monkeypatch.setattr("pipeline.rollup.together.roll_up_together", lambda *_: pytest.fail("the day was computed"))
    assert worker.roll_up() == []
    assert worker.rolled_up == 1


def test_one_visitor_counts_once_however_much_he_does(store: Store, site: Site) -> None:
    worker = started(store, site)
    come(store, site, 1, 2, 3)
    worker.roll_up()
    come(store, site, *[4] * 20)
    come(store, site, *[4] * 20, name=ENGAGEMENT, engaged_ms=1000)
    assert worker.roll_up() == []
    # Of those who were there before it is seen that they went on, as soon as they are k.
    come(store, site, 1, 2)
    assert worker.roll_up() == [(site.key, DAY)]
    assert visitors(store, site) == 4


def test_with_k_of_one_everything_is_shown_at_once(store: Store, site: Site) -> None:
    worker = started(store, site, structs.replace(RULES, k=1))
    for visitor in range(3):
        come(store, site, visitor)
        worker.roll_up()
        assert visitors(store, site) == visitor + 1


def test_who_has_come_since_is_counted_across_a_restart(store: Store, site: Site) -> None:
    come(store, site, 1, 2, 3)
    started(store, site).roll_up()
    come(store, site, 4, 5)
    assert started(store, site).roll_up() == []
    come(store, site, 6)
    assert started(store, site).roll_up() == [(site.key, DAY)]
    assert visitors(store, site) == 6


def test_where_it_is_not_known_how_far_the_rows_go_they_stay_and_counting_begins_anew(store: Store, site: Site) -> None:
    come(store, site, 1, 2, 3)
    started(store, site).roll_up()
    store.command(f"ALTER TABLE open_through DROP PARTITION ('{site.key}', '{DAY}')")
    come(store, site, 4, 5)
    assert started(store, site).roll_up() == []
    come(store, site, 6, 7)
    assert started(store, site).roll_up() == [], "4 and 5 may have been shown already"
    assert visitors(store, site) == 3
    come(store, site, 8)
    assert started(store, site).roll_up() == [(site.key, DAY)]
    assert visitors(store, site) == 8


def test_an_erasure_alone_shows_nobody_vanish_and_rides_with_the_others(store: Store, site: Site) -> None:
    worker = started(store, site)
    come(store, site, 1, 2, 3, 4)
    worker.roll_up()
    store.command(
        "ALTER TABLE events DELETE WHERE site = {s:String} AND visitor = 4", {"s": site.key}, mutations_sync=2
    )
    worker._seen.clear()
    assert worker.roll_up() == []
    assert visitors(store, site) == 4
    come(store, site, 5, 6, 7)
    worker.roll_up()
    assert visitors(store, site) == 6


def test_stricter_rules_hold_at_once(store: Store, site: Site) -> None:
    come(store, site, 1, 2, 3, 4)
    started(store, site, structs.replace(RULES, k=1)).roll_up()
    assert visitors(store, site) == 4
    assert started(store, site, structs.replace(RULES, k=5)).roll_up() == [(site.key, DAY)]
    assert visitors(store, site) == 0


def test_of_several_spools_each_goes_as_far_as_it_goes(store: Store, site: Site) -> None:
    """A spool that lags, with earlier places than another's, is counted all the same."""
    second = next(_SECOND)

    def arrive(spool: int, created: int, *visitors: int) -> None:
        header = Header("u", created, 0, spool, 1)
        rows = [
            [*structs.astuple(make_event(site.key, NOON, DAY, visitor=visitor)), header.sequence(place)]
            for place, visitor in enumerate(visitors)
        ]
        store.insert("events", COLUMNS, [list(column) for column in zip(*rows, strict=True)])

    arrive(0, second + 900, 1, 2, 3)
    arrive(1, second, 4)
    worker = started(store, site)
    worker.roll_up()
    assert visitors(store, site) == 4
    arrive(1, second + 10, 5, 6, 7)
    assert worker.roll_up() == [(site.key, DAY)]
    assert visitors(store, site) == 7
    remembered = shown(store, [SiteDay(site, DAY, RULES)])
    assert sorted(remembered[site.key, DAY].through) == [0, 1]


def test_nobody_is_kept_by_his_number_and_nothing_outlives_the_open_day(store: Store, site: Site) -> None:
    come(store, site, 2**63 + 1, 2**63 + 2, 2**63 + 3)
    roll_up(store, site, DAY, RULES)
    (row,) = store.rows("SELECT * FROM open_through WHERE site = {s:String}", {"s": site.key})
    assert not any(str(2**63 + n) in str(row) for n in (1, 2, 3))
    drop_open(store, site.key, [DAY])
    of = SiteDay(site, DAY, RULES)
    assert shown(store, [of]) == {}
    assert may_show(store, [of]) == [of], "as many as are there are k"


def test_open_rows_of_a_day_of_which_everybody_was_erased_go_when_it_is_over(store: Store, site: Site) -> None:
    now = [float(NOON)]
    worker = Pipeline(store, [(site, RULES)], RollupSettings(every_s=60), clock=lambda: now[0])
    come(store, site, 1, 2, 3)
    worker.roll_up()
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
