"""Networks of hosting companies, by a database in any of the usual shapes."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from collector.enrich.asn import NO_DATACENTERS, Datacenters
from collector.enrich.referrer_spam import is_spam


def database(directory: Path, record: Any) -> Path:
    writer = MMDBWriter(6, "ASN", ipv4_compatible=True)
    writer.insert_network(IPSet(["203.0.113.0/24", "2001:db8::/32"]), record)
    file = directory / "asn.mmdb"
    writer.to_db_file(str(file))
    return file


@pytest.mark.parametrize(
    ("record", "held"),
    [
        ({"autonomous_system_number": 24940, "autonomous_system_organization": "x"}, True),
        ({"asn": "AS16509", "as_name": "x"}, True),
        ({"asn": "as16509"}, True),
        ({"asn": 14061}, True),
        ({"as_number": "14061"}, True),
        ({"autonomous_system_number": 3320}, False),
        ({"autonomous_system_number": 8075}, True),
        ({"autonomous_system_number": 396982}, True),
        # In others' list of hosting companies, and yet people browse through them: a cable network, VPNs, a bank.
        *(({"autonomous_system_number": number}, False) for number in (36290, 9009, 212238, 327784, 6939)),
        ({"asn": "AS"}, False),
        ({"asn": "nonsense"}, False),
        ({"other": 24940}, False),
        ("AS24940", False),
    ],
)
def test_a_network_is_known_by_its_number(record: Any, held: bool, tmp_path: Path) -> None:
    centers = Datacenters(database(tmp_path, record))
    assert centers.hold("203.0.113.0") is held
    assert centers.hold("2001:db8:1::") is held
    assert not centers.hold("198.51.100.0")
    assert not centers.hold("")
    assert not centers.hold("nonsense")
    centers.close()
    assert not centers.hold("203.0.113.0")


def test_without_a_database_nobody_is_held() -> None:
    assert not NO_DATACENTERS.hold("203.0.113.0")


@pytest.mark.parametrize("content", [None, b"", b"no database"])
def test_a_bad_database_is_named(content: bytes | None, tmp_path: Path) -> None:
    file = tmp_path / "bad.mmdb"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ValueError, match=r"asn database .*bad\.mmdb.*download"):
        Datacenters(file)


@pytest.mark.parametrize(
    ("host", "spam"),
    [
        ("semalt.com", True),
        ("www.Semalt.com", True),
        ("a.b.buttons-for-website.com", True),
        ("notsemalt.com", False),
        ("0-0.fr", True),
        ("WWW.DARODAR.COM", True),
        ("semalt.com.example.org", False),
        ("google.com", False),
        ("com", False),
        ("", False),
        ("x." * 500 + "semalt.com", True),
    ],
)
def test_a_host_that_forges_visits_is_known_with_its_subdomains(host: str, spam: bool) -> None:
    assert is_spam(host) is spam


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("datacenters.tsv", 8),
        ("datacenters_bad_asn.tsv", 600),
        ("referrer_spam.tsv", 2300),
        ("sources_matomo.tsv", 800),
    ],
)
def test_a_table_says_where_it_is_from_and_names_nobody_twice(name: str, least: int) -> None:
    lines = (resources.files("collector.enrich") / "data" / name).read_text("utf-8").splitlines()
    keys = [line.partition("\t")[0] for line in lines if not line.startswith("#")]
    assert lines[0].startswith("#")
    assert len(set(keys)) == len(keys) >= least
