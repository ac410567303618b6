"""What to ask in place of a question that has no answer, and what to declare to have it answered.

In: a question of our own interface that was refused, a site. Out: the nearest question that is answered, and the lines
of a segment, to copy into the settings. Promises: what is told was asked first, and it was answered; nothing is in it
but what was asked, and names of the site's settings.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Collection, Iterator, Mapping
from shlex import quote
from typing import Any
from urllib.parse import urlencode

from msgspec import Struct
from msgspec.structs import replace

from schema.site import Site

from ..stats.filter import Filter
from ..stats.likely import first_answered, is_taken, likely
from ..stats.query import Query
from ..stats.refused import BadQuery, Code
from ..stats.report import Reports
from .declare import ToDeclare, to_declare

Days = tuple[dt.date, dt.date]
# To others no question is near.
ABOUT = (Code.NOT_CROSSED, Code.NOT_KEPT)
_DEFAULT = "visitors"


class Words(Struct, frozen=True):
    """A question as it is written. by: with commas between; filters: texts."""

    by: str = ""
    filters: tuple[str, ...] = ()
    segment: str = ""
    metrics: tuple[str, ...] = ()
    order: str = _DEFAULT

    def query(self, site: str, days: Days) -> Query:
        """Raises BadQuery."""
        return Query.of(site, *days, self.by, self.filters, 1, self.metrics, self.order, segment=self.segment)

    def arguments(self) -> dict[str, Any]:
        """As an address has them."""
        order = "" if self.order == _DEFAULT else self.order
        told = {"by": self.by, "filter": [*self.filters], "segment": self.segment, "metrics": ",".join(self.metrics)}
        return {name: value for name, value in (told | {"order": order}).items() if value}

    def options(self) -> str:
        """As `footfall stats` has them."""
        told = (f"--{name} {quote(one)}" for name, value in self.arguments().items() for one in _each(value))
        return " ".join(told) or "without --by and --filter"

    def address(self) -> str:
        """As a query string has them."""
        return urlencode(self.arguments(), doseq=True)


class Advice(Struct, frozen=True):
    """nearest: what is answered; None where nothing like it is. declare: the segment that would answer it, or that
    there is."""

    nearest: Words | None
    declare: ToDeclare | None

    def told(self) -> dict[str, Any]:
        """Beside a refusal, for programs."""
        nearest = {"nearest": self.nearest.arguments()} if self.nearest else {}
        return nearest | ({"declare": self.declare.lines} if self.declare and not self.declare.there else {})

    def in_words(self) -> str:
        """The same for the reader of a command, which tells what is wrong in one line."""
        nearest = f"; nearest that is answered: {self.nearest.options()}" if self.nearest else ""
        if self.declare is None or self.declare.there:
            return nearest
        its = ", ".join(self.declare.lines.splitlines()[1:])
        return f"{nearest}; to have it answered, declare a segment of the site in its settings: {its}"


def words_of(arguments: Mapping[str, str], filters: Collection[str]) -> Words:
    """Those of a query string."""
    metrics = tuple(name for name in arguments.get("metrics", "").split(",") if name)
    by, segment, order = (arguments.get(name, "") for name in ("by", "segment", "order"))
    return Words(by, tuple(filters), segment, metrics, order or _DEFAULT)


def advice(reports: Reports, site: Site, words: Words, days: Days, code: Code) -> Advice:
    """For a question that was refused with that code."""
    if code not in ABOUT:
        return Advice(None, None)
    filters = _filters(words)
    declare = _segment(site, words, filters, days)
    nearest = first_answered(
        _candidates(words, filters, declare),
        lambda one: one.query(site.key, days),
        lambda one: reports.stats(one.query(site.key, days)),
    )
    return Advice(nearest, declare)


def _filters(words: Words) -> tuple[Filter, ...]:
    with contextlib.suppress(BadQuery):
        return tuple(Filter.parse(text) for text in words.filters)
    return ()


def _segment(site: Site, words: Words, filters: tuple[Filter, ...], days: Days) -> ToDeclare | None:
    """The segment of the visits that are asked about, if it would answer."""
    if not filters:
        return None
    declare = to_declare(site, filters, words.segment)
    if declare is None:
        return None
    its = Words(words.by, (), declare.name, words.metrics, words.order)
    return declare if is_taken(lambda one: one.query(site.key, days), its) else None


def _candidates(words: Words, filters: tuple[Filter, ...], declare: ToDeclare | None) -> Iterator[Words]:
    """What is like it, the nearest first."""
    rows = tuple(filter(None, (name.strip() for name in words.by.split(","))))
    if declare and declare.there:
        yield Words(words.by, (), declare.name, words.metrics, words.order)
    if words.order != _DEFAULT:
        yield replace(words, order=_DEFAULT)
    for metric in words.metrics if len(words.metrics) > 1 else ():  # of which one alone may be in the way
        yield replace(words, metrics=tuple(one for one in words.metrics if one != metric), order=_DEFAULT)
    kept = (*(one.dimension for one in filters), *["segment"] * bool(words.segment))
    for by, left in likely(rows, kept):
        texts = tuple(one.text for one in filters if one.dimension in left)
        segment = words.segment if "segment" in left else ""
        yield Words(",".join(by), texts, segment, words.metrics)
    yield replace(words, metrics=(), order=_DEFAULT)


def _each(value: str | Collection[str]) -> Collection[str]:
    return [value] if isinstance(value, str) else value
