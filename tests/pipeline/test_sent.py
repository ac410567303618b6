"""The text in which visits keep the properties of an event."""

from __future__ import annotations

import json

import pytest

from pipeline.rollup.visits import property_text as sent
from schema.store import Store

pytestmark = pytest.mark.clickhouse

# What looks like the form of the text, or like JSON, is a name or value like any other.
MAPS: tuple[dict[str, str], ...] = (
    {},
    {"plan": "pro"},
    {"plan": "", "size": "ÿþ", "colour": "red"},
    {"plan": '{"plan": "free"}', "{": "\\'", "plan\x1f": "a,b:c", "ÿ": "\n"},
)
NAMES = ["plan", "size", "{", "plan\x1f", "ÿ"]
GIVEN = {"maps": [json.dumps(pairs) for pairs in MAPS], "names": NAMES}
PAIRS = "SELECT JSONExtract(arrayJoin({maps:Array(String)}), 'Map(String, String)') AS pairs"


def test_a_text_holds_what_the_map_held_of_the_names(store: Store) -> None:
    text = sent.text_of("{names:Array(String)}", "pairs")
    each = f"if({text} = '', [], {sent.each_of(text)})"
    rows = store.rows(
        f"""SELECT arrayMap(one -> ({sent.name_of("one")}, {sent.value_of("one")}), {each}),
            {sent.has(text, "'plan'")}, {sent.has(text, "'pla'")},
            {sent.equals(text, "'plan'", "'pro'")}, {sent.equals(text, "'plan'", "''")}
        FROM ({PAIRS})""",
        GIVEN,
    )
    kept = [{name: value for name, value in pairs.items() if name in NAMES} for pairs in MAPS]
    assert [dict(map(tuple, found)) for found, *_ in rows] == kept
    assert [tuple(map(bool, row[1:])) for row in rows] == [
        ("plan" in pairs, False, pairs.get("plan") == "pro", pairs.get("plan") == "") for pairs in MAPS
    ]


def test_texts_of_an_earlier_version_are_json_and_are_read_as_the_others(store: Store) -> None:
    text = sent.text_of("mapKeys(pairs)", "pairs")
    as_json = "if(empty(pairs), '', toJSONString(pairs))"
    [(right, read)] = store.rows(
        f"""SELECT base64Encode(toString(groupArrayArray([{text}, {text}]))),
            base64Encode(toString({sent.from_json(f"groupArrayArray([{text}, {as_json}])")}))
        FROM ({PAIRS})""",
        GIVEN,
    )
    assert right == read
