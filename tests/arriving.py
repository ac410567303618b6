"""Events of a test that are written together, before the store is looked at."""

from __future__ import annotations

from collections.abc import Sequence

from schema.event import Event
from schema.store import Store
from tests.conftest import insert


class Arriving:
    """What has events happen: `arriving` holds those that are not written yet."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.arriving: list[Event] = []

    @property
    def store(self) -> Store:
        """Which has all that happened until now, written at once."""
        events, self.arriving = self.arriving, []
        if events:
            insert(self._store, events)
        return self._store


def arrived_of(all_of_them: Sequence[Arriving]) -> None:
    """Write what happened until now to several, of one store, at once."""
    first, *others = all_of_them
    for other in others:
        first.arriving += other.arriving
        other.arriving = []
    assert first.store
