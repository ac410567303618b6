"""How long something lasts or is ago, as coarsely as a person needs it.

In: seconds. Out: text, such as 12 s, 5 min, 3 h.
"""

from __future__ import annotations

_STEPS_S = (1, 3, 10, 30, 60, 180, 600, 1800, 3600)


def duration(seconds: float) -> str:
    """Rounded; minutes from two minutes on, hours from two hours on."""
    if seconds < 120:
        return f"{max(0.0, seconds):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def at_most(seconds: float) -> str:
    """The next longer of a few durations: what is not said of a single visit."""
    return next((duration(step) for step in _STEPS_S if seconds <= step), "hours")
