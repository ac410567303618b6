"""The events of visits, one row each, with what they are counted by in a row of their page, host name or name.

In: the scratch table `visits`. Out: `hits`. What an event is to the others of its visit is told once here: whoever
counts, and whoever looks who is behind what is rare, reads rows.
"""

from __future__ import annotations

from schema.event import ENGAGEMENT, PAGEVIEW

from ...insert import insert
from ...parallel import Statement
from ..batch import Batch

# The dimensions of an event: of each the column, and which events have a part in it.
OF_HITS = {
    "page": ("page", "(seen OR NOT came)"),
    "section": ("section", "(seen OR NOT came)"),
    "hostname": ("hostname", "came"),
    "event": ("name", f"came AND name != '{ENGAGEMENT}'"),
}
# The pages of a visit by number, in the order in which they come: texts are compared once.
_PAGES = "arrayEnumerateDense(hits.path)"
# Of each event, whether its page was viewed in the visit: behind all viewed pages it comes once more than among the
# events alone. Looking each up among the viewed ones takes the square of a visit's events, in memory too.
_VIEWED = f"arrayDistinct(arrayFilter((p, n) -> n = '{PAGEVIEW}', {_PAGES}, hits.name))"
_BEHIND = f"arraySlice(arrayEnumerateUniq(arrayConcat({_VIEWED}, {_PAGES})), 1 + length({_VIEWED}))"
_SEEN = f"arrayMap((behind, alone) -> behind > alone, {_BEHIND}, arrayEnumerateUniq({_PAGES}))"
COLUMNS = {
    name: name
    for name in (
        "d",
        "visitor",
        "network_number",
        "visit",
        "again",
        "came",
        "page",
        "section",
        "hostname",
        "name",
        "engaged",
        "scroll",
    )
}
# first_…: the visit's first there, if it counts as one.
COLUMNS |= {"seen": "seen"} | {f"first_{dimension}": f"came AND nth_{dimension} = 1" for dimension in OF_HITS}


def filling_hits(of: Batch) -> Statement:
    """The statement that fills `hits`."""
    # Of a section with pages that were not viewed in the visit, the first is the first of those that were.
    sections = f"arrayMap(path -> {of.section_of('path')}, hits.path)"
    return of.naming(
        f"""{insert("{hits}", COLUMNS)}
        FROM {{visits}}
        ARRAY JOIN hits.path AS page, hits.hostname AS hostname, hits.name AS name, hits.engaged_ms AS engaged,
            hits.scroll AS scroll, {_SEEN} AS seen, {sections} AS section, arrayEnumerateUniq({_PAGES}) AS nth_page,
            arrayEnumerateUniq({sections}, {_SEEN}) AS nth_section,
            arrayEnumerateUniq(hits.hostname) AS nth_hostname, arrayEnumerateUniq(hits.name) AS nth_event"""
    ), of.named
