"""The rows of a family that is counted by what its entry says (schema/family.py).

In: sums by day and keys. Out: a `KeyCell` for each of its keys, those of most visitors first.
Promises: no measure is calculated here; what may be more says so.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from msgspec import Struct

from schema.families import DECLARED

from .certainty import Certainty, Flag
from .execute import Groups
from .figures import Coverage


class KeyCell(Struct, frozen=True):
    """One key of a family. keys, measures: as its entry has them. not_shown_days: on how many days, of_days of which
    there is data, few or none had it."""

    family: str
    keys: tuple[str, ...]
    measures: tuple[int, ...]
    certainty: Certainty
    flags: tuple[Flag, ...]
    not_shown_days: int
    of_days: int

    def row(self) -> dict[str, Any]:
        """The cell as a row of `footfall stats`: its first key is the value."""
        about = DECLARED[self.family]
        return {
            "value": self.keys[0],
            **dict(zip(about.key_names[1:], self.keys[1:], strict=True)),
            **dict(zip(about.measure_names, self.measures, strict=True)),
            "certainty": self.certainty,
            "flags": list(self.flags),
            "not_shown_days": self.not_shown_days,
            "of_days": self.of_days,
        }


def key_cells(name: str, groups: Groups, k: int, coverage: Coverage, in_part: bool) -> list[KeyCell]:
    """coverage: of the dimension that is filtered. in_part: rows of values, some of which may be hidden on every
    day."""
    about = DECLARED[name]
    people = about.measure_names.index(about.people.name)
    found: dict[tuple[Any, ...], list[tuple[int, ...]]] = {}
    shown: Counter[tuple[Any, ...]] = Counter()
    for group in groups.values():
        for (_, of_block, *keys), sums in group.by_key.items():
            found.setdefault(tuple(keys), []).append(sums)
            shown[tuple(keys)] += of_block or 1
    cells = []
    for keys, days in found.items():
        # Where everything is shown, a day without the key is one on which nobody had it.
        missing = max(0, coverage.days - shown[keys]) if k > 1 else 0
        not_shown = missing or (in_part and k > 1)
        sure = coverage.sure.certainty(not_shown), coverage.sure.flags(not_shown)
        cells.append(KeyCell(name, keys, tuple(map(sum, zip(*days, strict=True))), *sure, missing, coverage.days))
    return sorted(cells, key=lambda cell: (-cell.measures[people], cell.keys))
