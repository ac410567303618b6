"""What of a draft is allowed, and hardly meant: values that no visit has, several patterns in one, a step twice.

In: a thing as the settings file has it. Out: sentences for the preview. Promises: nothing is refused, since settings
files have such things and work; nothing is asked of the store.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from ..web.format import codes_instead
from .meets import OF_PAGES, asked

# Another path within a pattern.
_ANOTHER = re.compile(r"[\s,;|]+/")


def doubts_of(what: str, thing: Mapping[str, Any]) -> tuple[str, ...]:
    """Each with what to write instead, none twice."""
    steps = thing["steps"] if what == "funnels" else ()
    return (*dict.fromkeys([*_of_values(what, thing), *_of_steps(steps)]),)


def _of_values(what: str, thing: Mapping[str, Any]) -> Iterator[str]:
    pages = [("page", thing["page"])] if what == "goals" and thing.get("scroll") and thing.get("page") else []
    for dimension, wanted in (*asked(what, thing), *pages):
        if dimension in OF_PAGES:
            yield from _of_page(wanted, what)
        elif instead := codes_instead(dimension, wanted):
            yield f"no visit has {dimension} = {wanted!r}: write {' or '.join(map(repr, instead))}"


def _of_page(pattern: str, what: str) -> Iterator[str]:
    path, mark, _ = pattern.partition("?")
    if mark:
        yield f"no page has a '?' in its path, as {pattern!r} does: write {path!r}"
    if _ANOTHER.search(pattern):
        each = "write them with a bar between, '/a|/b'" if what == "segments" else "declare each by itself"
        yield f"{pattern!r} is read as one pattern, and looks like several: {each}"


def _of_steps(steps: Any) -> Iterator[str]:
    for nth, (one, after) in enumerate(pairwise(steps), start=1):
        if one == after:
            yield f"steps {nth} and {nth + 1} are the same: write another step, or leave one out"
