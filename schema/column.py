"""A column of a table.

In: nothing. Out: `Column`, and the type of texts that come again and again.
"""

from __future__ import annotations

from msgspec import Struct

# Each text once in a dictionary.
TEXT = "LowCardinality(String)"


class Column(Struct, frozen=True):
    """A column of a table, as ClickHouse names its type and its default."""

    name: str
    type: str
    definition: str = ""
    default: str = ""
