"""How rows of each family are added up: by what, which columns, and which values come first.

In: nothing. Out: `SHAPES`. Promises: columns come from the registries.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from schema.dimensions import OTHER
from schema.families import DECLARED, FAMILIES
from schema.family import Family
from schema.measures import MEASURES, Measures
from schema.metrics import METRICS
from schema.segments import SEGMENT_GOALS, SEGMENT_VITALS, SEGMENTS
from schema.vitals import PERCENTILES

from .plan import Read
from .source import State

# What tells the sums of a group apart: a value; a day or hour, as `time_of` reads it; a day, goal and currency.
Key = Any
Sums = tuple[Any, ...]
_Plain = tuple[tuple[str, ...], Key, Sums]


class Shape(Struct, frozen=True):
    """group: the columns that tell groups apart. key: SQL for what tells sums apart in rows of a state. added: what is
    added up, by name; columns: as SQL of rows of a state; sums: SQL that adds such columns up; final: where
    nothing is added to them any more. place: of what values
    come by, the most first; by_metric: what they come by instead; other_first: what is folded is always wanted, however
    little it is. days: of how many days it is, if that is known. plain: columns of an open row, after its day and
    grain; of_plain: its group, key and sums, None where it is not wanted; most_open: more rows than these are added up
    by the store. weight: what one counts for among what is remembered. filtered: the columns of filters that are not on
    values."""

    group: tuple[str, ...]
    key: Callable[[Read, State], str]
    added: tuple[str, ...]
    columns: Callable[[State], tuple[str, ...]]
    sums: Callable[[Sequence[str]], list[str]]
    final: Callable[[Sequence[str]], list[str]]
    plain: tuple[str, ...]
    of_plain: Callable[[Read, Sequence[Any]], _Plain | None]
    most_open: int
    place: int = 0
    days: int | None = None
    other_first: bool = False
    by_metric: Callable[[Read, Sums], float] | None = None
    weight: int = 1
    filtered: Mapping[str, str] = {}

    def order(self, read: Read, key: Key, sums: Sums) -> tuple[bool, float, Key]:
        """What comes first is less."""
        number = sums[self.place] if self.by_metric is None else self.by_metric(read, sums)
        return self.other_first and key not in (OTHER, MOVED), -number, key

    def order_sql(self, read: Read, sums: Sequence[str]) -> str:
        """The same in the store."""
        first = f"k IN ('{OTHER}', '{MOVED}') DESC, " if self.other_first else ""
        number = sums[self.place]
        if self.by_metric is not None:
            number = METRICS[read.order].sql(dict(zip(self.added, sums, strict=True)))
        return f"{first}{number} DESC, k"


def _summed(columns: Sequence[str]) -> list[str]:
    return [f"sum({column})" for column in columns]


# -- cells -----------------------------------------------------------------------------------------------------------


# What has left the folded rows of days, because it was released with a block. No value has such a character.
MOVED = "\x01moved"


def _cell_key(read: Read, state: State) -> str:
    value = f"if(value = '{OTHER}', '{MOVED}', value)" if state == "late" else "value"
    if read.times is None or state == "months":
        return value
    if state == "late":
        time = f"concat('late ', toString(day), ' ', toString(toUnixTimestamp(period)), ' ', {value})"
        return f"if(dimension = '{read.times}', {time}, {value})" if read.values else time
    # What is folded of a day's hours is a row beside them.
    value = f"if(value = '{OTHER}', value, '')" if read.times else "value"
    # What is added to a day is of that day.
    grain = "'day'" if state == "added" else "grain"
    time = f"concat({grain}, ' ', toString(day), ' ', toString(toUnixTimestamp(period)), ' ', {value})"
    return f"if(dimension = '{read.times}', {time}, value)" if read.values else time


def _of_plain_cell(read: Read, row: Sequence[Any]) -> _Plain | None:
    day, grain, dimension, value, start, *sums = row
    if grain == "hour" and not read.hourly:
        return None
    if dimension == read.times:
        return (dimension,), f"{grain} {day} {start} {'' if read.times and value != OTHER else value}", (*sums, 1)
    return ((dimension,), value, (*sums, 1)) if day >= read.first else None


def _metric_of_cell(read: Read, sums: Sums) -> float:
    if read.order == "visitors":
        visitors: int = sums[0]
        return visitors
    value = METRICS[read.order].exactly(Measures(*sums[: len(MEASURES)]))
    return -1 if value is None else value


# -- conversions -----------------------------------------------------------------------------------------------------

_CONVERSIONS = FAMILIES["conversions"].measure_names


def _of_plain_conversion(read: Read, row: Sequence[Any]) -> _Plain | None:
    day, grain, dimension, goal, currency, value, *sums = row
    key = (day, goal, currency, value) if read.by_value else (day, goal, currency)
    return ((dimension,), key, tuple(sums)) if grain == "day" else None


# -- vitals ----------------------------------------------------------------------------------------------------------

_SAMPLES = FAMILIES["vitals"].measure_names
_WHOLE = ("buckets", "counts", *_SAMPLES)


def _vital_key(read: Read, state: State) -> str:
    if read.daily:  # what is released with a block is of none of its days
        return "''" if state == "late" else "toString(day)"
    return "value" if read.values else "''"


def _histogram(state: State) -> tuple[str, ...]:
    return ("[bucket]", "[samples]", *_SAMPLES) if state in ("released", "late", "added") else _WHOLE


def _histogram_sums(columns: Sequence[str]) -> list[str]:
    buckets, counts, *numbers = columns
    # Two columns in one: both come back, and are told apart again.
    added = f"sumMap({buckets}, {counts})"
    return [f"{added}.1", f"{added}.2", *_summed(numbers)]


def _percentile_sums(columns: Sequence[str]) -> list[str]:
    """A histogram that has its percentiles and nothing else: of what is not added to others that is all there is
    to know, and the store finds them sooner than it adds the histograms of a year up. Buckets are in order of their
    values; each has the samples from the percentile before it on."""
    buckets, counts, *numbers = columns
    shares = ", ".join(map(str, PERCENTILES.values()))
    if buckets == "[bucket]":
        found = f"quantilesExactWeighted({shares})(bucket, samples)"
    else:
        found = f"quantilesExactWeightedArray({shares})({buckets}, {counts})"
    up_to = f"arrayMap(share -> toUInt64(ceil(sum(samples) * share)), [{shares}])"
    last = f"arrayPushBack(arrayPopBack({up_to}), sum(samples))"
    return [found, f"arrayPopFront(arrayDifference(arrayPushFront({last}, 0)))", *_summed(numbers)]


def _of_plain_vital(read: Read, row: Sequence[Any]) -> _Plain | None:
    day, grain, dimension, metric, value, *sums = row
    if grain == "hour":
        return None
    key = day.isoformat() if read.daily else value if read.values else ""
    return (dimension, metric), key, tuple(sums)


# -- families that are counted by what their entry says --------------------------------------------------------------


def _shape_of(family: Family) -> Shape:
    keys, measures = family.key_names, family.measure_names

    def of_plain(read: Read, row: Sequence[Any]) -> _Plain | None:
        day, grain, dimension, *rest = row
        return ((dimension,), (day, 0, *rest[: len(keys)]), tuple(rest[len(keys) :])) if grain == "day" else None

    return Shape(
        group=("dimension",),
        # A row of a block says for how many days it speaks; one of a day is of that day.
        key=lambda read, state: f"({', '.join(('day', 'days' if state == 'late' else 'toUInt16(0)', *keys))})",
        added=measures,
        columns=lambda state: measures,
        sums=_summed,
        final=_summed,
        plain=("dimension", *keys, *measures),
        of_plain=of_plain,
        most_open=1_000,
        filtered={name: name for name in keys},
    )


SHAPES: dict[str, Shape] = {
    **{name: _shape_of(family) for name, family in DECLARED.items()},
    "cells": Shape(
        group=("dimension",),
        key=_cell_key,
        added=(*MEASURES, "days"),
        columns=lambda state: (*MEASURES, "days" if state in ("months", "late") else "1"),
        sums=_summed,
        final=_summed,
        plain=("dimension", "value", "toUnixTimestamp(period)", *MEASURES),
        of_plain=_of_plain_cell,
        most_open=12_000,
        days=len(MEASURES),
        other_first=True,
        by_metric=_metric_of_cell,
    ),
    "conversions": Shape(
        group=("dimension",),
        key=lambda read, state: f"(day, goal, currency{', value' if read.by_value else ''})",
        added=_CONVERSIONS,
        columns=lambda state: _CONVERSIONS,
        sums=_summed,
        final=_summed,
        plain=("dimension", "goal", "currency", "value", *_CONVERSIONS),
        of_plain=_of_plain_conversion,
        most_open=1_000,
        filtered={"goal": "goal"},
    ),
    "vitals": Shape(
        group=("dimension", "metric"),
        key=_vital_key,
        added=_WHOLE,
        columns=_histogram,
        sums=_histogram_sums,
        final=_percentile_sums,
        plain=("dimension", "metric", "value", *_WHOLE),
        of_plain=_of_plain_vital,
        most_open=2_500,
        place=len(_WHOLE) - len(_SAMPLES),
        weight=10,
        filtered={"vital": "metric"},
    ),
}
# Rows of a segment are cells of some of the measures: each of its visits begins there, and of events page views are
# known. There are none of open days.
_OF_SEGMENT = {name: name for name in SEGMENTS.measure_names} | {"entries": "visits", "events": "pageviews"}
SHAPES[SEGMENTS.name] = replace(
    SHAPES["cells"],
    columns=lambda state: (*(_OF_SEGMENT.get(name, "0") for name in MEASURES), "1"),
    filtered={SEGMENTS.key_names[0]: SEGMENTS.key_names[0]},
)
SHAPES[SEGMENT_GOALS.name] = replace(
    SHAPES["conversions"], filtered={name: name for name in SEGMENT_GOALS.key_names if name != "currency"}
)
_OF_VITALS = SHAPES["vitals"]
SHAPES[SEGMENT_VITALS.name] = replace(
    _OF_VITALS, filtered={**_OF_VITALS.filtered, SEGMENT_VITALS.key_names[0]: SEGMENT_VITALS.key_names[0]}
)
