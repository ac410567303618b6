"""Every web vital there is, and the histogram that its samples are kept in.

In: nothing. Out: `VITALS`, and which bucket holds which values. Promises: a value read from its bucket is within 2 % of
the true one.
"""

from __future__ import annotations

from msgspec import Struct


class Vital(Struct, frozen=True):
    """A web vital. good, poor: Google's thresholds in the vital's own unit (at most good is good, above poor is poor).
    scale: factor from the unit to the histogram's integer-like range, so that a shift of 0.001 is 1. element: what the
    element did that the browser names, "" where it names none."""

    name: str
    label: str
    definition: str
    good: float
    poor: float
    unit: str = "ms"
    scale: float = 1.0
    element: str = ""


_VITALS = (
    Vital(
        "lcp",
        "LCP",
        "Largest Contentful Paint: when the main content was painted.",
        2500,
        4000,
        element="was painted last",
    ),
    Vital(
        "inp", "INP", "Interaction to Next Paint: how long the page took to answer.", 200, 500, element="was touched"
    ),
    Vital("cls", "CLS", "Cumulative Layout Shift: how much the page moved.", 0.1, 0.25, "", 1000.0, "moved most"),
    Vital("fcp", "FCP", "First Contentful Paint: when anything was painted.", 1800, 3000),
    Vital("ttfb", "TTFB", "Time To First Byte: how long the server took.", 800, 1800),
)
VITALS: dict[str, Vital] = {vital.name: vital for vital in _VITALS}
# Those of which the browser names an element.
OF_ELEMENTS = tuple(vital.name for vital in _VITALS if vital.element)

# The percentiles that are told: by name the share of samples that are at most so.
PERCENTILES = {"p50": 0.5, "p75": 0.75, "p90": 0.9, "p99": 0.99}

# Histogram bucket i > 0 holds values in (GAMMA^(i-1), GAMMA^i] (pipeline/rollup/shape.py); its representative
# 2·GAMMA^i/(GAMMA+1) is within 2 % of every one of them (Masson, Rim, Lee: DDSketch, VLDB 2019). Values of at most 1
# (1 ms, a shift of 0.001) are bucket 0.
RELATIVE_ERROR = 0.02
GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
# Carries the number of people of a vital's cell, not samples.
PEOPLE_BUCKET = -1


def value_of(vital: Vital, bucket: int) -> float:
    """The representative value of a bucket, in the vital's unit. Bucket 0 reads as 0."""
    return 0.0 if bucket == 0 else 2 * GAMMA**bucket / (GAMMA + 1) / vital.scale
