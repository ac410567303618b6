"""What a goal that is added to a released day would tell beside what is released of that day (rule N6).

In: a day that is staged again, with a goal that is new and all that were counted before. Out: by which dimensions the
new one may not be released. Promises: whoever compares it with one that was there before, or with all visitors, learns
of nobody, or of k people of as many networks as rule N4 asks for: of those who reached the one and not the other, of
those in whom both differ, of those who reached neither; and of those who saw pages, of it or others, that the day does
not show. So does whoever adds up and subtracts several of those that were there before, as many as small_differences.py
combines. It holds on the whole site, in every value, and in what is left of the whole site without the values that are
shown.

Where one value would tell of fewer, the whole dimension is left out: its row would follow from the others.
"""

from __future__ import annotations

from collections.abc import Sequence

from schema.dimensions import OTHER
from schema.event import PAGEVIEW
from schema.goal import OF_VISIT

from ..batch import Batch
from ..visits.hits import OF_HITS
from .counted_before import OF_DAY, CountedBefore, released
from .small_differences import ALL, Refused, differing, few, few_beside

# The kinds of goals that are of events by their names; others are of pages.
_OF_EVENTS = ("event", "revenue")


def refused(of: Batch, new: str, known: Sequence[CountedBefore]) -> Refused:
    """What may not be released of a goal. new: its name in the staged day. known: all that were counted before."""
    if of.days[0].rules.k == 1:
        return frozenset()
    [goal] = (one for one in of.days[0].site.goals if one.name == new)
    if (goal.revenue and _splits_events(of, new)) or (
        goal.kind not in OF_VISIT and splits_hidden(of, new, goal.kind in _OF_EVENTS)
    ):
        return ALL
    told = f"SELECT dimension, value, currency FROM staging_conversions WHERE {of.mine} AND {OF_DAY}"
    with released(of, known):
        if few_beside(of, new):
            return ALL
        return differing(of, new, known, "{acts}", f"{told} AND goal = {{new:String}}")


def splits_hidden(of: Batch, new: str, events: bool = False) -> bool:
    """Whether the goal is of some of the pages that the day hides of a section that it shows, or of all others
    together, and not of all of these; or of an event that it hides. The goal less what is shown of it would tell of
    these, and the section, or `(other)`, less these of the others: if not now, when a week releases all but one.
    events: it is of events, else of pages."""
    column, reached, section = ("name", "name", "''") if events else ("page", "path", "section")
    counted, dimension = (OF_HITS["event"][1], "event") if events else (f"name = '{PAGEVIEW}'", "page")
    shown = f"SELECT value FROM released_cells WHERE {of.mine} AND {OF_DAY} AND value != '{OTHER}' AND dimension"
    return bool(
        of.store.rows(
            of.naming(
                f"""SELECT if({section} IN ({shown} = 'section'), {section}, '{OTHER}') AS part,
                    uniqExactIf({column}, {column} IN (SELECT {reached} FROM {{reached}} WHERE goal = {{new:String}}))
                        AS of_goal
                FROM {{hits}} WHERE {counted} AND {column} NOT IN ({shown} = '{dimension}')
                GROUP BY part HAVING of_goal = 1 OR of_goal > 0 AND of_goal < uniqExact({column}) LIMIT 1"""
            ),
            of.named | {"new": new},
        )
    )


def _splits_events(of: Batch, new: str) -> bool:
    """Whether few had events of a name of which others reach the goal, without reaching it by these: those of an event
    that were sent with no amount are the event less the goal."""
    found = of.store.rows(
        of.naming(
            f"""SELECT its_name
            FROM
            (
                SELECT visitor, network_number, its_name FROM {{visits}}
                ARRAY JOIN hits.name AS its_name, hits.currency AS currency WHERE currency = ''
            )
            WHERE its_name IN (SELECT toString(name) FROM {{reached}} WHERE goal = {{new:String}})
            GROUP BY its_name HAVING {few("uniqExact(visitor)", "uniqExact(network_number)")} LIMIT 1"""
        ),
        of.named | {"new": new},
    )
    return bool(found)
