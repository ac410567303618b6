"""Moves of visits: from section to section, from page to page, from entry to exit.

In: the scratch tables `visits`, `values`, `kept` and `shown`. Out: `journeys`, of each move that is shown how many
people made it and how often. Promises: a day tells moves of `MOST_STOPS` pages and sections at most, and of those that
the day shows; all others are one, which is no row. Of an open day nothing is told, but with k = 1.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from schema.column import TEXT
from schema.event import PAGEVIEW
from schema.families import FAMILIES
from schema.journeys import ENDS, KINDS, MOST_STOPS, PAGE, SECTION

from ...insert import insert
from ..batch import ENOUGH, LEAST_NETWORKS, NETWORKS, Batch, K
from ..suppression.shown_moves import ENTRY, EXIT, LINES, MOVE, OWN, SINGLE, Count, Day, End, Move, Pair, shown
from ..suppression.two_way import Line
from . import declared
from .twins import GOALS, told, twins_of_goals

_FAMILY = FAMILIES["journeys"]
_MOVE = dict.fromkeys(("kind", "step"), TEXT) | {
    "origin": "String",
    "origin_part": TEXT,
    "target": "String",
    "target_part": TEXT,
}
_WAY = {name: _MOVE[name] for name in ("kind", "origin", "target")}
# By name the columns of the scratch tables.
TABLES: dict[str, dict[str, str]] = {
    "stops": {"d": "UInt16", "dimension": TEXT, "value": "String"},
    "moves": {"d": "UInt16", "visitor": "UInt64", "network_number": "UInt64", **_MOVE},
    "moved": {"d": "UInt16", **_MOVE, "people": "Int64", "networks": "Int64"},
    "ways": {"d": "UInt16", **_WAY},
}
# Of a site-day: whether its moves are told.
_TOLD = "{journeys:Array(UInt8)}[d + 1]"
_FILL_STOPS = f"""
    INSERT INTO {{stops}} (d, dimension, value)
    SELECT d, dimension, value FROM {{values}}
    WHERE {_TOLD} AND dimension IN ('{PAGE}', '{SECTION}') AND value != ''
        AND (d, dimension, value) IN (SELECT d, dimension, value FROM {{kept}})
    ORDER BY people DESC, value LIMIT {MOST_STOPS} BY d, dimension"""


def show_ways(of: Batch) -> None:
    """Fill `journeys`."""
    told = [int(one.site.journeys and (one.rules.k == 1 or not of.live)) for one in of.days]
    if not any(told):
        return
    named = of.named | {"journeys": told}
    for statement in (_FILL_STOPS, _filling_moves(of), *([_FILL_MOVED] if of.hides else []), _FILL_WAYS):
        of.store.command(of.naming(statement), named)
    if of.hides:
        _show_some(of)
    columns, rows = declared.select(_FAMILY)
    of.store.command(of.naming(f"{insert('{journeys}', {'d': 'd', **columns})} {rows}"), of.named)


# -- moves -----------------------------------------------------------------------------------------------------------


def _filling_moves(of: Batch) -> str:
    """SQL that fills `moves`. Of visits that were bounces there is nothing to tell but where they began."""
    viewed = f"arrayFilter(nth -> hits.name[nth] = '{PAGEVIEW}', arrayEnumerate(hits.name))"
    paths = f"arrayMap(nth -> hits.path[nth], arraySort(nth -> (hits.place[nth], nth), {viewed}))"
    sections = f"arrayMap(path -> toString({of.section_of('path')}), paths)"
    begin, end = "(entry_page, toString(entry_section))", "(exit_page, toString(exit_section))"
    moves = f"arrayMap((one, next) -> ('{MOVE}', one, next), arrayPopBack(views), arrayPopFront(views))"
    ends = f"[('{ENTRY}', ('', ''), {begin}), ('{EXIT}', {end}, ('', ''))]"
    through = f"if(viewed > 1, [('through', {begin}, {end})], if(bounced, [], [('{SINGLE}', {begin}, {end})]))"
    steps = f"arrayConcat({moves}, {ends}, {through})" if of.hides else f"arrayConcat({moves}, {through})"
    columns = {name: name for name in TABLES["moves"]}
    kinds = f"if(name IN ('through', '{SINGLE}'), ['{ENDS}'], {[PAGE, SECTION]})"
    origin, target = _stop("origin"), _stop("target")
    return f"""{insert("{moves}", columns)}
        FROM
        (
            SELECT d, visitor, network_number, arrayJoin({kinds}) AS kind,
                if(name = 'through', '{MOVE}', name) AS step,
                {origin} AS origin, {target} AS target,
                if(kind = '{SECTION}', '', {_mapped(SECTION, "origin_section")}) AS origin_part,
                if(kind = '{SECTION}', '', {_mapped(SECTION, "target_section")}) AS target_part
            FROM
            (
                SELECT d, visitor, network_number, one.1 AS name, one.2.1 AS origin_page, one.2.2 AS origin_section,
                    one.3.1 AS target_page, one.3.2 AS target_section
                FROM
                (
                    SELECT d, visitor, network_number, {paths} AS paths, arrayZip(paths, {sections}) AS views,
                        arrayJoin({steps}) AS one
                    FROM {{visits}} WHERE viewed > 0 AND {_TOLD}
                )
            )
        )"""


def _stop(end: str) -> str:
    return f"if(kind = '{SECTION}', {_mapped(SECTION, f'{end}_section')}, {_mapped(PAGE, f'{end}_page')})"


def _mapped(dimension: str, value: str) -> str:
    """SQL for a page or section, "" if it is not told."""
    stops = f"SELECT d, value FROM {{stops}} WHERE dimension = '{dimension}'"
    return f"if((d, {value}) IN ({stops}), {value}, '')"


# -- what is shown ---------------------------------------------------------------------------------------------------

_KEYS = ", ".join(("d", *_MOVE))
_FILL_MOVED = f"""
    {insert("{moved}", {name: name for name in ("d", *_MOVE)} | {"people": "uniqExact(visitor)", "networks": NETWORKS})}
    FROM {{moves}} WHERE {K} > 1 GROUP BY {_KEYS}"""
_FILL_WAYS = f"""
    {insert("{ways}", {name: name for name in TABLES["ways"]})}
    FROM {{moves}}
    WHERE {K} = 1 AND step = '{MOVE}' AND origin != '' AND target != '' AND (kind = '{ENDS}' OR origin != target)
    GROUP BY d, {", ".join(_WAY)}"""
_COVERED = f"""
    SELECT d, kind, line
    FROM
    (
        SELECT d, kind, visitor, network_number, arrayJoin({LINES}) AS line FROM {{moves}}
        WHERE ({_KEYS}) IN (SELECT {_KEYS} FROM {{moved}} WHERE NOT {ENOUGH})
    )
    GROUP BY d, kind, line HAVING uniqExact(visitor) >= {K} AND {NETWORKS} >= {LEAST_NETWORKS}"""
# Where visits began and ended is told of pages and sections (rule N1), and by dimensions of their own.
_ENDS = f"""
    SELECT d, if(name = 'entrant', '{ENTRY}', '{EXIT}'), dimension, value FROM {{shown}}
    WHERE family = 'contributors' AND name IN ('entrant', 'leaver') AND dimension IN ('{PAGE}', '{SECTION}')
    UNION ALL
    SELECT d, if(dimension = 'entry_page', '{ENTRY}', '{EXIT}'), '{OWN}', value FROM {{kept}}
    WHERE dimension IN ('entry_page', 'exit_page')"""


def _show_some(of: Batch) -> None:
    """Fill `ways` with the moves that are shown."""
    told = sorted((d, move.kind, *move.ends) for d, day in _days(of).items() for move in shown(day))
    if told:
        of.store.insert(of.scratch("ways"), [*TABLES["ways"]], [list(column) for column in zip(*told, strict=True)])


def _days(of: Batch) -> dict[int, Day]:
    counts: defaultdict[int, dict[Move, Count]] = defaultdict(dict)
    # In order: of moves of as many people the same ones are hidden each time.
    rows = of.store.rows(of.naming(f"SELECT {_KEYS}, people, {ENOUGH} FROM {{moved}} ORDER BY ALL"), of.named)
    for d, *move, people, enough in rows:
        counts[d][Move(*move)] = Count(people, bool(enough))
    covered: defaultdict[int, dict[str, set[Line]]] = defaultdict(lambda: {kind: set() for kind in KINDS})
    for d, kind, line in of.store.rows(of.naming(_COVERED), of.named):
        covered[d][kind].add(tuple(line))
    ends: defaultdict[int, set[End]] = defaultdict(set)
    for d, *end in of.store.rows(of.naming(_ENDS), of.named):
        ends[d].add((*end,))
    twins, known = _twins(of)
    return {
        d: Day(mine, covered[d], frozenset(ends[d]), frozenset(twins[d]), frozenset(known[d]))
        for d, mine in counts.items()
    }


def _twins(of: Batch) -> tuple[Mapping[int, set[End]], Mapping[int, set[Pair]]]:
    """By site-day the pages of which goals tell the ways that begin or end there, and the ways that these tell."""
    twins: defaultdict[int, set[End]] = defaultdict(set)
    known: defaultdict[int, set[Pair]] = defaultdict(set)
    days = [d for d, one in enumerate(of.days) if one.site.journeys]
    goals = twins_of_goals(of, days, "{visits}", {name: name for name in ("entry_page", "exit_page")})
    by_goal = told(of, GOALS, {}) if goals else {}
    for goal, ends in goals.items():
        mine = by_goal.get(goal, {})
        for dimension, page in ends if "" in mine else ():
            begins = dimension == "entry_page"
            twins[goal[0]].add((ENTRY if begins else EXIT, OWN, str(page)))
            others = mine.get("exit_page" if begins else "entry_page", ())
            known[goal[0]] |= {(str(page), other) if begins else (other, str(page)) for other in others}
    return twins, known
