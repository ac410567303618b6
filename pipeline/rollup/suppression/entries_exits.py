"""What is told of entries and exits of pages and sections, beside the dimensions `entry_page` and `exit_page` (N1, R3).

In: the scratch tables `visits` and `kept`; of a block what its days and weeks have released. Out: which rows of
entrants and leavers are told. Promises: of a page nothing is told but what `exit_page` (`entry_page`) tells of it. What
sections tell beyond that, each by itself and all that do not together, is of nobody, or of two pages or more and of k
people or more. Of a block a page tells what that dimension tells of the same days, and a section nothing.

Why: both tables count the same visits. Each with a companion of its own, one would tell what the other one hides.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

from msgspec import Struct

from schema.dimensions import OTHER
from schema.manifest import WEEK

from ..batch import ENOUGH, NETWORKS, Batch
from ..block import Blocks
from .complementary import Cell, Whole

# By who contributes the dimension that tells the same visits.
OF_END = {"entrant": "entry_page", "leaver": "exit_page"}
_PARTS = ("page", "section")


def is_of_ends(kind: str, dimension: str) -> bool:
    """Whether that is told by these rules."""
    return kind in OF_END and dimension in _PARTS


def apart(whole: Whole) -> bool:
    """The same of rows that add up to something."""
    return whole[0] == "contributors" and is_of_ends(whole[3], whole[2])


# -- days ------------------------------------------------------------------------------------------------------------


def _kept(dimension: str) -> str:
    return f"(SELECT d, value FROM {{kept}} WHERE dimension = '{dimension}')"


_NOT_THERE = " OR ".join(f"name = '{kind}' AND (d, value) NOT IN {_kept(page)}" for kind, page in OF_END.items())
# SQL for whether a row of contributors is not told. Of sections by their names `untold_sections` tells it.
UNTOLD = f"""(family = 'contributors' AND name IN {[*OF_END]} AND dimension IN {[*_PARTS]}
    AND (value = '{OTHER}' OR dimension = 'page' AND ({_NOT_THERE})))"""


class Behind(Struct, frozen=True):
    """Of the visits that the dimension hides those of one section; "" if they viewed no page. covered: they are of two
    pages or more, and of k people from enough networks; named: the section is shown."""

    people: int
    section: str
    covered: bool
    named: bool


def untold_sections(of: Batch) -> set[Cell]:
    """The rows of sections that are not told."""
    found = defaultdict[tuple[int, str], list[Behind]](list)
    for d, kind, *fields in of.store.rows(of.naming(" UNION ALL ".join(map(_behind, OF_END))), of.named):
        found[d, kind].append(Behind(*fields))
    return {
        ("contributors", d, "section", kind, "", section)
        for (d, kind), each in found.items()
        for section in _untold(each)
    }


def _untold(each: Sequence[Behind]) -> Iterator[str]:
    """Those of which too little is hidden, and the smallest other one where that is not enough together."""
    untold = [one for one in each if not (one.named and one.covered)]
    others = [one for one in each if one.named and one.covered]
    if untold and others and not any(one.covered for one in untold):
        untold.append(min(others, key=lambda one: (one.people, one.section)))
    return (one.section for one in untold if one.named)


def _behind(kind: str) -> str:
    """SQL for the fields of `Behind`, by site-day and kind."""
    page = OF_END[kind]
    return f"""
        SELECT d, '{kind}', people, section, many > 1 AND {ENOUGH}, section != '' AND (d, section) IN {_kept("section")}
        FROM
        (
            SELECT d, if(viewed > 0, toString({page.replace("page", "section")}), '') AS section,
                uniqExact({page}) AS many, uniqExact(visitor) AS people, {NETWORKS} AS networks
            FROM {{visits}} WHERE came AND (d, {page}) NOT IN {_kept(page)} GROUP BY d, section
        )"""


# -- blocks ----------------------------------------------------------------------------------------------------------


# By kind and value whether a page is told; rows of `shown` less their `d`.
Told = tuple[str, str, str, str, str]


def told_of_blocks(of: Blocks, values: Mapping[int, Collection[tuple[str, str]]]) -> dict[int, list[Told]]:
    """By block the rows of pages that are told. values: by block and dimension what it releases."""
    found: dict[int, list[Told]] = {}
    for kind, dimension in OF_END.items():
        pages = {d: _both(its, dimension) for d, its in values.items()}
        unlike = _unlike(of, dimension) if any(pages.values()) else set()
        for d, its in pages.items():
            told = (value for value in its if (d, value) not in unlike)
            found.setdefault(d, []).extend(("contributors", "page", value, kind, "") for value in told)
    return found


def _both(values: Collection[tuple[str, str]], of_end: str) -> set[str]:
    """The pages that are released as pages and as those with which visits begin, or end."""
    return {value for name, value in values if name == "page" and (of_end, value) in values} - {OTHER}


def _unlike(of: Blocks, dimension: str) -> set[tuple[int, str]]:
    """By block the pages that have rows of their own, or of a week within it, on other days than the dimension has.
    Known to everybody: to tell of a page whether anybody left on such days would tell of these."""
    days = "arraySort(groupUniqArrayIf(on_day, dimension = '{}'))".format
    weeks = f"""
            UNION ALL
            SELECT {of.which_week} AS d, dimension, value, arrayJoin(arrayMap(n -> day + n, range({WEEK}))) AS on_day
            FROM late_cells WHERE {of.of_weeks} AND dimension IN ('page', '{dimension}')"""
    rows = of.store.rows(
        f"""SELECT d, value FROM
        (
            SELECT {of.which_waits} AS d, dimension, value, day AS on_day FROM released_cells
            WHERE {of.waits} AND grain = 'day' AND dimension IN ('page', '{dimension}'){weeks if of.have_weeks else ""}
        )
        WHERE (d, on_day) IN arrayZip({{wait_of:Array(UInt16)}}, {{waits:Array(Date)}})
        GROUP BY d, value HAVING {days("page")} != {days(dimension)}""",
        of.named,
    )
    return {(d, value) for d, value in rows}
