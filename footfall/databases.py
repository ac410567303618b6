"""Opens the databases of places and networks that the settings name.

In: settings. Out: what places a visit, what knows hosting companies. Raises CannotStart naming setting, value, problem.
"""

from __future__ import annotations

from pathlib import Path

from collector.enrich.asn import Datacenters
from collector.enrich.geo import GeoDatabase

from .errors import CannotStart
from .settings import Settings


def geo_database_of(settings: Settings) -> GeoDatabase:
    """What places visits. Raises CannotStart where the database cannot be used."""
    file = settings.collector.place_database
    try:
        return GeoDatabase(Path(file) if file else None)
    except ValueError as problem:
        raise CannotStart(f"collector.place_database = {file!r}: {problem}") from None


def datacenters_of(settings: Settings) -> Datacenters:
    """What knows the networks of hosting companies. Raises CannotStart where the database cannot be used."""
    file = settings.collector.asn_database
    try:
        return Datacenters(Path(file) if file else None)
    except ValueError as problem:
        raise CannotStart(f"collector.asn_database = {file!r}: {problem}") from None
