"""Rule U2: what could name a person is taken out of a text before anything else sees it.

In: a path, a kept parameter's value, a host, a referrer, an event's name, a property's value, decoded as their place
asks for. Out: the text as it was sent, with typed placeholders such as `:email` where something was found.
Promises: finds are looked for as `folded` reads the text; linear time; scrub(scrub(x)) == scrub(x).
"""

from __future__ import annotations

import re

from .finds import TooMany, may_be_code, replaced
from .finds.names import SECRET_NAMES, is_secret
from .folded import MAX_TEXT, folded, head, visible

__all__ = ["MAX_TEXT", "SECRET_NAMES", "is_secret", "scrub"]

# A replacement may lay bare another find. Two rounds settle all but made-up texts; those become one placeholder.
_MAX_ROUNDS = 4
_UNSETTLED = ":scrubbed"

# Words, short numbers between words, and numbers that are a whole folder of at most seven digits: the text of almost
# every path. Nothing below looks for that, so it returns at once; but words may be a code behind "/invite/".
_PLAIN = re.compile(
    r"(?:[a-z \-_]++|/(?!0[1-9][0-9]{1,4}/[0-9]{5})[0-9]{1,7}(?=/|$)|/|[A-Z](?=[a-z])|"
    r"(?<=[a-z]-)[0-9]{1,4}(?=-[a-z]|/|$))*+"
    r"(?:\.(?:html?|php|aspx?|jsp|pdf|xml|txt))?"
)


def scrub(text: str) -> str:
    """The text without what could name a person."""
    text = text[:MAX_TEXT]
    if _PLAIN.fullmatch(text) and not may_be_code(text):
        return text
    text = visible(text)
    looked_at = 0
    try:
        for _ in range(_MAX_ROUNDS):
            seen, whole = folded(text)
            raw = seen.encode()
            again, looked_at = replaced(raw, looked_at)
            # What has no room in the form that is looked at is not kept unseen.
            if again == raw and whole:
                return text
            text = visible(head(again.decode("utf-8", "ignore")))
    except TooMany:
        pass
    return _UNSETTLED
