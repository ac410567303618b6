"""What happens to one beacon for one site, step by step, in memory.

In: a `Draft` with the beacon, the client and the site. Out: an `Event`, or the `Reason` why there is none.
Promises: a `drop_*` step may end the beacon, a `put_*` step only adds; no step does I/O or has a clock of its own;
the visitor's signals are decided before the address is read into anything.
"""

from __future__ import annotations

from collections.abc import Callable

from schema.event import PAGEVIEW, Event

from .enrich.client_hints import refined
from .enrich.device import device_of, language_of, screen_class
from .enrich.geo import Geo
from .enrich.page import BadUrl, Page, parse_page
from .enrich.referrer import traffic_source_of
from .enrich.referrer_spam import is_spam
from .event_row import event_of
from .model import MAX_NAME, Beacon, Draft, Rules
from .outcome import Reason
from .privacy.address import is_nobodys, truncate
from .privacy.order_id import REFUND, is_order_id
from .privacy.scrub import is_secret, scrub
from .privacy.selector import cleaned
from .privacy.visitor_id import event_number, network_number, usual_visitor_number

_REASONS = {"bot": Reason.BOT, "headless": Reason.HEADLESS, "library": Reason.LIBRARY}
# Outcomes of machines, of which those are counted that say their names.
MACHINES = frozenset(_REASONS.values())


def page_of(beacon: Beacon, rules: Rules) -> Page:
    """What of its URL the site's settings let through. Raises BadUrl."""
    return parse_page(beacon.url, rules.keep, beacon.hash_mode, rules.site.trailing_slash == "strip")


def page_language_of(beacon: Beacon) -> str:
    """The page's own language. Never more than a primary one: a page may choose it by the visitor's."""
    # Many pages write it like a locale of POSIX.
    return language_of(beacon.page_language.replace("_", "-")) if beacon.page_language else ""


def drop_prefetch(draft: Draft) -> Reason | None:
    """The browser fetched ahead; nobody has seen the page."""
    return Reason.PREFETCH if draft.client.prefetch else None


def drop_bot(draft: Draft) -> Reason | None:
    """No person: a crawler, a driven browser or a library."""
    draft.device = refined(device_of(draft.client.agent), draft.client.client_hints)
    return None if draft.rules.site.count_automated else _REASONS.get(draft.device.bot)


def drop_withdrawn(draft: Draft) -> Reason | None:
    """Consent is taken back. First of the signals, because there is something to delete whatever the others say."""
    return Reason.WITHDRAWN if draft.beacon.consent == "withdrawn" else None


def drop_opted_out(draft: Draft) -> Reason | None:
    """DNT or the opt-out flag."""
    return Reason.OPTED_OUT if draft.client.opted_out else None


def drop_denied(draft: Draft) -> Reason | None:
    """Asked, and refused."""
    return Reason.DENIED if draft.beacon.consent == "denied" else None


def drop_gpc(draft: Draft) -> Reason | None:
    """Global Privacy Control: nothing, or one more in a bare total."""
    if not draft.client.gpc:
        return None
    return Reason.GPC if draft.rules.anonymization.gpc == "drop" else Reason.COUNT_ONLY


def drop_unasked(draft: Draft) -> Reason | None:
    """Nobody has consented yet where the site needs it: one more in a bare total."""
    return Reason.COUNT_ONLY if draft.rules.needs_consent and draft.beacon.consent != "granted" else None


def drop_bad_url(draft: Draft) -> Reason | None:
    """A URL that names no page."""
    if draft.page is None:
        try:
            draft.page = page_of(draft.beacon, draft.rules)
        except BadUrl:
            return Reason.BAD_URL
    return None


def drop_foreign_host(draft: Draft) -> Reason | None:
    """A page that is not the site's."""
    assert draft.page is not None
    return None if draft.rules.site_filter.admits(draft.page.hostname) else Reason.HOST


def drop_foreign_origin(draft: Draft) -> Reason | None:
    """The browser says that a page of another site has sent it: nothing of such a one counts, not even a signal."""
    site_filter = draft.rules.site_filter
    if site_filter.admits_origin(draft.client.origin):
        return None
    # Hosts that are named hold for their site whatever others say.
    return None if draft.vouched and not site_filter.knows_hosts else Reason.ORIGIN


def drop_excluded_page(draft: Draft) -> Reason | None:
    """A page that the site leaves out."""
    assert draft.page is not None
    return Reason.PAGE if draft.rules.site_filter.excludes_page(draft.page.path) else None


def put_traffic_source(draft: Draft) -> None:
    """Referrer, source, channel."""
    assert draft.page is not None
    keep_path = draft.rules.anonymization.referrer == "path"
    draft.traffic_source = traffic_source_of(draft.beacon.referrer, draft.page, draft.rules.own_hosts, keep_path)


def drop_referrer_spam(draft: Draft) -> Reason | None:
    """A visit forged so that a host's name is read here."""
    more = draft.rules.referrer_spam
    forged = is_spam(draft.traffic_source.referrer.partition("/")[0], more) or is_spam(
        draft.traffic_source.source, more
    )
    return Reason.REFERRER_SPAM if forged else None


def drop_excluded_network(draft: Draft) -> Reason | None:
    """A network that the site leaves out, looked for by the whole address: an office is smaller than what is kept."""
    return Reason.NETWORK if draft.rules.site_filter.networks.hold(draft.client.address) else None


def put_network(draft: Draft) -> None:
    """The truncated address: all that any later step but the visitor's hash may see of it."""
    settings = draft.rules.anonymization
    draft.network = truncate(draft.client.address, settings.ipv4_bits, settings.ipv6_bits)


def drop_no_address(draft: Draft) -> Reason | None:
    """Nobody's address: all who have none would be one visitor."""
    return Reason.NO_ADDRESS if is_nobodys(draft.client.address, draft.network) else None


def drop_datacenter(draft: Draft) -> Reason | None:
    """A network in which machines stand, not people."""
    if draft.rules.site.count_automated:
        return None
    return Reason.DATACENTER if draft.datacenters.hold(draft.network) else None


def put_key(draft: Draft) -> None:
    """The key of the site and day, asked for once. Raises NoKey."""
    draft.key = draft.keys.key(draft.rules.site.key, draft.day.number)


def put_network_number(draft: Draft) -> None:
    """The keyed hash of the network, by which events of one are told from those of another (rule N4)."""
    draft.network_number = network_number(draft.key, draft.network)


def drop_throttled(draft: Draft) -> Reason | None:
    """A network that sends more than people do."""
    return None if draft.limit is None or draft.limit.admits(draft.network_number) else Reason.THROTTLED


def put_geo(draft: Draft) -> None:
    """Country, region, city, as far as the settings go."""
    precision = draft.rules.anonymization.place
    if precision == "none":
        return
    geo = draft.geo_database.of(draft.network, draft.beacon.time_zone)
    if geo.city and precision != "city":
        geo = Geo(geo.country, geo.region, "")
    if geo.region and precision == "country":
        geo = Geo(geo.country, "", "")
    draft.geo = geo


def drop_excluded_country(draft: Draft) -> Reason | None:
    """A country that the site leaves out."""
    return Reason.COUNTRY if draft.geo.country in draft.rules.site_filter.countries else None


def put_language(draft: Draft) -> None:
    """The browser's first language."""
    draft.language = language_of(draft.client.languages, draft.rules.anonymization.language == "full")


def put_page_language(draft: Draft) -> None:
    """The page's own language."""
    draft.page_language = page_language_of(draft.beacon)


def put_screen(draft: Draft) -> None:
    """The class of the screen's width."""
    draft.screen = screen_class(draft.beacon.width)


def put_name_and_props(draft: Draft) -> None:
    """The page's own words, scrubbed."""
    # Cut here and not before: half of an address is nothing that the scrubber finds.
    name = draft.beacon.name
    draft.name = name if name == PAGEVIEW else scrub(name)[:MAX_NAME]
    if draft.beacon.props:
        has_revenue = bool(draft.beacon.currency)
        orders = {key for key in draft.beacon.props if is_order_id(key, has_revenue)}
        draft.props = {
            name: ":secret" if is_secret(key) else scrub(value)
            for key, value in draft.beacon.props.items()
            if key not in orders and (name := scrub(key))
        }
        if has_revenue:
            # Of what is not paid there may be many of one order: its items, its parcels.
            draft.order = next((draft.beacon.props[key] for key in sorted(orders) if draft.beacon.props[key]), "")
            if draft.order and draft.beacon.amount < 0:
                draft.order = f"{REFUND} {draft.order}"


def put_elements(draft: Draft) -> None:
    """The elements responsible for web vitals, where the site keeps them: what of a selector is a page's own layout."""
    if draft.beacon.elements and draft.rules.anonymization.vitals_elements:
        found = {name: cleaned(text) for name, text in draft.beacon.elements.items()}
        draft.elements = {name: selector for name, selector in found.items() if selector}


def put_visitor(draft: Draft) -> None:
    """The keyed hash of what the settings allow (rule H1)."""
    # Of the agent alone: hints are sent to one page and not to the next, and would make two visitors of one.
    settings, agent = draft.rules.anonymization, draft.client.agent
    if settings.visitor_agent != "whole":
        device = device_of(agent)
        agent = f"{device.browser}/{device.browser_version}/{device.os}"
    draft.visitor = usual_visitor_number(
        draft.key,
        draft.rules.site.key,
        draft.client.address if settings.visitor_address == "full" else draft.network,
        agent,
        draft.language.partition("-")[0] if settings.visitor_language else "",
        draft.screen if settings.visitor_screen else "",
    )
    # The order's before the event's own, which many senders make up anew for each try and for each page.
    if sender_id := draft.order or draft.beacon.id:
        draft.id = event_number(draft.key, sender_id)


def drop_new_visitor(draft: Draft) -> Reason | None:
    """A visitor whom nobody has seen today, of a network that brings more of them than people could be. Said to nobody:
    the answer would tell a neighbour who has been here and who has not."""
    new_visitors = draft.new_visitors
    if new_visitors is None or new_visitors.know(draft.visitor):
        return None
    admitted = new_visitors.admit(draft.visitor, draft.network_number, draft.client.address)
    return None if admitted else Reason.NEW_VISITORS


STEPS: tuple[Callable[[Draft], Reason | None], ...] = (
    drop_foreign_origin,
    drop_prefetch,
    drop_bot,
    # Of several signals the most restrictive one holds.
    drop_withdrawn,
    drop_opted_out,
    drop_denied,
    drop_gpc,
    drop_unasked,
    drop_bad_url,
    drop_foreign_host,
    drop_excluded_page,
    put_traffic_source,
    drop_referrer_spam,
    drop_excluded_network,
    put_network,
    drop_no_address,
    drop_datacenter,
    put_key,
    put_network_number,
    drop_throttled,
    put_geo,
    drop_excluded_country,
    put_language,
    put_page_language,
    put_screen,
    put_name_and_props,
    put_elements,
    put_visitor,
    drop_new_visitor,
)


def anonymize(draft: Draft) -> Event | Reason:
    """Take a draft through every step. Raises NoKey where the day has no key."""
    for step in STEPS:
        reason = step(draft)
        if reason is not None:
            return reason
    return event_of(draft)
