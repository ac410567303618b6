"""What was sent to whom, so that nothing is sent twice and nothing is forgotten.

In: a SQLite file, what is to be sent. Out: leave to send it, at most once at a time; who wants nothing more.
Promises: no address, no text and no number is in the file: a receiver is a keyed digest, and what is sent is made anew
at every attempt. What may have arrived is never sent again: the moment before the last byte can be given away is
written down first. Several processes may share the file.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from msgspec import Struct

from ..database import Database

# due: to be sent at `next`. sending: somebody is about to. handing over: the last byte may be gone. sent, refused: that
# is over. unclear: it may have arrived or not, so it is not sent again.
State = Literal["due", "sending", "handing over", "sent", "refused", "unclear"]

_MIGRATIONS = (
    """
    CREATE TABLE IF NOT EXISTS secret (value BLOB NOT NULL);
    CREATE TABLE IF NOT EXISTS deliveries (
        what TEXT NOT NULL, receiver BLOB NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL, next REAL NOT NULL,
        at REAL NOT NULL, problem TEXT NOT NULL, PRIMARY KEY (what, receiver)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS unsubscribed (
        list TEXT NOT NULL, receiver BLOB NOT NULL, at REAL NOT NULL, PRIMARY KEY (list, receiver)
    ) WITHOUT ROWID;
    """,
)
# From five minutes on twice as long each time: the last attempt is a day and a half after the first.
FIRST_WAIT_S, LONGEST_WAIT_S, MOST_ATTEMPTS = 300.0, 6 * 3600.0, 12
# Whoever has not said more for so long is gone.
GONE_AFTER_S = 900.0
KEPT_S = 400 * 86_400.0


class Delivery(Struct, frozen=True):
    """what: such as `digest week shop.example 2031-06-09`. receiver: its mark. at: when that was so, Unix seconds."""

    what: str
    receiver: str
    state: State
    attempts: int
    at: float
    problem: str


class Outbox:
    """clock: Unix seconds."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._db = Database(path, _MIGRATIONS)
        self._clock = clock
        made = secrets.token_bytes(32)
        self._db.rows("INSERT INTO secret (value) SELECT ? WHERE NOT EXISTS (SELECT 1 FROM secret)", made)
        self._secret: bytes = self._db.rows("SELECT value FROM secret")[0][0]

    def close(self) -> None:
        self._db.close()

    def mark(self, receiver: str) -> str:
        """What stands for a receiver: it tells nobody who that is."""
        return hmac.digest(self._secret, receiver.encode(), "sha256")[:16].hex()

    def take(self, what: str, receiver: str) -> bool:
        """Whether it is to be sent now, by this caller alone."""
        now, key = self._clock(), (what, bytes.fromhex(self.mark(receiver)))
        with self._db.changing() as db:
            db.execute(
                "INSERT OR IGNORE INTO deliveries (what, receiver, state, attempts, next, at, problem) "
                "VALUES (?, ?, 'due', 0, 0, ?, '')",
                (*key, now),
            )
            db.execute(
                "UPDATE deliveries SET state = iif(state = 'sending', 'due', 'unclear'), at = ? "
                "WHERE what = ? AND receiver = ? AND state IN ('sending', 'handing over') AND at < ?",
                (now, *key, now - GONE_AFTER_S),
            )
            taken = db.execute(
                "UPDATE deliveries SET state = 'sending', attempts = attempts + 1, at = ? "
                "WHERE what = ? AND receiver = ? AND state = 'due' AND next <= ? RETURNING 1",
                (now, *key, now),
            ).fetchall()
            db.execute("DELETE FROM deliveries WHERE at < ?", (now - KEPT_S,))
        return bool(taken)

    def is_over(self, what: str, receiver: str) -> bool:
        """Whether nothing is left to do."""
        sql = "SELECT 1 FROM deliveries WHERE what = ? AND receiver = ? AND state IN ('sent', 'refused', 'unclear')"
        return bool(self._db.rows(sql, what, bytes.fromhex(self.mark(receiver))))

    def handing_over(self, what: str, receiver: str) -> None:
        """From now on it may have arrived."""
        self._set(what, receiver, "handing over")

    def sent(self, what: str, receiver: str) -> None:
        self._set(what, receiver, "sent")

    def refused(self, what: str, receiver: str, problem: str) -> None:
        """It never will be taken."""
        self._set(what, receiver, "refused", problem)

    def unclear(self, what: str, receiver: str, problem: str) -> None:
        """Nobody knows whether it arrived."""
        self._set(what, receiver, "unclear", problem)

    def again(self, what: str, receiver: str, problem: str) -> None:
        """It surely did not arrive: later, unless that was the last attempt."""
        now, key = self._clock(), (what, bytes.fromhex(self.mark(receiver)))
        attempts = self._db.rows("SELECT attempts FROM deliveries WHERE what = ? AND receiver = ?", *key)[0][0]
        wait = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** (attempts - 1))
        state = "refused" if attempts >= MOST_ATTEMPTS else "due"
        self._db.rows(
            "UPDATE deliveries SET state = ?, next = ?, at = ?, problem = ? WHERE what = ? AND receiver = ?",
            *(state, now + wait, now, problem, *key),
        )

    def all(self) -> list[Delivery]:
        """Everything that is known, the latest first."""
        sql = "SELECT what, hex(receiver), state, attempts, at, problem FROM deliveries ORDER BY at DESC, what"
        return [Delivery(what, mark.lower(), *rest) for what, mark, *rest in self._db.rows(sql)]

    def token(self, list_: str, receiver: str) -> str:
        """What an unsubscribe link carries: the receiver's mark, and a proof that we made it for that list."""
        mark = self.mark(receiver)
        return mark + self._proof(list_, mark)

    def unsubscribe(self, list_: str, token: str) -> bool:
        """Send that receiver nothing of that list any more; whether the token is ours."""
        if not self.is_ours(list_, token):
            return False
        sql = "INSERT OR REPLACE INTO unsubscribed (list, receiver, at) VALUES (?, ?, ?)"
        self._db.rows(sql, list_, bytes.fromhex(token[:32]), self._clock())
        return True

    def is_ours(self, list_: str, token: str) -> bool:
        """Whether a token is one of ours."""
        return hmac.compare_digest(token[32:].encode("utf-8", "replace"), self._proof(list_, token[:32]).encode())

    def wants(self, list_: str, receiver: str) -> bool:
        """Whether a receiver has not taken himself off a list."""
        return not self._is_off(list_, self.mark(receiver))

    def has_left(self, list_: str, token: str) -> bool:
        """Whether who holds that token has taken himself off the list."""
        return self.is_ours(list_, token) and self._is_off(list_, token[:32])

    def resume(self, list_: str, receiver: str) -> bool:
        """Put a receiver on a list again; whether he was off."""
        mark = bytes.fromhex(self.mark(receiver))
        return bool(self._db.rows("DELETE FROM unsubscribed WHERE list = ? AND receiver = ? RETURNING 1", list_, mark))

    def _is_off(self, list_: str, mark: str) -> bool:
        sql = "SELECT 1 FROM unsubscribed WHERE list = ? AND receiver = ?"
        return bool(self._db.rows(sql, list_, bytes.fromhex(mark)))

    def _proof(self, list_: str, mark: str) -> str:
        return hmac.digest(self._secret, f"unsubscribe\0{list_}\0{mark}".encode(), "sha256")[:16].hex()

    def _set(self, what: str, receiver: str, state: State, problem: str = "") -> None:
        self._db.rows(
            "UPDATE deliveries SET state = ?, at = ?, problem = ? WHERE what = ? AND receiver = ?",
            *(state, self._clock(), problem, what, bytes.fromhex(self.mark(receiver))),
        )
