"""Whether a house has released the day that it was filled with.

In: a running house. Out: yes or no, as its log of releases says. Promises: a house that does not answer has not yet.
"""

from __future__ import annotations

import contextlib

from footfall.canary.scratch import Scratch
from footfall.control.remote import GONE, remote
from footfall.errors import CannotDo

from .rollup import DAY


def is_released(house: Scratch, site: str) -> bool:
    """Not while nobody answers, either: it starts, or was killed and is started anew."""
    day = DAY.isoformat()
    with contextlib.suppress(CannotDo, *GONE):
        return bool(remote(house.data / "control.sock").release_log(site, day, day)["entries"])
    return False
