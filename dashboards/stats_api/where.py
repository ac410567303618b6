"""Filters of Plausible's Stats API v2 as what a segment asks for.

In: conditions, or the nested lists of a request. Out: the `where` of a segment as the settings write it, and words for
its name. Promises: what a segment cannot say is not written as something else.
"""

from __future__ import annotations

from typing import Any

from schema.site import Site

from ..stats.refused import BadQuery
from ..web.declare import ToDeclare, declared_as
from .filters import DONE, JOINS, Clause, Condition, condition_of

_JOINED = {"and": "all", "or": "any"}
Where = dict[str, Any]


def to_declare(site: Site, filters: list[Any]) -> ToDeclare | None:
    """The segment of the visits that filters keep; None where no segment can be of them."""
    try:
        where = _node(["and", filters], site) if filters else None
        return declared_as(site, _words(["and", filters]), where) if where else None
    except BadQuery:
        return None


def where_of(condition: Condition) -> Where | None:
    """None where a segment cannot say so."""
    dimension = condition.dimension
    key = "goal" if dimension.kind == "goal" else dimension.of
    values = _values(condition, key)
    if not values or None in values or dimension.kind == "time":
        return None
    value = values[0] if len(values) == 1 else values
    where: Where = {"properties": {dimension.of: value}} if dimension.kind == "property" else {key: value}
    return {"not": where} if condition.negated else where


def _values(condition: Condition, key: str) -> list[str | None]:
    dimension = condition.dimension
    if dimension.named:  # a segment asks for the values, which have no names there
        named = {**dimension.named, "": dimension.label("")}
        return [value for value, name in named.items() if condition.keeps(name) != condition.negated]
    return [
        _said(clause, "" if dimension.is_empty(value) and dimension.kind == "dimension" else value, key)
        for clause in condition.clauses
        for value in clause.values
    ]


def _said(clause: Clause, value: str, key: str) -> str | None:
    """A value as a segment says it, in which a `*` stands for any text; None where it cannot."""
    if not clause.case_sensitive or (key != "goal" and "*" in value) or key == "segment":
        return None
    if clause.how == "is":
        return value
    # At the end of a path a slash makes no difference; of goals and sections names are asked for.
    if clause.how != "contains" or value.endswith("/") or key in ("goal", "section"):
        return None
    return f"**{value}**" if key == "page" else f"*{value}*"


def _node(node: Any, site: Site) -> Where | None:
    """Raises BadQuery for what is no filter."""
    operator = node[0] if isinstance(node, list) and len(node) == 2 and isinstance(node[0], str) else ""
    if operator in _JOINED and isinstance(node[1], list) and node[1]:
        parts = [_node(one, site) for one in node[1]]
        if None in parts:
            return None
        return parts[0] if len(parts) == 1 else {_JOINED[operator]: parts}
    if operator == "not" or operator in DONE:
        inner = _node(node[1], site)
        return inner if operator == "has_done" or inner is None else {"not": inner}
    condition = condition_of(node)
    if condition.dimension.kind == "segment":
        return next((one.where for one in site.segments if (one.name,) == condition.values), None)
    return where_of(condition)


def _words(node: Any) -> str:
    """What it says, for a name."""
    operator, second, *rest = node
    if operator in ("and", "or"):
        return f" {operator} ".join(map(_words, second))
    if operator in (*JOINS, *DONE):
        return f"{operator.replace('_', ' ')} ({_words(second)})"
    return f"{second.partition(':')[2] or second} {operator.replace('_', ' ')} {', '.join(map(str, rest[0]))}"
