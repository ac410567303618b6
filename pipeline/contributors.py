"""How many people contributed to a measure of a value: rule N1 shows it only where they are enough.

In: `work_visits`. Out: rows to be added up in `work_contributors`, of a day that is kept in `sums_contributors`.
Which of them are enough, pipeline/fold.py tells.

entrant: a visit of theirs began there; of them are entries, bounces and durations. leaver: ended there; exits. In a
dimension of visits everybody is both. reporter: engaged time. actor: an event beside page views.
"""

from __future__ import annotations

from schema.event import ENGAGEMENT, PAGEVIEW

from .parallel import Statement
from .rows import SiteDay
from .sums import BEGINS, BY_END, EACH_END, SEEN, VISIT_VALUES, adding_of, by_each, count_people
from .visits import OF_VISITS


def adding_contributors(of: SiteDay) -> list[Statement]:
    """The statements that add who is behind the visits in `work_visits` to the day's sums."""
    return [adding_of(of, "contributors", *select) for select in _SELECTS]


def _kinds(reports: str, acts: str) -> str:
    return f"arrayConcat(if({reports}, ['reporter'], []), if({acts}, ['actor'], []))"


# Of a visit, and of a hit.
KINDS_OF_VISIT = _kinds("engaged_ms > 0", "acted > viewed")
KINDS_OF_HIT = _kinds("engaged > 0", f"name NOT IN ('{PAGEVIEW}', '{ENGAGEMENT}')")
HITS = f"hits.path AS path, hits.hostname AS hostname, hits.name AS name, hits.engaged_ms AS engaged, {SEEN} AS seen"

_BY_VALUE, _EACH_VALUE = by_each({value: value for value in OF_VISITS}, "kind")
_OF_VISITS = (
    {**_BY_VALUE, "kind": "kind", "people": count_people("NOT again", "again")},
    f"""
    FROM (SELECT sign, visitor, again, kind, {VISIT_VALUES} FROM work_visits ARRAY JOIN {KINDS_OF_VISIT} AS kind
        WHERE came)
    GROUP BY {_EACH_VALUE}""",
)
_OF_ALL = (
    {"dimension": "''", "value": "''", "kind": "kind", "people": count_people("NOT again", "again")},
    f"FROM work_visits ARRAY JOIN {KINDS_OF_VISIT} AS kind GROUP BY kind",
)
_OF_ENDS = (
    {**BY_END, "kind": f"if({BEGINS}, 'entrant', 'leaver')", "people": count_people("NOT again", "again")},
    f"FROM work_visits WHERE viewed > 0 GROUP BY {EACH_END}",
)


def _of_hits(dimension: str, part: str, if_: str) -> tuple[dict[str, str], str]:
    return (
        {"dimension": f"'{dimension}'", "value": part, "kind": "kind", "people": count_people("false", "true")},
        f"""
    FROM (SELECT sign, visitor, {part}, arrayJoin({KINDS_OF_HIT}) AS kind
        FROM work_visits ARRAY JOIN {HITS} WHERE {if_})
    GROUP BY {part}, kind""",
    )


_SELECTS = (
    _OF_VISITS,
    _of_hits("page", "path", "seen OR NOT came"),
    _of_hits("hostname", "hostname", "came"),
    _OF_ENDS,
    _OF_ALL,
)
