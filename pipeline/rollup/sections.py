"""The section of a path: the one that the site's settings name for it, else its first folder.

In: the sites of a batch's site-days, in their order. Out: SQL over a path, and what it is bound to. Promises: patterns
and names reach SQL as bound values only.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from schema.site import Site, pattern_regex


def bound(sites: Sequence[Site]) -> dict[str, Any]:
    """What `section_of` is bound to."""
    each = [one for named in _named(sites) for one in named]
    given = {f"section_{index}_is": pattern for index, (_, pattern) in enumerate(each)}
    return given | {"sections": [name for name, _ in each]} if each else {}


def section_of(sites: Sequence[Site], path: str) -> str:
    """SQL for the section of a path, of a row with the column `d`."""
    tests: list[str] = []
    for named, places in _named(sites).items():
        which = f"has({places}, d) AND " if len(places) < len(sites) else ""
        for index in range(len(tests), len(tests) + len(named)):
            tests += [f"{which}match({path}, {{section_{index}_is:String}}), {{sections:Array(String)}}[{index + 1}]"]
    return f"multiIf({', '.join(tests)}, {folder_of(path)})" if tests else folder_of(path)


def folder_of(path: str) -> str:
    """SQL for the first folder of a path."""
    # A path without a folder is in that of the whole site.
    return f"if(position({path}, '/', 2) > 0, substring({path}, 1, position({path}, '/', 2)), '/')"


def section_sql(definition: str, path: str, name: str) -> tuple[str, dict[str, Any]]:
    """SQL for whether a path is in the section of that definition (schema/site.py), and what it is bound to. name: of
    what is bound."""
    patterns = [pattern_regex(pattern) for pattern in json.loads(definition)]
    given = {f"{name}_{index}": pattern for index, pattern in enumerate(patterns)}
    own, *taken = (f"match({path}, {{{one}:String}})" for one in given)
    return " AND NOT ".join((own, *taken)), given


def _named(sites: Sequence[Site]) -> dict[tuple[tuple[str, str], ...], list[int]]:
    """The places of sites by their sections, each by name and pattern: many days of one site name them once, because a
    statement cannot be as long as one likes."""
    found: dict[tuple[tuple[str, str], ...], list[int]] = {}
    for place, site in enumerate(sites):
        found.setdefault((*site.section_patterns.items(),), []).append(place)
    return found
