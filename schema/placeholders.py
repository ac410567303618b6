"""What stands in a text where the scrubber has taken something out (rule U2), such as `:email`.

In: a scrubbed text. Out: the kinds that stand in it. Promises: the scrubber puts in no other (a test holds its corpus
against this list).
"""

from __future__ import annotations

import re

# By kind what was there, in words.
KINDS = {
    "email": "an e-mail address",
    "phone": "a phone number",
    "handle": "a handle of a person",
    "ip": "an IP or MAC address",
    "uuid": "a UUID",
    "token": "a token, or what looks random",
    "hex": "a long hexadecimal number",
    "jwt": "a signed token",
    "secret": "the value of what is named as a secret",
    "card": "a card number",
    "iban": "an account number",
    "coordinates": "coordinates",
    "encoded": "more than two layers of escapes",
    "scrubbed": "too much to tell apart",
}
_FIND = re.compile(f":({'|'.join(KINDS)})(?![a-z])")


def kinds_in(text: str) -> tuple[str, ...]:
    """Each kind once, in the order of the text."""
    return tuple(dict.fromkeys(_FIND.findall(text)))
