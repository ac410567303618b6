"""What the lab says of the rules of release, counted by hand on a week of nine visitors a day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest

from collector.anonymization import PRESETS
from footfall.lab.candidates import candidates
from footfall.lab.released import Named, Released, TooFew, lacking_of
from footfall.lab.releasing import Releasing
from footfall.lab.sentences import released_sentences
from footfall.lab.trailing import Behind, Trail, trail_of
from schema.event import Event
from schema.funnel import Funnel, Step
from schema.site import Goal, Site
from schema.store import Store
from tests.conftest import make_event

pytestmark = pytest.mark.clickhouse

FIRST = dt.date(2024, 3, 4)
# By visitor what he sees, one second after the other; 7, 8 and 9 are of one network.
VISITS = {1: ("/", "/a"), 2: ("/", "/a"), 3: ("/", "/b"), 4: ("/", "/b"), 5: ("/",), 6: ("/",)}
VISITS |= dict.fromkeys((7, 8, 9), ("/c",))
# When they come, by hour: 1, 2 and 3 together, then the next three.
HOURS = {1: 8, 2: 8, 3: 8, 4: 9, 5: 9, 6: 9, 7: 10, 8: 10, 9: 10}


def events() -> Iterator[Event]:
    for number in range(7):
        day = FIRST + dt.timedelta(days=number)
        midnight = int(dt.datetime.combine(day, dt.time(), dt.UTC).timestamp())
        for visitor, pages in VISITS.items():
            # On the last day one looks at a page again and again.
            seen = pages * 60 if (number, visitor) == (6, 5) else pages
            for second, page in enumerate(seen):
                at = midnight + HOURS[visitor] * 3600 + 60 + second
                network = 9 if visitor > 6 else visitor
                yield make_event("x", at, day, visitor=visitor, path=page, network_number=network)


@pytest.fixture(scope="module")
def released(store: Store) -> dict[int, Released]:
    [candidate] = candidates(PRESETS["balanced"], [], ["small: k_late=4, late_others=0"])
    # What else the site counts is not tried, and does no harm.
    signup = Goal(name="Signup", event="signup")
    site = Site("x", goals=(signup,), funnels=(Funnel("Way", (Step(goal="Signup"), Step(goal="Signup"))),))
    releasing = Releasing(store, site, [candidate], (1, 3), 0.999)
    for event in events():
        releasing.take(0, event)
    [by_k] = releasing.finish()
    return by_k


@pytest.mark.slow
def test_what_is_named_and_why_the_rest_is_not(released: dict[int, Released]) -> None:
    one = released[3]
    assert (one.k, one.networks, one.k_late, one.late_others) == (3, 3, 4, 0)
    assert (one.days, one.shown_days, one.weeks, one.four_weeks) == (7, 7, 1, 0)
    # Of a day: / with 6 visitors, /a and /b with 2 each, /c with 3 of one network. The week shows what days do not.
    assert one.named["page"] == Named(
        *(4 * 7, 3 * 7, 13 * 7),
        by_days=6 * 7,
        by_weeks=7 * 7,
        any_network=9 * 7,
        expected=2,  # / and /c
        found=2,
    )
    assert "country" not in one.named


@pytest.mark.slow
def test_a_number_of_too_few_is_told_as_such(released: dict[int, Released]) -> None:
    # All six enter at /, but for 5 and 6 they leave elsewhere. Of the site less / three visits begin elsewhere, of one
    # network: so of / it is not told where six began, either.
    assert released[3].few["exit_rate"] == released[3].few["bounce_rate"] == TooFew(7, 7)
    assert "time_on_page" not in released[3].few


@pytest.mark.slow
def test_what_is_over_the_bound(released: dict[int, Released]) -> None:
    one = released[3]
    assert (one.pageviews, one.over, one.lowered_days) == (13 * 7 + 59, 10, 1)


@pytest.mark.slow
def test_how_far_an_open_day_trails(released: dict[int, Released]) -> None:
    # 08:15: a snapshot, not shown. 09:15: it is, and three have come since. 10:15: three more, of one network.
    assert released[3].trail == Trail(
        looks=3 * 7,
        nothing=7,
        begins=9 * 60 + 15,
        minutes=90,
        worst_minutes=120,
        people=4.5,
        worst_people=6,
        by_hour={9: (60, 3), 10: (120, 6)},
    )


@pytest.mark.slow
def test_without_rules_nothing_is_lost(released: dict[int, Released]) -> None:
    one = released[1]
    page = one.named["page"]
    assert (page.folded, page.by_days, page.company) == (0, page.visitor_days, 0)
    assert {few.few for few in one.few.values()} == {0}
    assert (one.over, one.lowered_days) == (0, 0)
    assert (one.trail.worst_minutes, one.trail.worst_people, one.trail.nothing) == (0, 0, 0)


@pytest.mark.slow
def test_it_is_said_in_words(released: dict[int, Released]) -> None:
    told = "\n".join(released_sentences(released[3]))
    assert (
        "At k = 3, of 100 visitor-days by page 46.2 have a name on their day, 100.0 with weeks; on their day 30.8 have "
        "fewer than 3 visitors, 0.0 keep those company (R3, N3), and 23.1 are of fewer than 3 networks" in told
    )
    assert "At k = 3, 2 of 2 pages with 20 visitor-days or more are named, and lack 0.0 % of these" in told
    assert "named on a day too few contributed to it (N1): bounce rate in 100.0 %" in told
    assert "exit rate in 100.0 %" in told
    assert "90 minutes and 4 visitors behind by the median, 120 minutes and 6 visitors at worst" in told
    assert "shows nothing before 09:15" in told
    assert "6.7 % of the page views are over release.bound; it lowers a figure of 1 day(s)" in told


def test_what_named_values_lack_by_hand() -> None:
    # One is not named; of the others a tenth, nothing and half.
    assert lacking_of([(20, 18), (30, 0), (40, 40), (100, 50)]) == (4, 3, 0.1, 50)
    assert lacking_of([]) == (0, 0, 0.0, 0)


def test_a_day_that_shows_nothing_trails_by_nothing_that_can_be_told() -> None:
    assert trail_of([[Behind(500, None, 2)], []]) == Trail(1, 1)
    assert trail_of([]) == Trail()
