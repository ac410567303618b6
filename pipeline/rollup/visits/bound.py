"""What one visitor-day adds to a figure is bounded, before anything is added up (release.bound).

In: the scratch table `visits`, a `Limit` for each site-day. Out: the same, with fewer events in the visits of those
who are over it; which figures of the whole site that lowers much. Promises: nobody adds more page views, events or
revenue to any figure than the limit says; who is not over it is untouched; the same visits are cut alike in each run.

Of a page, a host and an event the first one is kept before the second of any: a visitor remains among those of every
page that he has seen, as far as the limit goes. Amounts are scaled by one factor for each of his currencies.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from schema.event import ENGAGEMENT, PAGEVIEW
from schema.visits import VISIT

from ...insert import insert
from ..batch import Batch
from .limits import Limit
from .visit import SECTIONS

# By so much, or less, a figure may be lowered without being told.
_UNTOLD = 0.05
_NO_LIMIT = 2**32 - 1
# What a visit has of each of its events, and where that is in the tuple `hit`.
_LISTS = tuple(name for name in VISIT if name.startswith("hits."))
_NAME, _CURRENCY, _AMOUNT = (f"hit.{1 + _LISTS.index(f'hits.{name}')}" for name in ("name", "currency", "amount"))
_OVER = "(d, visitor) IN (SELECT d, visitor FROM {over})"
_PAID = "ARRAY JOIN hits.currency AS currency, hits.amount AS amount"
# Of a visitor and currency: by what limit, 0 for none.
_OF_CURRENCY = "{amount_limits:Array(Int64)}[indexOf({amount_keys:Array(String)}, concat(toString(d), ' ', currency))]"

_VIEW_LIMIT, _ACT_LIMIT = "{view_limits:Array(UInt32)}[d + 1]", "{act_limits:Array(UInt32)}[d + 1]"
# Most visitors have one visit.
_FIND = f"""{insert("{over}", {"d": "d", "visitor": "visitor", "currency": "''", "share": "1"})}
    FROM {{visits}} WHERE again OR viewed > {_VIEW_LIMIT} OR acted > {_ACT_LIMIT} GROUP BY d, visitor
    HAVING sum(viewed) > {_VIEW_LIMIT} OR sum(acted) > {_ACT_LIMIT}"""
_FIND_PAYERS = f"""{insert("{over}", {"d": "d", "visitor": "visitor", "currency": "currency", "share": "of_it / paid"})}
    FROM
    (
        SELECT d, visitor, currency, sum(abs(amount)) AS paid, {_OF_CURRENCY} AS of_it
        FROM {{visits}} {_PAID} WHERE currency != '' GROUP BY d, visitor, currency
    )
    WHERE of_it > 0 AND paid > of_it"""
_IS_VIEW, _IS_ACT = f"{_NAME} = '{PAGEVIEW}'", f"{_NAME} != '{ENGAGEMENT}'"
_COLUMNS = {"d": "d"} | {name: f"`{name}`" for name in (*VISIT, *SECTIONS)}
_COLUMNS |= {"viewed": f"arrayCount(hit -> {_IS_VIEW}, kept)", "acted": f"arrayCount(hit -> {_IS_ACT}, kept)"}
_COLUMNS |= {name: f"arrayMap(hit -> hit.{place}, kept)" for place, name in enumerate(_LISTS, start=1)}
_SHARE = f"shares[indexOf(currencies, {_CURRENCY})]"
_COLUMNS["hits.amount"] = (
    f"arrayMap(hit -> if(has(currencies, {_CURRENCY}), toInt64({_AMOUNT} * {_SHARE}), {_AMOUNT}), kept)"
)
# What is left of a limit is that of the visits before; of one visit the events stand in an order of their own.
_CUT = f"""
    {insert("{bounded}", {f"`{name}`": sql for name, sql in _COLUMNS.items()})}
    FROM
    (
        SELECT *,
            arraySort(
                (hit, nth) -> (nth, cityHash64(hit), hit), arrayZip({", ".join(_LISTS)}),
                arrayEnumerateUniq(hits.path, hits.hostname, hits.name)
            ) AS sorted,
            arrayFilter(
                (hit, view, act) -> NOT ({_IS_ACT}) OR (act <= acts_left AND (view <= views_left OR NOT ({_IS_VIEW}))),
                sorted, arrayCumSum(hit -> {_IS_VIEW}, sorted), arrayCumSum(hit -> {_IS_ACT}, sorted)
            ) AS kept
        FROM
        (
            SELECT *,
                toInt64({_VIEW_LIMIT}) - toInt64(sum(viewed) OVER before - viewed) AS views_left,
                toInt64({_ACT_LIMIT}) - toInt64(sum(acted) OVER before - acted) AS acts_left
            FROM {{visits}} WHERE {_OVER}
            WINDOW before AS (PARTITION BY d, visitor ORDER BY visit ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
        )
    ) AS v
    INNER JOIN
    (
        SELECT d, visitor, groupArrayIf(currency, currency != '') AS currencies,
            groupArrayIf(share, currency != '') AS shares
        FROM {{over}} GROUP BY d, visitor
    ) AS o USING (d, visitor)"""


def bound(of: Batch, limits: Sequence[Limit | None]) -> dict[int, list[str]]:
    """Cut the visits of the batch; by place of a site-day the figures that it lowers by more than 5 %."""
    if not any(limits):
        return {}
    given = of.named | _named(limits)
    for statement in (_FIND, _FIND_PAYERS) if given["amount_keys"] else (_FIND,):
        of.store.command(of.naming(statement), given)
    if not of.store.rows(f"SELECT 1 FROM {of.scratch('over')} LIMIT 1"):
        return {}
    of.store.command(of.naming(_CUT), given)
    over = of.naming(_OVER)
    before, taken, left = _totals(of, "visits"), _totals(of, "visits", over), _totals(of, "bounded")
    of.store.command(f"ALTER TABLE {of.scratch('visits')} DELETE WHERE {over}", mutations_sync=2)
    columns = {f"`{name}`": f"`{name}`" for name in _COLUMNS}
    of.store.command(f"{insert(of.scratch('visits'), columns)} FROM {of.scratch('bounded')}")
    lowered: dict[int, list[str]] = {}
    for (d, what), total in sorted(before.items()):
        if taken.get((d, what), 0) - left.get((d, what), 0) > _UNTOLD * total:
            lowered.setdefault(d, []).append(what)
    return lowered


def _named(limits: Sequence[Limit | None]) -> dict[str, Any]:
    by_currency = [
        (f"{d} {currency}", amount)
        for d, limit in enumerate(limits)
        if limit
        for currency, amount in limit.amounts.items()
    ]
    return {
        "view_limits": [limit.pageviews if limit else _NO_LIMIT for limit in limits],
        "act_limits": [limit.events if limit else _NO_LIMIT for limit in limits],
        "amount_keys": [key for key, _ in by_currency],
        "amount_limits": [amount for _, amount in by_currency],
    }


def _totals(of: Batch, table: str, which: str = "") -> dict[tuple[int, str], int]:
    """What the visits of the whole site add up to, by site-day and figure."""
    named, where = of.scratch(table), f"WHERE {which}" if which else ""
    paid = f"WHERE currency != ''{f' AND {which}' if which else ''}"
    rows = of.store.rows(
        f"""SELECT d, 'page views' AS what, sum(viewed) FROM {named} {where} GROUP BY d
        UNION ALL SELECT d, 'events', sum(acted) FROM {named} {where} GROUP BY d
        UNION ALL SELECT d, concat('revenue in ', currency), sum(abs(amount)) FROM {named} {_PAID} {paid}
            GROUP BY d, currency"""
    )
    return {(d, what): int(total) for d, what, total in rows}
