"""Pieces of SQL by which visits are counted: by each of several columns at once, people distinctly, pages once a visit.

In: names of columns. Out: SQL over the scratch table `visits`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from schema.experience import FAIR, GOOD, POOR
from schema.visits import HOUR, OF_VISITS
from schema.vitals import GAMMA, PEOPLE_BUCKET, VITALS

# By column of a family what is counted, and of which rows, from FROM on. `{visits}` and `{reached}` are scratch tables.
Select = tuple[Mapping[str, str], str]


def count_distinct(which: str = "true") -> str:
    """SQL for the distinct visitors of rows for which that holds. They are noted first and compared in the end, one
    group after the other: what is looked at is small then, where as many tables as there are groups are not. They come
    nearly in order, visitor after visitor, so that to sort them takes less than a table of them."""
    return f"length(arrayCompact(arraySort(groupArrayIf(visitor, {which}))))"


def count_people(once: str, more: str) -> str:
    """The same, where whoever came only once is one person and need not be compared with the others, which is what
    counting people costs. once: rows that are a person each; more: rows of those who may have several."""
    return f"countIf({once}) + {count_distinct(more)}"


def count_networks(which: str) -> str:
    """SQL for the distinct networks of rows for which that holds, counted as far as is asked for (rule N4)."""
    return f"uniqUpToIf({{networks}})(network_number, {which})"


def by_each(columns: Mapping[str, str], *keys: str, whole: bool = False) -> tuple[dict[str, str], str]:
    """(columns of the sums, GROUP BY) to count by each of these columns in one go. columns: and whose values they
    have. whole: and by none of them, which is the dimension "": by `d`, because a group by nothing is there even of no
    rows."""
    # A bit for each column, the first one the highest: 0 for the one that is grouped by.
    every = 2 ** len(columns) - 1
    masks = [every - 2**place for place in reversed(range(len(columns)))]
    sets = [(*keys, column) for column in columns] + [("d", *(key for key in keys if key != "d"))] * whole
    grouped = ", ".join(f"({', '.join(each)})" for each in sets)
    dimension = f"transform(grouping({', '.join(columns)}), {masks}, {[*columns.values()]}, '')"
    # What is not grouped by is empty.
    return {"dimension": dimension, "value": f"concat({', '.join(columns)}, '')"}, f"GROUPING SETS ({grouped})"


VISIT_VALUES = ", ".join("toString(hour) AS hour" if value == HOUR else value for value in OF_VISITS)
METRICS = ", ".join(f"'{name}'" for name in VITALS)

# Where visits begin and end.
ENDS = {
    "entry_page": "page",
    "entry_section": "section",
    "entry_host": "hostname",
    "exit_page": "page",
    "exit_section": "section",
    "exit_host": "hostname",
}
BEGINS = f"({' OR '.join(f'grouping({end}) = 0' for end in ENDS if end.startswith('entry'))})"

# A histogram of one bucket for each sample, in any order, as the columns `buckets` and `counts`: of [5, 7, 5, 5] these
# are [5, 7] and [3, 1]. In the columns of a row there has to be `each`, which puts them in order.
IN_ORDER = """arraySort(histogram) AS each,
        arraySplit((one, before) -> one != before, each, arrayRotateRight(each, 1)) AS alike"""
IN_BUCKETS = {"buckets": "arrayCompact(each)", "counts": "arrayMap(some -> length(some), alike)"}


def by_bucket(rows: str) -> str:
    """SQL, up to WHERE, for a histogram's buckets, a row each, and a row that tells how many people it is of. rows: a
    table with a row for each histogram."""
    # Buckets are in the order of their samples, so the good samples are the first of them and the poor ones the last.
    good = "least(n, greatest(s.good, before) - before)"
    poor = "least(n, greatest(s.poor, s.samples - before - n) - (s.samples - before - n))"
    return f"""
    SELECT s.* EXCEPT (buckets, counts, samples, good, poor, people), bucket, n AS samples,
        toUInt64({good}) AS good, toUInt64({poor}) AS poor, if(bucket = {PEOPLE_BUCKET}, s.people, 0) AS people
    FROM {rows} AS s ARRAY JOIN
        arrayPushFront(buckets, {PEOPLE_BUCKET}) AS bucket,
        arrayPushFront(counts, 0) AS n,
        arrayPushFront(arrayPopBack(arrayPushFront(arrayCumSum(counts), 0)), 0) AS before"""


def bucket_of(sample: str, scale: str) -> str:
    """SQL for the bucket of a sample of a vital."""
    scaled = f"{sample} * {scale}"
    return f"toInt16(if({scaled} <= 1, 0, ceil(log({scaled}) / {math.log(GAMMA)!r})))"


def band_of(sample: str, good: str, poor: str) -> str:
    """SQL for the band of a sample of a vital. good, poor: where these end and begin."""
    return f"multiIf({sample} <= toFloat32({good}), '{GOOD}', {sample} > toFloat32({poor}), '{POOR}', '{FAIR}')"


def number_of(name: str) -> str:
    """SQL for a number of the vital `metric`: its scale, or where its bands end and begin."""
    return f"transform(metric, {[*VITALS]}, {[float(getattr(one, name)) for one in VITALS.values()]}, 0.)"
