"""Ways to split numbers that are not dimensions, and which of them filters on their own keys go with.

In: the registries of families. Out: names. Promises: each way to split is named here once.
"""

from __future__ import annotations

from schema.dimensions import DIMENSIONS
from schema.engagement import ENGAGED
from schema.experience import EXPERIENCE
from schema.families import DECLARED, FAMILIES
from schema.funnels import FUNNELS
from schema.journeys import JOURNEYS
from schema.properties import PROPERTIES

from .bare_counts import BARE
from .grains import GRAINS

# Tables of their own, which nothing else splits: of the quality of data, and segments side by side.
BY_LEAK = "leak"
OF_QUALITY = (*BARE, BY_LEAK)
BY_SEGMENT = "segment"
APART = (*OF_QUALITY, BY_SEGMENT)
# Goals, and web vitals, of all the days together, and of each day.
OF_GOALS = ("goal", "goal_day")
OF_VITALS = ("vital", "vital_day")
# The dimensions of visits that vitals are told by; the elements of pages are asked for by themselves.
VITALS_BY = tuple(name for name in FAMILIES["vitals"].dimensions if name in DIMENSIONS)
# Steps of funnels on each day.
FUNNEL_DAY = "funnel_day"
# Ways to split that are not dimensions: they are columns of their own and go together with filters on a dimension.
SPLITS = (*GRAINS, "hour", *OF_GOALS, *OF_VITALS, *DECLARED, FUNNEL_DAY, *APART)
# Those of them that are not kept by every dimension.
KEPT_BY = dict.fromkeys(OF_VITALS, FAMILIES["vitals"]) | DECLARED | {FUNNEL_DAY: FUNNELS}
# Filters that are not on dimensions: of which ways to split.
KEYS_OF: dict[str, tuple[str, ...]] = {
    "goal": (*OF_GOALS, EXPERIENCE.name),
    "vital": (*OF_VITALS, EXPERIENCE.name),
    "band": (EXPERIENCE.name,),
    "funnel": (FUNNELS.name, FUNNEL_DAY),
}
KEYS_OF |= dict.fromkeys(("property", "property_value"), (PROPERTIES.name,)) | {"report": (ENGAGED.name,)}
KEYS_OF |= dict.fromkeys(JOURNEYS.key_names, (JOURNEYS.name,))


def declared_of(by: str) -> str:
    """The family of those that are declared whose rows a way to split is of, "" if it is of none."""
    return by if by in DECLARED else FUNNELS.name if by == FUNNEL_DAY else ""
