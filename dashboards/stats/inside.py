"""The pages inside a section: which those are, their paths tell, so that nobody has to count both together.

In: a section, and how the site names its sections now. Out: filters on a path. Promises: what they keep is what
`Site.section_of` says, and rows that are shown anyway; a folded row is inside of none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from schema.dimensions import DIMENSIONS
from schema.pattern import FOLDERLESS, folder_of

from .filter import ALTERNATIVES, Filter
from .regex import literally

SECTION = "section"
# What no path is like.
_NOTHING = "a^"
# Whose values are paths: pages, and those on which visits began and ended.
PATHS = tuple(name for name, one in DIMENSIONS.items() if one.column == "path" and name != SECTION)


def section_kept(filters: Sequence[Filter]) -> str:
    """The one section that they keep; "" where they keep something else."""
    one = filters[0] if len(filters) == 1 else None
    is_one = one and one.dimension == SECTION and one.operator == "==" and ALTERNATIVES not in one.value
    return one.value if one and is_one else ""


def pages_inside(section: str, patterns: Mapping[str, str], dimension: str) -> tuple[Filter, ...]:
    """What keeps the paths of a section. patterns: of the sections that have a name, those first that take a page
    first."""
    names = [*patterns]
    before = names[: names.index(section)] if section in patterns else names
    folder = FOLDERLESS if section == "/" else f"^{literally(section)}" if folder_of(section) == section else _NOTHING
    own = patterns.get(section, folder)
    taken = [Filter(dimension, "=!~", "|".join(f"(?:{patterns[name]})" for name in before))] if before else []
    return (Filter(dimension, "=~", own), *taken)
