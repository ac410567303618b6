"""An open day goes on in steps: each of its values is shown as of its last snapshot but one (rule N7).

In: `staging_*`, the day as of a quarter of an hour; `newcomers`; `next_*`, the last snapshot of each value. Out:
`next_*` with the values that go on; `staging_*` with what is to be shown in place of `open_*`, of the families in which
something goes on. Promises: what is shown of a value differs by at least k people (of as many networks as rule N4 asks
for) from what was shown of it before, and from the release. The same holds for what follows by subtraction from the
whole site: values that do not go on with the others are two or more, and k people or more are new in them since the
whole site went on last; else the smallest of the others waits with them, and where there is none, all do.

A run that is cut off has taken a snapshot and not shown the one before it: fewer are shown, never more.
"""

from __future__ import annotations

from schema.dimensions import OTHER
from schema.families import LIVE
from schema.family import Family
from schema.visits import HOUR

from ...insert import insert
from ..batch import LEAST_NETWORKS, Batch, K
from ..cells.aggregate import is_counted
from ..suppression.parents import CELL, EXCLUSIVE, name_and_currency
from .newcomers import find_newcomers
from .publish import clear_staged
from .shown import remember

_QUARTER = "{quarter:UInt32}"
_CELL = ", ".join(CELL)
# Of a family whose keys exclude one another these add up to the whole site; of all others the values do.
_OF_KEYS = f"family IN {EXCLUSIVE}" if EXCLUSIVE else "false"
_WHOLE = f"(dimension = '' AND NOT ({_OF_KEYS}))"
# Whose whole are the visitors of the site; that of the rest is the row of the whole site that has the same keys.
_BY_VISITORS = ["cells", *EXCLUSIVE, *(name for name, one in LIVE.items() if "" not in one.dimensions)]


def step(of: Batch) -> None:
    """Take a snapshot of the values that have k newcomers, and put into staging what is to be shown."""
    if of.quarter is None:
        raise ValueError("steps are taken at a quarter of an hour")
    find_newcomers(of)
    families = [family for family in LIVE.values() if is_counted(of, family)]
    for family in families:
        _note_staged(of, family)
        _note_taken(of, family)
    for statement in (_FILL_DUE, _FILL_STEPS):
        of.store.command(of.naming(statement), of.named)
    going = {
        of.days[d].key: at
        for d, at in of.store.rows(
            of.naming("SELECT d, at FROM {steps} WHERE family = 'cells' AND dimension = '' AND value = ''")
        )
    }
    # The cells first: in them is the whole site, whose newcomers are counted from its last snapshot on.
    for family in families:
        _take(of, family)
    remember(of.store, [site_day for site_day in of.stepping if site_day.key in going], going)
    for family in families:
        _show(of, family)


# -- which values --------------------------------------------------------------------------------------------------


def _keys(family: Family) -> dict[str, str]:
    """SQL for what tells the rows of a family apart, of a row of its tables."""
    name, currency = name_and_currency(family)
    return {
        "dimension": f"if(grain = 'hour', '{HOUR}', toString(dimension))",
        "name": name,
        "currency": currency,
        "value": f"if(grain = 'hour' AND value != '{OTHER}', toString(toUnixTimestamp(period)), value)",
    }


def _cell(of: Batch, family: Family) -> str:
    """SQL for the columns of CELL, of a row of the family's tables."""
    return f"'{family.name}', {of.which}, {', '.join(_keys(family).values())}"


def _note_staged(of: Batch, family: Family) -> None:
    """Fill `made`."""
    columns = {"family": f"'{family.name}'", "d": of.which, "size": family.people.name} | _keys(family)
    of.store.command(
        f"{insert(of.scratch('made'), columns)} FROM staging_{family.name} WHERE {of.mine}",
        of.named,
    )


def _note_taken(of: Batch, family: Family) -> None:
    """Fill `taken`."""
    columns = {"family": f"'{family.name}'", "d": of.which} | _keys(family)
    columns |= {"first": "toUnixTimestamp(min(taken))", "at": "toUnixTimestamp(max(taken))"}
    columns |= {"before": "toUnixTimestamp(arrayReverseSort(groupUniqArray(taken))[2])"}
    of.store.command(
        f"""{insert(of.scratch("taken"), columns)} FROM next_{family.name} WHERE {of.mine}
        GROUP BY site, day, {", ".join(_keys(family).values())}""",
        of.named,
    )


# What is not kept is of the suppressed row. One that has a snapshot by its own name would be counted twice there: the
# suppressed row waits until it is kept again.
_ITEM = f"if((d, dimension, value) IN (SELECT d, dimension, value FROM {{kept}}), value, '{OTHER}')"
_SINCE = f"""
    SELECT family, d, dimension, name, currency, {_ITEM} AS item, max(at) AS since, maxIf(at, value = item) AS own,
        countIf(value != item) AS named
    FROM {{taken}} GROUP BY family, d, dimension, name, currency, item"""


def _of_whole(column: str) -> str:
    return f"if(family IN {_BY_VISITORS}, '{'cells' if column == 'family' else ''}', {column})"


_WHOLE_OF = ", ".join(("d", *(f"{_of_whole(column)}" for column in ("family", "name", "currency"))))
# Of each value: who is new in it, and who is since its whole was taken last, because these are in nothing shown.
_FILL_DUE = f"""
    INSERT INTO {{due}} ({_CELL}, size, at, since, due, whole, people, networks)
    WITH
        came AS (SELECT *, {_ITEM} AS item, {_of_whole("family")} AS of_family, {_of_whole("name")} AS of_name,
            {_of_whole("currency")} AS of_currency FROM {{newcomers}}),
        before AS ({_SINCE}),
        wholes AS (SELECT d, family, name, currency, at AS whole_at FROM {{taken}} WHERE {_WHOLE} AND value = '')
    SELECT {_CELL}, its_size, its_at, its_whole_at,
        its_size > 0 AND NOT its_named AND length(new) >= {K} AND length(new_networks) >= {LEAST_NETWORKS},
        {_WHOLE} AND value = '', newest, newest_networks
    FROM
    (
        SELECT c.family AS family, c.d AS d, c.dimension AS dimension, c.name AS name, c.currency AS currency,
            c.item AS value, any(m.size) AS its_size, any(b.own) AS its_at, any(b.named) > 0 AS its_named,
            any(w.whole_at) AS its_whole_at,
            groupUniqArrayArrayIf(c.people, c.slot >= b.since) AS new,
            groupUniqArrayArrayIf(c.networks, c.slot >= b.since) AS new_networks,
            groupUniqArrayArrayIf(c.people, c.slot >= w.whole_at) AS newest,
            groupUniqArrayArrayIf(c.networks, c.slot >= w.whole_at) AS newest_networks
        FROM came AS c
        LEFT JOIN before AS b ON c.family = b.family AND c.d = b.d AND c.dimension = b.dimension
            AND c.name = b.name AND c.currency = b.currency AND c.item = b.item
        LEFT JOIN {{made}} AS m ON c.family = m.family AND c.d = m.d AND c.dimension = m.dimension
            AND c.name = m.name AND c.currency = m.currency AND c.item = m.value
        LEFT JOIN wholes AS w ON c.d = w.d AND c.of_family = w.family AND c.of_name = w.name
            AND c.of_currency = w.currency
        GROUP BY c.family, c.d, c.dimension, c.name, c.currency, c.item
    )"""

_ENOUGH_NEW = f"length(people) >= {K} AND length(networks) >= {LEAST_NETWORKS}"
_GROUP = "d, family, dimension, of_name, of_currency"


def _together(which: str) -> str:
    """SQL for whether those of a group for whom that holds are k people together."""
    return (
        f"length(groupUniqArrayArrayIf(people, {which})) >= {K} "
        f"AND length(groupUniqArrayArrayIf(networks, {which})) >= {LEAST_NETWORKS}"
    )


# goes: due, and so is its whole. waiting: those that do not go, of whom somebody is new. apart: these, and those that
# were not taken when the whole was: what the whole has gained less what the others have gained is theirs.
_FILL_STEPS = f"""
    INSERT INTO {{steps}} ({_CELL}, at)
    WITH
        going AS
        (
            SELECT d, family, name, currency FROM {{due}} WHERE whole AND due
                AND d IN (SELECT d FROM {{due}} WHERE family = 'cells' AND whole AND due)
        ),
        each AS
        (
            SELECT *, due AND ({_WHOLE_OF}) IN (SELECT d, family, name, currency FROM going) AS goes,
                notEmpty(people) AS touched, {_ENOUGH_NEW} AS companion,
                name AS of_name, if({_OF_KEYS}, '', currency) AS of_currency
            FROM {{due}}
        ),
        parts AS
        (
            SELECT {_GROUP},
                countIf(NOT goes AND touched) AS waiting, {_together("NOT goes")} AS waiting_enough,
                countIf((NOT goes OR at != since) AND touched) AS apart,
                {_together("NOT goes OR at != since")} AS apart_enough,
                waiting >= 2 AND waiting_enough OR waiting = 0 AND (apart = 0 OR apart >= 2 AND apart_enough) AS safe,
                countIf(goes AND companion) > 0 AND waiting + countIf(goes AND touched) >= 2 AS mendable
            FROM each WHERE NOT whole
            GROUP BY {_GROUP}
        ),
        ranked AS
        (
            SELECT *, row_number() OVER
                (PARTITION BY {_GROUP}, goes ORDER BY companion DESC, touched DESC, size, name, value) AS place
            FROM each WHERE NOT whole
        )
    SELECT {_CELL}, at FROM each WHERE whole AND goes
    UNION ALL
    SELECT {_CELL}, at FROM ranked INNER JOIN parts USING ({_GROUP})
    WHERE goes AND (safe OR mendable AND place > if(waiting = 0, 2, 1))"""


# -- what becomes of them ----------------------------------------------------------------------------------------------


def _take(of: Batch, family: Family) -> None:
    """What is staged of values that go on is their snapshot now."""
    columns = {column.name: column.name for column in family.open} | {"taken": f"toDateTime({_QUARTER}, 'UTC')"}
    going = f"(SELECT {_CELL} FROM {of.scratch('steps')} WHERE family = '{family.name}')"
    of.store.command(
        f"""{insert(f"next_{family.name}", columns)} FROM staging_{family.name}
        WHERE {of.mine} AND ({_cell(of, family)}) {of.within} {going}
        SETTINGS max_partitions_per_insert_block = 0""",
        of.named | {"quarter": of.quarter.at if of.quarter else 0},
    )


# A suppressed row of before a value was shown by its name has those in it who are now shown there.
_OUTDATED = f"""
    SELECT {_CELL} FROM
    (
        SELECT {_CELL}, max(if(value = '{OTHER}', 0, of_name)) OVER (PARTITION BY family, d, dimension, name, currency)
            AS named_since, of_it
        FROM
        (
            SELECT {_CELL}, if(s.at > 0, s.at, t.before) AS of_it, if(of_it > 0, first, 0) AS of_name
            FROM {{taken}} AS t LEFT JOIN {{steps}} AS s USING ({_CELL})
        )
    )
    WHERE value = '{OTHER}' AND of_it < named_since"""


def _show(of: Batch, family: Family) -> None:
    """Stage the snapshot before it, and of all other values what is shown of them."""
    name, columns = family.name, ", ".join(column.name for column in family.open)
    last = f"SELECT {_CELL}, at FROM {of.scratch('steps')} WHERE family = '{name}' AND at > 0"
    days = {d for (d,) in of.store.rows(f"SELECT DISTINCT d FROM ({last})")}
    clear_staged(Batch(of.store, of.stepping, of.run), (name,))
    if not days:
        return
    outdated = of.naming(_OUTDATED)
    cell, keys = _cell(of, family), ", ".join(("site", "day", *_keys(family).values()))
    of.store.command(
        f"""INSERT INTO staging_{name} ({columns})
        SELECT {columns} FROM open_{name}
        WHERE {of.mine} AND {of.which} IN ({", ".join(map(str, sorted(days)))})
            AND NOT ({cell}) {of.within} (SELECT {_CELL} FROM ({last}))
            AND NOT ({cell}) {of.within} ({outdated})
        UNION ALL
        SELECT {columns} FROM next_{name} WHERE {of.mine}
            AND ({cell}, toUnixTimestamp(taken)) {of.within} (SELECT {_CELL}, at FROM ({last}))
            AND NOT ({cell}) {of.within} ({outdated})
        LIMIT 1 BY {keys}
        SETTINGS max_partitions_per_insert_block = 0""",
        of.named,
    )
