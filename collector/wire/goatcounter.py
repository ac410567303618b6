"""GoatCounter's wire format: `GET` or `POST /count`, and `/count/SITE`, with everything in the query string.

In: parameters. Out: beacons; the answer is a picture, and X-Goatcounter says what is wrong. A page's own host decides
which site it is, since nothing else in a request does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from schema.event import PAGEVIEW
from schema.host import site_name

from ..model import Arrival, Beacon, Rules
from ..outcome import Outcome, Reason, Refused
from .base import Answer, Incoming
from .foreign import GIF, GIF_TYPE, event_name, host_of, mistake_in, page_of, parameters, site_of, width_of
from .values import bounded, number_of

_YES = frozenset({"true", "1", "on"})
_NO = frozenset({"false", "0", "off", ""})
# What the script finds a driven browser by.
_HEADLESS = range(150, 154)
# Every instance may have it, and no page of anybody's own is in it.
_DEMO = "demo"


class GoatCounter:
    """The format, for `Endpoint`. rules: by every name of a site."""

    name = "goatcounter"
    methods = ("GET", "POST")
    max_body = 64 * 1024
    request_headers = "Content-Type"

    def __init__(self, rules: Mapping[str, Rules]) -> None:
        self._rules = rules

    def read(self, incoming: Incoming) -> Sequence[Arrival | Refused]:
        """The one beacon. Raises Refused."""
        said = parameters(incoming.query)
        path, page = said.get("p", ""), page_of(incoming)
        if not path:
            raise Refused(Reason.NO_URL, "p", "is required")
        if said.get("s") and number_of(said["s"].partition(",")[0]) is None:
            raise Refused(Reason.BAD_BODY, "s", "is not a width, or width,height,scale")
        is_event, domains = _is_event(said.get("e", "")), self._site(incoming, host_of(page))
        if _is_headless(said.get("b", "")):
            return (Refused(Reason.HEADLESS, "b", "says that no person looks on"),)
        origin = f"https://{host_of(page) or self._key(domains[0])}"
        url = (page or origin) if is_event else _with_query(origin + "/" + path.removeprefix("/"), said.get("q", ""))
        beacon = Beacon(
            name=event_name(path) if is_event else PAGEVIEW,
            url=bounded(url),
            domains=domains,
            referrer=bounded(said.get("r", "")),
            width=width_of(said.get("s")),
        )
        return (Arrival(beacon, incoming.client),)

    def answer(self, outcomes: Sequence[Outcome], incoming: Incoming) -> Answer:
        """The picture; what was dropped is told in the header."""
        (outcome,) = outcomes
        mistake = mistake_in(outcome)
        if mistake:
            return self.refuse(mistake)
        reasons = (outcome.reason,) if isinstance(outcome, Refused) else outcome
        dropped = [reason for reason in reasons if reason is not Reason.ACCEPTED and not reason.is_silent]
        return _picture(200, f"not counted: {dropped[0]}" if dropped else "")

    def refuse(self, refused: Refused) -> Answer:
        """The picture, and in the header what is wrong."""
        return _picture(refused.reason.status, f"{refused.field} {refused.message}")

    def _site(self, incoming: Incoming, host: str) -> tuple[str, ...]:
        """The site in the path, or the one of the page's host, or the only one there is."""
        if "site" in incoming.path:
            return site_of(incoming.path["site"], "site")
        name = site_name(host)
        known = name if name in self._rules else self._only()
        if not known:
            raise Refused(Reason.NO_DOMAIN, "site", "is not told by the page's host: use /count/SITE")
        return (known,)

    def _only(self) -> str:
        keys = {one.site.key for one in self._rules.values()} - {_DEMO}
        return keys.pop() if len(keys) == 1 else ""

    def _key(self, name: str) -> str:
        """What stands for the host of a page that does not tell its own."""
        return self._rules[name].site.key if name in self._rules else name


def _is_event(text: str) -> bool:
    if text.lower() not in _YES | _NO:
        raise Refused(Reason.BAD_BODY, "e", "is neither true nor false")
    return text.lower() in _YES


def _is_headless(text: str) -> bool:
    if text in ("", "0"):
        return False
    # Nothing but digits, and few: int() knows more ways to write a number than a query string.
    if not (text.isascii() and text.isdigit() and len(text) == 3 and int(text) in _HEADLESS):
        raise Refused(Reason.BAD_BODY, "b", "is none of the marks of the script")
    return True


def _with_query(url: str, query: str) -> str:
    query = query.removeprefix("?")
    return f"{url}{'&' if '?' in url else '?'}{query}" if query else url


def _picture(status: int, said: str) -> Answer:
    return Answer(status, GIF, GIF_TYPE, ((b"x-goatcounter", said.encode()),) if said else ())
