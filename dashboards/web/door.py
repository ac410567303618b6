"""Who asks the interface for programs: a browser that is signed in, or a program with a token.

In: a request. Out: a `Reader`, or `NotLetIn` with what to answer. Promises: where a token comes along it alone decides;
whoever is not let in learns of no site.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from starlette.requests import Request
from starlette.types import Scope

from ..accounts.accounts import Accounts
from ..accounts.form_token import SESSION_COOKIE
from ..accounts.readers import NoSuchToken, Reader, Readers, TooManyFailures, TooOften
from ..stats.refused import Code

# From which network a request comes, coarsely, as only the composition root can tell.
NetworkOf = Callable[[Scope], str]
_NOBODY = (
    "sign in first, or send a token that reads: `Authorization: Bearer ffr_…`; "
    "`footfall token create --read SITE` on the server makes one"
)
_DOES_NOT_HOLD = (
    "this token does not hold: it was never made, was taken back, has expired, or is one for sending events; "
    "`footfall token list` on the server tells those there are"
)


class NotLetIn(Exception):
    """The text says why. headers: of the answer."""

    def __init__(self, status: int, text: str, code: Code, headers: Mapping[str, str]) -> None:
        super().__init__(text)
        self.status = status
        self.code = code
        self.headers = headers


class Door:
    """network_of: by whose answer tokens that do not hold are counted."""

    def __init__(self, accounts: Accounts, readers: Readers, network_of: NetworkOf) -> None:
        self._accounts = accounts
        self._readers = readers
        self._network_of = network_of

    def who(self, request: Request) -> Reader:
        """Whose question it is. Raises NotLetIn."""
        token = bearer(request.headers)
        if token:
            return self._by_token(token, self._network_of(request.scope))
        user = self._accounts.session(request.cookies.get(SESSION_COOKIE))
        if user is None:
            raise NotLetIn(401, _NOBODY, Code.NOT_SIGNED_IN, {"WWW-Authenticate": "Bearer"})
        return Reader(rights=user.rights)

    def _by_token(self, token: str, network: str) -> Reader:
        try:
            return self._readers.who(token, network)
        except NoSuchToken:
            challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
            raise NotLetIn(401, _DOES_NOT_HOLD, Code.BAD_TOKEN, challenge) from None
        except (TooManyFailures, TooOften) as error:
            again = {"Retry-After": str(error.retry_after)}
            raise NotLetIn(429, str(error), Code.TOO_OFTEN, again) from None


def bearer(headers: Mapping[str, str]) -> str:
    """The token of a request; "" if it brings none. No page of another site can have a browser send one: it would have
    to ask us first (Fetch, CORS-preflight), and we allow it to nobody."""
    kind, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""
