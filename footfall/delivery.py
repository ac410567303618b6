"""What is sent to whom, composed of the settings: for the process that serves the dashboards, and for commands.

In: settings. Out: `Deliveries`. Promises: what is wanted is what the settings in force say, at each look.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

import msgspec

from dashboards.delivery.deliver import Deliveries, SecretMissing, Trouble, Wanted
from dashboards.delivery.outbox import Outbox
from dashboards.delivery.settings import Every
from dashboards.stats.report import Reports

from .errors import CannotDo, CannotStart
from .health.finding import BAD, Finding
from .settings import Settings
from .supervisor.listening import dashboards_url


def in_words(every: str) -> Every:
    """Raises CannotDo."""
    try:
        found: Every = msgspec.convert(every, Every)
    except msgspec.ValidationError:
        raise CannotDo(f"every = {every!r}: a digest is of a 'week' or of a 'month'") from None
    return found


def wanted_of(settings: Settings) -> list[Wanted]:
    """What is wanted of each site."""
    rules = {site.key: site for site in settings.reported_sites()}
    return [Wanted(rules[site.key], site.digests, site.alerts) for site in settings.all_sites]


def deliveries(
    in_force: Callable[[], Settings],
    reports: Reports,
    outbox: Outbox,
    findings: Callable[[], Iterable[Finding]] = tuple,
) -> Deliveries:
    """in_force: the settings, whose sites may change. findings: what `footfall check` tells. Raises CannotStart."""
    settings = in_force()

    def troubles() -> list[Trouble]:
        return [Trouble(one.check, one.finding, one.remedy) for one in findings() if one.state == BAD]

    try:
        return Deliveries(
            *(reports, outbox, settings.mail, settings.alerts, dashboards_url(settings)),
            wanted=lambda: wanted_of(in_force()),
            troubles=troubles,
        )
    except SecretMissing as problem:
        raise CannotStart(str(problem)) from None


def start(sent: Deliveries) -> None:
    """Send what is due from now on, in a thread of its own, until the process ends."""
    threading.Thread(target=sent.run_for_ever, name="deliveries", daemon=True).start()
