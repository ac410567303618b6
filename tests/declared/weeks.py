"""Four weeks of a site, and some days of one that hides nothing, with the families of tests/declared/families.py.

In: `python -m tests.declared.weeks DIR` in a tree that has them. Out: one line of JSON: who came, what was released of
both, and what else is asked of the store.
"""

from __future__ import annotations

import json
import random
import sys
from collections import Counter
from typing import Any

from pipeline.blocks import close_blocks
from pipeline.close_days import close_days
from pipeline.copying import months_of, rows_of, snapshot
from pipeline.settings import SiteRules
from pipeline.verify import row_faults, unreadable_rows
from schema.families import DECLARED, TABLES
from schema.manifest import SPANS
from schema.migrate import migrate
from schema.store import Store
from tests.attacks.solver import Published, Solver
from tests.conftest import insert, make_event
from tests.declared.families import FAMILIES
from tests.pipeline.weeks import GRACE_S, Weeks

DAYS, BARE_DAYS = 28, 5
REGIONS = {"DE": ("BE", "HH", "BY"), "FR": ("75", "13"), "IS": ("1",)}
PATHS = ("/blog/a", "/blog/b", "/docs/x", "/shop/", "/jobs/", "/legal")
BROWSERS, SYSTEMS = ("Chrome", "Firefox", "Safari", "Edge", "Opera"), ("Windows", "macOS", "Linux", "iOS")


def somebody(chance: random.Random) -> dict[str, str]:
    """More of the first than of the last of everything."""
    country = rather_first(chance, (*REGIONS,))
    return {
        "path": rather_first(chance, PATHS),
        "country": country,
        "region": f"{country}-{rather_first(chance, REGIONS[country])}",
        "browser": rather_first(chance, BROWSERS),
        "os": rather_first(chance, SYSTEMS),
    }


def rather_first(chance: random.Random, among: tuple[str, ...]) -> str:
    return among[min(chance.randrange(len(among)), chance.randrange(len(among)))]


def came(house: Weeks, bare: Weeks) -> list[dict[str, Any]]:
    """Have visits counted of both sites, of the other one everybody's second one, too, and of its first days only; who
    they were."""
    chance, people, events = random.Random(4), [], []
    for day in (*range(7), *range(14, 21)):
        for visitor in range(chance.choice([0, 12, 12, 20, 20, 80])):
            network = chance.choice([visitor, visitor, 0]) + 1
            given = {"visitor": visitor + 1, "network_number": network}
            for visit in range(chance.choice([1, 1, 2])):
                one = somebody(chance)
                people.append({"day": day, "visit": visit} | given | one)
                for site in (house,) * (visit == 0) + (bare,) * (day < BARE_DAYS):
                    at = site.noon(day) - 7200 + 7200 * visit
                    events.append(make_event(site.site.key, at, site.day(day), **given | one))
    insert(house.store, events)
    return people


def rows(house: Weeks) -> dict[str, Any]:
    """By table what it has of a site, without whose and when it begins."""
    mine, found = {"site": house.site.key}, {}
    for family in FAMILIES:
        entry = DECLARED[family]
        columns = ", ".join(("dimension", "value", *entry.key_names, *entry.measure_names))
        found[family] = house.store.rows(
            f"SELECT dateDiff('day', {{first:Date}}, day) AS of, {columns} FROM released_{family} "
            "WHERE site = {site:String} ORDER BY ALL",
            mine | {"first": house.first},
        )
        found[f"late_{family}"] = house.store.rows(
            f"SELECT grain, dateDiff('day', {{first:Date}}, day) AS of, days, {columns} FROM late_{family} "
            "WHERE site = {site:String} ORDER BY ALL",
            mine | {"first": house.first},
        )
    return found


class Keys(Published):
    """What everybody can read of the keys of a family that exclude one another. which: of a row of it, where it has
    several of them."""

    def __init__(self, house: Weeks, family: str, key: str, values: tuple[str, ...], which: str = "true") -> None:
        self.days, self.values, self.above, self.parent_of = range(DAYS), values, None, {}
        self.k, self.k_late = house.rules.k, house.rules.k_late
        people, mine = DECLARED[family].people.name, {"site": house.site.key, "first": house.first}
        columns = f"dateDiff('day', {{first:Date}}, day), toString({key}), {people}"
        rows = f"WHERE site = {{site:String}} AND dimension = '' AND {which}"
        released, late = f"{columns} FROM released_{family} {rows}", f"grain, {columns} FROM late_{family} {rows}"
        self.shown = {(day, value): n for day, value, n in house.store.rows(f"SELECT {released}", mine)}
        self.late = {(SPANS[grain], day, value): n for grain, day, value, n in house.store.rows(f"SELECT {late}", mine)}
        whole = "SELECT dateDiff('day', {first:Date}, day), visitors FROM released_cells WHERE site = {site:String} "
        self.total = dict(house.store.rows(f"{whole} AND dimension = '' AND grain = 'day'", mine))


def pinned(house: Weeks, people: list[dict[str, Any]]) -> dict[str, tuple[int, int, int]]:
    """By family how many hidden numbers of its keys there are that are somebody's, how many of them somebody pins who
    solves for them, and how many where what is hidden beside a rare one was shown."""
    sections = tuple(dict.fromkeys(f"/{path.split('/')[1]}" for path in PATHS))
    found = {}
    for name, published, its in (
        ("exits", Keys(house, "exits", "section", sections), lambda one: f"/{one['path'].split('/')[1]}"),
        ("choices", Keys(house, "choices", "which", SYSTEMS, "what = 'os'"), lambda one: one["os"]),
    ):
        truth = Counter((one["day"], its(one)) for one in people if one["visit"] == 0)
        few = [cell for cell, n in truth.items() if cell not in published.shown and n < published.k]
        solver = Solver(published)
        bounds = [(truth[cell], *solver.bounds(cell)) for cell in few]
        assert all(least <= n <= most for n, least, most in bounds), "he understands what he reads"
        beside = {cell: (n, n) for cell, n in truth.items() if cell not in published.shown and n >= published.k}
        unprotected = Solver(published, beside)
        found[name] = (len(few), sum(least == most for _, least, most in bounds), sum(map(unprotected.is_pinned, few)))
    return found


def faults(house: Weeks) -> list[str]:
    """What is not as its entry says, and of which families a copy has rows beside days."""
    with snapshot(house.store) as taken:
        readable = taken.readable[house.site.key]
    found = [*map(str, unreadable_rows(house.store, house.site.key))]
    for entries in months_of(readable).values():
        found += map(str, row_faults(house.store, house.site.key, entries))
    return found


def copied(house: Weeks) -> list[str]:
    """The families of which a copy has rows of blocks."""
    with snapshot(house.store) as taken:
        readable = taken.readable[house.site.key]
    return sorted(
        {
            part.family
            for month, entries in months_of(readable).items()
            for part in rows_of(house.store, house.site.key, month, entries)
            if part.late
        }
    )


def main(directory: str) -> None:
    store = Store(f"chdb://{directory}")
    migrate(store)
    house = Weeks(store, SiteRules(5, 30, "balanced", networks=1, k_late=10, late_others=3))
    bare = Weeks(store, SiteRules(1, 60, "accurate", networks=1))
    people = came(house, bare)
    now = house.noon(DAYS) + GRACE_S
    house.arrived(now)
    # Both together, which is cheaper.
    close_days(house.store, [(house.site, house.rules), (bare.site, bare.rules)], now, GRACE_S, frozenset())
    waiting = {
        table: store.rows(f"SELECT count() FROM {table} WHERE site = {{site:String}}", {"site": house.site.key})[0][0]
        for table in TABLES
        if table.startswith("waiting_")
    }
    close_blocks(store, [(house.site, house.rules)], now, GRACE_S)
    told = {
        "people": people,
        "shown": rows(house),
        "bare": rows(bare),
        "days": [
            (day - house.first).days
            for (day,) in store.rows(
                "SELECT DISTINCT day FROM manifest WHERE site = {site:String} AND span = 1 ORDER BY day",
                {"site": house.site.key},
            )
        ],
        "waiting": waiting,
        "waits": house.waiting(),
        "faults": faults(house),
        "copied": copied(house),
        "asked": {
            family: [house.stats(0, DAYS - 1, family)["rows"], house.stats(3, 9, family)["rows"]] for family in FAMILIES
        },
        "pinned": pinned(house, people),
        "in_germany": house.stats(0, DAYS - 1, "places", "country==DE")["rows"],
    }
    print(json.dumps(told, default=str))


if __name__ == "__main__":
    main(sys.argv[1])
