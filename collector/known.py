"""What the steps found of a visitor and of a page, so that a known visitor's next beacon does not ask them all again.

In: drafts that became events, with all that their requests tell of the sender. Out: the row of the next beacon of such
a sender on such a page, to the byte the one that the steps would make.
Promises: it holds no address, no agent, no header but the origin of the page, and nothing else that a row may not hold:
what a request tells is known again by a digest, whose key is random, never leaves the process and is replaced with
every key of a site, so at midnight; its size is bounded; it ends no beacon: whatever is not known, or has to be decided
anew, goes through the steps.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Raw, Struct

from schema.event import ENGAGEMENT, NO_SCROLL, NOT_MEASURED, PAGEVIEW, Event

from .enrich.page import passed_unchanged
from .enrich.referrer import is_bare
from .event_row import time_of
from .model import Beacon, Draft, Rules
from .privacy.untrusted_proxy import UntrustedProxy
from .privacy.visitor_id import Key, event_number
from .steps import page_language_of

# Of each generation; there are two.
VISITORS_KNOWN = 4096
PAGES_KNOWN = 2048
HEADS_KNOWN = 4096
_KEY_BYTES = 32
_DIGEST_BYTES = 16
# Where the runs of a row's fields begin that have one origin: the visitor, the page, or the beacon alone.
_RUNS = (
    *("site", "received", "day", "id", "visitor", "name", "hostname", "country", "page_language", "network"),
    "elements",
)
_BEGINNINGS = [Event.__struct_fields__.index(name) for name in _RUNS]
_ENDS = [*_BEGINNINGS[1:], len(Event.__struct_fields__)]
_SLICES = {name: slice(*ends) for name, *ends in zip(_RUNS, _BEGINNINGS, _ENDS, strict=True)}
_PAGE = _SLICES["hostname"]
_NO_PAGE = (None,) * (_PAGE.stop - _PAGE.start)
# A list of more than 15 and of less than 65,536 fields.
_LIST = b"\xdc" + len(Event.__struct_fields__).to_bytes(2, "big")
_NO_ID, _NO_ELEMENTS = b"\x00", b"\x80"
_encode = msgspec.msgpack.Encoder().encode
_Value = TypeVar("_Value")


class Visitor(Struct, frozen=True, gc=False):
    """What the rows of one visitor of a site have in common, written as they have it."""

    site: bytes
    days: bytes
    number: bytes
    place: bytes
    network: bytes
    visitor: int
    network_number: int
    untrusted_proxy: UntrustedProxy | None


class Seen(Struct, frozen=True, gc=False):
    """A visitor's first row without its page. Many come once: what the next ones have in common with it is written when
    one comes."""

    row: tuple[Any, ...]
    visitor: int
    network_number: int
    untrusted_proxy: UntrustedProxy | None


class Known:
    """What one worker knows."""

    def __init__(self) -> None:
        self._keys: dict[str, Key] = {}
        self.forget()

    def forget(self) -> None:
        """Know nothing any more: other rules hold, or another key."""
        # Its key is read once; a copy of it costs two thirds of a new one.
        self._keyed = blake2b(key=os.urandom(_KEY_BYTES), digest_size=_DIGEST_BYTES)
        self._keys.clear()
        self._visitors = _Generations[bytes, Visitor | Seen](VISITORS_KNOWN)
        self._pages = _Generations[tuple[str, str, str], bytes](PAGES_KNOWN)
        self._heads = _Generations[bytes, tuple[bytes, bytes]](HEADS_KNOWN)

    def follow(self, key_of: Callable[[str], Key | None]) -> None:
        """Forget everything once the key of a site is not what it was. Called every second."""
        if any(key_of(site) is not key for site, key in self._keys.items()):
            self.forget()

    def sender(self, text: bytes, beacon: Beacon) -> bytes:
        """By what the sender of a beacon is known again: a digest of all that the steps look at, but for the page and
        what `row` reads."""
        # None of these holds the end of a line.
        more = f"\n{beacon.domains[0]}\n{beacon.time_zone}\n{beacon.width}\n{beacon.consent}"
        digest = self._keyed.copy()
        digest.update(text + more.encode("utf-8", "surrogatepass"))
        return digest.digest()

    def know_head(self, head: bytes, sender: bytes, origin: bytes) -> None:
        """A head, by a digest of `sender`, and whom it was found to come from."""
        self._heads[head] = (sender, origin)

    def head(self, head: bytes) -> tuple[bytes, bytes] | None:
        """Whom it comes from: the digest that he is known by, and the origin of his page."""
        return self._heads.get(head)

    def remember(self, sender: bytes, draft: Draft, event: Event) -> None:
        """A draft that went through all steps, and what they made of it."""
        site, beacon = draft.rules.site.key, draft.beacon
        if self._keys.setdefault(site, draft.key) is not draft.key:
            self.forget()  # the digest, too, is of yesterday
            return
        row = msgspec.structs.astuple(event)
        mine = row[: _PAGE.start] + _NO_PAGE + row[_PAGE.stop :]
        self._visitors[sender] = Seen(mine, event.visitor, event.network_number, draft.client.untrusted_proxy)
        page = (site, beacon.url, beacon.referrer)
        strips = draft.rules.site.trailing_slash == "strip"
        # What was scrubbed, cut or dropped is worked out anew each time: nothing holds what a row may not.
        if self._pages.get(page) is None and passed_unchanged(beacon.url, strips) and is_bare(beacon.referrer):
            self._pages[page] = _written(row, "hostname")

    def visitor(self, sender: bytes, rules: Rules, key: Key | None) -> Visitor | None:
        """Whom a beacon comes from, if he is known by that key, which is the day's as it is now."""
        if key is None or key is not self._keys.get(rules.site.key):
            return None
        found = self._visitors.get(sender)
        if isinstance(found, Seen):
            found = self._visitors[sender] = _visitor_of(found)
        return found

    def row(self, visitor: Visitor, rules: Rules, beacon: Beacon, received: int) -> Raw | None:
        """The visitor's row of that beacon; None where the page is not known."""
        site = rules.site.key
        page = self._pages.get((site, beacon.url, beacon.referrer))
        if page is None:
            return None
        return Raw(
            b"".join(
                (
                    visitor.site,
                    _encode(time_of(received, rules)),
                    visitor.days,
                    _encode(event_number(self._keys[site], beacon.id)) if beacon.id else _NO_ID,
                    visitor.number,
                    _named(beacon.name, beacon.interactive),
                    page,
                    visitor.place,
                    _measured(beacon),
                    visitor.network,
                    _NO_ELEMENTS,
                )
            )
        )


def is_usual(beacon: Beacon) -> bool:
    """Whether nothing of a beacon needs a closer look but its sender and its page: a page view or a report, for one
    site, without words of the page's own."""
    return (
        beacon.name in (PAGEVIEW, ENGAGEMENT)
        and len(beacon.domains) == 1
        and not (beacon.props or beacon.currency or beacon.amount or beacon.elements)
    )


def _visitor_of(seen: Seen) -> Visitor:
    row = seen.row
    return Visitor(
        _LIST + _written(row, "site"),
        _written(row, "day"),
        _written(row, "visitor"),
        _written(row, "country"),
        _written(row, "network"),
        seen.visitor,
        seen.network_number,
        seen.untrusted_proxy,
    )


def _written(row: tuple[Any, ...], run: str) -> bytes:
    """A run of a row's fields as they stand in it: without what says that they are a list, which is one byte."""
    return _encode(row[_SLICES[run]])[1:]


@lru_cache(maxsize=4)
def _named(name: str, interactive: bool) -> bytes:
    return _encode((name, interactive))[1:]


def _measured(beacon: Beacon) -> bytes:
    language, vitals = page_language_of(beacon), beacon.vitals
    if not vitals and beacon.scroll == NO_SCROLL and not beacon.engaged_ms:
        return _unmeasured(language)
    return _run_of_measures(language, beacon.engaged_ms, beacon.scroll, vitals)


# There are as many as languages have codes.
@lru_cache(maxsize=512)
def _unmeasured(language: str) -> bytes:
    return _run_of_measures(language, 0, NO_SCROLL, {})


def _run_of_measures(language: str, engaged_ms: int, scroll: int, vitals: Mapping[str, float]) -> bytes:
    measured = [vitals.get(name, NOT_MEASURED) for name in ("lcp", "inp", "cls", "fcp", "ttfb")]
    return _encode((language, {}, "", 0, engaged_ms, min(scroll, NO_SCROLL), *measured))[1:]


_Key = TypeVar("_Key")


class _Generations(Generic[_Key, _Value]):
    """A memory of the last ones: when it has so many, those become the generation before, and that one is forgotten."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._now: dict[_Key, _Value] = {}
        self._before: dict[_Key, _Value] = {}

    def get(self, key: _Key) -> _Value | None:
        value = self._now.get(key)
        if value is None:
            value = self._before.get(key)
            if value is not None:
                self[key] = value
        return value

    def __setitem__(self, key: _Key, value: _Value) -> None:
        if len(self._now) >= self._most:
            self._now, self._before = {}, self._now
        self._now[key] = value

    def __len__(self) -> int:
        return len(self._now) + len(self._before)
