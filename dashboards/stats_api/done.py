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
from .filters import Clause, Done

# What a segment asks for, by the dimension of a filter.
_KEYS = {"event:page": "page", "event:name": "event", "event:hostname": "hostname", "event:section": "section"}


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
        f"Declare one in its settings, [[sites.segments]] with name and where = {_toml(where)}; then ask "
        '["is", "segment", [NAME]], or the same again',
        Code.NOT_KEPT,
    )


def _where(one: Done) -> dict[str, Any]:
    """As the settings write it. Raises BadQuery."""
    condition = one.condition
    dimension = condition.dimension
    key = "goal" if dimension.kind == "goal" else _KEYS.get(dimension.name, "")
    values = [_said(clause, value, key) for clause in condition.clauses for value in clause.values]
    if not key or "" in values:
        raise BadQuery(
            f"has_done: of {dimension.name} it is not told so; ask is, of event:goal or {', '.join(_KEYS)}, "
            "or contains, of a page, event or host",
            Code.NOT_KEPT,
        )
    where: dict[str, Any] = {key: values[0] if len(values) == 1 else values}
    return {"not": where} if one.negated != condition.negated else where


def _said(clause: Clause, value: str, key: str) -> str:
    """A value as a segment says it, in which a `*` stands for any text; "" where it cannot."""
    if not clause.case_sensitive or (key != "goal" and "*" in value):
        return ""
    if clause.how == "contains" and not value.endswith("/"):  # at the end of a path a slash makes no difference
        return {"page": f"**{value}**", "event": f"*{value}*", "hostname": f"*{value}*"}.get(key, "")
    return value if clause.how == "is" else ""


def _together(each: list[dict[str, Any]]) -> dict[str, Any]:
    return each[0] if len(each) == 1 else {"all": each}


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key} = {_toml(one)}' for key, one in value.items())} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
