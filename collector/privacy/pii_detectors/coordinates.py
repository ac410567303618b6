"""Where somebody is: pairs of coordinates, in decimals or in degrees and minutes."""

from __future__ import annotations

import re

from ...text.re2 import regex
from .detector import WORD, Detector, always, word_follows

_DEGREES = rb"[-+]?(?:[NSEWnsew]\s?)?[0-9]{1,3}\.[0-9]{3,15}(?:\s?\xc2\xb0)?(?:\s?[NSEWnsew]\b)?"
# A comma for the decimals, as most of Europe writes; then no comma stands between the two.
_WITH_COMMA = rb"[-+]?[0-9]{1,3},[0-9]{4,15}(?:\s?\xc2\xb0)?(?:\s?[NSEOWnseow]\b)?"
_MINUTES = (
    rb"[0-9]{1,3}\s?\xc2\xb0\s?[0-9]{1,2}(?:\.[0-9]{1,8})?\s?'\s?(?:[0-9]{1,2}(?:[.,][0-9]{1,8})?\s?(?:\"|'')?\s?)?"
    rb"[NSEOWnseow]"
)
_BETWEEN = rb"\s?[,;/|_& ]\s?(?:\"?[a-z]{1,9}\"?[=/:]\s?)?"


def _coordinates(raw: bytes, start: int, stop: int) -> bytes:
    text = raw[start:stop]
    degrees = [abs(float(number.replace(b",", b"."))) for number in re.findall(rb"[0-9]+[.,][0-9]+", text)]
    if word_follows(raw, stop) or re.match(rb"[\w]|\.[0-9]", raw[stop : stop + 2]):
        return text
    return b":coordinates" if max(degrees) <= 180 and min(degrees) <= 90 else text


COORDINATE_DETECTORS = (
    Detector(
        lambda raw: b"." in raw,
        regex(rb"(?:^|[^.%s])(@?%s%s%s)" % (WORD, _DEGREES, _BETWEEN, _DEGREES)),
        _coordinates,
    ),
    Detector(
        lambda raw: raw.count(b",") > 1,
        regex(rb"(?:^|[^.,%s])(%s\s?[;/|_& ]\s?%s)" % (WORD, _WITH_COMMA, _WITH_COMMA)),
        _coordinates,
    ),
    Detector(
        lambda raw: b"\xc2\xb0" in raw and b"'" in raw,
        regex(rb"(?:^|[^0-9])(%s\s?[,;/|]?\s?%s)" % (_MINUTES, _MINUTES)),
        always(b":coordinates"),
    ),
)
