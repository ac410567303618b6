"""The measurements of the elements of pages.

In: the scratch table `samples`. Out: `elements`, a row for each sample of a vital of which browsers name elements.
Promises: of a page and a vital it has all samples of the day, or none where no element was named: those of its elements
add up to the page's.
"""

from __future__ import annotations

from schema.column import TEXT
from schema.dimensions import ON_PAGE, UNNAMED
from schema.vitals import OF_ELEMENTS, VITALS

from ...insert import insert
from ..batch import Batch
from .measurements import WHO

COLUMNS = {**WHO, "metric": TEXT, "measured": "Float32", "value": "String"}

_NONE = f"[{', '.join(repr('') for _ in OF_ELEMENTS)}]"
_PLACES = {name: place for place, name in enumerate(VITALS, start=1)}
_EACH = ", ".join(
    f"('{name}', vitals[{_PLACES[name]}], named[{place}])" for place, name in enumerate(OF_ELEMENTS, start=1)
)
_ANY = "SELECT 1 FROM {samples} WHERE notEmpty(elements) LIMIT 1"


def fill_elements(of: Batch) -> None:
    """Fill `elements`, once `samples` is filled."""
    if not of.has_rows("samples") or not of.store.rows(of.naming(_ANY)):
        return
    told = "(d, page) IN (SELECT d, page FROM {samples} WHERE notEmpty(elements))"
    value = f"concat(page, '{ON_PAGE}', if(element = '', '{UNNAMED}', element))"
    columns = {name: name for name in COLUMNS} | {"value": value}
    each = f"""
        SELECT d, visitor, network_number, once, page, if(empty(elements), {_NONE}, elements) AS named,
            arrayJoin([{_EACH}]) AS one, one.1 AS metric, one.2 AS measured, one.3 AS element
        FROM {{samples}} WHERE {told}"""
    of.store.command(
        of.naming(
            f"""{insert("{elements}", columns)}
            FROM (SELECT *, max(element != '') OVER (PARTITION BY d, page, metric) AS any_named
                FROM ({each}) WHERE measured >= 0)
            WHERE any_named"""
        ),
        of.named,
    )


def page_of(value: str) -> str:
    """SQL for the page of a value of ELEMENT."""
    return f"arrayStringConcat(arrayPopBack(splitByString('{ON_PAGE}', {value})), '{ON_PAGE}')"
