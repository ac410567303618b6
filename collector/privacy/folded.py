"""What a text says to a reader or a program, however it is written: the form in which finds are looked for.

In: a text. Out: the same with at most two layers of escapes read (percent, HTML, backslash) and look-alikes made alike:
dashes, full stops, digits of every script, wide forms. Promises: linear time; never longer than `MAX_TEXT` bytes.
"""

from __future__ import annotations

import html
import re
import unicodedata

from ..text.percent import decoded
from ..text.re2 import regex

# Bytes; a URL may have as many. Of a longer text only the head is read, so that hostile texts stay cheap.
MAX_TEXT = 2000
LAYERS = 2
ENCODED = ":encoded"
# More escapes than that do not fit into the bytes: most are no escapes.
_MOST_ESCAPES = MAX_TEXT // 3 + 34
# Letters normalized at a time: some become eighteen, and what is over the limit need not be made.
_STRETCH = 25

_PERCENT = re.compile(r"%(?:[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4})")
# Names need their semicolon: "?a=1&region=2" holds no "&reg".
_ENTITY = re.compile(r"&(?:#(?:[0-9]{1,7}|[xX][0-9A-Fa-f]{1,6});?|[A-Za-z][A-Za-z0-9]{1,31};)")
_BACKSLASH = re.compile(r"(?:\\u|%u)([0-9A-Fa-f]{4})|\\u\{([0-9A-Fa-f]{1,6})\}|\\x([0-9A-Fa-f]{2})|\\U([0-9A-Fa-f]{8})")
_ESCAPE = re.compile(f"{_PERCENT.pattern}|{_ENTITY.pattern}|{_BACKSLASH.pattern}")

# The zeros of the scripts that have digits of their own; nine follow each. Wide and mathematical ones are NFKC's.
_ZEROS = (
    "\u0660\u06f0\u07c0\u0966\u09e6\u0a66\u0ae6\u0b66\u0be6\u0c66\u0ce6\u0d66\u0de6\u0e50\u0ed0\u0f20\u1040\u1090\u17e0"
    "\u1810\u1946\u19d0\u1a80\u1a90\u1b50\u1bb0\u1c40\u1c50\ua620\ua8d0\ua900\ua9d0\ua9f0\uaa50\uabf0\U000104a0"
    "\U00010d30\U00010d40\U00011066\U000110f0\U00011136\U000111d0\U000112f0\U00011450\U000114d0\U00011650\U000116c0"
    "\U000116d0\U000116da\U00011730\U000118e0\U00011950\U00011bf0\U00011c50\U00011d50\U00011da0\U00011de0\U00011f50"
    "\U00016130\U00016a60\U00016ac0\U00016b50\U00016d70\U0001e140\U0001e2f0\U0001e4f0\U0001e5f1\U0001e950"
)
_ALIKE = {
    # Category Pd, and what only looks like it.
    **dict.fromkeys(
        "\u058a\u05be\u1400\u1806\u2010\u2011\u2012\u2013\u2014\u2015\u2e17\u2e1a\u2e3a\u2e3b\u2e40\u2e5d\u301c\u3030"
        "\u30a0\ufe31\ufe32\ufe58\ufe63\uff0d\U00010d6e\U00010ead\u2212\u2043\u02d7\u2796\u207b\u208b\u06d4\u2500",
        "-",
    ),
    **dict.fromkeys("\u3002\uff61\u2024\ua4f8\u066b\u0589\u0701\u0702\u1362\u166e\ua60e", "."),
    **dict.fromkeys("\u3001\uff64\u060c\u066c\u201a\ua4f9\u1363", ","),
    **dict.fromkeys("\u2044\u2215\u29f8", "/"),
    **dict.fromkeys("\u2236\ua789\u02d0\u05c3", ":"),
    **dict.fromkeys("\u2032\u2018\u2019\u02b9\u02bc", "'"),
    **dict.fromkeys("\u2033\u201c\u201d\u02ba", '"'),
    "\uff20": "@",
    "\ufe6b": "@",
    # Joiners, variation selectors, the keycap of emoji.
    **dict.fromkeys("\u200c\u200d\u20e3" + "".join(map(chr, range(0xFE00, 0xFE10))), ""),
    **{chr(ord(zero) + digit): str(digit) for zero in _ZEROS for digit in range(10)},
}
_FOLD = str.maketrans(_ALIKE)
# Of what is beyond the first plane all: a set with some of it is ten times as slow.
_IS_ALIKE = re.compile(
    "[" + "".join(re.escape(mark) for mark in _ALIKE if mark < "\U00010000") + "\U00010000-\U0010ffff]"
)
# Between letters and digits of ASCII also a middle dot, and the long vowel of Katakana, which Japanese keyboards give
# for a dash and a minus.
_BETWEEN = re.compile(
    r"(?:(?<=[0-9A-Za-z])|(?<![\w\u30fb]))(\u30fc)(?=[0-9A-Za-z])"
    r"|(?<=[0-9A-Za-z])[\u00b7\u2022\u2219\u22c5\u2027\u30fb](?=[0-9A-Za-z])"
)
_MAY_STAND_BETWEEN = re.compile("[\u30fc\u00b7\u2022\u2219\u22c5\u2027\u30fb]")


def folded(text: str) -> tuple[str, bool]:
    """The text as finds are looked for in it, and whether that is all of it."""
    text, whole = _alike(text)
    for _ in range(LAYERS):
        if not ("%" in text or "&" in text or "\\" in text):
            return text, whole
        if text.count("%") > _MOST_ESCAPES:
            return ENCODED, False
        again = _unescaped(text)
        if again == text:
            return text, whole
        text, all_of_it = _alike(again)
        whole = whole and all_of_it
    if _ESCAPE.search(text):
        # Escaped three times and more: nobody's page, but somebody may hide an address in it.
        return "/".join(ENCODED if _ESCAPE.search(part) else part for part in text.split("/")), False
    return text, whole


def _unescaped(text: str) -> str:
    """One layer of escapes read."""
    if "&" in text:
        text = _ENTITY.sub(lambda found: html.unescape(found[0]), text)
    if "\\" in text or "%u" in text:
        text = _BACKSLASH.sub(_of_code, text)
    return decoded(text) if "%" in text else text


def _of_code(found: re.Match[str]) -> str:
    code = int(found[found.lastindex or 0], 16)
    return chr(code) if code < 0xD800 or 0xDFFF < code < 0x110000 else ""


def _alike(text: str) -> tuple[str, bool]:
    """Compatible forms made one (NFKC), what is invisible left out, look-alikes replaced."""
    if text.isascii() and text.isprintable():
        return text, True
    text, whole = visible(text), True
    if not unicodedata.is_normalized("NFKC", text):
        text, whole = _compatible(text)
    if _IS_ALIKE.search(text):
        text = text.translate(_FOLD)
    if _MAY_STAND_BETWEEN.search(text):
        text = _BETWEEN.sub(lambda found: "-" if found[1] else ".", text)
    return text, whole


def _compatible(text: str) -> tuple[str, bool]:
    normal: list[str] = []
    size = start = 0
    while start < len(text) and size < MAX_TEXT:
        end = start + _STRETCH
        while end < len(text) and unicodedata.combining(text[end]):
            end += 1
        normal.append(unicodedata.normalize("NFKC", text[start:end]))
        size += len(normal[-1].encode())
        start = end
    # Parts of a Korean syllable may have met at a seam; to what is looked for they are nothing.
    normalized = "".join(normal)
    kept = head(normalized)
    return kept, start >= len(text) and len(kept) == len(normalized)


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
_MAY_BE_CLEANED = regex(rf"[{_HIDDEN}]|\p{{M}}\p{{M}}".encode(), letters=True)


def visible(text: str) -> str:
    """The text without what nobody sees, letters and accents put together (NFC): to a reader the same."""
    if text.isascii() and text.isprintable():
        return text
    raw = text.encode("utf-8", "ignore")[:MAX_TEXT]
    text = raw.decode("utf-8", "ignore")
    untidy = _MAY_BE_CLEANED.search(raw)
    if untidy:
        text = _PILE.sub(r"\1", "".join(_INVISIBLE.split(text)))
    if not unicodedata.is_normalized("NFC", text):
        text = head(_PILE.sub(r"\1", unicodedata.normalize("NFC", text)))
    return text


def head(text: str) -> str:
    """As much of the text as there is room for."""
    if len(text) * 4 <= MAX_TEXT or (text.isascii() and len(text) <= MAX_TEXT):
        return text
    return text.encode("utf-8", "ignore")[:MAX_TEXT].decode("utf-8", "ignore")
