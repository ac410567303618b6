"""The people who may sign in: who there is, with which role at which site; invited, given, taken, removed.

In: names, roles, sites. Out: `Person`s, tokens of links. Promises: of a person there is a name of his own choosing, the
hash of a password and what a second factor takes, in this file alone; who is removed is in it no more, but for a
number in the log; the house never loses its last owner; an invitation holds once, for days, for the role and the site
it names, and only as long as whoever sent it is an owner there; it tells of few names that they are taken.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable

from msgspec import Struct

from ..database import Database, digest_of
from .audit import SERVER, Audit, Deed
from .policy import EVERY_SITE, Rights, Role
from .sessions import end_all, rights_of
from .user_names import AccountRefused, checked_name, number_of, refuse_taken

LINK_LIVES_S = 24 * 3600
INVITATION_LIVES_S = 7 * 86400
# Names that are taken, which one invitation may come upon: whoever has it learns of no more.
MOST_TAKEN = 5
_ID = 8
# Of who may not invite any more no invitation holds: or he would be let in again by his own. expires: see `?`.
_HOLDS = (
    f"expires > ? AND refused < {MOST_TAKEN} AND (by = {SERVER} OR EXISTS (SELECT 1 FROM rights "
    "WHERE user = by AND role = 'owner' AND rights.site IN (invitations.site, '*')))"
)


class Person(Struct, frozen=True):
    """since: Unix seconds, 0 of who was there before that was kept. second: whether there is a second factor."""

    id: int
    name: str
    since: int
    has_password: bool
    second: bool
    rights: Rights


class Invitation(Struct, frozen=True):
    """One that is open. id: by which it is taken back. expires: Unix seconds."""

    id: str
    role: Role
    site: str
    expires: float


class People:
    """clock: Unix seconds."""

    def __init__(self, db: Database, audit: Audit, clock: Callable[[], float]) -> None:
        self._db = db
        self._audit = audit
        self._clock = clock

    def all(self) -> list[Person]:
        """In the order of their names."""
        rows = self._db.rows(
            "SELECT id, coalesce(name, ''), since, password IS NOT NULL, secret != '' FROM users ORDER BY name, id"
        )
        return [Person(id_, name, since, bool(a), bool(b), self.rights(id_)) for id_, name, since, a, b in rows]

    def named(self, name: str) -> Person:
        """Raises AccountRefused."""
        everybody = self.all()
        number = number_of(name, ((one.id, one.name) for one in everybody))
        found = next((one for one in everybody if one.id == number), None)
        if found is None:
            known = ", ".join(one.name for one in everybody if one.name) or "nobody has set one yet"
            raise AccountRefused(f"{name!r}: nobody has that name: {known}")
        return found

    def rights(self, user: int) -> Rights:
        """What somebody holds; nothing who is not there."""
        return rights_of(self._db, user)

    def add(self, name: str, role: Role, site: str, by: int = SERVER) -> str:
        """Somebody new, and the token of a link that signs in once. Raises AccountRefused."""
        name = checked_name(name)
        with self._db.changing() as db:
            user = self.insert(db, name, None)
            _give(db, user, site, role)
            self._audit.note(db, by, Deed.ADDED, user, site, role)
            return self._link(db, user)

    def insert(self, db: sqlite3.Connection, name: str | None, password: str | None) -> int:
        """The number of somebody new. Raises NameTaken."""
        if name is not None:
            refuse_taken(db, name)
        made = db.execute(
            "INSERT INTO users (name, password, since) VALUES (?, ?, ?)", (name, password, int(self._clock()))
        )
        assert made.lastrowid
        return made.lastrowid

    def give(self, user: int, site: str, role: Role | None, by: int = SERVER) -> None:
        """A role at a site, in place of the one before; None takes it away. Raises AccountRefused."""
        with self._db.changing() as db:
            db.execute("DELETE FROM rights WHERE user = ? AND site = ?", (user, site))
            if role is not None:
                _give(db, user, site, role)
            _refuse_no_owner(db)
            self._audit.note(db, by, Deed.ROLE_GIVEN if role else Deed.ROLE_TAKEN, user, site, role or "")

    def remove(self, user: int, by: int = SERVER) -> None:
        """Everything that is kept of somebody. Raises AccountRefused."""
        with self._db.changing() as db:
            end_all(db, user)
            for table in ("rights", "recovery"):
                db.execute(f"DELETE FROM {table} WHERE user = ?", (user,))
            db.execute("DELETE FROM users WHERE id = ?", (user,))
            _refuse_no_owner(db)
            self._audit.note(db, by, Deed.REMOVED, user)

    def forget_site(self, site: str) -> int:
        """Take away what is held and offered at a site that is removed; how many roles were held there."""
        with self._db.changing() as db:
            db.execute("DELETE FROM invitations WHERE site = ?", (site,))
            return db.execute("DELETE FROM rights WHERE site = ?", (site,)).rowcount

    def reset(self, user: int, second: bool, by: int = SERVER) -> str:
        """Sign somebody out everywhere, and the token of a link that signs in once. second: whether the second factor
        is forgotten, too."""
        with self._db.changing() as db:
            end_all(db, user)
            if second:
                db.execute("UPDATE users SET secret = '', proposed = '', step = 0 WHERE id = ?", (user,))
                db.execute("DELETE FROM recovery WHERE user = ?", (user,))
            self._audit.note(db, by, Deed.RESET, user)
            return self._link(db, user)

    def link(self, user: int = 0) -> str:
        """The token of a link that signs somebody in once, within 24 hours; 0 is the first owner of the house, who is
        made where there is none."""
        with self._db.changing() as db:
            self._audit.note(db, SERVER, Deed.LINK_MADE, user)
            return self._link(db, user)

    def take_link(self, db: sqlite3.Connection, token: str) -> int:
        """Whom a link signs in; 0 if it is unknown, expired or was used."""
        # One statement takes the token, so of two at once only one can have it.
        taken = db.execute(
            "DELETE FROM links WHERE digest = ? AND expires > ? RETURNING user", (digest_of(token), self._clock())
        ).fetchone()
        return 0 if taken is None else taken[0] or self._first_owner(db)

    def invite(self, role: Role, site: str, by: int = SERVER) -> str:
        """The token of an invitation."""
        token, now = secrets.token_urlsafe(32), self._clock()
        with self._db.changing() as db:
            db.execute("DELETE FROM invitations WHERE expires <= ?", (now,))
            db.execute(
                "INSERT INTO invitations (digest, expires, site, role, by) VALUES (?, ?, ?, ?, ?)",
                (digest_of(token), now + INVITATION_LIVES_S, site, role.value, by),
            )
            self._audit.note(db, by, Deed.INVITED, 0, site, role)
        return token

    def invitations(self, site: str = EVERY_SITE) -> list[Invitation]:
        """Those that are open. site: of that alone; EVERY_SITE is all of them."""
        rows = self._db.rows(
            f"SELECT digest, role, site, expires FROM invitations WHERE {_HOLDS} AND ? IN ('*', site) ORDER BY expires",
            self._clock(),
            site,
        )
        return [Invitation(digest[:_ID].hex(), Role(role), of, expires) for digest, role, of, expires in rows]

    def invitation(self, token: str) -> Invitation | None:
        """What a token is of, if it is open."""
        digest = digest_of(token)
        return next((one for one in self.invitations() if one.id == digest[:_ID].hex()), None)

    def revoke(self, id_: str, site: str, by: int) -> None:
        """Take an invitation back. site: only one of that site."""
        with self._db.changing() as db:
            db.execute(
                "DELETE FROM invitations WHERE lower(hex(substr(digest, 1, ?))) = ? AND ? IN ('*', site)",
                (_ID, id_, site),
            )
            self._audit.note(db, by, Deed.INVITATION_REVOKED, 0, site)

    def join(self, db: sqlite3.Connection, token: str, name: str, password: str) -> int:
        """Somebody new by an invitation, which is used up; 0 if it is not open. Raises AccountRefused."""
        taken = db.execute(
            f"DELETE FROM invitations WHERE digest = ? AND {_HOLDS} RETURNING site, role",
            (digest_of(token), self._clock()),
        ).fetchone()
        if taken is None:
            return 0
        user = self.insert(db, name, password)
        _give(db, user, taken[0], Role(taken[1]))
        self._audit.note(db, user, Deed.JOINED, 0, taken[0], taken[1])
        return user

    def count_taken(self, token: str) -> None:
        """Whoever has that invitation chose a name that is taken."""
        self._db.rows("UPDATE invitations SET refused = refused + 1 WHERE digest = ?", digest_of(token))

    def _link(self, db: sqlite3.Connection, user: int) -> str:
        token, now = secrets.token_urlsafe(32), self._clock()
        db.execute("DELETE FROM links WHERE expires <= ?", (now,))
        db.execute(
            "INSERT INTO links (digest, expires, user) VALUES (?, ?, ?)", (digest_of(token), now + LINK_LIVES_S, user)
        )
        return token

    def _first_owner(self, db: sqlite3.Connection) -> int:
        found: int | None = db.execute("SELECT min(user) FROM rights WHERE site = '*' AND role = 'owner'").fetchone()[0]
        if found:
            return found
        user = self.insert(db, None, None)
        _give(db, user, EVERY_SITE, Role.OWNER)
        return user


def _give(db: sqlite3.Connection, user: int, site: str, role: Role) -> None:
    db.execute("INSERT INTO rights (user, site, role) VALUES (?, ?, ?)", (user, site, role.value))


def _refuse_no_owner(db: sqlite3.Connection) -> None:
    """Where there are people, somebody must be able to make others owners; the last one of all may go."""
    if (
        db.execute("SELECT 1 FROM users").fetchone()
        and not db.execute("SELECT 1 FROM rights WHERE site = '*' AND role = 'owner'").fetchone()
    ):
        raise AccountRefused("that would leave the house without an owner of all sites: make somebody else one first")
