"""The token by which a form proves that one of our own pages showed it.

Why: where neither Sec-Fetch-Site nor Origin says whose page a write is from, a token bound to the browser's session
does (OWASP, Cross-Site Request Forgery Prevention: Signed Double-Submit Cookie). In: the session's cookie.
Promises: a token tells nothing about the session, which alone is what it is made of; so it holds across restarts.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping

TOKEN = "form_token"  # noqa: S105 - a field's name
SESSION_COOKIE = "footfall_session"
# What the sign-in form is bound to, before there is a session.
FORM_COOKIE = "footfall_form"
_DIGEST = 32


def token_of(cookie: str) -> str:
    """A token for the forms that are shown to the browser with that cookie. It is another one every time, and proves
    the same: what stays the same could be read from the length of compressed pages (`compress`)."""
    mask = secrets.token_bytes(_DIGEST)
    return (mask + _xor(mask, _proof_of(cookie))).hex()


def is_proven(form: Mapping[str, str], cookies: Mapping[str, str], of_strangers: bool) -> bool:
    """Whether the form was shown to this browser. of_strangers: whether it is one for who is not signed in: those hold
    also after he did so in another tab. No other goes by their cookie, which whatever else this host serves, at another
    port, may have put there."""
    try:
        token = bytes.fromhex(form.get(TOKEN, ""))
    except ValueError:
        return False
    given = _xor(token[:_DIGEST], token[_DIGEST:])
    names = (SESSION_COOKIE, FORM_COOKIE) if of_strangers else (SESSION_COOKIE,)
    bound = [cookies[name] for name in names if cookies.get(name)]
    return len(token) == 2 * _DIGEST and any(hmac.compare_digest(given, _proof_of(cookie)) for cookie in bound)


def _proof_of(cookie: str) -> bytes:
    return hmac.digest(cookie.encode("utf-8", "surrogatepass"), b"footfall form", "sha256")


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=False))
