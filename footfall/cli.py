"""The `footfall` command.

In: arguments. Out: what was asked for, as a table or with --json for scripts; errors on standard error, exit code 1.
"""

from __future__ import annotations

import datetime as dt
import functools
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
import msgspec
from msgspec import structs

from collector.keys import KeysOnDisk, in_ram, read_journal
from collector.place import Places
from pipeline.spool import SpoolTaken
from schema.migrate import USERS, MigrationChanged, create_users, migrate
from schema.site import local_day
from schema.store import Store, StoreError

from . import demo, explain, intake
from .engine import CannotDo, StatsRequest, accounts, opened
from .process import harden, set_up_logs
from .serve import CannotStart, House, key_directory, listen, public_url, url_of
from .settings import Settings, SettingsError, describe, load

_EXPECTED = (SettingsError, CannotDo, CannotStart, StoreError, MigrationChanged, KeysOnDisk, SpoolTaken)


def _common(command: Callable[..., Any]) -> Callable[..., Any]:
    """--data, --config and --set, and errors told in one line."""

    @click.option("--data", metavar="DIR", help="Data directory (default: footfall-data).")
    @click.option("--config", metavar="FILE", help="Settings file (default: ./footfall.toml if there is one).")
    @click.option("--set", "sets", multiple=True, metavar="NAME=VALUE", help="Set one setting; may be repeated.")
    @functools.wraps(command)
    def run(data: str | None, config: str | None, sets: tuple[str, ...], **arguments: Any) -> None:
        try:
            command(lambda flags=None: load(config, sets, {"data": data, **(flags or {})}), **arguments)
        except _EXPECTED as problem:
            raise click.ClickException(str(problem)) from None

    return run


Load = Callable[..., Settings]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="footfall")
def main() -> None:
    """Footfall counts feet, not faces: cookieless website analytics that keeps its privacy promises provably."""


# -- running -------------------------------------------------------------------------------------------------------


def _serving(command: Callable[..., Any]) -> Callable[..., Any]:
    command = click.option("--host", help="Address to listen on (default: 127.0.0.1).")(command)
    return click.option("--site", "sites", multiple=True, metavar="DOMAIN", help="A website; may be repeated.")(command)


def _flags(sites: Sequence[str], load_settings: Load, **given: Any) -> Settings:
    """Settings with the flags in them; --site adds to the sites of the file."""
    settings = load_settings(given)
    known = {name for site in settings.sites for name in site.names}
    added = [name for name in dict.fromkeys(sites) if name.lower().removeprefix("www.") not in known]
    if not added:
        return settings
    tree = msgspec.to_builtins(settings.sites)
    new = [{"key": name.lower().removeprefix("www."), "domains": [name.lower()]} for name in added]
    return load_settings({**given, "sites": [*tree, *new]})


@main.command()
@_common
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
    settings = _flags(sites, load_settings, **flags)
    _prepare("up")
    collector = listen(settings.collector.host, settings.collector.port, "collector")
    dashboards = listen(settings.dashboards.host, settings.dashboards.port, "dashboards")
    settings = structs.replace(
        settings, collector=structs.replace(settings.collector, public_url=public_url(settings, collector))
    )
    house = House(settings, "up", with_keys=True)
    for index in range(settings.collector.workers):
        house.add("collector", str(index), sockets=[collector])
    house.add("engine", sockets=[dashboards], last=True)

    def ready() -> None:
        told = {
            "collector": settings.collector.public_url,
            "dashboards": url_of(dashboards),
            "demo": f"{settings.collector.public_url}/demo/" if settings.demo else None,
            "sign_in": _sign_in_link(settings, url_of(dashboards)),
            "data": str(settings.directory),
            "sites": [site.key for site in settings.all_sites],
        }
        if as_json:
            click.echo(msgspec.json.encode(told).decode())
        else:
            click.echo(_announcement(settings, told))
        sys.stdout.flush()

    house.run(ready)


@main.command()
@_common
@_serving
@click.option("--port", type=int, help="Port of the collector (default: 8000).")
@click.option("--workers", type=int, help="Collector processes (default: 1).")
def collector(
    load_settings: Load, host: str | None, sites: tuple[str, ...], port: int | None, workers: int | None
) -> None:
    """Run collector workers and the writer of their spools, against a ClickHouse server."""
    flags = {"collector.host": host, "collector.port": port, "collector.workers": workers}
    settings = _flags(sites, load_settings, **flags)
    _needs_server(settings)
    _prepare("collector")
    sock = listen(settings.collector.host, settings.collector.port, "collector")
    house = House(settings, "collector", with_keys=True)
    for index in range(settings.collector.workers):
        house.add("collector", str(index), sockets=[sock])
    house.add("writer", last=True)
    house.run(lambda: click.echo(f"collector: {public_url(settings, sock)}"))


@main.command()
@_common
@click.option("--site", "sites", multiple=True, metavar="DOMAIN", help="A website; may be repeated.")
def pipeline(load_settings: Load, sites: tuple[str, ...]) -> None:
    """Run rollups, releases and expiry, against a ClickHouse server."""
    settings = _flags(sites, load_settings)
    _needs_server(settings)
    _prepare("pipeline")
    house = House(settings, "pipeline", with_keys=False)
    house.add("pipeline")
    house.run(lambda: click.echo("pipeline: running"))


@main.command()
@_common
@_serving
@click.option("--port", type=int, help="Port of the dashboards (default: 8001).")
def dashboards(load_settings: Load, host: str | None, sites: tuple[str, ...], port: int | None) -> None:
    """Run the dashboards, against a ClickHouse server."""
    settings = _flags(sites, load_settings, **{"dashboards.host": host, "dashboards.port": port})
    _needs_server(settings)
    _prepare("dashboards")
    sock = listen(settings.dashboards.host, settings.dashboards.port, "dashboards")
    house = House(settings, "dashboards", with_keys=False)
    house.add("dashboards", sockets=[sock])

    def ready() -> None:
        click.echo(f"dashboards: {url_of(sock)}")
        link = _sign_in_link(settings, url_of(sock))
        if link:
            click.echo(f"sign in once with {link}")

    house.run(ready)


def _prepare(part: str) -> None:
    harden()
    set_up_logs(part)


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
    if told["sign_in"]:
        lines += ["", f"Sign in (this link works once): {told['sign_in']}"]
    for site in settings.sites:
        name = next(iter(site.domains), site.key)
        lines += [
            "",
            f"Put this line into the pages of {name}:",
            f'  <script defer data-domain="{name}" src="{told["collector"]}/js/script.js"></script>',
        ]
    return "\n".join([*lines, ""])


# -- looking -------------------------------------------------------------------------------------------------------


@main.command()
@_common
@click.argument("site")
@click.option("--from", "first", metavar="DATE", help="First day, YYYY-MM-DD (default: 29 days before --to).")
@click.option("--to", "last", metavar="DATE", help="Last day, included (default: today).")
@click.option("--by", default="", metavar="DIMENSION", help="Split by page, source, country, goal, day, hour, vital …")
@click.option("--filter", "filters", multiple=True, metavar="TEXT", help="Such as page==/pricing; may be repeated.")
@click.option("--limit", default=1000, show_default=True, help="At most so many rows.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def stats(
    load_settings: Load,
    site: str,
    first: str | None,
    last: str | None,
    by: str,
    filters: tuple[str, ...],
    limit: int,
    as_json: bool,
) -> None:
    """Statistics of SITE, from the running instance or straight from the store."""
    with opened(load_settings()) as house:
        zone = intake.rules_of(house, site).site.timezone
        last = last or local_day(zone, dt.datetime.now(dt.UTC).timestamp()).date.isoformat()
        first = first or (explain.iso_date(last) - dt.timedelta(days=29)).isoformat()
        answer = house.stats(StatsRequest(site, first, last, by, filters, limit))
    click.echo(msgspec.json.encode(answer).decode() if as_json else explain.stats_table(answer))


@main.command()
@_common
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def settings(load_settings: Load, as_json: bool) -> None:
    """Every setting: its value, where it comes from, what it means."""
    rows = describe(load_settings())
    if as_json:
        click.echo(msgspec.json.encode(rows).decode())
        return
    for row in rows:
        departs = f", departs from {row['departs_from']}" if row["departs_from"] else ""
        click.echo(f"{row['name']} = {row['value']}   ({row['origin']}{departs})\n    {row['meaning']}")


@main.command()
@_common
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(load_settings: Load, as_json: bool) -> None:
    """Check the settings, the store, the spool and the keys; exit 1 if something is wrong."""
    settings = load_settings()
    findings: list[tuple[str, bool, str]] = [("settings", True, "are valid")]
    try:
        with opened(settings) as house:
            status = house.status()
            settings = house.settings
        findings.append(("store", True, f"{status['store']} answers, ClickHouse {status['version']}"))
    except StoreError as problem:
        status = {}
        findings.append(("store", False, str(problem)))
    spool = settings.directory / "spool"
    waiting = sum(1 for _ in spool.glob("*/*.sealed"))
    bad = sum(1 for _ in spool.glob("*/*.bad"))
    findings.append(("spool", not bad, f"{waiting} file(s) waiting, {bad} set aside as unreadable"))
    quarantined = sum(1 for _ in (settings.directory / "quarantine").glob("*.event"))
    findings.append(("quarantine", not quarantined, f"{quarantined} event(s)"))
    directory = key_directory(settings)
    there = directory.exists()
    findings.append(
        ("keys", not there or in_ram(directory), f"{directory} {'exists' if there else 'is made at start'}")
    )
    journal = read_journal(settings.directory / "keys.jsonl")
    destroyed = [entry for entry in journal if entry["what"] == "destroyed"]
    if destroyed:
        last = destroyed[-1]
        findings.append(("last key destroyed", True, f"{last['site']} {last['day']}"))
    good = all(ok for _, ok, _ in findings)
    if as_json:
        checks = [{"check": name, "ok": ok, "finding": text} for name, ok, text in findings]
        click.echo(msgspec.json.encode({"ok": good, "checks": checks, "status": status}).decode())
    else:
        for name, ok, text in findings:
            click.echo(f"{'ok ' if ok else 'BAD'}  {name}: {text}")
        for row in status.get("raw", []):
            click.echo(f"     {row['site']}: {row['rows']} raw events, the last at {row['last_event']} UTC")
        for row in status.get("last_24_hours", []):
            click.echo(f"     {row['site'] or '(no site)'}: {row['count']} {row['reason']} in the last 24 hours")
    if not good:
        raise SystemExit(1)


@main.command()
@_common
@click.option("--ip", required=True, help="The visitor's address.")
@click.option("--ua", required=True, help="The visitor's agent string.")
@click.option("--url", required=True, help="The page's URL.")
@click.option("--referrer", default="", help="The referring page's URL.")
@click.option("--language", default="", help="The Accept-Language header.")
@click.option("--time-zone", default="", help="The browser's time zone, such as Europe/Berlin.")
@click.option("--width", default=0, help="The screen's width.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def anonymize(load_settings: Load, as_json: bool, **given: Any) -> None:
    """Show what one request would be reduced to, field by field. Nothing is stored."""
    answer = explain.before_and_after(load_settings(), **given)
    click.echo(msgspec.json.encode(answer).decode() if as_json else explain.before_and_after_table(answer))


# -- changing ------------------------------------------------------------------------------------------------------


@main.command(name="migrate")
@_common
@click.option(
    "--users",
    is_flag=True,
    help="Also make the server's least-privilege users, with passwords from FOOTFALL_WRITER_PASSWORD, "
    "FOOTFALL_PIPELINE_PASSWORD and FOOTFALL_DASHBOARDS_PASSWORD.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def migrate_(load_settings: Load, users: bool, as_json: bool) -> None:
    """Bring the store to the newest layout."""
    settings = load_settings()
    passwords = _user_passwords() if users else {}
    store = Store(settings.dsn, settings.store.cluster)
    try:
        applied = migrate(store)
        made = create_users(store, passwords) if users else []
    finally:
        store.close()
    if as_json:
        click.echo(msgspec.json.encode({"applied": applied, "users": made}).decode())
    else:
        lines = [*(f"applied {name}" for name in applied), *(f"user {name}" for name in made)]
        click.echo("\n".join(lines) or "nothing to do")


def _user_passwords() -> dict[str, str]:
    """The passwords of the server's users, from the environment."""
    variables = {user: f"{user.upper()}_PASSWORD" for user in USERS}
    missing = [variable for variable in variables.values() if not os.environ.get(variable)]
    if missing:
        raise CannotDo(f"--users: {', '.join(missing)} not set; put a password for each user into the environment")
    return {user: os.environ[variable] for user, variable in variables.items()}


@main.group(name="import")
def import_() -> None:
    """Bring in past visits."""


@import_.command(name="access-log")
@_common
@click.argument("files", nargs=-1, required=True)
@click.option("--site", required=True, help="The website the log is of.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def access_log(load_settings: Load, files: tuple[str, ...], site: str, as_json: bool) -> None:
    """Import access logs in combined format (plain, .gz, or - for standard input); give a day's files together."""
    harden()
    for file in files:
        if file != "-" and not os.access(file, os.R_OK):
            raise CannotDo(f"{file}: cannot be read")
    total = sum(Path(file).stat().st_size for file in files if file != "-")
    done: dict[str, int] = {}
    with opened(load_settings()) as house:
        place_database = house.settings.collector.place_database
        places = Places(Path(place_database) if place_database else None)
        with click.progressbar(length=max(1, total), label="Reading", file=sys.stderr, hidden=as_json) as bar:

            def progress(file: str, at: int) -> None:
                bar.update(at - done.get(file, 0))
                done[file] = at

            summary = intake.import_access_log(house, site, files, places, progress)
    click.echo(msgspec.json.encode(summary).decode() if as_json else explain.import_summary(summary))


@main.command(name="demo")
@_common
@click.option("--days", default=30, show_default=True, help="Days up to yesterday.")
@click.option("--seed", default=1, show_default=True, help="The same seed gives the same visits.")
@click.option("--site", default="demo", show_default=True, help="The site to fill.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def demo_(load_settings: Load, days: int, seed: int, site: str, as_json: bool) -> None:
    """Fill the demo site with synthetic visits, so that the first look is not empty."""
    with opened(load_settings()) as house:
        rules = intake.rules_of(house, site)
        yesterday = local_day(rules.site.timezone, dt.datetime.now(dt.UTC).timestamp()).date - dt.timedelta(days=1)
        if not as_json:
            click.echo(f"Sending {days} days of synthetic visits to {site} …", err=True)
        sent = demo.visits(seed, days, yesterday, rules.site.timezone)
        summary = intake.run(house, rules, sent, Places(None), "demo")
    click.echo(msgspec.json.encode(summary).decode() if as_json else explain.import_summary(summary))
