"""The rows of a block: copied from what was staged of it to `late_*`, with the number of days that each speaks for, and
what has left the folded rows of its days (rule N2).

In: a `Block` that is staged, the entries of its days. Out: rows in `late_*`, how many, and their digest. Promises:
rows that came twice are found before the block has its entry.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from schema.dimensions import OTHER
from schema.families import FAMILIES, KEY, OWN, WAITING
from schema.manifest import FOUR_WEEKS, WEEK
from schema.measures import OF_CELLS
from schema.pairs import PAIRS
from schema.store import Store, StoreDown

from .copying import columns_of, table_of
from .insert import insert
from .manifest import Entry, digest_input
from .release import as_released
from .rollup.block import Block
from .rollup.contributors import CONTRIBUTED
from .rollup.pair_block import release_pairs
from .waiting_days import Due

_MINE = "site = {site:String} AND grain = {grain:String} AND day = {day:Date}"


def publish_block(store: Store, block: Due, week: str, entries: Sequence[Entry], of: Block) -> tuple[int, str]:
    """Copy the staged rows to `late_*`; their number and SHA-256 over all of them in the order of their columns. week:
    the grain of weeks within it. entries: of its days. of: what waited."""
    given: dict[str, object] = {"site": block.site, "day": block.first, "grain": block.grain, "week": week}
    digest, rows = hashlib.sha256(), 0
    for family in of.waiting:
        # A day that is older than a family has no row for it to speak for.
        given["dates"] = sorted(one.day for one in entries if not one.columns or family in one.columns)
        if family == PAIRS.name:
            release_pairs(of, block.grain)
        else:
            store.command(_copying(family), given, **store.foreground)
        if family == "cells":
            store.command(_MOVED, given, **store.foreground)
        table, names = table_of(family, late=True), columns_of(family, late=True)
        keys = ", ".join((*KEY, *FAMILIES[family].key_names))
        # A statement may be sent twice over HTTP.
        if not store.rows(f"SELECT count() = uniqExact({keys}) FROM {table} WHERE {_MINE}", given)[0][0]:
            raise StoreDown(f"a block of {block.site} was inserted twice; the next run makes it again")
        text = store.text(f"SELECT {', '.join(names)} FROM {table} WHERE {_MINE} ORDER BY ALL FORMAT TSV", given)
        if text:
            digest.update(digest_input(family, text))
            rows += text.count(b"\n")
    return rows, digest.hexdigest()


def _copying(family: str) -> str:
    """The statement that releases staged rows, and says for how many days each of them speaks. What stays hidden is in
    the rows of the days."""
    keys = ("dimension", "value", *FAMILIES[family].cell_keys)
    columns = {name: name for name in FAMILIES[family].columns} | {"grain": "{grain:String}"}
    rows = f"{as_released(family, f'staging_{family}')} WHERE site = {{site:String}} AND day = {{day:Date}}"
    if FAMILIES[family].histogram:  # one value has several rows
        source, days = f"({rows})", "0"
    elif family in OWN:  # all that waits of a goal is told, or nothing
        source, days = f"({rows}) AS r LEFT JOIN ({_WAITED}) AS o USING (vital, goal)", "o.waited"
    else:
        source = f"({rows}) AS r LEFT JOIN ({_own_days(family, keys)}) AS o USING ({', '.join(keys)})"
        spoken = "length({dates:Array(Date)})"
        counting = FAMILIES[family].counting
        if counting and counting.setting:
            # Since when a site asks for a key nobody noted: only days that show something of the same are spoken for.
            alike = ("dimension", *(key for key in counting.within if key != counting.part))
            source += f" LEFT JOIN ({_days_of(family, alike)}) AS c USING ({', '.join(alike)})"
            spoken = "c.counted"
        days = f"greatest(0, toInt64({spoken}) - toInt64(o.own))"
    return f"{insert(f'late_{family}', columns | {'days': days})} FROM {source} WHERE value != '{OTHER}'"


# On how many days goals waited that no week within the block tells.
_WAITED = f"""
    SELECT vital, goal, uniqExact(day) AS waited FROM waiting_experience
    WHERE site = {{site:String}} AND day IN {{dates:Array(Date)}}
        AND (toDate({{day:Date}} + intDiv(day - {{day:Date}}, {WEEK}) * {WEEK}), vital, goal) NOT IN
        (
            SELECT day, vital, goal FROM late_experience
            WHERE site = {{site:String}} AND grain = {{week:String}} AND grain != {{grain:String}}
        )
    GROUP BY vital, goal"""


def _own_days(family: str, keys: Sequence[str]) -> str:
    """SQL for how many of the days each value has rows of its own, or of a week."""
    listed = ", ".join(keys)
    return f"""
        SELECT {listed}, sum(n) AS own FROM
        (
            SELECT {listed}, 1 AS n FROM released_{family}
            WHERE site = {{site:String}} AND day IN {{dates:Array(Date)}} AND grain = 'day' AND by_dimension = ''
            UNION ALL
            SELECT {listed}, days AS n FROM late_{family}
            WHERE site = {{site:String}} AND grain = {{week:String}} AND {{grain:String}} != {{week:String}}
                AND day BETWEEN {{day:Date}} AND {{day:Date}} + {FOUR_WEEKS - 1} AND by_dimension = ''
        )
        GROUP BY {listed}"""


def _days_of(family: str, keys: Sequence[str]) -> str:
    """SQL for on how many of the days there are rows of these keys."""
    listed = ", ".join(keys)
    return f"""
        SELECT {listed}, uniqExact(day) AS counted FROM released_{family}
        WHERE site = {{site:String}} AND day IN {{dates:Array(Date)}} AND grain = 'day' AND by_dimension = ''
        GROUP BY {listed}"""


# What has left the folded rows of the days, as a row of its own: who adds up both takes it from theirs. Days that
# folded nothing, or showed nothing, have none. A measure that the row of a value does not tell has not left them.
_MEASURED = {
    one.name: "people" if one.aggregate == "distinct" else one.name if one.visit else one.default for one in OF_CELLS
}
_LEFT = {
    one.name: f"if(told_{one.contributor}, {_MEASURED[one.name]}, {one.less})"
    if one.contributor in CONTRIBUTED
    else _MEASURED[one.name]
    for one in OF_CELLS
}
_OF_LATE = ", ".join(f"{told} AS told_{kind}" for kind, told in CONTRIBUTED.items())
_MOVED = f"""
    {
    insert(
        "late_cells",
        {name: name for name in KEY}
        | {"site": "any(site)", "grain": "{grain:String}", "day": "{day:Date}", "value": f"'{OTHER}'"}
        | {"period": f"(SELECT any(period) FROM late_cells WHERE {_MINE})", "by_dimension": "''", "by_value": "''"}
        | {name: f"toUInt64(sum({sql}))" for name, sql in _LEFT.items()}
        | {"days": "0"},
    )
}
    FROM waiting_cells
    INNER JOIN (SELECT dimension, value, {_OF_LATE} FROM late_cells WHERE {_MINE}) AS late USING (dimension, value)
    WHERE site = {{site:String}} AND day IN {{dates:Array(Date)}} AND dimension != ''
        AND (toDate({{day:Date}} + intDiv(day - {{day:Date}}, {WEEK}) * {WEEK}), dimension, value) NOT IN
        (
            SELECT day, dimension, value FROM late_cells
            WHERE site = {{site:String}} AND grain = {{week:String}} AND grain != {{grain:String}}
        )
        AND (day, dimension) IN
        (
            SELECT day, dimension FROM released_cells
            WHERE site = {{site:String}} AND day IN {{dates:Array(Date)}} AND grain = 'day' AND value = '{OTHER}'
        )
    GROUP BY dimension"""


def forget_block(store: Store, block: Due) -> None:
    """A release that was cut off left rows that nobody can read."""
    given = {"site": block.site, "grain": block.grain, "day": block.first}
    for family in WAITING:
        table = f"late_{family}"
        if store.rows(f"SELECT count() FROM {table} WHERE {_MINE}", given)[0][0]:
            store.command(f"ALTER TABLE {store.local(table)} DELETE WHERE {_MINE}", given, mutations_sync=2)
