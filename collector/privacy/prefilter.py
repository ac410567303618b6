"""Texts in which nothing can be found, told at a tenth of the time that looking for every kind takes.

In: a text. Out: whether it is made of words and short numbers only, as most paths and titles are.
Promises: linear time (RE2); in a plain text the detectors find nothing, which tests hold.
"""

from __future__ import annotations

import re

from ..text.re2 import regex
from .pii_detectors import LONGEST_WORD
from .pii_detectors.detector import NO_DIGITS
from .pii_detectors.folders import MAY_BE_CODE

# Telephone numbers have eight digits and more, coordinates too.
_MOST_DIGITS = 7
# Letters that stay as they are when look-alikes are made alike (NFKC): Latin ones with accents, Cyrillic, Han.
_ACCENTED = (
    rb"\xc3[\x80-\xbf]|\xc4[\x80-\xb1\xb4-\xbe]|\xc5[\x81-\x88\x8a-\xbe]|[\xd0\xd1][\x80-\xbf]|"
    rb"[\xe5-\xe8][\x80-\xbf][\x80-\xbf]"
)
_LETTERS = rb"(?:[A-Z]?(?:[a-z]|%s){1,15})" % _ACCENTED
_ANY_LETTERS = rb"(?:[a-z]|%s)+" % _ACCENTED
_TITLE = rb"(?:[A-Z]?[a-z]{1,15}|[A-Z]{1,4}|[0-9]{1,7})"
_MIXED = rb"(?:[0-9a-z]{1,10}|[a-z]{1,15})"
_RUN = b"|".join(
    (
        # "lohn-und-gehalt", "donaudampfschifffahrt", "summer_sale", "über-uns"
        rb"%s(?:[-_]+%s)*" % (_ANY_LETTERS, _ANY_LETTERS),
        rb"%s(?:[-_]%s)*" % (_LETTERS, _LETTERS),
        # "Nike-Air-Max-90"
        rb"%s(?:-%s)*-?" % (_TITLE, _TITLE),
        # "samsung-s24-ultra-512gb": with a word of five letters it is nothing drawn at random.
        rb"(?:%s-)*[a-z]{5,15}(?:-%s)*" % (_MIXED, _MIXED),
        rb"[0-9a-z]{1,9}(?:-[0-9a-z]{1,9})?|[0-9A-Z]{1,9}(?:-[0-9A-Z]{1,9})?",
        rb"[-_]",
    )
)
_PLAIN = regex(rb"^(?:%s)?(?:(?:[/ .,!?+|>;*~]|: )+(?:%s))*[/ .,!?+|>;*~]*$" % (_RUN, _RUN))
# What of it may be found all the same: addresses of a network or of its card, identifiers with a prefix, messengers.
_MAY_BE_FOUND = regex(
    rb"(?i)(?:[0-9a-f]{2}[-_ .]){5}[0-9a-f]{2}|[0-9][-_.][0-9]{1,3}[-_.][0-9]{1,3}[-_.][0-9]|(?:[0-9a-f]{4}\.){2}|"
    rb"(?:[0-9a-f]{4}[-_]){3}[0-9a-f]{4}|\.(?:me|dog)/|xox|xapp|glpat|(?:^|[^a-z])sk-|"
    rb"(?:^|[^0-9a-z])(?:acct|cus|cust|inv|ord|org|pay|req|sess?|sub|tok|txn|use?r)-[a-z]*[0-9]"
)
# "/2024/05/17/news", "/blog/2024-05-17-release"
_DATE = re.compile(rb"(?:^|/|[a-z]-)(?:19|20)[0-9]{2}([-/])[01][0-9]\1[0-3][0-9](?=/|$|-[a-z])")


def is_plain(text: str) -> bool:
    """Whether a text is made of words and short numbers, and no word can be a code."""
    if len(text) >= LONGEST_WORD:
        return False
    raw = text.encode("utf-8", "ignore")
    if _PLAIN.match(raw) is None:
        return False
    if _digits(raw) > _MOST_DIGITS and _digits(_DATE.sub(b"", raw)) > _MOST_DIGITS:
        return False
    if _MAY_BE_FOUND.search(raw):
        return False
    return b"/" not in raw or MAY_BE_CODE.search(raw) is None


def _digits(raw: bytes) -> int:
    return len(raw.translate(None, NO_DIGITS))
