"""The wish to be forgotten: whose rows of today go, and from where no more such wishes are taken.

In: a `Draft` that ended as withdrawn. Out: an `Erasure`. Promises: one network cannot have more of today deleted than
people there can want; whoever asks is not told whether there is anything of him.
"""

from __future__ import annotations

from collections.abc import Sequence

from schema.event import Erasure

from .ended import erasure_of
from .model import Draft, RateLimit
from .privacy.address import Proxies
from .steps import put_key, put_network_number


class TooManyObjections(Exception):
    """One network asks for more of today to be deleted than people there can want."""


class Objections:
    """limit: of wishes from a network; None: there is none. proxies: behind which many people are."""

    def __init__(self, proxies: Proxies, limit: RateLimit | None) -> None:
        self._proxies = proxies
        self.limit = limit

    def erasure(self, draft: Draft, by_token: bool = False, withdrawn: Sequence[Erasure] = ()) -> Erasure | None:
        """The wish to be forgotten; None of whom nothing can be known. withdrawn: those of the same request.
        Raises NoKey, TooManyObjections."""
        erasure = erasure_of(draft)
        if erasure in withdrawn or by_token or self._proxies.hold(draft.client.address):
            return erasure
        if self.limit is not None:
            put_key(draft)
            put_network_number(draft)
            if not self.limit.admits(draft.network_number):
                raise TooManyObjections
        return erasure
