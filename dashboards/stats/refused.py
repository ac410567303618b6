"""Why a request gets no answer: a text for people, a code for programs.

In: what is wrong. Out: `BadQuery`, `Code`. Promises: the codes are these and no others (docs/api.md lists them); one
that was given once keeps its meaning.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any


class Code(StrEnum):
    """What is in the way."""

    BAD_ARGUMENT = "bad_argument"
    BAD_FILTER = "bad_filter"
    BAD_PERIOD = "bad_period"
    UNKNOWN_SITE = "unknown_site"
    UNKNOWN_DIMENSION = "unknown_dimension"
    UNKNOWN_METRIC = "unknown_metric"
    UNKNOWN_SEGMENT = "unknown_segment"
    TOO_MUCH = "too_much"
    NOT_CROSSED = "not_crossed"
    NOT_KEPT = "not_kept"
    NOT_SIGNED_IN = "not_signed_in"
    BAD_TOKEN = "bad_token"  # noqa: S105 - a code
    TOO_OFTEN = "too_often"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    STORE_DOWN = "store_down"
    BROKEN = "broken"


# What a status says where nothing more is known.
OF_STATUS = {
    400: Code.BAD_ARGUMENT,
    401: Code.NOT_SIGNED_IN,
    403: Code.FORBIDDEN,
    404: Code.NOT_FOUND,
    405: Code.METHOD_NOT_ALLOWED,
    413: Code.TOO_MUCH,
    429: Code.TOO_OFTEN,
    503: Code.STORE_DOWN,
}


def alike(name: str, known: Iterable[str]) -> str:
    """What was probably meant, before all that there are; "" where that cannot be told."""
    # What stands before a colon is alike of all of them.
    of = {one.rpartition(":")[2]: one for one in known}
    found = difflib.get_close_matches(name[:100].rpartition(":")[2], of, 1, 0.7)
    return f"did you mean {of[found[0]]}? " if found else ""


class BadQuery(ValueError):
    """A question that cannot be answered; the text says why and what to ask instead. told: what programs are told
    besides."""

    def __init__(self, text: str, code: Code = Code.BAD_ARGUMENT, told: Mapping[str, Any] | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.told = told or {}
