"""The row of a beacon that went through the steps.

In: a `Draft` that every step is done with. Out: an `Event`. Promises: of the network and the time it has what the
settings let it have, and nothing else of the client.
"""

from __future__ import annotations

from schema.event import NO_SCROLL, NOT_MEASURED, Event

from .model import Draft, Rules
from .privacy.scrub import scrub_host

MINUTE_S = 60


def time_of(received: int, rules: Rules) -> int:
    """The moment that is stored of an event, as closely as the settings let it be told."""
    return received // MINUTE_S * MINUTE_S if rules.anonymization.timestamps == "minute" else received


def event_of(draft: Draft) -> Event:
    """The finished event."""
    assert draft.page is not None
    beacon, page, device, settings = draft.beacon, draft.page, draft.device, draft.rules.anonymization
    vitals = beacon.vitals
    return Event(
        draft.rules.site.key,
        time_of(draft.received, draft.rules),
        draft.day.number,
        draft.rules.lifetime,
        draft.id,
        draft.visitor,
        draft.name,
        beacon.interactive,
        scrub_host(page.hostname),
        page.path,
        page.query,
        draft.traffic_source.referrer,
        draft.traffic_source.source,
        draft.traffic_source.channel,
        page.utm_source,
        page.utm_medium,
        page.utm_campaign,
        page.utm_term,
        page.utm_content,
        draft.geo.country,
        draft.geo.region,
        draft.geo.city,
        device.device,
        device.browser,
        device.browser_version,
        device.os,
        device.os_version,
        draft.screen,
        draft.language,
        draft.page_language,
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
        draft.network_number,
        draft.elements,
    )
