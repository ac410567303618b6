"""The endpoint for a site's own servers, `POST /api/events`: refused before the body is read where no token holds."""

from __future__ import annotations

from ..service import Collector
from ..tokens import Tokens, bearer
from ..wire.server_api import ServerEvents, not_authorized
from .endpoint import Endpoint
from .head import Head
from .reply import Reply


class ServerEndpoint(Endpoint):
    """The format at its path. Whoever has no token is refused before a long body is read."""

    def __init__(self, collector: Collector, tokens: Tokens) -> None:
        super().__init__(collector, ServerEvents(tokens), cross_origin=False)
        self._tokens = tokens

    def unread(self, head: Head, now: float) -> Reply | None:
        if head.method == "POST" and not self._tokens.site_of(bearer(head.headers)):
            refused = not_authorized()
            self._collector.refuse(refused, now, self._wire)
            return self._refuse(head.origin, refused)
        return super().unread(head, now)
