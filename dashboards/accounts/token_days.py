"""On which day a token that reads was used last.

In: a token's id. Out: a day (UTC). Promises: a day, no time and no question; written once a day for each token.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from ..database import Database


class TokenDays:
    """clock: Unix seconds."""

    def __init__(self, db: Database, clock: Callable[[], float]) -> None:
        self._db = db
        self._clock = clock
        self._noted: dict[str, str] = {}

    def note(self, token: str) -> None:
        """That it was used today."""
        today = dt.datetime.fromtimestamp(self._clock(), dt.UTC).date().isoformat()
        if self._noted.get(token) != today:
            self._db.remember("REPLACE INTO token_days (token, day) VALUES (?, ?)", token, today)
            self._noted[token] = today

    def all(self) -> dict[str, str]:
        """By token."""
        return dict(self._db.rows("SELECT token, day FROM token_days"))
