"""What happens to one beacon for one site, step by step, in memory.

In: a `Draft` with the beacon, the client and the site. Out: an `Event`, or the `Reason` why there is none.
Promises: a `drop_*` step may end the beacon, a `put_*` step only adds; no step does I/O or has a clock of its own;
the visitor's signals are decided before the address is read into anything.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from schema.event import NO_SCROLL, NOT_MEASURED, Event
from schema.site import LocalDay, Site

from .address import truncate
from .beacon import Beacon
from .device import Device, device_of, language_of, screen_class
from .page import BadUrl, Page, parse_page
from .place import Place, Places
from .reason import Reason
from .referrer import WhereFrom, where_from
from .scrub import is_secret, scrub
from .settings import Anonymization
from .visitor import Key, event_number, visitor_number

MINUTE_S = 60


class KeySource(Protocol):
    """Where a step gets the day's key from."""

    def key(self, site: str, day: int) -> Key:
        """The key of a site-day; raises NoKey."""


class Client(Struct, frozen=True):
    """The other end of the request. The address and the agent live in this value, in memory, and nowhere else."""

    address: str
    agent: str
    languages: str = ""
    prefetch: bool = False
    opted_out: bool = False
    gpc: bool = False

    def __repr__(self) -> str:
        return "Client(…)"


class Rules(Struct, frozen=True):
    """What holds for one site: its settings, resolved once."""

    site: Site
    anonymization: Anonymization
    lifetime: int
    keep: frozenset[str]
    own_hosts: frozenset[str]


_NOWHERE = Place("", "", "")
_UNKNOWN_DEVICE = Device("", "", "", "", "", False)


class Draft(Struct):
    """An event in the making."""

    beacon: Beacon
    client: Client
    rules: Rules
    received: int
    day: LocalDay
    keys: KeySource
    places: Places
    device: Device = _UNKNOWN_DEVICE
    page: Page | None = None
    origin: WhereFrom = WhereFrom("", "", "")
    place: Place = _NOWHERE
    network: str = ""
    language: str = ""
    screen: str = ""
    name: str = ""
    props: dict[str, str] = {}
    visitor: int = 0
    id: int = 0

    def __repr__(self) -> str:
        return "Draft(…)"


def drop_prefetch(draft: Draft) -> Reason | None:
    """The browser fetched ahead; nobody has seen the page."""
    return Reason.PREFETCH if draft.client.prefetch else None


def drop_bot(draft: Draft) -> Reason | None:
    """No person."""
    draft.device = device_of(draft.client.agent)
    return Reason.BOT if draft.device.bot and not draft.rules.site.count_automated else None


def drop_opted_out(draft: Draft) -> Reason | None:
    """DNT or the opt-out flag."""
    return Reason.OPTED_OUT if draft.client.opted_out else None


def drop_gpc(draft: Draft) -> Reason | None:
    """Global Privacy Control: nothing, or one more in a bare total."""
    if not draft.client.gpc:
        return None
    return Reason.GPC if draft.rules.anonymization.gpc == "drop" else Reason.COUNT_ONLY


def drop_bad_url(draft: Draft) -> Reason | None:
    """A URL that names no page."""
    try:
        draft.page = parse_page(draft.beacon.url, draft.rules.keep, draft.beacon.hash_mode)
    except BadUrl:
        return Reason.BAD_URL
    return None


def put_origin(draft: Draft) -> None:
    """Referrer, source, channel."""
    assert draft.page is not None
    keep_path = draft.rules.anonymization.referrer == "path"
    draft.origin = where_from(draft.beacon.referrer, draft.page, draft.rules.own_hosts, keep_path)


def put_network(draft: Draft) -> None:
    """The truncated address: all that any later step but the visitor's hash may see of it."""
    settings = draft.rules.anonymization
    draft.network = truncate(draft.client.address, settings.ipv4_bits, settings.ipv6_bits)


def put_place(draft: Draft) -> None:
    """Country, region, city, as far as the settings go."""
    precision = draft.rules.anonymization.place
    if precision == "none":
        return
    place = draft.places.of(draft.network, draft.beacon.time_zone)
    draft.place = Place(
        place.country,
        place.region if precision in ("region", "city") else "",
        place.city if precision == "city" else "",
    )


def put_language(draft: Draft) -> None:
    """The browser's first language."""
    draft.language = language_of(draft.client.languages, draft.rules.anonymization.language == "full")


def put_screen(draft: Draft) -> None:
    """The class of the screen's width."""
    draft.screen = screen_class(draft.beacon.width)


def put_name_and_props(draft: Draft) -> None:
    """The page's own words, scrubbed."""
    draft.name = scrub(draft.beacon.name)
    if draft.beacon.props:
        draft.props = {
            scrub(key): ":secret" if is_secret(key) else scrub(value) for key, value in draft.beacon.props.items()
        }


def put_visitor(draft: Draft) -> None:
    """The keyed hash of what the settings allow (rule H1)."""
    settings, device = draft.rules.anonymization, draft.device
    key = draft.keys.key(draft.rules.site.key, draft.day.number)
    whole_agent = settings.visitor_agent == "whole"
    parts = (
        draft.client.address if settings.visitor_address == "full" else draft.network,
        draft.client.agent if whole_agent else f"{device.browser}/{device.browser_version}/{device.os}",
        draft.language.partition("-")[0] if settings.visitor_language else "",
        draft.screen if settings.visitor_screen else "",
    )
    draft.visitor = visitor_number(key, draft.rules.site.key, parts)
    if draft.beacon.id:
        draft.id = event_number(key, draft.beacon.id)


STEPS: tuple[Callable[[Draft], Reason | None], ...] = (
    drop_prefetch,
    drop_bot,
    drop_opted_out,
    drop_gpc,
    drop_bad_url,
    put_origin,
    put_network,
    put_place,
    put_language,
    put_screen,
    put_name_and_props,
    put_visitor,
)


def anonymize(draft: Draft) -> Event | Reason:
    """Take a draft through every step. Raises NoKey where the day has no key."""
    for step in STEPS:
        reason = step(draft)
        if reason is not None:
            return reason
    return event_of(draft)


def event_of(draft: Draft) -> Event:
    """The finished event."""
    assert draft.page is not None
    beacon, page, device, settings = draft.beacon, draft.page, draft.device, draft.rules.anonymization
    vitals = beacon.vitals
    by_minute = settings.timestamps == "minute"
    return Event(
        draft.rules.site.key,
        draft.received // MINUTE_S * MINUTE_S if by_minute else draft.received,
        draft.day.number,
        draft.rules.lifetime,
        draft.id,
        draft.visitor,
        draft.name,
        beacon.interactive,
        page.hostname,
        page.path,
        page.query,
        draft.origin.referrer,
        draft.origin.source,
        draft.origin.channel,
        page.utm_source,
        page.utm_medium,
        page.utm_campaign,
        page.utm_term,
        page.utm_content,
        draft.place.country,
        draft.place.region,
        draft.place.city,
        device.device,
        device.browser,
        device.browser_version,
        device.os,
        device.os_version,
        draft.screen,
        draft.language,
        draft.props,
        beacon.currency,
        beacon.amount,
        beacon.engaged_ms,
        min(beacon.scroll, NO_SCROLL),
        vitals.get("lcp", NOT_MEASURED),
        vitals.get("inp", NOT_MEASURED),
        vitals.get("cls", NOT_MEASURED),
        vitals.get("fcp", NOT_MEASURED),
        vitals.get("ttfb", NOT_MEASURED),
        draft.network if settings.store_network else "",
    )
