"""The lines of a segment that are offered for filters are settings, and are of the visits that the filters keep."""

from __future__ import annotations

import tomllib
from html import unescape
from typing import Any

import pytest
from msgspec import convert, structs

from dashboards.stats.filter import Filter
from dashboards.web.declare import SINCE, to_declare
from schema.segment import Segment, condition_of
from schema.site import Site

SITE = Site("shop.example", sections={"News": "/news/**"})


def _segment(*filters: str) -> Segment:
    told = to_declare(SITE, [*map(Filter.parse, filters)])
    assert told is not None
    return convert(tomllib.loads(told.lines)["sites"]["segments"][0], Segment)


@pytest.mark.parametrize(
    ("filters", "where"),
    [
        (["section==News"], {"section": "News"}),
        (["country==DE|AT", "device!=mobile"], {"country": ["DE", "AT"], "not": {"device": "mobile"}}),
        (["device!=tv", "country!=DE"], {"all": [{"not": {"device": "tv"}}, {"not": {"country": "DE"}}]}),
        (['utm_campaign==a"b\\c\x7f’', "source=="], {"utm_campaign": 'a"b\\c\x7f’', "source": ""}),
    ],
)
def test_lines_are_settings_of_these_visits(filters: list[str], where: Any) -> None:
    segment = _segment(*filters)
    assert segment.where == where
    assert condition_of(segment.definition({}, SITE.sections))


@pytest.mark.parametrize("filters", [[], ["page~a"], ["page==/a*"], ["section==Gone"], ["goal==Gone"], ["vital==lcp"]])
def test_what_a_segment_cannot_say_is_not_offered(filters: list[str]) -> None:
    assert to_declare(SITE, [*map(Filter.parse, filters)]) is None


@pytest.mark.clickhouse
def test_a_segment_that_is_there_is_a_link(client: Any, reports: Any, rollups: Any, ago: Any) -> None:
    def page() -> str:
        days = f"period=custom&from={ago(2)}&to={ago(2)}"
        return unescape(client.get(f"/sites/{rollups.site.key}?{days}&filter=device==mobile").text)

    rollups.cell(ago(2), visitors=20, released=True)
    rollups.cell(ago(2), "device", "mobile", visitors=10, released=True)
    rollups.release(ago(2))
    assert SINCE in page()
    name = "Phones"
    site = structs.replace(rollups.site, segments=(Segment(name, {"device": "mobile"}),))
    reports.follow([site], ())
    assert SINCE not in page()
    assert f'&segment={name}">{name}</a>' in page()
