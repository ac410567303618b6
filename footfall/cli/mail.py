"""Mail and alerts: try the server, see a digest before anybody gets it, and what was sent.

In: a receiver, a site. Out: a mail, a text, a list. Promises: what is sent to whom otherwise is not changed by looking;
nothing is sent but by `test`.
"""

from __future__ import annotations

from contextlib import closing
from typing import Any

import click
import msgspec

from dashboards.delivery.deliver import SecretMissing, secret_of
from dashboards.delivery.digest import list_of
from dashboards.delivery.mail import Mailer
from dashboards.delivery.message import CannotSend, Message, Unclear
from dashboards.delivery.settings import receiver
from dashboards.delivery.webhook import Webhooks

from ..control.opening import opened, settings_in_force
from ..data_directory import outbox
from ..delivery import in_words
from ..errors import CannotDo
from ..supervisor.listening import dashboards_url
from ..tables import moment_of
from .options import Load, common, json_option, listed

_EVERY = click.option("--every", type=click.Choice(("week", "month")), default="week", help="Default: week.")


@click.group()
def mail() -> None:
    """Digests and alerts: test, preview, list, resume."""


@mail.command()
@common
@click.argument("to")
def test(load_settings: Load, to: str) -> None:
    """Send a test message to TO, a mail address or a webhook, by the settings of [mail] and [alerts]."""
    settings = load_settings()
    found = _receiver(to)
    message = Message("test", "Footfall can send", f"This is a test. The dashboards are at {dashboards_url(settings)}")
    try:
        if "://" in found:
            Webhooks(secret_of(settings.alerts)).send(message, found)
        elif settings.mail.server:
            Mailer(settings.mail).send(message, found, "")
        else:
            raise CannotDo("mail.server is not set: name the host that takes mail")
    except (CannotSend, Unclear, SecretMissing) as problem:
        raise CannotDo(str(problem)) from None
    click.echo("sent")


@mail.command()
@common
@click.argument("site")
@_EVERY
@click.option("--before", "day", default="", help="The last whole week or month before this day (default: today).")
@click.option("--html", "as_html", is_flag=True, help="As HTML, to look at in a browser.")
@json_option
def preview(load_settings: Load, site: str, every: str, day: str, as_html: bool, as_json: bool) -> None:
    """Print the digest of SITE, which nobody gets by that."""
    with opened(load_settings()) as instance:
        made = instance.digest(site, every, day)
    if as_json:
        click.echo(msgspec.json.encode(made).decode())
    else:
        click.echo(made["html"] if as_html else f"{made['subject']}\n\n{made['text']}", nl=not as_html)


@mail.command(name="list")
@common
@json_option
def list_(load_settings: Load, as_json: bool) -> None:
    """What was sent and what waits, the latest first. Receivers that the settings do not name any more are marks."""
    settings = settings_in_force(load_settings())
    with closing(outbox(settings)) as box:
        names = {box.mark(to): to for _, named in settings.receivers for to in named}
        rows = [msgspec.to_builtins(one) | {"receiver": names.get(one.receiver, one.receiver)} for one in box.all()]
    listed(rows, as_json, _line, "nothing was sent yet")


@mail.command()
@common
@click.argument("address")
@click.argument("site")
@_EVERY
def resume(load_settings: Load, address: str, site: str, every: str) -> None:
    """Send ADDRESS the digests of SITE again, from which it has taken itself off."""
    settings = settings_in_force(load_settings())
    known = settings.site_called(site)
    if known is None:
        raise CannotDo(f"site {site!r} is not in the settings")
    with closing(outbox(settings)) as box:
        was_off = box.resume(list_of(known, in_words(every)), _receiver(address))
    if not was_off:
        raise CannotDo(f"{address} has not taken itself off the {every}ly digest of {known.key}")
    click.echo(f"{address} gets the {every}ly digest of {known.key} again")


def _receiver(text: str) -> str:
    """As the settings have it. Raises CannotDo."""
    try:
        return receiver(text)
    except ValueError as problem:
        raise CannotDo(str(problem)) from None


def _line(one: dict[str, Any]) -> str:
    problem = f"  {one['problem']}" if one["problem"] else ""
    return f"{moment_of(one['at'])}  {one['state']}  {one['what']}  {one['receiver']}{problem}"
