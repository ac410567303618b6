"""How many people contributed to a measure of a value: rule N1 shows it only where they are enough.

In: nothing. Out: SQL over the scratch table `visits` for who is one. Which of them are enough, suppress.py tells.

reporter: engaged time. actor: an event beside page views. entrant: a visit of theirs began there; of them are entries,
bounces and durations. leaver: ended there; exits. In a dimension of visits everybody is both.
"""

from __future__ import annotations

from schema.event import ENGAGEMENT, PAGEVIEW

# Each a column of `cells`: distinct visitors.
KINDS = ("reporter", "actor", "entrant", "leaver")
OF_VISIT = {"reporter": "engaged_ms > 0", "actor": "acted > viewed"}
# Of a hit by `name` and `engaged`. An event is of all who did it, so its rows need none.
OF_HIT = {"reporter": "engaged > 0", "actor": f"name NOT IN ('{PAGEVIEW}', '{ENGAGEMENT}')"}
# As rows of a family of its own: (d, dimension, value, kind, people).
CONTRIBUTORS = f"""
    (SELECT d, dimension, value, kind, people
    FROM {{cells}} ARRAY JOIN {list(KINDS)} AS kind, [{", ".join(KINDS)}] AS people WHERE people > 0)"""
