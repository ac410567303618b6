"""A day of few visits is laid out at once, one of many by each dimension (Batch.is_small): both have the same rows."""

from __future__ import annotations

import datetime as dt

import pytest

from pipeline.rollup import batch
from pipeline.rollup.batch import RAW, SiteDay
from pipeline.rollup.stages import staged
from pipeline.settings import SiteRules
from schema.event import ENGAGEMENT
from schema.families import FAMILIES, WAITING
from schema.site import Goal, Site, day_bounds, day_number
from schema.store import Store
from tests.conftest import insert, make_event

pytestmark = pytest.mark.clickhouse

# Far ahead, so that no TTL takes the rows while they are looked at.
DAY = dt.date(2041, 3, 11)
START = day_bounds("UTC", day_number(DAY)).start
GOALS = (Goal("buy", event="buy"), Goal("One", page="/a/1"))


def send(store: Store, site: str) -> None:
    """Everybody is of several values, each of few or many; some come twice, buy, and measure."""
    events = []
    for visitor in range(1, 25):
        for at in (visitor, visitor + 40_000)[: 1 + visitor % 2]:
            values = {"country": ("DE", "FR", "IT", "PL")[visitor % 7 % 4], "visitor": visitor}
            values |= {"hostname": ("example.com", "b.example")[visitor % 9 == 0], "source": f"s{visitor % 6}"}
            page = f"/{'ab'[visitor % 2]}/{visitor % 5}"
            events += [
                make_event(site, START + at, DAY, path=page, **values),
                make_event(site, START + at + 1, DAY, path=f"/c/{visitor % 11}", **values),
                make_event(
                    site,
                    START + at + 2,
                    DAY,
                    path=page,
                    name=ENGAGEMENT,
                    lcp=900.0 + visitor,
                    engaged_ms=5000,
                    **values,
                ),
            ]
            bought = {"name": "buy", "currency": "EUR", "amount": 100 * visitor}
            events += [make_event(site, START + at + 3, DAY, path=page, **bought, **values)] * (visitor % 3 == 0)
    insert(store, events)


def rows_of(store: Store, site: Site) -> dict[str, bytes]:
    """What is staged of the day, and what of it waits."""
    send(store, site.key)
    of = SiteDay(site, DAY, SiteRules(3, 30, "balanced"))
    tables = (*(f"staging_{family}" for family in FAMILIES), *(f"waiting_{family}" for family in WAITING))
    with staged(store, RAW, [of], {of.key: DAY}):
        return {
            table: store.text(f"SELECT * EXCEPT site FROM {table} WHERE site = '{site.key}' ORDER BY ALL FORMAT TSV")
            for table in tables
        }


@pytest.mark.slow
def test_days_of_few_visits_and_of_many_have_the_same_rows(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    small = rows_of(store, Site("small.example", goals=GOALS))
    monkeypatch.setattr(batch, "_FEW_VISITS", 0)
    assert rows_of(store, Site("big.example", goals=GOALS)) == small
    for family in ("cells", "conversions", "vitals"):
        assert b"(other)" in small[f"staging_{family}"], family
        assert small[f"waiting_{family}"], family
