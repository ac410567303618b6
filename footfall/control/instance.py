"""What a command may ask: the one definition of the calls, for who answers them (`Engine`) and who passes them on
(`remote`, and the control application on the other side of the socket).

In: nothing. Out: the protocol, its calls by name, the arguments, and their checks. Promises: an argument that makes no
sense is refused by its value, before anything is asked.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Protocol, get_type_hints

import msgspec
from msgspec import Struct, structs

from pipeline.enrolled import Enrolled, named
from pipeline.imports import Batch
from schema.event import CrawlerViews
from schema.host import site_name

from ..errors import CannotDo
from ..health.finding import Finding
from ..settings import Settings, SiteSettings


class StatsRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """first, last: ISO dates, both included. filters: texts such as `page==/pricing`. What follows is as of a
    `Query`. What a later version asks besides is refused: without it the answer would be another one's."""

    site: str
    first: str
    last: str
    by: str = ""
    filters: tuple[str, ...] = ()
    limit: int = 1000
    metrics: tuple[str, ...] = ()
    order: str = "visitors"
    compare: bool = False
    offset: int = 0
    segment: str = ""


class Instance(Protocol):
    """The calls. Types of arguments and answers are those by which they are read from the socket."""

    @property
    def settings(self) -> Settings: ...
    def health(self) -> list[Finding]: ...
    def stats(self, request: StatsRequest) -> dict[str, Any]: ...
    def stats_query(self, question: dict[str, Any]) -> dict[str, Any]: ...
    def import_begin(self, site: str) -> str: ...
    def import_add(self, batch: Batch) -> None: ...
    def import_crawlers(self, run: str, views: list[CrawlerViews]) -> None: ...
    def import_finish(self, run: str, origin: str) -> dict[str, Any]: ...
    def import_preview(self, run: str) -> dict[str, Any]: ...
    def import_abandon(self, run: str) -> None: ...
    def import_runs(self) -> list[dict[str, Any]]: ...
    def import_undo(self, run: str) -> dict[str, Any]: ...
    def backup(self, path: str) -> dict[str, Any]: ...
    def status(self) -> dict[str, Any]: ...
    def spools(self) -> list[dict[str, Any]]: ...
    def spools_of(self, host: str) -> list[dict[str, Any]]: ...
    def spools_forget(self, spools: list[str]) -> None: ...
    def sites(self) -> list[dict[str, Any]]: ...
    def site_data(self, key: str) -> dict[str, Any]: ...
    def site_remove(self, key: str) -> dict[str, Any]: ...
    def site_months(self, key: str) -> list[str]: ...
    def site_rows(self, key: str, family: str, late: bool, month: str) -> list[dict[str, Any]]: ...
    def note_add(self, site: str, day: str, text: str) -> dict[str, Any]: ...
    def notes(self, site: str, first: str, last: str) -> list[dict[str, Any]]: ...
    def note_remove(self, site: str, id_: str) -> bool: ...
    def edits(self, site: str) -> dict[str, Any]: ...
    def edit_back(self, site: str, number: int) -> dict[str, Any]: ...
    def digest(self, site: str, every: str, day: str) -> dict[str, str]: ...
    def release_log(self, site: str, first: str, last: str) -> dict[str, Any]: ...
    def release_sites(self) -> list[str]: ...
    def release_chain(self, key: str) -> dict[str, Any]: ...
    def release_faults(self, key: str, month: str) -> list[dict[str, Any]]: ...
    def release_day(self, site: str, day: str) -> dict[str, Any]: ...
    def release_block(self, site: str, day: str, span: int) -> dict[str, Any]: ...
    def plan_days(self, site: str, first: str) -> dict[str, Any]: ...
    def plan_rows(self, site: str, named: str, table: str, day: str, nth: int, parts: int) -> bytes: ...


class Call(Struct, frozen=True):
    """takes: the types of the arguments, in their order. gives: that of the answer."""

    takes: tuple[Any, ...]
    gives: Any


def _call(method: Any) -> Call:
    hints = get_type_hints(method)
    gives = hints.pop("return")
    return Call(tuple(hints.values()), gives)


CALLS = {
    name: _call(method.fget if isinstance(method, property) else method)
    for name, method in vars(Instance).items()
    if not name.startswith("_")
}


def spools_of(found: list[dict[str, Any]], host: str) -> list[dict[str, Any]]:
    """Those of a host, none of which reports. Raises CannotDo."""
    mine = [structs.asdict(one) for one in named([Enrolled(**one) for one in found], host)]
    if not mine:
        there = ", ".join(one["spool"] for one in found) or "none"
        raise CannotDo(f"host {host!r}: no spool of it has ever reported; there are {there}")
    reporting = [one["spool"] for one in mine if one["reports"]]
    if reporting:
        raise CannotDo(f"host {host!r}: {', '.join(reporting)} has reported within a minute; stop its collector first")
    return mine


def ad_hoc_site(name: str) -> SiteSettings:
    """A site that no settings file names, with every default. Raises CannotDo for an impossible name."""
    try:
        return msgspec.convert({"key": site_name(name)}, SiteSettings)
    except msgspec.ValidationError:
        raise CannotDo(f"site {name!r}: a site is named by letters, digits, '.', '_' and '-'") from None


def iso_date(text: str) -> dt.date:
    """A date as a person or a script writes it. Raises CannotDo."""
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise CannotDo(f"date {text!r}: write a day that there is, as YYYY-MM-DD") from None
