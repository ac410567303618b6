"""The histogram bucket of a sample, in Python: what the pipeline's SQL is held against."""

from __future__ import annotations

import math

from schema.vitals import GAMMA, Vital


def bucket_of(vital: Vital, value: float) -> int:
    """The histogram bucket of a value in the vital's unit."""
    scaled = value * vital.scale
    return 0 if scaled <= 1 else math.ceil(math.log(scaled) / math.log(GAMMA))
