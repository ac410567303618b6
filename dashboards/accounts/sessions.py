"""Sessions: who a browser's cookie belongs to, for how long.

In: a cookie's value. Out: a `User`. Promises: a session has a value of its own, made when it is opened, so that none
can be planted; only its digest is stored; of when it was used a day is kept, and of the browser nothing.
"""

from __future__ import annotations

import datetime as dt
import secrets
import sqlite3
from collections.abc import Callable

from msgspec import Struct

from ..database import Database, digest_of
from .form_token import token_of
from .policy import Rights, Role

_ID = 8


class User(Struct, frozen=True):
    """Somebody who is signed in. by_link: by a one-time link, so that a forgotten password can be replaced.
    form_token: what the forms shown to this session carry. rights: by site, as of `policy`. has_second: whether a code
    is asked for at sign-in."""

    id: int
    name: str
    has_password: bool
    by_link: bool
    form_token: str
    rights: Rights
    has_second: bool = False


class Session(Struct, frozen=True):
    """One of somebody's. id: by which it is ended. since, expires: Unix seconds. used: the last day (UTC). mine: the
    one that asks."""

    id: str
    since: int
    used: str
    expires: float
    mine: bool


class Sessions:
    """lives_s: for how long, in seconds. clock: Unix seconds."""

    def __init__(self, db: Database, lives_s: int, clock: Callable[[], float]) -> None:
        self._db = db
        self._lives_s = lives_s
        self._clock = clock

    def open(self, db: sqlite3.Connection, user: int, by_link: bool) -> str:
        """The value of a new one, of the transaction that signs in."""
        token, now = secrets.token_urlsafe(32), self._clock()
        db.execute("DELETE FROM sessions WHERE expires <= ?", (now,))
        db.execute(
            "INSERT INTO sessions (digest, user, expires, by_link, since, used) VALUES (?, ?, ?, ?, ?, ?)",
            (digest_of(token), user, now + self._lives_s, by_link, int(now), self._today()),
        )
        return token

    def user_of(self, cookie: str | None) -> User | None:
        """Who the cookie's session belongs to."""
        if not cookie:
            return None
        rows = self._db.rows(
            "SELECT id, coalesce(name, ''), password IS NOT NULL, by_link, secret != '', used "
            "FROM sessions JOIN users ON id = user WHERE digest = ? AND expires > ?",
            digest_of(cookie),
            self._clock(),
        )
        if not rows:
            return None
        id_, name, has_password, by_link, has_second, used = rows[0]
        if used != self._today():
            self._db.remember("UPDATE sessions SET used = ? WHERE digest = ?", self._today(), digest_of(cookie))
        rights = rights_of(self._db, id_)
        return User(id_, name, bool(has_password), bool(by_link), token_of(cookie), rights, bool(has_second))

    def of(self, user: int, cookie: str) -> list[Session]:
        """Somebody's, the newest first."""
        rows = self._db.rows(
            "SELECT digest, since, used, expires FROM sessions WHERE user = ? AND expires > ? ORDER BY expires DESC",
            user,
            self._clock(),
        )
        mine = digest_of(cookie)
        return [
            Session(digest[:_ID].hex(), since, used, expires, digest == mine) for digest, since, used, expires in rows
        ]

    def end(self, cookie: str | None) -> None:
        """End the cookie's."""
        self._db.rows("DELETE FROM sessions WHERE digest = ?", digest_of(cookie or ""))

    def end_one(self, user: int, id_: str) -> None:
        """End one of somebody's."""
        self._db.rows("DELETE FROM sessions WHERE user = ? AND lower(hex(substr(digest, 1, ?))) = ?", user, _ID, id_)

    def _today(self) -> str:
        return dt.datetime.fromtimestamp(self._clock(), dt.UTC).date().isoformat()


def end_all(db: sqlite3.Connection, user: int, but: str = "") -> None:
    """End somebody's sessions, and what would open new ones. but: the value of one that stays."""
    db.execute("DELETE FROM sessions WHERE user = ? AND digest != ?", (user, digest_of(but)))
    db.execute("DELETE FROM challenges WHERE user = ?", (user,))
    db.execute("DELETE FROM links WHERE user = ?", (user,))


def rights_of(db: Database, user: int) -> Rights:
    """What somebody holds."""
    return {site: Role(role) for site, role in db.rows("SELECT site, role FROM rights WHERE user = ?", user)}
