"""What the manifest says: which days are released, and by which entry; which blocks of days (rule N2) are.

In: nothing. Out: SQL and a filter for rows that were read, both by one rule: of each site-day the last entry holds, and
one that takes an import back leaves the day as if it had never been released.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

# An entry's origin is `live`, or what made an import and its run, or this and the run that is taken back.
LIVE, UNDO = "live", "undo"
# What makes an import of an access log.
OF_LOG = "import"

# (site, day, number, digest) of the entries that hold.
STANDING = f"""(
    SELECT site, day, last.1 AS number, last.2 AS digest
    FROM
    (
        SELECT site, day, argMax((number, digest, origin), number) AS last
        FROM manifest WHERE span = 1 GROUP BY site, day
    )
    WHERE NOT startsWith(last.3, '{UNDO}:')
)"""
# How many days an entry may be of beside one, and what the rows are called that it makes readable.
WEEK, FOUR_WEEKS = 7, 28
_GRAINS = {WEEK: "week", FOUR_WEEKS: "four_weeks"}
SPANS = {grain: span for span, grain in _GRAINS.items()}
# An entry of no day of its own: it adds a goal, a section, a property, a funnel, pairs or segments to a day that was
# released before that was declared (rule N6).
ADDED = 0
_GOAL_GRAIN, _SECTION_GRAIN, _PROPERTY_GRAIN, _FUNNEL_GRAIN = "goal-", "section-", "property-", "funnel-"
ADDED_PAIRS, _SEGMENTS_GRAIN = "pairs-", "segments-"
_ADDED_GRAINS = (_GOAL_GRAIN, _SECTION_GRAIN, _PROPERTY_GRAIN, _FUNNEL_GRAIN, ADDED_PAIRS, _SEGMENTS_GRAIN)
RELEASED_DAYS = f"(SELECT site, day FROM {STANDING})"

# Versions of entries that are older than the goals in them.
_WITHOUT_GOALS = ("", "1", "2", "3")
# The same of sections.
_WITHOUT_SECTIONS = (*_WITHOUT_GOALS, "4")
# The same of properties.
_WITHOUT_PROPERTIES = (*_WITHOUT_SECTIONS, "5")

Row = TypeVar("Row", bound=Sequence[Any])


def origin_of(made_by: str, run: str) -> str:
    """The origin of an import's entries."""
    return f"{made_by}:{run}"


def grain_of(origin: str, span: int) -> str:
    """The grain of a block's rows, "" of a day. Each import has blocks of its own."""
    run = origin.partition(":")[2]
    return ":".join(filter(None, (_GRAINS.get(span, ""), run if span > 1 else "")))


def is_import(origin: str) -> bool:
    """Whether an entry's day was imported."""
    return ":" in origin and not is_undo(origin)


def is_of_log(origin: str) -> bool:
    """Whether an entry's day was made of an access log, which knows page views alone."""
    return origin.startswith(f"{OF_LOG}:")


def grain_of_goal(name: str, definition: str) -> str:
    """The grain of the rows that a goal of that definition has on days that were released before it was declared."""
    return _GOAL_GRAIN + _named(name, definition)


def grain_of_section(name: str, definition: str) -> str:
    """The same of a section."""
    return _SECTION_GRAIN + _named(name, definition)


def grain_of_property(name: str) -> str:
    """The same of a property."""
    return _PROPERTY_GRAIN + _named(name, "")


def grain_of_funnel(name: str, definition: str) -> str:
    """The same of a funnel."""
    return _FUNNEL_GRAIN + _named(name, definition)


def grain_of_pairs(names: Iterable[str]) -> str:
    """The same of pairs that are added together."""
    return ADDED_PAIRS + _named("", "\0".join(names))


def grain_of_segments(definitions: Mapping[str, str]) -> str:
    """The same of segments that are added together, by name their definition."""
    return _SEGMENTS_GRAIN + _named("", "\0".join(f"{name}\0{what}" for name, what in sorted(definitions.items())))


def _named(name: str, definition: str) -> str:
    return hashlib.sha256(f"{name}\0{definition}".encode()).hexdigest()[:16]


def families_of(grain: str) -> tuple[str, ...]:
    """Of which families rows of that grain are, which were added to a day."""
    return _FAMILIES[grain.partition("-")[0] + "-"]


_FAMILIES = dict(
    zip(
        _ADDED_GRAINS,
        (
            ("conversions",),
            ("cells",),
            ("properties",),
            ("funnels",),
            ("pairs",),
            ("segments", "segment_vitals", "segment_goals"),
        ),
        strict=True,
    )
)


def span_of(grain: str) -> int:
    """Of how many days rows of that grain are: those of blocks, or of what was added to a day."""
    return ADDED if grain.startswith(_ADDED_GRAINS) else SPANS.get(grain.partition(":")[0], 1)


def knows_goals(version: str) -> bool:
    """Whether an entry of that version says which goals were counted."""
    return version not in _WITHOUT_GOALS


def knows_sections(version: str) -> bool:
    """The same of sections."""
    return version not in _WITHOUT_SECTIONS


def knows_properties(version: str) -> bool:
    """The same of properties."""
    return version not in _WITHOUT_PROPERTIES


def is_undo(origin: str) -> bool:
    """Whether an entry takes its day back."""
    return origin.startswith(f"{UNDO}:")


def standing_blocks(entries: Iterable[Row], origin: int, span: int) -> list[Row]:
    """Of one site's entries those of blocks that hold: an import is taken back whole. origin, span: where in an entry
    these are."""
    entries = list(entries)
    undone = {entry[origin].partition(":")[2] for entry in entries if is_undo(entry[origin])}
    return [entry for entry in entries if entry[span] > 1 and entry[origin].partition(":")[2] not in undone]


def standing(entries: Iterable[Row], day: int, number: int, origin: int) -> list[Row]:
    """Those of one site's entries of days that hold. day, number, origin: where in an entry these are."""
    entries = list(entries)
    touched = {entry[day] for entry in entries if is_undo(entry[origin])}
    if not touched:
        return entries
    last = {entry[day]: entry for entry in sorted(entries, key=lambda entry: entry[number]) if entry[day] in touched}
    return [
        entry
        for entry in entries
        if entry[day] not in touched or (entry is last[entry[day]] and not is_undo(entry[origin]))
    ]
