"""Garbage is looked for afterwards as it was before."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from schema.garbage import uncollected


@pytest.fixture
def as_it_was() -> Iterator[None]:
    was_on = gc.isenabled()
    yield
    (gc.enable if was_on else gc.disable)()


@pytest.mark.parametrize("was_on", [True, False])
def test_it_is_as_it_was(was_on: bool, as_it_was: None) -> None:
    (gc.enable if was_on else gc.disable)()
    with pytest.raises(AssertionError), uncollected():
        assert gc.isenabled()
    assert gc.isenabled() is was_on
