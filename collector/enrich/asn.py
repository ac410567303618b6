"""Whether a network belongs to a hosting company: people browse from home, office and phone, machines from there.

In: a truncated network, and an mmdb of autonomous systems. Out: yes or no.
Promises: without a database never; opens local files only, never sees a whole address.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

import maxminddb

# What the databases call the number: GeoLite2 and DB-IP; ipinfo ("AS16509"); others.
_FIELDS = ("autonomous_system_number", "asn", "as_number")


class Datacenters:
    """Looks networks up in an mmdb file, if there is one."""

    def __init__(self, database: Path | None = None) -> None:
        self._reader: maxminddb.Reader | None = None
        if database is None:
            return
        try:
            self._reader = maxminddb.open_database(database, maxminddb.MODE_AUTO)
        except (OSError, ValueError, maxminddb.InvalidDatabaseError):
            raise ValueError(
                f"asn database {str(database)!r} is missing or is not a readable .mmdb file: download it again "
                "(GeoLite2 ASN, DB-IP ASN lite or ipinfo lite) or leave the setting out to take every network"
            ) from None
        self._numbers = _read_numbers()

    def hold(self, network: str) -> bool:
        """Whether the truncated network is in one."""
        if self._reader is None or not network:
            return False
        try:
            record = self._reader.get(network)
        except (ValueError, maxminddb.InvalidDatabaseError):
            return False
        return _number_of(record) in self._numbers if isinstance(record, dict) else False

    def close(self) -> None:
        """Give the file back."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None


NO_DATACENTERS = Datacenters()


def _number_of(record: dict[str, Any]) -> int:
    for name in _FIELDS:
        value = record.get(name)
        if isinstance(value, int):
            return value
        if isinstance(value, str) and value.upper().removeprefix("AS").isdecimal():
            return int(value.upper().removeprefix("AS"))
    return 0


def _read_numbers() -> frozenset[int]:
    """Our own table, and the one of others (lists.py)."""
    tables = (
        resources.files("collector.enrich") / "data" / name for name in ("datacenters.tsv", "datacenters_bad_asn.tsv")
    )
    lines = (line for table in tables for line in table.read_text("utf-8").splitlines())
    return frozenset(int(line.partition("\t")[0]) for line in lines if line and not line.startswith("#"))
