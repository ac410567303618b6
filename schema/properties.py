"""Properties: what events and page views say of themselves, by event, property and value.

In: nothing. Out: `PROPERTIES`, the names that stand for values, and how many of them a day tells.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from .column import TEXT, Column
from .family import Counting, Family
from .measures import Measure, declared

# The value of an event without the property, where others of its name have it.
NONE = "(none)"
# Of a property of an event so many values of a day are told apart, those of most visitors; the others are one.
MOST_VALUES = 1_000


class Properties(Struct):
    """Of a value: in a row without a currency who sent it, in one with a currency who paid, and what."""

    visitors: Annotated[
        int,
        Measure(
            "Distinct visitors of whom an event had the value; in a row with a currency those who paid in it.",
            aggregate="distinct",
            contributor="actor",
        ),
    ] = 0
    events: Annotated[
        int, Measure("Events that had it; 0 in a row with a currency.", contributor="actor", visit="in_currency = ''")
    ] = 0
    amount: Annotated[
        int,
        Measure(
            "Revenue of these in the currency's minor unit.",
            contributor="payer",
            unit="minor",
            type="Int64",
            visit="if(in_currency = '', 0, amount)",
        ),
    ] = 0


# One event has one value of each property, so these exclude one another in what there is of an event and a property.
PROPERTIES = Family(
    "properties",
    (
        Column("event", TEXT, "Name of the event, `pageview` of page views."),
        Column("property", TEXT, "Name of the property."),
        Column("in_currency", TEXT, "ISO 4217 code of `amount`, empty where there is none."),
        Column("property_value", "String", f"Its value; `{NONE}`: events without it."),
    ),
    declared(Properties),
    dimensions=("",),
    counting=Counting(
        rows="""FROM
            (
                SELECT d, visitor, network_number, event, property, property_value, amount,
                    CAST('', 'LowCardinality(String)') AS in_currency
                FROM {told}
                UNION ALL
                SELECT d, visitor, network_number, event, property, property_value, amount, paid
                FROM {told} WHERE paid != ''
            )""",
        keys={name: name for name in ("event", "property", "in_currency", "property_value")},
        within=("event", "property", "in_currency"),
        named={"event": "event", "property_value": "page"},
        part="in_currency",
        source="told",
        setting="properties",
    ),
    label="properties",
)
