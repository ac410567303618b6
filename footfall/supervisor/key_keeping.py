"""What the parent keeps for the collectors beside it: the visitor keys, and figures that are told once a day is over.

In: settings. Out: a keeper of keys; a publisher. Promises: one parent makes or fetches the keys of a data directory.
"""

from __future__ import annotations

from collector.diagnostics.shadow_publisher import ShadowPublisher
from collector.keys.client import Handed, KeyFollower, fetch_keys
from collector.keys.keeper import KeyKeeper

from ..settings import Settings
from .paths import key_directory, key_journal


def keeper(settings: Settings) -> KeyKeeper | KeyFollower:
    """The one that makes the keys of this data directory, or fetches them where another collector makes them."""
    place, journal, sites = key_directory(settings), key_journal(settings), settings.all_sites
    keys = settings.keys
    on_disk = keys.keep_keys_on_disk_where_they_can_be_recovered
    if not keys.from_url:
        return KeyKeeper(place, journal, sites, on_disk)

    def fetch() -> list[Handed]:
        return fetch_keys(keys.from_url, keys.token, keys.fingerprint)

    return KeyFollower(place, journal, sites, fetch, on_disk)


def shadow_publisher(settings: Settings) -> ShadowPublisher:
    """What tells of the candidates once a day is over."""
    return ShadowPublisher(
        key_directory(settings),
        settings.directory / "shadow.jsonl",
        settings.all_sites,
        wanted=bool(settings.shadow.candidates),
    )
