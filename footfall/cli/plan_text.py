"""What `footfall plan` found, as a text.

In: `Planned`s. Out: lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import structs

from ..plan.cells import Counted, Dimension, Rows
from ..plan.changes import (
    CHANGED,
    FUNNEL,
    GOAL,
    GONE,
    JOURNEYS,
    NEW,
    PAIR,
    PROPERTY,
    SECTION,
    SEGMENT,
    SITE,
    Change,
    Held,
)
from ..plan.groups import LEAST, Groups
from ..plan.past import Past
from ..plan.planning import Planned, Released
from ..settings.declared import things_of

# What visitor-days did.
_DID = {GOAL: "reached it {times} times", SECTION: "viewed {times} pages of it"}
_DID |= {PROPERTY: "of its values sent {times} events", FUNNEL: "began it, {times} of them reached the last step told"}
_DID |= {PAIR: "in its cells made {times} visits", SEGMENT: "in it made {times} visits"}
# What the visitor-days are that it would show.
_SHOWN = {
    FUNNEL: "by step",
    PROPERTY: "in its values",
    PAIR: "in its cells",
    SEGMENT: "in it",
    JOURNEYS: "on them",
}
# By what changed the field of a site that declares it.
_FIELDS = {GOAL: "goals", FUNNEL: "funnels", SEGMENT: "segments"}
# Of these no released day gets anything.
_WITHOUT_PAST = (JOURNEYS,)
_NOTHING = "nothing changes of what is counted and released"


def text_of(plans: Sequence[Planned]) -> str:
    """All of it, site by site."""
    return "\n\n".join("\n".join(_site(one)) for one in plans) or _NOTHING


def in_words(planned: Planned, before: Held | None, after: Held | None) -> Planned:
    """With definitions that are written for programs as people say them."""
    return structs.replace(planned, changes=[_said(one, before, after) for one in planned.changes])


def _said(one: Change, before: Held | None, after: Held | None) -> Change:
    field = _FIELDS.get(one.what)
    if field is None or not any(mark in one.before + one.after for mark in '{["'):
        return one
    then, now = (
        {name: words for name, words, _ in things_of(field, held.site)} if held else {} for held in (before, after)
    )
    said = structs.replace(one, before=then.get(one.name, ""), after=now.get(one.name, ""))
    # It names a section in both, which has other pages now.
    return one if one.kind == CHANGED and said.before == said.after else said


def _site(one: Planned) -> Iterator[str]:
    yield one.site
    yield from (f"  {_change(change)}" for change in one.changes)
    if one.changes[0].what == SITE and one.changes[0].kind != CHANGED:
        return
    if not one.days:
        yield "  no released day has raw rows left: all begins with the days that are open"
        return
    yield f"  released days with raw rows left: {one.days}, from {one.first} to {one.last}; open days: {one.open_days}"
    for past in one.past:
        yield from (f"  {line}" for line in _past(past))
    yield from (f"  {_counted(counted)}" for counted in one.counted)
    if one.released:
        yield from (f"  {line}" for line in _released(one.released))
    if one.untold:
        yield f"  stored rows tell nothing of {', '.join(one.untold)}: try it on a log, footfall lab --log FILE"


def _change(one: Change) -> str:
    name = one.name if one.what == SITE else f"{one.what} {one.name}".rstrip()
    if one.kind == NEW:
        return f"+ {name}" + (f": {one.after}" if one.after else "")
    if one.kind == GONE:
        left = "not in these settings (one of `footfall up --site` is named by --site here)"
        return f"- {name}: {'what was released of it stays' if one.what != SITE else left}"
    effect = f" ({one.effect})" if one.effect else ""
    return f"~ {name}: {one.before or 'none'} → {one.after or 'none'}{effect}"


def _past(past: Past) -> Iterator[str]:
    people, times = sum(day.people for day in past.days), sum(day.times for day in past.days)
    did = _DID[past.what].format(times=times)
    yield (f"{past.what} {past.name}: fills back {len(past.days)} days, on which {people} visitor-days {did}")
    yield from (f"  {count} days: {reason}" for reason, count in past.others.items())


def _counted(one: Counted) -> str:
    people = " → ".join(map(str, one.people)) or "0"
    name = f"{one.what} {one.name}".rstrip()
    shown = f"{one.rows} rows on {one.days} days, visitor-days {_SHOWN[one.what]} {people}"
    begins = " (it begins with days that are open; what is released gets none)" if one.what in _WITHOUT_PAST else ""
    return f"{name}: from the start there would be {shown}{begins}"


def _released(one: Released) -> Iterator[str]:
    yield "of these days, by the settings in force → by these:"
    yield f"  whole site: {_both(one.shown_days)} days, {_both(one.visitor_days)} visitor-days"
    others = [dimension for dimension in one.dimensions if _is_different(dimension)]
    yield from (f"  {_dimension(dimension)}" for dimension in others)
    if len(others) < len(one.dimensions):
        yield f"  {len(one.dimensions) - len(others)} other dimensions: as they are"
    yield from (f"  {_family(family)}" for family in one.families)
    then, now = one.groups
    if then and now:
        yield f"  rows alike in all that is stored of a visitor: {_groups(then)} → {_groups(now)}"
    else:
        yield f"  rows alike in all that is stored of a visitor: not told of fewer than {LEAST} visitor-days"


def _is_different(one: Dimension) -> bool:
    return bool(one.appear or one.vanish) or any(a != b for a, b in (one.cells, one.visitor_days, one.later))


def _dimension(one: Dimension) -> str:
    share = "" if one.share is None else f", {100 * one.share:.0f} % of the visitor-days that are named now"
    return (
        f"{one.dimension}: {_both(one.cells)} cells of days (+{one.appear} −{one.vanish}), "
        f"{_both(one.visitor_days)} visitor-days, with weeks {_both(one.later)} more{share}"
    )


def _family(one: Rows) -> str:
    gone = f" (+{one.appear} −{one.vanish})" if one.appear or one.vanish else ""
    later = f", of weeks {_both(one.later)} more" if any(one.later) else ""
    return f"{one.family}: {_both(one.rows)} rows of days{gone}{later}"


def _groups(one: Groups) -> str:
    return f"{one.unique} % alone, {one.below_k} % with fewer than k, half of them in {one.median} or fewer"


def _both(numbers: tuple[int, int]) -> str:
    then, now = numbers
    return f"{then}" if then == now else f"{then} → {now}"
