"""Running the instance: up, or its parts apart.

In: flags. Out: processes, until SIGTERM or Ctrl-C.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import click
import msgspec
from msgspec import structs

from ..control.opening import settings_in_force
from ..data_directory import accounts
from ..errors import CannotStart
from ..roles.key_service import hand_out_keys
from ..settings import Settings
from ..supervisor.listening import dashboards_url, listen, public_url, url_of
from ..supervisor.locks import is_held, running_there
from ..supervisor.parent import Supervisor
from .options import Load, common, prepare, sites_option, with_sites

# More would push what has to be seen off the screen.
_SNIPPETS = 3


def _serving(command: Callable[..., Any]) -> Callable[..., Any]:
    command = click.option("--host", help="Address to listen on (default: 127.0.0.1).")(command)
    return sites_option(command)


@click.command()
@common
@_serving
@click.option("--port", type=int, help="Port of the collector (default: 8000).")
@click.option("--dashboard-port", type=int, help="Port of the dashboards (default: 8001).")
@click.option("--workers", type=int, help="Collector processes (default: 1).")
@click.option("--json", "as_json", is_flag=True, help="Print the addresses as one JSON line.")
def up(
    load_settings: Load,
    host: str | None,
    sites: tuple[str, ...],
    port: int | None,
    dashboard_port: int | None,
    workers: int | None,
    as_json: bool,
) -> None:
    """Run everything on this machine, with ClickHouse embedded, until Ctrl-C or SIGTERM."""
    flags = {"collector.host": host, "collector.port": port, "collector.workers": workers}
    flags |= {"dashboards.host": host, "dashboards.port": dashboard_port}
    settings = with_sites(sites, load_settings, **flags)
    prepare("up")
    if is_held(settings.directory, "up"):  # or its ports would be what is in the way
        raise CannotStart(running_there(settings.directory))
    collector = listen(settings.collector.host, settings.collector.port, "collector")
    dashboards = listen(settings.dashboards.host, settings.dashboards.port, "dashboards")

    def with_places(given: Settings) -> Settings:
        """With the ports that port 0 became, and how pages reach them."""
        own_port, shown_port = (
            sock.getsockname()[1] if part.port == 0 else part.port
            for part, sock in ((given.collector, collector), (given.dashboards, dashboards))
        )
        return structs.replace(
            given,
            collector=structs.replace(
                given.collector, public_url=public_url(given.collector.public_url, url_of(collector)), port=own_port
            ),
            dashboards=structs.replace(given.dashboards, port=shown_port),
        )

    settings = with_places(settings)
    parent = Supervisor(settings, "up", with_keys=True)
    for index in range(settings.collector.workers):
        parent.add("collector", str(index), sockets=[collector])
    hand_out_keys(parent)
    parent.add("engine", sockets=[dashboards], last=True)

    def ready() -> None:
        told = {
            "collector": settings.collector.public_url,
            "dashboards": settings.dashboards.public_url or url_of(dashboards),
            "demo": f"{settings.collector.public_url}/demo/" if settings.demo else None,
            "sign_in": _sign_in_link(settings, settings.dashboards.public_url or url_of(dashboards)),
            "data": str(settings.directory),
            "sites": [site.key for site in settings.all_sites],
        }
        if as_json:
            click.echo(msgspec.json.encode(told).decode())
        else:
            click.echo(_announcement(settings, told))
        sys.stdout.flush()

    parent.run(ready, lambda: with_places(with_sites(sites, load_settings, **flags)))


@click.command()
@common
@_serving
@click.option("--port", type=int, help="Port of the collector (default: 8000).")
@click.option("--workers", type=int, help="Collector processes (default: 1).")
def collector(
    load_settings: Load, host: str | None, sites: tuple[str, ...], port: int | None, workers: int | None
) -> None:
    """Run collector workers and the writer of their spools, against a ClickHouse server."""
    flags = {"collector.host": host, "collector.port": port, "collector.workers": workers}
    settings = with_sites(sites, load_settings, **flags)
    _needs_server(settings)
    prepare("collector")
    sock = listen(settings.collector.host, settings.collector.port, "collector")
    parent = Supervisor(settings, "collector", with_keys=True)
    for index in range(settings.collector.workers):
        parent.add("collector", str(index), sockets=[sock])
    hand_out_keys(parent)
    parent.add("writer", last=True)
    parent.run(
        lambda: click.echo(f"collector: {public_url(settings.collector.public_url, url_of(sock))}"),
        lambda: with_sites(sites, load_settings, **flags),
    )


@click.command()
@common
@sites_option
def pipeline(load_settings: Load, sites: tuple[str, ...]) -> None:
    """Run rollups, releases and expiry, against a ClickHouse server."""
    settings = with_sites(sites, load_settings)
    _needs_server(settings)
    prepare("pipeline")
    parent = Supervisor(settings, "pipeline", with_keys=False)
    parent.add("pipeline")
    parent.run(lambda: click.echo("pipeline: running"), lambda: with_sites(sites, load_settings))


@click.command()
@common
@_serving
@click.option("--port", type=int, help="Port of the dashboards (default: 8001).")
def dashboards(load_settings: Load, host: str | None, sites: tuple[str, ...], port: int | None) -> None:
    """Run the dashboards, against a ClickHouse server."""
    flags = {"dashboards.host": host, "dashboards.port": port}
    settings = with_sites(sites, load_settings, **flags)
    _needs_server(settings)
    prepare("dashboards")
    sock = listen(settings.dashboards.host, settings.dashboards.port, "dashboards")
    parent = Supervisor(settings, "dashboards", with_keys=False)
    parent.add("dashboards", sockets=[sock])

    def ready() -> None:
        url = settings.dashboards.public_url or url_of(sock)
        click.echo(f"dashboards: {url}")
        link = _sign_in_link(settings, url)
        if link:
            click.echo(f"sign in once with {link}")

    parent.run(ready, lambda: with_sites(sites, load_settings, **flags))


@click.command(name="sign-in")
@common
def sign_in(load_settings: Load) -> None:
    """Print a new link that signs in once, within 24 hours: for the first time, or for a forgotten password."""
    settings = settings_in_force(load_settings())
    people = accounts(settings)
    token = people.create_sign_in_link_token()
    people.close()
    click.echo(f"{dashboards_url(settings)}/sign-in/{token}")


def _needs_server(settings: Settings) -> None:
    if settings.dsn.startswith("chdb:"):
        raise CannotStart(
            f"store.dsn = {settings.store.dsn!r}: the parts run apart only against a ClickHouse server; set "
            "store.dsn to http(s)://user:password@host:8123/database, or run everything with `footfall up`"
        )


def _sign_in_link(settings: Settings, base: str) -> str | None:
    people = accounts(settings)
    try:
        return None if people.has_users() else f"{base}/sign-in/{people.create_sign_in_link_token()}"
    finally:
        people.close()


def _announcement(settings: Settings, told: dict[str, Any]) -> str:
    lines = [
        "",
        "Footfall is running.",
        f"  collector    {told['collector']}",
        f"  dashboards   {told['dashboards']}",
    ]
    if told["demo"]:
        lines.append(f"  demo         {told['demo']}")
    lines.append(f"  data         {told['data']}")
    for site in settings.sites[:_SNIPPETS]:
        lines += [
            "",
            f"Put this line into the pages of {site.name_on_pages}:",
            f"  {site.script_tag(told['collector'])}",
        ]
    if settings.sites:
        lines += ["", "Pages on localhost are counted only with data-local in that line, those from a file not at all."]
    more = settings.sites[_SNIPPETS:]
    if more:
        one = more[0].key
        lines += ["", f"… and {len(more)} more sites: `footfall check site {one}` prints the line of one."]
    # Last, where the eye is.
    if told["sign_in"]:
        lines += ["", f"Sign in (this link works once): {told['sign_in']}"]
    return "\n".join([*lines, ""])
