"""What people who sign in call themselves: which names there can be, and which are one and the same.

In: a name as somebody typed it. Out: the name as it is kept; `NameTaken`. Promises: no name is one that the log uses
itself; no two people have names that differ by case, or by how a letter is encoded, alone.
"""

from __future__ import annotations

import sqlite3
import unicodedata
from collections.abc import Iterable

from .audit import is_of_the_log

MAX_NAME = 100


class AccountRefused(ValueError):
    """A name, a password or a change that cannot be taken; the text says why."""


class NameTaken(AccountRefused):
    """Somebody else has that name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the name {name!r} is taken")


def checked_name(name: str) -> str:
    """A name as it is kept. Raises AccountRefused."""
    name = name.strip()
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        raise AccountRefused(f"the name must have 1 to {MAX_NAME} printable characters")
    if is_of_the_log(name):
        raise AccountRefused(f"{name!r} is how the log calls the server, or who is gone: take another name")
    return name


def folded(name: str) -> str:
    """The same for all spellings of a name (Unicode, 5.18.4: caseless matching)."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


# Everybody who has one, by number.
NAMES = "SELECT id, name FROM users WHERE name IS NOT NULL"


def number_of(name: str, names: Iterable[tuple[int, str]]) -> int:
    """Whose name that is, in any spelling; 0 where it is nobody's. Two who had the like before these were one are each
    found by their own spelling alone."""
    wanted = folded(name)
    same = {of: number for number, of in names if folded(of) == wanted}
    return same.get(name, 0) or (next(iter(same.values())) if len(same) == 1 else 0)


def refuse_taken(db: sqlite3.Connection, name: str, but: int = 0) -> None:
    """Raises NameTaken where somebody has it. but: who may have it."""
    wanted = folded(name)
    if any(folded(of) == wanted for number, of in db.execute(NAMES) if number != but):
        raise NameTaken(name)
