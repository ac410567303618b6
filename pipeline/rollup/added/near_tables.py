"""Whether two tables of the same events tell of few where both are nearly the same.

In: of each row of the one and column of the other how many people have events of both. Out: yes or no. Promises: what
sums of rows less sums of columns leave is of nobody, or of as many people as are enough.

A sum has a row or has it not, and so a column. Where it has one of two rows and not the other, of each column that both
have the people of one of them are in the difference, whether it has the column or not. So rows hang together where
enough people are so: no sum that takes them apart tells of few. Rows that do not may have no column in common: then
each is what its columns are, and the difference is nobody.

Columns that are hidden may be told later, one by one, by a block. So of rows that do not hang together only those of
one part may have any: else a row less what is shown of it is what is hidden of it, of which a block tells a part.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from itertools import combinations

from msgspec import Struct

# Of more parts each is compared with the largest only: what hangs together by others tells then, too.
_MOST_PAIRS = 60


class Common(Struct, frozen=True):
    """What a row and a column have in common: so many people, each counted in one row and column only; whether the
    column is shown."""

    people: int
    shown: bool


def tells_of_few(cells: Mapping[tuple[str, str], Common], k: int) -> bool:
    """cells: by row and column; where nobody has events there is none. k: so many people are enough."""
    rows: dict[str, Counter[str]] = defaultdict(Counter)
    for (row, column), common in cells.items():
        rows[row][column] = common.people
    shown = {column for (_, column), common in cells.items() if common.shown}
    parts = _parts(rows.values(), k)
    columns = [column for part in parts for column in part if column in shown]
    hides = sum(not shown.issuperset(part) for part in parts)
    return len(parts) > 1 and (len({*columns}) < len(columns) or hides > 1)


def _parts(rows: Iterable[Counter[str]], k: int) -> list[Counter[str]]:
    """Rows that hang together, as one: of each column how many people it has."""
    parts = sorted(rows, key=lambda row: -row.total())
    while True:
        few = len(parts) <= _MOST_PAIRS
        pairs = combinations(range(len(parts)), 2) if few else ((0, place) for place in range(1, len(parts)))
        pair = next((pair for pair in pairs if (parts[pair[0]] & parts[pair[1]]).total() >= k), None)
        if pair is None:
            return parts
        # A column that nobody is counted in stays one that the part has.
        parts[pair[0]].update(parts.pop(pair[1]))
