"""What an attacker knows as linear programs over numbers that he does not: their sums, and the bounds of others.

In: sums, exact or between two ends. Out: whether some numbers can add up to one number only. Promises: no rule of the
product is in it, so who finds nothing by it was told nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import highspy
import numpy as np

from tests.attacks.solver import bounds_of

# More than anybody has.
_MOST = 1e6
_LEAST_APART = 1e-6


class Program:
    """unknown: how many numbers there are, none below zero."""

    def __init__(self, unknown: int) -> None:
        self._model = highspy.Highs()
        self._model.setOptionValue("output_flag", False)
        for _ in range(unknown):
            self._model.addVar(0, _MOST)

    def sum(self, places: Collection[int], least: float, most: float | None = None) -> None:
        """That these add up to so much. most: if that is not known exactly."""
        ends = least, least if most is None else most
        self._model.addRow(*ends, len(places), np.array([*places], np.int32), np.ones(len(places)))

    def pins(self, places: Iterable[int]) -> bool:
        """Whether these can add up to one number only."""
        least, most = bounds_of(self._model, places)
        return most - least < _LEAST_APART
