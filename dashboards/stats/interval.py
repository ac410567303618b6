"""How far a rate may be from that of very many people like these.

In: how many, of how many. Out: the ends of the interval in which the rate is with a probability of 95 %. Promises: it
is within 0 to 100 %, and good for few people, too.
"""

from __future__ import annotations

import math
from typing import Literal

# Of the normal distribution 95 percent are within so many standard deviations.
_Z = 1.959964


def wilson(reached: int, people: int) -> tuple[float, float]:
    """In percent (Wilson: Probable inference, JASA 1927). Where not all people are told it may be more than all."""
    rate, share = min(reached, people) / people, _Z * _Z / people
    middle = rate + share / 2
    half = math.sqrt(share * (rate * (1 - rate) + share / 4))
    return 100 * (middle - half) / (1 + share), 100 * (middle + half) / (1 + share)


# Interval of a rate, in percent; None where an end is not known.
Ends = tuple[float | None, float | None]


def against(one: Ends, other: Ends) -> Literal["better", "worse", ""]:
    """Whether a rate is another one than the other; "" where their intervals overlap, or may."""
    if one[0] is not None and other[1] is not None and one[0] > other[1]:
        return "better"
    return "worse" if one[1] is not None and other[0] is not None and one[1] < other[0] else ""
