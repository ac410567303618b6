"""Which row of a form a refusal means: of the steps of a funnel, or the conditions of a segment.

In: the fields of a form that was refused, and whether a thing would be. Out: the number of the row, from 1 on.
Promises: a row that is named would be refused alone, too; where none would, none is named.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from schema.funnel import LEAST_STEPS, MOST_STEPS

from .forms import MOST_CONDITIONS

# By kind the fields of a row, how many rows there are, and how many make a thing.
_ROWS = {
    "funnels": (("kind", "step"), MOST_STEPS, LEAST_STEPS),
    "segments": (("dimension", "is", "value"), MOST_CONDITIONS, 1),
}
# The fields of rows, as a refusal names them.
OF_ROWS = ("steps", "where")


def row_of(what: str, fields: Mapping[str, str], refused: Callable[[Mapping[str, str]], bool]) -> int:
    """0 where no row is refused by itself. refused: whether a form of these fields is, because of its rows."""
    names, most, least = _ROWS[what]
    for nth in range(1, most + 1):
        row = {name: fields.get(f"{name}_{nth}", "") for name in names}
        if (row[names[-1]].strip() or row.get("dimension")) and refused(_alone(fields, row, least)):
            return nth
    return 0


def _alone(fields: Mapping[str, str], row: Mapping[str, str], times: int) -> dict[str, str]:
    """The form with this row only, as often as a thing needs rows."""
    others = {name: value for name, value in fields.items() if not name[-1:].isdigit()}
    return others | {f"{name}_{nth}": value for name, value in row.items() for nth in range(1, times + 1)}
