"""What in a text could name a person (rule U2), kind by kind.

In: the folded text in bytes. Out: the bytes with a typed placeholder for each find, and how many were looked at.
Promises: linear time; more candidates than `MOST` end the search.
"""

from __future__ import annotations

from collections.abc import Callable

from .account import ACCOUNT_RULES
from .folders import FOLDER_RULES
from .machine import MACHINE_RULES
from .names import NAME_RULES
from .people import MESSENGER_RULES, PEOPLE_RULES
from .phone import PHONE_RULES
from .place import PLACE_RULES
from .rule import MOST, PLACEHOLDER, Rule, TooMany, judged, many_digits
from .token import LONGEST_WORD, TOKEN_RULES

__all__ = ["LONGEST_WORD", "MOST", "PLACEHOLDER", "TooMany", "replaced"]

# In this order: a placeholder left by one kind is nothing to the next. Before the rules of a kind, whether there can be
# anything for them in the text: most paths pass by most kinds.
_KINDS: tuple[tuple[Callable[[bytes], object], tuple[Rule, ...]], ...] = (
    (lambda raw: (b"." in raw or b"," in raw or b"'" in raw) and (many_digits(raw) or b"\xc2\xb0" in raw), PLACE_RULES),
    (lambda raw: b"=" in raw or b'"' in raw, NAME_RULES),
    (lambda raw: b"@" in raw or b"(" in raw or b"[" in raw, PEOPLE_RULES),
    (lambda raw: b":" in raw or b"." in raw, MESSENGER_RULES),
    (many_digits, ACCOUNT_RULES),
    (lambda raw: b"-" in raw or b"." in raw or b":" in raw or b"_" in raw or b" " in raw, MACHINE_RULES),
    (many_digits, PHONE_RULES),
    (lambda raw: len(raw) >= 12, TOKEN_RULES),
    (lambda raw: b"/" in raw, FOLDER_RULES),
)


def replaced(raw: bytes, looked_at: int = 0) -> tuple[bytes, int]:
    """The text with its finds replaced, and the candidates looked at so far. Raises TooMany."""
    for applies, rules in _KINDS:
        if not applies(raw):
            continue
        for rule in rules:
            if rule.applies(raw):
                raw, more = judged(raw, rule)
                if more and rule.most == MOST:
                    looked_at += more
                    if looked_at > MOST:
                        raise TooMany
    return raw, looked_at
