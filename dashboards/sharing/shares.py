"""Links by which people without an account see a part of a site's numbers: made, listed, revoked.

In: a SQLite file. Out: `Share`s. Promises: of a link's secret only a digest is stored, of its password an
argon2 hash; one that is revoked or has expired is gone for the very next request, in every process.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec
from argon2 import PasswordHasher
from msgspec import Struct, structs

from schema.dimensions import CARDS
from schema.host import host_pattern, web_address
from schema.segment import Segment

from ..accounts.passwords import MAX_PASSWORD, Passwords
from ..database import Database, digest_of
from ..stats.period import PERIODS

# What a link may show besides the big numbers: the chart, the cards of the site's page, goals, web vitals, notes.
OF_CARDS = {title.lower(): title for title in CARDS if title != "Goals"}
PANELS = ("chart", *OF_CARDS, "goals", "vitals", "notes")
# What the owner wrote for himself is shown only where he says so.
USUAL_PANELS = tuple(name for name in PANELS if name != "notes")
# Periods that a link may be of. Today is none: links show days that are over.
OF_PERIODS = tuple(name for name in PERIODS if name != "today")
FREE, CUSTOM = "free", "custom"
MIN_PASSWORD, MOST_LETTERS = 8, 100
# Pages an hour, of one link, and of it for one network: a frame on a page that many read is asked for by all of them.
PER_LINK, PER_NETWORK = 6_000, 600

_MIGRATIONS = (
    """
    CREATE TABLE IF NOT EXISTS shares (
        id TEXT PRIMARY KEY, digest BLOB NOT NULL UNIQUE, made REAL NOT NULL, told TEXT NOT NULL, password TEXT NOT NULL
    ) WITHOUT ROWID;
    """,
)


class ShareRefused(ValueError):
    """What no link can be; the text says what to write."""


class Share(Struct, frozen=True):
    """title: what stands above it. sites: of which it is. segment: of whose visits, "" of all. panels: of PANELS.
    period: of OF_PERIODS, "custom" with first and last, or FREE, where whoever looks chooses. k: of fewer visitors
    nothing is shown; 0: twice the site's own. expires: Unix seconds, 0 is never. hosts: the origins whose pages may
    have it in a frame."""

    title: str
    sites: tuple[str, ...]
    segment: str = ""
    panels: tuple[str, ...] = USUAL_PANELS
    period: str = FREE
    first: dt.date | None = None
    last: dt.date | None = None
    k: int = 0
    expires: float = 0.0
    hosts: tuple[str, ...] = ()
    has_password: bool = False
    id: str = ""
    made: float = 0.0

    def __post_init__(self) -> None:
        for why in self._wrong():
            raise ShareRefused(why)

    def _wrong(self) -> Iterator[str]:
        if not 1 <= len(self.title.strip()) <= MOST_LETTERS or not self.title.isprintable():
            yield f"title {self.title[:40]!r}: write one line of up to {MOST_LETTERS} letters"
        if not self.sites:
            yield "a link is of a site: name one"
        for name in self.panels:
            if name not in PANELS:
                yield f"panel {name!r} is not known: there are {', '.join(PANELS)}"
        if self.period not in (*OF_PERIODS, FREE, CUSTOM):
            yield f"period {self.period!r} is not known: there are {', '.join((*OF_PERIODS, FREE))}"
        if (self.period == CUSTOM) != (self.first is not None and self.last is not None):
            yield "days of its own are a first and a last one, and then no period"
        if self.first and self.last and self.first > self.last:
            yield f"the first day, {self.first}, is after the last, {self.last}"
        if self.hosts and self.has_password:
            yield (
                "browsers send no cookie from a frame of another site, so a link with a password cannot be embedded: "
                "leave out the password, or the hosts"
            )


def days_of(period: str, first: str, last: str) -> tuple[str, dt.date | None, dt.date | None]:
    """The days of a new link, as somebody wrote them: the name of a period, or a first and a last day, as YYYY-MM-DD.
    Raises ShareRefused."""
    if not (first or last):
        return period or FREE, None, None
    if not (first and last):
        raise ShareRefused(f"{first or last} alone is no period: write a first and a last day, both as YYYY-MM-DD")
    return (CUSTOM if period in ("", FREE) else period), _day(first), _day(last)


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise ShareRefused(f"{text!r} is no day: write it as YYYY-MM-DD") from None


def refuse_segment(site: str, segments: Iterable[Segment], name: str) -> None:
    """Raises ShareRefused where the site has no segment of that name; "" is all visits."""
    there = [one.name for one in segments]
    if name and name not in there:
        known = ", ".join(map(repr, there)) or "none"
        raise ShareRefused(f"{site} has no segment {name!r} (it has {known})")


def origin(text: str) -> str:
    """Whose pages may have a link in a frame, as a policy names it: `blog.example`, `*.example.com`, or with a scheme
    and a port. Raises ShareRefused."""
    try:
        found = web_address(text) if "://" in text else f"https://{host_pattern(text)}"
    except ValueError as problem:
        raise ShareRefused(str(problem)) from None
    if found.count("/") > 2:
        raise ShareRefused(f"{text!r}: pages are named by their host alone, without a path")
    return found


class Shares:
    """clock: Unix seconds. hasher: of passwords."""

    def __init__(
        self, path: Path, clock: Callable[[], float] = time.time, hasher: PasswordHasher | None = None
    ) -> None:
        self._db = Database(path, _MIGRATIONS)
        self._clock = clock
        self.passwords = Passwords(hasher)

    def close(self) -> None:
        self._db.close()

    def after(self, days: int) -> float:
        """When a link ends that holds for so many days from now on."""
        return self._clock() + days * 86_400

    def make(self, share: Share, password: str = "") -> tuple[str, Share]:
        """A new link: its secret, which is told once, and what it is. Raises ShareRefused."""
        if password and not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
            raise ShareRefused(f"the password must have {MIN_PASSWORD} to {MAX_PASSWORD} characters")
        made = structs.replace(share, id=secrets.token_hex(4), made=self._clock(), has_password=bool(password))
        token, hashed = secrets.token_urlsafe(24), self.passwords.hashed(password) if password else ""
        self._db.rows(
            "INSERT INTO shares (id, digest, made, told, password) VALUES (?, ?, ?, ?, ?)",
            *(made.id, digest_of(token), made.made, msgspec.json.encode(made).decode(), hashed),
        )
        return token, made

    def all(self) -> list[Share]:
        """Every link that holds, the latest first."""
        rows = self._db.rows("SELECT told FROM shares ORDER BY made DESC, id")
        return [one for (told,) in rows if self._holds(one := msgspec.json.decode(told, type=Share))]

    def of(self, token: str) -> Share | None:
        """The link of that secret; None where there is none, or not any more."""
        rows = self._db.rows("SELECT told FROM shares WHERE digest = ?", digest_of(token))
        found = msgspec.json.decode(rows[0][0], type=Share) if rows else None
        return found if found and self._holds(found) else None

    def forget_site(self, key: str) -> None:
        """Take a site that is removed out of every link, and back those that are of nothing else: or one of the same
        name that comes later would be shown by them."""
        for one in self.all():
            if left := tuple(each for each in one.sites if each != key):
                told = msgspec.json.encode(structs.replace(one, sites=left)).decode()
                self._db.rows("UPDATE shares SET told = ? WHERE id = ?", told, one.id)
            else:
                self.revoke(one.id)

    def revoke(self, id_: str) -> bool:
        """Take a link back; whether there was one."""
        return bool(self._db.rows("DELETE FROM shares WHERE id = ? RETURNING 1", id_))

    def opens(self, share: Share, password: str) -> bool:
        """Whether that is its password."""
        return self.passwords.verify(self._password_of(share), password)

    def pass_of(self, share: Share, token: str) -> str:
        """What a browser shows that has said the password: it holds for this link and this password alone."""
        return hashlib.sha256(f"{share.id}\0{token}\0{self._password_of(share)}".encode()).hexdigest()

    def has_passed(self, share: Share, token: str, shown: str) -> bool:
        """Whether a browser has said the password."""
        return hmac.compare_digest(shown.encode(errors="replace"), self.pass_of(share, token).encode())

    def _password_of(self, share: Share) -> str:
        rows = self._db.rows("SELECT password FROM shares WHERE id = ?", share.id)
        return str(rows[0][0]) if rows else ""

    def _holds(self, share: Share) -> bool:
        return not share.expires or self._clock() < share.expires
