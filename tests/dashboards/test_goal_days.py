"""A goal says since when it is counted, and its numbers are of one definition (rule N6)."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from starlette.testclient import TestClient

from dashboards.stats.goal_days import Beside, GoalDays, goal_days, of_block
from dashboards.stats.nobody import uncounted
from dashboards.stats.period import Period
from dashboards.stats.query import Query
from dashboards.stats.report import Reports
from pipeline.manifest import VERSION
from schema.goal import Goal, goal_of
from schema.manifest import grain_of_goal

DAYS = [dt.date(2031, 5, day) for day in range(1, 7)]
OLD, NEW = {"Buy": "event:buy"}, {"Buy": "page:/thanks"}
NOTHING: dict[str, str] = {}
GRAIN = grain_of_goal("Buy", "event:buy")


def added(day: int, rows: int = 3, goals: dict[str, str] = OLD) -> Beside:
    return Beside(DAYS[day], grain_of_goal(*next(iter(goals.items()))), rows, goals)


def test_a_goal_that_was_there_from_the_start_says_nothing() -> None:
    assert goal_days(dict.fromkeys(DAYS, OLD), [], OLD) == GoalDays()
    assert goal_days(dict.fromkeys(DAYS, None), [], OLD) == GoalDays()
    assert goal_days(dict.fromkeys(DAYS, NOTHING), [], {}) == GoalDays()
    # An upgrade: the days before it do not say what they counted.
    assert goal_days(dict(zip(DAYS, [None, None, None, OLD, OLD, OLD], strict=True)), [], OLD) == GoalDays()


@pytest.mark.parametrize("earlier", [{}, None], ids=["known", "unknown"])
def test_a_goal_that_came_later_is_counted_since_the_first_day_that_has_it(earlier: dict[str, str] | None) -> None:
    days = dict.fromkeys(DAYS[:3], earlier) | dict.fromkeys(DAYS[3:], NOTHING)
    told = goal_days(days, [added(3), added(4, rows=0), added(5)], OLD)
    assert told.since == {"Buy": DAYS[3]}
    assert told.not_counted == {"Buy": frozenset(DAYS[:3])}
    # What could tell nothing has no rows.
    assert told.added == ((DAYS[3], GRAIN), (DAYS[5], GRAIN))
    assert told.former == ()


def test_a_goal_that_was_away_for_a_while_is_not_counted_then() -> None:
    days = dict(zip(DAYS, [OLD, OLD, {}, {}, OLD, OLD], strict=True))
    told = goal_days(days, [added(3)], OLD)
    assert (told.since, told.not_counted) == ({}, {"Buy": frozenset([DAYS[2]])})


def test_a_goal_that_was_changed_leaves_its_former_rows_out() -> None:
    days = dict(zip(DAYS, [OLD, OLD, OLD, OLD, NEW, NEW], strict=True))
    of_block = Beside(DAYS[0], "four_weeks", 3, OLD)
    told = goal_days(days, [of_block, added(3, goals=NEW)], NEW)
    assert told.since == {"Buy": DAYS[3]}
    assert told.former == (*(("day", day, "Buy") for day in DAYS[:4]), ("four_weeks", DAYS[0], "Buy"))
    assert told.added == ((DAYS[3], grain_of_goal("Buy", "page:/thanks")),)
    # Taken out of the settings it is what it was last.
    assert goal_days(days, [of_block, added(3, goals=NEW)], {}) == told
    # Changed back, too: it goes on.
    back = goal_days(days, [of_block, added(3, goals=NEW)], OLD)
    assert (back.since, back.not_counted) == ({}, {"Buy": frozenset(DAYS[4:])})
    assert back.former == (("day", DAYS[4], "Buy"), ("day", DAYS[5], "Buy"))


def test_the_page_says_since_when_a_goal_is_counted(client: TestClient, rollups: Any, today: dt.date) -> None:
    for back, goals in ((3, {}), (2, {"Purchase": "event:purchase"})):
        day = today - dt.timedelta(days=back)
        rollups.cell(day, visitors=50, released=True)
        columns = {"site": rollups.site.key, "day": day, "k": 5, "rows": 1, "complete": 1, "version": "4"}
        rollups._put("manifest", [*columns, "goals"], [*columns.values(), goals])
    rollups._insert(
        "conversions", day, "", "", True, {"goal": "Purchase", "currency": "", "converters": 30, "conversions": 31}
    )
    page = client.get(f"/sites/{rollups.site.key}?period=7d").text
    assert "Purchase: counted since 16 Jun 2031." in page
    assert "≥ 30" in page
    assert "counted since" not in client.get(f"/sites/{rollups.site.key}?from={day}&to={day}").text
    answer = client.get(f"/api/sites/{rollups.site.key}/stats?by=goal&period=7d").json()
    [row] = answer["rows"]
    assert (row["counted_since"], row["certainty"]) == ("2031-06-16", "at least")
    assert any("counted_since" in note for note in answer["notes"])
    assert "counted_since" in client.get(f"/api/sites/{rollups.site.key}/stats.csv?by=goal&period=7d").text


def test_the_page_says_since_when_a_section_is_counted(client: TestClient, rollups: Any, today: dt.date) -> None:
    for back, sections in ((3, {}), (2, {"Blog": '["/blog/**"]'})):
        day = today - dt.timedelta(days=back)
        rollups.cell(day, visitors=50, released=True)
        columns = {"site": rollups.site.key, "day": day, "k": 5, "rows": 1, "complete": 1, "version": "5"}
        rollups._put("manifest", [*columns, "sections"], [*columns.values(), sections])
    rollups.cell(day, "section", "Blog", visitors=30, pageviews=40, released=True)
    page = client.get(f"/sites/{rollups.site.key}/by/section?period=7d").text
    assert "Blog: counted since 2031-06-16." in page
    assert "Blog: counted since 16 Jun 2031." in client.get(f"/sites/{rollups.site.key}?period=7d").text
    assert "counted since" not in client.get(f"/sites/{rollups.site.key}/by/section?from={day}&to={day}").text
    told = client.get(f"/api/sites/{rollups.site.key}/stats?by=section&period=7d").json()
    assert [(row["value"], row["counted_since"], row["certainty"]) for row in told["rows"]] == [
        ("Blog", "2031-06-16", "at least")
    ]
    assert "counted_since" in client.get(f"/api/sites/{rollups.site.key}/stats.csv?by=section&period=7d").text


def test_a_block_counts_what_all_of_its_days_did() -> None:
    assert of_block([OLD, None, OLD, {}]) == OLD
    assert of_block([OLD, NEW]) == {"Buy": ""}
    days = dict(zip(DAYS, [OLD, OLD, OLD, OLD, NEW, NEW], strict=True))
    told = goal_days(days, [Beside(DAYS[0], "week", 3, of_block(days.values()))], NEW)
    assert ("week", DAYS[0], "Buy") in told.former


@pytest.mark.parametrize(
    ("origin", "known"),
    [("live", True), ("import:0123456789abcdef", False), ("demo:0123456789abcdef", True)],
    ids=["live", "log", "synthetic"],
)
def test_of_goals_that_no_log_knows_nothing_is_said_on_its_days(
    reports: Reports, rollups: Any, ago: Any, origin: str, known: bool
) -> None:
    rollups.cell(ago(1), visitors=20, released=True)
    goals = {goal.name: goal.definition for goal in rollups.site.goals}
    rollups.release(ago(1), k=1, origin=origin, goals=goals, version=VERSION)
    period = Period(ago(1), ago(1), "")
    asked = Query((rollups.site.key,), period)
    assert [reports.nobody_reached(asked, name) for name in goals] == [known, known]
    shown = reports.overview(rollups.site, period)
    assert {goal.goal: goal.converters for goal in shown.goals} == (dict.fromkeys(goals, 0) if known else {})
    assert uncounted(goals, shown.released, period) == ([] if known else [*goals])


@pytest.mark.parametrize(
    ("goal", "of_pages"),
    [
        (Goal("a", page="/x"), True),
        (Goal("a", event="pageview"), True),
        (Goal("a", duration=30), True),
        (Goal("a", event="buy"), False),
        (Goal("a", scroll=50), False),
        (Goal("a", scroll=50, page="/x"), False),
        (Goal("a", revenue=True), False),
        (Goal("a", page="/x", properties={"plan": "*"}), False),
    ],
    ids=lambda given: given.definition if isinstance(given, Goal) else "",
)
def test_page_views_tell_of_some_goals(goal: Goal, of_pages: bool) -> None:
    assert goal.is_of_pages is of_pages
    assert goal_of("a", goal.definition).is_of_pages is of_pages
