"""The histogram of web vitals: two per cent, here and in SQL; and the registries are whole."""

from __future__ import annotations

import datetime as dt
import itertools
import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import astuple

from pipeline.release import as_released
from pipeline.rollup.batch import SiteDay
from pipeline.settings import SiteRules
from schema.dimensions import DIMENSIONS
from schema.event import ENGAGEMENT
from schema.measures import MEASURES, Measures
from schema.metrics import METRICS
from schema.site import Site, day_number
from schema.store import Store
from schema.vitals import PEOPLE_BUCKET, RELATIVE_ERROR, VITALS, Vital, value_of
from tests.conftest import insert, make_event
from tests.histogram import bucket_of
from tests.together import Test, rolled_up, together

DAY = dt.date(2045, 4, 5)
START = day_number(DAY) * 86_400
VITAL = st.sampled_from(list(VITALS.values()))


def single(value: float) -> float:
    """As ClickHouse's Float32 keeps it."""
    return float(struct.unpack("f", struct.pack("f", value))[0])


@given(VITAL, st.floats(1, 600_000))
@example(VITALS["lcp"], 600_000.0)
@example(VITALS["cls"], 1.0)
def test_a_value_read_back_from_its_bucket_is_within_two_per_cent(vital: Vital, scaled: float) -> None:
    value = scaled / vital.scale
    bucket = bucket_of(vital, value)
    assert bucket == 0 or abs(value_of(vital, bucket) - value) <= RELATIVE_ERROR * value * (1 + 1e-9)
    assert 0 <= bucket < 2**15  # the column is Int16


@pytest.mark.parametrize("vital", VITALS.values(), ids=str)
@pytest.mark.parametrize("scaled", [0.0, 1e-9, 0.5, 1.0])
def test_what_is_at_most_one_unit_reads_as_nothing(vital: Vital, scaled: float) -> None:
    assert bucket_of(vital, scaled / vital.scale) == 0
    assert value_of(vital, 0) == 0.0


@given(VITAL, st.lists(st.floats(0, 600_000), min_size=2, max_size=2))
def test_a_larger_value_is_never_in_a_smaller_bucket(vital: Vital, scaled: list[float]) -> None:
    low, high = sorted(scaled)
    assert bucket_of(vital, low / vital.scale) <= bucket_of(vital, high / vital.scale)


@pytest.mark.clickhouse
@together
def test_the_buckets_of_a_rolled_up_day_are_the_same_as_ours(store: Store) -> Test:
    """Through the whole way: beacon's number → Float32 column → SQL."""
    site = Site("metrics-buckets")
    scaled = [
        0.0,
        0.9,
        1.0,
        1.03,
        1.5,
        2.0,
        7.7,
        49.9,
        99.0,
        100.0,
        101.0,
        250.0,
        999.0,
        2500.0,
        2501.0,
        60_000.0,
        599_999.0,
    ]
    names = list(VITALS)
    samples = [(i, {name: value / VITALS[name].scale for name in names}) for i, value in enumerate(scaled)]
    events = [make_event(site.key, START + i, DAY, visitor=i) for i, _ in samples]
    events += [make_event(site.key, START + i, DAY, visitor=i, name=ENGAGEMENT, **vitals) for i, vitals in samples]
    insert(store, events)
    yield rolled_up(SiteDay(site, DAY, SiteRules(1, 30, "balanced")))
    rows = store.rows(
        f"SELECT metric, bucket, samples, good, poor FROM ({as_released('vitals', 'open_vitals')}) "
        "WHERE site = {s:String} AND dimension = '' AND bucket != {people:Int16}",
        {"s": site.key, "people": PEOPLE_BUCKET},
    )
    stored = {(metric, bucket): (n, good, poor) for metric, bucket, n, good, poor in rows}
    expected: dict[tuple[str, int], tuple[int, int, int]] = {}
    for name, value in itertools.product(names, scaled):
        vital = VITALS[name]
        kept = single(value / vital.scale)
        key = (name, bucket_of(vital, kept))
        n, good, poor = expected.get(key, (0, 0, 0))
        expected[key] = (n + 1, good + (kept <= single(vital.good)), poor + (kept > single(vital.poor)))
    assert stored == expected


@pytest.mark.clickhouse
@together
def test_a_value_on_a_threshold_is_good_and_one_above_poor_is_poor(store: Store) -> Test:
    site = Site("metrics-thresholds")
    vital = VITALS["cls"]
    values = [vital.good, vital.poor, 0.2, 0.26]
    events = [make_event(site.key, START + i, DAY, visitor=i) for i in range(4)]
    events += [make_event(site.key, START + i, DAY, visitor=i, name=ENGAGEMENT, cls=v) for i, v in enumerate(values)]
    insert(store, events)
    yield rolled_up(SiteDay(site, DAY, SiteRules(1, 30, "balanced")))
    assert store.rows(
        "SELECT sum(samples), sum(good), sum(poor) FROM open_vitals WHERE site = {s:String} AND dimension = ''",
        {"s": site.key},
    ) == [(4, 1, 1)]


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        ("visitors", 3), ("visits", 7), ("pageviews", 30), ("events", 40),
        ("views_per_visit", 4.29), ("bounce_rate", 33.3), ("visit_duration", 21.7), ("time_on_page", 5.7),
        ("exit_rate", 13.3), ("exits", 4),
    ],
)  # fmt: skip
def test_a_metric_follows_from_what_is_added_up(metric: str, value: float) -> None:
    sums = Measures(3, 7, 30, 40, entries=6, exits=4, bounces=2, visit_seconds=130, engaged_ms=40_000)
    sums.exit_views, sums.timed_visits = sums.pageviews, sums.visits
    assert METRICS[metric].of(sums) == value


def test_over_nothing_counts_are_zero_and_everything_else_is_undefined() -> None:
    counts = ("visitors", "visits", "pageviews", "events")
    assert {name: metric.of(Measures()) for name, metric in METRICS.items()} == {
        name: 0 if name in counts else None for name in METRICS
    }
    assert METRICS["time_on_page"].of(Measures(visits=5)) is None  # nobody reported any


def test_n1_what_too_few_contributed_to_is_undefined_and_not_in_the_rate_of_other_days() -> None:
    known, unknown = (
        Measures(9, 9, 20, exits=5, engaged_ms=9000, exit_views=20, timed_visits=9),
        Measures(9, 9, 20),
    )
    both = Measures(*(a + b for a, b in zip(astuple(known), astuple(unknown), strict=True)))
    for name, rate in (("exit_rate", 25.0), ("exits", 5), ("time_on_page", 1.0)):
        assert METRICS[name].of(unknown) is None
        assert METRICS[name].of(known) == METRICS[name].of(both) == rate


@pytest.mark.clickhouse
@pytest.mark.parametrize("state", ["open", "released"])
def test_measures_are_the_columns_of_a_cell_in_their_order(store: Store, state: str) -> None:
    rows = store.rows(
        """SELECT name FROM system.columns WHERE database = currentDatabase() AND table = {table:String}
        AND type = 'UInt64' ORDER BY position""",
        {"table": f"{state}_cells"},
    )
    assert tuple(name for (name,) in rows) == MEASURES


def test_names_are_unique_and_definitions_are_sentences() -> None:
    for registry in (DIMENSIONS, METRICS, VITALS):
        labels = [entry.label for entry in registry.values()]  # type: ignore[attr-defined]
        assert len(set(labels)) == len(labels)
        assert all(entry.definition.endswith((".", "…")) for entry in registry.values())  # type: ignore[attr-defined]
        assert all(name == entry.name for name, entry in registry.items())  # type: ignore[attr-defined]
