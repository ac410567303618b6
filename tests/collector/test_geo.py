"""Geo: from a local file by the truncated network, else from the time zone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from collector.enrich.geo import Geo, GeoDatabase

RECORDS: dict[str, object] = {
    "203.0.113.0/24": {
        "country": {"iso_code": "DE", "names": {"en": "Germany"}},
        "subdivisions": [{"iso_code": "BE", "names": {"en": "Land Berlin"}}],
        "city": {"names": {"en": "Berlin", "de": "Berlin"}},
    },
    "198.51.100.0/24": {"country": {"iso_code": "FR"}},
    "192.0.2.0/24": {"country": "AT", "city": "Wien", "region": "Wien"},
    "100.64.1.0/24": {"country": "Switzerland", "country_code": "CH"},
    "100.64.2.0/24": {"country": {"iso_code": 7}, "subdivisions": ["x"], "city": {"names": []}},
    "100.64.3.0/24": {"country": {"iso_code": "US"}, "subdivisions": [{"names": {"en": "Ohio"}}], "city": 5},
    "100.64.4.0/24": {"country": {"names": {"en": "Germany"}}},
    "100.64.5.0/24": "DE",
    "100.64.6.0/24": {"country": {"iso_code": "US"}, "subdivisions": {}, "city": {"names": {"en": 9}}},
}


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GeoDatabase]:
    file = tmp_path_factory.mktemp("geo") / "city.mmdb"
    writer = MMDBWriter(4, "test", languages=["en"], description="test")
    for network, record in RECORDS.items():
        writer.insert_network(IPSet([network]), record)
    writer.to_db_file(str(file))
    opened = GeoDatabase(file)
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("network", "place"),
    [
        ("203.0.113.0", Geo("DE", "DE-BE", "Berlin")),
        ("198.51.100.0", Geo("FR", "", "")),
        ("192.0.2.0", Geo("AT", "", "Wien")),
        ("100.64.1.0", Geo("CH", "", "")),
        ("100.64.2.0", Geo("", "", "")),
        ("100.64.3.0", Geo("US", "", "")),
        ("100.64.4.0", Geo("", "", "")),
        ("100.64.5.0", Geo("", "", "")),
        ("100.64.6.0", Geo("US", "", "")),
        ("9.9.9.0", Geo("", "", "")),
        ("2001:db8::", Geo("", "", "")),
        ("not a network", Geo("", "", "")),
        ("", Geo("", "", "")),
    ],
)
def test_every_shape_of_record_is_read_and_bad_types_are_unknown(places: GeoDatabase, network: str, place: Geo) -> None:
    assert places.of(network, "") == place


def test_the_file_wins_over_the_time_zone_and_the_time_zone_fills_its_gaps(places: GeoDatabase) -> None:
    assert places.of("203.0.113.0", "America/New_York").country == "DE"
    assert places.of("9.9.9.0", "America/New_York") == Geo("US", "", "")


@pytest.mark.parametrize(
    ("zone", "country"),
    [
        ("Europe/Berlin", "DE"), ("Europe/Oslo", "NO"), ("Atlantic/Reykjavik", "IS"), ("Asia/Calcutta", "IN"),
        ("Europe/Kiev", "UA"), ("Asia/Saigon", "VN"), ("America/Buenos_Aires", "AR"), ("US/Pacific", "US"),
        ("Iceland", "IS"), ("America/Coral_Harbour", "CA"), ("Asia/Rangoon", "MM"), ("Turkey", "TR"),
        ("UTC", ""), ("Etc/GMT+5", ""), ("CET", ""), ("EST", ""), ("Mars/Olympus", ""), ("", ""), ("../zone.tab", ""),
    ],
)  # fmt: skip
def test_a_time_zone_tells_the_country_under_old_names_too(zone: str, country: str) -> None:
    assert GeoDatabase(None).of("203.0.113.0", zone) == Geo(country, "", "")


def test_a_missing_file_is_refused_with_its_path_and_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"gone\.mmdb.*download it again"):
        GeoDatabase(tmp_path / "gone.mmdb")


@pytest.mark.parametrize("content", [b"", b"not a database", b"\0" * 4096])
def test_a_corrupt_file_is_refused_with_its_path_and_a_remedy(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "bad.mmdb"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"bad\.mmdb.*download it again"):
        GeoDatabase(file)
