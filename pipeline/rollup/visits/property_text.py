"""The properties of an event as visits keep them: one text, which is made and looked at without reading it letter by
letter.

In: the map of a raw row. Out: SQL for its text, and for what a text has. Promises: a text holds what the map held of
those names, whatever is in a name or a value; texts of earlier versions, which are JSON, are read as well.

A property is BEGINS, its name, IS, its value, ENDS. These are bytes that no text in UTF-8 has, so they need no escape.
"""

from __future__ import annotations

BEGINS = ENDS = "char(255)"
IS = "char(254)"


def text_of(names: str, pairs: str) -> str:
    """SQL for the text of a map, "" for an empty one. names: SQL for an array of those that are kept; pairs: of the
    map."""
    keys, values = f"mapKeys({pairs})", f"mapValues({pairs})"
    kept = f"arrayFilter(one -> has({names}, one), {keys})"
    of_kept = f"arrayFilter((value, one) -> has({names}, one), {values}, {keys})"
    return f"arrayStringConcat(arrayMap((one, value) -> concat({BEGINS}, one, {IS}, value, {ENDS}), {kept}, {of_kept}))"


def has(text: str, name: str) -> str:
    """SQL for whether a text has a property of that name."""
    return f"position({text}, concat({BEGINS}, {name}, {IS})) > 0"


def equals(text: str, name: str, value: str) -> str:
    """SQL for whether a text has a property of that name and value."""
    return f"position({text}, concat({BEGINS}, {name}, {IS}, {value}, {ENDS})) > 0"


def value_in(text: str, name: str) -> str:
    """SQL for the value of the property of that name, of a text that has it."""
    begins = f"concat({BEGINS}, {name}, {IS})"
    return f"splitByString({ENDS}, substring({text}, position({text}, {begins}) + length({begins})))[1]"


def each_of(text: str) -> str:
    """SQL for an array of what `name_of` and `value_of` take apart, of a text that is not empty."""
    return f"splitByString(concat({ENDS}, {BEGINS}), substring({text}, 2, length({text}) - 2))"


def name_of(one: str) -> str:
    return f"substring({one}, 1, position({one}, {IS}) - 1)"


def value_of(one: str) -> str:
    return f"substring({one}, position({one}, {IS}) + 1)"


def from_json(texts: str) -> str:
    """SQL for an array of texts of which some are JSON."""
    pairs = "JSONExtract(text, 'Map(String, String)')"
    read = text_of(f"mapKeys({pairs})", pairs)
    return f"arrayMap(text -> if(startsWith(text, '{{'), {read}, text), {texts})"
