"""What a wire format is: a request as it came, how it is read, and how what became of it is answered.

In: a request. Out: beacons with the other end they speak for; later, an answer to what became of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from ..model import Arrival, Client
from ..outcome import Outcome, Refused


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


class Answer(Struct, frozen=True):
    """What a format says. X-Footfall-Reason and the headers that every answer has are the endpoint's."""

    status: int
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Errors(Struct, frozen=True):
    """By field: what is wrong with it."""

    errors: dict[str, list[str]]


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
