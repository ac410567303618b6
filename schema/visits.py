"""The columns of `visits`: one row a visit, the middle of the pipeline.

In: the dimensions. Out: `VISIT`. Promises: the table of the migrations is this one (a test prints the migration that is
missing). Only the pipeline asks it.
"""

from __future__ import annotations

from .column import TEXT
from .dimensions import DIMENSIONS
from .event import NO_SCROLL

# The hour a visit starts in is counted like the value of a dimension of this name.
HOUR = "hour"
# The dimensions of a visit that are those of its first event but for engagement reports: of each SQL over raw columns.
OF_FIRST_EVENT = {
    one.name: one.sql
    for one in DIMENSIONS.values()
    if one.scope == "visit" and one.name not in ("entry_page", "exit_page")
}
# Those that web vitals are counted by: of them a visit has the value of its first event of any kind, too, because a
# visit of nothing but reports has none of the others.
OF_FIRST_OF_ALL = ("device", "country", "browser")
# The raw columns that these come from.
RAW_OF_FIRST_EVENT = tuple(dict.fromkeys(raw for name in OF_FIRST_EVENT for raw in DIMENSIONS[name].raw))
# The dimensions of which a visit has one value, each a column.
OF_VISITS = (HOUR, *(one.name for one in DIMENSIONS.values() if one.scope == "visit"))

VISIT = {
    "visitor": "UInt64",
    # Of his network (rule N4), the same in all of his rows; where these have none, he has one of his own.
    "network_number": "UInt64",
    # Its place among the visitor's visits of the day, from 0 on.
    "visit": "UInt32",
    # The visitor has other visits, too.
    "again": "UInt8",
    # When the first of its raw rows dies, and the UTC date on which it was received.
    "expires": "Date",
    "received": "Date",
    # 0: nothing but engagement reports; their time and vitals count, but nobody came.
    "came": "UInt8",
    "hour": "UInt32",
    "seconds": "UInt32",
    "viewed": "UInt32",
    "acted": "UInt32",
    "bounced": "UInt8",
    "engaged_ms": "UInt64",
    **{f"first_{name}": TEXT for name in OF_FIRST_OF_ALL},
    "entry_page": "String",
    "exit_page": "String",
    "entry_host": TEXT,
    "exit_host": TEXT,
    # Of each event.
    "hits.name": f"Array({TEXT})",
    "hits.path": "Array(String)",
    "hits.hostname": f"Array({TEXT})",
    "hits.engaged_ms": "Array(UInt32)",
    "hits.currency": f"Array({TEXT})",
    "hits.amount": "Array(Int64)",
    # The event's place among the visitor's events of the day, from 1 on; 0 in visits of before the column was there.
    "hits.place": "Array(UInt32)",
    # Of its properties those that the settings name, as pipeline/rollup/visits/property_text.py writes them; '' where
    # it has none.
    "hits.props": "Array(String)",
    # How far its page was scrolled, as far as the report knows: percent, NO_SCROLL where it says nothing of it, and in
    # visits of before the column was there.
    "hits.scroll": "Array(UInt8)",
    # Of every event that measured something. vitals: in the order of schema/vitals.py, below 0 what was not measured.
    "measured.path": "Array(String)",
    "measured.vitals": "Array(Array(Float32))",
    # Of each its elements in the order of OF_ELEMENTS, "" where one is not named; nothing where none is.
    "measured.elements": "Array(Array(String))",
    **dict.fromkeys(OF_FIRST_EVENT, TEXT),
}
# What visits have that are older than a column, where that is not nothing: SQL, as the store writes it.
DEFAULTS = {
    "hits.scroll": f"arrayMap(name -> {NO_SCROLL}, `hits.name`)",
    "measured.elements": "arrayMap(path -> emptyArrayString(), `measured.path`)",
}
