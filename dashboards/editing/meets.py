"""What a draft meets among the numbers that everybody sees: pages, events, values like those it names.

In: reports, a site, a thing as the settings file has it. Out: `Met`s. Promises: nothing is asked but what a table of
the site tells, so a preview says nothing that is not said anyway (docs/decisions/0070-edits.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import re2
from msgspec import Struct

from schema.dimensions import DIMENSIONS, OTHER
from schema.pattern import pattern_regex
from schema.site import Site

from ..stats.query import Query
from ..stats.refused import BadQuery
from ..stats.report import Reports
from ..web.arguments import period_of

_ROWS, _SHOWN = 1_000, 8
_DAYS = {"period": "28d"}
OF_PAGES = ("page", "entry_page", "exit_page")


class Met(Struct, frozen=True):
    """asked: a dimension and what it is to be like. rows: the values that are, of most visitors, with these. more: how
    many others."""

    dimension: str
    wanted: str
    rows: tuple[tuple[str, int], ...]
    more: int = 0


def met_by(reports: Reports, site: Site, what: str, thing: Mapping[str, Any]) -> tuple[Met, ...]:
    """Of the last 28 days, each condition by itself."""
    found = []
    for dimension, wanted in asked(what, thing):
        try:
            period = period_of(reports, site, _DAYS)
            rows = reports.stats(Query((site.key,), period, (dimension,), limit=_ROWS))["rows"]
            is_like = _like(dimension, wanted)
        except (BadQuery, re2.error):  # of this nothing is told by itself
            continue
        mine = [(row["value"], row["visitors"]) for row in rows if row["value"] != OTHER and is_like(row["value"])]
        found.append(Met(dimension, wanted, tuple(mine[:_SHOWN]), max(0, len(mine) - _SHOWN)))
    return tuple(found)


def asked(what: str, thing: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The conditions of a thing: of each the dimension, and what it is to be like."""
    if what == "sections":
        yield "page", thing["pages"]
    elif what == "goals":
        yield from _of_kinds(thing)
    elif what == "funnels":
        for step in thing["steps"]:
            yield from _of_kinds(step)
    else:
        yield from _of_conditions(thing["where"])


def _of_kinds(thing: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Of a goal, or a step."""
    for kind in ("event", "page", "section"):
        if thing.get(kind):
            yield kind, thing[kind]


def _of_conditions(where: Any) -> Iterator[tuple[str, str]]:
    for name, wanted in where.items():
        if name in ("all", "any"):
            for part in wanted:
                yield from _of_conditions(part)
        elif name == "not":
            yield from _of_conditions(wanted)
        elif name in DIMENSIONS:
            for value in wanted if isinstance(wanted, list) else [wanted]:
                yield name, value


def _like(dimension: str, wanted: str) -> Any:
    """Whether a value is one of those."""
    if dimension in OF_PAGES and wanted:
        pattern = pattern_regex(wanted)
    else:
        pattern = "(?s)" + ".*".join(map(re.escape, wanted.split("*"))) + r"\z"
    # RE2: each star more would multiply what Python's own takes, and nobody else could do anything meanwhile.
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options).match
