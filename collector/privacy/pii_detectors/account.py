"""Account numbers: IBANs, by their check digits."""

from __future__ import annotations

from ...text.re2 import regex
from .detector import Detector, everywhere, word_follows

# ISO 13616: how many characters a country's numbers have.
_IBAN_LENGTHS = {
    country: length
    for length, countries in (
        (15, "NO"), (16, "BE"), (18, "DK FI FK FO GL NL SD"), (19, "MK SI"), (20, "AT BA EE KZ LT LU MN XK"),
        (21, "CH HR LI LV"), (22, "BG BH CR DE GB GE IE ME RS VA"), (23, "AE GI IL IQ OM SO TL"),
        (24, "AD CZ ES MD PK RO SA SE SK TN VG"), (25, "LY PT ST"), (26, "IS TR"), (27, "BI DJ FR GR IT MC MR SM"),
        (28, "AL AZ BY CY DO GT HN HU LB NI PL SV"), (29, "BR EG PS QA UA"), (30, "JO KW MU YE"), (31, "MT SC"),
        (32, "LC"), (33, "RU"),
    )
    for country in countries.split()
}  # fmt: skip

_IBAN_DIGITS = str.maketrans({chr(ord("A") + place): str(10 + place) for place in range(26)})
_SEPARATORS = str.maketrans("", "", " -_./:+")


def _iban(raw: bytes, start: int, stop: int) -> bytes:
    text = raw[start:stop].decode()
    length = _IBAN_LENGTHS[text[:2].upper()]
    # Words may follow it, and be taken for its last groups.
    end = seen = 0
    while seen < length and end < len(text):
        seen += text[end] not in " -_./:+"
        end += 1
    if seen < length or text[end : end + 1].isalnum() or (end == len(text) and word_follows(raw, stop)):
        return raw[start:stop]
    body = text[:end].translate(_SEPARATORS).upper()
    if int((body[4:] + body[:4]).translate(_IBAN_DIGITS)) % 97 != 1:
        return raw[start:stop]
    return b":iban" + text[end:].encode()


ACCOUNT_DETECTORS = (
    Detector(
        everywhere,
        regex(
            rb"(?i)(?:^|[^0-9a-z]|[^a-z]iban)((?:%s)[ _-]?[0-9]{2}(?:[ ._/:+-]{0,2}[0-9a-z]){11,30})"
            % "|".join(sorted(_IBAN_LENGTHS)).encode()
        ),
        _iban,
    ),
)
