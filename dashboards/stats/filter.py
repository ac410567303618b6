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

from .refused import BadQuery, Code, alike
from .regex import finds, refuse_unless_pattern
from .splits import KEYS_OF

MAX_VALUE = 2_000
ALTERNATIVES = "|"
_PATTERNS = ("=~", "=!~")

Operator = Literal["==", "!=", "~", "!~", "=~", "=!~"]
_HEAD = r"(?P<name>[a-z_]+)(?P<operator>=!~|=~|==|!=|!~|~)"
_FILTER = re.compile(rf"{_HEAD}(?P<value>.*)", re.DOTALL)
# What would begin another condition elsewhere (`country==DE;device==mobile`).
_NEXT = re.compile(rf"(?P<escape>\\?);(?P<space>\s*){_HEAD}")


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
        value = match["value"]
        if any(_is_known(other["name"]) for other in _NEXT.finditer(value) if not other["escape"]):
            raise BadQuery(
                f"filter {text!r} holds several conditions, and a filter is one: give each as a filter of its own "
                "(filter=country==DE&filter=device==mobile), which is answered where both are counted together. A "
                r"value that has such a text in it has a backslash before the semicolon (page==/a\;page==b)",
                Code.BAD_FILTER,
            )
        return cls.of(match["name"], match["operator"], _NEXT.sub(_unescaped, value))

    @classmethod
    def of(cls, name: str, operator: str, value: str) -> Filter:
        """What `parse` makes of these. Raises BadQuery."""
        if not _is_known(name):
            known, meant = ", ".join(DIMENSIONS), alike(name, DIMENSIONS)
            raise BadQuery(
                f"filter {name}{operator}{value!r}: there is no dimension {name!r}: {meant}there are {known}",
                Code.UNKNOWN_DIMENSION,
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
        return cls(name, operator, value)  # type: ignore[arg-type]  # whoever asks has one of these operators

    @property
    def text(self) -> str:
        """What `parse` reads."""
        value = _NEXT.sub(_escaped, self.value) if ";" in self.value else self.value
        return f"{self.dimension}{self.operator}{value}"

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


def _is_known(name: str) -> bool:
    return name in DIMENSIONS or name in KEYS_OF


def _escaped(found: re.Match[str]) -> str:
    return f"\\{found[0]}" if _is_known(found["name"]) else found[0]


def _unescaped(found: re.Match[str]) -> str:
    return found[0].removeprefix("\\") if _is_known(found["name"]) else found[0]


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
