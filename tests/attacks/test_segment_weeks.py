"""Why weeks tell nothing of who within a segment reached a goal: a sum over days may be large, and what follows from it
one person. On each day he came, saw what the segment asks for, and did not buy; all others of the segment did."""

from __future__ import annotations

from pipeline.settings import SiteRules
from tests.attacks.test_segment_goals import Reached
from tests.attacks.test_segments import K, Table

RULES = SiteRules(K, 30, "balanced", networks=K, k_late=10, late_others=3)
DAYS = 28
# In the segment, and reached the goal.
SEGMENT, GOAL = 1, 2


def test_a_sum_over_days_that_is_large_gives_away_who_came_on_each() -> None:
    day: Table = {(("v",), SEGMENT | GOAL): 12, (("v",), SEGMENT): 1, (("v",), GOAL): 8, (("v",), 0): 20}
    world = Reached(day, segments=1, goals=1, depth=1, judged=True)
    assert world.segments_alone == [0]
    assert world.goals == [1]
    assert world.both == [], "the day tells of the segment and of the goal, and not of who is in both"
    assert Reached(day, segments=1, goals=1, depth=1, judged=False).both == [(0, 1)]
    bought = DAYS * sum(day[one] for one in world.of(0, 1))
    assert bought >= RULES.k_late, "by its size alone it would be told"
    in_it = DAYS * world.sum(0, "", 0)
    did_not = in_it - bought
    assert did_not >= RULES.k_late, "and so would be what is left, but all of that is one person"
    networks_of_each_day = 1
    assert did_not - DAYS * networks_of_each_day < RULES.late_others
