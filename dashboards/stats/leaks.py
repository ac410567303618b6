"""Where pages send what names a person: values in which the scrubber has replaced something, so that the owner can mend
what sends them.

In: a site's answers by dimensions whose values are what pages send. Out: rows by place and value. Promises: nothing is
read that is not shown anyway; what few people sent is in none, as everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from schema.dimensions import OTHER
from schema.placeholders import kinds_in

from .filter import Filter
from .query import MAX_ROWS, Query

# By dimension where what it shows stood.
PLACES = {
    "page": "path",
    "hostname": "host",
    "referrer": "referrer",
    "event": "name of an event",
    **{f"utm_{name}": f"parameter utm_{name}" for name in ("source", "medium", "campaign", "term", "content")},
}
COLUMNS = {
    "value": "What was kept, with a placeholder for each thing that was replaced.",
    "place": "Where it stood.",
    "kinds": "What was replaced.",
    "visitors": "Visitors (visitor-days) who sent it.",
    "certainty": "As of every number.",
}
DEFINITION = "Addresses, parameters and names in which the scrubber had to replace what could name a person."


def leaks(query: Query, answer: Callable[[Query], list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The rows, those of most visitors first. query: the site, the days and how many. answer: the rows of a question
    about a dimension."""
    found = []
    for dimension, place in PLACES.items():
        # Each placeholder has a colon, and hardly anything else has.
        asked = replace(
            query, dimensions=(dimension,), filters=(Filter(dimension, "~", ":"),), limit=MAX_ROWS, offset=0
        )
        for row in answer(asked):
            kinds = kinds_in(row["value"])
            if kinds and row["value"] != OTHER:
                told = {name: row[name] for name in ("visitors", "certainty")}
                found.append({"value": row["value"], "place": place, "kinds": " ".join(kinds), **told})
    found.sort(key=lambda row: (-row["visitors"], row["place"], row["value"]))
    return found[query.rows]
