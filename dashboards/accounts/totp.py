"""Codes of six digits that change every half minute (RFC 6238, TOTP over HMAC-SHA-1, as every authenticator has it).

In: a secret, a moment. Out: a code, or the step that a code is of. Promises: codes are compared in constant time.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from urllib.parse import quote, urlencode

STEP_S = 30
DIGITS = 6
# Of the clock of a telephone, and of what typing takes: a step to either side (RFC 6238, 5.2).
_DRIFT = 1
_SECRET_BYTES = 20


def new_secret() -> str:
    """In base32, as authenticators take it."""
    return base64.b32encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def code_of(secret: str, step: int) -> str:
    """The code of a step (RFC 4226, 5.3)."""
    digest = hmac.digest(base64.b32decode(secret), step.to_bytes(8, "big"), "sha1")
    start = digest[-1] & 15
    number = int.from_bytes(digest[start : start + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def step_of(secret: str, code: str, now: float) -> int:
    """The step whose code that is, near now; 0 where it is none."""
    given, found = code.encode("utf-8", "surrogatepass"), 0
    for step in range(int(now) // STEP_S - _DRIFT, int(now) // STEP_S + _DRIFT + 1):
        if hmac.compare_digest(code_of(secret, step).encode(), given):
            found = step
    return found


def address_of(secret: str, name: str) -> str:
    """What an authenticator opens."""
    asked = urlencode({"secret": secret, "issuer": "Footfall"})
    return f"otpauth://totp/{quote(f'Footfall:{name}')}?{asked}"
