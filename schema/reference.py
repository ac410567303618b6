"""The tables of docs/metrics.md, made of the registries: `python -m schema.reference docs/metrics.md` writes them anew.

In: the page's text. Out: the text with its tables as they have to be (a test holds the page against it).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from .dimensions import EVERY
from .metrics import METRICS
from .vitals import VITALS

_UNITS = {"%": " In percent.", "s": " In seconds.", "": ""}
_NUMBERS = "| name | | definition |"
_DIMENSIONS = "| name | | counted per | empty value | definition |"
_VITALS = "| name | | good up to | poor above | definition |"


def with_tables(page: str, made: Mapping[str, list[str]]) -> str:
    """The page with its tables, each recognized by its heading. made: the lines of each."""
    for heading, rows in made.items():
        page = re.sub(rf"{re.escape(heading)}\n(\|.*\n)+", lambda _, rows=rows: "".join(rows), page)  # type: ignore[misc]
    return page


def tables() -> dict[str, list[str]]:
    """By heading the lines of each table."""
    return {
        _NUMBERS: table(
            _NUMBERS, ((f"`{one.name}`", one.label, one.definition + _UNITS[one.unit]) for one in METRICS.values())
        ),
        _DIMENSIONS: table(
            _DIMENSIONS,
            ((f"`{one.name}`", one.label, one.scope, one.empty, one.definition) for one in EVERY.values()),
        ),
        _VITALS: table(
            _VITALS,
            (
                (
                    f"`{one.name}`",
                    one.label,
                    f"{one.good:g} {one.unit}".strip(),
                    f"{one.poor:g} {one.unit}".strip(),
                    one.definition,
                )
                for one in VITALS.values()
            ),
        ),
    }


def table(heading: str, rows: Iterable[tuple[str, ...]]) -> list[str]:
    """The lines of a table."""
    ruled = "|" + "---|" * (heading.count("|") - 1)
    return [f"{line}\n" for line in (heading, ruled, *(f"| {' | '.join(row)} |" for row in rows))]


if __name__ == "__main__":
    file = Path(sys.argv[1])
    file.write_text(with_tables(file.read_text(encoding="utf-8"), tables()), encoding="utf-8")
