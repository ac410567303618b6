"""A visitor key: 32 random bytes of one site and one local day (rule H2), made, held and wiped.

In: nothing; a key is derived from nothing. Out: keys in memory that can be overwritten. Promises: none is ever shown.
"""

from __future__ import annotations

import os

from msgspec import Struct

KEY_BYTES = 32
# A request received before midnight may still be in the collector; what pipeline/spool/spool.py calls IN_FLIGHT_S.
DESTROY_AFTER_S = 10
SiteDay = tuple[str, int]


class NoKey(Exception):
    """There is no key for that site and day."""


class Held(Struct):
    """A key, and the moment (Unix seconds) at which it is destroyed. Never shown."""

    key: bytearray
    until: int

    def __repr__(self) -> str:
        return "Held(…)"


def new_key() -> bytearray:
    """A key of the kernel's randomness, in memory that can be wiped."""
    # Read into place: what secrets.token_bytes returns could not be wiped.
    key = bytearray(KEY_BYTES)
    descriptor = os.open("/dev/urandom", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if os.readv(descriptor, [key]) != KEY_BYTES:
            raise OSError("no randomness")
    finally:
        os.close(descriptor)
    return key


def wipe(key: bytearray) -> None:
    """Overwrite a key in place."""
    key[:] = bytes(len(key))


class EphemeralKeys:
    """Keys of past days for an import: made on first use, in memory only, gone with the command."""

    def __init__(self) -> None:
        self._keys: dict[SiteDay, bytearray] = {}

    def key(self, site: str, day: int) -> bytearray:
        """The key of a site-day, made now if there was none."""
        if (site, day) not in self._keys:
            self._keys[site, day] = new_key()
        return self._keys[site, day]

    def destroy(self) -> None:
        for key in self._keys.values():
            wipe(key)
        self._keys.clear()
