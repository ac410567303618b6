"""What Plausible's Stats API v2 calls metrics, dimensions and values, and what they are here.

In: the registries. Out: `ApiDimension`s by name, and values in both languages. Promises: a dimension that is added to
the registry has a name here, too; one that cannot be answered is refused with what can be asked instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from schema.dimensions import DIMENSIONS
from schema.metrics import METRICS

from ..stats.refused import BadQuery, Code, alike
from ..web.format import COUNTRIES, DEVICES

OF_GOALS = ("conversion_rate", "group_conversion_rate", "average_revenue", "total_revenue")
REVENUE = ("average_revenue", "total_revenue")
# What is told beside the metrics of the registry.
OF_ANSWERS = {
    "percentage": "Percent of the visitors that the filters keep.",
    "scroll_depth": "Percent to which visits scrolled the page, on the average.",
    "conversion_rate": "Percent of the visitors who reached the goal.",
    "group_conversion_rate": "The same, of each group.",
    "average_revenue": "What was paid for each time the goal was reached.",
    "total_revenue": "What was paid with the goal.",
}
METRIC_NAMES = (*METRICS, *OF_ANSWERS)
OPERATORS = {
    "is": "Is one of these.",
    "is_not": "Is none of these.",
    "contains": "Has one of these in it.",
    "contains_not": "Has none of these in it.",
    "matches": "Is like one of these patterns of RE2, anywhere in it.",
    "matches_not": "Is like none of these patterns.",
    "matches_wildcard": "Is like one of these as a whole; `*` stands for any text.",
    "matches_wildcard_not": "Is like none of these as a whole.",
}
TIMES = {
    "time": "By what suits the days: hour, day, week or month.",
    "time:hour": "By hour, of the whole site.",
    "time:day": "By day.",
    "time:week": "By week, called by its Monday, or by the day on which the range begins.",
    "time:month": "By month, called by its first day.",
}
GOAL = "event:goal"
PROPERTY = "event:props:"
SEGMENT = "segment"
# What nothing is kept of, and what is there instead.
NOT_KEPT = {
    "visit:city": "cities have no numbers of GeoNames here: ask visit:city_name, such as 'Berlin, DE-BE'",
    "visit:region_name": "names of regions are not kept: ask visit:region, such as 'DE-BE'",
    "visit:entry_page_hostname": "hosts of entry pages are not kept: ask event:hostname",
    "visit:exit_page_hostname": "hosts of exit pages are not kept: ask event:hostname",
    "time:minute": "minutes are not kept: ask time:hour",
}
# Of these what is like it most.
INSTEAD = {
    "visit:city": "visit:city_name",
    "visit:region_name": "visit:region",
    "visit:entry_page_hostname": "event:hostname",
    "visit:exit_page_hostname": "event:hostname",
    "time:minute": "time:hour",
}
# Of places Plausible tells "" where nothing is known, of others the name of that.
_BARE = ("country", "region", "city")

Kind = Literal["dimension", "goal", "property", "segment", "time"]


class ApiDimension(Struct, frozen=True):
    """name: as it was asked. of: our dimension, the property, "segment", or the grain. named: by value what it is
    called, of a dimension that has names."""

    name: str
    kind: Kind
    of: str
    named: Mapping[str, str] = {}

    def label(self, value: str) -> str:
        """What a value is called."""
        if value:
            return self.named.get(value, value)
        return "" if self.kind != "dimension" or self.of in _BARE else DIMENSIONS[self.of].empty

    @property
    def is_typed(self) -> bool:
        """Whether visitors, or websites that link here, decide what its values say."""
        return self.kind == "property" or (self.kind == "dimension" and not DIMENSIONS[self.of].closed)

    def is_empty(self, label: str) -> bool:
        """Whether that is what the empty value is called, too."""
        return not label or (self.kind == "dimension" and label == DIMENSIONS[self.of].empty)


def _dimensions() -> dict[str, ApiDimension]:
    found = {}
    for name, about in DIMENSIONS.items():
        called = f"{'visit' if about.scope == 'visit' else 'event'}:{name}"
        found[called] = ApiDimension(called, "dimension", name)
    # Plausible has numbers by these names and words by others.
    del found["visit:city"], found["event:event"]
    found["event:name"] = ApiDimension("event:name", "dimension", "event")
    found["visit:city_name"] = ApiDimension("visit:city_name", "dimension", "city")
    found["visit:country_name"] = ApiDimension("visit:country_name", "dimension", "country", COUNTRIES)
    found["visit:device"] = ApiDimension("visit:device", "dimension", "device", DEVICES)
    return found


_BY_NAME = _dimensions()


def dimension_names() -> tuple[str, ...]:
    """All but those of properties, which are any site's own."""
    return (*_BY_NAME, GOAL, *TIMES)


def dimension_called(name: str) -> ApiDimension:
    """Raises BadQuery."""
    if name in _BY_NAME:
        return _BY_NAME[name]
    if name == GOAL:
        return ApiDimension(name, "goal", "goal")
    if name == SEGMENT:
        return ApiDimension(name, "segment", name)
    if name in TIMES:
        return ApiDimension(name, "time", name.partition(":")[2])
    if name.startswith(PROPERTY) and name != PROPERTY:
        return ApiDimension(name, "property", name.removeprefix(PROPERTY))
    if name in NOT_KEPT:
        raise BadQuery(f"{name}: {NOT_KEPT[name]}", Code.NOT_KEPT)
    allowed = ", ".join((*dimension_names(), f"{PROPERTY}NAME"))
    meant = alike(name, dimension_names())
    raise BadQuery(f"dimension {name[:100]!r} is not known: {meant}allowed are {allowed}", Code.UNKNOWN_DIMENSION)


def called(ours: str) -> str:
    """What one of our ways to split is called there."""
    names = {"goal": GOAL} | {one.of: name for name, one in _BY_NAME.items()}
    return f"time:{ours}" if f"time:{ours}" in TIMES else names.get(ours, f"by={ours}")
