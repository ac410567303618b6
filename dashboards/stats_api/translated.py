"""What a question of Plausible's Stats API comes to: which of our questions are asked, and of what its rows are.

In: nothing. Out: `Translated`. Promises: there is one question at least.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from schema.site import Site

from ..stats.period import Period
from ..stats.query import Query
from .dates import Bucket
from .names import ApiDimension
from .request import Asked

Subject = Literal["cells", "goal", "property"]
Order = tuple[tuple[str, str], ...]


class Translated(Struct, frozen=True):
    """queries: one for each bucket, at least one. grain: what time is split by, "" not at all. others: what else a row
    is of. of_one: shows whether a filter keeps several values of one visit. depths: by bucket how far pages were
    scrolled. in_order: rows come as they are ordered, and as many as are asked for."""

    asked: Asked
    site: Site
    period: Period
    subject: Subject
    grain: str
    others: tuple[ApiDimension, ...]
    names: tuple[str, ...]
    order: Order
    queries: tuple[Query, ...]
    buckets: tuple[Bucket, ...]
    of_one: Query | None = None
    depths: tuple[Query, ...] = ()
    event: str = ""
    in_order: bool = False
