"""Every table that can be opened in full, and its columns.

In: the name of a table. Out: `About`. Promises: whoever asks by another name is refused with those there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from starlette.exceptions import HTTPException

from schema.dimensions import DIMENSIONS
from schema.engagement import ENGAGED
from schema.experience import EXPERIENCE
from schema.families import FAMILIES
from schema.funnels import FUNNELS
from schema.journeys import JOURNEYS
from schema.metrics import METRICS, metrics_of
from schema.properties import PROPERTIES

from ..stats import leaks, segmented
from ..stats.bare_counts import BARE
from ..stats.splits import BY_SEGMENT
from .columns import DAYS, Column, of_metric


class About(Struct, frozen=True):
    """A table. added: columns whose numbers may be added up over rows, because nobody is in two of them. each: the
    dimensions of whose values it may be. empty: what is said where there is no row; {} are the site's properties."""

    name: str
    label: str
    definition: str
    columns: tuple[Column, ...]
    added: tuple[str, ...] = ()
    each: tuple[str, ...] = ()
    empty: str = "Nothing to show in this period: nobody, or too few people to show."


_CERTAIN, _DROP = "certainty", "drop_certainty"
_PEOPLE = "Different visitors of each day, added up over the days."
_OF_VITALS = (
    Column("value", "Vital", "", "vital_name"),
    *(
        Column(name, name, f"{share} of 100 were faster, or shifted less; – where too few are beyond it.", "vital")
        for name, share in (("p50", 50), ("p75", 75), ("p90", 90), ("p99", 99))
    ),
    Column("good", "Good", "Share of measurements within Google's threshold for good.", "%"),
    Column("needs_improvement", "Fair", "Share of those between both thresholds.", "%"),
    Column("poor", "Poor", "Share of those beyond Google's threshold for poor.", "%"),
    Column("samples", "Measured", "Measurements, one for each page load."),
    Column("visitors", "Visitors", _PEOPLE),
)
_TABLES = (
    About(
        "goal",
        "Goals",
        "Who reached the goals that the site's settings name.",
        (
            Column("value", "Goal", "", "name", "goal"),
            Column("visitors", "Visitors", f"Who reached it. {_PEOPLE}", sure=_CERTAIN),
            Column("conversion_rate", "Rate", "Share of all visitors who reached it.", "%", sure=_CERTAIN),
            Column("conversions", "Times", "How often it was reached.", sure=_CERTAIN),
            Column("revenue", "Revenue", "What was paid, by currency; sorted by currency and amount.", "money"),
            DAYS,
        ),
        empty="Nobody reached a goal, or too few on each day. "
        "Goals are named in the settings file, under the site’s goals.",
    ),
    About(
        "vital",
        "Web vitals",
        "How fast and steady pages were for those who read them (p75: 3 of 4 visits were faster).",
        _OF_VITALS,
        each=tuple(name for name in FAMILIES["vitals"].dimensions if name),
    ),
    About(
        PROPERTIES.name,
        "Properties",
        "What events and page views say of themselves. (none): events without the property.",
        (
            Column("value", "Value", "", "name", "property_value"),
            Column("event", "Event", "", "text"),
            Column("property", "Property", "", "text"),
            Column("visitors", "Visitors", _PEOPLE, sure=_CERTAIN),
            Column("events", "Events", "How many events said so.", sure=_CERTAIN),
            Column("revenue", "Revenue", "What was paid, by currency; sorted by currency and amount.", "money"),
            DAYS,
        ),
        empty="No event had one of {}, or too few people sent it. "
        "Which properties are counted is said in the settings file, under the site’s properties.",
    ),
    About(
        FUNNELS.name,
        "Funnels",
        "How many people got how far: of each step who reached it, after all steps before it.",
        (
            Column("value", "Funnel", "", "text"),
            Column("step", "Step", "Its place among the steps.", "text"),
            Column("what", "What", "What has to happen.", "text"),
            Column("people", "Visitors", f"Who reached the step. {_PEOPLE}", sure=_CERTAIN),
            Column("at_most", "At most", "So many they may be; – where days tell nothing of it."),
            Column("of_first", "Of first", "Share of those of the first step.", "%", sure=_DROP),
            Column("of_before", "Of before", "Share of those of the step before.", "%", sure=_DROP),
            Column("drop", "Went no further", "Who of the step before did not reach it.", sure=_DROP),
            DAYS,
        ),
        each=tuple(name for name in FAMILIES[FUNNELS.name].dimensions if name),
        empty="No funnels are declared in the settings file, under the site’s funnels, or nobody got there.",
    ),
    About(
        JOURNEYS.name,
        "Journeys",
        "From where to where people went: sections, pages, and from the first to the last page of a visit.",
        (
            Column("origin", "From", "", "text"),
            Column("target", "To", "", "text"),
            Column("value", "Kind", "", "text"),
            Column("people", "Visitors", _PEOPLE, sure=_CERTAIN),
            Column("times", "Times", "How often.", sure=_CERTAIN),
            Column("share", "Share", "Of all ways that are told from the same page or section.", "%"),
            DAYS,
        ),
        empty="No ways are told of these days. "
        "A site counts them with journeys = true in its settings, from the next day that closes on.",
    ),
    About(
        ENGAGED.name,
        "Engagement",
        "How far visits scrolled a page (percent) and how long they attended to it (seconds), in bands.",
        (
            Column("value", "Page", "", "name", "page"),
            Column("report", "Of", "", "text"),
            Column("band", "From", "Where the band begins: percent of the page, or seconds."),
            Column("visitors", "Visitors", _PEOPLE, sure=_CERTAIN),
            Column("visits", "Visits", "Visits that viewed the page and are in the band.", sure=_CERTAIN),
            Column("share", "Share", "Of the page's visits that are told.", "%"),
            Column("reached", "Reached", "Share of these that are in the band or in a later one.", "%"),
            DAYS,
        ),
    ),
    About(
        EXPERIENCE.name,
        "Conversion by speed",
        "Of those for whom pages were good, fair or poor how many reached each goal.",
        (
            Column("value", "Vital", "", "vital_name"),
            Column("goal", "Goal", "", "text"),
            Column("band", "Band", "", "text"),
            Column("visitors", "Visitors", _PEOPLE, sure=_CERTAIN),
            Column("converters", "Reached it", "Who of them reached the goal.", sure=_CERTAIN),
            Column("conversion_rate", "Rate", "Share of them who reached it.", "%"),
            Column("low", "From", "What chance alone may make of the rate: at least (95% interval).", "%"),
            Column("high", "To", "At most (95% interval).", "%"),
            DAYS,
        ),
    ),
    About(
        BY_SEGMENT,
        "Segments",
        segmented.DEFINITION,
        (
            Column("value", "Segment", "", "text"),
            *(of_metric(name) for name in METRICS if name in segmented.COLUMNS),
            DAYS,
        ),
        empty="No segments are declared in the settings file, under the site’s segments.",
    ),
    About(
        "crawler",
        BARE["crawler"].label,
        BARE["crawler"].definition,
        (
            Column("value", "Crawler", "", "text"),
            Column("operator", "Operator", "", "text"),
            Column("purpose", "What it comes for", "", "purpose"),
            Column("section", "Section", "", "name", "section"),
            Column("pageviews", "Page views", "How many pages it asked for, of days that are over."),
        ),
        added=("pageviews",),
        empty="No crawler that says its name was seen in this period. "
        "Most of them run no scripts: an imported access log shows them (footfall import).",
    ),
    About(
        "dropped",
        BARE["dropped"].label,
        BARE["dropped"].definition,
        (
            Column("value", "Reason", "", "reason"),
            Column("day", "Day", "The day (UTC), once it is over.", "text"),
            Column("count", "Times", "How many, rounded down to tens."),
        ),
        added=("count",),
    ),
    About(
        "leak",
        "What pages should not send",
        leaks.DEFINITION,
        (
            Column("value", "What was kept", "", "text"),
            Column("place", "Where", "", "text"),
            Column("kinds", "What was replaced", "", "kinds"),
            Column("visitors", "Visitors", _PEOPLE, sure=_CERTAIN),
        ),
    ),
)
TABLES = {one.name: one for one in _TABLES}
NAMES = (*DIMENSIONS, *TABLES)


def about(name: str) -> About:
    """The table of that name. Raises HTTPException."""
    if name in DIMENSIONS:
        return _of_dimension(name)
    if name not in TABLES:
        raise HTTPException(404, f"there is no table by {name!r}; there are {', '.join(NAMES)}")
    return TABLES[name]


def _of_dimension(name: str) -> About:
    one = DIMENSIONS[name]
    metrics = (of_metric(metric) for metric in metrics_of(one.scope))
    return About(name, one.label, one.definition, (Column("value", one.label, "", "name", name), *metrics, DAYS))


def columns_of(table: About, rows: Sequence[Mapping[str, Any]], more: Sequence[Column]) -> tuple[Column, ...]:
    """The columns that these rows have. more: what was asked for beside them, which comes first after the visitors."""
    given = [one for one in table.columns if not rows or one.name in rows[0]]
    least = [one for one in given if one is not DAYS or any(row["not_shown_days"] for row in rows)]
    first = 2 if more else 0
    return (*least[:first], *more, *least[first:])
