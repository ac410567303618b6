"""The settings that would have the visits of some filters counted by everything: a segment.

In: a site, and filters. Out: lines to copy into the settings, or the segment that the site has of them already.
Promises: whatever is in a filter is quoted; what a segment cannot say is not written as something else.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from msgspec import Struct

from schema.dimensions import DIMENSIONS
from schema.segment import Segment
from schema.site import Site

from ..stats.filter import ALTERNATIVES, Filter
from .wording import in_words

_LONGEST_NAME = 120
# Since when a segment that is declared is counted.
SINCE = "also of released days whose raw rows are left"


class ToDeclare(Struct, frozen=True):
    """lines: of the settings; name: of the segment. there: whether the site has one of these visits, by that name.
    asked: the filters, as an address has them."""

    name: str
    lines: str
    there: bool = False
    asked: str = ""


def to_declare(site: Site, filters: Sequence[Filter], within: str = "") -> ToDeclare | None:
    """None where no segment can be of them. within: the segment whose visits are filtered."""
    where = _where(filters)
    name = " and ".join((*[within] * bool(within), *map(in_words, filters)))
    if where is not None and within:
        its = next((one.where for one in site.segments if one.name == within), None)
        where = its and {"all": [its, where]}
    asked = urlencode([("filter", one.text) for one in filters])
    return declared_as(site, name, where, asked) if where else None


def declared_as(site: Site, name: str, where: dict[str, Any], asked: str = "") -> ToDeclare | None:
    """The segment of what holds; None where the site can have no such."""
    name = name.replace("|", "/")[:_LONGEST_NAME]
    try:
        definition = Segment(name, where).definition(site.goal_definitions, site.section_patterns)
    except ValueError:
        return None
    there = next((one for one, its in site.segment_definitions.items() if its == definition), "")
    lines = f"[[sites.segments]]\nname = {in_toml(name)}\nwhere = {in_toml(where)}"
    return ToDeclare(there or name, lines, bool(there), asked)


def _where(filters: Sequence[Filter]) -> dict[str, Any] | None:
    """What holds for such visits. A `*` stands for any text there, so a value that has one cannot be said."""
    parts: list[dict[str, Any]] = []
    for one in filters:
        known = one.dimension in DIMENSIONS or one.dimension == "goal"
        if not known or one.operator not in ("==", "!=") or "*" in one.value:
            return None
        values = one.value.split(ALTERNATIVES)
        part = {one.dimension: values if len(values) > 1 else one.value}
        parts.append(part if one.operator == "==" else {"not": part})
    names = [name for part in parts for name in part]
    if not parts or len({*names}) < len(names):
        return {"all": parts} if parts else None
    return {name: value for part in parts for name, value in part.items()}


def in_toml(value: Any) -> str:
    """A value of the settings file."""
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{name} = {in_toml(one)}' for name, one in value.items())} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(in_toml, value))}]"
    # A text is written alike, but for this one character.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
