"""An LRU cache of what was read of released days, because a released day never changes.

In: a key that holds all that an answer depends on, and how to read it. Out: the answer, read once.
Promises: nothing of an open day; of bounded size, the longest unused goes first; the answer is the same as if all of it
was read.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from .source import Span

T = TypeVar("T")
Part = TypeVar("Part", bound=dict[Any, Any])

# Values of all answers together: some 100 MB at most. One answer may have a quarter of them: so many has a year of a
# site with a million events a day.
MOST_VALUES = 200_000


class LruCache:
    """Answers by key. most: how many values they may have together."""

    def __init__(self, most: int) -> None:
        self.most = most
        # The last used is last.
        self._answers: dict[tuple[Any, ...], tuple[Any, int]] = {}
        self._values = 0
        self._lock = threading.Lock()

    @property
    def most_of_one(self) -> int:
        """How many values an answer may have to be kept."""
        return self.most // 4

    def __contains__(self, key: tuple[Any, ...]) -> bool:
        return key in self._answers

    def get(self, key: tuple[Any, ...], read: Callable[[], T], values: Callable[[Any], int]) -> T:
        """The answer. values: how many values it has. None is no answer, and not kept."""
        with self._lock:
            found = self._answers.pop(key, None)
            if found is not None:
                self._answers[key] = found
                answer: T = found[0]
                return answer
        answer = read()
        if answer is None:
            return answer
        weight = 1 + values(answer)
        if weight <= self.most_of_one:
            with self._lock:
                self._values += weight - self._answers.pop(key, (None, 0))[1]
                self._answers[key] = (answer, weight)
                while self._values > self.most:
                    self._values -= self._answers.pop(next(iter(self._answers)))[1]
        return answer

    def joined(
        self,
        name: str,
        span: Span,
        key: tuple[Any, ...],
        rows: int,
        read: Callable[[], T],
        closed: Callable[[Span], Part],
        opened: Callable[[], Part | None],
        join: Callable[[Part, Part], T],
        values: Callable[[Any], int],
    ) -> T:
        """The answer about a span of which some days may be open. key: what it depends on but the span. rows: and how
        many rows of it are wanted. read: all of it, by the store. closed, opened: of these days alone, with all that
        `join` may need; None where it is too much.

        What is open is read alone and joined in Python: planning a statement over both takes twice as long. Where that
        would be too much, it is noted, and the store is asked for all from then on."""
        if not self.most or not span.has_open:
            return self.get((name, span, *key, rows), read, values)
        crowded = (f"crowded {name}", span.site, span.first, span.last)
        if crowded not in self:
            known: Any = {}
            if span.has_closed:
                rest = span.closed()
                known = self.get((f"all {name}", rest, *key), lambda: closed(rest), values)
            new = opened()
            if new is not None and values(known) < self.most_of_one:
                return join(known, new)
            self.get(crowded, lambda: True, int)
        return read()
