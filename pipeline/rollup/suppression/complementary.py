"""Which values go along with those of too few, so that none of these follows by subtraction (rules R3, N1 and N3).

In: of each parent how many of its values are shown and how many are not, and the smallest that are. Out: those that go
along. Promises: what is hidden of the children of one parent is none, or two values or more and of k people or more,
and so is what is hidden of a dimension; else the smallest shown child of that parent goes along.

Parents that are not shown are one parent together, of which always something is hidden, because their children tell
the least that they may be. Where a parent has no child left to go along, all of it is hidden, and it is of k people
itself. A value that is no child of one (parents.py) cannot be subtracted, and goes along with nobody.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct

from schema.dimensions import OTHER

from .parents import PARENTS, depth

# A row: family, site-day, dimension, name and currency, value.
Cell = tuple[str, int, str, str, str, str]
# What rows add up to: the same, and of a family whose keys exclude one another the value in place of these.
Whole = tuple[str, int, str, str, str, str]


class Part(Struct):
    """The values of one parent, or of a dimension that has none. many: how many there are; few: how many have too few;
    smallest: the two smallest that have enough, (known, people, value, name, currency), of its own children. covered:
    what is hidden is two values or more and of k people; lacking: somebody is hidden, and not so many. of_whole: how
    many have too few, with what is suppressed already."""

    many: int = 0
    few: int = 0
    smallest: tuple[tuple[bool, int, str, str, str], ...] = ()
    covered: bool = False
    lacking: bool = False
    of_whole: int = 0

    def add(self, other: Part) -> None:
        """What both are together; what is covered of one covers the other."""
        self.many += other.many
        self.few += other.few
        self.smallest = tuple(sorted(self.smallest + other.smallest)[:2])
        self.covered |= other.covered
        self.lacking |= other.lacking
        self.of_whole += other.of_whole


def going(
    parts: Mapping[Whole, Mapping[str, Part]],
    enough: Iterable[Cell],
    is_child: Callable[[str, str], bool],
    covered: Callable[[Whole], bool] = lambda _: False,
    bare: bool = False,
) -> tuple[set[Cell], set[Whole]]:
    """The rows that go along with others, and those wholes of which none may be shown.

    parts: by parent, "" where there is none. enough: rows of parents that have enough. is_child: whether a dimension of
    a family has a parent there. covered: whether what is hidden of a whole is enough by itself. bare: of a dimension
    without a parent the empty value is not what goes along: then nothing of it is shown."""
    gone: set[Cell] = set()
    nothing: set[Whole] = set()
    above = set(enough)
    for whole in sorted(parts, key=lambda whole: depth(whole[2])):
        family, d, dimension, name, currency, of_value = whole
        if not is_child(family, dimension):
            (part,) = parts[whole].values()
            if part.smallest and not part.covered and part.of_whole:
                if bare and not part.smallest[0][2]:
                    nothing.add(whole)
                gone.add(_cell(whole, part.smallest[0]))
            continue
        of_parent = (family, d, PARENTS[dimension], name, currency)
        labels: defaultdict[str, Part] = defaultdict(Part)
        for parent, part in parts[whole].items():
            cell = (*of_parent, parent)
            is_shown = cell in above and cell not in gone and (*of_parent, of_value) not in nothing
            labels[parent if is_shown else OTHER].add(part)
        goes = {
            _cell(whole, part.smallest[0])
            for label, part in labels.items()
            if part.smallest and not part.covered and (part.few or part.lacking or label == OTHER)
        }
        if not goes and not covered(whole) and any(part.of_whole for part in labels.values()):
            # One alone would be told by its parent: of one that has others the next one goes, too.
            possible = [part.smallest for part in labels.values() if part.smallest and part.many > 1]
            goes = {_cell(whole, one) for one in min(possible, default=())}
            if not possible:
                nothing.add(whole)
        gone |= goes
    return gone, nothing


def _cell(whole: Whole, one: tuple[bool, int, str, str, str]) -> Cell:
    family, d, dimension, *_ = whole
    _, _, value, name, currency = one
    return family, d, dimension, name, currency, value
