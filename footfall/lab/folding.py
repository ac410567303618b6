"""What a day's dashboard would lack at each k: cells folded into (other), and the page views that go with them.

In: the events of a site-day. Out: per dimension how many values there are, how many are folded, how many page views.
Promises: the definitions of pipeline/rollup/sessionize.py and suppress.py (a test compares the two), in memory only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from msgspec import Struct, field

from schema.dimensions import DIMENSIONS as OF_ROLLUP
from schema.dimensions import OTHER
from schema.event import ENGAGEMENT, PAGEVIEW, Event
from schema.site import Site, folder_of

# pipeline/rollup/visit.py says the same, and the test that compares the two would notice if it changed.
VISIT_GAP_S = 30 * 60
# Of these, a visit has the value of its first event; a page is counted in every visit that shows it.
OF_VISIT = ("channel", "source", "referrer", "country", "browser", "os", "device", "language")
# What belongs to another one comes after that.
DIMENSIONS = ("section", "page", *OF_VISIT)


class Hit(Struct, frozen=True):
    """What folding needs of an event. values: in the order of OF_VISIT. engaged_s: how far back a report reaches.
    network: the number of the visitor's network."""

    visitor: int
    received: int
    name: str
    path: str
    section: str
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


class Cells(Struct):
    """values: by dimension and value who was there and what they saw. parents: by dimension and value the values of its
    parent that it was seen with."""

    values: dict[str, dict[str, _Value]]
    parents: dict[str, dict[str, set[str]]]

    def add(self, dimension: str, name: str, hit: Hit, views: int, parent: str | None) -> None:
        """Count a visitor in a value."""
        value = self.values[dimension].setdefault(name, _Value())
        value.people[hit.visitor] = hit.network
        value.views += views
        if parent is not None:
            self.parents[dimension][name].add(parent)


def hit_of(event: Event, site: Site | None = None) -> Hit:
    """The part of an event that is folded. site: that names its sections."""
    values = tuple(getattr(event, name) for name in OF_VISIT)
    section = site.section_of(event.path) if site else folder_of(event.path)
    engaged_s = min(event.engaged_ms // 1000, VISIT_GAP_S)
    # As pipeline/rollup/batch.py: where no network is known, one of the visitor's own.
    network = event.network_number or event.visitor
    return Hit(event.visitor, event.received, event.name, event.path, section, values, engaged_s, network)


def cells_of(hits: Iterable[Hit]) -> Cells:
    """The cells of one site-day before folding."""
    cells = Cells({dimension: {} for dimension in DIMENSIONS}, defaultdict(lambda: defaultdict(set)))
    for visit in _visits(hits):
        opening = next((hit for hit in visit if hit.name != ENGAGEMENT), None)
        if opening is None:  # a report on a page that was left before the gap is no visit
            continue
        views = [hit for hit in visit if hit.name == PAGEVIEW]
        for hit in views:
            cells.add("page", hit.path, opening, 1, hit.section)
            cells.add("section", hit.section, opening, 1, None)
        of_visit = dict(zip(OF_VISIT, opening.values, strict=True))
        for dimension, name in of_visit.items():
            cells.add(dimension, name, opening, len(views), of_visit.get(OF_ROLLUP[dimension].parent))
    return cells


def fold(cells: Cells, k: int, networks: int = 1) -> dict[str, Fold]:
    """What is folded at k, and so many networks (rules R3 and N3: never one value alone, never too few behind (other),
    nor behind what a parent has more than its children)."""
    least = _Least(k, networks)
    # With fewer than k visitors nothing of the day is shown, not even a total.
    nothing = not least.holds(cells.values["source"].values())
    folds: dict[str, Fold] = {}
    shown: dict[str, set[str]] = {}
    for dimension, values in cells.values.items():
        if nothing:
            shown[dimension] = set()
        elif dimension in cells.parents:
            above = shown[OF_ROLLUP[dimension].parent]
            shown[dimension] = _shown_within(values, cells.parents[dimension], least, above)
        else:
            shown[dimension] = _shown(values, least)
        folds[dimension] = _counted(values, shown[dimension])
    return folds


def _shown(values: Mapping[str, _Value], least: _Least) -> set[str]:
    """Which keep their names. The empty value is the last to go with the rare ones; where there is no other, none."""
    shown = [name for name, value in values.items() if least.holds([value])]
    shown.sort(key=lambda name: (name == "", len(values[name].people), name))
    folded = values.keys() - {*shown}
    if folded and (len(folded) == 1 or not least.holds(values[name] for name in folded)):
        shown = [] if shown[:1] == [""] else shown[1:]
    return {*shown}


def _shown_within(
    values: Mapping[str, _Value], parents: Mapping[str, Collection[str]], least: _Least, above: Collection[str]
) -> set[str]:
    """The same of values that belong to those of another dimension. above: which of these are shown; all others are one
    together, of which something is folded always. A value of several, and the empty one, is the child of none."""
    shown = {name for name, value in values.items() if least.holds([value])}
    children = {name for name in values if name and len(parents[name]) == 1}
    named: dict[str, set[str]] = defaultdict(set)
    for name in values:
        for parent in parents[name]:
            named[parent if parent in above else OTHER].add(name)

    def cover(folded: Collection[str]) -> bool:
        return len(folded) > 1 and least.holds(values[name] for name in folded)

    def is_covered(names: set[str]) -> bool:
        """Whether what is folded is enough. Of parents that are one together each may cover the others."""
        own: dict[str, set[str]] = defaultdict(set)
        for name in (names & children) - shown:
            own[next(iter(parents[name]))].add(name)
        return any(map(cover, own.values()))

    def ordered(names: Iterable[str]) -> list[tuple[int, str]]:
        return sorted((len(values[name].people), name) for name in names)

    goes = {
        ordered(names & children & shown)[0][1]
        for parent, names in named.items()
        if names & children & shown and (names - shown or parent == OTHER) and not is_covered(names)
    }
    folded = values.keys() - shown
    if folded and not goes and not cover(folded):
        possible = [ordered(names & children & shown) for names in named.values() if len(names) > 1]
        goes = {name for _, name in min(filter(None, possible), default=[])[:2]} or shown
    return shown - goes


def _counted(values: Mapping[str, _Value], shown: Collection[str]) -> Fold:
    folded = [value for name, value in values.items() if name not in shown]
    return Fold(
        cells=len(values),
        folded=len(folded),
        views=sum(value.views for value in values.values()),
        lost=sum(value.views for value in folded),
        visitors=sum(len(value.people) for value in values.values()),
        named=sum(len(values[name].people) for name in shown),
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
