"""How sure a number is, and why (rule N5).

In: which days a number is of, and on which of them something is not shown. Out: `Certainty` and `Flag`s. Promises: what
is called exact is all that was collected of the days, as far as one visitor may add to it, and nobody is in it twice.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

# exact: all that was collected. at least: some is not shown, or was lost. about: some visitors are counted twice.
Certainty = Literal["exact", "at least", "about"]
# not_shown: on some days too few, or none. cut_block: some of that is in a week, or four weeks, only part of which is
# in the period. incomplete: a day was released before all of it had arrived. over_counted: a key was lost on a day.
# bounded: what one visitor adds is bounded, which lowered a figure of a whole day much (release.bound).
# imported: some days were, so they are as complete as what they were made of.
Flag = Literal["not_shown", "cut_block", "incomplete", "over_counted", "bounded", "imported"]


class Sureness(Struct, frozen=True, gc=False):
    """What holds for each number of some days, whatever else does. cuts_blocks: whether rows were released with a block
    of which only some days are among them."""

    incomplete: bool = False
    over_counted: bool = False
    bounded: bool = False
    imported: bool = False
    cuts_blocks: bool = False

    def certainty(self, not_shown: object) -> Certainty:
        """not_shown: whether something of the number is not shown."""
        if self.over_counted:
            return "about"
        return "at least" if not_shown or self.incomplete or self.bounded else "exact"

    def flags(self, not_shown: object) -> tuple[Flag, ...]:
        """Why it is not exact, or what else is to be known of it."""
        holding: dict[Flag, object] = {
            "not_shown": not_shown,
            "cut_block": not_shown and self.cuts_blocks,
            "incomplete": self.incomplete,
            "over_counted": self.over_counted,
            "bounded": self.bounded,
            "imported": self.imported,
        }
        return tuple(flag for flag, holds in holding.items() if holds)


EXACT = Sureness()
