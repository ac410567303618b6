"""The engineers' pages: what would be stored of the request that asks, preset by preset; why events are missing; and
how the instance is.

In: what the composition root hands in as `Compare`, `Why` and `Health`. Out: what the pages show. Promises: these are
plain values; the dashboards themselves know neither presets nor addresses, and keep nothing of a request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256

import msgspec
from msgspec import Struct
from starlette.types import Scope

PATH = "/engineers/request"
WHY_PATH = "/engineers/why"
HEALTH_PATH = "/engineers/health"
# What a page of a shop may send, with things in it that must not be kept.
EXAMPLE = {
    "url": "https://example.com/u/anna@example.org/orders?utm_source=newsletter&utm_term=shoes&token=8c1f0d2b",
    "referrer": "https://www.google.com/search?q=shoes",
}
FIELDS = ("site", "url", "referrer", "time_zone", "width")


class Sent(Struct, frozen=True):
    """Something that was sent, and for each field that comes of it what every column would store ("" is nothing)."""

    label: str
    value: str
    fields: tuple[tuple[str, tuple[str, ...]], ...]


class Compared(Struct, frozen=True):
    """columns: the presets, and what is set."""

    columns: tuple[str, ...]
    sent: tuple[Sent, ...]


# From the request as it came and the form beside it.
Compare = Callable[[Scope, Mapping[str, str]], Compared]


class Missing(Struct, frozen=True):
    """What did not become an event in the last hour. often: in words. wire: the format."""

    often: str
    site: str
    wire: str
    reason: str
    message: str
    page: str


class Told(Struct, frozen=True):
    """counts: (site, reason, how often in words) of the last day (UTC) that is over."""

    counts: tuple[tuple[str, str, str], ...]
    missing: tuple[Missing, ...]

    @property
    def version(self) -> str:
        """Changes when anything of it does."""
        return sha256(msgspec.json.encode(self)).hexdigest()[:16]


Why = Callable[[], Told]


class Checked(Struct, frozen=True):
    """One thing that was looked at. state: "ok", "note", "warning" or "bad". remedy: "" where there is none to take."""

    check: str
    state: str
    finding: str
    remedy: str


Health = Callable[[], Sequence[Checked]]
