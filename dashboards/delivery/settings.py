"""What can be set about mail and alerts: the server that takes mail, who gets a digest, and what somebody is told of.

In: the tables `[mail]` and `[alerts]`, and `digests` and `alerts` of a site. Out: frozen values.
Promises: what cannot be sent is refused when the file is read: a receiver that is none, a goal that there is not.
"""

from __future__ import annotations

import re
from email.utils import parseaddr
from typing import Annotated, Literal
from urllib.parse import urlsplit

from msgspec import Meta, Struct, structs

from schema.host import host_name, web_address
from schema.site import turned

Every = Literal["week", "month"]
Event = Literal["spike", "drop", "goal", "lcp", "leak"]
# Before the address of a webhook that wants what Slack takes.
SLACK = "slack+"
# The shape that mail servers take (RFC 5321, 4.1.2, without quoted names), no longer than they allow.
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[^@\s]{1,253}")
# p75 that is no longer good (web.dev/vitals).
_LCP_MS = 2500


def mail_address(text: str) -> str:
    """An address that mail can be sent to. Raises ValueError."""
    found = text.strip()
    if not _ADDRESS.fullmatch(found):
        raise ValueError(f"{text!r} is no mail address; write one such as 'boss@example.com'")
    name, _, host = found.rpartition("@")
    return f"{name}@{host_name(host)}"


def receiver(text: str) -> str:
    """A mail address, or the https address of a webhook, perhaps with `slack+` before it. Raises ValueError."""
    form, found = (SLACK, text.strip()[len(SLACK) :]) if text.strip().startswith(SLACK) else ("", text.strip())
    if "://" not in found:
        return mail_address(text)
    parts = urlsplit(found)
    here = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if not (parts.scheme == "https" or (parts.scheme == "http" and here)) or "@" in parts.netloc:
        raise ValueError("the address of a webhook begins with https:// and has no password in it")
    web_address(f"{parts.scheme}://{parts.netloc}")
    return form + found


def _sender(text: str) -> str:
    name, address = parseaddr(text)
    if not text.strip():
        return ""
    found = mail_address(address or text)
    return f"{name} <{found}>" if name else found


class MailSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The server that takes mail."""

    server: Annotated[str, Meta(description="Host of the SMTP server that takes mail; empty: no mail is sent.")] = ""
    port: Annotated[int, Meta(ge=1, le=65535, description="Port of that server.")] = 587
    security: Annotated[
        Literal["starttls", "tls", "none"],
        Meta(
            description="starttls: encrypted after the greeting, as on port 587; tls: from the start, as on 465; "
            "none: for a server on this machine or a network of your own."
        ),
    ] = "starttls"
    user: Annotated[str, Meta(description="Name to sign in with; empty: the server asks for none.")] = ""
    password_file: Annotated[str, Meta(description="File with the password, which stands in no setting.")] = ""
    sender: Annotated[str, Meta(description="Who mail is from: 'stats@example.com', or a name and '<stats@…>'.")] = ""
    hour: Annotated[
        int, Meta(ge=0, le=23, description="From which hour on, by the site's own clock, digests are sent.")
    ] = 8

    def __post_init__(self) -> None:
        structs.force_setattr(self, "server", turned("server", self.server, _server))
        structs.force_setattr(self, "sender", turned("sender", self.sender, _sender))
        if self.server and not self.sender:
            raise ValueError("mail has no sender: write such as sender = 'stats@example.com' - at `$.sender`")
        if self.user and not self.password_file:
            raise ValueError("a user signs in with a password: name the file that has it - at `$.password_file`")


def _server(text: str) -> str:
    return host_name(text) if text.strip() else ""


class AlertSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What holds for alerts of all sites."""

    secret_file: Annotated[
        str, Meta(description="File with the secret that signs webhooks, at least 16 characters; see docs/delivery.md.")
    ] = ""
    trouble: Annotated[
        tuple[str, ...],
        Meta(description="Who is told when Footfall itself is in trouble: mail addresses and webhooks."),
    ] = ()

    def __post_init__(self) -> None:
        structs.force_setattr(self, "trouble", receivers("trouble", self.trouble))


class Digest(Struct, frozen=True, forbid_unknown_fields=True):
    """Who gets the numbers of a week or a month by mail."""

    every: Annotated[Every, Meta(description="`week` (from Monday) or `month`, once its days are released.")]
    to: Annotated[tuple[str, ...], Meta(description="Mail addresses; each gets a mail of its own.")]

    def __post_init__(self) -> None:
        found = tuple(turned(f"to[{place}]", one, mail_address) for place, one in enumerate(self.to))
        structs.force_setattr(self, "to", _somebody(found))


class Alert(Struct, frozen=True, forbid_unknown_fields=True):
    """Of what somebody is told, once a day at most."""

    on: Annotated[
        Event,
        Meta(
            description="spike, drop: visitors of a day that is over, and for a spike of today as far as it is shown, "
            "outside of what the same weekdays of eight weeks lead to expect; goal: its rate of the last 7 full days "
            "is below `below`, beyond chance; lcp: p75 of the day before is above `above`; leak: a page of the day "
            "before sent what the scrubber had to replace."
        ),
    ]
    to: Annotated[tuple[str, ...], Meta(description="Mail addresses and webhooks.")]
    goal: Annotated[str, Meta(max_length=120, description="With on = 'goal': its name.")] = ""
    below: Annotated[float, Meta(ge=0, le=100, description="With on = 'goal': percent.")] = 0.0
    above: Annotated[int, Meta(ge=1, le=60_000, description="With on = 'lcp': milliseconds.")] = _LCP_MS

    def __post_init__(self) -> None:
        structs.force_setattr(self, "to", _somebody(receivers("to", self.to)))
        if {bool(self.goal), bool(self.below)} != {self.on == "goal"}:
            raise ValueError("an alert on = 'goal' has goal = '…' and below = percent, and no other has them")
        if self.on != "lcp" and self.above != _LCP_MS:
            raise ValueError("`above` is of an alert on = 'lcp'")


def _somebody(to: tuple[str, ...]) -> tuple[str, ...]:
    if not to:
        raise ValueError("it is sent to nobody: name an address, or leave it out - at `$.to`")
    return to


def refuse_unreachable(mail: MailSettings, alerts: AlertSettings, where: str, to: tuple[str, ...]) -> None:
    """Raises ValueError for receivers whom nothing can be sent to. where: the setting that names them."""
    if not mail.server and any("://" not in one for one in to):
        raise ValueError(
            f"no server takes mail: set mail.server (and mail.sender), or leave the address out - at `$.{where}`"
        )
    if not alerts.secret_file and any("://" in one for one in to):
        raise ValueError(
            "webhooks are signed: name the file with the secret in alerts.secret_file, such as one made by "
            f"`openssl rand -hex 32` - at `$.{where}`"
        )


def receivers(name: str, given: tuple[str, ...]) -> tuple[str, ...]:
    """Each as it is sent to. Raises ValueError that names which one is none."""
    return tuple(turned(f"{name}[{place}]", one, receiver) for place, one in enumerate(given))
