"""What is counted of measurements: web vitals of the site, by page, section, device, country, browser, and by element.

In: the scratch tables `samples` and `elements`. Out: SQL for rows to be added up in `vitals`. Promises: those of
aggregate.py; few and many measurements are counted alike.
"""

from __future__ import annotations

from schema.dimensions import ELEMENT
from schema.vitals import VITALS, Vital

from ..shape import METRICS, Select, bucket_of, by_each, count_networks, count_people, number_of
from ..visits.measurements import OF_SAMPLES

# What is counted of a vital, in this order.
COUNTED = ("metric", "histogram", "people", "networks", "samples", "good", "poor")


def _measured(sample: str, scale: str, good: str, poor: str, once: str = "once") -> tuple[str, ...]:
    """SQL for what is counted of samples, but for the metric. once: whether a row is of somebody of whom nothing else
    is measured that day."""
    measured = f"{sample} >= 0"
    return (
        # A histogram is the bucket of each sample, in any order: to count them takes longer than to sort them in the
        # end.
        f"groupArrayIf({bucket_of(sample, scale)}, {measured})",
        count_people(f"{measured} AND {once}", f"{measured} AND NOT {once}"),
        count_networks(measured),
        f"countIf({measured})",
        f"countIf({measured} AND {sample} <= toFloat32({good}))",
        f"countIf({sample} > toFloat32({poor}))",
    )


def every_vital(once: str = "once") -> str:
    """SQL for what is counted of each vital, of rows that have all of them as `vitals`."""
    return ", ".join(_one_vital(place, vital, once) for place, vital in enumerate(VITALS.values(), start=1))


def _one_vital(place: int, vital: Vital, once: str) -> str:
    scale, good, poor = map(repr, (float(vital.scale), vital.good, vital.poor))
    counted = _measured(f"vitals[{place}]", scale, good, poor, once)
    return f"('{vital.name}', {', '.join(counted)})"


def _of_one_vital() -> dict[str, str]:
    """SQL for what is counted of rows that are of one vital each."""
    counted = _measured("measured", *map(number_of, ("scale", "good", "poor")))
    return dict(zip(COUNTED, ("metric", *counted), strict=True))


def of_elements(apart: tuple[str, ...]) -> Select:
    return (
        {"dimension": f"'{ELEMENT.name}'", "value": "value"} | _of_one_vital(),
        f"FROM {{elements}} GROUP BY {', '.join((*apart, 'metric', 'value'))}",
    )


def of_few(apart: tuple[str, ...]) -> Select:
    """The same as `of_many` in half the time of planning, and twice that of counting."""
    by, each = by_each({name: name for name in OF_SAMPLES}, *apart, "metric", whole=True)
    columns = ", ".join(("d", "visitor", "network_number", "once", *OF_SAMPLES))
    rows = f"FROM {{samples}} ARRAY JOIN [{METRICS}] AS metric, vitals AS measured"
    return by | _of_one_vital(), f"FROM (SELECT {columns}, metric, measured {rows}) WHERE measured >= 0 GROUP BY {each}"


def of_many(apart: tuple[str, ...]) -> Select:
    by, each = by_each({name: name for name in OF_SAMPLES}, *apart, whole=True)
    return (
        {"dimension": "dimension", "value": "value"}
        | {name: f"one.{place}" for place, name in enumerate(COUNTED, start=1)},
        f"""
    FROM
    (
        SELECT {"".join(f"{name}, " for name in apart)}{", ".join(f"{sql} AS {name}" for name, sql in by.items())},
            arrayJoin([{every_vital()}]) AS one
        FROM {{samples}}
        GROUP BY {each}
    )
    WHERE one.3 > 0""",
    )
