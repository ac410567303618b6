"""Filters of a question: which values are kept.

In: text from a query string or a command line. Out: a frozen `Filter`, and its SQL with bound parameters. Promises:
identifiers come from the registries only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal

from msgspec import Struct

from schema.dimensions import DIMENSIONS, OTHER
from schema.host import ascii_host

from .refused import BadQuery, Code
from .regex import finds, refuse_unless_pattern
from .splits import KEYS_OF

MAX_VALUE = 2_000
ALTERNATIVES = "|"
_PATTERNS = ("=~", "=!~")

Operator = Literal["==", "!=", "~", "!~", "=~", "=!~"]
_FILTER = re.compile(r"(?P<name>[a-z_]+)(?P<operator>=!~|=~|==|!=|!~|~)(?P<value>.*)", re.DOTALL)


class Filter(Struct, frozen=True):
    """Keeps the rows whose value is (==) or is not (!=) one of several, contains (~) or lacks (!~) a text in any case,
    or has (=~) or has not (=!~) something in it that is like a pattern of RE2."""

    dimension: str
    operator: Operator
    value: str

    @classmethod
    def parse(cls, text: str) -> Filter:
        """Read `page==/pricing`, `page!=/x`, `page~blog`, `country==DE|AT`."""
        match = _FILTER.fullmatch(text.strip())
        if match is None:
            raise BadQuery(
                f"filter {text!r} cannot be read: write dimension, operator and value, such as page==/pricing, "
                "page!=/x, page~blog, page!~blog, page=~^/blog/[0-9]+$ or country==DE|AT",
                Code.BAD_FILTER,
            )
        name, operator, value = match["name"], match["operator"], match["value"]
        if name not in DIMENSIONS and name not in KEYS_OF:
            known = ", ".join(DIMENSIONS)
            raise BadQuery(
                f"filter {text!r}: there is no dimension {name!r}; there are {known}", Code.UNKNOWN_DIMENSION
            )
        if len(value) > MAX_VALUE:
            allowed = f"at most {MAX_VALUE} are allowed"
            raise BadQuery(f"filter on {name}: its value has {len(value)} characters, {allowed}", Code.TOO_MUCH)
        if operator in _PATTERNS:
            refuse_unless_pattern(value)
        # Of a host a part is looked for in any case, and may end in a dot. A referrer may come with its path.
        is_host = name in DIMENSIONS and DIMENSIONS[name].format == "host"
        if is_host and operator not in _PATTERNS and (operator in ("==", "!=") or not value.isascii()):
            value = ALTERNATIVES.join(map(_as_stored, value.split(ALTERNATIVES)))
        return cls(name, operator, value)  # type: ignore[arg-type]  # the expression admits these operators only

    @property
    def text(self) -> str:
        """What `parse` reads."""
        return f"{self.dimension}{self.operator}{self.value}"

    def keeps(self, value: str) -> bool:
        """Whether it keeps rows of that value, as `sql` says of those in the store."""
        if self.operator in ("==", "!="):
            return (value in self.value.split(ALTERNATIVES)) == (self.operator == "==")
        if self.operator in _PATTERNS:
            return finds(self.value, value) == (self.operator == "=~")
        return (self.value.casefold() in value.casefold()) == (self.operator == "~")

    def sql(self, column: str, name: str) -> tuple[str, dict[str, Any]]:
        """The condition on a column, with its parameter under that name."""
        if self.operator in ("==", "!="):
            negation = "" if self.operator == "==" else "NOT "
            return f"{column} {negation}IN {{{name}:Array(String)}}", {name: self.value.split(ALTERNATIVES)}
        found = f"positionCaseInsensitiveUTF8({column}, {{{name}:String}}) > 0"
        if self.operator in _PATTERNS:
            found = f"match({column}, {{{name}:String}})"
        # A folded row says nothing of what it holds, so it neither contains nor lacks a text.
        negation = "NOT " if "!" in self.operator else ""
        return f"({negation}{found} AND {column} != '{OTHER}')", {name: self.value}


def _as_stored(text: str) -> str:
    """A host, in any case and alphabet, as browsers send it."""
    host, slash, path = text.partition("/")
    try:
        return ascii_host(host) + slash + path
    except ValueError:
        return text


def is_of_one(filters: Sequence[Filter]) -> bool:
    """Whether each is of one value: of one that has a row all is shown."""
    return all(one.operator == "==" and ALTERNATIVES not in one.value for one in filters)


def several_values(filters: Sequence[Filter]) -> bool:
    """Whether one visit may have several of the values that are kept, so that it is counted under each."""
    of_hits = any(item.dimension in DIMENSIONS and DIMENSIONS[item.dimension].scope != "visit" for item in filters)
    return of_hits and not is_of_one(filters)
