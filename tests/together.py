"""Tests that share what costs most of their time: their days are rolled up, and closed, by the same statements.

One day alone takes as many statements as a hundred days of a hundred sites. A test that is decorated with `together` is
a generator: it yields work, and goes on, with what came of it, once that is done for all tests of its module that wait
for work alike. What a test has, of fixtures, is the store and `report`; all else are parameters. Promises: a test runs
alone between two works; what it raises is told by itself, and of no other.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Generator, Sequence
from typing import Any, NamedTuple, TypeVar

import pytest

from pipeline.rollup.batch import SiteDay, batches
from pipeline.rollup.stages import roll_up_together
from schema.store import Store


class Work(NamedTuple):
    """do: does it for all parts that wait, in their order; what came of each. when: what is due earlier comes first,
    and is not alike to what is due later; given to `do` unless 0."""

    do: Callable[..., Sequence[Any]]
    part: Any
    when: int = 0

    def of(self, store: Store, parts: Sequence[Any]) -> Sequence[Any]:
        return self.do(store, parts, *([self.when] if self.when else []))


Result = TypeVar("Result")
Test = Generator[Work, Any, None]


class Outcome:
    """raised: what the test ended with. told: what it had reported."""

    def __init__(self) -> None:
        self.raised: Exception | None = None
        self.told: list[tuple[str, str]] = []

    def report(self, attack: str, outcome: str) -> None:
        self.told.append((attack, outcome))


_OUTCOMES = pytest.StashKey[dict[str, Outcome]]()


def rolled_up(day: SiteDay) -> Work:
    """An open day, brought up to date, and all of it shown."""
    return Work(roll_up_days, day)


def roll_up_days(store: Store, days: Sequence[SiteDay]) -> Sequence[None]:
    for batch in batches(days, {day.key: 0 for day in days}):
        roll_up_together(store, batch)
    return [None] * len(days)


def alone(store: Store, test: Generator[Work, Any, Result]) -> Result:
    """What a generator returns whose work is done for nobody else."""
    came = None
    while True:
        try:
            work = test.send(came)
        except StopIteration as end:
            result: Result = end.value
            return result
        [came] = work.of(store, [work.part])


def side_by_side(store: Store, *tests: Generator[Work, Any, Result]) -> list[Result]:
    """The same of several generators that wait for work alike, as often as each other."""
    came: Sequence[Any] = [None] * len(tests)
    while True:
        works: list[Work] = []
        results: list[Result] = []
        for test, one in zip(tests, came, strict=True):
            try:
                works.append(test.send(one))
            except StopIteration as end:
                results.append(end.value)
        if not works:
            return results
        came = works[0].of(store, [work.part for work in works])


def together(test: Callable[..., Test]) -> Callable[..., None]:
    """A test function of a generator."""

    @functools.wraps(test)
    def found(request: pytest.FixtureRequest, **given: Any) -> None:
        module = request.node.getparent(pytest.Module)
        if _OUTCOMES not in module.stash:
            module.stash[_OUTCOMES] = _run(request.session.items, module, request.getfixturevalue("store"))
        outcome = module.stash[_OUTCOMES][request.node.nodeid]
        for attack, came in outcome.told:
            given["report"](attack, came)
        if outcome.raised:
            raise outcome.raised

    signature = inspect.signature(test)
    own = inspect.Parameter("request", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    # What pytest reads of a function are attributes that its type does not have.
    found.__signature__ = signature.replace(parameters=[own, *signature.parameters.values()])  # type: ignore[attr-defined]
    found.is_together = True  # type: ignore[attr-defined]
    return found


def _run(items: Sequence[pytest.Item], module: pytest.Module, store: Store) -> dict[str, Outcome]:
    """All tests of the module that are to be run."""
    outcomes: dict[str, Outcome] = {}
    waiting: dict[tuple[int, Any], list[tuple[str, Test, Any]]] = {}

    def go_on(name: str, test: Test, came: Any = None) -> None:
        try:
            work = test.send(came)
        except StopIteration:
            return
        except Exception as problem:
            outcomes[name].raised = problem
            return
        waiting.setdefault((work.when, work.do), []).append((name, test, work.part))

    for item in items:
        function = getattr(item, "function", None)
        if item.getparent(pytest.Module) is module and hasattr(function, "is_together"):
            outcome = outcomes[item.nodeid] = Outcome()
            parameters = item.callspec.params if hasattr(item, "callspec") else {}
            fixtures = {"store": store, "report": outcome.report}
            wanted = inspect.signature(function.__wrapped__).parameters
            go_on(item.nodeid, function.__wrapped__(**{name: (fixtures | parameters)[name] for name in wanted}))
    while waiting:
        # The earliest, and of these what most wait for: who has more to do catches up with the others.
        key = min(waiting, key=lambda key: (key[0], -len(waiting[key])))
        tests = waiting.pop(key)
        try:
            found = Work(key[1], None, key[0]).of(store, [part for *_, part in tests])
        except Exception as problem:
            for name, *_ in tests:
                outcomes[name].raised = problem
            continue
        for (name, test, _), came in zip(tests, found, strict=True):
            go_on(name, test, came)
    return outcomes
