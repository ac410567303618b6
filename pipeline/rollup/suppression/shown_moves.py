"""Which moves are shown, so that none of fewer than k people follows from what pages and sections tell (rule R3).

In: of one day how many people moved from where to where, and what is told of its ends. Out: the moves that are shown.
Promises: of moves, entries and exits of too few people that are hidden none follows from all that is told together:
page views, entries and exits of pages and of sections, and the moves that are shown (tests/attacks/test_journeys.py).

What is known of a page or section are sums. Its views less its exits are the moves that leave it, its views less its
entries those that lead to it, a second view of the same page among them; so moves are a table of which both sums are
known, and two_way.py tells what has to go along. Three things are more than that:

- An entry or an exit that is hidden (rule N1) is a cell of that table, too: shown moves would tell it.
- From section to section is a sum of moves from page to page. Where such a sum is hidden, so are all moves in it.
  Where it is shown, a hidden move has to be exchanged for others within it: therefore moves from page to page are
  crossed twice, with each row and with each column once more divided by the section at the other end. What leaves a
  page for one section, and all that comes to a page: exchanged within these, no sum of sections changes, and none of
  pages. The first of the two does so for hidden entries, the second for hidden exits.
- Of a visit from its entry to its exit those of one page are known as bounces, but for who sent an event: these are a
  cell that is never shown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from functools import cached_property

from msgspec import Struct

from schema.journeys import ENDS, KINDS, PAGE, SECTION

from .two_way import Crossed, Line
from .two_way import alone as alone_of
from .two_way import hidden as hidden_of

MOVE, ENTRY, EXIT, SINGLE = "move", "entry", "exit", "single"
# What is told of where visits began or ended: (step, kind, value); of kind OWN it has a row of its own, too.
End = tuple[str, str, str]
OWN = "own"
# Of sections, from one to the other.
Pair = tuple[str, str]


class Move(Struct, frozen=True):
    """From where to where. step: of what; an entry has no origin, an exit no target. origin, target: "" is any that is
    not told. …_part: of a page its section, "" if that is not told."""

    kind: str
    step: str
    origin: str
    origin_part: str
    target: str
    target_part: str

    @property
    def ends(self) -> Pair:
        return self.origin, self.target

    @property
    def parts(self) -> Pair:
        return self.origin_part, self.target_part

    @property
    def is_named(self) -> bool:
        return bool(self.origin or self.target)

    @property
    def is_told(self) -> bool:
        return self.step == MOVE and "" not in self.ends

    # The sums that it is part of, as `LINES` says in SQL.

    @property
    def out_of(self) -> Line:
        return "out of", self.origin, self.origin_part, ""

    @property
    def into(self) -> Line:
        return "into", self.target, self.target_part, ""

    @property
    def to_part(self) -> Line:
        return "to part", self.origin, self.origin_part, self.target_part

    @property
    def from_part(self) -> Line:
        return "from part", self.target, self.target_part, self.origin_part


# SQL for all of these of a row with the columns of a move.
LINES = f"""arrayConcat(
    if(step = '{ENTRY}', [], [('out of', origin, origin_part, '')]),
    if(step = '{EXIT}', [], [('into', target, target_part, '')]),
    if(step = '{MOVE}' AND kind = '{PAGE}',
        [('to part', origin, origin_part, target_part), ('from part', target, target_part, origin_part)], []))"""


class Count(Struct, frozen=True):
    """people: distinct visitors, at least one. enough: whether these are k, from enough networks."""

    people: int
    enough: bool

    @property
    def told(self) -> tuple[int, bool]:
        return self.people, self.enough


class Day(Struct, frozen=True):
    """counts: of moves, entries and exits. covered: by kind the lines of which those of too few are enough together.
    ends: of which is told how many visits there were. twins: those of them of which another table tells the ways from
    entry to exit (twins.py); known: the ways that it tells."""

    counts: Mapping[Move, Count]
    covered: Mapping[str, Collection[Line]]
    ends: frozenset[End]
    twins: frozenset[End] = frozenset()
    known: frozenset[Pair] = frozenset()


def shown(day: Day) -> set[Move]:
    """The moves that are shown of a day."""
    of, barred = _Ways(day), set[Pair]()
    while True:
        of_sections = of.hidden_sections(barred)
        of_pages, lone = of.hidden_pages(of_sections)
        more = {pair for end in lone for pair in of.pairs_around(end)} - barred - {move.ends for move in of_sections}
        if not more:
            break
        barred |= more
    told = {move for move in day.counts if move.is_told and (move.kind == ENDS or move.origin != move.target)}
    return told - of_sections - of_pages - of.hidden_visits()


def hidden(cells: Mapping[Move, Crossed], covered: Collection[Line]) -> set[Move]:
    """Those that are hidden. Crossing knows them by numbers, which are quicker to compare."""
    moves = [*cells]
    return {moves[place] for place in hidden_of(dict(enumerate(cells.values())), covered)}


def alone(cells: Mapping[Move, Crossed], gone: Collection[Move]) -> set[Move]:
    """Those of too few among them that follow all the same."""
    mine = [move for move in cells if move in gone]
    table = {place: cells[move] for place, move in enumerate(mine)}
    return {mine[place] for place in alone_of(table, table.keys())}


class _Ways:
    def __init__(self, day: Day) -> None:
        self._covered, self._ends = day.covered, day.ends
        self._told_elsewhere, self._open = day.known, day.ends - day.twins
        self._by_kind = {
            kind: {move: count for move, count in day.counts.items() if move.kind == kind} for kind in KINDS
        }
        self._known = {move for move in day.counts if move.step in (ENTRY, EXIT) and self._is_read(move)}
        while more := {*self._following()} - self._known:
            self._known |= more
        self._parts = {(move.step, move.origin or move.target) for move in self._known if move.kind == SECTION}
        self._around: defaultdict[Line, set[Pair]] = defaultdict(set)
        for move in self._cells(PAGE, MOVE):
            for line in (move.out_of, move.into):
                self._around[line].add(move.parts)

    def _cells(self, kind: str, *steps: str) -> dict[Move, Count]:
        """Those that he does not know who reads of pages and sections."""
        mine = self._by_kind[kind].items()
        return {move: count for move, count in mine if move.step in steps and move not in self._known}

    # -- entries and exits ---------------------------------------------------------------------------------------------

    def _is_read(self, end: Move) -> bool:
        value = end.origin or end.target
        return not self._ends.isdisjoint(
            ((end.step, end.kind, value), (end.step, OWN if end.kind == PAGE else "", value))
        )

    def _following(self) -> Iterator[Move]:
        """Those that follow: of a section whose pages are all known, and of the last page of one."""
        for step in (ENTRY, EXIT):
            unknown: defaultdict[str, list[Move]] = defaultdict(list)
            for move in self._cells(PAGE, step):
                unknown[move.origin_part or move.target_part].append(move)
            sections = [move for move in self._by_kind[SECTION] if move.step == step]
            open_ones = [move for move in sections if move not in self._known]
            yield from open_ones if len(open_ones) == 1 else ()
            for move in sections:
                pages = unknown[move.origin or move.target]
                if move in self._known and len(pages) == 1:
                    yield pages[0]
                if not pages and move.is_named:
                    yield move

    def _row(self, move: Move) -> Line:
        """Entries are told of each section, or of the whole site."""
        if move.step != ENTRY:
            return move.out_of
        return "entries", move.target_part if (ENTRY, move.target_part) in self._parts else ""

    def _column(self, move: Move) -> Line:
        if move.step != EXIT:
            return move.into
        return "exits", move.origin_part if (EXIT, move.origin_part) in self._parts else ""

    # -- what is hidden ------------------------------------------------------------------------------------------------

    def hidden_sections(self, barred: Collection[Pair]) -> set[Move]:
        """barred: pairs of sections of which nothing is told."""
        cells = {
            move: Crossed(self._row(move), self._column(move), *count.told, not move.is_told or move.ends in barred)
            for move, count in self._cells(SECTION, MOVE, ENTRY, EXIT).items()
        }
        return hidden(cells, self._covered.get(SECTION, ()))

    def hidden_pages(self, sections: Collection[Move]) -> tuple[set[Move], set[Move]]:
        """Those that are hidden, and those of too few that would follow. sections: the moves of sections that are
        hidden."""
        covered, moves = self._covered.get(PAGE, ()), self._cells(PAGE, MOVE)
        pairs = {move.ends for move in self._cells(SECTION, MOVE) if move.is_told and move not in sections}
        within = {move for move in moves if move.parts in pairs}
        gone = {move for move in moves if not move.is_told or move not in within}
        by_target = {
            move: Crossed(
                move.to_part if move in within else self._row(move),
                move.into,
                *count.told,
                barred=move not in moves or move in gone,
            )
            for move, count in self._cells(PAGE, MOVE, ENTRY).items()
        }
        gone |= hidden(by_target, covered)
        by_origin = {
            move: Crossed(
                move.out_of,
                move.from_part if move in within else self._column(move),
                *count.told,
                barred=move not in moves or move in gone,
            )
            for move, count in self._cells(PAGE, MOVE, EXIT).items()
        }
        gone |= hidden(by_origin, covered)
        first, second = alone(by_target, gone), alone(by_origin, gone)
        lone = {move for move in first | second if move.step != MOVE or (move in first and move in second)}
        return gone, lone - self._known_anyway

    @cached_property
    def _known_anyway(self) -> set[Move]:
        """Those of too few that follow from pages and sections, to who knows which moves nobody made."""
        cells = {
            move: Crossed(self._row(move), self._column(move), *count.told)
            for move, count in self._cells(PAGE, MOVE, ENTRY, EXIT).items()
        }
        return alone(cells, cells.keys())

    def pairs_around(self, move: Move) -> set[Pair]:
        """The pairs of sections of all moves from or to the same page."""
        lines = {ENTRY: (move.into,), EXIT: (move.out_of,)}.get(move.step, (move.out_of, move.into))
        return {pair for line in lines for pair in self._around[line]}

    def hidden_visits(self) -> set[Move]:
        """Of those from entry to exit."""
        moves = self._cells(ENDS, MOVE, SINGLE)
        known = {move for move in moves if move.is_told and move.ends in self._told_elsewhere}
        cells = {
            move: Crossed(
                move.out_of,
                move.into,
                *count.told,
                barred=not {(ENTRY, OWN, move.origin), (EXIT, OWN, move.target)} <= self._open,
            )
            for move, count in moves.items()
            # What is known is no cell: the sums that it is of are told without it.
            if move not in known
        }
        return hidden(cells, self._covered.get(ENDS, ())) | known
