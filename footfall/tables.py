"""Text in columns, and values as one says them: for what commands print.

In: plain values. Out: text.
"""

from __future__ import annotations

import datetime as dt
from typing import Any


def table(header: list[str], rows: list[list[str]]) -> str:
    """Aligned columns; the first to the left, numbers to the right."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    lines = []
    for row in [header, *rows]:
        cells = [
            text.ljust(width) if column == 0 else text.rjust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def date_of(moment: int) -> str:
    """The day of a moment in Unix seconds, UTC, as ISO 8601 has it."""
    return dt.datetime.fromtimestamp(moment, dt.UTC).date().isoformat()


def moment_of(moment: int) -> str:
    """A moment in Unix seconds: 2026-11-29 12:55:00 UTC."""
    return dt.datetime.fromtimestamp(moment, dt.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def text_of(value: Any) -> str:
    """A value of an answer; – where there is none."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list):
        return ", ".join(text_of(item) for item in value) or "–"
    if isinstance(value, dict):
        return " ".join(text_of(item) for item in value.values())
    return str(value)
