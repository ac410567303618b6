"""The measurements of visits, one row each, with the values that web vitals are counted by.

In: the scratch table `visits`. Out: `samples`, in which a column is called as the dimension whose value it is.
Promises: whoever counts vitals, and whoever looks who is behind what is rare of them, reads these rows.
"""

from __future__ import annotations

from schema.column import TEXT
from schema.dimensions import ELEMENT
from schema.families import FAMILIES
from schema.visits import OF_FIRST_OF_ALL, VISIT

from ...insert import insert
from ...parallel import Statement
from ..batch import Batch

# The dimensions of a measurement, but for the whole site; those of all of its vitals together.
OF_SAMPLES = tuple(name for name in FAMILIES["vitals"].dimensions if name not in ("", ELEMENT.name))
WHO = {"d": "UInt16", **{name: VISIT[name] for name in ("visitor", "network_number")}, "once": "UInt8"}
# once: nothing else of him is measured that day.
COLUMNS = {
    **WHO,
    "vitals": "Array(Float32)",
    "elements": "Array(String)",
    **{name: "String" if name == "page" else TEXT for name in OF_SAMPLES},
}


def filling_samples(of: Batch) -> Statement:
    """The statement that fills `samples`."""
    values = {"page": "path", "section": of.section_of("path")} | {name: f"first_{name}" for name in OF_FIRST_OF_ALL}
    columns = {name: values.get(name, name) for name in COLUMNS} | {"once": "NOT again AND length(measured.path) = 1"}
    return of.naming(
        f"""{insert("{samples}", columns)}
        FROM {{visits}} ARRAY JOIN measured.path AS path, measured.vitals AS vitals, measured.elements AS elements"""
    ), of.named
