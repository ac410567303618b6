"""Patterns that somebody types to find values by: RE2, which takes linear time on whatever it is given.

In: a pattern. Out: whether a value is found. Promises: what is no pattern, or a huge one, is refused before the store
sees it, which reads patterns by the same rules.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import re2

from .refused import BadQuery, Code

# A pattern of 2,000 characters may stand for millions of states. The store lets itself have more.
_MOST_MEMORY = 1 << 20


def refuse_unless_pattern(text: str) -> None:
    """Raises BadQuery."""
    _compiled(text)


def finds(pattern: str, value: str) -> bool:
    """Whether it is found anywhere in the value."""
    return _compiled(pattern).search(value) is not None


def literally(text: str) -> str:
    """The pattern that finds the text itself."""
    escaped: str = re2.escape(text)
    return escaped


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.dot_nl = True
    options.max_mem = _MOST_MEMORY
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        what = error.args[0] if error.args else b""
        said = what.decode() if isinstance(what, bytes) else str(what)
        raise BadQuery(
            f"pattern {pattern[:100]!r} cannot be read: {said}; patterns are those of RE2, which looks neither around "
            "nor back",
            Code.BAD_FILTER,
        ) from None
