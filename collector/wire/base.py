"""What a wire format is, and what passes between it and the endpoint.

In: a request as it came. Out: beacons with the other end they speak for; later, an answer to what became of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from ..outcome import Reason
from ..steps import Client
from .values import Beacon, Refused


class Incoming(Struct, frozen=True, gc=False):
    """A request as a format reads it. query: as sent. path: what the route's placeholders matched."""

    client: Client
    body: bytes
    query: bytes
    path: Mapping[str, str]
    headers: Sequence[tuple[bytes, bytes]]
    now: float

    def __repr__(self) -> str:
        return "Incoming(…)"

    def header(self, name: bytes) -> str:
        """The first header of that name (lower case), or ""."""
        return next((value.decode("latin-1") for key, value in self.headers if key == name), "")


class Arrival(Struct, frozen=True, gc=False):
    """A beacon and the other end it speaks for. received: Unix seconds of something earlier today, which only a
    site's own server may say; 0 = now. by_token: it is such a server that says so."""

    beacon: Beacon
    client: Client
    received: float = 0.0
    by_token: bool = False

    def __repr__(self) -> str:
        return "Arrival(…)"


# What became of one beacon: a reason for each site it was meant for, or why it was not even one.
Outcome = tuple[Reason, ...] | Refused
# What becomes of almost every request: one beacon, for one site, on disk.
TAKEN: Sequence[Outcome] = [(Reason.ACCEPTED,)]


class Answer(Struct, frozen=True):
    """What a format says. X-Footfall-Reason and the headers that every answer has are the endpoint's."""

    status: int
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Format(Protocol):
    """A wire format."""

    @property
    def name(self) -> str:
        """What it is called where refusals are explained."""

    @property
    def methods(self) -> tuple[str, ...]:
        """Those it takes."""

    @property
    def max_body(self) -> int:
        """The longest body, in bytes."""

    @property
    def request_headers(self) -> str:
        """The headers that a page of another origin may send."""

    def read(self, incoming: Incoming) -> Sequence[Arrival | Refused]:
        """The beacons of a request; a Refused in place of one of several that is malformed. Raises Refused."""

    def answer(self, outcomes: Sequence[Outcome], incoming: Incoming) -> Answer:
        """What is said once everything that can be is on disk. One outcome for each that was read."""

    def refuse(self, refused: Refused) -> Answer:
        """What is said of a request of which nothing was taken."""


def told(outcomes: Sequence[Outcome]) -> list[Reason]:
    """The reasons that a sender may be told, one for each beacon and site that did not become an event."""
    return [reason for reason in reasons_in(outcomes) if reason is not Reason.ACCEPTED and not reason.is_silent]


def first_refusal(outcomes: Sequence[Outcome]) -> Refused | None:
    """Why nothing at all was taken, where the sender can mend it."""
    if any(isinstance(outcome, tuple) and Reason.BAD_URL not in outcome for outcome in outcomes):
        return None
    for outcome in outcomes:
        if isinstance(outcome, Refused):
            return outcome
    return Refused(Reason.BAD_URL, "url", "is not a URL of a web page")


def reasons_in(outcomes: Sequence[Outcome]) -> Iterator[Reason]:
    """What became of each beacon at each site."""
    for outcome in outcomes:
        if isinstance(outcome, Refused):
            yield outcome.reason
        else:
            yield from outcome
