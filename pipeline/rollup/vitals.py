"""What is counted of measurements: web vitals of the site, by page, section, device, country, browser, and by element.

In: the scratch tables `samples` and `elements`. Out: SQL for rows to be added up in `vitals`. Promises: those of
aggregate.py; few and many measurements are counted alike.
"""

from __future__ import annotations

from schema.dimensions import ELEMENT
from schema.vitals import VITALS, Vital

from .samples import OF_SAMPLES
from .shape import METRICS, Select, bucket_of, by_each, count_networks, count_people

_OF_SAMPLES = ("metric", "histogram", "people", "networks", "samples", "good", "poor")


def _measured(sample: str, scale: str, good: str, poor: str) -> tuple[str, ...]:
    """SQL for what is counted of samples: (histogram, people, networks, samples, good, poor)."""
    measured = f"{sample} >= 0"
    return (
        # A histogram is the bucket of each sample, in any order: to count them takes longer than to sort them in the
        # end.
        f"groupArrayIf({bucket_of(sample, scale)}, {measured})",
        count_people(f"{measured} AND once", f"{measured} AND NOT once"),
        count_networks(measured),
        f"countIf({measured})",
        f"countIf({measured} AND {sample} <= toFloat32({good}))",
        f"countIf({sample} > toFloat32({poor}))",
    )


def _one_vital(place: int, vital: Vital) -> str:
    """SQL for what is counted of a vital: (metric, histogram, people, networks, samples, good, poor)."""
    counted = _measured(f"vitals[{place}]", *map(repr, (float(vital.scale), vital.good, vital.poor)))
    return f"('{vital.name}', {', '.join(counted)})"


def _of_one_vital() -> dict[str, str]:
    """SQL for what is counted of rows that are of one vital each."""
    of_vital = (
        f"transform(metric, {[*VITALS]}, {[float(getattr(one, name)) for one in VITALS.values()]}, 0.)"
        for name in ("scale", "good", "poor")
    )
    return dict(zip(_OF_SAMPLES, ("metric", *_measured("measured", *of_vital)), strict=True))


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
    every = ", ".join(_one_vital(place, vital) for place, vital in enumerate(VITALS.values(), start=1))
    return (
        {"dimension": "dimension", "value": "value"}
        | {name: f"one.{place}" for place, name in enumerate(_OF_SAMPLES, start=1)},
        f"""
    FROM
    (
        SELECT {"".join(f"{name}, " for name in apart)}{", ".join(f"{sql} AS {name}" for name, sql in by.items())},
            arrayJoin([{every}]) AS one
        FROM {{samples}}
        GROUP BY {each}
    )
    WHERE one.3 > 0""",
    )
