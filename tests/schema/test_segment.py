"""What a segment may say, and the one form in which it is kept."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
import pytest

from schema.segment import Segment, condition_of, text_of
from schema.site import Goal, Site

GOALS = (Goal("Buy", event="buy"),)
SECTIONS = {"Blog": "/blog/**", "All": "/**"}


def definition(where: dict[str, Any]) -> str:
    site = Site("a", goals=GOALS, sections=SECTIONS, segments=(Segment("S", where),))
    return site.segment_definitions["S"]


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ({"device": "mobile"}, ["is", "device", "mobile"]),
        ({"device": ["tablet", "mobile", "tablet"]}, ["any", ["is", "device", "mobile"], ["is", "device", "tablet"]]),
        ({"goal": "Buy"}, ["did", "event:buy"]),
        ({"page": "/docs/**"}, ["did", "page:/docs/**"]),
        ({"entry_page": "/docs/**"}, ["is", "entry_page", "/docs/**"]),
        ({"section": "All"}, ["did", 'goal:{"like": "/**", "section": "like", "unlike": ["/blog/**"]}']),
        ({"properties": {"plan": "pro"}}, ["sent", "plan", "pro"]),
        ({"not": {"not": {"device": "tv"}}}, ["is", "device", "tv"]),
        ({"not": {"os": "iOS", "device": "tv"}}, ["not", ["all", ["is", "device", "tv"], ["is", "os", "iOS"]]]),
        (
            {"os": "iOS", "all": [{"device": "tv"}, {"any": [{"country": "DE"}]}]},
            ["all", ["is", "country", "DE"], ["is", "device", "tv"], ["is", "os", "iOS"]],
        ),
    ],
)
def test_it_is_kept_in_one_form_which_is_read_again(where: dict[str, Any], said: list[Any]) -> None:
    text = definition(where)
    assert json.loads(text) == said
    assert text_of(condition_of(text)) == text


def test_the_order_in_which_it_is_written_makes_no_difference() -> None:
    one = {"device": "tv", "any": [{"country": "DE"}, {"goal": "Buy"}]}
    assert definition(one) == definition({"any": [{"goal": "Buy"}, {"country": "DE"}], "device": ["tv"]})


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ({}, "segment 'S' has {} where conditions belong: write such as { device = \"mobile\" }"),
        ({"not": {}}, "segment 'S' has {} where conditions belong"),
        ({"devise": "tv"}, "segment 'S' has the condition 'devise', which there is not: write a dimension (source, "),
        ({"device": 3}, "has device = 3: write a text, or a list of texts of which one holds"),
        ({"device": []}, "has device = []: write a text"),
        ({"any": {"device": "tv"}}, "has any = {'device': 'tv'}: write a list of conditions"),
        ({"properties": "pro"}, "has properties = 'pro': write such as { plan = \"pro\" }"),
        ({"properties": {" plan": "pro"}}, "has the property ' plan': a name is written as the page sends it"),
        (json.loads('{"not":' * 21 + '{"device":"tv"}' + "}" * 21), "has conditions in more than 20 others"),
        (json.loads('{"all":[' * 21 + '{"device":"tv"}' + "]}" * 21), "has conditions in more than 20 others"),
        ({"goal": "Bye"}, "segment 'S': the site has no goal 'Bye' (it has 'Buy'): name one of its goals"),
        ({"section": "News"}, "the site has no section 'News' (it has 'Blog', 'All'): name one of its sections"),
        (
            {"country": [*"abcdefghijk"]},
            "has 11 conditions, and at most 10 are looked at (each value of a list is one)",
        ),
    ],
)
def test_what_cannot_be_counted_is_refused_with_what_to_write(where: dict[str, Any], told: str) -> None:
    site = {"key": "a", "goals": [{"name": "Buy", "event": "buy"}], "sections": SECTIONS}
    with pytest.raises(msgspec.ValidationError, match=re.escape(told)):
        msgspec.convert(site | {"segments": [{"name": "S", "where": where}]}, Site)


def test_there_are_twenty_of_different_names() -> None:
    segments = tuple(Segment(f"S{nth}", {"device": "tv"}) for nth in range(21))
    with pytest.raises(ValueError, match="there are 21 segments, and at most 20 are counted: leave the others out"):
        Site("a", segments=segments)
    with pytest.raises(ValueError, match=r"two segments are called 'S0': rename one - at `\$.segments\[1\].name`"):
        Site("a", segments=segments[:1] * 2)
    assert len(Site("a", segments=segments[:20]).segment_definitions) == 20


def test_visits_keep_the_properties_that_it_asks_for() -> None:
    site = Site("a", properties=("url",), segments=(Segment("S", {"not": {"properties": {"plan": "*"}}}),))
    assert site.kept_properties == ("url", "plan")
