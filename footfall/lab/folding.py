"""What a day's dashboard would lack at each k: cells folded into (other), and the page views that go with them.

In: the events of a site-day. Out: per dimension how many values there are, how many are folded, how many page views.
Promises: the definitions of pipeline/rollup/sessionize.py and suppress.py (a test compares the two), in memory only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct, field

from schema.event import ENGAGEMENT, PAGEVIEW, Event

# pipeline/rollup/visit.py says the same, and the test that compares the two would notice if it changed.
VISIT_GAP_S = 30 * 60
# Of these, a visit has the value of its first event; a page is counted in every visit that shows it.
OF_VISIT = ("source", "referrer", "country", "browser", "os", "device", "language")
DIMENSIONS = ("page", *OF_VISIT)


class Hit(Struct, frozen=True):
    """What folding needs of an event. values: in the order of OF_VISIT. engaged_s: how far back a report reaches.
    network: the number of the visitor's network."""

    visitor: int
    received: int
    name: str
    path: str
    values: tuple[str, ...]
    engaged_s: int = 0
    network: int = 0


class Fold(Struct):
    """Sums over days. views: page views of all values; lost: of the folded ones. visitors: of all values, each of which
    counts its own; named: of those that have a row of their own."""

    cells: int = 0
    folded: int = 0
    views: int = 0
    lost: int = 0
    visitors: int = 0
    named: int = 0

    def add(self, other: Fold) -> None:
        self.cells += other.cells
        self.folded += other.folded
        self.views += other.views
        self.lost += other.lost
        self.visitors += other.visitors
        self.named += other.named


class _Value(Struct):
    """people: their networks by visitor number."""

    people: dict[int, int] = field(default_factory=dict)
    views: int = 0


class _Least(Struct, frozen=True):
    """Of how many people, from how many networks, what is shown is at least (rules R3 and N4)."""

    k: int
    networks: int

    def holds(self, values: Iterable[_Value]) -> bool:
        """Whether they are so many together."""
        people: dict[int, int] = {}
        for value in values:
            people.update(value.people)
        return len(people) >= self.k and len(set(people.values())) >= self.networks


# dimension → value → who was there and what they saw
Cells = dict[str, dict[str, _Value]]


def hit_of(event: Event) -> Hit:
    """The part of an event that is folded."""
    values = (event.source, event.referrer, event.country, event.browser, event.os, event.device, event.language)
    engaged_s = min(event.engaged_ms // 1000, VISIT_GAP_S)
    # As pipeline/rollup/batch.py: where no network is known, one of the visitor's own.
    network = event.network_number or event.visitor
    return Hit(event.visitor, event.received, event.name, event.path, values, engaged_s, network)


def cells_of(hits: Iterable[Hit]) -> Cells:
    """The cells of one site-day before folding."""
    cells: Cells = {dimension: {} for dimension in DIMENSIONS}
    for visit in _visits(hits):
        opening = next((hit for hit in visit if hit.name != ENGAGEMENT), None)
        if opening is None:  # a report on a page that was left before the gap is no visit
            continue
        views = [hit.path for hit in visit if hit.name == PAGEVIEW]
        for path in views:
            value = cells["page"].setdefault(path, _Value())
            value.people[opening.visitor] = opening.network
            value.views += 1
        for dimension, name in zip(OF_VISIT, opening.values, strict=True):
            value = cells[dimension].setdefault(name, _Value())
            value.people[opening.visitor] = opening.network
            value.views += len(views)
    return cells


def fold(cells: Cells, k: int, networks: int = 1) -> dict[str, Fold]:
    """What is folded at k, and so many networks (rule R3: never one value alone, never too few behind (other))."""
    least = _Least(k, networks)
    # With fewer than k visitors nothing of the day is shown, not even a total.
    nothing = not least.holds(cells["source"].values())
    return {dimension: _fold(values, least, nothing) for dimension, values in cells.items()}


def _fold(named: Mapping[str, _Value], least: _Least, everything: bool) -> Fold:
    values = [value for _, value in sorted(named.items(), key=lambda item: (len(item[1].people), item[0]))]
    # The empty value is the last to go with the rare ones; where there is no other, nothing is shown.
    values.sort(key=lambda value: value is named.get(""))
    shown: list[_Value] = []
    folded: list[_Value] = []
    for value in values:
        (shown if least.holds([value]) else folded).append(value)
    if everything:
        shown, folded = [], values
    elif folded and (len(folded) == 1 or not least.holds(folded)):
        many = len(shown) if shown[:1] == [named.get("")] else 1
        shown, folded = shown[many:], folded + shown[:many]
    return Fold(
        cells=len(values),
        folded=len(folded),
        views=sum(value.views for value in values),
        lost=sum(value.views for value in folded),
        visitors=sum(len(value.people) for value in values),
        named=sum(len(value.people) for value in shown),
    )


def _visits(hits: Iterable[Hit]) -> Iterable[list[Hit]]:
    """Runs of one visitor's events with gaps of at most 30 minutes."""
    by_visitor: dict[int, list[Hit]] = {}
    for hit in hits:
        by_visitor.setdefault(hit.visitor, []).append(hit)
    for mine in by_visitor.values():
        mine.sort(key=lambda hit: hit.received)
        visit = [mine[0]]
        for hit in mine[1:]:
            if hit.received - hit.engaged_s - visit[-1].received > VISIT_GAP_S:
                yield visit
                visit = []
            visit.append(hit)
        yield visit
