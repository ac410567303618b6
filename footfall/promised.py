"""What is promised to the visitors of a site, in the words of its page of privacy.

In: what holds for a site. Out: the promises that it keeps. Promises: each is a rule of docs/promises.md, which names
the code and the tests that keep it.
"""

from __future__ import annotations

from dashboards.web.about_site import Promise

from .kept import Holds

PROMISES = (
    Promise(
        "canary",
        "Address and browser string are in no file, table, log or error text, nor is an e-mail address or a telephone "
        "number that an address of a page held.",
    ),
    Promise(
        "H3",
        "The key of the day, without which no visitor's number can be computed, is destroyed seconds after the site's "
        "midnight.",
    ),
    Promise(
        "H5",
        "The same browser has unrelated numbers on two days, and on two sites.",
    ),
    Promise(
        "N4",
        "Enough people are people from enough different networks, so that nobody makes them up on one connection.",
    ),
    Promise(
        "R3",
        "What is of too few people is folded into “other”, and never so that it follows by subtraction.",
    ),
    Promise(
        "N7",
        "Numbers of today move by enough people at once, so nobody who looks on sees one visitor come.",
    ),
    Promise(
        "U2",
        "What is recognized as naming a person, in the address of a page, an event or a property, is replaced before "
        "it is stored.",
    ),
    Promise("A5", "There is no access log."),
    Promise(
        "X3",
        "Raw events are deleted when their days are over, from the disk, too.",
    ),
    Promise(
        "D2",
        "Who objects, or takes consent back, has his rows of today deleted.",
    ),
    Promise("D6", "Deleted means rewritten without them, not hidden."),
    Promise(
        "D1",
        "What a request would be reduced to is told to whoever asks, and nothing is kept of the question.",
    ),
    Promise("R4", "No published number holds a visitor's number."),
)
# What means nothing where everything is shown, or where keys may be recovered.
_OF_FEW, _OF_NETWORKS, _OF_KEYS = ("R3", "N7"), ("N4",), ("H3",)


def promises_of(holds: Holds) -> tuple[Promise, ...]:
    """Those that the settings of a site leave."""
    mine = holds.anonymization
    void = (_OF_FEW if mine.k == 1 else ()) + (_OF_NETWORKS if mine.networks == 1 else ())
    void += _OF_KEYS if holds.keys_on_disk else ()
    return tuple(one for one in PROMISES if one.rule not in void)
