"""On which line of a TOML file a setting stands.

In: the file's text, a name. Out: a line number. Promises: it is told as close as the file's tables allow.
"""

from __future__ import annotations

import re
from functools import lru_cache


def line_of(text: str, name: str) -> int:
    """The line on which a setting stands; the line of its table where it cannot be told closer."""
    steps = tuple(re.findall(r"[^.\[\]]+", name))
    lines = _lines(text)
    return next((lines[steps[:many]] for many in range(len(steps), 0, -1) if steps[:many] in lines), 1)


# One file is asked for every setting in it.
@lru_cache(maxsize=1)
def _lines(text: str) -> dict[tuple[str, ...], int]:
    """By the steps to each table and key the first line on which it stands."""
    table: list[str] = []
    counts: dict[str, int] = {}
    found: dict[tuple[str, ...], int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"\s*(\[\[?)\s*([\w.\-\" ]+?)\s*\]\]?\s*(#.*)?$", line)
        if header:
            table = header[2].replace('"', "").split(".")
            if len(table) > 1 and table[0] in counts:  # a table within the last [[…]] of that name
                table = [table[0], str(counts[table[0]] - 1), *table[1:]]
            if header[1] == "[[":
                array = ".".join(table)
                index = counts.get(array, 0)
                counts[array] = index + 1
                # The list itself stands where its first table does.
                found.setdefault(tuple(table), number)
                table = [*table, str(index)]
            here = table
        else:
            key = re.match(r"\s*([\w.\-]+)\s*=", line)
            if not key:
                continue
            here = [*table, *key[1].split(".")]
        found.setdefault(tuple(here), number)
    return found
