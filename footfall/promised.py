"""What is promised to the visitors of a site, in the words of its page of privacy.

In: what holds for a site. Out: the promises that it keeps. Promises: each is a rule of docs/promises.md and names tests
that stand there as its proof; a test holds one against the other.
"""

from __future__ import annotations

from dashboards.web.about_site import Promise

from .kept import Holds

PROMISES = (
    Promise(
        "canary",
        "Address and browser string are in no file, table, log or error text, nor is an e-mail address or a telephone "
        "number that an address of a page held.",
        ("tests/journey/test_canary.py",),
    ),
    Promise(
        "H3",
        "The key of the day, without which no visitor's number can be computed, is destroyed seconds after the site's "
        "midnight.",
        ("tests/faults/test_13_key_rotation.py", "tests/collector/test_keys.py"),
    ),
    Promise(
        "H5",
        "The same browser has unrelated numbers on two days, and on two sites.",
        ("tests/collector/",),
    ),
    Promise(
        "N4",
        "Enough people are people from enough different networks, so that nobody makes them up on one connection.",
        ("tests/attacks/test_padding.py",),
    ),
    Promise(
        "R3",
        "What is of too few people is folded into “other”, and never so that it follows by subtraction.",
        ("tests/pipeline/test_fold.py", "tests/attacks/test_one_converter.py"),
    ),
    Promise(
        "N7",
        "Numbers of today move by enough people at once, so nobody who looks on sees one visitor come.",
        ("tests/attacks/test_polling.py", "tests/attacks/test_steps.py"),
    ),
    Promise(
        "U2",
        "What is recognized as naming a person, in the address of a page, an event or a property, is replaced before "
        "it is stored.",
        ("tests/collector/test_scrub.py",),
    ),
    Promise("A5", "There is no access log.", ("tests/journey/test_canary.py",)),
    Promise(
        "X3",
        "Raw events are deleted when their days are over, from the disk, too.",
        ("tests/faults/test_21_retention.py", "tests/pipeline/test_retention.py"),
    ),
    Promise(
        "D2",
        "Who objects, or takes consent back, has his rows of today deleted.",
        ("tests/pipeline/test_erase.py", "tests/attacks/test_erasing.py", "tests/journey/test_withdrawal.py"),
    ),
    Promise("D6", "Deleted means rewritten without them, not hidden.", ("tests/pipeline/test_erase.py",)),
    Promise(
        "D1",
        "What a request would be reduced to is told to whoever asks, and nothing is kept of the question.",
        ("tests/collector/test_visitor_rights.py",),
    ),
    Promise("R4", "No published number holds a visitor's number.", ("tests/schema/test_grants.py",)),
)
# What means nothing where everything is shown, or where keys may be recovered.
_OF_FEW, _OF_NETWORKS, _OF_KEYS = ("R3", "N7"), ("N4",), ("H3",)


def promises_of(holds: Holds) -> tuple[Promise, ...]:
    """Those that the settings of a site leave."""
    mine = holds.anonymization
    void = (_OF_FEW if mine.k == 1 else ()) + (_OF_NETWORKS if mine.networks == 1 else ())
    void += _OF_KEYS if holds.keys_on_disk else ()
    return tuple(one for one in PROMISES if one.rule not in void)
