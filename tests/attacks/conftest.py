"""What an attack came to is printed when all tests are done: the attackers' report."""

from __future__ import annotations

from collections.abc import Callable

import pytest


@pytest.fixture
def report(record_property: Callable[[str, object], None]) -> Callable[[str, str], None]:
    """Say what an attack got: (who attacks, by which rules and with what outcome)."""

    def tell(attack: str, outcome: str) -> None:
        record_property("attack", f"{attack}: {outcome}")

    return tell
