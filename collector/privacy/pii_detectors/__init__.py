"""What in a text could name a person (rule U2), kind by kind.

In: the folded text in bytes. Out: the bytes with a typed placeholder for each find, and how many were looked at.
Promises: linear time; more candidates than `MOST` end the search.
"""

from __future__ import annotations

from collections.abc import Callable

from .account import ACCOUNT_DETECTORS
from .coordinates import COORDINATE_DETECTORS
from .detector import MOST, PLACEHOLDER, Detector, TooMany, judged, many_digits
from .folders import FOLDER_DETECTORS
from .machine import MACHINE_DETECTORS
from .names import NAME_DETECTORS
from .people import MESSENGER_DETECTORS, PEOPLE_DETECTORS
from .phone import PHONE_DETECTORS
from .token import LONGEST_WORD, TOKEN_DETECTORS

__all__ = ["LONGEST_WORD", "MOST", "PLACEHOLDER", "TooMany", "replaced"]

# In this order: a placeholder left by one kind is nothing to the next. Before the detectors of a kind, whether there
# can be anything for them in the text: most paths pass by most kinds.
_KINDS: tuple[tuple[Callable[[bytes], object], tuple[Detector, ...]], ...] = (
    (
        lambda raw: (b"." in raw or b"," in raw or b"'" in raw) and (many_digits(raw) or b"\xc2\xb0" in raw),
        COORDINATE_DETECTORS,
    ),
    (lambda raw: b"=" in raw or b'"' in raw, NAME_DETECTORS),
    (lambda raw: b"@" in raw or b"(" in raw or b"[" in raw, PEOPLE_DETECTORS),
    (lambda raw: b":" in raw or b"." in raw, MESSENGER_DETECTORS),
    (many_digits, ACCOUNT_DETECTORS),
    (lambda raw: b"-" in raw or b"." in raw or b":" in raw or b"_" in raw or b" " in raw, MACHINE_DETECTORS),
    (many_digits, PHONE_DETECTORS),
    (lambda raw: len(raw) >= 12, TOKEN_DETECTORS),
    (lambda raw: b"/" in raw, FOLDER_DETECTORS),
)


def replaced(raw: bytes, looked_at: int = 0) -> tuple[bytes, int]:
    """The text with its finds replaced, and the candidates looked at so far. Raises TooMany."""
    for applies, detectors in _KINDS:
        if not applies(raw):
            continue
        for detector in detectors:
            if detector.applies(raw):
                raw, more = judged(raw, detector)
                if more and detector.most == MOST:
                    looked_at += more
                    if looked_at > MOST:
                        raise TooMany
    return raw, looked_at
