"""Where a visit came from, as coarsely as the settings allow: country, region, city.

In: the truncated network of the client and the browser's IANA time zone. Out: a `Geo`.
Promises: never sees a whole address, opens a local file only, and bad data in it reads as "unknown".
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import maxminddb

# Links whose target lies in another country, and zones that are a clock rather than a place.
_COUNTRY_OF_OLD_NAME = {
    "Iceland": "IS",
    "Africa/Timbuktu": "ML",
    "Africa/Asmera": "ER",
    "America/Coral_Harbour": "CA",
    "America/Virgin": "VI",
    "Antarctica/South_Pole": "AQ",
    "Atlantic/Jan_Mayen": "SJ",
    "Pacific/Ponape": "FM",
    "Pacific/Truk": "FM",
    "Pacific/Yap": "FM",
    **dict.fromkeys(("CET", "CST6CDT", "EET", "EST", "EST5EDT", "HST", "MET", "MST", "MST7MDT", "PST8PDT", "WET"), ""),
}
_COUNTRY = re.compile(r"[A-Z]{2}")
_SUBDIVISION = re.compile(r"[A-Z0-9]{1,3}")
# The longest names of places have about 60 letters; a record with more is broken.
_MAX_CITY = 80


class Geo(NamedTuple):
    """country: ISO 3166-1 alpha-2. region: ISO 3166-2, such as "DE-BE". city: its English name. "" is unknown."""

    country: str
    region: str
    city: str


_NOWHERE = Geo("", "", "")


class GeoDatabase:
    """Looks networks up in an mmdb file, if there is one, and time zones otherwise."""

    def __init__(self, database: Path | None = None) -> None:
        self._reader: maxminddb.Reader | None = None
        if database is not None:
            try:
                self._reader = maxminddb.open_database(database, maxminddb.MODE_AUTO)
            except (OSError, ValueError, maxminddb.InvalidDatabaseError):
                raise ValueError(
                    f"geo database {str(database)!r} is missing or is not a readable .mmdb file: download it again "
                    "(GeoLite2, DB-IP lite or ipinfo lite) or leave the setting out to use time zones"
                ) from None
        self._zones = {zone: Geo(country, "", "") for zone, country in _countries_of_zones().items()}

    def of(self, network: str, time_zone: str = "") -> Geo:
        """The place of a truncated network; failing that, the country of the time zone."""
        place = self._look_up(network) if self._reader is not None and network else _NOWHERE
        return place if place.country else self._zones.get(time_zone, _NOWHERE)

    def close(self) -> None:
        """Give the file back."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _look_up(self, network: str) -> Geo:
        assert self._reader is not None
        try:
            record = self._reader.get(network)
        except (ValueError, maxminddb.InvalidDatabaseError):
            # An IPv6 network in a file of IPv4, or a damaged record.
            return _NOWHERE
        return _place_of(record) if isinstance(record, dict) else _NOWHERE


def _place_of(record: dict[str, Any]) -> Geo:
    """The place in a record: nested (GeoLite2, DB-IP) or flat (ipinfo and the like)."""
    country = record.get("country")
    nested = country.get("iso_code") if isinstance(country, dict) else None
    code = next((c for c in (nested, record.get("country_code"), country) if _fits(_COUNTRY, c)), "")
    if not code:
        return _NOWHERE
    part: Any = record.get("region_code")
    subdivisions = record.get("subdivisions")
    if isinstance(subdivisions, list) and subdivisions and isinstance(subdivisions[0], dict):
        part = subdivisions[0].get("iso_code")
    city = record.get("city")
    if isinstance(city, dict):
        names = city.get("names")
        city = names.get("en") if isinstance(names, dict) else None
    return Geo(
        code,
        f"{code}-{part}" if _fits(_SUBDIVISION, part) else "",
        city[:_MAX_CITY] if isinstance(city, str) else "",
    )


def _fits(shape: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and shape.fullmatch(value) is not None


@cache
def _countries_of_zones() -> dict[str, str]:
    """Every IANA zone name, old ones too -> its country."""
    folder = resources.files("tzdata") / "zoneinfo"
    countries: dict[str, str] = {}
    for line in (folder / "zone.tab").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            country, _, zone = line.split("\t")[:3]
            countries[zone] = country
    links = {}
    for line in (folder / "tzdata.zi").read_text("utf-8").splitlines():
        if line.startswith("L "):
            _, target, name = line.split()
            links[name] = target
    for name, target in links.items():
        for _ in range(3):  # a link may lead to a link
            if target in countries:
                break
            target = links.get(target, target)
        countries.setdefault(name, countries.get(target, ""))
    return countries | _COUNTRY_OF_OLD_NAME
