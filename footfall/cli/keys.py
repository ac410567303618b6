"""The life of the visitor keys: serve them to other collectors, enrol those, tell what happened to each, sweep.

In: flags. Out: a running service, an enrolment line, a table. Promises: `status` reads no key, let alone shows one.
"""

from __future__ import annotations

import datetime as dt
import resource
import socket
from pathlib import Path
from typing import Any

import click
import msgspec

from collector.keys.certificate import certificate
from collector.keys.directory import in_ram, keeper_of
from collector.keys.enrolments import AlreadyEnrolled, read_fetches
from collector.keys.files import list_keys
from collector.keys.journal import iso_day, read_journal
from collector.keys.keeper import KeyDirectory
from schema.host import in_url

from ..errors import CannotDo
from ..roles.key_service import certificate_file, enrolments, fetches_file, hand_out_keys, listen_address
from ..settings import Settings
from ..supervisor.listening import url_of
from ..supervisor.parent import Supervisor
from ..supervisor.paths import key_directory, key_journal
from ..supervisor.process import core_dumps_off
from ..supervisor.stamp import refuse_newer
from ..tables import moment_of
from .options import Load, common, json_option, prepare

_EVERYWHERE = ("0.0.0.0", "::", "")  # noqa: S104 - compared, not bound
_DAYS_TOLD = 14


@click.group()
def keys() -> None:
    """The visitor keys: who makes them, who is handed them, and when each was destroyed."""


@keys.command()
@common
@click.option("--listen", "serve", metavar="HOST:PORT", help="Where to listen (default: the setting keys.serve).")
def serve(load_settings: Load, serve: str | None) -> None:
    """Make the keys and hand them to enrolled collectors, on a machine that collects nothing itself."""
    settings = load_settings({"keys.serve": serve})
    if not settings.keys.serve:
        raise CannotDo("--listen: say where to listen, such as --listen 0.0.0.0:8443, or set keys.serve")
    prepare("keys")
    parent = Supervisor(settings, "keys", with_keys=True)
    sock = hand_out_keys(parent)
    assert sock is not None
    parent.run(
        lambda: click.echo(f"keys: {url_of(sock).replace('http:', 'https:')}"),
        lambda: load_settings({"keys.serve": serve}),
    )


@keys.command()
@common
@click.option("--name", metavar="NAME", help="What to call the collector, such as frankfurt.")
@click.option("--url", metavar="URL", help="How it reaches this machine (default: from keys.serve).")
@click.option("--revoke", metavar="NAME", help="Take that collector's token back instead; it is refused at once.")
@json_option
def enrol(load_settings: Load, name: str | None, url: str | None, revoke: str | None, as_json: bool) -> None:
    """Let another collector fetch the keys made here. Prints one line of settings for it, once."""
    settings = load_settings()
    refuse_newer(settings.directory)
    if (name is None) == (revoke is None):
        raise CannotDo("give either --name NAME, to enrol a collector, or --revoke NAME")
    if revoke is not None:
        if not enrolments(settings).revoke(revoke):
            raise CannotDo(
                f"--revoke {revoke!r}: no collector of that name is enrolled; `footfall keys status` lists them"
            )
        click.echo(msgspec.json.encode({"revoked": revoke}).decode() if as_json else f"{revoke} is revoked")
        return
    assert name is not None
    told = {
        "FOOTFALL_KEYS_FROM_URL": (url or _own_url(settings)).rstrip("/"),
        "FOOTFALL_KEYS_FINGERPRINT": certificate(certificate_file(settings)),
    }
    try:
        told["FOOTFALL_KEYS_TOKEN"] = enrolments(settings).enrol(name)
    except AlreadyEnrolled:
        raise CannotDo(f"--name {name!r}: is enrolled already; revoke it first, or choose another name") from None
    if as_json:
        named = {variable.lower().removeprefix("footfall_keys_"): value for variable, value in told.items()}
        click.echo(msgspec.json.encode({"name": name, **named}).decode())
        return
    click.echo(" ".join(f"{variable}={value}" for variable, value in told.items()))
    click.echo(
        f"Put this line into the environment of the collector {name}; the token is not shown again. "
        "As settings: keys.from_url, keys.fingerprint, keys.token.",
        err=True,
    )


@keys.command()
@common
@json_option
def status(load_settings: Load, as_json: bool) -> None:
    """Which keys exist, what happened to earlier ones, who is enrolled; exit 1 if something is wrong."""
    prepare("keys")
    settings = load_settings()
    refuse_newer(settings.directory)
    told = _status(settings)
    if as_json:
        click.echo(msgspec.json.encode(told).decode())
    else:
        click.echo(_table(told))
    if told["problems"]:
        raise SystemExit(1)


@keys.command()
@common
def sweep(load_settings: Load) -> None:
    """Destroy keys whose day is over. For a timer on machines where Footfall may stay stopped over midnight."""
    prepare("keys")
    settings = load_settings()
    directory = key_directory(settings)
    if not directory.exists():
        click.echo("there are no keys")
        return
    if keeper_of(directory):
        click.echo("Footfall is running and does that itself")
        return
    on_disk = settings.keys.keep_keys_on_disk_where_they_can_be_recovered
    # Sites given as `up --site` are not in these settings, and their keys may be today's.
    KeyDirectory(directory, key_journal(settings), settings.all_sites, on_disk, only_what_is_over=True).close()
    click.echo(f"{len(list_keys(directory / 'keys'))} key(s) of days that are not over remain")


def _own_url(settings: Settings) -> str:
    if not settings.keys.serve:
        raise CannotDo(
            "keys.serve is not set, so where collectors reach this machine is unknown; set it, or give --url"
        )
    host, port = listen_address(settings)
    host = socket.gethostname() if host in _EVERYWHERE else host
    return f"https://{in_url(host)}:{port}"


def _status(settings: Settings) -> dict[str, Any]:
    directory = key_directory(settings)
    now = dt.datetime.now(dt.UTC).timestamp()
    try:
        alive = list_keys(directory / "keys")
    except (OSError, ValueError):
        alive = []
    keeper = keeper_of(directory)
    problems = []
    if directory.exists() and not in_ram(directory):
        problems.append(f"keys.directory = {str(directory)!r} is on a disk, where a destroyed key can be recovered")
    if not core_dumps_off() or (keeper and not _dumps_nothing(keeper)):
        problems.append("core dumps are possible: a key could end up in one")
    over = [(site, iso_day(day)) for site, day, until in alive if now >= until + 2]
    if over:
        remedy = "it cannot write" if keeper else "nothing runs that destroys them; `footfall keys sweep` does"
        problems.append(f"{len(over)} key(s) of days that are over still exist: {remedy}")
    fetched = read_fetches(fetches_file(settings))
    enrolled = enrolments(settings).all()
    return {
        "problems": problems,
        "made_by": settings.keys.from_url or "this machine",
        "directory": str(directory),
        "in_ram": in_ram(directory) if directory.exists() else None,
        "swap": _swaps(),
        "core_dumps_off": core_dumps_off(),
        "keeper": keeper,
        "keys": [{"site": site, "day": iso_day(day), "destroyed_at": until} for site, day, until in sorted(alive)],
        "journal": _days(read_journal(key_journal(settings)), now),
        "serve": settings.keys.serve,
        "enrolled": [
            {"name": name, "since": one.since, "last_fetch": fetched.get(name)}
            for name, one in sorted(enrolled.items())
        ],
    }


def _days(journal: list[dict[str, str]], now: float) -> list[dict[str, Any]]:
    """For each site-day of the last two weeks when its keys were created (or received), destroyed, lost."""
    first = dt.datetime.fromtimestamp(now, dt.UTC).date() - dt.timedelta(days=_DAYS_TOLD)
    days: dict[tuple[str, str], dict[str, Any]] = {}
    for entry in journal:
        if entry["day"] >= first.isoformat():
            row = days.setdefault((entry["day"], entry["site"]), {"site": entry["site"], "day": entry["day"]})
            row.setdefault(entry["what"], []).append(entry["at"])
    return [days[key] for key in sorted(days)]


def _table(told: dict[str, Any]) -> str:
    lines = [f"BAD  {problem}" for problem in told["problems"]]
    lines.append(f"keys made by     {told['made_by']}")
    ram = {True: "in RAM", False: "ON A DISK", None: "made at start"}[told["in_ram"]]
    lines.append(f"directory        {told['directory']} ({ram})")
    if told["swap"]:
        lines.append("swap             is on: RAM may be written to it; encrypt it, or mount the directory with noswap")
    lines.append(f"core dumps       {'off' if told['core_dumps_off'] else 'ON'}")
    lines.append(f"kept by          {'process ' + str(told['keeper']) if told['keeper'] else 'nobody now'}")
    lines += [
        f"key              {key['site']} {key['day']}, to be destroyed {moment_of(key['destroyed_at'])}"
        for key in told["keys"]
    ]
    for row in told["journal"]:
        parts = [
            f"{what} {', '.join(map(moment_of, row[what]))}"
            for what in ("created", "received", "lost", "destroyed")
            if what in row
        ]
        lines.append(f"journal          {row['site']} {row['day']}: {'; '.join(parts)}")
    for one in told["enrolled"]:
        last = moment_of(one["last_fetch"]) if one["last_fetch"] else "never"
        lines.append(f"enrolled         {one['name']} since {moment_of(one['since'])}, fetched last: {last}")
    return "\n".join(lines)


def _dumps_nothing(process: int) -> bool:
    """Whether another process has a core limit of 0. That it is not dumpable, too, is not to be seen from outside."""
    try:
        return resource.prlimit(process, resource.RLIMIT_CORE) == (0, 0)
    except (OSError, ValueError):
        return True  # another user's; it hardened itself at its start


def _swaps() -> bool:
    try:
        return len(Path("/proc/swaps").read_text(encoding="ascii").splitlines()) > 1
    except OSError:
        return False
