"""What a detector is made of: a pattern that sees every candidate, and a judge that decides.

Promises: RE2 only, so time is linear in the text; more candidates than `MOST` end the search.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from msgspec import Struct, structs

from ...text.re2 import Pattern

# What may stand in the place of a find; the last stands for a text that is not kept at all.
PLACEHOLDERS = (
    "coordinates", "secret", "email", "handle", "phone", "jwt", "hex", "ip", "uuid", "iban", "card", "token", "encoded",
    "scrubbed",
)  # fmt: skip

PLACEHOLDER = re.compile(f":(?:{'|'.join(PLACEHOLDERS)})(?![a-z])")
# What is looked at in one text. A judge costs a few microseconds; a reader's text has a handful of candidates.
MOST = 16
# What counts as part of a word.
WORD = rb"\w\x80-\xff"
NO_DIGITS = bytes(set(range(256)) - set(b"0123456789"))

# What stands in the place of the candidate raw[start:stop], perhaps the candidate itself.
Judge = Callable[[bytes, int, int], bytes]


class Detector(Struct, frozen=True):
    """applies: whether to search at all. rest: what more of the text goes with a candidate. most: candidates that are
    looked at, where it is not MOST: what a judge passes over at once costs little; of finds there are MOST all the
    same. underscores: what they are to the pattern; to RE2's \\b an underscore is a letter, but a number may stand
    between two, and have some inside."""

    applies: Callable[[bytes], object]
    pattern: Pattern
    judge: Judge
    rest: re.Pattern[bytes] | None = None
    most: int = MOST
    underscores: bytes = b"_"
    # Which group the candidate is, asked for once.
    group: int = 0

    def __post_init__(self) -> None:
        structs.force_setattr(self, "group", self.pattern.groups)


class TooMany(Exception):
    """More candidates than a reader's text has."""


def judged(raw: bytes, detector: Detector) -> tuple[bytes, int]:
    """The text with the finds of one kind replaced, and how many candidates were looked at. Raises TooMany."""
    # Group 1 is the candidate: before it stands at most one character, which may not be part of a word. Where anything
    # may stand before it there is no group.
    seen = raw if detector.underscores == b"_" else raw.replace(b"_", detector.underscores)
    pieces: list[bytes] = []
    end, group, looked_at, replaced = 0, detector.group, 0, 0
    for found in detector.pattern.finditer(seen):
        looked_at += 1
        if looked_at > detector.most:
            raise TooMany
        start, stop = found.span(group)
        if start < end:
            continue
        more = detector.rest.match(raw, stop) if detector.rest else None
        stop = more.end() if more else stop
        piece = detector.judge(raw, start, stop)
        replaced += piece != raw[start:stop]
        if replaced > MOST:
            raise TooMany
        pieces += (raw[end:start], piece)
        end = stop
    return (b"".join(pieces) + raw[end:] if pieces else raw), looked_at


def always(placeholder: bytes) -> Judge:
    """A judge of candidates that need none."""
    return lambda raw, start, stop: placeholder


def words(text: str) -> frozenset[str]:
    """A list of words, as it is written down."""
    return frozenset(text.split())


def everywhere(raw: bytes) -> bool:
    """Whether to search a text that the test before the kind let pass: always."""
    return True


def word_follows(raw: bytes, stop: int) -> bool:
    """Whether the candidate is only the beginning of a word."""
    return raw[stop : stop + 1].isalnum()


def many_digits(raw: bytes) -> bool:
    """Whether there are digits enough for a telephone number."""
    return len(raw.translate(None, NO_DIGITS)) >= 8
