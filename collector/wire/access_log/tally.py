"""What the reading of a log came to, in numbers; of a piece of it, too.

In: what became of each line. Out: a `Tally`, to which that of the next piece may be added. Promises: no line is held;
of forwarded addresses some are, in memory, until it is known whether they tell more visitors apart.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from ...outcome import Reason
from .client_field import Claims
from .shape import diagnosis


class Tally(Struct):
    """numbered: lines, empty ones too. lines: those that are not. begins_cut, ends_cut: rotation may begin and end a
    log within a line. first_bad: of the first line in which no address or nothing at all can be read, its number and
    what is wrong with it."""

    numbered: int = 0
    lines: int = 0
    bad: int = 0
    without_address: int = 0
    other_hosts: int = 0
    with_agent: int = 0
    without_agent: int = 0
    begins_cut: bool = False
    ends_cut: bool = False
    first_bad: tuple[int, str] = (0, "")
    claims: Claims = msgspec.field(default_factory=Claims)

    @property
    def views(self) -> int:
        """How many lines are page views, if somebody's."""
        return self.with_agent + self.without_agent + self.without_address

    def refuse(self, reason: Reason, line: str) -> None:
        """One more line, the last one that was numbered, that is no page view."""
        if reason is Reason.HOST:
            self.other_hosts += 1
        elif reason is Reason.BAD_LINE or reason is Reason.NO_ADDRESS:
            self.bad += reason is Reason.BAD_LINE
            self.without_address += reason is Reason.NO_ADDRESS
            if not self.first_bad[0]:
                self.first_bad = (self.numbered, diagnosis(line))

    def add(self, later: Tally) -> None:
        """That of the piece that follows."""
        if not self.lines:
            self.begins_cut = later.begins_cut
        if later.lines:
            self.ends_cut = later.ends_cut
        if later.first_bad[0] and not self.first_bad[0]:
            self.first_bad = (self.numbered + later.first_bad[0], later.first_bad[1])
        for name in ("numbered", "lines", "bad", "without_address", "other_hosts", "with_agent", "without_agent"):
            setattr(self, name, getattr(self, name) + getattr(later, name))
        self.claims.add_all(later.claims)
