"""How many people contributed to a measure of a value: rule N1 shows it only where they are enough.

In: the scratch table `visits`. Out: rows to be added up in `contributors`. Which of them are enough, suppress.py tells.

entrant: a visit of theirs began there; of them are entries, bounces and durations. leaver: ended there; exits. In a
dimension of visits everybody is both. reporter: engaged time. actor: an event beside page views.
"""

from __future__ import annotations

from schema.event import ENGAGEMENT, PAGEVIEW
from schema.visits import OF_VISITS

from .shape import BEGINS, BY_END, EACH_END, SEEN, VISIT_VALUES, Select, by_each, count_people


def _kinds(reports: str, acts: str) -> str:
    return f"arrayConcat(if({reports}, ['reporter'], []), if({acts}, ['actor'], []))"


# Of a visit, and of a hit.
KINDS_OF_VISIT = _kinds("engaged_ms > 0", "acted > viewed")
KINDS_OF_HIT = _kinds("engaged > 0", f"name NOT IN ('{PAGEVIEW}', '{ENGAGEMENT}')")
HITS = f"hits.path AS path, hits.hostname AS hostname, hits.name AS name, hits.engaged_ms AS engaged, {SEEN} AS seen"

_BY_VALUE, _EACH_VALUE = by_each({value: value for value in OF_VISITS}, "d", "kind")
_OF_VISITS = (
    {**_BY_VALUE, "kind": "kind", "people": count_people("NOT again", "again")},
    f"""
    FROM (SELECT d, visitor, again, kind, {VISIT_VALUES} FROM {{visits}} ARRAY JOIN {KINDS_OF_VISIT} AS kind
        WHERE came)
    GROUP BY {_EACH_VALUE}""",
)
_OF_ALL = (
    {"dimension": "''", "value": "''", "kind": "kind", "people": count_people("NOT again", "again")},
    f"FROM {{visits}} ARRAY JOIN {KINDS_OF_VISIT} AS kind GROUP BY d, kind",
)
_OF_ENDS = (
    {**BY_END, "kind": f"if({BEGINS}, 'entrant', 'leaver')", "people": count_people("NOT again", "again")},
    f"FROM {{visits}} WHERE viewed > 0 GROUP BY {EACH_END}",
)


def _of_hits(dimension: str, part: str, if_: str) -> Select:
    return (
        {"dimension": f"'{dimension}'", "value": part, "kind": "kind", "people": "uniqExact(visitor)"},
        f"""
    FROM (SELECT d, visitor, {part}, arrayJoin({KINDS_OF_HIT}) AS kind FROM {{visits}} ARRAY JOIN {HITS} WHERE {if_})
    GROUP BY d, {part}, kind""",
    )


CONTRIBUTORS: tuple[Select, ...] = (
    _OF_VISITS,
    _of_hits("page", "path", "seen OR NOT came"),
    _of_hits("hostname", "hostname", "came"),
    _OF_ENDS,
    _OF_ALL,
)
