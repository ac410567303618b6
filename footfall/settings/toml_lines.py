"""On which line of a TOML file a setting stands.

In: the file's text, a name. Out: a line number. Promises: it is told as close as the file's tables allow.
"""

from __future__ import annotations

import re


def line_of(text: str, name: str) -> int:
    """The line on which a setting stands; the line of its table where it cannot be told closer."""
    steps = re.findall(r"[^.\[\]]+", name)
    table: list[str] = []
    counts: dict[str, int] = {}
    best = (0, 1)
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
                table = [*table, str(index)]
            here = table
        else:
            key = re.match(r"\s*([\w.\-]+)\s*=", line)
            if not key:
                continue
            here = [*table, *key[1].split(".")]
        if here == steps[: len(here)] and len(here) > best[0]:
            best = (len(here), number)
    return best[1]
