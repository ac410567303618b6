"""Records as lists, found by name: what waits on disk, or comes from another process, may be of another version.

In: the names of the fields that lists were written by. Out: lists in the order of this version's struct.
Promises: a field that was not there yet gets its default; one that this version does not know is refused by its name,
and never stored under another's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import NODEFAULT, Struct, structs

from schema.event import Count, CrawlerViews, Erasure, Event

# What a spool file holds, by kind of group.
RECORDS: Mapping[str, type[Struct]] = {
    "events": Event,
    "counts": Count,
    "erasures": Erasure,
    "crawlers": CrawlerViews,
}
FIELDS: Mapping[str, tuple[str, ...]] = {kind: record.__struct_fields__ for kind, record in RECORDS.items()}
# A field that is added to a record stands here, with what the records from before have in it, unless the struct says so
# itself (which it can of its last fields only).
LATER: Mapping[str, Mapping[str, Any]] = {
    "events": {"network_number": 0, "page_language": "", "elements": {}},
    "counts": {},
    "erasures": {},
    "crawlers": {},
}

# Frozen: what was written before the names were written, too (spool files of format 1, lists in quarantine).
FIELDS_1: Mapping[str, tuple[str, ...]] = {
    "events": (
        *("site", "received", "day", "lifetime", "id", "visitor", "name", "interactive", "hostname", "path", "query"),
        *("referrer", "source", "channel", "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"),
        *("country", "region", "city", "device", "browser", "browser_version", "os", "os_version", "screen"),
        *("language", "props", "currency", "amount", "engaged_ms", "scroll", "lcp", "inp", "cls", "fcp", "ttfb"),
        "network",
    ),
    "counts": ("site", "minute", "reason", "count"),
    "erasures": ("site", "at", "day", "visitor"),
}


class LayoutUnknown(ValueError):
    """Lists of fields that this version cannot place."""


def arranged(kind: str, names: Sequence[str]) -> Callable[[list[Any]], list[Any]] | None:
    """What makes of a list of these fields one in the order of the record's; None where they are the same. Raises
    LayoutUnknown."""
    wanted = FIELDS[kind]
    if tuple(names) == wanted:
        return None
    unknown = [name for name in names if name not in wanted]
    if unknown or len(set(names)) != len(names):
        what = f"the field {unknown[0]!r:.60}, which this version does not know" if unknown else "a field twice"
        raise LayoutUnknown(f"{kind} have {what}; read them with the version that wrote them, or a later one")
    places = {name: place for place, name in enumerate(names)}
    defaults = {name: _default(kind, name) for name in wanted if name not in places}

    def arrange(row: list[Any]) -> list[Any]:
        if not isinstance(row, list) or len(row) != len(places):
            return [row]  # not what its own header says: of no record's length, so it is refused, and kept whole
        return [row[places[name]] if name in places else defaults[name] for name in wanted]

    return arrange


def by_name(names: Sequence[str], row: Any) -> dict[str, Any]:
    """The fields of a list, as far as they are there."""
    return dict(zip(names, row, strict=False)) if isinstance(row, list) else {}


def _default(kind: str, name: str) -> Any:
    field = next(field for field in structs.fields(RECORDS[kind]) if field.name == name)
    if field.default is not NODEFAULT:
        return field.default
    if field.default_factory is not NODEFAULT:
        return field.default_factory()
    if name in LATER[kind]:
        return LATER[kind][name]
    raise LayoutUnknown(f"{kind} lack the field {name!r}, which has no default")
