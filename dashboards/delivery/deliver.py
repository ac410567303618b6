"""Sends what is due: digests of weeks and months that are over, alerts, and that the house is in trouble.

In: the sites with what their owners want sent, the reports, the outbox. Out: mails and webhooks. Promises: each of them
once (`outbox`); what fails is tried again and harms no other; the log names what, never to whom.
"""

from __future__ import annotations

import datetime as dt
import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

import structlog
from msgspec import Struct

from schema.lasting import kind_and_place
from schema.site import Site

from ..stats.report import Reports
from ..web.security_headers import UNSUBSCRIBE
from .alerts import Look, alert_of, called, days_of, trouble
from .digest import digest_of, list_of, name_of, period_of
from .mail import Mailer
from .message import CannotSend, Message, Unclear
from .outbox import Outbox
from .settings import Alert, AlertSettings, Digest, MailSettings
from .webhook import Webhooks

log = structlog.get_logger("delivery")

# A quarter of an hour is the step in which open days are shown; a day's release is not waited for by the second.
EVERY_S = 300.0
# What is in trouble for so long is told.
TROUBLE_AFTER_S = 300.0
LEAST_SECRET = 16


class Wanted(Struct, frozen=True):
    """What is wanted of one site."""

    site: Site
    digests: tuple[Digest, ...] = ()
    alerts: tuple[Alert, ...] = ()


class Trouble(Struct, frozen=True):
    """What the house has: which check, what it found, what to do."""

    check: str
    finding: str
    remedy: str = ""


class SecretMissing(ValueError):
    """The secret that signs webhooks cannot be read, or is too short."""


class Deliveries:
    """base: the address of the dashboards. wanted: of each site. troubles: what the house has now."""

    def __init__(
        self,
        reports: Reports,
        outbox: Outbox,
        mail: MailSettings,
        alerts: AlertSettings,
        base: str,
        wanted: Callable[[], Sequence[Wanted]],
        troubles: Callable[[], Iterable[Trouble]] = tuple,
        clock: Callable[[], float] = time.time,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._reports = reports
        self._outbox = outbox
        self._mail, self._alerts = mail, alerts
        self._base = base
        self._wanted, self._troubles = wanted, troubles
        self._clock = clock
        self._mailer = Mailer(mail, tls)
        self._webhooks = Webhooks(secret_of(alerts), clock) if alerts.secret_file else None
        self._seen: dict[str, float] = {}

    def run_for_ever(self) -> None:
        """Look every few minutes, as long as the process lives."""
        while True:
            time.sleep(EVERY_S)
            self.run()

    def run(self) -> None:
        """Send what is due. What goes wrong is logged, and tried again."""
        for one in self._wanted():
            for digest in one.digests:
                self._apart(f"digest {digest.every} {one.site.key}", partial(self._digest, one.site, digest))
            for alert in one.alerts:
                self._apart(f"alert {alert.on} {one.site.key}", partial(self._alert, one.site, alert))
        if self._alerts.trouble:
            self._apart("alert trouble", self._trouble)

    def _apart(self, what: str, work: Callable[[], None]) -> None:
        """One thing, whose failure is nothing to the others."""
        try:
            work()
        except Exception as problem:
            log.warning("not_delivered", what=what, **kind_and_place(problem))

    def _digest(self, site: Site, digest: Digest) -> None:
        period = period_of(digest.every, self._reports.now(site), self._mail.hour)
        if period is None:
            return
        what, list_ = name_of(site, digest.every, period), list_of(site, digest.every)
        left = [to for to in digest.to if self._outbox.wants(list_, to) and not self._outbox.is_over(what, to)]
        message = digest_of(self._reports, site, digest.every, period, self._base) if left else None
        if message is not None:
            for to in left:
                self._send(message, to)

    def _alert(self, site: Site, alert: Alert) -> None:
        look = Look(self._reports, site, self._base)
        for day in days_of(look, alert):
            what = called(look, alert, day)
            left = [to for to in alert.to if not self._outbox.is_over(what, to)]
            message = alert_of(look, alert, day) if left else None
            if message is not None:
                for to in left:
                    self._send(message, to)

    def _trouble(self) -> None:
        now = self._clock()
        there = {one.check: one for one in self._troubles()}
        self._seen = {check: self._seen.get(check, now) for check in there}
        day = dt.datetime.fromtimestamp(now, dt.UTC).date()
        for check, since in self._seen.items():
            if now - since >= TROUBLE_AFTER_S:
                one = there[check]
                for to in self._alerts.trouble:
                    self._send(trouble(check, one.finding, one.remedy, day, self._base), to)

    def _send(self, message: Message, to: str) -> None:
        """To one receiver, if it is his turn."""
        outbox, what = self._outbox, message.what
        if not outbox.take(what, to):
            return
        try:
            self._give(message, to)
        except CannotSend as problem:
            (outbox.again if problem.again else outbox.refused)(what, to, str(problem))
            log.warning("not_sent", what=what, problem=str(problem), again=problem.again)
        except Unclear as problem:
            outbox.unclear(what, to, str(problem))
            log.warning("perhaps_sent", what=what, problem=str(problem))
        except Exception as problem:
            # A defect of ours, before anything was given away, or nobody knows: `take` finds out by the state.
            log.error("not_sent", what=what, **kind_and_place(problem))
        else:
            outbox.sent(what, to)
            log.info("sent", what=what)

    def _give(self, message: Message, to: str) -> None:
        def handing_over() -> None:
            self._outbox.handing_over(message.what, to)

        if "://" in to:
            if self._webhooks is None:
                raise CannotSend("alerts.secret_file is not set", again=True)
            self._webhooks.send(message, to, handing_over)
        else:
            self._mailer.send(message, to, self.unsubscribe_address(message.list_, to), handing_over)

    def unsubscribe_address(self, list_: str, to: str) -> str:
        """The page by which a receiver takes himself off a list; "" of no list."""
        if not list_:
            return ""
        return f"{self._base}{UNSUBSCRIBE}/{self._outbox.token(list_, to)}?{urlencode({'list': list_})}"


def secret_of(alerts: AlertSettings) -> bytes:
    """What signs webhooks. Raises SecretMissing."""
    try:
        found = Path(alerts.secret_file).read_text(encoding="utf-8").strip()
    except OSError as problem:
        raise SecretMissing(
            f"alerts.secret_file = {alerts.secret_file!r}: {problem.strerror}; name a file with a secret that "
            "this user can read"
        ) from None
    if len(found) < LEAST_SECRET:
        raise SecretMissing(
            f"alerts.secret_file = {alerts.secret_file!r}: the secret in it has fewer than {LEAST_SECRET} characters; "
            "`openssl rand -hex 32` makes one"
        )
    return found.encode()
