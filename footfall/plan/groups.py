"""The lab's privacy figures of raw rows that are stored: how alike they are, as they are and with less of them kept.

In: a laid window, what holds before and after. Out: `Classes` of both. Promises: whole percents, and of fewer than 100
visitor-days nothing; what stored rows cannot tell is named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from msgspec import Struct

from collector.anonymization import Anonymization
from schema.event import ENGAGEMENT
from schema.store import Store

from ..lab.measures import classes_of
from ..lab.trial import STORED
from .changes import ANONYMIZATION, Change, Held

# As shadow mode: fewer tell of single visitors.
LEAST = 100
_PLACES = ("country", "region", "city")


class Groups(Struct, frozen=True):
    """Visitor-days that look alike in all that is stored of the visitor (classes, docs/lab.md). unique, below_k: in
    whole percent those that are alone, and those with fewer than k alike. p5: of 100 so 95 are in larger ones; median:
    half are in one of at most so many."""

    visitor_days: int
    unique: int
    below_k: int
    p5: int
    median: int


def kept_less(before: Held, after: Held) -> dict[str, str]:
    """By raw column the SQL for what would be stored of it, where it is less."""
    then, now = before.anonymization, after.anonymization
    if then is None or now is None:
        return {}
    less = {column: "''" for column in _PLACES[_precision(now) :] if _precision(now) < _precision(then)}
    if then.store_network and not now.store_network:
        less["network"] = "''"
    if (then.language, now.language) == ("full", "primary"):
        less["language"] = "splitByChar('-', language)[1]"
    return less


def _precision(settings: Anonymization) -> int:
    return ("none", *_PLACES).index(settings.place)


def not_told(changes: Iterable[Change], less: Mapping[str, str]) -> list[str]:
    """The changed settings of which stored rows tell nothing: addresses and agents are not among them, and what was not
    stored is not there."""
    names = [one.name for one in changes if one.what == ANONYMIZATION]
    columns = {"place": set(_PLACES), "store_network": {"network"}, "language": {"language"}}
    return [name for name in names if not (name in columns and columns[name] & less.keys())]


def groups_of(store: Store, table: str, key: str, without: Mapping[str, str], k: int) -> Groups | None:
    """Those of a site's raw rows. None: there are too few."""
    columns = ", ".join(without.get(name, f"`{name}`") for name in STORED)
    rows = store.rows(
        f"""SELECT day, size, count() FROM
        (
            SELECT day, uniqExact(visitor) AS size FROM {table}
            WHERE site = {{site:String}} AND name != '{ENGAGEMENT}' GROUP BY day, {columns}
        )
        GROUP BY day, size ORDER BY day""",
        {"site": key},
    )
    days: dict[object, Counter[int]] = {}
    for day, size, number in rows:
        days.setdefault(day, Counter())[size] += number
    found = classes_of(list(days.values()), (k,))
    if found.visitor_days < LEAST:
        return None
    return Groups(found.visitor_days, _percent(found.unique), _percent(found.below[k]), found.p5, found.median)


def _percent(share: float) -> int:
    return round(100 * share)
