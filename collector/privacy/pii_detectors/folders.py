"""Codes that stand behind a folder which says so: "/reset/k3j9x2", "/invite/XKCD-1234".

In: paths. What stands behind such a folder may as well be an ordinary page ("/reset/password", "/session/2024-keynote",
"/token/erc-20"): only what looks like a code is one.
"""

from __future__ import annotations

import re

from ...text.re2 import regex
from ..entropy import looks_random
from .detector import Detector, everywhere
from .token import changes, is_mixed

# Beginnings of words: "invite", "invitation", "invites".
_SAYING = (
    rb"reset|recover|invit|verif|valid|token|magic|session|activat|aktivier|unsubscri|unsub|optout|opt-out|confirm|"
    rb"bestaetig|einladung|abmeld|otp|onetime|one-time|passwordless|login-link|loginlink|signin-link|set-password|accept|"
    rb"join|rsvp"
)
# The folder, and the one or two behind it.
_BEHIND = rb"[^/?#&;=\s:][^/?#&;=\s]*"
_FOLDER = regex(rb"(?i)(?:^|[/#=])[a-z_.-]{0,24}(?:%s)[a-z_.-]{0,24}/{1,2}(%s(?:/%s)?)" % (_SAYING, _BEHIND, _BEHIND))
# Whether there can be such a folder; most texts have none.
MAY_BE_CODE = regex(rb"(?i)(?:%s)[a-z_.-]{0,24}/{1,2}%s" % (_SAYING, _BEHIND[: _BEHIND.index(b"]") + 1]))

_ENDING = re.compile(r"\.(?:html?|php|aspx?|jsp|do)$")
_BETWEEN = re.compile(r"[-_.~+,:|!()]+")
_YEAR = re.compile(r"(?:19|20)[0-9]{2}")
_DATE = re.compile(r"(?:19|20)[0-9]{2}[01][0-9](?:[0-3][0-9])?")
_WORD_AND_NUMBER = re.compile(r"([A-Za-z]{2,})([0-9]{1,2}|(?:19|20)[0-9]{2})|([0-9]{1,2})([A-Za-z]{4,})")
# Standards and sizes that look like a code: "erc721", "mp3", "1080p", "h264".
_KNOWN = re.compile(
    r"(?:erc|eip|bep|trc|nep|iso|rfc|cve|din|en|cis|web|[hx])[0-9]{1,5}|[0-9]{3,4}p|[0-9]{1,3}(?:st|nd|rd|th|k|gb|mb|min|h)"
)
# As many characters in each group, and digits in all: "qh00-lvc4"; of capitals digits in one are enough.
_GROUPS = re.compile(r"[0-9A-Za-z]{4,8}(?:-[0-9A-Za-z]{4,8}){1,7}")
# "QWERTY-12345"
_LONG_NUMBER = re.compile(r"-(?!(?:19|20)[0-9]{2}(?![0-9]))[0-9]{4,}")
_DIGIT = re.compile("[0-9]")
# What is sent to a telephone has six digits; sessions of a conference and cards of a game have fewer.
_LONG_CODE = re.compile("[0-9]{6,}")


def _behind(raw: bytes, start: int, stop: int) -> bytes:
    folders = raw[start:stop].decode("utf-8", "ignore").split("/")
    numbers = _says_number(raw, start)
    codes = [looks_like_code(folder, numbers) for folder in folders]
    codes[0] = codes[0] or _is_long_code(_ENDING.sub("", folders[0]))
    if len(folders) == 2 and codes[1] and not codes[0] and not folders[0].islower():
        # "/reset/MTIz/c4k9-…": whose it is goes with it.
        codes[0] = True
    if not any(codes):
        return raw[start:stop]
    return "/".join(":secret" if code else folder for folder, code in zip(folders, codes, strict=True)).encode()


def _is_long_code(folder: str) -> bool:
    return _LONG_CODE.fullmatch(folder) is not None and not _DATE.fullmatch(folder)


def _says_number(raw: bytes, start: int) -> bool:
    """Whether any digits may be a code there: sessions of a conference have numbers, tokens and cards, too."""
    folder = raw[:start].rstrip(b"/").rpartition(b"/")[2].lower()
    return not any(word in folder for word in (b"session", b"token", b"magic", b"join", b"accept"))


def looks_like_code(folder: str, numbers: bool = True) -> bool:
    """Whether a folder is drawn at random rather than written. numbers: digits alone may be."""
    folder = _ENDING.sub("", folder)
    if len(folder) < 4 or not folder.isascii():
        return False
    if _GROUPS.fullmatch(folder) and _are_groups(folder, numbers):
        return True
    if folder.isdigit():
        return numbers and not _YEAR.fullmatch(folder) and not _DATE.fullmatch(folder)
    if numbers and folder.isupper() and _LONG_NUMBER.search(folder):
        return True
    return any(_is_code(word, numbers) for word in _BETWEEN.split(folder))


def _are_groups(folder: str, numbers: bool) -> bool:
    parts = folder.split("-")
    if len(set(map(len, parts))) > 1 or any(_YEAR.fullmatch(part) for part in parts):
        return False
    with_digits = sum(1 for part in parts if _DIGIT.search(part))
    if all(map(str.isdigit, parts)):
        return numbers
    return with_digits == len(parts) or (with_digits > 0 and folder.isupper())


def _is_code(word: str, numbers: bool) -> bool:
    if len(word) < 4 or word.isdigit() or _KNOWN.fullmatch(word.lower()):
        return False
    if word.isalpha():
        return _letters_are_code(word)
    if not word.isalnum():
        return True
    pair = _WORD_AND_NUMBER.fullmatch(word)
    if pair:
        letters = pair[1] or pair[4]
        ordinary = letters.islower() or letters.isupper() or letters.istitle()
        return (len(letters) >= 4 or not ordinary) and _letters_are_code(letters)
    # "s12345" is a number, too.
    return changes(word) > 1 or (len(word) >= 6 and (numbers or not word[1:].isdigit()))


def _letters_are_code(word: str) -> bool:
    if word.islower() or word.isupper() or word.istitle():
        return looks_random([word], 5, 0.6)
    return is_mixed(word) or looks_random([word], 5, 0.6)


FOLDER_DETECTORS = (Detector(everywhere, _FOLDER, _behind, most=32),)
