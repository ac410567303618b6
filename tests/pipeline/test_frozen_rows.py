"""What is made of a fixed input stays the same to the byte, whoever makes it and how.

Held are every released row, the rows of open days before and after more has come, and the sums of months, of the input
in frozen_input.py: by their number and SHA-256 in `frozen/digests.txt`, and in `frozen/rows.tsv.xz` to show what
differs. Both were taken from the rollup as it stood when this test was written; a change of what is published changes
them on purpose, and says so:

    python -m tests.pipeline.test_frozen_rows

writes both anew.
"""

from __future__ import annotations

import datetime as dt
import difflib
import hashlib
import lzma
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import pytest
from msgspec import structs

from pipeline.erase import erase
from pipeline.imports import Import
from pipeline.months import sum_months
from pipeline.release import Flaws, release, release_together
from pipeline.rollup.batch import SiteDay
from pipeline.rollup.open_days.publish import drop_open
from pipeline.rollup.stages import roll_up, roll_up_together
from schema.migrate import migrate
from schema.site import day_number
from schema.store import Store
from tests.conftest import insert
from tests.pipeline.frozen_input import CASES, ERASED, IMPORTED, OPEN, RELEASED, events_of

pytestmark = [
    *(pytest.mark.slow, pytest.mark.clickhouse, pytest.mark.timeout(900)),
    pytest.mark.usefixtures("no_spool_is_enrolled"),
]

FROZEN = Path(__file__).with_name("frozen")
DIGESTS, ROWS = FROZEN / "digests.txt", FROZEN / "rows.tsv.xz"
# Written out: whatever the tables get beside them, these columns keep what they have.
_KEY = "grain, period, dimension, value"
_CELLS = (
    "visitors, visits, pageviews, events, entries, exits, bounces, visit_seconds, engaged_ms, exit_views, timed_visits"
)
_GOALS = "converters, conversions, amount, payers"
_CONVERSIONS = f"{_KEY}, goal, currency, {_GOALS}"
_HISTOGRAM = "metric, buckets, counts, samples, good, poor, people"
_BANDS = "page, report, band, visitors, visits, depth"
_COLUMNS = {
    "released_cells": f"{_KEY}, {_CELLS}",
    "released_conversions": _CONVERSIONS,
    "released_vitals": f"{_KEY}, metric, bucket, samples, good, poor, people",
    "released_engagement": f"{_KEY}, {_BANDS}",
    "released_pairs": f"{_KEY}, by_dimension, by_value, visitors, visits, pageviews, bounces, visit_seconds",
    "released_pair_goals": f"{_KEY}, by_dimension, by_value, goal, currency, {_GOALS}",
    "released_experience": f"{_KEY}, vital, goal, band, people, converters",
    "manifest": "number, origin, preset, k, complete, over_counted, rows, digest",
    "open_cells": f"{_KEY}, {_CELLS}",
    "open_conversions": _CONVERSIONS,
    "open_vitals": f"{_KEY}, {_HISTOGRAM}",
    "open_engagement": f"{_KEY}, {_BANDS}",
    "months": ", ".join(
        f"{nested}.{column}"
        for nested, columns in (("totals", f"day, {_CELLS}"), ("goals", f"day, goal, currency, {_GOALS}"))
        for column in columns.split(", ")
    ),
    "months_cells": f"dimension, value, days, {_CELLS}",
    "months_vitals": f"dimension, value, {_HISTOGRAM}",
}
_RUN = "0123456789abcdef"

Rows = dict[str, str]  # "site day table" → its rows as sorted TSV


def rows_of_day(store: Store, site: str, day: dt.date, which: str) -> dict[str, str]:
    """A site's rows of one day (of `months*`: of the month that begins then), by table. which: how its name begins."""
    return {table: _by_day(store, table, [site]).get((site, day), "") for table in _COLUMNS if table.startswith(which)}


def _by_day(store: Store, table: str, sites: Sequence[str]) -> dict[tuple[str, dt.date], str]:
    """The rows of a table of each site and day, all by one statement."""
    day = "month" if table.startswith("months") else "day"
    mine = f"{table} WHERE site IN {{sites:Array(String)}}"
    sql = f"SELECT site, {day}, {_COLUMNS[table]} FROM {mine} ORDER BY ALL FORMAT TSV"
    found: dict[tuple[str, dt.date], str] = defaultdict(str)
    for line in store.text(sql, {"sites": list(sites)}).decode().splitlines(keepends=True):
        site, when, row = line.split("\t", 2)
        found[site, dt.date.fromisoformat(when)] += row
    return found


def rows_of(store: Store, which: str, moment: str = "") -> Rows:
    """The same of every site and day of the input. moment: of an open day, when."""
    days = {(case.site.key, day) for case in CASES for day in case.days}
    if which == "months":
        days = {(site, day.replace(day=1)) for site, day in days}
    return {
        f"{site} {day} {table}{moment}": text
        for table in _COLUMNS
        if table.startswith(which)
        for (site, day), text in _by_day(store, table, [case.site.key for case in CASES]).items()
        if (site, day) in days
    }


def made(store: Store) -> Rows:
    """Everything that is published of the input."""
    for case in (*RELEASED, ERASED):
        for day in case.days:
            insert(store, events_of(case, day))
    (day,) = ERASED.days
    whose = sorted({event.visitor for event in events_of(ERASED, day)})[5:40:5]
    at = events_of(ERASED, day)[-1].received + 60
    erasures = [(ERASED.site.key,) * len(whose), (at,) * len(whose), (day_number(day),) * len(whose), whose]
    store.insert("erasures", ("site", "at", "day", "visitor"), erasures)
    store.insert("watermarks", ("spool", "received_through"), (("frozen",), (at + 600,)))
    erase(store, {ERASED.site.key: (ERASED.site, ERASED.rules)}, at + 600)
    # Two as each is alone, the others together: that this is the same, test_closing_together.py holds.
    *some, one = (*RELEASED, ERASED)
    for case in (some.pop(0), one):
        release(store, "events", case.site, list(case.days), case.rules, 2_000, "live")
    days = [SiteDay(case.site, day, case.rules) for case in some for day in case.days]
    release_together(store, "events", days, 2_000, "live", [Flaws()] * len(days))
    run = Import(store, _RUN)
    run.begin()
    run.add([list(structs.astuple(event)) for day in IMPORTED.days for event in events_of(IMPORTED, day)])
    run.finish([(IMPORTED.site, IMPORTED.rules)], 2_290_000_000, "import")
    sum_months(store, longest_s=60)
    found = rows_of(store, "released") | rows_of(store, "manifest") | rows_of(store, "months")
    for moment, which in (("", slice(0, -150)), (" later", slice(-150, None))):
        opened = [SiteDay(case.site, day, case.rules) for case in OPEN for day in case.days]
        for case, of in zip(OPEN, opened, strict=True):
            insert(store, events_of(case, of.day)[which])
        roll_up(store, opened[0].site, opened[0].day, opened[0].rules)
        roll_up_together(store, opened[1:])
        found |= rows_of(store, "open", moment)
    for case in OPEN:
        drop_open(store, case.site.key, case.days)
    return found


def summary(rows: Rows) -> str:
    """A line for each: whose, how many rows, and their SHA-256."""
    return "".join(
        f"{name} {text.count(chr(10))} {hashlib.sha256(text.encode()).hexdigest()[:32]}\n"
        for name, text in sorted(rows.items())
    )


def as_text(rows: Rows) -> str:
    """All of it, each row behind whose it is."""
    return "".join(f"{name}\t{line}\n" for name, text in sorted(rows.items()) for line in text.splitlines())


def difference(rows: Rows) -> str:
    """The first rows that are not as they were."""
    before = lzma.decompress(ROWS.read_bytes()).decode().splitlines()
    lines = difflib.unified_diff(before, as_text(rows).splitlines(), "before", "now", n=0, lineterm="")
    return "\n".join(line for line, _ in zip(lines, range(60), strict=False))


def test_every_published_row_of_a_fixed_input_is_the_same_as_before(store: Store) -> None:
    rows = made(store)
    assert summary(rows) == DIGESTS.read_text(), difference(rows)


def test_what_is_shown_of_a_difference_are_the_rows_themselves() -> None:
    rows = dict(row.split("\t", 1) for row in lzma.decompress(ROWS.read_bytes()).decode().splitlines()[-1:])
    assert "-frozen-" in difference(rows)


def test_the_input_has_what_is_worth_holding() -> None:
    """Else the same bytes would say little."""
    text = lzma.decompress(ROWS.read_bytes()).decode()
    for sign in ("(other)", "“(other)”", "\tJPY\t", "\tcls\t", "Seen by few", "\tKWD\t"):
        assert sign in text, sign
    assert len({case.rules.k for case in CASES}) == 4


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        opened = Store(f"chdb://{directory}/store")
        migrate(opened)
        now = made(opened)
        ROWS.write_bytes(lzma.compress(as_text(now).encode(), preset=9 | lzma.PRESET_EXTREME))
        DIGESTS.write_text(summary(now))
        opened.close()
