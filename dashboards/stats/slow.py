"""Which pages kept most people waiting.

In: cells of web vitals. Out: a `Slow` for each page, the worst first. Promises: what is poor for many comes before what
is poorer for few.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from .vitals import VitalCell


class Slow(Struct, frozen=True):
    """A page. waited: about how many people it was poor for: the poor share of its samples, of its people."""

    cell: VitalCell
    waited: int


def worst_first(cells: Iterable[VitalCell], vital: str) -> list[Slow]:
    """The pages of a vital."""
    pages = (cell for cell in cells if cell.vital == vital and cell.dimension == "page")
    slow = [Slow(cell, round(cell.poor * cell.people / 100)) for cell in pages]
    return sorted(slow, key=lambda one: (-one.cell.poor * one.cell.people, -one.cell.people, one.cell.value))
