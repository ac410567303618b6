"""What the steps have made of a request, between the moment it came and the moment it is answered.

In: events, erasures, outcomes, counts. Out: whether the disk has to be waited for.
"""

from __future__ import annotations

from msgspec import Struct

from schema.event import Erasure, Event

from .ended import CrawlerView
from .outcome import Outcome, Reason

# Site, reason and when; or a crawler's view.
Counted = tuple[str, Reason, float] | CrawlerView


class Taken(Struct, gc=False):
    """A request that has been through the steps. counts are booked only once it is taken for good: a sender who is told
    to try again is not counted twice. silent: something of it must look like acceptance."""

    events: list[Event]
    erasures: list[Erasure]
    outcomes: list[Outcome]
    counts: list[Counted]
    silent: bool = False

    @property
    def waits(self) -> bool:
        """Whether it is answered only once the disk has been."""
        return bool(self.events or self.erasures or self.silent)
