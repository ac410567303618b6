"""`has_done` and `has_not_done` of Plausible's Stats API v2: the segment of the site that answers.

In: what visits did or not, a site. Out: the name of the segment whose visits these are. Promises: another segment is
never taken for it; where there is none, the refusal has the lines of the one that would answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from schema.segment import Segment
from schema.site import Site

from ..stats.refused import BadQuery, Code
from ..web.declare import in_toml
from .filters import Done
from .where import where_of

_OF_EVENTS = ("event:page", "event:name", "event:hostname", "event:section")


def segment_of(done: Sequence[Done], site: Site) -> str:
    """ "" where nothing is asked for. Raises BadQuery."""
    if not done:
        return ""
    where = _together([_where(one) for one in done])
    try:
        definition = Segment("has_done", where).definition(site.goal_definitions, site.section_patterns)
    except ValueError as problem:
        raise BadQuery(str(problem), Code.BAD_FILTER) from None
    for name, its in site.segment_definitions.items():
        if its == definition:
            return name
    raise BadQuery(
        "has_done, has_not_done: what visits did besides is told of segments, and the site has none of these visits. "
        f"Declare one in its settings, [[sites.segments]] with name and where = {in_toml(where)}; then ask "
        '["is", "segment", [NAME]], or the same again',
        Code.NOT_KEPT,
    )


def _where(one: Done) -> dict[str, Any]:
    """As the settings write it. Raises BadQuery."""
    dimension = one.condition.dimension
    where = where_of(one.condition) if dimension.kind == "goal" or dimension.name in _OF_EVENTS else None
    if where is None:
        raise BadQuery(
            f"has_done: of {dimension.name} it is not told so; ask is, of event:goal or {', '.join(_OF_EVENTS)}, "
            "or contains, of a page, event or host",
            Code.NOT_KEPT,
        )
    return {"not": where} if one.negated else where


def _together(each: list[dict[str, Any]]) -> dict[str, Any]:
    return each[0] if len(each) == 1 else {"all": each}
