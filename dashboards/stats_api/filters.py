"""Filters of Plausible's Stats API v2 as filters of a `Query`.

In: nested lists. Out: `Condition`s, all of which have to hold, and their filters as text. Promises: what cannot be said
by filters on single dimensions is refused, never said otherwise.
"""

from __future__ import annotations

from typing import Any, NoReturn

from msgspec import Struct
from msgspec.structs import replace

from ..stats.filter import ALTERNATIVES, Filter
from ..stats.refused import BadQuery, Code
from ..stats.regex import finds, literally, refuse_unless_pattern
from .names import OPERATORS, ApiDimension, dimension_called

# Finds nothing, whatever a value is.
_NOTHING = r"[^\x00-\x{10FFFF}]"
DONE = {
    "has_done": "Visits that did what one filter says: those of the site's segment of just these.",
    "has_not_done": "Visits that did not.",
}
JOINS = {
    "and": "Of the filters in the list each holds.",
    "or": "Any of them does; they are on one dimension.",
    "not": "The filter does not hold.",
}
_SHAPE = "write [operator, dimension, [value, …]], or and, or, not with such"


class Clause(Struct, frozen=True):
    """One way to hold: the value is (is), contains, matches or matches_wildcard one of these."""

    how: str
    values: tuple[str, ...]
    case_sensitive: bool = True

    @property
    def pattern(self) -> str:
        """The same as a pattern of RE2."""
        parts = [f"(?:{self._pattern_of(value)})" for value in self.values]
        return f"{'' if self.case_sensitive else '(?i)'}(?:{'|'.join(parts)})"

    def _pattern_of(self, value: str) -> str:
        if self.how == "matches":
            refuse_unless_pattern(value)
            return value
        if self.how == "contains":
            return literally(value)
        if self.how == "matches_wildcard":
            return f"^{'.*'.join(map(literally, value.replace('**', '*').split('*')))}$"
        return f"^{literally(value)}$"


class Condition(Struct, frozen=True):
    """Holds where any of the clauses does; negated: where none does."""

    dimension: ApiDimension
    clauses: tuple[Clause, ...]
    negated: bool = False

    @property
    def values(self) -> tuple[str, ...] | None:
        """Where it names values, as they are called; None where it says otherwise."""
        if not all(one.how == "is" and one.case_sensitive for one in self.clauses):
            return None
        return tuple(value for one in self.clauses for value in one.values)

    def keeps(self, label: str) -> bool:
        return any(finds(one.pattern, label) for one in self.clauses) != self.negated


class Done(Struct, frozen=True):
    """A visit did, or did not, what a condition says."""

    condition: Condition
    negated: bool


def conditions_of(filters: list[Any]) -> list[Condition]:
    """Raises BadQuery."""
    return [condition for one in filters for condition in _read(one, False)]


def split_done(filters: list[Any]) -> tuple[list[Any], list[Done]]:
    """The filters that ask for values, and what visits have done or not, each of which has to hold. Raises
    BadQuery."""
    rest: list[Any] = []
    done: list[Done] = []
    for node in filters:
        operator = node[0] if isinstance(node, list) and len(node) == 2 else None
        inner = node[1] if operator == "not" and isinstance(node[1], list) and len(node[1]) == 2 else node
        if operator == "and" and isinstance(node[1], list) and node[1]:
            its_rest, its_done = split_done(node[1])
            rest += its_rest
            done += its_done
        elif operator and isinstance(inner[0], str) and inner[0] in DONE:
            conditions = _read(inner[1], False)
            if len(conditions) != 1:
                _refuse(node, f"{inner[0]} takes one filter: ask several of it, each with one")
            done.append(Done(conditions[0], (inner[0] == "has_not_done") != (operator == "not")))
        else:
            rest.append(node)
    return rest, done


def _read(node: Any, negated: bool) -> list[Condition]:
    if not isinstance(node, list) or len(node) < 2 or not isinstance(node[0], str):
        _refuse(node, _SHAPE)
    operator, second = node[0], node[1]
    if operator == "not":
        return _read(second, not negated)
    if operator in ("and", "or"):
        if not isinstance(second, list) or not second:
            _refuse(node, f"after {operator} a list of filters is needed")
        parts = [_read(one, negated) for one in second]
        if (operator == "and") != negated:
            return [condition for part in parts for condition in part]
        return [_any_of(parts)]
    if operator in DONE:
        _refuse(node, f"{operator} stands beside other filters: join it with them by and")
    return [_simple(node, negated)]


def condition_of(node: Any) -> Condition:
    """The condition of a single filter. Raises BadQuery."""
    conditions = _read(node, False)
    if len(conditions) != 1:
        _refuse(node, _SHAPE)
    return conditions[0]


def _any_of(parts: list[list[Condition]]) -> Condition:
    """One condition that holds where any of them does. Raises BadQuery where no filter can say so."""
    first = parts[0][0]
    if len(parts) == 1 and len(parts[0]) == 1:
        return first
    each = [condition for part in parts for condition in part]
    if any(len(part) != 1 for part in parts) or len({one.dimension.name for one in each}) > 1:
        names = " or ".join(dict.fromkeys(one.dimension.name for one in each))
        raise BadQuery(f"{names}: only conditions on one dimension can be joined by or", Code.NOT_CROSSED)
    if any(one.negated for one in each):
        raise BadQuery(f"{first.dimension.name}: what is denied cannot be joined by or; ask for each", Code.NOT_CROSSED)
    return replace(first, clauses=tuple(clause for one in each for clause in one.clauses))


def _simple(node: list[Any], negated: bool) -> Condition:
    operator, name, clauses, *more = (*node, None) if len(node) == 2 else node
    if operator not in OPERATORS:
        _refuse(node, f"operators are {', '.join((*OPERATORS, *JOINS, *DONE))}")
    if not isinstance(name, str):
        _refuse(node, _SHAPE)
    dimension = dimension_called(name)
    if dimension.kind == "time":
        _refuse(node, "time is no filter: set date_range")
    if not isinstance(clauses, list) or not clauses or not all(map(_is_value, clauses)) or len(more) > 1:
        _refuse(node, f"{_SHAPE}; values are texts or whole numbers")
    sensitive = _is_sensitive(node, operator, more[0] if more else None)
    how = operator.removesuffix("_not")
    clause = Clause(how, tuple(map(str, clauses)), sensitive)
    if dimension.kind == "goal" and how not in ("is", "contains"):
        _refuse(node, "of goals is and contains are answered")
    if dimension.kind == "segment" and (operator != "is" or negated or len(clauses) > 1 or not sensitive):
        _refuse(node, "of segments one is answered: is, with its name")
    _refuse_bare_city(dimension, clause)
    return Condition(dimension, (clause,), (how != operator) != negated)


def _is_value(given: Any) -> bool:
    return isinstance(given, str | int) and not isinstance(given, bool)


def _is_sensitive(node: Any, operator: str, modifiers: Any) -> bool:
    if modifiers is None:
        return True
    given = modifiers.get("case_sensitive", True) if isinstance(modifiers, dict) else None
    if not isinstance(given, bool) or set(modifiers) - {"case_sensitive"}:
        _refuse(node, 'the modifier is {"case_sensitive": false}')
    if operator.startswith("matches") and not given:
        _refuse(node, "patterns say themselves that case does not matter: (?i)")
    return given


def _refuse_bare_city(dimension: ApiDimension, clause: Clause) -> None:
    """A name alone would find nothing, which is no answer."""
    bare = [value for value in clause.values if value and ", " not in value]
    if dimension.of == "city" and clause.how == "is" and bare:
        raise BadQuery(
            f"{dimension.name} {bare[0][:100]!r}: cities are called with their region, such as 'Berlin, DE-BE'; say "
            "so, or ask contains",
            Code.BAD_FILTER,
        )


def _refuse(node: Any, why: str) -> NoReturn:
    raise BadQuery(f"filter {str(node)[:200]} cannot be read: {why}", Code.BAD_FILTER)


def dimensions_in(filters: Any) -> list[str]:
    """The dimensions that are filtered, as far as that can be read."""
    found = []
    for one in filters if isinstance(filters, list) else ():
        operator, second = (*one, None, None)[:2] if isinstance(one, list) else (None, None)
        if isinstance(second, str):
            found.append(second)
        else:
            found += dimensions_in(second if operator in ("and", "or") else [second])
    return found


# -- as filters of a query -------------------------------------------------------------------------------------------


def filters_of(condition: Condition, column: str = "") -> list[Filter]:
    """The filters that say the same; column: of what, if not of the dimension. Raises BadQuery."""
    dimension = condition.dimension
    column = column or dimension.of
    if dimension.named:
        return _by_names(condition, column)
    values = condition.values
    if values is not None and not any(ALTERNATIVES in value for value in values):
        stored = ("" if dimension.is_empty(value) else value for value in values)
        return [_filter(column, "!=" if condition.negated else "==", ALTERNATIVES.join(stored))]
    patterns = [one.pattern for one in condition.clauses]
    if any(finds(pattern, dimension.label("")) for pattern in patterns):
        patterns.append("^$")  # the empty value goes by another name
    joined = "|".join(f"(?:{pattern})" for pattern in patterns)
    return [_filter(column, "=!~" if condition.negated else "=~", joined)]


def _by_names(condition: Condition, column: str) -> list[Filter]:
    """Of a dimension whose values have names: the values whose names it finds."""
    named = {**condition.dimension.named, "": condition.dimension.label("")}
    found = [value for value, name in named.items() if condition.keeps(name) != condition.negated]
    if "" not in found and any(not value for one in condition.clauses if one.how == "is" for value in one.values):
        found.append("")
    if not found:
        return [] if condition.negated else [_filter(column, "=~", _NOTHING)]
    return [_filter(column, "!=" if condition.negated else "==", ALTERNATIVES.join(found))]


def _filter(column: str, operator: str, value: str) -> Filter:
    return Filter.of(column, operator, value)
