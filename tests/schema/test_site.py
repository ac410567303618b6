"""A site's day is where its own clock says it is, and goals mean what they look like."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema.funnel import Funnel, Step
from schema.site import Goal, Site, day_bounds, day_number, goal_of, local_day

ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/St_Johns",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "America/New_York",
    "Asia/Kolkata",
)


def at(text: str, zone: str = "UTC") -> int:
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp())


@pytest.mark.parametrize(
    ("zone", "day", "begins", "hours"),
    [
        ("UTC", "2026-03-29", "2026-03-29T00:00", 24),
        ("Europe/Berlin", "2026-03-28", "2026-03-27T23:00", 24),
        ("Europe/Berlin", "2026-03-29", "2026-03-28T23:00", 23),
        ("Europe/Berlin", "2026-10-25", "2026-10-24T22:00", 25),
        ("Europe/Berlin", "2026-10-26", "2026-10-25T23:00", 24),
        ("America/St_Johns", "2026-03-08", "2026-03-08T03:30", 23),
        ("America/St_Johns", "2026-11-01", "2026-11-01T02:30", 25),
        ("America/St_Johns", "2026-01-01", "2026-01-01T03:30", 24),
        ("Asia/Kathmandu", "2026-06-01", "2026-05-31T18:15", 24),
        ("Pacific/Apia", "2026-06-01", "2026-05-31T11:00", 24),
        ("Pacific/Apia", "2011-12-29", "2011-12-29T10:00", 24),
        ("Pacific/Apia", "2011-12-31", "2011-12-30T10:00", 24),
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00", 23),  # midnight itself did not exist
    ],
)
def test_a_day_begins_at_the_sites_midnight_and_lasts_23_24_or_25_hours(
    zone: str, day: str, begins: str, hours: int
) -> None:
    bounds = day_bounds(zone, day_number(dt.date.fromisoformat(day)))
    assert (bounds.start, bounds.end - bounds.start) == (at(begins), hours * 3600)
    assert bounds.date.isoformat() == day


@pytest.mark.parametrize(
    ("zone", "moment", "day"),
    [
        ("Europe/Berlin", "2026-03-28T22:59:59", "2026-03-28"),
        ("Europe/Berlin", "2026-03-28T23:00:00", "2026-03-29"),
        ("Europe/Berlin", "2026-03-29T21:59:59", "2026-03-29"),
        ("Europe/Berlin", "2026-03-29T22:00:00", "2026-03-30"),
        ("Europe/Berlin", "2026-10-25T22:59:59", "2026-10-25"),
        ("Europe/Berlin", "2026-10-25T23:00:00", "2026-10-26"),
        ("America/St_Johns", "2027-01-01T03:29:59", "2026-12-31"),
        ("America/St_Johns", "2027-01-01T03:30:00", "2027-01-01"),
        ("Asia/Kathmandu", "2026-12-31T18:14:59", "2026-12-31"),
        ("Asia/Kathmandu", "2026-12-31T18:15:00", "2027-01-01"),
        ("Pacific/Apia", "2026-12-31T10:59:59", "2026-12-31"),
        ("Pacific/Apia", "2026-12-31T11:00:00", "2027-01-01"),
        ("Pacific/Apia", "2011-12-30T09:59:59", "2011-12-29"),  # the 30th did not take place
        ("Pacific/Apia", "2011-12-30T10:00:00", "2011-12-31"),
    ],
)
def test_a_moment_belongs_to_the_day_on_the_sites_clock(zone: str, moment: str, day: str) -> None:
    assert local_day(zone, at(moment)).date.isoformat() == day
    assert local_day(zone, at(moment) + 0.999).date.isoformat() == day


@given(zone=st.sampled_from(ZONES), moment=st.integers(1_400_000_000, 2_200_000_000))
def test_a_day_holds_its_moments_and_the_next_begins_where_it_ends(zone: str, moment: int) -> None:
    day = local_day(zone, moment)
    assert day.start <= moment < day.end
    assert local_day(zone, day.end).start == day.end
    assert local_day(zone, day.end - 1) == day == local_day(zone, day.start)


@pytest.mark.parametrize(
    ("page", "reached", "missed"),
    [
        # A slash at the end makes no difference: whether it is stored is a setting.
        ("/thanks", ["/thanks", "/thanks/"], ["/thanks2", "/a/thanks", "/thanksx", "/thanks/a"]),
        ("/thanks/", ["/thanks", "/thanks/"], ["/thanks2", "/a/thanks", "/thanks/a"]),
        ("/", ["/"], ["", "/a", "//"]),
        ("/**", ["/", "/a", "/a/b/"], []),
        ("/blog/*", ["/blog/", "/blog/a", "/blog/a/"], ["/blog", "/blog/a/b", "/x/blog/a"]),
        ("/blog/**", ["/blog", "/blog/", "/blog/a", "/blog/a/b"], ["/x/blog/a", "/blogs"]),
        ("/blog/**/", ["/blog", "/blog/", "/blog/a", "/blog/a/b"], ["/x/blog/a", "/blogs"]),
        ("/*/done", ["/a/done"], ["/a/b/done", "/done"]),
        ("**/done", ["/done", "/a/b/done", "/done/"], ["/done/a"]),
        ("/a.b+c(d)", ["/a.b+c(d)"], ["/axb+c(d)", "/a.bbc(d)"]),
        ("/100%[x]|^$", ["/100%[x]|^$"], ["/100%x", ""]),
    ],
)
def test_a_page_pattern_reaches_what_it_looks_like_and_nothing_else(
    page: str, reached: list[str], missed: list[str]
) -> None:
    pattern = re.compile(Goal("g", page=page).page_regex())
    assert [path for path in [*reached, *missed] if pattern.search(path)] == reached


@pytest.mark.parametrize(
    ("given_", "problem"),
    [
        ({}, "goal 'g' needs exactly one of event .* and it has none"),
        ({"event": "a", "page": "/b"}, "goal 'g' needs exactly one of event .* and it has event and page"),
        ({"event": "", "page": ""}, "it has none"),
        ({"revenue": False}, "it has none"),
        ({"scroll": 50, "duration": 3, "page": "/"}, "it has scroll and duration"),
        ({"revenue": True, "properties": {"a": "b"}}, "properties, which revenue cannot have: leave them out"),
        ({"event": "a", "properties": {f"p{n}": "b" for n in range(6)}}, "has 6 properties: at most 5"),
        ({"event": "a", "properties": {"plan ": "b"}}, "property 'plan ' of goal 'g'"),
    ],
)
def test_a_goal_is_of_one_kind(given_: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Goal("g", **given_)


@pytest.mark.parametrize(
    ("given_", "definition"),
    [
        # What earlier versions wrote stays what it is.
        ({"event": "a:b"}, "event:a:b"),
        ({"page": "/b/**"}, "page:/b/**"),
        ({"event": "goal:{}"}, "event:goal:{}"),
        ({"event": "a", "properties": {"z": "ä", "b": "*"}}, 'goal:{"event": "a", "properties": {"b": "*", "z": "ä"}}'),
        ({"scroll": 75}, 'goal:{"scroll": 75}'),
        ({"scroll": 75, "page": "/b"}, 'goal:{"page": "/b", "scroll": 75}'),
        ({"duration": 60}, 'goal:{"duration": 60}'),
        ({"revenue": True}, 'goal:{"revenue": true}'),
        ({"section": "Blog"}, 'goal:{"like": "/blog/**", "section": "like", "unlike": ["/blog/news"]}'),
        ({"section": "News"}, 'goal:{"like": "/blog/news", "section": "like"}'),
        ({"section": "/a/"}, 'goal:{"folder": "/a/", "section": "folder", "unlike": ["/blog/news", "/blog/**"]}'),
    ],
)
def test_a_goal_is_what_its_definition_says(given_: dict[str, Any], definition: str) -> None:
    site = msgspec.convert(
        {"key": "a", "goals": [{"name": "g"} | given_], "sections": {"News": "/blog/news", "Blog": "/blog/**"}}, Site
    )
    assert site.goal_definitions == {"g": definition}
    read = goal_of("g", definition)
    assert read.definition == definition
    assert hash(read) == hash(site.counted_goals[0])
    assert msgspec.json.decode(msgspec.json.encode(site), type=Site) == site, "workers and former sites are told so"
    assert Site("b", goals=(read,)).goal_definitions == {"g": definition}, "whatever the sections of another day are"


def test_a_goal_on_a_section_that_is_not_there_is_refused_with_its_place() -> None:
    with pytest.raises(ValueError, match=r"goal 'b': the site has no section 'Shop' .*`\$.goals\[1\].section`"):
        Site("a", goals=(Goal("a", event="a"), Goal("b", section="Shop")), sections={"Blog": "/blog/**"})


def test_a_step_of_a_funnel_cannot_be_a_visit_as_a_whole() -> None:
    funnel = Funnel("f", (Step(goal="Long"), Step(page="/")))
    with pytest.raises(ValueError, match=r"goal 'Long' is of a visit as a whole, .*`\$.funnels\[0\].steps\[0\]`"):
        Site("a", goals=(Goal("Long", duration=60),), funnels=(funnel,))


@pytest.mark.parametrize(
    "zone", ["", "Berlin", "Europe/Berlín", "../etc/passwd", "/etc/passwd", "UTC+1", "a" * 300, "\x00"]
)
def test_what_is_no_time_zone_is_refused_by_name(zone: str) -> None:
    with pytest.raises(ValueError, match="is not an IANA time zone such as"):
        Site("a", timezone=zone)


@pytest.mark.parametrize("zone", ZONES)
def test_a_time_zone_of_the_database_is_taken(zone: str) -> None:
    assert Site("a", timezone=zone).timezone == zone


@pytest.mark.parametrize("key", ["", "A", "-a", ".a", "a b", "a/b", "a'b", "ä", "a" * 101, "a;b", "a\\"])
def test_what_cannot_be_a_key_is_refused(key: str) -> None:
    with pytest.raises(msgspec.ValidationError, match="key"):
        msgspec.convert({"key": key}, Site)


@pytest.mark.parametrize("key", ["a", "0", "example.com", "my-site_2", "a" * 100])
def test_what_can_be_a_key_is_taken(key: str) -> None:
    assert msgspec.convert({"key": key}, Site).key == key


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"release_k": 0}, "release_k"),
        ({"retention_days": 1}, "retention_days"),
        ({"retention_days": 760}, "retention_days"),
        ({"colour": "red"}, "colour"),
        ({"goals": [{"name": "a", "event": "x"}, {"name": "a", "page": "/"}]}, "two goals of the same name"),
        ({"goals": [{"name": ""}]}, "length >= 1"),
    ],
)
def test_a_site_that_makes_no_sense_is_refused(wrong: dict[str, object], match: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=match):
        msgspec.convert({"key": "a"} | wrong, Site)


def test_a_site_is_known_by_its_key_and_domains_without_www_and_case() -> None:
    assert Site("a.example", domains=("www.A.example", "WWW.b.example", "C")).names == {"a.example", "b.example", "c"}


def test_what_other_trackers_call_a_site_is_a_name_and_no_host() -> None:
    site = Site("a.example", domains=("b.example",), ids=("94DB1CB1-74F4", "7"))
    assert site.names == {"a.example", "b.example", "94db1cb1-74f4", "7"}
    assert site.own_hosts == {"a.example", "b.example"}


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ([{"page": "/a"}], "funnel 'f' has 1 step, and 2 to 8 are allowed: add one"),
        ([{"page": "/a"}] * 9, "funnel 'f' has 9 steps, and 2 to 8 are allowed: leave some out"),
        ([{"page": "/a"}, {"page": "/b", "event": "go"}], "this one has event and page"),
        ([{"page": "/a"}, {}], "this one has none"),
        ([{"page": "/a"}, {"goal": "Bye"}], "funnel 'f': the site has no goal 'Bye' (it has 'Buy')"),
        ([{"page": "/a"}, {"section": "Blog"}], "funnel 'f': the site has no section 'Blog' (it has none)"),
    ],
)
def test_a_funnel_that_cannot_be_counted_is_refused_with_what_to_write(steps: list[dict[str, str]], told: str) -> None:
    site = {"key": "example.com", "goals": [{"name": "Buy", "event": "buy"}]}
    with pytest.raises(msgspec.ValidationError, match=re.escape(told)):
        msgspec.convert(site | {"funnels": [{"name": "f", "steps": steps}]}, Site)


def test_two_funnels_have_two_names_and_a_goal_among_steps_is_what_it_counts() -> None:
    steps = [{"page": "/a"}, {"goal": "Buy"}]
    site = {
        "key": "example.com",
        "goals": [{"name": "Buy", "event": "buy"}],
        "funnels": [{"name": "f", "steps": steps}],
    }
    (definition,) = msgspec.convert(site, Site).funnel_definitions.values()
    assert definition == '["loose", "visit", [["page", "/a"], ["event", "buy"]]]'
    with pytest.raises(msgspec.ValidationError, match="two funnels are called 'f'"):
        msgspec.convert(site | {"funnels": [{"name": "f", "steps": steps}] * 2}, Site)


@pytest.mark.parametrize(
    ("properties", "said"),
    [
        (("plan", "url", "plan"), "has the property 'plan' twice: name it once"),
        ((" plan",), "as the page sends it, without control characters or spaces around it"),
        (("pl\nan",), "as the page sends it, without control characters or spaces around it"),
        (tuple(map(str, range(21))), "has 21 properties: at most 20 are counted, leave the others out"),
    ],
)
def test_properties_that_cannot_be_counted_are_refused(properties: tuple[str, ...], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Site("a.example", properties=properties)


def test_properties_of_links_files_missing_pages_and_forms_are_counted_unless_others_are_named() -> None:
    assert Site("a.example").properties == ("url", "path")
    assert Site("a.example", properties=()).properties == ()


def test_entry_by_exit_is_one_table_of_a_site() -> None:
    pair = ("exit_page x entry_page",)
    assert Site("example.com", pairs=pair)
    with pytest.raises(ValueError, match="'entry_page x exit_page' is counted by journeys, too: leave one of them out"):
        Site("example.com", pairs=pair, journeys=True)
