"""What several tests of the pipeline share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from schema.store import Store


@pytest.fixture
def no_spool_is_enrolled(store: Store) -> Iterator[None]:
    """No day waits for a spool that another test has made known."""
    store.command("TRUNCATE TABLE watermarks")
    yield
    store.command("TRUNCATE TABLE watermarks")
