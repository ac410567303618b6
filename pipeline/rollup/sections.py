"""The section of a path: the one that the site's settings name for it, else its first folder.

In: the sites of a batch's site-days, in their order. Out: SQL over a path, and what it is bound to. Promises: patterns
and names reach SQL as bound values only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from schema.site import Site


def bound(sites: Sequence[Site]) -> dict[str, Any]:
    """What `section_of` is bound to."""
    patterns, names = [], []
    for site in sites:
        for name, pattern in site.section_patterns.items():
            names.append(name)
            patterns.append(pattern)
    given = {f"section_{index}_is": pattern for index, pattern in enumerate(patterns)}
    return given | {"sections": names} if names else {}


def section_of(sites: Sequence[Site], path: str) -> str:
    """SQL for the section of a path, of a row with the column `d`."""
    tests: list[str] = []
    index = 0
    for place, site in enumerate(sites):
        for _ in site.section_patterns:
            which = f"d = {place} AND " if len(sites) > 1 else ""
            tests.append(
                f"{which}match({path}, {{section_{index}_is:String}}), {{sections:Array(String)}}[{index + 1}]"
            )
            index += 1
    # A path without a folder is in that of the whole site.
    folder = f"if(position({path}, '/', 2) > 0, substring({path}, 1, position({path}, '/', 2)), '/')"
    return f"multiIf({', '.join(tests)}, {folder})" if tests else folder
