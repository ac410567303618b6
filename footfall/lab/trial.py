"""Runs a stream of requests through the collector's own steps, once for each candidate, and measures what comes out.

In: beacons with clients and times, candidates. Out: an `Outcome` per candidate. Promises: in memory only, with keys of
its own that are destroyed at the end; of the past, only sums and one day's combinations are held.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct, field, structs

from collector.enrich.geo import GeoDatabase
from collector.keys.key import EphemeralKeys
from collector.model import Beacon, Client, Draft, Rules
from collector.outcome import Reason
from collector.privacy.visitor_id import visitor_number
from collector.steps import anonymize
from schema.event import ENGAGEMENT, Event
from schema.site import LocalDay, local_day

from .candidates import Candidate
from .measures import Classes, Counting, Linking, classes_of, count, link
from .released import Released

# What is stored about the visitor, whatever he does on the page.
STORED = (
    *("country", "region", "city", "device", "browser", "browser_version", "os", "os_version"),
    *("screen", "language", "network"),
)
# Logs overlap and visits cross midnight; a line older than the day before the newest belongs to a file given too late.
_OPEN_DAYS = 2

Sent = tuple[Beacon, Client, int]
Combination = tuple[str, ...]


class Outcome(Struct):
    """The figures of one candidate. released: by k."""

    candidate: Candidate
    classes: Classes
    linking: Linking
    counting: Counting
    released: dict[int, Released] = field(default_factory=dict)


class Experiment(Struct):
    """What was tried on what. late: lines left out because their day was over. absent: stored fields that were empty
    in every row of every candidate, so that the figures say nothing about them."""

    requests: int = 0
    events: int = 0
    days: int = 0
    late: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    absent: list[str] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)


class _Day(Struct):
    """One candidate's rows of one day. first: people → the combination stored of them first."""

    rows: dict[Combination, set[int]] = field(default_factory=dict)
    pairs: set[tuple[int, int]] = field(default_factory=set)
    first: dict[int, Combination] = field(default_factory=dict)


class _Trial:
    """One candidate under way."""

    def __init__(self, candidate: Candidate, rules: Rules, ks: Sequence[int]) -> None:
        settings = candidate.anonymization
        self.candidate = candidate
        self.rules = structs.replace(rules, anonymization=settings, keep=frozenset(settings.query_parameters))
        self.keys = EphemeralKeys()
        self.seen: set[str] = set()
        self._days: dict[int, _Day] = {}
        self._last: tuple[int, dict[int, Combination]] = (0, {})
        self._same: dict[Combination, Combination] = {}
        self._sizes: list[Counter[int]] = []
        self._linking, self._counting, self._ks = Linking(), Counting(), ks

    def take(self, person: int, event: Event) -> None:
        day = self._days.setdefault(event.day, _Day())
        if event.name == ENGAGEMENT:
            return
        stored = self._one(tuple(getattr(event, name) for name in STORED))
        day.rows.setdefault(stored, set()).add(event.visitor)
        day.pairs.add((person, event.visitor))
        day.first.setdefault(person, stored)

    def close(self, number: int) -> None:
        """Measure a day and forget it, but for what links it to the next."""
        day = self._days.pop(number, _Day())
        sizes = {stored: len(visitors) for stored, visitors in day.rows.items()}
        for stored in sizes:
            self.seen.update(name for name, value in zip(STORED, stored, strict=True) if value)
        self._sizes.append(Counter(sizes.values()))
        self._counting.add(count(day.pairs))
        if self._last[0] == number - 1:
            linked = link(self._last[1], day.first, sizes)
            self._linking.returning += linked.returning
            self._linking.linked += linked.linked
            self._linking.guessed += linked.guessed
        self._last = (number, day.first)

    def outcome(self) -> Outcome:
        return Outcome(self.candidate, classes_of(self._sizes, self._ks), self._linking, self._counting)

    def _one(self, combination: Combination) -> Combination:
        """The same tuple for the same values: a day has millions of events and thousands of combinations."""
        return self._same.setdefault(combination, combination)


def run(
    sent: Iterable[Sent | Reason],
    chosen: Sequence[Candidate],
    rules: Rules,
    geo_database: GeoDatabase,
    ks: Sequence[int],
    keep: Callable[[int, Event], object] = lambda *_: None,
) -> Experiment:
    """Try every candidate on every request. keep: told each event, and the place of the candidate that it is of."""
    trials = [_Trial(candidate, rules, ks) for candidate in chosen]
    # People are told apart by whole address and agent, across days: by a number that only this run can make.
    people = EphemeralKeys()
    try:
        return _run(sent, trials, people.key("", 0), geo_database, keep)
    finally:
        people.destroy()
        for trial in trials:
            trial.keys.destroy()


def _run(
    sent: Iterable[Sent | Reason],
    trials: Sequence[_Trial],
    people: bytearray,
    geo_database: GeoDatabase,
    keep: Callable[[int, Event], object],
) -> Experiment:
    experiment, dropped = Experiment(), Counter[str]()
    site = trials[0].rules.site
    open_days: set[int] = set()
    newest = 0
    day: LocalDay | None = None
    for item in sent:
        experiment.requests += 1
        if isinstance(item, Reason):
            dropped[item] += 1
            continue
        beacon, client, moment = item
        if day is None or not day.start <= moment < day.end:
            day = local_day(site.timezone, moment)
            newest = max(newest, day.number)
            if day.number > newest - _OPEN_DAYS:
                open_days.add(day.number)
            for over in sorted(number for number in open_days if number <= newest - _OPEN_DAYS):
                _close(over, trials, open_days, experiment)
        if day.number not in open_days:
            experiment.late += 1
            continue
        outcomes = _take(trials, people, (beacon, client, moment), day, geo_database)
        for place, outcome in enumerate(outcomes):
            if isinstance(outcome, Event):
                keep(place, outcome)
        # What is dropped is dropped by all of them alike, so the first speaks for all.
        if isinstance(outcomes[0], Event):
            experiment.events += 1
        else:
            dropped[outcomes[0]] += 1
    for over in sorted(open_days):
        _close(over, trials, open_days, experiment)
    experiment.dropped = {str(reason): number for reason, number in dropped.most_common()}
    seen = set[str]().union(*(trial.seen for trial in trials))
    experiment.absent = [name for name in STORED if name not in seen]
    experiment.outcomes = [trial.outcome() for trial in trials]
    return experiment


def _take(
    trials: Sequence[_Trial], people: bytearray, sent: Sent, day: LocalDay, geo_database: GeoDatabase
) -> list[Event | Reason]:
    """One request, by every candidate."""
    beacon, client, moment = sent
    person = visitor_number(people, "", (client.address, client.agent))
    outcomes: list[Event | Reason] = []
    for trial in trials:
        outcome = anonymize(Draft(beacon, client, trial.rules, moment, day, trial.keys, geo_database))
        if isinstance(outcome, Event):
            trial.take(person, outcome)
        outcomes.append(outcome)
    return outcomes


def _close(number: int, trials: Sequence[_Trial], open_days: set[int], experiment: Experiment) -> None:
    open_days.discard(number)
    experiment.days += 1
    for trial in trials:
        trial.close(number)
