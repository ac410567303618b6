"""A store whose nth statement is its process's end.

In: a store and a number. Out: SIGKILL before that statement.
"""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Callable
from typing import Any

from schema.store import Store


def doom(store: Store, number: int) -> None:
    """From now on statements are counted."""
    statements = itertools.count(1)

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def statement(*given: Any, **more: Any) -> Any:
            if next(statements) == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*given, **more)

        return statement

    for name in ("rows", "command", "insert", "text"):
        setattr(store, name, counted(getattr(store, name)))
