"""When Python looks for garbage.

In: code that makes very many small objects and keeps them all. Out: it runs without being looked through.
Promises: afterwards it is as it was before, whatever the code raises.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """No cycle is looked for: each of very many objects would be looked at again and again. Two threads may overlap;
    the first that ends has them looked for again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
