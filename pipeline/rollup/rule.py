"""How many people, from how many networks, are enough to be told of (rules R3 and N4).

In: the rules of a site. Out: `Rule`. Promises: people and networks are counted distinctly where they are given by name.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from ..settings import SiteRules


class Who(Struct, frozen=True):
    """Visitors and their networks, as far as so many are asked for."""

    people: frozenset[int]
    networks: frozenset[int]


class Rule(Struct, frozen=True):
    """How many people of how many networks are enough."""

    k: int
    networks: int

    @classmethod
    def of(cls, rules: SiteRules) -> Rule:
        """That of a day."""
        return cls(rules.k, rules.least_networks)

    def enough(self, people: int, networks: int) -> bool:
        return people >= self.k and networks >= self.networks

    def are_enough(self, each: Sequence[Who]) -> bool:
        """Whether these are, together."""
        if len(each) == 1:
            return self.enough(len(each[0].people), len(each[0].networks))
        people, networks = set[int](), set[int]()
        for who in each:
            people |= who.people
            networks |= who.networks
            if self.enough(len(people), len(networks)):
                return True
        return False

    def cuts(self, who: Who) -> bool:
        """Whether these may be more than are asked for."""
        return len(who.people) >= self.k or len(who.networks) >= self.networks > 1

    @property
    def always_enough(self) -> int:
        """So many people are enough, from whichever networks these may be."""
        return self.k * (2 if self.networks > 1 else 1)
