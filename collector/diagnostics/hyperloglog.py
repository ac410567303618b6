"""How many different numbers were seen, told from 16 KiB that hold none of them: a HyperLogLog sketch.

In: numbers spread evenly over 64 bits, such as a keyed hash makes them. Out: about how many were different.
Promises: standard error 0.8 %; a sketch of several workers is the sketch of all they saw; nothing can be read out of it
but counts, and whether a number may be among those seen, which needs the day's key.
Sources: Flajolet, Fusy, Gandouet, Meunier, HyperLogLog (2007); the estimator: Ertl, arXiv:1702.01284, algorithm 6,
which has no bias to be corrected for small or middling counts.
"""

from __future__ import annotations

import math

PRECISION = 14
REGISTERS = 1 << PRECISION
STANDARD_ERROR = 1.04 / math.sqrt(REGISTERS)
_REST_BITS = 64 - PRECISION
_REST = (1 << _REST_BITS) - 1


class HyperLogLog:
    """A count of different numbers."""

    __slots__ = ("registers",)

    def __init__(self, registers: bytes = b"") -> None:
        if registers and len(registers) != REGISTERS:
            raise ValueError("not a sketch of this precision")
        self.registers = bytearray(registers or bytes(REGISTERS))

    def add(self, number: int) -> None:
        """See a number."""
        register = number >> _REST_BITS
        # How many zeros the rest begins with, and one: such a number is the rarer the more there are.
        rank = _REST_BITS + 1 - (number & _REST).bit_length()
        if rank > self.registers[register]:
            self.registers[register] = rank

    def merge(self, other: HyperLogLog) -> None:
        """See everything that the other has seen."""
        self.registers[:] = bytes(map(max, self.registers, other.registers))

    def estimate(self) -> float:
        """How many different numbers there were."""
        having = [0] * (_REST_BITS + 2)
        for rank in self.registers:
            having[rank] += 1
        if having[0] == REGISTERS:
            return 0.0
        harmonic = REGISTERS * _tau(1 - having[_REST_BITS + 1] / REGISTERS)
        for number in reversed(having[1 : _REST_BITS + 1]):
            harmonic = (harmonic + number) / 2
        harmonic += REGISTERS * _sigma(having[0] / REGISTERS)
        return REGISTERS * REGISTERS / (2 * math.log(2) * harmonic)


def _sigma(x: float) -> float:
    """x + Σ x^(2^k) 2^(k-1) over k ≥ 1: what the empty registers tell."""
    weight, total, before = 1.0, x, -1.0
    while total != before:
        x *= x
        before, total = total, total + x * weight
        weight *= 2
    return total


def _tau(x: float) -> float:
    """(1 - x - Σ (1 - x^(2^-k))² 2^-k over k ≥ 1) / 3: what the full registers tell."""
    if x in (0.0, 1.0):
        return 0.0
    weight, total, before = 1.0, 1 - x, -1.0
    while total != before:
        x = math.sqrt(x)
        weight /= 2
        before, total = total, total - (1 - x) ** 2 * weight
    return total / 3
