"""Every way a beacon can end: the closed list that is counted, reported to the sender, and documented.

In: what became of each beacon. Out: what a sender may know of it. Promises: no text holds anything of what was sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum

from schema.event import SIGNALS


class Reason(StrEnum):
    """Why something did not become an event; ACCEPTED if it did."""

    ACCEPTED = "accepted"
    # Refused with 400, 401, 405, 413, 503: the sender can mend it or try again.
    BAD_BODY = "bad_body"
    NO_NAME = "no_name"
    NO_URL = "no_url"
    NO_DOMAIN = "no_domain"
    BAD_URL = "bad_url"
    BAD_PROPERTY = "bad_property"
    BAD_CONSENT = "bad_consent"
    EMPTY_ENGAGEMENT = "empty_engagement"
    NOT_AUTHORIZED = "not_authorized"
    BAD_METHOD = "bad_method"
    TOO_LARGE = "too_large"
    THROTTLED = "throttled"
    TOO_SLOW = "too_slow"
    BAD_TIME = "bad_time"
    NO_KEY = "no_key"
    SPOOL = "spool"
    FAILED = "failed"
    # Dropped with 202, and the reason in a header unless it is silent (THROTTLED, too, where others of the request are
    # not).
    UNKNOWN_SITE = "unknown_site"
    PREFETCH = "prefetch"
    BOT = "bot"
    HEADLESS = "headless"
    LIBRARY = "library"
    NO_ADDRESS = "no_address"
    DATACENTER = "datacenter"
    REFERRER_SPAM = "referrer_spam"
    HOST = "host"
    ORIGIN = "origin"
    PAGE = "page"
    NETWORK = "network"
    COUNTRY = "country"
    NEW_VISITORS = "new_visitors"
    NOT_KEPT = "not_kept"
    # The visitor's own signals: silent, all of them.
    OPTED_OUT = "opted_out"
    GPC = "gpc"
    COUNT_ONLY = "count_only"
    DENIED = "denied"
    WITHDRAWN = "withdrawn"
    # Lines of an access log that are not a person opening a page.
    BAD_LINE = "bad_line"
    NOT_GET = "not_get"
    NOT_SUCCESS = "not_success"
    REDIRECT = "redirect"
    STATIC_FILE = "static_file"

    # Equal to its text, so it is found where that is; an enum's own is written in Python, and each event is counted.
    __hash__ = str.__hash__

    @property
    def status(self) -> int:
        """The HTTP status of a request that was refused for it alone."""
        return _STATUS.get(self, 400)

    @property
    def is_signal(self) -> bool:
        """The visitor has asked for it."""
        return self in _SIGNALS

    @property
    def is_silent(self) -> bool:
        """It tells who somebody is, so the outcome must look like acceptance to whoever has sent it."""
        return self in _SILENT


_SIGNALS = frozenset(map(Reason, SIGNALS))
# Who asks with another's address and browser would learn of that person, or of his network.
_SILENT = _SIGNALS | {Reason.NETWORK, Reason.COUNTRY, Reason.DATACENTER, Reason.NEW_VISITORS}
_STATUS = {
    Reason.ACCEPTED: 202,
    Reason.NOT_AUTHORIZED: 401,
    Reason.BAD_METHOD: 405,
    Reason.TOO_LARGE: 413,
    Reason.THROTTLED: 429,
    Reason.NO_KEY: 503,
    Reason.SPOOL: 503,
    Reason.FAILED: 500,
}


class Refused(Exception):
    """What was sent cannot be taken. field: what of it; message: why, and nothing of what was sent."""

    def __init__(self, reason: Reason, field: str, message: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.field = field
        self.message = message


# What became of one beacon: a reason for each site it was meant for, or why it was not even one.
Outcome = tuple[Reason, ...] | Refused
# What becomes of almost every request: one beacon, for one site, on disk.
TAKEN: Sequence[Outcome] = [(Reason.ACCEPTED,)]


def reported(outcomes: Sequence[Outcome]) -> list[Reason]:
    """The reasons that may be reported to a sender, one for each beacon and site that did not become an event."""
    return [reason for reason in reasons_in(outcomes) if reason is not Reason.ACCEPTED and not reason.is_silent]


def first_refusal(outcomes: Sequence[Outcome]) -> Refused | None:
    """Why nothing at all was taken, where the sender can mend it."""
    if any(isinstance(outcome, tuple) and Reason.BAD_URL not in outcome for outcome in outcomes):
        return None
    for outcome in outcomes:
        if isinstance(outcome, Refused):
            return outcome
    return Refused(Reason.BAD_URL, "url", "is not a URL of a web page")


def reasons_in(outcomes: Sequence[Outcome]) -> Iterator[Reason]:
    """What became of each beacon at each site."""
    for outcome in outcomes:
        if isinstance(outcome, Refused):
            yield outcome.reason
        else:
            yield from outcome
