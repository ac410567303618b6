"""Patterns that take linear time on whatever is sent: RE2 over bytes.

In: a pattern in bytes. Out: a compiled one, typed as far as it is used here.
Promises: a byte over 127 is one character of its own, part of some letter beyond ASCII: no tables of Unicode.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, cast

import re2


class Match(Protocol):
    """A match."""

    def span(self, group: int = 0) -> tuple[int, int]: ...


class Pattern(Protocol):
    """A compiled pattern. groups: how many it captures."""

    groups: int

    def search(self, text: bytes) -> Match | None: ...
    def match(self, text: bytes) -> Match | None: ...
    def finditer(self, text: bytes) -> Iterator[Match]: ...


class NotRe2(ValueError):
    """RE2 does not know such a pattern: a look around, or a back reference."""


def regex(pattern: bytes, letters: bool = False) -> Pattern:
    """Compile. letters: a character is one of Unicode all the same. Raises NotRe2."""
    options = re2.Options()
    if not letters:
        options.encoding = re2.Options.Encoding.LATIN1
    options.log_errors = False
    try:
        compiled = re2.compile(pattern, options)
        if not compiled.groups:
            # Spares RE2 its slower search for groups in long finds.
            options.never_capture = True
            compiled = re2.compile(pattern, options)
    except re2.error:
        raise NotRe2(f"{pattern!r} is no pattern of RE2") from None
    return cast(Pattern, compiled)
