"""The file of one event in quarantine: what it holds, whose it is, when it dies, and what is wrong with it.

In: a file, of this version or of one before. Out: `Kept`, and what is told of it. Promises: a reason names a field, and
none of its values; what cannot be read names nobody, and dies soon.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from schema.atomic_file import write_atomically
from schema.event import Event, dies_at

from .aside import KEPT_S
from .file import SpoolFileBad, read_sealed
from .layout import FIELDS, FIELDS_1, LayoutUnknown, arranged, by_name

_FIELDS = FIELDS["events"]
_WHOSE = ("site", "day", "visitor")
# What the columns of schema/sql/0018_baseline.sql can hold.
_BITS = {
    "received": 32,
    "day": 16,
    "lifetime": 16,
    "id": 64,
    "visitor": 64,
    "engaged_ms": 32,
    "scroll": 8,
    "network_number": 64,
}
_AT_FIELD = re.compile(r"`\$\[(\d+)\]")


class Kept(Struct, frozen=True):
    """What a file holds. row: the values of `fields`, if it is as it should be."""

    fields: tuple[str, ...]
    row: Any

    @property
    def named(self) -> dict[str, Any]:
        """The fields by name, as far as they are there."""
        return by_name(self.fields, self.row)


def whose_of(path: Path) -> tuple[Any, ...] | None:
    """Site, day and visitor of an event in quarantine or being replayed. What cannot be read names nobody, and dies
    with its lifetime."""
    try:
        named = by_name(_FIELDS, read_sealed(path)[1][0]) if path.suffix == ".sealed" else read(path).named
        whose = tuple(named[field] for field in _WHOSE)
        hash(whose)
    except (OSError, SpoolFileBad, msgspec.MsgspecError, TypeError, IndexError, KeyError):
        return None
    return whose


def read(path: Path) -> Kept:
    """What a file holds. Raises FileNotFoundError or msgspec.MsgspecError."""
    try:
        found = msgspec.msgpack.decode(path.read_bytes())
    except UnicodeDecodeError:
        raise msgspec.DecodeError("is not UTF-8") from None
    # Until the names were kept, too, a file was the bare list.
    return Kept(FIELDS_1["events"], found) if isinstance(found, list) else msgspec.convert(found, Kept)


def arranged_row(kept: Kept) -> list[Any]:
    """The event in the order of its struct. Raises LayoutUnknown."""
    arrange = arranged("events", kept.fields)
    if not isinstance(kept.row, list):
        raise LayoutUnknown("events are lists")
    return arrange(kept.row) if arrange else kept.row


def reason_of(kept: Kept) -> str:
    """What is wrong with an event, naming the field but no value; "" where only the store knows."""
    if not isinstance(kept.row, list):
        return "cannot be read"
    if len(kept.row) != len(kept.fields):
        return f"has {len(kept.row)} fields instead of {len(kept.fields)}"
    try:
        row = arranged_row(kept)
    except LayoutUnknown as problem:
        return str(problem)
    try:
        event = msgspec.convert(row, Event)
    except msgspec.ValidationError as problem:
        place = _AT_FIELD.search(str(problem))
        return f"{_FIELDS[int(place[1])]}: of another type" if place else "of another type"
    for name, bits in _BITS.items():
        if not 0 <= getattr(event, name) < 1 << bits:
            return f"{name}: out of range"
    if not -(1 << 63) <= event.amount < 1 << 63:
        return "amount: out of range"
    return ""


def dies_at_of(path: Path) -> float:
    """When an event's time is over: with its lifetime; much earlier where it names no visitor, for no erasure would
    find it."""
    soon = path.stat().st_mtime + KEPT_S
    try:
        fields = read(path).named
        end = dies_at(int(fields["received"]), int(fields["lifetime"]))
        site, day, visitor = (fields[field] for field in _WHOSE)
    except (msgspec.MsgspecError, ValueError, TypeError, KeyError, OverflowError):
        return soon
    named = isinstance(site, str) and isinstance(day, int) and isinstance(visitor, int)
    return end if named else min(end, soon)


def write(path: Path, row: list[Any]) -> None:
    """Keep an event, a list in the order of its struct, durably."""
    write_atomically(path, msgspec.msgpack.encode(Kept(_FIELDS, row)))
