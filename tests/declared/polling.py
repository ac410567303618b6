"""Somebody looks at the keys of a declared family at every quarter of an hour of an open day, and at its release.

In: `python -m tests.declared.polling DIR` in a tree that has them. Out: one line of JSON: by family what each key's
people went up by at once, as it was shown, and as it was.
"""

from __future__ import annotations

import itertools
import json
import random
import sys
from collections import Counter
from typing import Any

from pipeline.rollup.open_days.newcomers import QUARTER_S
from schema.migrate import migrate
from schema.store import Store
from tests.attacks.house import House

# So many come in each quarter of an hour.
_COMING = (40, 40, 7, 4, 9, 6)
_SECTIONS, _SYSTEMS = ("/blog/a", "/docs/x", "/shop/"), ("Windows", "macOS", "Linux")


def polled(store: Store, k: int) -> dict[str, dict[str, list[int]]]:
    chance, house, visitor = random.Random(5), House(store, k), 0
    shown: dict[str, list[Counter[str]]] = {"exits": [Counter()], "choices": [Counter()]}
    true: dict[str, list[Counter[str]]] = {"exits": [Counter()], "choices": [Counter()]}

    def look() -> None:
        shown["exits"].append(Counter({key: row["leavers"] for key, row in house.rows("exits").items()}))
        rows = [row for row in house.stats("choices")["rows"] if row["what"] == "os"]
        shown["choices"].append(Counter({row["which"]: row["visitors"] for row in rows}))

    for quarter, people in enumerate(_COMING):
        for each in true.values():
            each.append(each[-1].copy())
        hits: list[tuple[int, dict[str, Any]]] = []
        for _ in range(people):
            visitor += 1
            path, system = (chance.choice(among) for among in (_SECTIONS, _SYSTEMS))
            given = {"visitor": visitor, "network_number": visitor, "path": path, "os": system}
            hits.append((quarter * QUARTER_S + 5, given))
            true["exits"][-1][f"/{path.split('/')[1]}"] += 1
            true["choices"][-1][system] += 1
        house.visits(hits)
        house.wait((quarter + 1) * QUARTER_S + 60)
        look()
    house.release()
    store.command(f"ALTER TABLE open_cells DELETE WHERE site = '{house.site.key}'")
    look()
    return {family: {"shown": _steps(shown[family]), "true": _steps(true[family])} for family in shown}


def _steps(seen: list[Counter[str]]) -> list[int]:
    """What each key went up by from one look to the next."""
    found = []
    for before, after in itertools.pairwise(seen):
        found += [after[key] - before[key] for key in before | after if after[key] != before[key]]
    return found


if __name__ == "__main__":
    store = Store(f"chdb://{sys.argv[1]}")
    migrate(store)
    print(json.dumps(polled(store, 5)))
