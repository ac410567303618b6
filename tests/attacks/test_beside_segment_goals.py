"""What is added to a released day that tells who of a segment reached a goal: one of all of these but one person."""

from __future__ import annotations

import itertools
import random

import pytest
from msgspec import structs

from pipeline.adding import pairs as added_pairs
from pipeline.adding.pairs import add_pairs
from pipeline.adding.segments import add_segments
from pipeline.release import Flaws, release_together
from pipeline.rollup.added import segments as late_segments
from pipeline.rollup.batch import SiteDay
from schema.event import PAGEVIEW
from schema.segment import Segment
from schema.site import Site
from schema.store import Store
from tests.attacks.test_segments_released import DAY, GOAL, NOON, RULES, events_of
from tests.conftest import insert

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse]

_NUMBER = itertools.count(1)


def _all_but_one(store: Store, later: bool) -> tuple[int, int]:
    """Who of a segment reached a goal; and of a segment that is added how many are all of these but one person, 0 where
    it is not told. later: the first one was added, too."""
    dice = random.Random(5)
    crowd = [
        {
            "country": dice.choice(("DE", "FR", "AT")),
            "region": "",
            "language": dice.choice(("de", "fr")),
            "device": dice.choice(("mobile", "desktop")),
            "browser": dice.choice(("Safari", "Chrome")),
            "path": dice.choice(("/", "/docs/a", "/docs/b")),
            "name": dice.choice((PAGEVIEW, "buy")),
        }
        for _ in range(240)
    ]
    buyer = next(one for one in crowd if (one["device"], one["name"]) == ("mobile", "buy") and one["path"] != "/")
    buyer["language"] = "nl"
    # Others who speak Dutch neither buy nor are in the segment.
    crowd += [crowd[0] | {"language": "nl", "path": "/", "name": PAGEVIEW, "device": "desktop"} for _ in range(9)]
    where = {"any": [{"device": "mobile"}, {"section": "/docs/"}]}
    first = Segment("first", where)
    less = Segment("less", {"all": [where, {"goal": "Buy"}, {"not": {"language": "nl"}}]})
    site = Site(f"reached-{next(_NUMBER)}", goals=(GOAL,), segments=() if later else (first,), pairs=())
    insert(store, [*events_of(site, crowd)])
    release_together(store, "events", [SiteDay(site, DAY, RULES)], NOON + 2 * 86_400, "live", [Flaws()])
    if later:
        assert add_segments(store, structs.replace(site, segments=(first,)), RULES, NOON + 3 * 86_400)
    assert add_segments(store, structs.replace(site, segments=(first, less)), RULES, NOON + 3 * 86_400)
    table = "late_segment_goals" if later else "released_segment_goals"
    reached = (
        f"SELECT sum(converters) FROM {table} WHERE site = {{site:String}} AND currency = '' AND segment = 'first'"
    )
    added = "SELECT sum(visitors) FROM late_segments WHERE site = {site:String} AND dimension = '' AND segment = 'less'"
    both, fewer = (int(store.rows(sql, {"site": site.key})[0][0]) for sql in (reached, added))
    return both, fewer


@pytest.mark.parametrize("later", [False, True])
def test_what_is_added_is_held_against_who_of_a_segment_reached_a_goal(
    store: Store, later: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    both, fewer = _all_but_one(store, later)
    assert both > 90
    assert fewer == 0
    monkeypatch.setattr(late_segments, "_with_goals", lambda *_: {})
    both, fewer = _all_but_one(store, later)
    assert both - fewer == 1


def test_a_pair_that_is_added_tells_nothing_beside_who_of_a_segment_reached_a_goal(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is in the segment and bought are those from Germany with a telephone, but for one."""
    assert _cell_less_goal(store) == 0
    monkeypatch.setattr(added_pairs, "_tells_goals_of_segments", lambda *_: False)
    assert _cell_less_goal(store) == 1


def _cell_less_goal(store: Store) -> int:
    """A cell of a pair that is added, less who of a segment reached a goal; 0 where it is not told."""
    dice, crowd = random.Random(5), []
    for _ in range(700):
        one = {"country": dice.choice(("DE", "FR", "AT")), "device": dice.choice(("mobile", "desktop", "tablet"))}
        one |= {"path": dice.choice(("/", "/docs/a", "/docs/b")), "browser": dice.choice(("Safari", "Chrome", "Opera"))}
        within, buys = one["path"] != "/" or one["browser"] == "Opera", dice.random() < 0.4
        mine = (one["country"], one["device"]) == ("DE", "mobile")
        if mine and not within:
            one["path"] = "/docs/b"
        one["name"] = "buy" if mine or (buys and not within) else PAGEVIEW
        crowd.append(one | {"region": "", "language": dice.choice(("de", "fr"))})
    next(one for one in crowd if (one["country"], one["device"]) == ("DE", "mobile"))["name"] = PAGEVIEW
    first = Segment("first", {"any": [{"section": "/docs/"}, {"browser": "Opera"}]})
    site = Site(f"reached-{next(_NUMBER)}", goals=(GOAL,), segments=(first,), pairs=())
    insert(store, [*events_of(site, crowd)])
    release_together(store, "events", [SiteDay(site, DAY, RULES)], NOON + 2 * 86_400, "live", [Flaws()])
    assert add_pairs(store, structs.replace(site, pairs=("country x device",)), RULES, NOON + 3 * 86_400)
    reached = "SELECT sum(converters) FROM released_segment_goals WHERE site = {site:String} AND currency = ''"
    cell = "SELECT sum(visitors) FROM late_pairs WHERE site = {site:String} AND value = 'DE' AND by_value = 'mobile'"
    both, many = (int(store.rows(sql, {"site": site.key})[0][0]) for sql in (reached, cell))
    assert both > 50
    return many - both if many else 0
