"""The rows of blocks: copied from what was staged to `late_*`, with the number of days that each speaks for, and what
has left the folded rows of its days (rule N2).

In: `Blocks` that are staged. Out: rows in `late_*`, of each block how many, and their digest. Promises: rows that came
twice are found before the block has its entry.
"""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Iterator, Sequence

from schema.dimensions import OTHER
from schema.families import FAMILIES, KEY, OWN, WAITING
from schema.measures import OF_CELLS
from schema.pairs import PAIRS
from schema.store import Store, StoreDown

from .copying import columns_of, table_of
from .insert import insert
from .manifest import digest_input
from .release import as_released
from .rollup.block import WEEK_OF_DAY, Blocks
from .rollup.contributors import CONTRIBUTED
from .rollup.pairs.block import release_pairs
from .waiting_days import Due

_SITE, _GRAIN, _DAY = (KEY.index(name) for name in ("site", "grain", "day"))


def publish_blocks(store: Store, of: Blocks) -> list[tuple[int, str]]:
    """Copy the staged rows to `late_*`; of each block their number and SHA-256 over all of them in the order of their
    columns."""
    digests, rows = [hashlib.sha256() for _ in of.each], Counter[int]()
    for family in of.waiting:
        _copy(store, of, family)
        table, names = table_of(family, late=True), columns_of(family, late=True)
        text = store.text(f"SELECT {', '.join(names)} FROM {table} WHERE {of.told} ORDER BY ALL FORMAT TSV", of.named)
        for d, lines in _by_block(of, family, text):
            digests[d].update(digest_input(family, b"".join(lines)))
            rows[d] += len(lines)
    return [(rows[d], digest.hexdigest()) for d, digest in enumerate(digests)]


def _copy(store: Store, of: Blocks, family: str) -> None:
    if family == PAIRS.name:
        return release_pairs(of)
    # A day that is older than a family has no row for it to speak for.
    speaking = [len(block.days) - block.lacking.get(family, 0) for block in of.each]
    store.command(of.naming(_copying(of, family)), {**of.named, "speaking": speaking}, **store.foreground)
    if family == "cells":
        store.command(of.naming(_moved(of)), of.named, **store.foreground)
    return None


def _by_block(of: Blocks, family: str, text: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """The rows of each block. text: sorted TSV, with the keys in front. Raises StoreDown where one is there twice: a
    statement may be sent twice over HTTP."""
    places = {(block.site.key, block.grain, block.first.isoformat()): d for d, block in enumerate(of.each)}
    # Between them stands for how many days a row speaks.
    keys = len(KEY) + 1 + len(FAMILIES[family].key_names)
    for key, each in itertools.groupby(text.splitlines(keepends=True), _block_of):
        lines = [*each]
        if any(one == other for one, other in itertools.pairwise(line.split(b"\t", keys)[:keys] for line in lines)):
            raise StoreDown(f"a block of {key[0]} was inserted twice; the next run makes it again")
        yield places[key], lines


def _block_of(line: bytes) -> tuple[str, str, str]:
    columns = line.split(b"\t", _DAY + 1)
    return columns[_SITE].decode(), columns[_GRAIN].decode(), columns[_DAY].decode()


def _copying(of: Blocks, family: str) -> str:
    """The statement that releases staged rows, and says for how many days each of them speaks. What stays hidden is in
    the rows of the days."""
    keys = ("dimension", "value", *FAMILIES[family].cell_keys)
    columns = {name: name for name in FAMILIES[family].columns} | {"grain": "{grains:Array(String)}[d + 1]"}
    rows = f"SELECT *, {of.which} AS d FROM ({as_released(family, f'staging_{family}')} WHERE {of.mine})"
    if FAMILIES[family].histogram:  # one value has several rows
        source, days = f"({rows})", "0"
    elif family in OWN:  # all that waits of a goal is told, or nothing
        source, days = f"({rows}) AS r LEFT JOIN ({_waited(of)}) AS o USING (d, vital, goal)", "o.waited"
    else:
        source = f"({rows}) AS r LEFT JOIN ({_own_days(of, family, keys)}) AS o USING (d, {', '.join(keys)})"
        spoken = "{speaking:Array(Int64)}[d + 1]"
        counting = FAMILIES[family].counting
        if counting and counting.setting:
            # Since when a site asks for a key nobody noted: only days that show something of the same are spoken for.
            alike = ("dimension", *(key for key in counting.within if key != counting.part))
            source += f" LEFT JOIN ({_days_of(of, family, alike)}) AS c USING (d, {', '.join(alike)})"
            spoken = "c.counted"
        days = f"greatest(0, toInt64({spoken}) - toInt64(o.own))"
    return f"{insert(f'late_{family}', columns | {'days': days})} FROM {source} WHERE value != '{OTHER}'"


def _waited(of: Blocks) -> str:
    """SQL for on how many days goals waited that no week within the block tells."""
    untold = f"""
        WHERE (d, {WEEK_OF_DAY}, vital, goal) NOT IN
            (SELECT {of.which_week}, day, vital, goal FROM late_experience WHERE {of.of_weeks})"""
    return f"""
    SELECT d, vital, goal, uniqExact(day) AS waited
    FROM (SELECT {of.which_waits} AS d, day, vital, goal FROM waiting_experience WHERE {of.waits})
    {untold if of.have_weeks else ""}
    GROUP BY d, vital, goal"""


def _own_days(of: Blocks, family: str, keys: Sequence[str]) -> str:
    """SQL for how many of the days each value has rows of its own, or of a week."""
    listed = ", ".join(keys)
    weeks = f"""
            UNION ALL
            SELECT {of.which_week} AS d, {listed}, days AS n FROM late_{family}
            WHERE {of.of_weeks} AND by_dimension = ''"""
    return f"""
        SELECT d, {listed}, sum(n) AS own FROM
        (
            SELECT {of.which_waits} AS d, {listed}, 1 AS n FROM released_{family}
            WHERE {of.waits} AND grain = 'day' AND by_dimension = ''{weeks if of.have_weeks else ""}
        )
        GROUP BY d, {listed}"""


def _days_of(of: Blocks, family: str, keys: Sequence[str]) -> str:
    """SQL for on how many of the days there are rows of these keys."""
    listed = ", ".join(keys)
    return f"""
        SELECT {of.which_waits} AS d, {listed}, uniqExact(day) AS counted FROM released_{family}
        WHERE {of.waits} AND grain = 'day' AND by_dimension = ''
        GROUP BY d, {listed}"""


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
_OF_FOLDED = {
    **{name: name for name in KEY},
    "site": "{sites:Array(String)}[d + 1]",
    "grain": "{grains:Array(String)}[d + 1]",
    "day": "{dates:Array(Date)}[d + 1]",
    "period": "toDateTime({starts:Array(UInt32)}[d + 1], 'UTC')",
    "value": f"'{OTHER}'",
    "by_dimension": "''",
    "by_value": "''",
    **{name: f"toUInt64(sum({sql}))" for name, sql in _LEFT.items()},
    "days": "0",
}


def _moved(of: Blocks) -> str:
    """The statement for these rows."""
    weeks = f"""
        AND (d, {WEEK_OF_DAY}, dimension, value) NOT IN
            (SELECT {of.which_week}, day, dimension, value FROM late_cells WHERE {of.of_weeks})"""
    return f"""
    {insert("late_cells", _OF_FOLDED)}
    FROM (SELECT *, {of.which_waits} AS d FROM waiting_cells WHERE {of.waits} AND dimension != '') AS waited
    INNER JOIN (SELECT {of.which} AS d, dimension, value, {_OF_LATE} FROM late_cells WHERE {of.told}) AS late
        USING (d, dimension, value)
    WHERE (d, day, dimension) IN
        (
            SELECT {of.which_waits}, day, dimension FROM released_cells
            WHERE {of.waits} AND grain = 'day' AND value = '{OTHER}'
        ){weeks if of.have_weeks else ""}
    GROUP BY d, dimension"""


def forget_blocks(store: Store, blocks: Sequence[Due]) -> None:
    """A release that was cut off left rows that nobody can read."""
    mine = "(site, grain, day) IN arrayZip({sites:Array(String)}, {grains:Array(String)}, {days:Array(Date)})"
    of = {"sites": [one.site for one in blocks], "grains": [one.grain for one in blocks]}
    given = of | {"days": [one.first for one in blocks]}
    tables = [f"late_{family}" for family in WAITING]
    there = " UNION ALL ".join(f"(SELECT '{table}' FROM {table} WHERE {mine} LIMIT 1)" for table in tables)
    for (table,) in store.rows(there, given):
        store.command(f"ALTER TABLE {store.local(table)} DELETE WHERE {mine}", given, mutations_sync=2)
