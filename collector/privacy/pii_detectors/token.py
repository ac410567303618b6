"""What programs draw at random: JWTs, keys and identifiers with a prefix, long hexadecimal, base64url and its kin."""

from __future__ import annotations

import binascii
import re

from ...text.re2 import regex
from ..entropy import looks_random
from .detector import WORD, Detector, always, everywhere, words

_DATE = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:[01]\d|2[0-3])?(?:[0-5]\d){0,2}\d{0,3}")
_EMAIL_BYTES = re.compile(rb"[\w.+\x80-\xff-]@[\w\x80-\xff-]+\.[A-Za-z]{2,}")
_HEX = re.compile(r"(?:0[xX])?[0-9A-Fa-f]{16,}")
# More numbers within one word than the name of any product has.
_NUMBERS = re.compile("[0-9]+")
_ALNUM = re.compile(r"[0-9A-Za-z]+")
_SEPARATOR = re.compile(r"[-_=]+")
# One in a hundred random ones holds that between its marks.
# "share-zMlxajX6-tb6JBPb": a word may say what the token is of, which is then of small and of capital letters.
_BOTH_CASES = re.compile("[a-z].*[A-Z]|[A-Z].*[a-z]")
_SAID_BEFORE = re.compile(r"(?:[A-Z]?[a-z]{3,15}[-_])+")
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
        if all(kind or _stands_alone(word, kinds) for kind, word in zip(kinds, words, strict=True)):
            found = iter(words)
            return _ALNUM.sub(
                lambda match: _kind_of(next(word for word in found if word)) or match[0], run.rstrip("=")
            ).encode()
        return b":token"
    # Random text that holds "-" or "_" itself: no word of it is one.
    said = _SAID_BEFORE.match(run)
    begin = said.end() if said else 0
    drawn = _SEPARATOR.split(run[begin:])
    if (
        len(drawn) > 1
        and len(run) - begin >= 20
        and not _PLAIN_WORD.search(run, begin)
        and (not begin or _BOTH_CASES.search(run, begin))
        and looks_random(drawn[:_MOST_WORDS])
    ):
        return raw[start : start + begin] + b":token"
    return raw[start:stop]


def _stands_alone(word: str, kinds: list[str]) -> bool:
    # Base64url has short words between its own marks.
    return not word or (_TITLE.fullmatch(word) is not None and (len(word) > 2 or ":token" not in kinds))


def _kind_of(word: str) -> str:
    """The placeholder of a word that is no word, "" for every other."""
    if len(word) < 16 or _DATE.fullmatch(word):
        return ""
    # Digits alone are a number; the detectors for cards and telephones have seen it.
    if _HEX.fullmatch(word) and not (len(word) < 20 and word.isdigit()):
        return ":hex"
    return ":token" if len(word) >= 20 and (len(_NUMBERS.findall(word)) > 3 or looks_random([word])) else ""


def _is_encoded_email(run: str) -> bool:
    core = run.rstrip("=")
    if len(core) % 4 == 1:
        core = core[:-1]
    decoded = binascii.a2b_base64(core.replace("-", "+").replace("_", "/") + "=" * (-len(core) % 4))
    return b"@" in decoded and _EMAIL_BYTES.search(decoded) is not None


# What services put before their identifiers. Behind others more must be random.
_PREFIXES = words(
    """
    acc account acct api app auth ba ch client clt cn company con contact cs cus cust customer dp evt file fp
    gho ghp ghr ghs ghu glpat grp guest hook id in int inv invite ip key lead li link live mem member msg obj
    ord order org pat pay payout person pi pk pm po price prod profile prs pt pub py re req rk sec secret seg
    seti sess session sid sig sk skt src sub subs task team tenant test tkn tok token tr trx txn txr uid user
    u usr vs wh whk whsec ws
    """
)
_KNOWN_LENGTH, _OTHER_LENGTH = 8, 12
_KNOWN_CHANGES, _OTHER_CHANGES = 2, 4
_CLASS_RUN = re.compile(r"[0-9]+|[A-Z]?[a-z]+|[A-Z]+")
_ASIN = re.compile(r"B0[0-9A-Z]{8}")


def changes(word: str) -> int:
    """How often a word goes from letters to digits, or begins anew with a capital."""
    return len(_CLASS_RUN.findall(word)) - 1


def is_mixed(letters: str) -> bool:
    """Whether small and capital letters change as in no name: "resetPassword" is written, "kQzPdR" is drawn."""
    return len(letters) / (changes(letters) + 1) < 3


def _prefixed(raw: bytes, start: int, stop: int) -> bytes:
    text = raw[start:stop].decode()
    prefix, _, random = text.replace("-", "_").rpartition("_")
    known = prefix.rpartition("_")[2].lower() in _PREFIXES
    if _HEX.fullmatch(random) or raw[stop : stop + 1] in (b"_", b"-") or not (known or prefix.islower()):
        # The next detector's.
        return raw[start:stop]
    long = _KNOWN_LENGTH if known else _OTHER_LENGTH
    mixed = random.lower() != random and random.upper() != random
    least = (_KNOWN_CHANGES if known else _OTHER_CHANGES) + (0 if mixed or len(random) > 9 else 1)
    if random.isalpha() and not is_mixed(random):
        return raw[start:stop]
    if len(random) < long or changes(random) < least or _ASIN.fullmatch(random) or random.isdigit():
        return raw[start:stop]
    return b":token"


# Twelve and more characters of base64url, a capital or a digit among them: each line, how many stand before it.
_RESTLESS = b"|".join(b"[a-z_-]{%d}[0-9A-Z][0-9A-Za-z_-]{%d,}" % (n, 11 - n) for n in range(11)) + (
    b"|[a-z_-]{11,}[0-9A-Z][0-9A-Za-z_-]*"
)

# No language has a word of that many letters: the longest place names have 60 to 90.
LONGEST_WORD = 100


def _endless(raw: bytes, start: int, stop: int) -> bytes:
    # "Aaaaaargh" says nothing of anybody.
    return b":token" if len(set(raw[start:stop].lower())) > 3 else raw[start:stop]


TOKEN_DETECTORS = (
    Detector(lambda raw: len(raw) >= LONGEST_WORD, regex(b"[A-Za-z]{%d,}" % LONGEST_WORD), _endless),
    Detector(lambda raw: b"eyJ" in raw, regex(rb"(?:^|[^%s-])(eyJ[\w-]{5,}(?:\.[\w-]*){1,4})" % WORD), always(b":jwt")),
    # Keys whose issuers give them a shape of their own; there are capitals in all of them.
    Detector(
        lambda raw: raw.lower() != raw,
        regex(
            rb"(?:^|[^0-9A-Za-z])((?:AKIA|ASIA|AROA|AIDA)[0-9A-Z]{12,}|AIza[\w-]{30,}|ya29\.[\w-]{20,}|SG\.[\w-]{16,}\.[\w-]{16,}|"
            rb"xox[abeoprs]-[\w-]{10,}|xapp-[\w-]{10,}|glpat-[\w-]{16,}|sk-[\w-]{20,}|github_pat_\w{20,}|pypi-[\w-]{20,}|"
            rb"EAA[0-9A-Za-z]{20,}|[0-9]{8,10}:AA[\w-]{30,})"
        ),
        always(b":token"),
    ),
    Detector(
        lambda raw: b"_" in raw or b"-" in raw,
        regex(
            rb"(?:^|[^0-9A-Za-z_-])((?:[A-Za-z][A-Za-z0-9]{0,11}_){1,3}[A-Za-z]*(?:[0-9]|[a-z][A-Z])[0-9A-Za-z]*"
            rb"|(?:acct|cus|cust|inv|ord|org|pay|req|ses|sess|sub|tok|txn|user|usr)-[A-Za-z]*[0-9][0-9A-Za-z]*)",
        ),
        _prefixed,
        most=64,
    ),
    Detector(everywhere, regex(rb"(?:%s)={0,2}" % _RESTLESS), _run),
)
