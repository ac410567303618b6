"""Who may see the dashboards: one-time links, passwords, codes, sessions.

Why: the numbers are aggregates, but they are the operator's (privacy.md A4; OWASP Authentication and Session
Management cheat sheets). In: a SQLite file. Out: `User`, and session values for a cookie.
Promises: only digests of tokens and argon2 hashes of passwords are stored; no address is stored or looked at. Failures
are counted by network and name, so that no stranger shuts anybody out; a keyed digest of both is in memory for minutes.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from argon2 import PasswordHasher

from ..database import Database
from .audit import Audit, Deed
from .failures import Failures
from .passwords import MAX_PASSWORD, MAX_WAITING, MIN_PASSWORD, Passwords
from .people import People
from .second_factor import SecondFactor
from .sessions import Sessions, User, end_all
from .tables import MIGRATIONS
from .token_days import TokenDays
from .user_names import MAX_NAME, NAMES, AccountRefused, NameTaken, checked_name, folded, number_of, refuse_taken


class CodeNeeded(Exception):
    """The password is right, and a code is asked for. challenge: the token of that question."""

    def __init__(self, challenge: str) -> None:
        super().__init__("a code is asked for")
        self.challenge = challenge


class Accounts:
    """All accounts, in one SQLite file that only its owner can read. clock: Unix seconds. hasher: of passwords."""

    def __init__(
        self,
        path: Path,
        session_days: int = 14,
        clock: Callable[[], float] = time.time,
        hasher: PasswordHasher | None = None,
        audit_days: int = 180,
    ) -> None:
        self._db = Database(path, MIGRATIONS)
        self.audit = Audit(self._db, audit_days, clock)
        self.people = People(self._db, self.audit, clock)
        self.second = SecondFactor(self._db, self.audit, clock)
        self.sessions = Sessions(self._db, session_days * 86400, clock)
        self.token_days = TokenDays(self._db, clock)
        self.passwords = Passwords(hasher)
        self._failures = Failures(clock)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def note(self, who: int, what: Deed, site: str) -> None:
        """Into the log: something that is kept elsewhere."""
        with self._db.changing() as db:
            self.audit.note(db, who, what, site=site)

    def has_users(self) -> bool:
        """Whether anybody can sign in with a password; else it takes a link."""
        return bool(self._db.rows("SELECT 1 FROM users WHERE password IS NOT NULL LIMIT 1"))

    def create_sign_in_link_token(self) -> str:
        """A token that signs the operator in once, within 24 hours."""
        return self.people.link()

    def redeem(self, token: str) -> str | None:
        """The session that a link's token opens; None if it is unknown, expired or was used."""
        with self._db.changing() as db:
            user = self.people.take_link(db, token)
            return self._signed_in(db, user, by_link=True) if user else None

    def join(self, token: str, name: str, password: str) -> str | None:
        """The session of somebody new who was invited; None if the invitation is not open. Raises AccountRefused."""
        name = checked_name(name)
        refuse_password(password)
        if self.people.invitation(token) is None:
            return None
        hashed = self.passwords.hashed(password)
        try:
            with self._db.changing() as db:
                user = self.people.join(db, token, name, hashed)
                return self._signed_in(db, user, by_link=False) if user else None
        except NameTaken:
            self.people.count_taken(token)
            raise

    def sign_in(self, name: str, password: str, network: str = "") -> str | None:
        """The session of that name and password; None if they do not match. network: who tries, as far as it is told.
        Raises TooManyFailures, CodeNeeded."""
        with self.passwords.in_turn():
            # The attempt counts from its start: many at once must not all pass before the first has failed.
            attempt = self._failures.begin(folded(name), f"network {network}")
            dummy = self.passwords.of_nobody()
            rows = self._secrets_of(name)
            user, stored, secret = rows[0] if rows else (0, dummy, "")
            if not self.passwords.verify(stored, password) or not rows:
                return None
            self._failures.forgive(attempt)
        if secret:
            raise CodeNeeded(self.second.challenge(user))
        with self._db.changing() as db:
            return self._signed_in(db, user, by_link=False)

    def answer(self, challenge: str, code: str) -> str | None:
        """The session of who was asked for a code; None if it is wrong, or nobody is asked any more. Raises
        TooManyFailures."""
        user = self.second.challenged(challenge)
        if not user or not self.second.is_right(user, code):
            return None
        with self._db.changing() as db:
            db.execute("DELETE FROM challenges WHERE user = ?", (user,))
            return self._signed_in(db, user, by_link=False)

    def session(self, cookie: str | None) -> User | None:
        """Who the cookie's session belongs to."""
        return self.sessions.user_of(cookie)

    def set_password(self, session: str, name: str, password: str, current: str = "") -> None:
        """Give the session's user a name and a password, and end the user's other sessions.

        current: the password until now, if there is one. A session by link may replace it once without."""
        user = self.session(session)
        if user is None:
            raise AccountRefused("the session has ended: sign in again")
        name = checked_name(name)
        refuse_password(password)
        self.prove(user, current)
        hashed = self.passwords.hashed(password)
        # Nor does somebody who is signed in learn who else is there by trying names.
        attempt = self._failures.begin("a name", f"user {user.id}")
        with self._db.changing() as db:
            if name != user.name:
                refuse_taken(db, name, but=user.id)
            db.execute("UPDATE users SET name = ?, password = ? WHERE id = ?", (name, hashed, user.id))
            end_all(db, user.id, session)
            db.execute("UPDATE sessions SET by_link = 0 WHERE user = ?", (user.id,))
            self.audit.note(db, user.id, Deed.PASSWORD_SET)
        self._failures.forgive(attempt)

    def prove(self, user: User, current: str) -> None:
        """Raises AccountRefused where that is not the password until now, unless a link has just opened the session or
        there is none; TooManyFailures."""
        if not user.has_password or user.by_link:
            return
        # Whoever is signed in is not shut out by others either.
        attempt = self._failures.begin(user.name, f"user {user.id}")
        if not self.passwords.verify(self._db.rows("SELECT password FROM users WHERE id = ?", user.id)[0][0], current):
            raise AccountRefused("the current password is not right")
        self._failures.forgive(attempt)

    def sign_out(self, cookie: str | None) -> None:
        """End the cookie's session."""
        self.sessions.end(cookie)

    def sign_out_everywhere(self, user: int) -> None:
        """End all of somebody's sessions."""
        with self._db.changing() as db:
            end_all(db, user)
            self.audit.note(db, user, Deed.SIGNED_OUT_EVERYWHERE)

    def _secrets_of(self, name: str) -> list[tuple[int, str, str]]:
        """Of who has that name and a password: his number, the hash, the second factor's secret."""
        number = number_of(name, self._db.rows(NAMES))
        return self._db.rows("SELECT id, password, secret FROM users WHERE id = ? AND password IS NOT NULL", number)

    def _signed_in(self, db: sqlite3.Connection, user: int, by_link: bool) -> str:
        self.audit.note(db, user, Deed.SIGNED_IN_BY_LINK if by_link else Deed.SIGNED_IN)
        return self.sessions.open(db, user, by_link)


def refuse_password(password: str) -> None:
    """Raises AccountRefused for one that is too short or too long."""
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise AccountRefused(f"the password must have {MIN_PASSWORD} to {MAX_PASSWORD} characters")


__all__ = ["MAX_NAME", "MAX_WAITING", "MIN_PASSWORD", "AccountRefused", "Accounts", "CodeNeeded", "User"]
