"""Rules of dashboards/stats/period.py."""

from __future__ import annotations

import datetime as dt
import re

import pytest

from dashboards.stats.neighbours import after, before
from dashboards.stats.period import PERIODS as NAMED
from dashboards.stats.period import Period, between, parse

TODAY = dt.date(2025, 3, 10)

PERIODS = """
today       2025-03-10 2025-03-10
yesterday   2025-03-09 2025-03-09
7d          2025-03-03 2025-03-09
28d         2025-02-10 2025-03-09
30d         2025-02-08 2025-03-09
90d         2024-12-10 2025-03-09
week        2025-03-10 2025-03-10
last_week   2025-03-03 2025-03-09
month       2025-03-01 2025-03-10
last_month  2025-02-01 2025-02-28
12mo        2024-04-01 2025-03-10
year        2025-01-01 2025-03-10
"""


@pytest.mark.parametrize("line", PERIODS.strip().splitlines())
def test_each_named_period_covers_its_days(line: str) -> None:
    name, first, last = line.split()
    period = parse({"period": name}, TODAY)
    assert (period.first.isoformat(), period.last.isoformat(), period.name) == (first, last, name)


def test_every_period_that_has_a_name_is_in_the_table_above() -> None:
    assert {line.split()[0] for line in PERIODS.strip().splitlines()} | {"all"} == set(NAMED)


def test_all_days_begin_with_the_first_that_has_data() -> None:
    first = dt.date(2023, 5, 1)
    found = parse({"period": "all"}, TODAY, since=lambda: first)
    assert (found.first, found.last, found.arguments()) == (first, TODAY, {"period": "all"})
    assert parse({"period": "all"}, TODAY).days == 1  # nothing has come yet


# A Wednesday in the middle of a month and a year.
WEDNESDAY = dt.date(2025, 5, 14)
NEIGHBOURS = """
today       yesterday               -
yesterday   2025-05-12..2025-05-12  today
7d          2025-04-30..2025-05-06  -
28d         2025-03-19..2025-04-15  -
week        last_week               -
last_week   2025-04-28..2025-05-04  week
month       last_month              -
last_month  2025-03-01..2025-03-31  month
12mo        2023-06-01..2024-05-31  -
year        2024-01-01..2024-12-31  -
all         -                       -
2025-04-01..2025-04-03  2025-03-29..2025-03-31  2025-04-04..2025-04-06
2025-01-01..2025-03-31  2024-10-01..2024-12-31  2025-04-01..2025-05-14
2024-01-01..2024-12-31  2023-01-01..2023-12-31  year
2025-05-04..2025-05-10  2025-04-27..2025-05-03  7d
2024-02-01..2024-02-29  2024-01-01..2024-01-31  2024-03-01..2024-03-31
"""


@pytest.mark.parametrize("line", NEIGHBOURS.strip().splitlines())
def test_the_arrows_lead_to_the_neighbours_of_the_same_kind(line: str) -> None:
    def told(period: Period | None) -> str:
        if period is None:
            return "-"
        return period.name if period.name != "custom" else f"{period.first}..{period.last}"

    name, *expected = line.split()
    first, _, last = name.partition("..")
    period = parse({"from": first, "to": last} if last else {"period": name}, WEDNESDAY)
    assert [told(before(period, WEDNESDAY)), told(after(period, WEDNESDAY))] == expected


@pytest.mark.parametrize("today", [dt.date(2025, 1, 1), dt.date(2024, 2, 29), dt.date(2025, 3, 31), WEDNESDAY])
@pytest.mark.parametrize("name", [name for name in NAMED if name != "all"])
def test_whoever_goes_back_and_forth_is_where_he_was(name: str, today: dt.date) -> None:
    period = parse({"period": name}, today)
    back = before(period, today)
    assert back is not None
    assert back.last < period.first
    again = after(back, today)
    assert again is not None
    assert (again.first, again.last) == (period.first, period.last)


@pytest.mark.parametrize(
    ("arguments", "first", "last"),
    [
        ({"period": "7d"}, "2024-03-04", "2024-03-10"),
        ({"period": "last_month"}, "2024-02-01", "2024-02-29"),
        ({"from": "2024-02-29", "to": "2024-02-29"}, "2023-03-02", "2023-03-02"),
    ],
)
def test_a_year_before_are_the_same_weekdays_or_the_same_months(
    arguments: dict[str, str], first: str, last: str
) -> None:
    found = parse(arguments, TODAY).of_last_year(TODAY)
    assert (found.first.isoformat(), found.last.isoformat()) == (first, last)


def test_from_and_to_alone_are_a_custom_period() -> None:
    period = parse({"from": "2025-01-01", "to": "2025-01-03"}, TODAY)
    assert (period.days, period.name, period.label) == (3, "custom", "1–3 Jan 2025")
    assert period.arguments() == {"period": "custom", "from": "2025-01-01", "to": "2025-01-03"}


def test_without_arguments_it_is_thirty_days() -> None:
    assert parse({}, TODAY).days == 30


@pytest.mark.parametrize(
    ("arguments", "first", "last"),
    [
        ({"period": "7d"}, "2025-02-24", "2025-03-02"),
        ({"period": "28d"}, "2025-01-13", "2025-02-09"),
        # Five weeks: thirty days would put a Sunday beside a Friday.
        ({"period": "30d"}, "2025-01-04", "2025-02-02"),
        ({"period": "yesterday"}, "2025-03-02", "2025-03-02"),
        ({"period": "today"}, "2025-03-03", "2025-03-03"),
        # The nine days of March that are over.
        ({"period": "month"}, "2025-02-15", "2025-02-23"),
        ({"period": "last_month"}, "2025-01-01", "2025-01-31"),
        ({"from": "2025-01-01", "to": "2025-02-28"}, "2024-11-01", "2024-12-31"),
        ({"from": "2025-02-28", "to": "2025-02-28"}, "2025-02-21", "2025-02-21"),
        ({"from": "2025-03-01", "to": "2025-03-31"}, "2025-02-15", "2025-02-23"),
    ],
)
def test_a_period_is_compared_with_the_same_weekdays_and_a_month_with_a_month(
    arguments: dict[str, str], first: str, last: str
) -> None:
    previous = parse(arguments, TODAY).previous(TODAY)
    assert (previous.first.isoformat(), previous.last.isoformat()) == (first, last)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"period": "fortnight"}, "period='fortnight' is not known: allowed are today, "),
        ({"from": "yesterday"}, "from='yesterday' is not a date: write it as YYYY-MM-DD"),
        ({"from": "2025-02-02", "to": "2025-02-01"}, "from=2025-02-02 is after to=2025-02-01"),
        ({"from": "0001-01-01", "to": "2025-02-01"}, "allowed are at most"),
        ({"from": "2001-01-01", "to": "2025-02-01"}, "allowed are at most"),
    ],
)
def test_a_refusal_names_the_argument_its_value_and_what_is_allowed(arguments: dict[str, str], told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        parse(arguments, TODAY)


def test_days_in_words_leave_out_what_is_the_same() -> None:
    assert between(dt.date(2025, 5, 3), dt.date(2025, 5, 3)) == "3 May 2025"
    assert between(dt.date(2025, 4, 28), dt.date(2025, 5, 3)) == "28 Apr – 3 May 2025"
    assert between(dt.date(2024, 12, 28), dt.date(2025, 1, 3)) == "28 Dec 2024 – 3 Jan 2025"


def test_the_day_before_the_first_possible_one_is_refused_not_wrapped() -> None:
    with pytest.raises(ValueError, match="at most"):
        Period(dt.date(2000, 1, 1), dt.date(2000, 1, 1), "").previous(TODAY)
