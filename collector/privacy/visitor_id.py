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


def _keyed(key: Key, parts: Iterable[str]) -> int:
    message = bytearray()
    for part in parts:
        data = part.encode("utf-8", "surrogateescape")
        message += len(data).to_bytes(4, "big")
        message += data
    return int.from_bytes(blake2b(message, key=key, digest_size=8).digest(), "big")
