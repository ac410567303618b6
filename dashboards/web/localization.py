"""Arranges languages and places for their page.

In: a site's overview, and what a pair tells. Out: small values a template walks through. Promises: no number is
computed here, only worded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from msgspec import Struct

from schema.dimensions import OTHER
from schema.pair import paired
from schema.site import Site

from ..stats.figures import Cell
from ..stats.overview import Overview
from ..stats.served import Served, served_in, together
from . import format as names
from .week import shade
from .wording import told_as

LANGUAGES = paired("country", "language")
# Languages, and countries.
MOST = (8, 8)


class Row(Struct, frozen=True):
    """A language: parts of its visits in percent, and what is written beside them."""

    name: str
    parts: tuple[float, float, float]
    visits: str
    not_served: str


class Grid(Struct, frozen=True):
    """Languages by countries. columns: names of countries. rows: of each language its name and, by country, how dark
    the cell is (0 to 4) and what is written in it."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[tuple[int, str], ...]], ...]


def served(overview: Overview) -> tuple[list[Row], Row]:
    """Each language, and all of them together."""
    found = served_in(overview.tables.get("served_language", ()))
    return [_row(one, names.name_of("language", one.language)) for one in found], _row(together(found), "All")


def _row(one: Served, name: str) -> Row:
    whole = one.visits or 1
    parts = tuple(round(100 * part / whole, 1) for part in (one.served, one.otherwise, one.unknown))
    certainty = "at least" if one.at_least else "exact"
    return Row(
        name, (parts[0], parts[1], parts[2]), told_as(names.count(one.visits), certainty), names.percent(one.not_served)
    )


def grid(cells: Sequence[Cell]) -> Grid | None:
    """cells: of a language and, beside it, a country. None where there are none."""
    found = {(cell.value, cell.by_value or ""): cell for cell in cells}
    languages, countries = (_most(found.values(), of) for of in (0, 1))
    chosen = [one for (language, country), one in found.items() if language in languages and country in countries]
    largest = max((one.visitors for one in chosen), default=0)
    if not largest:
        return None
    rows = tuple(
        (names.name_of("language", language), tuple(_shade(found.get((language, one)), largest) for one in countries))
        for language in languages
    )
    return Grid(tuple(names.name_of("country", country) for country in countries), rows)


def _most(cells: Iterable[Cell], place: int) -> list[str]:
    """The values of most visitors, of the one dimension or the other."""
    found = Counter[str]()
    for cell in cells:
        found[(cell.value, cell.by_value or "")[place]] += cell.visitors
    return [value for value, _ in found.most_common() if value not in ("", OTHER)][: MOST[place]]


def _shade(cell: Cell | None, largest: int) -> tuple[int, str]:
    if cell is None:
        return 0, "–"
    return shade(cell.visitors, largest), told_as(names.count(cell.visitors), cell.certainty)


def how_to_declare(site: Site) -> str:
    """The line of the settings that has languages counted together with countries; "" where they are."""
    if LANGUAGES in site.crossed:
        return ""
    listed = ", ".join(f'"{text}"' for text in (*site.pairs, LANGUAGES.name))
    return f"pairs = [{listed}]"
