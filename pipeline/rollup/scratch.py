"""The tables in which one run works: in memory, the big ones on the disk where there is little; dropped at its end.

In: a batch. Out: tables named after the run. Promises: two runs share none, but for what one leaves to the next
(warm.py); what a run that was killed left in a server's memory, or on the disk, is dropped by the next start
(`drop_left`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from functools import cache

from schema.column import TEXT
from schema.families import DECLARED
from schema.pair import CROSSED
from schema.pairs import PAIRS
from schema.segments import SEGMENTS
from schema.store import Store
from schema.visits import HOUR, OF_VISITS, VISIT

from .batch import Batch
from .cells import declared, measured_conditions, moves, waiting_rates
from .cells.aggregate import is_asked
from .cells.sums import ADDED, KEYS
from .cells.value_visitors import TOUCHED
from .suppression import funnel_drops
from .suppression.parents import CELL
from .visits import elements, funnel_progress, measurements
from .visits.changes import tables_of_changes
from .visits.hits import OF_HITS
from .visits.visit import READ, SECTIONS
from .visits.warm import left, lose

_HIDDEN_OF_PAIRS = (
    dict.fromkeys(("value", "by_value", "cell", "row_line", "column_line"), "String")
    | {"above": "Array(String)"}
    | dict.fromkeys(("few", "told"), "UInt8")
)
_CROSSED = dict.fromkeys(("d", "pair", "one", "other"), "UInt16")
_VALUE = {"d": "UInt16", "dimension": TEXT, "value": "String"}


def _measured(*names: str) -> dict[str, str]:
    return dict.fromkeys(names, "Int64")


_SENT = {
    "d": "UInt16",
    **{name: VISIT[name] for name in ("visitor", "network_number")},
    "event": TEXT,
    "property": TEXT,
    # There are few values beside so many rows.
    "property_value": TEXT,
    "paid": TEXT,
    "amount": "Int64",
}

_SPENT = {
    "d": "UInt16",
    **{name: VISIT[name] for name in ("visitor", "network_number")},
    "page": "String",
    "report": TEXT,
    "band": "UInt16",
    "depth": "UInt8",
}

# By name the columns of each table.
TABLES: dict[str, dict[str, str]] = {
    # Whose rows are sessionized anew.
    "changed": {"site": TEXT, "day": "Date", "visitor": "UInt64"},
    # Rows that are not counted, because one of the same id came before.
    "repeated": {"site": TEXT, "day": "Date", "id": "UInt64", "sequence": "UInt64"},
    # The raw rows of `changed`.
    "events": {"site": TEXT, "day": "Date"} | READ,
    # Visits: those made in this run, and all of the batch.
    "fresh": {"d": "UInt16"} | VISIT,
    "visits": {"d": "UInt16"} | VISIT | dict.fromkeys(SECTIONS, TEXT),
    # Who is over the limit, with what of his revenue in a currency is left; and his visits as they are counted
    # (bound.py).
    "over": {"d": "UInt16", "visitor": "UInt64", "currency": TEXT, "share": "Float64"},
    "bounded": {"d": "UInt16"} | VISIT | dict.fromkeys(SECTIONS, TEXT),
    # The events of visits (hits.py).
    "hits": {
        "d": "UInt16",
        **{name: VISIT[name] for name in ("visitor", "network_number", "visit", "again", "came")},
        "page": "String",
        "section": TEXT,
        "hostname": TEXT,
        "name": TEXT,
        "engaged": "UInt32",
        "scroll": "UInt8",
        "seen": "UInt8",
        **{f"first_{dimension}": "UInt8" for dimension in OF_HITS},
    },
    # The measurements of visits.
    "samples": measurements.COLUMNS,
    "elements": elements.COLUMNS,
    # A row for each goal that an event of a visit reached. nth: 1 for the first time in the visit.
    "reached": {
        "d": "UInt16",
        **{name: VISIT[name] for name in ("visitor", "network_number", "visit", "again", "came", *OF_VISITS)},
        "goal": TEXT,
        "nth": "UInt32",
        "name": TEXT,
        "path": "String",
        "section": TEXT,
        "hostname": TEXT,
        "currency": TEXT,
        "amount": "Int64",
    },
    # A row for each property of an event (visits/properties.py), as it was sent and as it is told. paid: in which
    # currency.
    "sent": _SENT,
    "told": _SENT,
    # A row for each page of a visit and each report of it (visits/engagement.py): of a big day all of them; those that
    # are told.
    "reports": _SPENT,
    "spent": _SPENT,
    # How far visits went through funnels (visits/funnel_progress.py), and what is shown of steps that are not told
    # exactly (suppression/funnel_drops.py).
    "passed": funnel_progress.COLUMNS,
    "least": _VALUE | funnel_drops.COLUMNS,
    # The pages and sections of which moves are told; a row for each move, by these; of each how many people; those
    # that are shown (moves.py).
    **moves.TABLES,
    # The numbers of every value, in several rows to be added up.
    "cells": _VALUE | _measured(*ADDED["cells"]),
    "conversions": _VALUE | dict.fromkeys(KEYS["conversions"], TEXT) | _measured(*ADDED["conversions"]),
    "vitals": _VALUE
    | {"metric": TEXT}
    # The bucket of each sample, in any order.
    | {"histogram": "Array(Int16)"}
    | _measured("people", "networks", "samples", "good", "poor"),
    **{name: _VALUE | declared.columns(family) for name, family in DECLARED.items()},
    # enough: of k people or more.
    "values": _VALUE | {"people": "Int64", "enough": "UInt8"},
    # Which values of its parent a value belongs to (parents.py); alone: it is the child of that one only.
    "parents": _VALUE | {"parent": "String", "alone": "UInt8"},
    # What goes along with others (suppression/complementary.py), and of what none may be shown.
    "held": CELL,
    "nothing": {name: kind for name, kind in CELL.items() if name != "value"},
    # The values that are hidden, each with its parent, if it is the child of one.
    "folded": _VALUE | {"alone": "UInt8", "parent": "String"},
    # Who touched what is hidden, or has too few (cells/value_visitors.py).
    "touched": TOUCHED,
    # Who is behind the hidden values: of a dimension (whole), and of each parent.
    "others": {"family": TEXT, "d": "UInt16", "dimension": TEXT, "name": TEXT, "currency": TEXT}
    | {"whole": "UInt8", "parent": "String"}
    | _measured("people", "networks", "visits"),
    # What has no row of its own (waiting.py).
    "hidden": {"family": TEXT, "d": "UInt16", "dimension": TEXT}
    | dict.fromkeys(("value", "name", "currency"), "String"),
    # What no rate of conversion tells (cells/waiting_rates.py).
    "untold": waiting_rates.COLUMNS,
    # The values that are shown.
    "kept": _VALUE,
    # Who is counted in the rows of all families but cells, and of each kind of contributors; which of them are shown.
    "counted": CELL | {"people": "Int64", "enough": "UInt8"},
    "shown": CELL,
    # Of pairs (pairs/): the values by their place among the most frequent ones, and visits with these places. What is
    # counted of each cell; atoms of lines of which too few are hidden, maybe; and the cells that are shown.
    "numbers": _VALUE | {"place": "UInt16"},
    "numbered": {"d": "UInt16"}
    | {name: VISIT[name] for name in ("visitor", "network_number", "visit", "again", "came")}
    | {name: VISIT[name] for name in ("viewed", "bounced", "seconds")}
    | {"mask": "UInt64"}
    | dict.fromkeys(CROSSED, "UInt16"),
    "crossed": _CROSSED | _measured("people", "networks", *(one.name for one in PAIRS.measures if one.visit)),
    "few": {"d": "UInt16", "pair": "UInt16", "one_": "UInt16", "above": "Array(UInt16)"}
    | {"other_": "UInt16", "beyond": "Array(UInt16)", "line": "UInt32", "step": "UInt8"},
    "uncovered": _CROSSED,
    # Beside them (pairs/goals.py): of each visit how often it reached a goal, and what was paid; what is counted of
    # each cell; and the cells of which it is told. bit: the goal.
    "converted": {"d": "UInt16", "visitor": "UInt64", "visit": "UInt32"}
    | {"bit": "UInt8", "currency": TEXT, "times": "UInt32", "amount": "Int64"},
    "converting": _CROSSED | {"bit": "UInt8", "currency": TEXT} | _measured("people", "networks", "times", "amount"),
    "telling": _CROSSED | {"bit": "UInt8"},
    # What they hide: the cells with their lines (pairs/waiting.py); the same as it waits.
    "bare": _CROSSED | _HIDDEN_OF_PAIRS | {"people": "Int64"},
    "withheld": {"d": "UInt16", "dimension": TEXT, "by_dimension": TEXT}
    | _HIDDEN_OF_PAIRS
    | _measured("people", "others", *(one.name for one in PAIRS.measures if one.visit)),
    # Of segments (segments/): visits, with a bit for each condition that holds; what is counted of each value of each
    # segment; and of which it is shown.
    "marked": {"d": "UInt16"}
    | {name: VISIT[name] for name in ("visitor", "network_number", "visit", "again", "came")}
    | {name: VISIT[name] for name in ("viewed", "bounced", "seconds", *OF_VISITS) if name != HOUR}
    | {"mask": "UInt64"},
    "segmented": _VALUE
    | {"segment": "UInt8"}
    | _measured("people", "networks", *(one.name for one in SEGMENTS.measures if one.visit)),
    "chosen": _VALUE | {"segment": "UInt8"},
    # Of their web vitals: measurements, with the conditions that hold for their visits (cells/measured_conditions.py).
    "gauged": measured_conditions.COLUMNS,
    # Of days that go on in steps: when each visitor first came, to the quarter of an hour (newcomers.py).
    "arrived": {"d": "UInt16", "visitor": "UInt64", "slot": "UInt32"},
    # Of every value who came when, as far as is asked for; what is staged of it; when its first, its last
    # snapshot but one (the one that is shown) and its last were taken; which values go on (step.py).
    "newcomers": CELL | {"slot": "UInt32", "people": "Array(UInt64)", "networks": "Array(UInt64)"},
    "made": CELL | {"size": "Int64"},
    "taken": CELL | {"first": "UInt32", "before": "UInt32", "at": "UInt32"},
    "due": CELL
    | {"size": "Int64", "at": "UInt32", "due": "UInt8", "whole": "UInt8", "since": "UInt32"}
    | {"people": "Array(UInt64)", "networks": "Array(UInt64)"},
    "steps": CELL | {"at": "UInt32"},
}


# Those of many rows that are alike, and are read a few times: kept in a quarter of the room, for a tenth more of the
# time that it takes to fill them.
_COMPRESSED = ("sent", "told")
_OF_STEPS = ("arrived", "newcomers", "made", "taken", "due", "steps")
_OF_FUNNELS = ("passed", "least")
_OF_PROPERTIES = ("sent", "told")
OF_PAIRS = ("numbers", "numbered", "crossed", "few", "uncovered", "bare", "converted", "converting", "telling")
OF_SEGMENTS = ("marked", "segmented", "chosen", "gauged")


def _tables(of: Batch) -> list[str]:
    """Those that the run needs from its beginning to its end."""
    unasked = {name for name, family in DECLARED.items() if not is_asked(of, family)} | {*OF_PAIRS, *OF_SEGMENTS}
    if not of.has("pairs"):
        unasked.add("withheld")
    if "funnels" in unasked:
        unasked.update(_OF_FUNNELS)
    if "properties" in unasked:
        unasked.update(_OF_PROPERTIES)
    if "journeys" in unasked:
        unasked.update(moves.TABLES)
    if "experience" in unasked:
        unasked.add("untold")
    if not of.stepping:
        unasked.update(_OF_STEPS)
    return [name for name in TABLES if name not in unasked]


@contextlib.contextmanager
def scratch(of: Batch, names: Sequence[str] = ()) -> Iterator[set[str]]:
    """The run's tables, for as long as it lasts, but for those that are put into the set: they stay. names: those that
    only a part of it needs."""
    there, stay = frozenset() if names else left(of), set[str]()
    names = names or _tables(of)
    try:
        for name in names:
            if name not in there:
                of.create(name, _columns(name), compressed=name in _COMPRESSED)
        yield stay
    finally:
        if there and not stay:
            lose(of.store)
        dropped = [of.scratch(name) for name in names if name not in stay] + (tables_of_changes(of) if there else [])
        of.store.command(f"DROP TABLE IF EXISTS {', '.join(dropped)} SYNC")


def drop_left(store: Store) -> None:
    """Drop what runs of an earlier process left."""
    for (name,) in store.rows(
        "SELECT name FROM system.tables WHERE database = currentDatabase() AND match(name, '^run_[a-z]+_[0-9a-f]{16}$')"
    ):
        store.command(f"DROP TABLE IF EXISTS {name} SYNC")


@cache
def _columns(name: str) -> str:
    return ", ".join(f"`{column}` {kind}" for column, kind in TABLES[name].items())
