"""Rule U2: what could name a person is taken out of a text before anything else sees it.

In: a path, a kept parameter's value, a host, a referrer, an event's name, a property's value, decoded as their place
asks for. Out: the text as it was sent, with typed placeholders such as `:email` in the place of what was found.
Promises: finds are looked for as `folded` reads the text; linear time; scrub(scrub(x)) == scrub(x).
"""

from __future__ import annotations

import re

from .aligned import aligned
from .folded import MAX_TEXT, folded, head, visible
from .pii_detectors import TooMany, replaced
from .pii_detectors.names import SECRET_NAMES, is_secret
from .prefilter import is_plain

__all__ = ["MAX_TEXT", "SECRET_NAMES", "is_secret", "scrub", "scrub_host"]

# A replacement may lay bare another find. Two rounds settle all but made-up texts; those become one placeholder.
_MAX_ROUNDS = 4
_UNSETTLED = ":scrubbed"

# Names of hosts as most are: nothing is found in them. "203-0-113-7.dsl.example" is not among them.
_PLAIN_HOST = re.compile(r"(?:[a-z]++[0-9]{0,3}(?=[-.]|$)|[-.]|[0-9]{1,4}(?=\.|$))*+")
# Providers put their customers' addresses into names.
_ADDRESS_LABEL = re.compile(r"(?:.*[a-z][-_]?)?(?:(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])[-_]){3}[0-9]{1,3}(?:[-_].*)?")
# An address is its own end: the name of a host never ends in digits.
_ADDRESS = re.compile(r".*(?:\.[0-9]+|:.*)")


def scrub(text: str) -> str:
    """The text without what could name a person."""
    text = text[:MAX_TEXT]
    if is_plain(text):
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
            clean = head(again.decode("utf-8", "ignore"))
            text = visible((aligned(text, seen, clean) if whole and seen != text else None) or clean)
    except TooMany:
        pass
    return _UNSETTLED


def scrub_host(host: str) -> str:
    """The name of a host without what could name a person, label by label; a server's address stays."""
    if _PLAIN_HOST.fullmatch(host) or _ADDRESS.fullmatch(host):
        return host
    return ".".join(map(_scrub_label, host.split(".")))


def _scrub_label(label: str) -> str:
    if label.startswith("xn--"):
        # Another alphabet's letters in ASCII look like a token.
        return label
    return ":ip" if _ADDRESS_LABEL.fullmatch(label) else scrub(label)
