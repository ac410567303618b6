"""Rule U2: what could name a person is taken out of a text before anything else sees it.

In: a path, a kept parameter's value, a referrer, an event's name, a property's value. Out: the readable text with
typed placeholders such as `:email`. Promises: at most two decodings, linear time, and scrub(scrub(x)) == scrub(x).
"""

from __future__ import annotations

import binascii
import re
import unicodedata

from .finds import SECRET_NAMES, TooMany, is_secret, replaced
from .linear import linear

__all__ = ["MAX_TEXT", "SECRET_NAMES", "is_secret", "scrub"]

# Bytes; a URL may have as many. Of a longer text only the head is read, so that hostile texts stay cheap.
MAX_TEXT = 2000
# A replacement may lay bare another find. Two rounds settle all but made-up texts; those become one placeholder.
_MAX_ROUNDS = 4
_UNSETTLED = ":scrubbed"
# More escapes than that do not fit into the bytes: most are no escapes.
_MOST_ESCAPES = MAX_TEXT // 3 + 34
# Letters normalized at a time: some become eighteen, and what is over the limit need not be made.
_STRETCH = 25

# Words, short numbers between words, and numbers that are a whole folder of at most seven digits: the text of almost
# every path. Nothing below looks for that, so it returns at once.
_PLAIN = re.compile(
    r"(?:[a-z \-_]++|/(?!0[1-9][0-9]{1,4}/[0-9]{5})[0-9]{1,7}(?=/|$)|/|[A-Z](?=[a-z])|"
    r"(?<=[a-z]-)[0-9]{1,4}(?=-[a-z]|/|$))*+"
    r"(?:\.(?:html?|php|aspx?|jsp|pdf|xml|txt))?"
)
# Control characters and invisible marks; halves of surrogate pairs fall out when encoded. ZWNJ and ZWJ stay: Persian
# words and emoji are written with them. The last are an alphabet nobody sees: a whole address can be written in it.
_HIDDEN = (
    "\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u180b-\u180f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\U000e0000-\U000e0fff"
)
_INVISIBLE = re.compile(f"[{_HIDDEN}]+")
# More accents on one letter than any language writes: putting them into order takes the square of their number.
_MARKS = "".join(filter(unicodedata.combining, map(chr, range(0x300, 0xFFFF))))
_PILE = re.compile(f"([{_MARKS}]{{10}})[{_MARKS}]+")
# Whether either is there at all, at a tenth of the time; two accents in a row are rare enough.
_MAY_BE_CLEANED = linear(rf"[{_HIDDEN}]|\p{{M}}\p{{M}}".encode(), letters=True)
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_LONE_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_HAS_LONE_PERCENT = linear(rb"%(?:[0-9A-Fa-f]?[^0-9A-Fa-f]|[0-9A-Fa-f]?$)")


def scrub(text: str) -> str:
    """The readable form of a text, without what could name a person."""
    text = text[:MAX_TEXT]
    looked_at = 0
    try:
        for _ in range(_MAX_ROUNDS):
            if _PLAIN.fullmatch(text):
                return text
            readable = _readable(text)
            raw = readable.encode()
            again, looked_at = replaced(raw, looked_at)
            if again == raw and (readable == text or _readable(readable) == readable):
                return readable
            text = _cut(again.decode("utf-8", "ignore"))
    except TooMany:
        pass
    return _UNSETTLED


def _cut(text: str) -> str:
    if len(text) * 4 <= MAX_TEXT or (text.isascii() and len(text) <= MAX_TEXT):
        return text
    return text.encode()[:MAX_TEXT].decode("utf-8", "ignore")


def _readable(text: str) -> str:
    text = _visible(text)
    if "%" not in text:
        return text
    for _ in range(2):
        if text.count("%") > _MOST_ESCAPES:
            return ":encoded"
        if not _ESCAPE.search(text):
            return text
        text = _visible(_unescaped(text))
    if _ESCAPE.search(text):
        # Escaped three times and more: nobody's page, but somebody may hide an address in it.
        text = "/".join(":encoded" if _ESCAPE.search(part) else part for part in text.split("/"))
    return text


def _unescaped(text: str) -> str:
    # The standard library's unquote takes 0.7 ms for 2,000 percent signs. Quoted-printable is the same code with
    # another mark, and its decoder is C.
    raw = text.encode("utf-8", "ignore")
    if _HAS_LONE_PERCENT.search(raw):
        raw = _LONE_PERCENT.sub(b"%25", raw)
    return binascii.a2b_qp(raw.replace(b"=", b"%3D").replace(b"%", b"=")).decode("utf-8", "replace")


def _visible(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    raw = text.encode("utf-8", "ignore")[:MAX_TEXT]
    text = raw.decode("utf-8", "ignore")
    if _MAY_BE_CLEANED.search(raw):
        text = _PILE.sub(r"\1", "".join(_INVISIBLE.split(text)))
    normal: list[str] = []
    size = start = 0
    while start < len(text) and size < MAX_TEXT:
        end = start + _STRETCH
        while end < len(text) and unicodedata.combining(text[end]):
            end += 1
        normal.append(unicodedata.normalize("NFKC", text[start:end]))
        size += len(normal[-1].encode())
        start = end
    # Parts of a Korean syllable may have met at a seam: the next round puts them together.
    return _cut("".join(normal))
