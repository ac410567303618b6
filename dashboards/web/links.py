"""Where the links of a site's page lead: the same page with one thing otherwise.

In: an `Overview`. Out: query strings. Promises: what is not changed stays, and what would not fit any more goes.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

from msgspec.structs import replace

from schema.dimensions import DIMENSIONS, OTHER

from ..stats.filter import ALTERNATIVES, Filter
from ..stats.inside import PATHS, SECTION
from ..stats.overview import Overview
from ..stats.view import OF_COMPARISON, View
from .arguments import PERIOD


def arguments_of(overview: Overview) -> dict[str, Any]:
    """What a page is about: its days and visits."""
    return {**overview.period.arguments(), "filter": [one.text for one in overview.filters], **of_segment(overview)}


def of_segment(overview: Overview) -> dict[str, str]:
    """Whose visits it is of, where that is chosen."""
    return {"segment": overview.segment} if overview.segment else {}


def with_view(overview: Overview, **changed: Any) -> str:
    """The arguments of the page looked at otherwise."""
    view: View = replace(overview.view, **changed)
    return urlencode(arguments_of(overview) | view.arguments(), doseq=True)


def keeping(dimension: str, value: str) -> str:
    """The filter that keeps one value; "" where none can."""
    return "" if value == OTHER or ALTERNATIVES in value else Filter(dimension, "==", value).text


def besides(filters: Sequence[Filter], one: str) -> list[str]:
    """The filters of a page with one more, where that keeps a value of a row of it. What the row was kept by goes where
    its value says as much: a version of the browser, a page of the section. All else stays: what is not counted
    together is answered with both, and with each alone."""
    dimension = Filter.parse(one).dimension
    above = {SECTION} if dimension in PATHS else set()
    while dimension:
        above.add(dimension)
        dimension = DIMENSIONS[dimension].parent if dimension in DIMENSIONS else ""
    return [*(each.text for each in filters if each.dimension not in above), one]


def with_value(overview: Overview, dimension: str, value: str) -> str:
    """The arguments of the page that keeps one value, too; "" where none can."""
    one = keeping(dimension, value)
    return with_filter(overview, one) if one else ""


def with_filter(overview: Overview, one: str) -> str:
    """The arguments of the page with one filter more."""
    view = elsewhere(overview.view).arguments()
    return urlencode(arguments_of(overview) | {"filter": besides(overview.filters, one)} | view, doseq=True)


def to_days(overview: Overview) -> Callable[[dt.date, dt.date], str]:
    """What makes the arguments of the page of other days. Their grain is the one that suits. A chart has hundreds."""
    rest = {name: value for name, value in arguments_of(overview).items() if name not in PERIOD}
    tail = urlencode(rest | elsewhere(overview.view).arguments(), doseq=True)

    def link(first: dt.date, last: dt.date) -> str:
        return f"period=custom&from={first}&to={last}{'&' if tail else ''}{tail}"

    return link


def elsewhere(view: View) -> View:
    """What is kept of a view where the days are others."""
    return replace(view, grain="", dates=None, against="previous" if view.against == "custom" else view.against)


def comparison_of(view: View) -> dict[str, str]:
    """With what a page is compared, where that is chosen."""
    return {name: value for name, value in view.arguments().items() if name in OF_COMPARISON}
