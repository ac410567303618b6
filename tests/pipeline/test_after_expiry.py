"""Once raw rows have expired no number of a visitor or a network is anywhere, nor what waited for its block: in no
column of any table, whatever it is called and of whichever type, and in no byte of the store's files."""

from __future__ import annotations

import random

import pytest

from pipeline.schedule import Pipeline
from pipeline.settings import RollupSettings
from schema.families import WAITING_TABLES
from schema.store import Store
from tests.conftest import insert, make_event
from tests.faults.compressed import files_with

from .weeks import Weeks

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse]

DAY_S = 86_400
# Seen by fewer than k: it waits, and is nowhere else but in raw rows and visits.
HIDDEN = "/qzxhiddenwhileitwaits"
# Of which no value is made by anybody else.
CHANCE = random.Random(38)
VISITORS = [CHANCE.randrange(2**56, 2**64) for _ in range(24)]
NETWORKS = [CHANCE.randrange(2**56, 2**64) for _ in range(24)]


def packed(number: int) -> bytes:
    return number.to_bytes(8, "little")


def columns_with_numbers(store: Store) -> set[tuple[str, str]]:
    """Every column of every table that holds one of the numbers: as a number, as text, or within something."""
    forms = [form for number in (*VISITORS, *NETWORKS) for form in (packed(number), str(number).encode())]

    def holds(table: str, names: list[str]) -> bool:
        held = store.text(f"SELECT {', '.join(f'`{name}`' for name in names)} FROM `{table}` FORMAT RowBinary")
        return any(form in held for form in forms)

    tables = store.rows(
        "SELECT table, groupArray(name) FROM system.columns WHERE database = currentDatabase() GROUP BY table"
    )
    assert len(tables) > 30
    return {(table, name) for table, names in tables if holds(table, names) for name in names if holds(table, [name])}


def test_no_number_and_nothing_that_waited_outlives_the_raw_rows(store: Store) -> None:
    house, now = Weeks(store), [0.0]
    rules = [(house.site, house.rules)]
    pipeline = Pipeline(store, rules, RollupSettings(every_s=60), clock=lambda: now[0])
    events = []
    for place, (visitor, network) in enumerate(zip(VISITORS, NETWORKS, strict=True)):
        given = {"visitor": visitor, "network_number": network, "path": HIDDEN if place < 3 else f"/{place % 2}"}
        events.append(make_event(house.site.key, house.noon(0) + place // 12 * 900, house.first, **given))
    insert(store, events)
    for quarter in (1, 2):
        now[0] = house.noon(0) + quarter * 900 + 61
        pipeline.rolling.due = 0.0
        pipeline.roll_up()
    for table in ("open_cells", "next_cells"):
        assert store.rows(f"SELECT 1 FROM {table} WHERE site = {{s:String}} LIMIT 1", {"s": house.site.key})
    house.close(after=0)
    living = {("events", "visitor"), ("events", "network_number"), ("visits", "visitor"), ("visits", "network_number")}
    assert columns_with_numbers(store) == living
    assert house.waiting()
    wanted = [HIDDEN.encode(), *map(packed, (VISITORS[0], NETWORKS[0]))]
    blind = [text for text, files in files_with(store.directory, wanted).items() if not files]
    assert not blind, "the search of files finds what is there"
    now[0] = house.noon(house.rules.retention_days + 2)
    pipeline.expire()
    assert columns_with_numbers(store) == set()
    assert not house.waiting()
    mine = {"tables": ["events", "visits", *WAITING_TABLES]}
    parts = "SELECT table, name FROM system.parts WHERE table IN {tables:Array(String)} AND rows > 0"
    assert store.rows(parts, mine) == []
    assert not any(files_with(store.directory, wanted).values())
    layout = (
        "SELECT name FROM system.tables WHERE startsWith(name, 'waiting_') AND engine_full LIKE '%old_parts_lifetime%'"
    )
    assert store.rows(layout) == [], "a table is what the migrations say"
