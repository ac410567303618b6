"""Where things are that several processes and commands share, whatever directory each was started in.

In: settings. Out: paths; the same settings with every path absolute, for children, and for commands that ask a running
instance for its settings.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from msgspec import structs

from ..settings import Settings

RAM = Path("/dev/shm")  # noqa: S108 - RAM is the point; directories are 0700, and checked


def with_absolute_paths(settings: Settings) -> Settings:
    """The settings, every path in them seen from the directory of this process."""
    found, keys, mail, alerts = settings.collector, settings.keys, settings.mail, settings.alerts
    return structs.replace(
        settings,
        data=str(settings.directory),
        keys=structs.replace(keys, directory=_absolute(keys.directory)),
        mail=structs.replace(mail, password_file=_absolute(mail.password_file)),
        alerts=structs.replace(alerts, secret_file=_absolute(alerts.secret_file)),
        collector=structs.replace(
            found, place_database=_absolute(found.place_database), asn_database=_absolute(found.asn_database)
        ),
    )


def _absolute(path: str) -> str:
    return str(Path(path).absolute()) if path else ""


def key_directory(settings: Settings) -> Path:
    """Where the keys are: as set, or a directory of our own in RAM for each data directory and user."""
    if settings.keys.directory:
        return Path(settings.keys.directory)
    return RAM / f"footfall-{os.getuid()}-{_mark(settings)}"


def ram_directory(settings: Settings) -> Path:
    """Where processes tell how they are: a directory of the data directory's owner in RAM, so that who looks as another
    user (root) finds the same. It is not that of the keys, which may be gone. Where there is no such RAM, or somebody
    else has taken the name, it is below the data directory."""
    try:
        owner = settings.directory.stat().st_uid
    except OSError:
        owner = os.getuid()
    path = RAM / f"footfall-{owner}-{_mark(settings)}-health"
    try:
        return path if path.lstat().st_uid == owner else settings.directory / "health"
    except OSError:
        return path if os.access(RAM, os.W_OK) else settings.directory / "health"


def _mark(settings: Settings) -> str:
    return hashlib.sha256(str(settings.directory.resolve()).encode()).hexdigest()[:12]


def key_journal(settings: Settings) -> Path:
    """What happened to the keys, and when."""
    return settings.directory / "keys.jsonl"


def account_file(settings: Settings) -> Path:
    """The people who sign in to the dashboards."""
    return settings.directory / "accounts.sqlite"


def share_file(settings: Settings) -> Path:
    """The links for people without an account."""
    return settings.directory / "shares.sqlite"


def delivery_file(settings: Settings) -> Path:
    """What was sent to whom."""
    return settings.directory / "deliveries.sqlite"


def token_file(settings: Settings) -> Path:
    """The digests of the tokens with which sites' own servers send events."""
    return settings.directory / "tokens.json"


def former_sites(settings: Settings) -> Path:
    """Which sites were ever set up here, and the rules that held for them last."""
    return settings.directory / "sites.json"


def control_path(settings: Settings) -> Path:
    """The socket at which commands reach the Footfall that runs there."""
    return settings.directory / "control.sock"
