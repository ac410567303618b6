"""What names a device: addresses of networks and of network cards, UUIDs."""

from __future__ import annotations

import re
from ipaddress import IPv6Address

from ...text.re2 import regex
from .detector import WORD, Detector, word_follows

_OCTET = rb"(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
_VERSION = re.compile(r"(?:^|[^a-z])(?:versions?|releases?|v|ver|changelog|build|chrome|section|chapter|ec)[/:=. -]?$")
# "app-1.2.3.4.zip", "tool 10.0.0.1 setup.exe"
_OF_A_FILE = re.compile(
    rb"[._-]?(?:x64|x86|win|amd64|arm64|setup)?\.(?:zip|exe|msi|dmg|deb|rpm|apk|jar|whl|gem|tar|t?gz)"
)
_PAIRS = re.compile(rb"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5,31}")


def _ipv4(raw: bytes, start: int, stop: int) -> bytes:
    text = raw[start:stop]
    if _VERSION.search(raw[max(0, start - 10) : start].decode("latin-1").lower()):
        return text
    if raw[start - 1 : start] == b"-" and _OF_A_FILE.match(raw, stop):
        return text
    return text if re.match(rb"\.[0-9]|[\x80-\xff]", raw[stop : stop + 2]) else b":ip"


def _colons(raw: bytes, start: int, stop: int) -> bytes:
    text = raw[start:stop]
    if word_follows(raw, stop):
        return text
    if _PAIRS.fullmatch(text):
        return b":hex"
    if len(text) > 45 or not text.strip(b":."):
        return text
    try:
        IPv6Address(text.decode())
    except ValueError:
        return text
    return b":ip"


def _in_a_name(raw: bytes, start: int, stop: int) -> bytes:
    return raw[start:stop] if re.match(rb"[-_]?[0-9A-Za-z]", raw[stop : stop + 2]) else b":ip"


def _card_address(raw: bytes, start: int, stop: int) -> bytes:
    # Without a letter it may be a date and time, as backups have them.
    text = raw[start:stop]
    letters = re.search(rb"[A-Fa-f]", text) and re.search(rb"[0-9]", text)
    same = len(set(re.findall(rb"[^0-9A-Fa-f]", text))) == 1
    longer = re.match(rb"[-_.]?[0-9A-Za-z]", raw[stop : stop + 2])
    return b":hex" if letters and same and not longer else text


def _in_fours(raw: bytes, start: int, stop: int) -> bytes:
    # Years and words ("cafe") stand in fours, too: not with letters and digits in one.
    groups = re.findall(rb"[0-9A-Fa-f]{4}", raw[start:stop])
    mixed = sum(not group.isdigit() and not group.isalpha() for group in groups)
    return raw[start:stop] if mixed < 2 or word_follows(raw, stop) else b":hex"


def _uuid(raw: bytes, start: int, stop: int) -> bytes:
    return raw[start:stop] if word_follows(raw, stop) else b":uuid"


MACHINE_DETECTORS = (
    Detector(
        lambda raw: raw.count(b":") > 1,
        regex(
            rb"(?:^|[^.%s])([0-9A-Fa-f]{0,4}:[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:]*(?:[0-9]?\.[0-9]{1,3}){0,3})" % WORD,
        ),
        _colons,
    ),
    Detector(
        lambda raw: raw.count(b".") > 2,
        regex(rb"(?:^|[^.%s])((?:%s\.){3}%s)\b" % (WORD, _OCTET, _OCTET)),
        _ipv4,
    ),
    Detector(
        lambda raw: raw.count(b"-") + raw.count(b"_") > 3,
        regex(rb"(?i)(?:^|[^0-9a-z])([0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12})"),
        _uuid,
    ),
    # As fingerprints and licences are written: "3cac-82f8-a783-63fb".
    Detector(
        lambda raw: raw.count(b"-") + raw.count(b"_") > 2,
        regex(rb"(?i)(?:^|[^0-9a-z])([0-9a-f]{4}(?:(?:-[0-9a-f]{4}){3,}|(?:_[0-9a-f]{4}){3,}))"),
        _in_fours,
    ),
    # As providers name the hosts of their customers.
    Detector(
        lambda raw: raw.count(b"-") + raw.count(b"_") > 2,
        regex(
            rb"(?i)(?:^|[^a-z])(?:ip|ipv4|host|dsl|adsl|vdsl|dhcp|static|dynamic|dyn|pool|cpe|ec2|ppp|cable|client|addr)"
            rb"[-_.]?((?:%s[-_]){3}%s)" % (_OCTET, _OCTET)
        ),
        _in_a_name,
    ),
    # Of a network card, or of eight bytes: pairs with dashes, fours with dots.
    Detector(
        lambda raw: raw.count(b".") > 1 or raw.count(b"-") + raw.count(b"_") + raw.count(b" ") > 4,
        regex(
            rb"(?i)(?:^|[^0-9a-z._-]|[g-z][-_.]|[0-9a-z]{3}[-_.])"
            rb"((?:[0-9a-f]{2}[-_ .]){5}[0-9a-f]{2}(?:[-_ .][0-9a-f]{2}){0,2}"
            rb"|(?:[0-9a-f]{4}\.){2}[0-9a-f]{4}(?:\.[0-9a-f]{4})?)"
        ),
        _card_address,
    ),
)
