"""Visitors without identity: the keyed hash of rule H1.

In: a site-day's key and the parts that its settings allow. Out: 8 bytes as a number that means
nothing on another site or day.
Source of the construction: BLAKE2 (RFC 7693) keyed mode; lengths before every part, because without them two
visitors could be made to collide by moving a character from one part to the next.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

Key = bytes | bytearray
_BYTE = 255


def visitor_number(key: Key, site: str, parts: Iterable[str]) -> int:
    """The visitor of that site and day."""
    return _keyed(key, (site, *parts))


def event_number(key: Key, sender_id: str) -> int:
    """The number of an id the sender gave to an event; never 0, which means that he gave none."""
    return _keyed(key, ("id", sender_id)) or 1


def network_number(key: Key, network: str) -> int:
    """The number of a truncated address; never 0, which means that a row has none."""
    # One part needs no lengths; the person keeps it apart from the numbers above.
    return int.from_bytes(blake2b(network.encode(), key=key, digest_size=8, person=b"network").digest(), "big") or 1


def usual_visitor_number(key: Key, site: str, a: str, b: str, c: str, d: str) -> int:
    """The same of four parts, to the byte; in less than two thirds of the time where all are as they almost always are:
    of ASCII, and so short that one byte tells how short."""
    if len(site) > _BYTE or len(a) > _BYTE or len(b) > _BYTE or len(c) > _BYTE or len(d) > _BYTE:
        return _keyed(key, (site, a, b, c, d))
    if not f"{site}{a}{b}{c}{d}".isascii():
        return _keyed(key, (site, a, b, c, d))
    text = (
        f"\0\0\0{chr(len(site))}{site}\0\0\0{chr(len(a))}{a}\0\0\0{chr(len(b))}{b}"
        f"\0\0\0{chr(len(c))}{c}\0\0\0{chr(len(d))}{d}"
    )
    # Of what is no letter of ASCII here are lengths alone.
    return _number(key, text.encode("latin-1"))


def _keyed(key: Key, parts: Iterable[str]) -> int:
    message = bytearray()
    for part in parts:
        data = part.encode("utf-8", "surrogateescape")
        message += len(data).to_bytes(4, "big")
        message += data
    return _number(key, message)


def _number(key: Key, message: bytes | bytearray) -> int:
    return int.from_bytes(blake2b(message, key=key, digest_size=8).digest(), "big")
