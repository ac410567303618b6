"""The language of questions: one site, some days, one way to split, filters on one dimension.

In: text from a query string or a command line. Out: a frozen `Query`, and its condition as SQL with bound parameters.
Promises: identifiers come from the registries only; what the rollups cannot answer is refused with a way out.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import Any, Literal

from msgspec import Struct

from schema.dimensions import DIMENSIONS, OTHER
from schema.families import FAMILIES
from schema.host import ascii_host
from schema.metrics import METRICS

from .period import Period

MAX_ROWS = 10_000
MAX_DAYS_BY_HOUR = 366
MAX_FILTERS = 20
MAX_VALUE = 2_000
# Ways to split that are not dimensions: they are columns of their own and go together with filters on a dimension.
SPLITS = ("day", "hour", "goal", "vital")
ALTERNATIVES = "|"

Operator = Literal["==", "!=", "~", "!~"]
_FILTER = re.compile(r"(?P<name>[a-z_]+)(?P<operator>==|!=|!~|~)(?P<value>.*)", re.DOTALL)


class BadQuery(ValueError):
    """A question that cannot be answered; the text says why and what to ask instead."""


class Filter(Struct, frozen=True):
    """Keeps the rows whose value is (==) or is not (!=) one of several, or contains (~) or lacks (!~) a text."""

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
                "page!=/x, page~blog, page!~blog or country==DE|AT"
            )
        name, operator, value = match["name"], match["operator"], match["value"]
        if name not in DIMENSIONS and name not in ("goal", "vital"):
            raise BadQuery(f"filter {text!r}: there is no dimension {name!r}; there are {', '.join(DIMENSIONS)}")
        if len(value) > MAX_VALUE:
            raise BadQuery(f"filter on {name}: its value has {len(value)} characters, at most {MAX_VALUE} are allowed")
        # Of a host a part is looked for in any case, and may end in a dot. A referrer may come with its path.
        is_host = name in DIMENSIONS and DIMENSIONS[name].format == "host"
        if is_host and (operator in ("==", "!=") or not value.isascii()):
            value = ALTERNATIVES.join(map(_as_stored, value.split(ALTERNATIVES)))
        return cls(name, operator, value)  # type: ignore[arg-type]  # the expression admits these operators only

    def sql(self, column: str, name: str) -> tuple[str, dict[str, Any]]:
        """The condition on a column, with its parameter under that name."""
        if self.operator in ("==", "!="):
            negation = "" if self.operator == "==" else "NOT "
            return f"{column} {negation}IN {{{name}:Array(String)}}", {name: self.value.split(ALTERNATIVES)}
        found = f"positionCaseInsensitiveUTF8({column}, {{{name}:String}})"
        # A folded row says nothing of what it holds, so it neither contains nor lacks a text.
        return f"({found} {'> 0' if self.operator == '~' else '= 0'} AND {column} != '{OTHER}')", {name: self.value}


def _as_stored(text: str) -> str:
    """A host, in any case and alphabet, as browsers send it."""
    host, slash, path = text.partition("/")
    try:
        return ascii_host(host) + slash + path
    except ValueError:
        return text


class Query(Struct, frozen=True):
    """One question. by: "" for totals only, a dimension, or one of SPLITS. metrics: () for every one that fits.
    limit: at most that many rows, the largest first; days and hours come whole and in order."""

    site: str
    first: dt.date
    last: dt.date
    by: str = ""
    filters: tuple[Filter, ...] = ()
    limit: int = 100
    metrics: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        try:
            Period(self.first, self.last, "")
        except ValueError as error:
            raise BadQuery(str(error)) from None
        if self.by and self.by not in DIMENSIONS and self.by not in SPLITS:
            raise BadQuery(f"by={self.by!r} is not known: allowed are {', '.join((*DIMENSIONS, *SPLITS))}")
        if not 1 <= self.limit <= MAX_ROWS:
            raise BadQuery(f"limit={self.limit} is out of bounds: allowed is 1 to {MAX_ROWS}")
        if len(self.filters) > MAX_FILTERS:
            raise BadQuery(f"{len(self.filters)} filters are too many: allowed are {MAX_FILTERS}")
        unknown = [name for name in self.metrics if name not in METRICS]
        if unknown:
            raise BadQuery(f"metric {unknown[0]!r} is not known: allowed are {', '.join(METRICS)}")
        self._refuse_crossings()

    @classmethod
    def of(
        cls,
        site: str,
        first: dt.date,
        last: dt.date,
        by: str = "",
        filters: Sequence[str] = (),
        limit: int = 100,
        metrics: Sequence[str] = (),
    ) -> Query:
        """The query whose filters are given as text."""
        parsed = tuple(Filter.parse(text) for text in filters if text.strip())
        return cls(site, first, last, by, parsed, limit, tuple(metrics))

    @property
    def dimension(self) -> str:
        """The dimension whose rows answer the question; "" is the whole site."""
        if self.by in DIMENSIONS:
            return self.by
        return next((item.dimension for item in self.filters if item.dimension in DIMENSIONS), "")

    @property
    def filtered(self) -> bool:
        """Whether the totals, too, are those of some values only."""
        return any(item.dimension in DIMENSIONS for item in self.filters)

    def condition(self, split: str = "") -> tuple[str, dict[str, Any]]:
        """The filters as SQL. Filters on a split (goal, vital) apply only where that column is: name it then."""
        parts: list[str] = []
        parameters: dict[str, Any] = {}
        for number, item in enumerate(self.filters):
            if item.dimension in DIMENSIONS:
                column = "value"
            elif item.dimension == split:
                column = {"goal": "goal", "vital": "metric"}[split]
            else:
                continue
            sql, bound = item.sql(column, f"filter_{number}")
            parts.append(sql)
            parameters |= bound
        return " AND ".join(parts) or "1", parameters

    def _refuse_crossings(self) -> None:
        names = sorted({item.dimension for item in self.filters if item.dimension in DIMENSIONS})
        wanted = sorted({self.by, *names} & DIMENSIONS.keys())
        if len(wanted) > 1:
            raise BadQuery(
                f"{' and '.join(wanted)} are not crossed: the rollups count each dimension on its own, so that no "
                f"combination of attributes can single somebody out. Ask by={self.by or names[0]} with filters on "
                f"{self.by or names[0]} only, or by=day, by=goal or no by with filters on one dimension."
            )
        for item in self.filters:
            if item.dimension in ("goal", "vital") and item.dimension != self.by:
                raise BadQuery(f"a filter on {item.dimension} needs by={item.dimension}, not by={self.by!r}")
        if self.by == "hour" and names:
            raise BadQuery(f"hours are kept for the whole site only: drop the filter on {names[0]}, or ask by=day")
        if self.by == "hour" and (self.last - self.first).days >= MAX_DAYS_BY_HOUR:
            raise BadQuery(f"by=hour answers at most {MAX_DAYS_BY_HOUR} days: ask for fewer, or by=day")
        if self.by == "vital" and self.dimension not in FAMILIES["vitals"].dimensions:
            allowed = ", ".join(name for name in FAMILIES["vitals"].dimensions if name)
            raise BadQuery(f"web vitals are not kept by {self.dimension}: filter on {allowed}, or on nothing")
