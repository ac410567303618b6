"""The canary search: does any trace of what a visitor sent exist anywhere on disk?

In: marks, and places to look. Out: what was found where. Each mark is searched raw and in the forms that software
turns it into: packed, hex, base64, percent.
"""

from __future__ import annotations

import base64
import ipaddress
import random
import string
from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct


class Marks(Struct, frozen=True):
    """What one visitor carries, made of letters that occur nowhere else."""

    address: str
    address6: str
    agent: str
    email: str
    handle: str
    secret: str

    @property
    def agent_string(self) -> str:
        return f"Mozilla/5.0 (X11; Linux x86_64; {self.agent}) Gecko/20100101 Firefox/120.0"


def fresh(chance: random.Random) -> Marks:
    """Marks nobody has used before."""

    def word() -> str:
        return "".join(chance.choices(string.ascii_lowercase, k=14))

    v4 = ipaddress.IPv4Address(chance.randrange(0x0B000000, 0x7E000000))
    v6 = ipaddress.IPv6Address((0x2001_0DB8 << 96) | chance.getrandbits(96))
    return Marks(str(v4), str(v6), word(), f"{word()}@{word()}.example", word(), word())


def forms(mark: str) -> Iterator[bytes]:
    """Every form of one mark."""
    raw = mark.encode()
    yield raw
    yield raw.hex().encode()
    yield raw.hex().upper().encode()
    yield "".join(f"%{byte:02X}" for byte in raw).encode()
    yield "".join(f"%{byte:02x}" for byte in raw).encode()
    yield mark.replace("@", "%40").encode()
    # Base64 of a longer text that holds the mark: three alignments, without the edges that depend on neighbours.
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + raw)
        yield encoded[4 if shift else 0 : len(encoded) // 4 * 4 - 4]
    try:
        yield from _address_forms(ipaddress.ip_address(mark))
    except ValueError:
        return


def _address_forms(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> Iterator[bytes]:
    yield address.packed
    yield address.packed[::-1]
    yield address.exploded.encode()
    if isinstance(address, ipaddress.IPv4Address):
        yield str(int(address)).encode()


def search(places: Iterable[Path], dumped: bytes, marks: Iterable[str]) -> list[tuple[str, bytes, str]]:
    """(mark, form, where) of every hit in the files below the places and in the dumped columns."""
    wanted = [(mark, form) for mark in marks for form in set(forms(mark))]
    hits = [(mark, form, "columns") for mark, form in wanted if form in dumped]
    for place in places:
        for path in [place] if place.is_file() else sorted(place.rglob("*")):
            if path.is_file():
                content = path.read_bytes()
                hits += [(mark, form, str(path)) for mark, form in wanted if form in content]
                hits += [(mark, form, f"name of {path}") for mark, form in wanted if form in str(path).encode()]
    return hits
