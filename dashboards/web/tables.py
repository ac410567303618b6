"""The rows of an answer as a table: one value in a cell, for CSV and the command line.

In: the rows of `Reports.stats`. Out: rows of plain values, all with the same columns. Promises: no number is changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

# What a row of each currency has of its revenue.
_OF_REVENUE = {
    "currency": "currency",
    "revenue": "value",
    "payers": "payers",
    "of_payers": "of_payers",
    "orders": "orders",
    "of_orders": "of_orders",
    "revenue_certainty": "certainty",
}


def flat(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows, one for each currency where they have revenue: a cell holds one number."""
    rows = [row | {"flags": " ".join(row["flags"])} if "flags" in row else row for row in rows]
    if not any("revenue" in row for row in rows):
        return rows
    return [
        {name: value for name, value in row.items() if name != "revenue"}
        | {column: one.get(name) for column, name in _OF_REVENUE.items()}
        for row in rows
        for one in row["revenue"] or [{}]
    ]
