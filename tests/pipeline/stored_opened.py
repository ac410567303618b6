"""Opens a data directory that stored.py made in an earlier version, in a process of its own: JSON of what it is then.

python -m tests.pipeline.stored_opened ARCHIVE DIRECTORY
"""

from __future__ import annotations

import hashlib
import json
import sys
import tarfile
from pathlib import Path

from msgspec import structs

from pipeline.copying import snapshot
from pipeline.months import sum_months
from pipeline.release import Flaws, release_together
from pipeline.rollup.batch import SiteDay
from pipeline.rollup.stages import roll_up_together
from pipeline.spool.quarantine import Quarantine
from pipeline.verify import check_chain, check_rows
from pipeline.writer import Writer
from schema.migrate import migrate
from schema.store import Store
from tests.conftest import insert
from tests.pipeline.stored import CASE, OPEN, RELEASED, RULES, open_events
from tests.pipeline.test_frozen_rows import rows_of_day

# The same site under another name, filled by this version.
TWIN = structs.replace(CASE.site, key="twin.example")


def layout(store: Store) -> dict[str, list[str]]:
    """Every table that is kept, and what it is made of."""
    tables = store.rows(
        "SELECT name, engine_full FROM system.tables WHERE database = currentDatabase() AND engine != 'Memory' "
        "ORDER BY name"
    )
    columns = store.rows(
        "SELECT table, name, type, default_kind, default_expression, compression_codec FROM system.columns "
        "WHERE database = currentDatabase() ORDER BY table, position"
    )
    return {name: [engine, *(" ".join(row) for table, *row in columns if table == name)] for name, engine in tables}


def released(store: Store) -> dict[str, str]:
    """The SHA-256 of the rows of each released day, by what there was of them in every version."""
    found = {}
    for day in RELEASED:
        digest = hashlib.sha256()
        for family, numbers in (("cells", "visitors, pageviews"), ("conversions", "converters"), ("vitals", "samples")):
            select = f"SELECT dimension, value, grain, period, {numbers} FROM released_{family}"
            mine = {"site": CASE.site.key, "day": day}
            digest.update(
                store.text(
                    f"{select} WHERE site = {{site:String}} AND day = {{day:Date}} ORDER BY ALL FORMAT TSV", mine
                )
            )
        found[day.isoformat()] = digest.hexdigest()
    return found


def main(archive: Path, data: Path) -> None:
    with tarfile.open(archive) as packed:
        packed.extractall(data, filter="data")
    store = Store(f"chdb://{data / 'clickhouse'}")
    before = released(store)
    applied = migrate(store)
    assert migrate(store) == []
    assert released(store) == before
    with snapshot(store) as taken:
        (entries,) = taken.entries.values()
        check_chain(entries)
        check_rows(store, CASE.site.key, entries)
    writer = Writer(store, data / "spool", Quarantine(data / "quarantine"))
    writer.drain()
    insert(store, [structs.replace(event, site=TWIN.key) for part in open_events() for event in part])
    days = [SiteDay(site, OPEN, RULES) for site in (CASE.site, TWIN)]
    roll_up_together(store, days)
    opened = [rows_of_day(store, day.site.key, OPEN, "open") for day in days]
    release_together(store, "events", days, 3_000, "live", [Flaws()] * len(days))
    closed = [rows_of_day(store, day.site.key, OPEN, "released") for day in days]
    sum_months(store, longest_s=60)
    totals = store.rows(
        "SELECT toString(month), totals.visitors FROM months WHERE site = {s:String} "
        "ORDER BY made DESC LIMIT 1 BY month",
        {"s": CASE.site.key},
    )
    told = {
        "applied": applied,
        "released": [[entry.day.isoformat(), entry.version, entry.rows] for entry in entries],
        "written": writer.events,
        "open": [{table: len(text) for table, text in opened[0].items()}, opened[0] == opened[1]],
        "closed": closed[0] == closed[1],
        "totals": sorted(totals),
        "layout": layout(store),
    }
    print(json.dumps(told, default=str))
    store.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
