"""What is kept of a visit, for how long, and what is never kept, in words for everybody.

In: what holds for a site. Out: the parts of its page of privacy. Promises: every field of an event is told of (a test
holds `SENT` against its fields), and one that the settings leave empty is not said to be kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct

from collector.anonymization import Anonymization
from dashboards.web.about_site import Kept

# By what a browser, or the page, tells: the fields of an event that come of it, each in words ("": of no meaning to a
# reader, or told with another one).
SENT: Mapping[str, Mapping[str, str]] = {
    "Network address": {
        "country": "the country",
        "region": "the region",
        "city": "the city",
        "network": "the network it is in",
        "network_number": "a number of the network, of this site and day alone",
    },
    "Browser string": {
        "browser": "the browser",
        "browser_version": "its major version",
        "os": "the system",
        "os_version": "its version",
        "device": "the kind of device",
    },
    "Address and browser together": {"visitor": "a number of this site and day alone, made with the key of the day"},
    "Language and screen": {"language": "the language", "screen": "the class of screen width"},
    "Address of the page": {
        "hostname": "the host",
        "path": "the path, without what names a person",
        "query": "",
        "utm_source": "",
        "utm_medium": "",
        "utm_campaign": "",
        "utm_term": "",
        "utm_content": "",
    },
    "Where the visit came from": {
        "referrer": "the referring page",
        "source": "what that is called",
        "channel": "its kind, such as search",
    },
    "What was done": {
        "name": "that a page was opened, or the name of an event",
        "interactive": "",
        "id": "a keyed hash of an event's or order's id, of this day alone",
        "props": "properties that the page gave the event, without what names a person",
        "amount": "an amount of money",
        "currency": "",
        "engaged_ms": "how long the page was in view",
        "scroll": "how far it was scrolled",
        "page_language": "the language of the page",
    },
    "How fast the page was": {
        "lcp": "times until it was drawn and answered",
        "inp": "",
        "cls": "how much it moved",
        "fcp": "",
        "ttfb": "",
        "elements": "which element of its layout was responsible, without what looks like data",
    },
    "When": {"received": "the moment"},
    "For filing": {"site": "the site", "day": "its day", "lifetime": "how many days the row lives"},
}
_PLACES = ("none", "country", "region", "city")


class Holds(Struct, frozen=True):
    """What holds for a site. keys_on_disk: whether the settings allow the visitor keys where they can be recovered."""

    anonymization: Anonymization
    timezone: str
    keys_on_disk: bool = False


def kept_of(holds: Holds) -> Iterator[Kept]:
    """What remains of what is sent."""
    for sent, fields in SENT.items():
        said = [*(_worded(name, words, holds.anonymization) for name, words in fields.items() if words)]
        parameters = ", ".join(holds.anonymization.query_parameters)
        said += [f"of its parameters {parameters or 'none'}"] if "query" in fields else []
        yield Kept(sent, ", ".join(filter(None, said)) or "nothing")


def _worded(name: str, words: str, mine: Anonymization) -> str:
    """A field in words; "" where the settings leave it empty."""
    if name in _PLACES and _PLACES.index(name) > _PLACES.index(mine.place):
        return ""
    if name == "network":
        return words if mine.store_network else ""
    if name == "elements":
        return words if mine.vitals_elements else ""
    if name == "referrer":
        return f"{words}, its host{' and path' if mine.referrer == 'path' else ' alone'}"
    if name == "received":
        return f"{words}, to the {mine.timestamps}"
    return f"{words} without its region" if name == "language" and mine.language == "primary" else words


def times_of(holds: Holds) -> Iterator[Kept]:
    """What goes when."""
    mine = holds.anonymization
    people = people_of(mine)
    yield Kept("Network address, browser string", "never on a disk: in memory, for one request")
    where = "on a disk, where it may be recovered later" if holds.keys_on_disk else "in memory alone"
    yield Kept("Key of the day", f"destroyed seconds after midnight ({holds.timezone}); it is {where}")
    yield Kept("Raw events and visits", f"{mine.raw_days} days, then deleted from the disk")
    if mine.k_late:
        yield Kept(
            "What is too rare for its day",
            f"sums without any visitor's number, until their week or four weeks show {mine.k_late} visitor-days of it, "
            "or its raw events die",
        )
    yield Kept("Numbers of days that are over", f"for good: they are about {people}")
    yield Kept("Backups", "hold these numbers; no raw event, no open day and no key")


def never_of(holds: Holds) -> Iterator[str]:
    """What is not kept at all."""
    mine = holds.anonymization
    yield "The network address" + (", but the network it is in, with the raw event" if mine.store_network else "")
    yield "The browser string"
    yield "Cookies, or anything else in the browser that could tell it again; only who says no has that kept there"
    yield "Parameters of addresses that are not named above, and what follows a “#” that is no page of its own"
    yield "E-mail addresses, telephone numbers, names of accounts, tokens, wherever they are recognized as such"
    yield "Who came again on another day, or was on another site: the numbers of a visitor have nothing in common"


def people_of(mine: Anonymization) -> str:
    """Of how many people a number is that is shown."""
    if mine.k == 1:
        return "one person or more: this site shows every value (release.k = 1)"
    return f"{mine.k} people or more" + (f", from {mine.networks} networks or more" if mine.networks > 1 else "")
