"""What the engineers' page of the dashboards tells of the instance: the same list that `footfall check` tells.

In: the settings in force, and what the process may ask its store. Out: what the page shows.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import structs

from dashboards.web.engineers import Checked, Health

from ..settings import Settings
from .finding import Finding
from .look import look_within


def teller(in_force: Callable[[], Settings], stored: Callable[[], list[Finding]]) -> Health:
    """What the page shows. in_force: the settings, whose sites may change. stored: what this process's store tells."""

    def told() -> list[Checked]:
        return [Checked(*structs.astuple(one)) for one in look_within(in_force(), stored)]

    return told
