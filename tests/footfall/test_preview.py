"""`footfall anonymize`: one set of settings, several presets side by side, one site's own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.house import footfall

pytestmark = pytest.mark.process

REQUEST = (
    *("anonymize", "--ip", "203.0.113.77", "--ua", "Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Firefox/142.0"),
    *("--url", "https://example.com/a?utm_term=shoes", "--language", "de-AT", "--referrer", "https://r.example/x"),
)


def test_presets_are_shown_side_by_side_in_the_order_asked_for() -> None:
    presets = ("accurate", "strict")
    options = [word for preset in presets for word in ("--preset", preset)]
    answer = json.loads(footfall(*REQUEST, *options, "--json").stdout)
    assert [column["preset"] for column in answer["presets"]] == list(presets)
    accurate, strict = (column["stored"] for column in answer["presets"])
    assert (accurate["network"], strict["network"]) == ("203.0.113.0", "")
    assert (accurate["language"], strict["language"]) == ("de-AT", "de")
    assert (accurate["utm_term"], strict["utm_term"]) == ("shoes", "")
    assert (accurate["referrer"], strict["referrer"]) == ("r.example/x", "r.example")
    assert strict["received"] % 60 == 0
    table = footfall(*REQUEST, *options).stdout.splitlines()
    assert table[0].split() == list(presets)
    assert next(line for line in table if line.startswith("    utm_term")).split()[1:] == ["shoes", "(not", "stored)"]


def test_a_preset_is_that_preset_and_nothing_else() -> None:
    changed = ("--set", "anonymization.store_network=true")
    assert json.loads(footfall(*REQUEST, *changed, "--json").stdout)["stored"]["network"] == "203.0.113.0"
    answer = json.loads(footfall(*REQUEST, *changed, "--preset", "balanced", "--json").stdout)
    assert answer["presets"][0]["stored"]["network"] == ""


def test_a_site_is_shown_with_its_own_settings(tmp_path: Path) -> None:
    config = tmp_path / "footfall.toml"
    config.write_text('[[sites]]\nkey = "hard"\nanonymization = {preset = "strict"}\n')
    answer = json.loads(footfall(*REQUEST, "--config", str(config), "--site", "hard", "--json").stdout)
    assert (answer["preset"], answer["stored"]["utm_term"]) == ("strict", "")
    wrong = footfall(*REQUEST, "--config", str(config), "--site", "nowhere")
    assert wrong.returncode == 1
    assert "nowhere" in wrong.stderr


@pytest.mark.parametrize("preset", ["loose", ""])
def test_a_preset_that_does_not_exist_is_refused(preset: str) -> None:
    assert footfall(*REQUEST, "--preset", preset).returncode == 2
