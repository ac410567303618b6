"""Numbers that reach somebody or pay for something: telephone numbers in national writing, payment cards.

Promises: dates, versions, prices, article numbers, ISBNs and DOIs are none.
"""

from __future__ import annotations

import re

from ...text.re2 import regex
from .detector import Detector, everywhere, word_follows, words

_TELEPHONE = re.compile(
    r"(?:^|[/=:?&. (,;\"'])(?:tel|telephone|telefon[oe]?|t.l.phone|phone|mobile|mobil|m.vil|handy|fax|cell|call|callto|"
    r"sms|whatsapp|ruf(?:nummer)?|tlf|gsm|celular|puhelin|portable|\xe9\x9b\xbb\xe8\xa9\xb1|\xe7\x94\xb5\xe8\xaf\x9d)"
    r"[/:=. +\"-]*$"
)
_ITEM = re.compile(
    r"(?:^|[^a-z])(?:articles?|artikel|items?|itm|expose|ean|gtin|upc|isbn|issn|asin|sku|mpn|oem|pzn|trademark|patent|doi)"
    r"[/:=_. -]{1,2}$"
)
# Where ten digits are as likely a number of something as of somebody.
_THING = re.compile(
    r"(?:^|[^a-z])(?:ids?|view|listing|products?|produkte?|parts?|teile?|nr|no|ref|order|kb|hc|story|news|posts?|status|"
    r"number|zahl|p|ip|dp|jobs?|questions|watch|videos?|photos?|track|album|node|comments?)[/:=_. -]{1,2}$"
)
# A number that ends a long slug, or is the folder behind one, is an article's.
_OF_A_SLUG = re.compile(r"[a-z0-9]+-[a-z0-9-]+[/-]$")
_SLUG = re.compile(r"[a-z0-9]-$")
_DOI = re.compile(r"(?:^|[^0-9.])10\.[0-9]{4,9}/[^\s?#]*$")
_MONEY_BEFORE = re.compile(
    r"(?:\$|\xa3|\xc2\xa5|\xe2\x82\xac|(?:^|[^a-z])(?:eur|usd|gbp|chf|pln|czk|sek|nok|dkk|huf|rub))\s?$"
)
_MONEY_AFTER = re.compile(
    r"[.,][0-9]|\s?(?:%|\$|\xc2\xa3|\xe2\x82\xac|\xe2\x82\xbd|(?:eur|usd|gbp|chf|pln|czk|sek|nok|dkk|huf|rub|kr|kc|k\xc4\x8d|"
    r"z\xc5\x82|zl|ft)(?![a-z]))"
)
_DATE = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:[01]\d|2[0-3])?(?:[0-5]\d){0,2}\d{0,3}")
_DATE_SHAPE = re.compile(
    r"(?:(?:19|20)\d\d([ .-])(?:0?[1-9]|1[0-2])\1(?:0?[1-9]|[12]\d|3[01])|"
    r"\d{1,2}([ .-])\d{1,2}\2(?:19|20)\d\d)(?!\d)",
    re.ASCII,
)
_YEAR = re.compile(r"19\d\d|20[0-4]\d")
# Numbers in which a group that looks like a year is none.
_WITHOUT_YEAR = frozenset(((3, 4, 4), (2, 3, 4), (2, 4, 4), (1, 3, 4), (4, 3, 3)))
# "3.14159265", "59.359726" seconds.
_DECIMAL = re.compile(r"\d{1,3}\.\d+")
# "S0140-6736(20)30183-5", as publishers number what they print.
_ARTICLE = re.compile(r"[1-9][0-9]{3,}\(")
_OF_A_DESK = re.compile(r"\s?[xe#].*$")
_FIRST_GROUP = re.compile(rb"[+(]*+[0-9]++[^0-9]++")
_ALL_BUT_THE_LAST_GROUP = re.compile(rb"(.*[0-9])[^0-9]+[0-9]+")
_IN_A_DECIMAL = re.compile(rb"[0-9][.,]$")
_NOT_DIGIT = re.compile(r"[^0-9]+")
_SPACED_CARD = re.compile("(?:[0-9]{4} - ){3}[0-9]{4}")
# Of 13 and 14 digits: the last group is short. They begin as the issuers' numbers do that are so long.
_IN_FOURS = re.compile("(?:4[0-9]{3}|3[0689][0-9]{2})-[0-9]{4}-[0-9]{4}-[0-9]{1,2}")
# Digits in a row with a country's code and no plus sign, as messengers have them: what that country's numbers are.
_WITH_COUNTRY = re.compile(
    r"1[2-9]\d\d[2-9]\d{6}|7[3-9]\d{9}|2(?:0|12)[0-9]\d{8,9}|27[6-8]\d{8}|23[0-9][1-9]\d{7,9}|25[0-9][17]\d{8}|30[26]\d{9}|"
    r"31[1-9]\d{8}|32\d{8,9}|33[1-79]\d{8}|34[6-9]\d{8}|351[29]\d{8}|353[18]\d{7,8}|358[45]\d{7,9}|359[89]\d{8}|36[2-7]0\d{7}|"
    r"38[0-9][1-9]\d{7,8}|39[03]\d{8,10}|40[237]\d{8}|41[2-7]\d{8}|42[01][2-9]\d{8}|43[1-7]\d{8,11}|44[127]\d{8,9}|45[2-9]\d{7}|"
    r"46[17]\d{7,9}|47[2-9]\d{7}|48[1-9]\d{8}|49(?:1[5-7]\d{8,9}|[2-9]\d{7,10})|52[1-9]\d{9}|549\d{10}|55[1-9]{2}9?\d{8}|569\d{8}|"
    r"573\d{9}|60[13-9]\d{7,9}|61[23478]\d{8}|62[28]\d{8,10}|63[29]\d{8,9}|64[2-9]\d{7,9}|65[3689]\d{7}|66[2689]\d{7,8}|"
    r"81[1-9]0?\d{8}|82(?:10|2)\d{7,8}|84[2-9]\d{8}|852[2-9]\d{7}|861[3-9]\d{9}|8869\d{8}|90[2-5]\d{9}|91[6-9]\d{9}|92[3]\d{9}|"
    r"966[15]\d{8}|971[2-9]\d{7,8}|972[2-9]\d{7,8}|98[19]\d{9}"
)
# The mobile numbers of a few of them, which nothing else looks like.
_MOBILE = re.compile(
    r"49(?:15|16|17)\d{8,9}|336\d{8}|447\d{9}|346\d{8}|393\d{9}|316\d{8}|79\d{9}|919\d{9}|861[3-9]\d{9}"
)
_NORTH_AMERICA = re.compile(r"1?[2-9]\d\d[2-9]\d{6}")
_CHINA = re.compile(r"1[3-9]\d{9}")
_RUSSIA = re.compile(r"8[3489]\d{9}")
# How many digits each group has, where numbers begin with neither zero nor plus: with dashes or dots, and with blanks.
_SHAPES = frozenset(
    tuple(map(int, shape))
    for shape in words(
        """
        334 1334 333 324 3222 3322 2322 2324 344 244 234 254 154 13322 1373 137 12222 2344 3344 2333 1344 3332 323
        """
    )
)
_SPACED_SHAPES = _SHAPES | frozenset(
    tuple(map(int, shape))
    for shape in words(
        "224 134 14222 126 2222 44 55 2233 332 233 36 35 37 45 46 342 343 433 3223 2223 32222 43 432 26 27"
    )
)


def _number(raw: bytes, start: int, stop: int) -> bytes:
    """The candidate without the digits of words before and after it: "iPhone15 0171 1234567 2nd"."""
    first, last = start, stop
    if raw[start - 1 : start].isalnum() or _IN_A_DECIMAL.search(raw[max(0, start - 2) : start]):
        group = _FIRST_GROUP.match(raw, start, stop)
        first = group.end() if group else stop
    if word_follows(raw, stop):
        group = _ALL_BUT_THE_LAST_GROUP.match(raw, first, stop)
        last = group.end(1) if group else first
    return raw[start:first] + _number_alone(raw, first, last) + raw[last:stop] if first < last else raw[start:stop]


def _number_alone(raw: bytes, start: int, stop: int) -> bytes:
    text = _OF_A_DESK.sub("", raw[start:stop].replace(b"_", b"-").decode())
    # "030 - 1234567" is one number, "0171 1234567 - 0172 7654321" are two.
    if len(_NOT_DIGIT.sub("", text)) > 15 and " - " in text and not _SPACED_CARD.fullmatch(text):
        middle = start + text.index(" - ")
        return _number_alone(raw, start, middle) + raw[middle : middle + 3] + _number_alone(raw, middle + 3, stop)
    opened = text.find("(", max(1, text.rfind(")")))
    if opened > 0:
        # "030 1234567 (9-12 h)"
        end = start + len(text[:opened].rstrip(" .-"))
        return _number_alone(raw, start, end) + raw[end:stop]
    if text[0] == "(" and ")" not in text:
        return b"(" + _number_alone(raw, start + 1, stop)
    digits = _NOT_DIGIT.sub("", text)
    if not 8 <= len(digits) <= 19:
        return raw[start:stop]
    groups = _NOT_DIGIT.split(text.lstrip("+("))
    before = raw[max(0, start - 64) : start].decode("latin-1").lower()
    after = raw[stop : stop + 6].decode("latin-1").lower()
    if len(digits) >= 13 and _is_card(text, digits, groups):
        return b":card"
    return b":phone" if _is_phone(text, digits, groups, before, after) else raw[start:stop]


def _is_phone(text: str, digits: str, groups: list[str], before: str, after: str) -> bool:
    if _DOI.search(before) or len(digits) > 17:
        return False
    if text[0] == "+" or _TELEPHONE.search(before):
        return True
    if "(" in text:
        # "(030) 12345", "8 (495) 123", not "12(34)567890".
        if _ARTICLE.match(text):
            return False
        inside = text[text.index("(") + 1 :].partition(")")[0]
        return len(_NOT_DIGIT.sub("", inside)) <= 5 and text.index("(") <= 5 and len(digits) <= 15
    if text == digits:
        if _ITEM.search(before) or len(digits) > 15:
            return False
        named = _OF_A_SLUG.search(before) or _THING.search(before)
        return _is_plain_phone(digits, digits[0] != "0" and named is not None)
    if _MONEY_BEFORE.search(before) or _MONEY_AFTER.match(after):
        return False
    sizes = tuple(map(len, groups))
    # "levis-501-00501-0114" goes on with hyphens: an article's number, unless the groups are a telephone's.
    in_a_slug = _SLUG.search(before) or re.match(r"-[a-z0-9]", after)
    if in_a_slug and " " not in text and sizes[-3:] != (3, 3, 4):
        return (
            digits[0] == "0"
            and digits[1] != "0"
            and len(groups) == 2
            and 3 <= sizes[0] <= 5
            and 10 <= len(digits) <= 12
        )
    return _is_grouped_phone(text, digits, groups, sizes)


def _is_card(text: str, digits: str, groups: list[str]) -> bool:
    # Milliseconds since 1970 have 13 digits and begin with 1, books with 978; no card does.
    if (
        text[0] in "+(0"
        or (len(digits) == 13 and digits.startswith(("1", "978", "979")))
        or (min(map(len, groups)) < 3 and not _IN_FOURS.fullmatch("-".join(groups)))
        or _DATE.fullmatch(digits)
    ):
        return False
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _is_plain_phone(digits: str, of_a_thing: bool) -> bool:
    """Digits without any mark between them: a trunk or country code must show, and no date or timestamp."""
    count = len(digits)
    if _DATE.fullmatch(digits):
        return False
    if digits[0] == "0":
        return count >= 10 and digits[1:3] != "00" if digits[1] == "0" else 10 <= count <= 12
    if _MOBILE.fullmatch(digits):
        return True
    return not of_a_thing and any(known.fullmatch(digits) for known in (_NORTH_AMERICA, _WITH_COUNTRY, _CHINA, _RUSSIA))


def _is_grouped_phone(text: str, digits: str, groups: list[str], sizes: tuple[int, ...]) -> bool:
    """Digits in groups, as people write telephone numbers, and no date or range of years."""
    if _DECIMAL.fullmatch(text) or _DATE_SHAPE.match(text) or any(_DATE.fullmatch(group) for group in groups):
        return False
    count = len(digits)
    if sizes[-3:] == (3, 3, 4) and count <= 13:
        return True
    if digits[0] == "0":
        if digits[1] == "0":
            return 10 <= count <= 16 and sizes[0] >= 2
        # In pairs it is French with five of them, with four a time table. "0028-0836" is a periodical.
        if set(sizes) == {2}:
            return len(sizes) == 5 or (len(sizes) == 4 and " " in text)
        return 8 <= count <= 13 and 2 <= sizes[0] <= 6 and (sizes != (4, 4) or " " in text)
    if sizes not in _WITHOUT_YEAR and any(map(_YEAR.fullmatch, groups)):
        return False
    if " " in text:
        # Groups of three behind a shorter one are a large number; so is what ends in zeros.
        thousands = set(sizes[1:]) == {3} and (sizes[0] < 3 or len(sizes) > 3 or groups[-1] == "000")
        return not thousands and sizes in _SPACED_SHAPES
    if sizes == (3, 7) or sizes == (3, 6):
        return digits[0] == "3" or (digits[0] in "6789" and sizes[1] == 7)
    if sizes == (5, 5) or (sizes == (4, 4) and "-" in text):
        # Periodicals begin with smaller ones.
        return digits[0] in "6789"
    # "100-200-300" is a scale.
    return sizes in _SHAPES and not all(group.endswith("0") for group in groups)


def _with_slash(raw: bytes, start: int, stop: int) -> bytes:
    # "030/1234567", not the folders of "/btd/20/098/2009876.pdf".
    in_folders = re.search(rb"[0-9]/$", raw[max(0, start - 2) : start]) or re.match(rb"\.[a-z]", raw[stop : stop + 2])
    return raw[start:stop] if in_folders else b":phone"


# The number of a desk behind that of its house.
_EXTENSION = re.compile(rb"(?:\s?(?:x|ext\.?|#)\s?[0-9]{1,6}(?![0-9A-Za-z]))?")
_BEFORE = rb"(?:^|[^0-9A-Za-z.,]|[^0-9][.,])"


def _card_in_folders(raw: bytes, start: int, stop: int) -> bytes:
    groups = re.findall("[0-9]+", raw[start:stop].decode())
    card = not _YEAR.fullmatch(groups[0]) and _is_card("".join(groups), "".join(groups), groups)
    return b":card" if card and not word_follows(raw, stop) else raw[start:stop]


PHONE_DETECTORS = (
    # Cards with what parts folders, times or words of a query.
    Detector(
        everywhere,
        regex(
            rb"(?:^|[^0-9A-Za-z.,])((?:[0-9]{4}[/:+|,]){3}[0-9]{1,4}(?:[/:+|,][0-9]{3})?"
            rb"|[0-9]{4}[/:+|,][0-9]{6}[/:+|,][0-9]{4,5})"
        ),
        _card_in_folders,
    ),
    Detector(
        everywhere,
        regex(
            rb"%s((?:0[1-9][0-9]{1,4} ?|\(0[0-9]{1,4}\) ?[0-9]{0,4} ?"
            rb"|(?:\+ ?|00)[1-9][0-9]{0,2}[ -]?(?:\(0\) ?)?[1-9][0-9]{0,4} ?)/ ?[0-9](?:[ -]?[0-9]){4,8})\b" % _BEFORE
        ),
        _with_slash,
    ),
    Detector(
        everywhere,
        regex(rb"(?:\+ ?|\(\+? ?)?[0-9](?:[ ().\-]{0,3}[0-9]){7,29}"),
        _number,
        _EXTENSION,
        underscores=b"-",
    ),
)
