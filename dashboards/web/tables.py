"""The rows of an answer as a table: one value in a cell, for CSV and the command line.

In: the rows of `Reports.stats`. Out: rows of plain values, all with the same columns, or CSV. Promises: no number is
changed; a cell that a spreadsheet would run is text.
"""

from __future__ import annotations

import csv
import io
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
# What a spreadsheet would run as a formula (OWASP, CSV Injection), in East Asia also where it is written wide.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
# Without it Excel reads a file in the code page of its machine; others skip it (Unicode, 23.8: UTF-8 signature).
_UTF_8 = "\N{ZERO WIDTH NO-BREAK SPACE}"


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


def as_csv_file(rows: list[dict[str, Any]], columns: tuple[str, ...] = ()) -> str:
    """The same as a file begins with; "" where there is nothing, not even a heading."""
    text = as_csv(rows, columns)
    return text and _UTF_8 + text


def as_csv(rows: list[dict[str, Any]], columns: tuple[str, ...] = ()) -> str:
    """Rows as CSV. Text that a spreadsheet would take for a formula gets an apostrophe before it. columns: the first
    line where there are no rows."""
    out = io.StringIO()
    writer = csv.writer(out)
    table = flat(rows)
    header = list(table[0]) if table else columns
    if header:
        writer.writerow(header)
    writer.writerows([_csv_cell(value) for value in row.values()] for row in table)
    return out.getvalue()


def _csv_cell(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return f"'{value}"
    return value
