"""Zero is said where it is certain, and nowhere else: of goals that nobody reached."""

from __future__ import annotations

import datetime as dt
import html
import re
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dashboards.stats.figures import Cell
from dashboards.stats.interval import wilson
from dashboards.stats.week_hours import by_weekday
from dashboards.web.format import days as in_words

pytestmark = pytest.mark.clickhouse


@pytest.fixture
def read(client: Any, rollups: Any, ago: Any) -> Any:
    """Three days of two sources, of which one brought nobody to a goal, and none to the other. without: the day on
    which nobody did. told: of each day's entry. What a page of them says."""

    def release(page: str, without: int = 0, **told: Any) -> str:
        with rollups.together():
            for days in (3, 2, 1):
                rollups.cell(ago(days), visitors=100, released=True)
                rollups.cell(ago(days), "source", "Google", visitors=60, released=True)
                rollups.cell(ago(days), "source", "Bing", visitors=40, released=True)
                if days != without:
                    rollups.goal(ago(days), "Signup", 8, 9, True)
                    rollups.goal(ago(days), "Signup", 8, 9, True, dimension="source", value="Google")
                rollups.release(ago(days), **{"goals": rollups.site.goal_definitions, **told})
        answer = client.get(f"/sites/{rollups.site.key}{page}period=custom&from={ago(3)}&to={ago(1)}&goal=Signup")
        assert answer.status_code == 200, answer.text
        return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", answer.text)))

    return release


NONE = f"{wilson(0, 120)[1]:.1f}%"


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("/acquisition?", f"Bing 120 0% 0% – {NONE} worse 0"),
        ("/by/source?", f"Bing 120 0 0% 0% {NONE}"),
        ("/goals?", "Purchase 0 0% 0% – "),
    ],
)
def test_with_k_1_nobody_is_zero(read: Any, page: str, said: str) -> None:
    assert re.search(said, read(page, k=1))


@pytest.mark.parametrize("told", [{"k": 5}, {"k": 1, "complete": 0}, {"k": 1, "version": "5", "goals": {}}])
@pytest.mark.parametrize("page", ["/acquisition?", "/goals?"])
def test_elsewhere_it_is_not(read: Any, rollups: Any, page: str, told: dict[str, Any]) -> None:
    text = read(page, **told)
    name = "Bing (≥ )?120" if page == "/acquisition?" else "Purchase"
    assert re.search(rf"{name} – not shown", text)


def test_a_day_without_anybody_is_drawn_as_zero(read: Any, ago: Any) -> None:
    day = ago(2)
    assert f"{day.day} {day:%b %Y} 0% of 100 " in read("/goals?", k=1, without=2)


def test_a_day_of_few_is_a_gap(read: Any, ago: Any) -> None:
    day = ago(2)
    assert f"{day.day} {day:%b %Y} few or none, or no data" in read("/goals?", k=5, without=2)


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ([9, 10, 11], "9–11 Jun 2031"),
        ([9, 11], "9 Jun 2031, 11 Jun 2031"),
        ([*range(1, 20, 2)], "between 1 Jun 2031 and 19 Jun 2031"),
    ],
)
def test_days_in_a_row_are_told_by_their_ends(numbers: list[int], said: str) -> None:
    assert in_words([dt.date(2031, 6, number) for number in numbers]) == said


@pytest.mark.parametrize(("whole", "told"), [(True, 24), (False, 1)])
def test_an_hour_without_anybody_is_zero_where_hours_are_told_whole(whole: bool, told: int) -> None:
    nine = dt.datetime(2031, 6, 9, 9, tzinfo=dt.UTC)  # a Monday
    found = by_weekday([Cell(value=str(int(nine.timestamp())), visitors=6)], ZoneInfo("UTC"), whole)
    assert (found[0, 9], len(found), sum(found.values())) == (6, told, 6)
