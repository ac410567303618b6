"""How a line's fields are told apart: a `Form` takes a line to an `Entry`.

In: nothing. Out: the types, and the form that is made of a regular expression with a group for each field.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from zoneinfo import ZoneInfo

from msgspec import Struct

from .moments import moment_of


class Entry(Struct, gc=False):
    """The fields of a line as they stand there, "" for those it lacks."""

    client: str = ""
    host: str = ""
    time: str = ""
    request: str = ""
    status: str = ""
    referrer: str = ""
    agent: str = ""
    # An address or several that somebody before the server claims the client has.
    forwarded: str = ""

    def __repr__(self) -> str:
        return "Entry(…)"


class Form(Struct, frozen=True):
    """name: what people call it. agent: whether it has a field for the browser string. escaped: whether fields hold
    backslash escapes still. moment: how its time is read."""

    name: str
    parse: Callable[[str], Entry | None]
    agent: bool = True
    escaped: bool = True
    moment: Callable[[str, ZoneInfo], int | None] = moment_of


def of_pattern(pattern: re.Pattern[str]) -> Callable[[str], Entry | None]:
    """Entries by a pattern whose groups are named like an entry's fields."""
    fullmatch = pattern.fullmatch

    def parse(line: str) -> Entry | None:
        match = fullmatch(line)
        return Entry(**match.groupdict("")) if match else None

    def parse_in_order(line: str) -> Entry | None:
        match = fullmatch(line)
        return Entry(*match.groups("")) if match else None

    # As most are, which takes half the time.
    in_order = tuple(pattern.groupindex) == Entry.__struct_fields__[: pattern.groups]
    return parse_in_order if in_order else parse


# The content of a quoted field; a quote inside is escaped. Possessive, so that no line takes long.
QUOTED = r'[^"\\]*+(?:\\.[^"\\]*+)*+'
# An address, or a list of them.
CLIENT = r"[^\s,]++(?:, *[^\s,]++)*+"
HOST = r"\[[0-9A-Fa-f:.]++\](?::\d++)?|[\w*-][\w.*-]*+(?::\d{1,5})?"
