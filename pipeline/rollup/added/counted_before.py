"""What was counted of a day before something else is added to it, and where it is released.

In: goals and sections, each by its name in the staged day and in released rows. Out: a table of where each is released.
Promises: whatever whoever reads the day may subtract is in it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct

from ...insert import insert
from ..batch import Batch

# Of rows the day's, by one dimension.
OF_DAY = "grain = 'day' AND by_dimension = ''"
# Of what was counted before: its name in the staged day, and where it is released.
_RELEASED = "goal String, dimension String, value String, currency String"


class CountedBefore(Struct, frozen=True):
    """A goal, or a section, that was counted before. staged: its name in the staged day. name: in rows that were
    released with the day; grain: of rows that were added to it, "" where it was released with it."""

    staged: str
    name: str
    grain: str = ""
    is_section: bool = False


@contextlib.contextmanager
def released(of: Batch, known: Sequence[CountedBefore]) -> Iterator[None]:
    """What is released of those that were counted before, in a table for as long as the context lasts: it is asked for
    several times, and planning what finds it takes longer than reading it."""
    try:
        of.create("released", _RELEASED)
        columns = {name: name for name in ("goal", "dimension", "value", "currency")}
        of.store.command(of.naming(f"{insert('{released}', columns)} FROM ({_shown(of)})"), _given(of, known))
        yield
    finally:
        of.store.command(f"DROP TABLE IF EXISTS {of.scratch('released')} SYNC")


def _given(of: Batch, known: Sequence[CountedBefore]) -> dict[str, Any]:
    """What `_shown` is bound to."""
    given: dict[str, Any] = {**of.named}
    for kind, is_section in (("", False), ("section_", True)):
        mine = [one for one in known if one.is_section is is_section]
        for part in ("name", "staged"):
            given[f"{kind}day_{part}"] = [getattr(one, part) for one in mine if not one.grain]
        for part in ("grain", "staged"):
            given[f"{kind}added_{part}"] = [getattr(one, part) for one in mine if one.grain]
    return given


def _shown(of: Batch) -> str:
    """SQL for what is released of goals that were counted before: (goal, dimension, value, currency); of sections,
    which are values themselves, of the whole site."""
    columns = "dimension, value, currency"
    return f"""
        SELECT transform(toString(goal), {{day_name:Array(String)}}, {{day_staged:Array(String)}}, '') AS goal,
            {columns}
        FROM released_conversions WHERE {of.mine} AND {OF_DAY}
        UNION ALL
        SELECT transform(toString(grain), {{added_grain:Array(String)}}, {{added_staged:Array(String)}}, '') AS goal,
            {columns}
        FROM late_conversions WHERE {of.mine} AND grain IN {{added_grain:Array(String)}}
        UNION ALL
        SELECT transform(
            released_cells.value, {{section_day_name:Array(String)}}, {{section_day_staged:Array(String)}}, ''
        ) AS goal, '' AS dimension, '' AS value, '' AS currency
        FROM released_cells WHERE {of.mine} AND {OF_DAY} AND released_cells.dimension = 'section'
            AND has({{section_day_name:Array(String)}}, released_cells.value)
        UNION ALL
        SELECT transform(
            toString(grain), {{section_added_grain:Array(String)}}, {{section_added_staged:Array(String)}}, ''
        ) AS goal, '' AS dimension, '' AS value, '' AS currency
        FROM late_cells WHERE {of.mine} AND grain IN {{section_added_grain:Array(String)}}"""
