"""What was done about accounts: who, what, to whom, at which site, when.

In: deeds. Out: `Entry`s, newest first. Promises: a person is a number here, whose name is the table of people's alone:
who is removed has no name in it any more; no address, no name that was tried and no browser is ever noted; an entry
goes when it is as old as `dashboards.audit_days` says.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from enum import StrEnum

from msgspec import Struct

from ..database import Database
from .policy import EVERY_SITE, Role

# In place of a person: whoever may give commands on the server.
SERVER = 0
MOST = 500


class Deed(StrEnum):
    """What can be noted."""

    SIGNED_IN = "signed in"
    SIGNED_IN_BY_LINK = "signed in by a link"
    SIGNED_OUT_EVERYWHERE = "signed out everywhere"
    PASSWORD_SET = "set a password"  # noqa: S105 - a name
    SECOND_ON = "turned the second factor on"
    SECOND_OFF = "turned the second factor off"
    CODE_WRONG = "gave a wrong code"
    RECOVERY_USED = "used a recovery code"
    LINK_MADE = "made a sign-in link"
    INVITED = "invited"
    INVITATION_REVOKED = "took an invitation back"
    JOINED = "accepted an invitation"
    ADDED = "added"
    ROLE_GIVEN = "gave a role"
    ROLE_TAKEN = "took a role away"
    RESET = "reset"
    REMOVED = "removed"
    SHARED = "made a link for others"
    EDITED = "changed what is counted"
    NOTED = "noted something of a day"
    NOTE_REMOVED = "removed a note"
    SHARE_REVOKED = "took a link for others back"


class Entry(Struct, frozen=True):
    """at: Unix seconds. who, whom: names, of one who is gone his number; whom is "" where it is nobody else. site: ""
    where it is of none, EVERY_SITE of all."""

    at: int
    who: str
    what: str
    whom: str
    site: str
    role: str


class Audit:
    """clock: Unix seconds."""

    def __init__(self, db: Database, days: int, clock: Callable[[], float]) -> None:
        self._db = db
        self._lives_s = days * 86400
        self._clock = clock

    def note(
        self, db: sqlite3.Connection, who: int, what: Deed, whom: int = 0, site: str = "", role: Role | str = ""
    ) -> None:
        """One more, of the transaction that does it."""
        now = int(self._clock())
        db.execute("DELETE FROM audit WHERE at <= ?", (now - self._lives_s,))
        db.execute(
            "INSERT INTO audit (at, who, what, whom, site, role) VALUES (?, ?, ?, ?, ?, ?)",
            (now, who, what.value, 0 if whom == who else whom, site, str(role)),
        )

    def entries(self, site: str = EVERY_SITE, limit: int = MOST) -> list[Entry]:
        """The newest. site: what was done about its roles alone; EVERY_SITE is everything."""
        rows = self._db.rows(
            "SELECT at, who, doer.name, what, whom, done.name, site, role FROM audit "
            "LEFT JOIN users AS doer ON doer.id = who LEFT JOIN users AS done ON done.id = whom "
            "WHERE at > ? AND ? IN ('*', site) ORDER BY at DESC, audit.rowid DESC LIMIT ?",
            int(self._clock()) - self._lives_s,
            site,
            limit,
        )
        return [
            Entry(at, _named(who, name), what, _named(whom, of) if whom else "", where, role)
            for at, who, name, what, whom, of, where, role in rows
        ]


def is_of_the_log(name: str) -> bool:
    """Whether a name would be taken for the server, or for somebody by his number."""
    return re.fullmatch(r"the\s+server|user\s+\d+", name, re.IGNORECASE) is not None


def _named(number: int, name: str | None) -> str:
    return "the server" if number == SERVER else name or f"user {number}"
