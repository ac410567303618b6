"""What is asked of a table in full: what is looked for, in which order, which rows.

In: the arguments of an address. Out: `Asked`, and the arguments of addresses that ask for something else.
Promises: each state of a page has an address; what is not understood is refused.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace
from starlette.datastructures import QueryParams

from ..stats.filter import ALTERNATIVES
from ..stats.query import MAX_ROWS
from ..stats.refused import BadQuery
from ..stats.view import OF_COMPARISON, against_of
from .arguments import PERIOD, number_of

ROWS = 100
DIRECTIONS = ("asc", "desc")
ARGUMENTS = (
    *PERIOD,
    *("contains", "filter", "segment", "order", "direction", "offset", "limit", "goal", "of"),
    *OF_COMPARISON,
)


class Asked(Struct, frozen=True):
    """contains: a text in any case. filters, segment: as of a `Query`. order: a column, "" the table's own order;
    direction: "" that which suits the column. goal: whose rate is told of each value. compare, compare_from,
    compare_to: with what, as of a `View`; "" nothing. of: the dimension of whose values the rows are."""

    contains: str = ""
    filters: tuple[str, ...] = ()
    segment: str = ""
    order: str = ""
    direction: str = ""
    offset: int = 0
    limit: int = ROWS
    goal: str = ""
    of: str = ""
    compare: str = ""
    compare_from: str = ""
    compare_to: str = ""

    def but(self, **changed: object) -> list[tuple[str, str]]:
        """The arguments that ask for this with something else; by another order, or something else that is looked for,
        from the first row on."""
        one = replace(self, **({"offset": 0} | changed))
        given = [("contains", one.contains), *(("filter", text) for text in one.filters), ("segment", one.segment)]
        given += [("of", one.of), ("goal", one.goal)]
        given += [(name, getattr(one, name)) for name in OF_COMPARISON]
        given += [("order", one.order), ("direction", one.direction)]
        given += [("limit", str(one.limit) if one.limit != ROWS else ""), ("offset", str(one.offset or ""))]
        return [(name, value) for name, value in given if value]


def asked_of(given: QueryParams) -> Asked:
    """What these arguments ask. Raises BadQuery."""
    direction, goal = given.get("direction", ""), given.get("goal", "")
    if direction not in ("", *DIRECTIONS):
        raise BadQuery(f"direction={direction[:100]!r} is not known: allowed are {' and '.join(DIRECTIONS)}")
    if ALTERNATIVES in goal:
        raise BadQuery(f"goal={goal[:100]!r}: a rate is told of one goal at a time")
    limit, offset = number_of(given, "limit", str(ROWS)), number_of(given, "offset", "0")
    if not 1 <= limit <= MAX_ROWS:
        raise BadQuery(f"limit={limit} is out of bounds: allowed is 1 to {MAX_ROWS}")
    against = against_of(given, "none")
    # The form of a page that is compared with dates sends them along, whatever is chosen instead.
    dates = [given.get(name, "") if against == "custom" else "" for name in OF_COMPARISON[1:]]
    return Asked(
        given.get("contains", ""),
        tuple(text for text in given.getlist("filter") if text.strip()),
        given.get("segment", ""),
        given.get("order", ""),
        direction,
        offset,
        limit,
        goal,
        given.get("of", ""),
        "" if against == "none" else against,
        *dates,
    )
