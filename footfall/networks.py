"""From which network somebody signs in, so that failures of others do not shut him out.

In: a request to the dashboards. Out: the network of its address, truncated as for every other limit. Promises: proxies
are believed as the collector believes them; the address itself goes no further.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.types import Scope

from collector.edge.client import client_of
from collector.privacy.address import truncate

from .settings import Settings


def networks(settings: Settings) -> Callable[[Scope], str]:
    """The network of whoever asks; "" where nobody can tell it."""
    proxies = settings.collector.proxies()

    def network_of(scope: Scope) -> str:
        return truncate(client_of(scope, proxies).address)

    return network_of
