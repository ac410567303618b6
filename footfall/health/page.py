"""What the engineers' page of the dashboards tells of the house: the same list that `footfall check` tells.

In: the process's engine. Out: what the page shows. Promises: a process that has only the dashboards' rights asks its
store nothing but whether it is there.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import structs

from dashboards.engineers import Checked, Health
from schema.store import Store

from ..control.engine import Engine
from .finding import Finding
from .look import look_within
from .stored import of_server


def teller(engine: Engine, reading: Store, parts: Sequence[str]) -> Health:
    """What the page shows. reading: the store as pages ask it, which is not for long."""

    def stored() -> list[Finding]:
        return engine.health() if "pipeline" in parts else [of_server(reading)]

    def told() -> list[Checked]:
        return [Checked(*structs.astuple(one)) for one in look_within(engine.settings, stored)]

    return told
