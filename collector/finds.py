"""What in a text could name a person (rule U2): a pattern per kind that sees every candidate, and a judge that decides.

In: the readable bytes of a text. Out: the bytes with a typed placeholder for each find, and how many were looked at.
Promises: RE2 only, so time is linear in the text; more candidates than `MOST` end the search.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable
from ipaddress import IPv6Address
from typing import NamedTuple

from .linear import Linear, linear
from .randomness import looks_random

# What is looked at in one text. A judge costs a few microseconds; a reader's text has a handful of candidates.
MOST = 16
# Parameters whose value is a secret or a person whatever it looks like; compared without "-" and "_".
SECRET_NAMES = frozenset(
    name
    for line in (
        "token code key sig signature session sid password passwd pass pwd reset invite invitation otp pin email mail",
        "phone tel mobile msisdn user userid uid username login secret auth authorization bearer jwt apikey",
        "accesstoken authtoken refreshtoken idtoken csrf csrftoken xsrf nonce state sessionid sessid phpsessid",
        "jsessionid aspsessionid cfid cftoken",
        "clientsecret accesskey privatekey verification verificationcode verify confirm confirmation magic magiclink",
        "resettoken resetkey invitetoken invitecode logintoken ticket saml samlresponse samlrequest oauth oauthtoken",
        "oauthverifier credential credentials hash hmac checksum emailaddress useremail phonenumber firstname lastname",
        "fullname surname birthday birthdate dob ssn iban card cardnumber cvv cvc ip ipaddress lat lng lon latitude",
        "longitude address street customerid accountid memberid visitorid clientid deviceid fingerprint",
    )
    for name in line.split()
)

Judge = Callable[[bytes, int, int], bytes]


class _Rule(NamedTuple):
    """applies: whether to search at all. judge: what stands in the place of a candidate, perhaps the candidate itself.
    rest: what more of the text goes with it."""

    applies: Callable[[bytes], object]
    pattern: Linear
    judge: Judge
    rest: re.Pattern[bytes] | None = None


class TooMany(Exception):
    """More candidates than a reader's text has."""


def is_secret(name: str) -> bool:
    """Whether a parameter of that name holds a secret or a person whatever its value looks like."""
    return name.lower().replace("-", "").replace("_", "") in SECRET_NAMES


def replaced(raw: bytes, looked_at: int = 0) -> tuple[bytes, int]:
    """The text with its finds replaced, and the candidates looked at so far. Raises TooMany."""
    for rule in _KINDS:
        if rule.applies(raw):
            raw, looked_at = _judged(raw, rule, looked_at)
    return raw, looked_at


def _judged(raw: bytes, rule: _Rule, looked_at: int) -> tuple[bytes, int]:
    # Group 1 is the candidate: before it stands at most one character, which may not be part of a word. Where anything
    # may stand before it there is no group.
    pieces: list[bytes] = []
    end, group = 0, rule.pattern.groups
    # A telephone number may stand between underscores, which to RE2's \b are letters.
    seen = raw.replace(b"_", b"/") if rule.pattern is _NUMBER else raw
    for found in rule.pattern.finditer(seen):
        looked_at += 1
        if looked_at > MOST:
            raise TooMany
        start, stop = found.span(group)
        if start < end:
            continue
        more = rule.rest.match(raw, stop) if rule.rest else None
        stop = more.end() if more else stop
        pieces += (raw[end:start], rule.judge(raw, start, stop))
        end = stop
    return (b"".join(pieces) + raw[end:] if pieces else raw), looked_at


def _always(placeholder: bytes) -> Judge:
    return lambda raw, start, stop: placeholder


def _word_follows(raw: bytes, stop: int) -> bool:
    return raw[stop : stop + 1].isalnum()


def _coordinates(raw: bytes, start: int, stop: int) -> bytes:
    text = raw[start:stop]
    degrees = [abs(float(number)) for number in re.findall(rb"[0-9]+\.[0-9]+", text)]
    if _word_follows(raw, stop) or re.match(rb"[\w]|\.[0-9]", raw[stop : stop + 2]):
        return text
    return b":coordinates" if max(degrees) <= 180 and min(degrees) <= 90 else text


_PLACEHOLDERS = frozenset(
    b":coordinates :secret :email :handle :phone :jwt :hex :ip :uuid :iban :card :token :encoded".split()
)


def _secret(raw: bytes, start: int, stop: int) -> bytes:
    return raw[start:stop] if raw[start:stop] in _PLACEHOLDERS else b":secret"


def _email(raw: bytes, start: int, stop: int) -> bytes:
    # Not "react@18.2.0" nor "logo@2x.png".
    domain = raw[start:stop].partition(b"@")[2]
    return raw[start:stop] if re.match(rb"[0-9]{1,6}(?:\.[0-9]{1,6}){0,2}(?:-|$)|[0-9]x\.", domain) else b":email"


def _uuid(raw: bytes, start: int, stop: int) -> bytes:
    return raw[start:stop] if _word_follows(raw, stop) else b":uuid"


def _ipv4(raw: bytes, start: int, stop: int) -> bytes:
    if _VERSION.search(raw[max(0, start - 10) : start].decode("latin-1").lower()):
        return raw[start:stop]
    return raw[start:stop] if re.match(rb"\.[0-9]|[\x80-\xff]", raw[stop : stop + 2]) else b":ip"


def _colons(raw: bytes, start: int, stop: int) -> bytes:
    text = raw[start:stop]
    if _word_follows(raw, stop):
        return text
    if re.fullmatch(rb"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}", text):
        return b":hex"
    if len(text) > 45 or not text.strip(b":."):
        return text
    try:
        IPv6Address(text.decode())
    except ValueError:
        return text
    return b":ip"


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


def _iban(raw: bytes, start: int, stop: int) -> bytes:
    text = raw[start:stop].decode()
    length = _IBAN_LENGTHS.get(text[:2].upper(), 99)
    # Words may follow it, and be taken for its last groups.
    end = seen = 0
    while seen < length and end < len(text):
        seen += text[end] not in " -"
        end += 1
    if seen < length or text[end : end + 1].isalnum() or (end == len(text) and _word_follows(raw, stop)):
        return raw[start:stop]
    body = text[:end].replace(" ", "").replace("-", "").upper()
    if int((body[4:] + body[:4]).translate(_IBAN_DIGITS)) % 97 != 1:
        return raw[start:stop]
    return b":iban" + text[end:].encode()


_TELEPHONE = re.compile(
    r"(?:^|[/=:?& ])(?:tel|telephone|phone|mobile|mobil|handy|fax|call|callto|sms|whatsapp)[/:= +-]*$"
)
_ITEM = re.compile(r"(?:^|[^a-z])(?:articles?|artikel|item|itm|expose|ean|gtin|upc|isbn|sku|pzn|id)[/:=-]$")
_SLUG = re.compile(r"[a-z0-9]-$")
_VERSION = re.compile(r"(?:^|[^a-z])(?:versions?|releases?|v|ver|changelog)[/:=. -]?$")
_DATE = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:[01]\d|2[0-3])?(?:[0-5]\d){0,2}\d{0,3}")
_DATE_SHAPE = re.compile(
    r"(?:(?:19|20)\d\d([ .-])\d{1,2}\1\d{1,2}|\d{1,2}([ .-])\d{1,2}\2(?:19|20)\d\d)(?!\d)", re.ASCII
)
_YEAR = re.compile(r"(?:19|20)\d\d")
_NORTH_AMERICA = re.compile(r"1?[2-9]\d\d[2-9]\d{6}")
_NOT_DIGIT = re.compile(r"[^0-9]+")


def _number(raw: bytes, start: int, stop: int) -> bytes:
    if raw[start] == 40 and b")" not in raw[start:stop]:
        return b"(" + _number(raw, start + 1, stop)
    digits = raw[start:stop].translate(None, _NO_DIGITS).decode()
    count = len(digits)
    if not 8 <= count <= 19:
        return raw[start:stop]
    text = raw[start:stop].decode()
    groups = _NOT_DIGIT.split(text.lstrip("+("))
    if 13 <= count <= 19 and _is_card(text, digits, groups):
        return b":card"
    before = raw[max(0, start - 16) : start].decode("latin-1").lower()
    if (text[0] in "+(" or "(" in text or _TELEPHONE.search(before)) and count <= 17:
        return b":phone"
    if text == digits:
        phone = not _ITEM.search(before) and _is_plain_phone(digits)
    else:
        # "levis-501-00501-0114" goes on with hyphens: an article's number, unless the groups are a telephone's.
        slug = " " not in text and _SLUG.search(before) and list(map(len, groups)) != [3, 3, 4]
        phone = not slug and _is_spaced_phone(text, digits, groups)
    return b":phone" if phone else raw[start:stop]


def _is_card(text: str, digits: str, groups: list[str]) -> bool:
    # Milliseconds since 1970 have 13 digits and begin with 1; no card does.
    if (
        text[0] in "+(0"
        or (digits[0] == "1" and len(digits) == 13)
        or min(map(len, groups)) < 3
        or _DATE.fullmatch(digits)
    ):
        return False
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _is_plain_phone(digits: str) -> bool:
    """Digits without any mark between them: a trunk or country code must show, and no date or timestamp."""
    count = len(digits)
    if _DATE.fullmatch(digits):
        return False
    if digits[0] == "0":
        return count >= 10 and digits[1:3] != "00" if digits[1] == "0" else 9 <= count <= 12
    if _NORTH_AMERICA.fullmatch(digits):
        return True
    return 11 <= count <= 13 and not (count == 13 and digits.startswith(("1", "978", "979")))


def _is_spaced_phone(text: str, digits: str, groups: list[str]) -> bool:
    """Digits in groups, as people write telephone numbers, and no date or range of years."""
    count, sizes = len(digits), [len(group) for group in groups]
    if _DATE_SHAPE.match(text):
        return False
    if any(_DATE.fullmatch(group) for group in groups):
        return False
    if sizes[-3:] == [3, 3, 4] and count <= 11:
        return True
    if digits[0] == "0" and 9 <= count <= 15 and sizes[0] <= 6:
        return True
    if any(_YEAR.fullmatch(group) for group in groups) or min(sizes) < 2:
        return False
    if " " in text:
        return count <= 15 and max(sizes) <= 5
    return 9 <= count <= 13 and 3 <= len(groups) <= 5 and max(sizes) <= 4


_EMAIL_BYTES = re.compile(rb"[\w.+\x80-\xff-]@[\w\x80-\xff-]+\.[A-Za-z]{2,}")
_HEX = re.compile(r"[0-9a-f]{16,}", re.IGNORECASE)
_ALNUM = re.compile(r"[0-9A-Za-z]+")
_SEPARATOR = re.compile(r"[-_=]+")
# One in a hundred random ones holds that between its marks.
_PLAIN_WORD = re.compile(r"(?<![0-9A-Za-z])[A-Z]?[a-z]{5,}(?![0-9A-Za-z])")
# A longer one is no title.
_LONGEST_RUN = 128
_MOST_WORDS = 16
# "Nike-Air-Max-90_Blue": most of what is looked at. Nothing drawn at random looks so.
_TITLE = re.compile(r"(?:(?:[A-Z]?[a-z]{1,15}+|[0-9]{1,15}+|[A-Z]{1,4}+)(?:[-_]++|$))++")


def _run(raw: bytes, start: int, stop: int) -> bytes:
    run = raw[start:stop].decode()
    if _TITLE.fullmatch(run):
        return raw[start:stop]
    if len(run) > _LONGEST_RUN:
        return b":token"
    if _kind_of(run) == ":hex":
        return b":hex"
    if _is_encoded_email(run):
        return b":email"
    words = _SEPARATOR.split(run)
    kinds = [_kind_of(word) for word in words] if max(map(len, words)) >= 16 else []
    if any(kinds):
        # What stands beside a token is a part of it, unless it is a word or a number ("file-0123456789abcdef").
        if all(kind or _TITLE.fullmatch(word) or not word for kind, word in zip(kinds, words, strict=True)):
            found = iter(words)
            return _ALNUM.sub(
                lambda match: _kind_of(next(word for word in found if word)) or match[0], run.rstrip("=")
            ).encode()
        return b":token"
    # Random text that holds "-" or "_" itself: no word of it is one.
    if len(words) > 1 and len(run) >= 20 and not _PLAIN_WORD.search(run) and looks_random(words[:_MOST_WORDS]):
        return b":token"
    return raw[start:stop]


def _kind_of(word: str) -> str:
    """The placeholder of a word that is no word, "" for every other."""
    if len(word) < 16 or _DATE.fullmatch(word):
        return ""
    # Digits alone are a number; the rules for cards and telephones have seen it.
    if _HEX.fullmatch(word) and not (len(word) < 20 and word.isdigit()):
        return ":hex"
    return ":token" if len(word) >= 20 and looks_random([word]) else ""


def _is_encoded_email(run: str) -> bool:
    core = run.rstrip("=")
    if len(core) % 4 == 1:
        core = core[:-1]
    decoded = binascii.a2b_base64(core.replace("-", "+").replace("_", "/") + "=" * (-len(core) % 4))
    return b"@" in decoded and _EMAIL_BYTES.search(decoded) is not None


_W = rb"\w\x80-\xff"  # what counts as part of a word
_DEGREES = rb"[-+]?[0-9]{1,3}\.[0-9]{3,15}(?:\s?\xc2\xb0)?(?:\s?[NSEWnsew]\b)?"
_OCTET = rb"(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
_NAMES = b"|".join(b"[-_]?".join(bytes([letter]) for letter in name.encode()) for name in sorted(SECRET_NAMES))
# Twelve and more characters of base64url, a capital or a digit among them: each line, how many stand before it.
_RESTLESS = b"|".join(b"[a-z_-]{%d}[0-9A-Z][0-9A-Za-z_-]{%d,}" % (n, 11 - n) for n in range(11)) + (
    b"|[a-z_-]{11,}[0-9A-Z][0-9A-Za-z_-]*"
)
_NUMBER = linear(rb"(?:^|[^0-9A-Za-z.,])((?:\+|\(\+?)?[0-9][0-9 ().\-]{6,38}[0-9])\b")
_TO_THE_QUERY = re.compile(rb"[^?#&\s]*+")
_NO_DIGITS = bytes(set(range(256)) - set(b"0123456789"))


def _many_digits(raw: bytes) -> bool:
    return len(raw.translate(None, _NO_DIGITS)) >= 8


# In this order: a placeholder left by one kind is nothing to the next.
_KINDS: tuple[_Rule, ...] = (
    _Rule(
        lambda raw: b"." in raw,
        linear(
            rb"(?:^|[^.%s])(@?%s\s?[,;/|_& ]\s?(?:\"?[a-z]{1,9}\"?[=/:]\s?)?%s)" % (_W, _DEGREES, _DEGREES),
        ),
        _coordinates,
    ),
    _Rule(
        lambda raw: b"=" in raw,
        linear(rb"(?i)(?:^|[^-%s])(?:%s)=([^&#;\s])" % (_W, _NAMES)),
        _secret,
        re.compile(rb"[^&#;\s]*+"),
    ),
    _Rule(lambda raw: b"@" in raw, linear(rb"[.+'~!$*^`{|}%s-]+@[%s-]+(?:\.[%s-]+)+" % (_W, _W, _W)), _email),
    _Rule(lambda raw: b"@" in raw, linear(rb"(?:^|[^.@+%s-])(@[%s][.%s]+)" % (_W, _W, _W)), _always(b":handle")),
    _Rule(
        lambda raw: b".me/" in raw or b".dog/" in raw or b".ME/" in raw,
        linear(rb"(?i)(?:^|[^.%s-])(?:t\.me|telegram\.(?:me|dog))/([+@]?[%s])" % (_W, _W)),
        _always(b":handle"),
        _TO_THE_QUERY,
    ),
    _Rule(
        lambda raw: b".me/" in raw or b".ME/" in raw,
        linear(rb"(?i)(?:^|[^.%s-])wa\.me/(\+?[%s])" % (_W, _W)),
        _always(b":phone"),
        _TO_THE_QUERY,
    ),
    _Rule(
        lambda raw: b"tg:" in raw.lower(),
        linear(rb"(?i)(?:^|[^%s])(tg:/{0,2}[^\s:/])" % _W),
        _always(b":handle"),
        re.compile(rb"\S*+"),
    ),
    _Rule(lambda raw: b"eyJ" in raw, linear(rb"(?:^|[^%s-])(eyJ[\w-]{5,}(?:\.[\w-]*){1,4})" % _W), _always(b":jwt")),
    _Rule(
        lambda raw: raw.count(b":") > 1,
        linear(
            rb"(?:^|[^.%s])([0-9A-Fa-f]{0,4}:[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:]*(?:[0-9]?\.[0-9]{1,3}){0,3})" % _W,
        ),
        _colons,
    ),
    _Rule(
        lambda raw: raw.count(b".") > 2,
        linear(rb"(?:^|[^.%s])((?:%s\.){3}%s)\b" % (_W, _OCTET, _OCTET)),
        _ipv4,
    ),
    _Rule(
        lambda raw: raw.count(b"-") > 3,
        linear(rb"(?i)(?:^|[^0-9a-z])([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"),
        _uuid,
    ),
    _Rule(
        _many_digits,
        linear(
            rb"(?i)(?:^|[^0-9a-z])([a-z]{2}[0-9]{2}"
            rb"(?:[0-9a-z]{11,30}|(?:[ -][0-9a-z]{4}){2,7}(?:[ -][0-9a-z]{1,3})?))"
        ),
        _iban,
    ),
    _Rule(_many_digits, linear(rb"(?:^|[^0-9A-Za-z.,])(0[1-9][0-9]{1,4}/[0-9]{5,8})\b"), _always(b":phone")),
    _Rule(_many_digits, _NUMBER, _number),
    _Rule(lambda raw: len(raw) >= 12, linear(rb"(?:%s)={0,2}" % _RESTLESS), _run),
)
