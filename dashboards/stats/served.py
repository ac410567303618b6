"""Whether visitors were served in their first language.

In: the cells of `served_language`. Out: a `Served` for each language of browsers. Promises: visits are added up, each
of which has one value; what is folded is in none of them.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from schema.dimensions import OTHER

from .figures import Cell

_BETWEEN = " → "
# Of a page that says no language.
_UNKNOWN = "und"


class Served(Struct):
    """Of a language of browsers: visits that began on a page of this language, of another one, of none that is
    known. at_least: whether there may be more."""

    language: str
    served: int = 0
    otherwise: int = 0
    unknown: int = 0
    at_least: bool = False

    @property
    def visits(self) -> int:
        return self.served + self.otherwise + self.unknown

    @property
    def not_served(self) -> float | None:
        """Those of another language, in percent of those of which the page's is known."""
        known = self.served + self.otherwise
        return round(100 * self.otherwise / known, 1) if known else None


def served_in(cells: Iterable[Cell]) -> list[Served]:
    """The most frequent language first."""
    found: dict[str, Served] = {}
    for cell in cells:
        language, between, page = cell.value.partition(_BETWEEN)
        if cell.value == OTHER or not between:
            continue
        one = found.setdefault(language, Served(language))
        if page == _UNKNOWN:
            one.unknown += cell.visits
        elif page.partition("-")[0] == language.partition("-")[0]:
            one.served += cell.visits
        else:
            one.otherwise += cell.visits
        one.at_least |= cell.certainty != "exact"
    return sorted(found.values(), key=lambda one: (-one.visits, one.language))


def together(all_of: Iterable[Served]) -> Served:
    """What they add up to."""
    total = Served("")
    for one in all_of:
        total.served += one.served
        total.otherwise += one.otherwise
        total.unknown += one.unknown
        total.at_least |= one.at_least
    return total
