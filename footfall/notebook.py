"""The notes of sites, as the pages of editors have them.

In: the engine. Out: notes; a store with one more, or one fewer.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from dashboards.editing.desk import EditRefused, Note
from schema.annotations import FIRST_DAY, LAST_DAY

from .control.engine import Engine
from .errors import CannotDo


class EngineNotes:
    """Those in the engine's store."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of(self, key: str) -> Sequence[Note]:
        """All notes, the latest first: also those of days to come, and of long ago, which are removed as the others."""
        found = self._engine.notes(key, str(FIRST_DAY), str(LAST_DAY))
        return [Note(one["id"], dt.date.fromisoformat(one["day"]), one["text"]) for one in reversed(found)]

    def add(self, key: str, day: str, text: str) -> None:
        """Note something of a day."""
        with _refused("text"):
            self._engine.note_add(key, day, text)

    def remove(self, key: str, id_: str) -> None:
        """Take a note back; one that is gone already is gone."""
        with _refused(""):
            self._engine.note_remove(key, id_)


@contextmanager
def _refused(where: str) -> Iterator[None]:
    try:
        yield
    except CannotDo as problem:
        raise EditRefused(str(problem), "day" if str(problem).startswith("date ") else where) from None
