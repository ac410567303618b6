"""Which goals the events of visits reached.

In: the scratch table `visits`. Out: `reached`, a row for each goal of an event. Goals are looked up anew in every run,
so one that is added counts for the open day from its beginning.
"""

from __future__ import annotations

from typing import Any

from schema.dimensions import OTHER
from schema.event import PAGEVIEW
from schema.site import Goal
from schema.visits import OF_VISITS

from ..insert import insert
from ..parallel import Statement
from .batch import Batch
from .visit import OUTSIDE_OTHER

# The dimensions of an event that reached a goal: of each the column.
OF_REACHED = {"page": "path", "section": "section", "hostname": "hostname", "event": "name"}
_PARTS = ("name", "path", "hostname", "currency", "amount")


def filling_reached(of: Batch, asked: tuple[str, str, dict[str, Any]] | None = None) -> Statement:
    """The statement that fills `reached`. asked: what else than goals, as `_goals` says it."""
    goals, name, named = asked or _goals(of)
    lists = ", ".join(f"hits.{part}" for part in _PARTS)
    each = f"arrayMap(g -> (g, {', '.join(_PARTS)}), {goals})"
    columns = ("d", "visitor", "network_number", "again", "came", *OF_VISITS)
    selected = {name: name for name in columns} | {"goal": name, "nth": "nth"}
    selected |= {part: f"one.{place}" for place, part in enumerate(_PARTS, start=2)}
    selected["section"] = of.section_of(selected["path"])
    return (
        f"""{insert(of.scratch("reached"), selected)}
        FROM
        (
            SELECT {", ".join(columns)}, arrayFlatten(arrayMap(({", ".join(_PARTS)}) -> {each}, {lists})) AS reached
            FROM {of.scratch("visits")}
        )
        ARRAY JOIN reached AS one, arrayEnumerateUniq(reached.1) AS nth""",
        of.named | named,
    )


def _goals(of: Batch) -> tuple[str, str, dict[str, Any]]:
    """SQL for the places of the goals that an event reaches, from 1 on, for the name of one of them, and the
    parameters."""
    # A year of one site has its goals once: the statement would be too long, and each event held against each of them.
    places: dict[Goal, list[int]] = {}
    for place, site_day in enumerate(of.days):
        for goal in site_day.site.goals:
            places.setdefault(goal, []).append(place)
    named: dict[str, Any] = {"goals": [goal.name for goal in places]}
    tests: list[str] = []
    for index, (goal, mine) in enumerate(places.items()):
        wanted = OUTSIDE_OTHER if goal.event == OTHER else goal.event
        named[f"goal_{index}_is"] = wanted or goal.page_regex()
        reached = (
            f"name = {{goal_{index}_is:String}}"
            if goal.event
            else f"name = '{PAGEVIEW}' AND match(path, {{goal_{index}_is:String}})"
        )
        which = f"has({mine}, d) AND " if len(mine) < len(of.days) else ""
        tests.append(f"{index + 1} * ({which}{reached})")
    return f"arrayFilter(g -> g > 0, [{', '.join(tests)}])", "{goals:Array(String)}[one.1]", named
