"""An LRU cache of what was read of released days, because a released day never changes.

In: a key that holds all that an answer depends on, and how to read it. Out: the answer, read once.
Promises: nothing of an open day; of bounded size, the longest unused goes first; the answer is the same as if all of it
was read.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

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
