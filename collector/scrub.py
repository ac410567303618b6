"""Rule U2: what could name a person is taken out of a text before anything else sees it.

In: a path, a kept parameter's value, a referrer, an event's name, a property's value. Out: the readable text with
typed placeholders such as `:email`. Promises: at most two decodings, linear time, and scrub(scrub(x)) == scrub(x).
"""

from __future__ import annotations

import binascii
import re
import unicodedata
from ipaddress import IPv6Address
from urllib.parse import unquote

# A URL may have this many characters; of a longer text only the head is read, so that hostile texts stay cheap.
MAX_TEXT = 2000
# A replacement may lay bare another find. Two rounds settle all but made-up texts; those become one placeholder.
_MAX_ROUNDS = 6
_UNSETTLED = ":scrubbed"

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

# Words, short numbers between words, and numbers that are a whole folder of at most seven digits: the text of almost
# every path. Nothing below looks for that, so it returns at once.
_PLAIN = re.compile(
    r"(?:[a-z \-_]++|/[0-9]{1,7}(?=/|$)|/|[A-Z](?=[a-z])|(?<=[a-z]-)[0-9]{1,4}(?=-[a-z]|/|$))*+"
    r"(?:\.(?:html?|php|aspx?|jsp|pdf|xml|txt))?"
)
# Control characters and invisible marks. ZWNJ and ZWJ stay: Persian words and emoji are written with them.
_INVISIBLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u180b-\u180f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ud800-\udfff]"
)
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")

_SECRET = re.compile(r"(?<![\w-])([\w-]{2,40}+)=(?!:secret(?:[&#;\s]|$))[^&#;\s]++")
# Not "react@18.2.0" nor "logo@2x.png".
_EMAIL = re.compile(r"(?<![\w.+'~-])[\w.+'~-]++@(?!\d{1,6}(?:\.\d{1,6}){0,2}(?:[-/\s]|$)|\dx\.)[\w-]++(?:\.[\w-]++)+")
_HANDLE = re.compile(r"(?<![\w.@+-])@\w[\w.]++")
_MESSENGER = re.compile(r"\.me/|\.dog/|tg:", re.IGNORECASE)
_TELEGRAM = re.compile(r"(?<![\w.-])(t\.me|telegram\.(?:me|dog))/[+@]?\w[^?#&\s]*+", re.IGNORECASE)
_TG_SCHEME = re.compile(r"(?<![\w])tg:/{0,2}[^\s:/][^\s]*+", re.IGNORECASE)
_WHATSAPP = re.compile(r"(?<![\w.-])(wa\.me)/\+?\w[^?#&\s]*+", re.IGNORECASE)
_JWT = re.compile(r"(?<![\w-])eyJ[\w-]{5,}+(?:\.[\w-]*+){1,4}", re.ASCII)
_UUID = re.compile(r"(?<![0-9A-Za-z])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9A-Za-z])", re.IGNORECASE)
_IPV4 = re.compile(
    r"(?<![\w.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\w]|\.\d)", re.ASCII
)
_COLONS = re.compile(r"(?<![\w:.])(?=[0-9A-Fa-f]{0,4}:)[0-9A-Fa-f:]{3,}+(?:\.[0-9]{1,3}){0,3}(?![\w])")
_MAC = re.compile(r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}")
_THOUSANDTHS = re.compile(r"[0-9]\.[0-9]{3}")
_DEGREES = r"[-+]?\d{1,3}\.\d{3,15}\s?°?\s?[NSEWnsew]?"
_COORDINATES = re.compile(rf"(?<![\w.])@?{_DEGREES}\s?[,;/|_& ]\s?(?:[a-z]{{1,9}}[=/:])?{_DEGREES}(?![\w.])", re.ASCII)
_FOUR_DIGITS = re.compile(r"[0-9]{2}[ -]?[0-9A-Za-z]{4}")
_IBAN = re.compile(
    r"(?<![0-9A-Za-z])[A-Z]{2}\d{2}(?:[0-9A-Z]{11,30}|(?:[ -][0-9A-Z]{4}){2,7}(?:[ -][0-9A-Z]{1,3})?)(?![0-9A-Za-z])",
    re.IGNORECASE | re.ASCII,
)
_NUMBER = re.compile(
    r"(?<![0-9A-Za-z.,])(?=[+(]?[0-9 ().\-]{8})(?:\+|\(\+?)?[0-9][0-9 ().\-]{0,38}[0-9](?![0-9A-Za-z])"
)
_RUN = re.compile(r"(?<![0-9A-Za-z_-])[0-9A-Za-z_-]{12,}+={0,2}")
_WORD = re.compile(r"[0-9A-Za-z]{16,}+")
_HEX = re.compile(r"[0-9a-f]{16,}", re.IGNORECASE)
_EMAIL_BYTES = re.compile(rb"[\w.+-]@[\w-]+\.[A-Za-z]{2,}")
# Stretches that look chosen by a person: a word, an abbreviation, a number.
_CHUNK = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+|[A-Z]")
_TELEPHONE = re.compile(
    r"(?:^|[/=:?& ])(?:tel|telephone|phone|mobile|mobil|handy|fax|call|callto|sms|whatsapp)[/:= +-]*$"
)
_DATE = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:[01]\d|2[0-3])?(?:[0-5]\d){0,2}\d{0,3}")
_DATE_SHAPE = re.compile(
    r"(?:(?:19|20)\d\d([ .-])\d{1,2}\1\d{1,2}|\d{1,2}([ .-])\d{1,2}\2(?:19|20)\d\d)(?!\d)", re.ASCII
)
_YEAR = re.compile(r"(?:19|20)\d\d")
_NORTH_AMERICA = re.compile(r"1?[2-9]\d\d[2-9]\d{6}")
_HAS_DIGIT = re.compile(r"[0-9]")
_NOT_DIGIT = re.compile(r"[^0-9]+")


def scrub(text: str) -> str:
    """The readable form of a text, without what could name a person."""
    text = text[:MAX_TEXT]
    for _ in range(_MAX_ROUNDS):
        if _PLAIN.fullmatch(text):
            return text
        readable = _readable(text)
        replaced = _replaced(readable)[:MAX_TEXT]
        if replaced == readable and (readable == text or _readable(readable) == readable):
            return readable
        text = replaced
    return _UNSETTLED


def is_secret(name: str) -> bool:
    """Whether a parameter of that name holds a secret or a person whatever its value looks like."""
    return name.lower().replace("-", "").replace("_", "") in SECRET_NAMES


def _readable(text: str) -> str:
    text = _visible(text)
    if "%" not in text:
        return text
    for _ in range(2):
        decoded = _visible(unquote(text))
        if decoded == text:
            break
        text = decoded
    if _ESCAPE.search(text):
        # Escaped three times and more: nobody's page, but somebody may hide an address in it.
        text = "/".join(":encoded" if _ESCAPE.search(part) else part for part in text.split("/"))
    return text


def _visible(text: str) -> str:
    # Ligatures may grow eighteenfold.
    return (
        text
        if text.isascii() and text.isprintable()
        else unicodedata.normalize("NFKC", _INVISIBLE.sub("", text))[:MAX_TEXT]
    )


def _replaced(text: str) -> str:
    if _THOUSANDTHS.search(text):
        text = _COORDINATES.sub(_coordinates, text)
    if "=" in text:
        text = _SECRET.sub(_secret, text)
    if "@" in text:
        text = _HANDLE.sub(":handle", _EMAIL.sub(":email", text))
    if _MESSENGER.search(text):
        text = _WHATSAPP.sub(r"\1/:phone", _TG_SCHEME.sub(":handle", _TELEGRAM.sub(r"\1/:handle", text)))
    if "eyJ" in text:
        text = _JWT.sub(":jwt", text)
    if ":" in text:
        text = _COLONS.sub(_colons, text)
    if "." in text:
        text = _IPV4.sub(":ip", text)
    if "-" in text:
        text = _UUID.sub(":uuid", text)
    if _FOUR_DIGITS.search(text):
        text = _IBAN.sub(_iban, text)
    if _HAS_DIGIT.search(text):
        text = _NUMBER.sub(_number, text)
    return _RUN.sub(_run, text)


def _secret(found: re.Match[str]) -> str:
    return f"{found[1]}=:secret" if is_secret(found[1]) else found[0]


def _coordinates(found: re.Match[str]) -> str:
    degrees = [abs(float(number)) for number in re.findall(r"[-+]?[0-9]+\.[0-9]+", found[0])]
    return ":coordinates" if max(degrees) <= 180 and min(degrees) <= 90 else found[0]


def _colons(found: re.Match[str]) -> str:
    text = found[0]
    if _MAC.fullmatch(text):
        return ":hex"
    if text.count(":") < 2 or len(text) > 45 or not any(c not in ":." for c in text):
        return text
    try:
        IPv6Address(text)
    except ValueError:
        return text
    return ":ip"


def _iban(found: re.Match[str]) -> str:
    text = re.sub("[ -]", "", found[0]).upper()
    number = "".join(str(int(c, 36)) for c in text[4:] + text[:4])
    return ":iban" if int(number) % 97 == 1 else found[0]


def _number(found: re.Match[str]) -> str:
    text = found[0]
    digits = _NOT_DIGIT.sub("", text)
    count = len(digits)
    if count < 8:
        return text
    groups = _NOT_DIGIT.split(text.lstrip("+("))
    if 13 <= count <= 19 and _is_card(text, digits, groups):
        return ":card"
    start = found.start()
    introduced = _TELEPHONE.search(found.string[max(0, start - 16) : start].lower())
    if (introduced or text[0] in "+(" or "(" in text) and count <= 17:
        return ":phone"
    return ":phone" if (_is_plain_phone(digits) if text == digits else _is_spaced_phone(text, digits, groups)) else text


def _is_card(text: str, digits: str, groups: list[str]) -> bool:
    # Milliseconds since 1970 have 13 digits and begin with 1; no card does.
    if (
        text[0] in "+("
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
    if sizes[-3:] == [3, 3, 4] and count <= 11:
        return True
    if digits[0] == "0" and 9 <= count <= 15 and sizes[0] <= 6:
        return True
    if any(_YEAR.fullmatch(group) for group in groups) or min(sizes) < 2:
        return False
    if " " in text:
        return count <= 15 and max(sizes) <= 5
    return 9 <= count <= 13 and 3 <= len(groups) <= 5 and max(sizes) <= 4


def _run(found: re.Match[str]) -> str:
    run = found[0]
    if run.islower() and not _HAS_DIGIT.search(run):
        return run
    if _is_encoded_email(run):
        return ":email"
    replaced = _WORD.sub(_word, run)
    if replaced != run or len(run) < 20:
        return replaced
    # Random text that holds "-" or "_" itself: what remains without the words of a title is still long and restless.
    restless = [word for word in re.split("[-_=]", run) if _breaks(word)]
    core = "".join(restless)
    if len(core) < 16 or core.islower() or core.isupper():
        return run
    return ":token" if sum(map(_breaks, restless)) > 0.27 * len(core) else run


def _word(found: re.Match[str]) -> str:
    word = found[0]
    if _DATE.fullmatch(word):
        return word
    if _HEX.fullmatch(word):
        return ":hex"
    if len(word) < 20:
        return word
    # A name in capital letters changes less often than any other, a name without digits most often ("McDonaldsAtHome").
    share = 0.34 if not _HAS_DIGIT.search(word) else 0.1 if word.isupper() else 0.16
    return ":token" if _breaks(word) > share * len(word) else word


def _breaks(word: str) -> int:
    """How often a word changes between letters and digits or between cases other than a reader's words do: random text
    changes at every second character, names and titles at every fifth or later."""
    return len(_CHUNK.findall(word)) - 1


def _is_encoded_email(run: str) -> bool:
    core = run.rstrip("=")
    if len(core) % 4 == 1:
        core = core[:-1]
    decoded = binascii.a2b_base64(core.replace("-", "+").replace("_", "/") + "=" * (-len(core) % 4))
    return b"@" in decoded and _EMAIL_BYTES.search(decoded) is not None
