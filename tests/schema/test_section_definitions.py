"""What the manifest keeps of a section says alone which pages are in it."""

from __future__ import annotations

import json

from pipeline.rollup.sections import section_sql
from schema.site import Site


def test_it_is_the_pattern_and_those_before_it_that_may_take_pages_of_it() -> None:
    sections = {"Shop": "/shop/**", "Guides": "/*/guide", "Blog": "/blog/**", "News": "/blog/news/**"}
    told = {
        name: json.loads(definition) for name, definition in Site("a", sections=sections).section_definitions.items()
    }
    assert told == {
        "Shop": ["/shop/**"],
        "Guides": ["/*/guide", "/shop/**"],
        "Blog": ["/blog/**", "/*/guide"],
        "News": ["/blog/news/**", "/*/guide", "/blog/**"],
    }
    # One that is declared before others and does not meet them leaves them as they are.
    more = Site("a", sections={"Help": "/help/**", "Shop": "/shop/**"}).section_definitions
    assert more["Shop"] == Site("a", sections=sections).section_definitions["Shop"]


def test_as_sql_it_binds_what_the_settings_say() -> None:
    sql, given = section_sql(json.dumps(["/a'/**", "/a'/b"]), "path", "x")
    assert sql == "match(path, {x_0:String}) AND NOT match(path, {x_1:String})"
    assert given == {"x_0": "^/a'(?:/.*)?$", "x_1": "^/a'/b/?$"}
