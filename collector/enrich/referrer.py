"""Where a visit came from: the referring host, the name people know it by, and the kind of channel.

In: the referrer a beacon names, the page with its campaign parameters, the site's own hosts. Out: a `TrafficSource`.
Promises: of a referrer only its host passes (its scrubbed path too, where the settings keep it); a bad one is none.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from ..privacy.scrub import scrub, scrub_host
from .page import MAX_PATH, BadUrl, Page, host_of, part_of, split_url
from .sources import HOSTS_CACHED, NO_SOURCE, Source, named_source, source_at, source_of


class TrafficSource(NamedTuple):
    """referrer: host, or host and path. source: a friendly name. channel: one of `CHANNELS`. "" is none."""

    referrer: str
    source: str
    channel: str


CHANNELS = (
    "Direct", "Organic Search", "Paid Search", "Organic Social", "Paid Social", "Organic Video", "Paid Video",
    "Organic Shopping", "Paid Shopping", "Email", "Display", "Referral", "Affiliates", "Audio", "SMS",
    "Mobile Push Notifications", "Paid Other", "Cross-network", "AI Assistants",
)  # fmt: skip
# Click ids that only a paid advertisement carries. Facebook's and Instagram's are on every outgoing link.
_ADVERTISER = {
    **dict.fromkeys(("gclid", "gbraid", "wbraid", "gad_source"), Source("Google", "search")),
    "msclkid": Source("Bing", "search"),
    "yclid": Source("Yandex", "search"),
    "twclid": Source("X (Twitter)", "social"),
    "li_fat_id": Source("LinkedIn", "social"),
    "rdt_cid": Source("Reddit", "social"),
    "epik": Source("Pinterest", "social"),
    "sccid": Source("Snapchat", "social"),
    "qclid": Source("Quora", "social"),
    "ttclid": Source("TikTok", "social"),
}
_AFFILIATE_CLICKS = frozenset(("cjevent", "irclickid", "awc"))
# The rules of the default channel group that Google publishes for Analytics 4, in its order; what we add names media
# that it leaves unassigned. https://support.google.com/analytics/answer/9756891
_PAID = re.compile(
    r".*cp.*|ppc|sem|sea|retargeting|remarketing|paid.*|.*[-_ ]paid|ads?|.*[-_ ]ads?|ads?[-_ ].*|advert.*|sponsored.*|"
    r"promoted.*|p-?max|performance[-_ ]max|\(?(?:gclid|msclkid)\)?"
)
# What a link of a network has, whether it is paid for or not.
_ANY_MEDIUM = re.compile(r"|organic.*|social.*|search|video|app|mobile|feed|stor(?:y|ies)|reels?|post")
_PAID_MEDIA = tuple(
    (re.compile(fits), channel)
    for fits, channel in (
        (r"paid[-_ ]?search.*|sem|sea|search[-_ ](?:ads?|paid|cpc)", "Paid Search"),
        (r"paid[-_ ]?social.*|social[-_ ](?:ads?|paid|cpc)", "Paid Social"),
        (r"paid[-_ ]?video.*|video[-_ ](?:ads?|paid)", "Paid Video"),
        (r"paid[-_ ]?shopping.*|shopping[-_ ](?:ads?|paid)", "Paid Shopping"),
    )
)
_DISPLAY = re.compile(r"display(?:[-_ ]ads?)?|banner(?:[-_ ]ads?)?|expandable|interstitial|cpm|native|programmatic|gdn")
_PAID_CHANNELS = {
    "search": "Paid Search",
    "social": "Paid Social",
    "chat": "Paid Social",
    "video": "Paid Video",
}
# (the categories of source, the medium, the channel): the first of which either fits wins.
_UNPAID = tuple(
    (frozenset(categories.split()), re.compile(medium), channel)
    for categories, medium, channel in (
        ("social chat", r"social(?:[-_ ](?:network|media))?|sm|organic[-_ ]social", "Organic Social"),
        ("video", r".*video.*", "Organic Video"),
        ("search", r"organic(?:[-_ ]search)?|search", "Organic Search"),
        ("ai", r"ai|ai[-_ ]assistant|llm", "AI Assistants"),
        ("", r"referral|app|link", "Referral"),
        ("mail", r".*e[-_ ]?mail.*|newsletter.*|mailing", "Email"),
        ("", r"aff(?:iliate)?s?|partner", "Affiliates"),
        ("", r"audio|podcast", "Audio"),
        ("", r"sms", "SMS"),
        ("", r".*push|.*mobile.*|.*notification.*", "Mobile Push Notifications"),
    )
)
# Sources that are a channel of their own.
_CHANNEL_SOURCES = {"sms": "SMS", "firebase": "Mobile Push Notifications"}
_SHOPPING_CAMPAIGN = re.compile(r"(?:^|[^a-df-z])shop|shopping")
# Nothing in it is more than its host, which is stored anyway.
_BARE = re.compile(r"https?://[a-z0-9.-]{1,100}/?")
_LOCAL = re.compile(r"localhost|.*\.localhost|127\..*|0\.0\.0\.0|::1")
_MESSENGER_HOSTS = frozenset(("t.me", "telegram.me", "telegram.dog", "wa.me"))


def traffic_source_of(referrer: str, page: Page, own_hosts: frozenset[str], keep_path: bool = False) -> TrafficSource:
    """Where the visit to the page came from."""
    if not page.query and not page.click_id and is_bare(referrer):
        return _from_bare(referrer, page.hostname, own_hosts, keep_path)
    return _traffic_source_of(referrer, page, own_hosts, keep_path)


def is_bare(referrer: str) -> bool:
    """Whether a referrer is a host and nothing else, or none."""
    return not referrer or _BARE.fullmatch(referrer) is not None


@lru_cache(maxsize=HOSTS_CACHED)
def _from_bare(referrer: str, hostname: str, own_hosts: frozenset[str], keep_path: bool) -> TrafficSource:
    """Where a visit came from whose referrer is a host and nothing else, as most are, to a page without a campaign."""
    return _traffic_source_of(referrer, Page(hostname, ""), own_hosts, keep_path)


def _traffic_source_of(referrer: str, page: Page, own_hosts: frozenset[str], keep_path: bool) -> TrafficSource:
    host, path, shown = _referring_host(referrer, page, own_hosts, keep_path)
    advertiser = _ADVERTISER.get(page.click_id)
    named = page.utm_source or page.ref
    paid = False
    if named:
        source, paid = named_source(named)
    elif advertiser:
        source = advertiser
    else:
        source = source_at(host, path) if host else NO_SOURCE
    return TrafficSource(shown, source.name, _channel(source, page, paid or advertiser is not None, bool(host)))


def _referring_host(referrer: str, page: Page, own_hosts: frozenset[str], keep_path: bool) -> tuple[str, str, str]:
    """The referring host, the path beneath it, and what of both is stored; "" where there is none that counts."""
    if not referrer:
        return "", "", ""
    try:
        parts = split_url(referrer.strip())
        host = host_of(parts)
    except BadUrl:
        return "", "", ""
    if parts.scheme not in ("http", "https", "android-app") or _LOCAL.fullmatch(host):
        return "", "", ""
    if host == page.hostname or _is_one_of(host, own_hosts):
        return "", "", ""
    # The name of a service in the dark web looks like a token.
    host = host if source_of(host).name != host else _scrubbed(host)
    # "/@anna/1234" is what somebody wrote, and nobody else.
    if not keep_path or not host or parts.path in ("", "/") or parts.path.startswith(("/@", "/%40")):
        return host, parts.path, host
    path = ":handle" if host in _MESSENGER_HOSTS else part_of(parts.path).lstrip("/")
    return host, parts.path, f"{host}/{path}"[:MAX_PATH]


def _scrubbed(host: str) -> str:
    # Of a page's own host an address is the server's; here it may be somebody's at home.
    return scrub(host) if host[-1:].isdigit() or ":" in host else scrub_host(host)


def _is_one_of(host: str, hosts: frozenset[str]) -> bool:
    """Whether a host is among hosts, of which `.example.com` is all that is below example.com."""
    if host in hosts:
        return True
    dot = host.find(".")
    while dot >= 0:
        if host[dot:] in hosts:
            return True
        dot = host.find(".", dot + 1)
    return False


def _channel(source: Source, page: Page, advertised: bool, referred: bool) -> str:
    medium, campaign, category = page.utm_medium.lower(), page.utm_campaign.lower(), source.category
    if not source.name and not medium and not campaign and not page.click_id:
        return "Direct"
    if "cross-network" in campaign:
        return "Cross-network"
    # An advertiser's click id, or a source that says "ads", holds against a medium that any link of that network has.
    paid = _PAID.fullmatch(medium) or (advertised and _ANY_MEDIUM.fullmatch(medium))
    shopping = category == "shopping" or _SHOPPING_CAMPAIGN.search(campaign)
    if paid and (shopping or category in _PAID_CHANNELS):
        return "Paid Shopping" if shopping else _PAID_CHANNELS[category]
    if _DISPLAY.fullmatch(medium) or (not medium and (page.click_id == "dclid" or category == "ads")):
        return "Display"
    if paid:
        return next((channel for fits, channel in _PAID_MEDIA if fits.fullmatch(medium)), "Paid Other")
    if page.click_id in _AFFILIATE_CLICKS and not medium:
        return "Affiliates"
    if shopping:
        return "Organic Shopping"
    for categories, fits, channel in _UNPAID:
        if category in categories or fits.fullmatch(medium):
            return channel
    if source.name.lower() in _CHANNEL_SOURCES:
        return _CHANNEL_SOURCES[source.name.lower()]
    return "Referral" if referred or source.name else "Direct"
