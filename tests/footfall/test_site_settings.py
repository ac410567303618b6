"""Presets and single values, for all sites and for one: what wins, what is shown, and the caps that always hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from collector.anonymization import PRESETS
from footfall.errors import SettingsError
from footfall.settings import Settings, describe, load


def settings(text: str, tmp_path: Path) -> Settings:
    file = tmp_path / "footfall.toml"
    file.write_text(text)
    return load(str(file), environment={})


def rules(made: Settings, key: str) -> tuple[Any, Any]:
    """What the collector and the pipeline hold for a site."""
    return made.collector_rules()[key], next(mine for site, mine in made.site_rules() if site.key == key)


SITES = """
demo = false
[anonymization]
store_network = true
gpc = "drop"
[release]
k = 7
[retention]
raw_days = 20
[[sites]]
key = "plain"
[[sites]]
key = "hard"
anonymization = { preset = "strict" }
[[sites]]
key = "soft"
consent = "required"
release_k = 3
[sites.anonymization]
preset = "accurate"
referrer = "host"
[[sites]]
key = "own"
anonymization = { gpc = "count", ipv4_bits = 16 }
"""


def test_a_site_without_settings_of_its_own_has_those_of_all(tmp_path: Path) -> None:
    collector, pipeline = rules(settings(SITES, tmp_path), "plain")
    mine = collector.anonymization
    assert (mine.preset, mine.store_network, mine.gpc, mine.ipv4_bits) == ("balanced", True, "drop", 24)
    assert (pipeline.k, pipeline.retention_days, pipeline.strict, collector.lifetime) == (7, 20, False, 20)
    assert not collector.needs_consent


def test_a_site_with_a_preset_starts_from_that_preset_alone(tmp_path: Path) -> None:
    made = settings(SITES, tmp_path)
    collector, pipeline = rules(made, "hard")
    assert collector.anonymization == PRESETS["strict"]
    assert (pipeline.k, pipeline.retention_days, pipeline.strict, pipeline.preset) == (10, 2, True, "strict")
    assert (collector.lifetime, collector.keep) == (2, frozenset(PRESETS["strict"].query_parameters))
    collector, pipeline = rules(made, "soft")
    mine = collector.anonymization
    assert (mine.preset, mine.referrer, mine.visitor_address, mine.gpc) == ("accurate", "host", "full", "count")
    assert (pipeline.k, pipeline.retention_days) == (3, 90)
    assert collector.needs_consent


def test_a_site_without_a_preset_departs_from_the_settings_of_all(tmp_path: Path) -> None:
    collector, pipeline = rules(settings(SITES, tmp_path), "own")
    mine = collector.anonymization
    assert (mine.preset, mine.store_network, mine.gpc, mine.ipv4_bits) == ("balanced", True, "count", 16)
    assert (pipeline.k, pipeline.retention_days) == (7, 20)


def test_the_dashboards_get_the_k_that_holds_for_each_site(tmp_path: Path) -> None:
    assert [(site.key, site.release_k) for site in settings(SITES, tmp_path).reported_sites()] == [
        *(("plain", 7), ("hard", 10), ("soft", 3), ("own", 7)),
    ]


def test_settings_shows_in_what_each_site_departs_from_the_others(tmp_path: Path) -> None:
    rows = {row["name"]: row for row in describe(settings(SITES, tmp_path))}
    assert not [name for name in rows if name.startswith("sites.plain.")]
    assert rows["anonymization.gpc"]["departs_from"] == "balanced"
    assert rows["sites.hard.anonymization.preset"]["value"] == '"strict"'
    assert (
        rows["sites.hard.anonymization.place"] | {"value": '"country"', "origin": "preset strict"}
        == rows["sites.hard.anonymization.place"]
    )
    assert (rows["sites.hard.release_k"]["value"], rows["sites.hard.retention_days"]["value"]) == ("10", "2")
    assert rows["sites.soft.anonymization.referrer"]["departs_from"] == "accurate"
    assert rows["sites.soft.release_k"]["departs_from"] == "accurate"
    assert rows["sites.soft.consent"]["value"] == '"required"'
    assert rows["sites.own.anonymization.ipv4_bits"]["departs_from"] == "balanced"
    assert {name for name in rows if name.startswith("sites.own.")} == {
        *("sites.own.anonymization.ipv4_bits", "sites.own.anonymization.gpc"),
    }
    assert all(row["meaning"] for row in rows.values())


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("[retention]\nraw_days = 1", (":2", "retention.raw_days = 1", ">= 2")),
        ("[retention]\nraw_days = 760", (":2", "retention.raw_days = 760", "<= 759")),
        ('[[sites]]\nkey = "a"\nretention_days = 760', (":3", "sites[0].retention_days = 760", "<= 759")),
        ("[anonymization]\nipv4_bits = 25", (":2", "anonymization.ipv4_bits = 25", "<= 24")),
        ("[anonymization]\nipv6_bits = 49", (":2", "anonymization.ipv6_bits = 49", "<= 48")),
        ('[anonymization]\npreset = "none"', (":2", "anonymization.preset = 'none'")),
        (
            '[[sites]]\nkey = "a"\n[[sites]]\nkey = "b"\n[sites.anonymization]\nipv4_bits = 32',
            (":6", "sites[1].anonymization.ipv4_bits = 32", "<= 24"),
        ),
        (
            '[[sites]]\nkey = "a"\nanonymization = {ipv6_bits = 64}',
            (":3", "sites[0].anonymization.ipv6_bits = 64", "<= 48"),
        ),
        ('[[sites]]\nkey = "a"\nconsent = "maybe"', (":3", "sites[0].consent = 'maybe'")),
        ('[[sites]]\nkey = "a"\nanonymization = {presett = "strict"}', (":3", "presett", "not a setting")),
    ],
)
def test_hard_caps_are_enforced_at_start_with_file_line_name_value_and_bound(
    text: str, parts: tuple[str, ...], tmp_path: Path
) -> None:
    with pytest.raises(SettingsError) as refused:
        settings(text, tmp_path)
    for part in parts:
        assert part in str(refused.value)


def test_presets_are_the_table_of_the_specification() -> None:
    columns = ("strict", "balanced", "accurate")
    more = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "ref")
    table: dict[str, tuple[Any, Any, Any]] = {
        "visitor_address": ("truncated", "truncated", "full"),
        "visitor_agent": ("family", "whole", "whole"),
        "visitor_language": (False, True, True),
        "visitor_screen": (False, False, True),
        "place": ("country", "region", "city"),
        "store_network": (False, False, True),
        "language": ("primary", "primary", "full"),
        "query_parameters": (more[:3], more, more),
        "referrer": ("host", "host", "path"),
        "timestamps": ("minute", "second", "second"),
        "raw_days": (2, 30, 90),
        "k": (10, 5, 2),
        "gpc": ("drop", "count", "count"),
        "vitals_elements": (False, True, True),
        "ipv4_bits": (24, 24, 24),
        "ipv6_bits": (48, 48, 48),
    }
    for name, values in table.items():
        assert tuple(getattr(PRESETS[column], name) for column in columns) == values, name
