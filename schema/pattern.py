"""Which paths a pattern is of, and the folder of a path.

In: page patterns of the settings, paths. Out: anchored RE2 expressions, which Python reads alike.
"""

from __future__ import annotations

import re

# The paths whose folder is that of the whole site.
FOLDERLESS = "^.?[^/]*$"


def folder_of(path: str) -> str:
    """The first folder of a path with its slashes; of one without a folder that of the whole site."""
    return f"/{path[1:].partition('/')[0]}/" if "/" in path[1:] else "/"


def pattern_regex(pattern: str) -> str:
    """A page pattern (`*` within a folder, `**` across) as an anchored RE2 expression. A slash at the end of the path
    makes no difference, nor does one at the end of the pattern: whether it is stored is a setting of the site."""
    bare = pattern.rstrip("/")
    parts = re.split(r"(\*\*|\*)", bare.removesuffix("/**"))
    translated = ("" if not p else ".*" if p == "**" else "[^/]*" if p == "*" else re.escape(p) for p in parts)
    end = "(?:/.*)?" if bare.endswith("/**") else "/?" if bare else "/"
    return "^" + "".join(translated) + end + "$"
