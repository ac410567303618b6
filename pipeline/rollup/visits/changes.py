"""What changed of a big open day whose sums go on: the visits that are made anew, as they are and as they were.

In: a batch that adds to sums (warm.py). Out: scratch tables of batches of their own, with visits and events of some of
its people, which are counted by the statements that count all. Promises: of these people every row is there.
"""

from __future__ import annotations

from schema.visits import VISIT

from ...insert import insert
from ...parallel import at_once
from ..batch import Batch
from .goals_reached import COLUMNS as REACHED
from .hits import COLUMNS as HITS
from .visit import SECTIONS

# The places of the days of `changes`.
NOW, BEFORE = 0, 1
# What is counted of each; the lists of a visit are not, once its events are laid out.
_COLUMNS = {
    "visits": (*(name for name in VISIT if "." not in name), *SECTIONS),
    "hits": HITS,
    "reached": REACHED,
}
_SUMS = ("cells", "conversions")
CHANGED = "SELECT visitor FROM {changed}"


def changes(of: Batch) -> Batch:
    """The batch of whose visits are made anew: as they are (NOW), and as they were (BEFORE)."""
    return Batch(of.store, of.days * 2, f"{of.run}c", live=True)


def beside(of: Batch) -> Batch:
    """The batch of those who have values with them whose networks are counted again (sums.py)."""
    return Batch(of.store, of.days, f"{of.run}b", live=True)


def note_before(of: Batch) -> None:
    """Begin with the changes of a run that adds them to sums: as they were."""
    make_like(of, changes(of))
    copy(of, changes(of), CHANGED, BEFORE)


def make_like(of: Batch, into: Batch) -> None:
    """Make the tables of such a batch."""
    for name in (*_COLUMNS, *_SUMS):
        of.store.command(f"CREATE TABLE {into.scratch(name)} AS {of.scratch(name)}")


def copy(of: Batch, into: Batch, whose: str, d: int = 0) -> None:
    """Copy what some people have. whose: SQL for them."""
    at_once(of.store, [(_copying(of, into, whose, name, d), {}) for name in _COLUMNS])


def _copying(of: Batch, into: Batch, whose: str, name: str, d: int) -> str:
    columns = {"d": str(d)} | {f"`{column}`": f"`{column}`" for column in _COLUMNS[name] if column != "d"}
    return of.naming(f"{insert(into.scratch(name), columns)} FROM {{{name}}} WHERE visitor IN ({whose})")


def tables_of_changes(of: Batch) -> list[str]:
    """All that such a run made for them."""
    names = (*_COLUMNS, *_SUMS)
    made = {changes(of): (*names, *(f"next{name}" for name in _SUMS)), beside(of): (*names, "near")}
    return [batch.scratch(name) for batch, its in made.items() for name in its]
