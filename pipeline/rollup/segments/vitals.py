"""How fast pages were for the visits of a segment, on the whole site: which histograms are told, and their rows.

In: the scratch tables `marked`, `chosen` and `visits`, rows in `staging_vitals`. Out: rows in `staging_segment_vitals`.
Promises: a histogram is of k people or more, and nothing of too few follows from it and what else is told of vitals
(suppression/histograms.py); without hiding it is what a recount finds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from schema.segment import Did, Is, Sent, condition_of, conditions_in
from schema.site import goal_of
from schema.visits import OF_FIRST_OF_ALL
from schema.vitals import VITALS

from ...insert import insert
from ..batch import DAY, ENOUGH, SITE, START, Batch
from ..cells.measured_conditions import bands_of, cells_of, fill_gauged, made_of_values, masks_of
from ..cells.vitals import COUNTED, every_vital
from ..rule import Rule
from ..shape import IN_BUCKETS, IN_ORDER, by_bucket
from ..suppression.histograms import Judge
from .marks import Marks

# A site-day, a vital, and the bit of a segment.
Told = tuple[int, str, int]


def count_vitals(
    of: Batch,
    marked: Sequence[Marks],
    names: Sequence[Sequence[str]],
    chosen: Mapping[int, Collection[int]],
    released: Collection[str] | None = None,
) -> None:
    """Fill `staging_segment_vitals`. chosen: the segments that are told of the whole. released: of a day that was
    released before, the goals that it tells."""
    if not of.has_rows("samples"):
        return
    fill_gauged(of)
    told = [
        *(one for d in range(len(of.days)) if of.days[d].rules.k == 1 for one in _every(d, names[d])),
        *(_judged(of, marked, chosen, released) if of.hides else ()),
    ]
    if told:
        ds, metrics, bits = (list(column) for column in zip(*told, strict=True))
        given = {"told_d": ds, "told_metric": metrics, "told_bit": bits, "segments": names}
        of.store.command(of.naming(_STAGE), of.named | given)


def _every(d: int, names: Sequence[str]) -> Iterator[Told]:
    yield from ((d, metric, bit) for metric in VITALS for bit in range(len(names)))


def _judged(
    of: Batch, marked: Sequence[Marks], chosen: Mapping[int, Collection[int]], released: Collection[str] | None
) -> Iterator[Told]:
    """What is told of site-days that hide something."""
    # What a released day tells of segments, or may tell, is known of it.
    known = {d: {*one.goals, *one.told} for d, one in enumerate(marked)}
    cells = cells_of(of, {d: {*its, *known[d]} for d, its in chosen.items()})
    definitions = {(d, bit): marked[d].definitions[bit] for d, bits in chosen.items() for bit in bits}
    did = {one for one, definition in definitions.items() if asks_what_was_done(definition)}
    bands = bands_of(of) if did else {}
    made = set(_of_values(of, definitions, released is not None))
    for (d, metric), masks in masks_of(of).items():
        rules = of.days[d].rules
        goals = {*of.days[d].site.goal_definitions} if released is None else {*released}
        # A goal that no visit was looked up for may be nearly any of these.
        if rules.k == 1 or not goals <= {*marked[d].goals.values()}:
            continue
        at = d, metric
        its = {bit for bit in chosen.get(d, ()) if (d, metric, bit) in made}
        rule = Rule.of(rules)
        judge = Judge(masks, cells.get(at, ()), known[d], bands.get(at, {}), rule, its)
        for bit in sorted(chosen.get(d, ())):
            if judge.takes(bit, (d, bit) in did):
                yield d, metric, bit


def _of_values(of: Batch, definitions: Mapping[tuple[int, int], str], released: bool) -> Iterator[Told]:
    """Those that ask for values of one dimension of which vitals are told, and for nothing else."""
    found: dict[str, dict[int, list[int]]] = {}
    for (d, bit), definition in definitions.items():
        asked = {getattr(part, "dimension", "") for part in conditions_in(condition_of(definition))}
        if len(asked) == 1 and asked <= {*OF_FIRST_OF_ALL}:
            found.setdefault(asked.pop(), {}).setdefault(d, []).append(bit)
    for dimension, bits in found.items():
        yield from made_of_values(of, dimension, bits, released)


def asks_what_was_done(definition: str) -> bool:
    """Whether a segment asks for events, goals or what was sent with them."""
    return any(_is_of_events(part) for part in conditions_in(condition_of(definition)))


def _is_of_events(part: Is | Did | Sent) -> bool:
    match part:
        case Did(definition):
            return not goal_of("", definition).of_pages
        case Is(dimension):
            return dimension == "event"
    return True


_NAMES = "{segments:Array(Array(String))}[d + 1]"
_ROW = {
    "site": SITE,
    "grain": "'day'",
    "day": DAY,
    "period": f"toDateTime({START}, 'UTC')",
    "dimension": "''",
    "value": "''",
    "by_dimension": "''",
    "by_value": "''",
    "segment": f"{_NAMES}[bit + 1]",
    **{name: name for name in ("metric", "bucket", "samples", "good", "poor", "people")},
}
_BUCKETS = ", ".join(f"{sql} AS {name}" for name, sql in IN_BUCKETS.items())
_HISTOGRAMS = f"""
    SELECT d, metric, bit, samples, good, poor, people, {_BUCKETS}
    FROM
    (
        SELECT *, {IN_ORDER} FROM
        (
            SELECT d, bit, {", ".join(f"one.{place} AS {name}" for place, name in enumerate(COUNTED, start=1))}
            FROM
            (
                SELECT d, arrayJoin(arrayFilter(bit -> bitTest(mask, bit), range(length({_NAMES})))) AS bit,
                    arrayJoin([{every_vital("false")}]) AS one
                FROM {{gauged}} WHERE mask != 0 GROUP BY d, bit
            )
            WHERE (toInt64(d), metric, toInt64(bit)) IN
                arrayZip({{told_d:Array(Int64)}}, {{told_metric:Array(String)}}, {{told_bit:Array(Int64)}})
        )
        WHERE people > 0 AND {ENOUGH}
    )"""
_STAGE = f"""
    {insert("staging_segment_vitals", _ROW)} FROM ({by_bucket(f"({_HISTOGRAMS})")})
    SETTINGS max_partitions_per_insert_block = 0"""
