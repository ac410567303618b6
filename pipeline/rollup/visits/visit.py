"""What is read of raw rows to make visits of them.

In: the dimensions. Out: columns, and how a value that a page sent is taken. Promises: the definitions of visit, bounce
and duration in docs/metrics.md are in sessionize.py, and nowhere else.
"""

from __future__ import annotations

from schema.column import TEXT
from schema.dimensions import OTHER
from schema.visits import RAW_OF_FIRST_EVENT
from schema.vitals import VITALS

# A longer silence ends a visit. A report's engaged time is none, as far back as this: older rows may tell of days.
VISIT_GAP_S = 30 * 60
# What becomes of the suppressed row's own name where a page sends it: it would be a second row of its key.
OUTSIDE_OTHER = f"“{OTHER}”"

# Where a visit begins and ends, beside the columns of visits that are kept: what a section is may be set anew.
SECTIONS = {"entry_section": "entry_page", "exit_section": "exit_page"}

# What is read of a raw row.
READ = {
    "visitor": "UInt64",
    "network_number": "UInt64",
    "received": "DateTime('UTC')",
    "lifetime": "UInt16",
    "sequence": "UInt64",
    "name": TEXT,
    "interactive": "Bool",
    "hostname": TEXT,
    "path": "String",
    "engaged_ms": "UInt32",
    "scroll": "UInt8",
    "currency": TEXT,
    "amount": "Int64",
    "props": f"Map({TEXT}, String)",
    **dict.fromkeys(VITALS, "Float32"),
    "elements": f"Map({TEXT}, String)",
    **dict.fromkeys(RAW_OF_FIRST_EVENT, TEXT),
}


def escaped(value: str) -> str:
    """SQL for a value that a page sent, as suppression may take it."""
    # Unlike `if`, it looks at a value of a dictionary once, and leaves it one.
    return f"transform({value}, ['{OTHER}'], ['{OUTSIDE_OTHER}'])"
