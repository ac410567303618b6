"""How many people contributed to a measure of a value: rule N1 shows it only where they are enough.

In: nothing. Out: SQL over the scratch table `visits` for who is one. Which of them are enough, suppress.py tells.

reporter: engaged time. actor: an event beside page views. entrant: a visit of theirs began there; of them are entries,
bounces and durations. leaver: ended there; exits. In a dimension of visits everybody is both.
"""

from __future__ import annotations

from schema.event import ENGAGEMENT, PAGEVIEW
from schema.measures import KINDS

# Of a row that is told, whether it tells what they contributed to.
CONTRIBUTED = {
    "reporter": "timed_visits > 0",
    "actor": "events > pageviews",
    "entrant": "entries > 0",
    "leaver": "exits > 0",
}
# Each kind is a column of `cells`: distinct visitors; and one for their networks.
OF_VISIT = {"reporter": "engaged_ms > 0", "actor": "acted > viewed"}
# Of a hit by `name` and `engaged`. An event is of all who did it, so its rows need none.
OF_HIT = {"reporter": "engaged > 0", "actor": f"name NOT IN ('{PAGEVIEW}', '{ENGAGEMENT}')"}


def networks_of(kind: str) -> str:
    """The column that has the networks of a kind; "": of all who are counted."""
    return f"{kind}_networks" if kind else "networks"


# As rows of a family of its own: (d, dimension, value, kind, people, networks).
CONTRIBUTORS = f"""
    (SELECT d, dimension, value, kind, people, of_networks AS networks
    FROM {{cells}} ARRAY JOIN {list(KINDS)} AS kind, [{", ".join(KINDS)}] AS people,
        [{", ".join(map(networks_of, KINDS))}] AS of_networks
    WHERE people > 0)"""
