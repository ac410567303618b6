"""A wrong setting names the file, the line, itself, its value and what is allowed; and nothing starts half-set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from collector.anonymization import PRESETS
from footfall.errors import SettingsError
from footfall.settings import DEMO_SITE, Settings, describe, load


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "footfall.toml"


def wrong(**given: Any) -> str:
    with pytest.raises(SettingsError) as error:
        load(environment={}, **given)
    return str(error.value)


def good(file: Path | None = None, text: str = "", **given: Any) -> Settings:
    if file is not None:
        file.write_text(text)
    return load(str(file) if file else None, **({"environment": {}} | given))


def rows(settings: Settings) -> dict[str, dict[str, str]]:
    return {row["name"]: row for row in describe(settings)}


# -- what is wrong -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("[release]\nk = 0", 2, "release.k = 0: expected `int` >= 1"),
        ("# first\n\n[release] # here\n  k   =   0 # too few", 4, "release.k = 0: expected `int` >= 1"),
        ("release.k = 0", 1, "release.k = 0: expected `int` >= 1"),
        ('[release]\nk = "five"', 2, "release.k = 'five': expected `int | null`, got `str`"),
        ("[collector]\nhost = 'x'\nport = 70000", 3, "collector.port = 70000: expected `int` <= 65535"),
        ("[rollup]\nevery_s = 0.1", 2, "rollup.every_s = 0.1: expected `float` >= 0.5"),
        ("[retention]\nraw_days = 1", 2, "retention.raw_days = 1: expected `int` >= 2"),
        ("[retention]\nraw_days = 760", 2, "retention.raw_days = 760: expected `int` <= 759"),
        ("[anonymization]\nipv4_bits = 25", 2, "anonymization.ipv4_bits = 25: expected `int` <= 24"),
        (
            "[anonymization]\npreset = 'lax'",
            2,
            "anonymization.preset = 'lax': must be one of accurate, balanced, strict",
        ),
        ("[anonymization]\ngpc = 'ignore'", 2, "anonymization.gpc = 'ignore': must be one of count, drop"),
        ("data = 5", 1, "data = 5: expected `str`, got `int`"),
        ("release = 5", 1, "release = 5: expected `object`, got `int`"),
        # What is no setting.
        ("colour = 1", 1, "colour = 1: is not a setting; `footfall settings` lists them all"),
        ("[release]\nkk = 5", 2, "release.kk = 5: is not a setting; `footfall settings` lists them all"),
        ("\n[colour]\nx = 1", 2, "colour = {'x': 1}: is not a setting; `footfall settings` lists them all"),
        (
            "[[sites]]\nkey = 'a'\n[[sites.segments]]\nname = 'P'\nmatch = 'x'",
            5,
            "sites[0].segments[0].match = 'x': is not a setting; there are name, where",
        ),
        # Sites.
        (
            "[[sites]]\nkey = 'a'\n[[sites]]\nkey = 'B'",
            4,
            "sites[1].key = 'B': a key has up to 100 small letters, digits, '.', '_' and '-' ('B'): write 'b'",
        ),
        (
            "demo = false\n\n[[sites]]\ndomains = ['a']",
            3,
            "sites[0] = {'domains': ['a']}: object missing required field `key`",
        ),
        ("[[sites]]\nkey='a'\n[[sites]]\nkey='b'\nrelease_k=0", 5, "sites[1].release_k = 0: expected `int` >= 1"),
        (
            "[[sites]]\nkey='a'\ntimezone='Berlin'",
            1,
            "timezone 'Berlin' is not an IANA time zone such as 'Europe/Berlin'",
        ),
        ("[[sites]]\nkey='a'\ngoals=[{name='g', evnt='x'}]", 3, "sites[0].goals[0].evnt = 'x': is not a setting"),
        (
            "[[sites]]\nkey='a'\n[[sites.goals]]\nname='g'",
            3,
            "goal 'g' needs exactly one of event = …, page = …, section = …, scroll = …, duration = … and "
            "revenue = true, and it has none",
        ),
        (
            "[[sites]]\nkey='a'\n[[sites]]\nkey='b'\n[[sites.goals]]\nname='g'\nevent='x'\n[[sites.goals]]\nname='h'\nevnt='y'",
            10,
            "sites[1].goals[1].evnt = 'y': is not a setting",
        ),
        # Two sites of one name.
        ("[[sites]]\nkey='a'\n\n[[sites]]\nkey='a'", 4, "'a' names both 'a' and 'a'"),
        ("[[sites]]\nkey='a'\n[[sites]]\nkey='b'\ndomains=['www.A']", 3, "'a' names both 'a' and 'b'"),
        ("[[sites]]\nkey='a'\ndomains=['x']\n[[sites]]\nkey='b'\ndomains=['X']", 4, "'x' names both 'a' and 'b'"),
        # Proxies.
        (
            "[collector]\ntrusted_proxies = ['*']",
            2,
            "collector.trusted_proxies = ['*']: proxies: '*' is not a network: name",
        ),
        (
            "[collector]\n\ntrusted_proxies = ['10.0.0.0/8', '::/0']",
            3,
            "'::/0' trusts every sender, so anyone could forge",
        ),
        # All senders in two halves, and whoever has an address of IPv6.
        ("[collector]\ntrusted_proxies = ['0.0.0.0/1', '128.0.0.0/1']", 2, "'0.0.0.0/1' trusts most senders"),
        ("[collector]\ntrusted_proxies = ['fc00::/7', '2000::/3']", 2, "'2000::/3' trusts most senders"),
        # Of the machine that is asked.
        ("[[sites]]\nkey='a'\ntimezone='localtime'", 1, "timezone 'localtime' is not an IANA time zone"),
    ],
)
def test_a_wrong_value_names_file_line_setting_value_and_what_is_allowed(
    file: Path, text: str, line: int, message: str
) -> None:
    file.write_text(text)
    said = wrong(file=str(file))
    assert said.startswith(f"{file}:{line}: ")
    assert message in said


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"sets": ["release.k=0"]}, "--set: release.k = 0: expected `int` >= 1"),
        ({"sets": ["release.k"]}, "--set 'release.k': write name=value, such as --set release.k=5"),
        ({"sets": ["nope=5"]}, "--set: nope = 5: is not a setting"),
        ({"sets": ["release.nope=5"]}, "--set: release.nope = 5: is not a setting"),
        ({"sets": ["data=x", "data.k=5"]}, "data.k: data is not a table of settings"),
        ({"sets": ["anonymization.preset=lax"]}, "--set: anonymization.preset = 'lax': must be one of"),
        ({"sets": ['collector.trusted_proxies=["*"]']}, "--set: collector.trusted_proxies = ['*']: proxies: '*'"),
        ({"sets": ['sites=[{key="A"}]']}, "--set: sites[0].key = 'A': a key has up to 100 small letters"),
        ({"flags": {"collector.port": 99999}}, "command line: collector.port = 99999: expected `int` <= 65535"),
    ],
)
def test_a_wrong_value_from_elsewhere_names_where_it_came_from(given: dict[str, Any], message: str) -> None:
    assert wrong(**given).startswith(message)


def test_the_last_origin_of_a_value_is_the_one_that_is_named(file: Path) -> None:
    file.write_text("[release]\nk = 5")
    assert wrong(file=str(file), sets=["release.k=0"]).startswith("--set: release.k = 0")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"x = [", "is not TOML: "),
        (b"\xff\xfe", "is not text in UTF-8; save it so"),
        (None, "cannot be read: No such file or directory"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_the_reason(file: Path, content: bytes | None, message: str) -> None:
    if content is not None:
        file.write_bytes(content)
    assert wrong(file=str(file)).startswith(f"{file}: {message}")


def test_origins_are_no_setting(file: Path) -> None:
    file.write_text("origins = {}")
    assert "origins: is not a setting" in wrong(file=str(file))


@pytest.mark.parametrize(
    "text",
    [
        '[store]\ndns = "http://u:hunter2@h:8123/db"',
        'store = "http://u:hunter2@h:8123/db"',
        # Where the check quotes the value, too.
        'collector.public_url = "http://u:hunter2@h:8123/db"',
        'dashboards.public_url = "http://u:hunter2@h:8123/db"',
    ],
)
def test_no_error_shows_a_password(file: Path, text: str) -> None:
    file.write_text(text)
    said = wrong(file=str(file))
    assert "hunter2" not in said
    assert "//u:…@h:8123/db" in said


# -- where values come from ----------------------------------------------------------------------------------------


def test_without_anything_every_setting_has_its_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = good()
    assert settings == Settings()
    assert {row["origin"] for row in describe(settings)} <= {"default", "preset balanced"}


def test_later_wins_defaults_file_environment_set_flags(file: Path) -> None:
    text = "data = 'file'"
    environment = {"FOOTFALL_DATA": "environment"}
    sets, flags = ["data=set"], {"data": "flag"}
    for given, value, origin in [
        ({}, "file", f"{file}:1"),
        ({"environment": environment}, "environment", "environment FOOTFALL_DATA"),
        ({"environment": environment, "sets": sets}, "set", "--set"),
        ({"environment": environment, "sets": sets, "flags": flags}, "flag", "command line"),
        ({"flags": {"data": None}}, "file", f"{file}:1"),
    ]:
        settings = good(file, text, **given)
        assert (settings.data, settings.origins["data"]) == (value, origin)


def test_the_file_is_named_by_flag_by_environment_or_lies_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("footfall.toml", "a.toml", "b.toml"):
        (tmp_path / name).write_text(f"data = '{name}'")
    monkeypatch.chdir(tmp_path)
    assert load(environment={}).data == "footfall.toml"
    assert load(environment={"FOOTFALL_CONFIG": "a.toml"}).data == "a.toml"
    assert load("b.toml", environment={"FOOTFALL_CONFIG": "a.toml"}).data == "b.toml"


@pytest.mark.parametrize(
    ("given", "name", "value"),
    [
        ("release.k=7", "release.k", 7),
        (" release.k = 7 ", "release.k", 7),
        ("rollup.every_s=2.5", "rollup.every_s", 2.5),
        ("demo=false", "demo", False),
        ("data=/var/x", "data", "/var/x"),  # not TOML, so it is text
        ('data="/var/x"', "data", "/var/x"),
        ("data=a=b", "data", "a=b"),
        ('collector.trusted_proxies=["10.0.0.0/8"]', "collector.trusted_proxies", ("10.0.0.0/8",)),
    ],
)
def test_set_takes_toml_values_and_plain_text(given: str, name: str, value: Any) -> None:
    settings: Any = good(sets=[given])
    for part in name.split("."):
        settings = getattr(settings, part)
    assert settings == value


def test_secrets_may_come_from_the_environment() -> None:
    settings = good(environment={"FOOTFALL_STORE_DSN": "http://u:p@h:8123/db"})
    assert settings.dsn == "http://u:p@h:8123/db"
    assert settings.origins["store.dsn"] == "environment FOOTFALL_STORE_DSN"


def test_without_a_dsn_the_store_lies_in_the_data_directory(tmp_path: Path) -> None:
    assert good(sets=[f"data={tmp_path}"]).dsn == f"chdb://{tmp_path}/clickhouse"


# -- presets -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_sets_every_value(preset: str) -> None:
    settings = good(sets=[f"anonymization.preset={preset}", "demo=false", 'sites=[{key="a"}]'])
    assert settings.anonymity == PRESETS[preset]
    ((_, rules),) = settings.site_rules()
    expected = PRESETS[preset]
    assert (rules.k, rules.retention_days, rules.preset, rules.strict) == (
        expected.k,
        expected.raw_days,
        preset,
        preset == "strict",
    )
    assert settings.collector_rules()["a"].lifetime == expected.raw_days


def test_a_value_that_departs_from_its_preset_is_shown_as_such() -> None:
    shown = rows(
        good(sets=["anonymization.preset=strict", "anonymization.place=city", "anonymization.gpc=drop", "release.k=3"])
    )
    assert (shown["anonymization.place"]["value"], shown["anonymization.place"]["departs_from"]) == ('"city"', "strict")
    assert (shown["release.k"]["value"], shown["release.k"]["departs_from"]) == ("3", "strict")
    # Said, but the same as the preset says.
    assert (shown["anonymization.gpc"]["origin"], shown["anonymization.gpc"]["departs_from"]) == ("--set", "")
    # Not said.
    assert (shown["retention.raw_days"]["value"], shown["retention.raw_days"]["origin"]) == ("2", "preset strict")


@pytest.mark.parametrize(
    ("sets", "site", "k", "days"),
    [
        ([], {}, 5, 30),
        (["release.k=7", "retention.raw_days=9"], {}, 7, 9),
        (["release.k=7", "retention.raw_days=9"], {"release_k": 3, "retention_days": 4}, 3, 4),
        (["anonymization.preset=strict"], {}, 10, 2),
        (["anonymization.preset=strict", "release.k=1"], {}, 1, 2),
    ],
)
def test_a_sites_own_value_wins_over_the_house_and_the_house_over_the_preset(
    sets: list[str], site: dict[str, int], k: int, days: int
) -> None:
    more = "".join(f", {name} = {value}" for name, value in site.items())
    settings = good(sets=[*sets, f'sites=[{{key="a"{more}}}]'])
    rules = next(rules for one, rules in settings.site_rules() if one.key == "a")
    assert (rules.k, rules.retention_days) == (k, days)
    assert settings.collector_rules()["a"].lifetime == days


# -- sites ---------------------------------------------------------------------------------------------------------


def test_a_beacon_may_call_a_site_by_every_name_it_has(file: Path) -> None:
    settings = good(file, "[[sites]]\nkey = 'a.example'\ndomains = ['www.B.example', 'c.example']\nids = ['7']")
    rules = settings.collector_rules()
    assert set(rules) == {"a.example", "b.example", "c.example", "7", "demo"}
    assert len({id(rules[name]) for name in ("a.example", "b.example", "c.example", "7")}) == 1
    assert rules["a.example"].own_hosts == {"a.example", "b.example", "c.example"}


@pytest.mark.parametrize(
    ("sets", "keys"),
    [
        ([], ["demo"]),
        (["demo=false"], []),
        (['sites=[{key="a"}]'], ["a", "demo"]),
        (['sites=[{key="a"}]', "demo=false"], ["a"]),
        (['sites=[{key="demo"}]'], ["demo"]),
    ],
)
def test_the_demo_site_is_there_where_the_demo_is_served(sets: list[str], keys: list[str]) -> None:
    assert [site.key for site in good(sets=sets).all_sites] == keys


def test_a_site_called_demo_of_ones_own_is_not_replaced() -> None:
    (site,) = good(sets=['sites=[{key="demo", timezone="Asia/Kathmandu"}]']).all_sites
    assert site.timezone == "Asia/Kathmandu"
    assert DEMO_SITE.timezone == "UTC"


# -- describe ------------------------------------------------------------------------------------------------------


def test_every_setting_is_described_with_a_sentence() -> None:
    described = describe(Settings())
    names = [row["name"] for row in described]
    assert len(names) == len(set(names)) > 30
    assert [row["name"] for row in described if len(row["meaning"]) < 10] == []
    assert "origins" not in names


def test_the_origin_of_a_value_is_its_line(file: Path) -> None:
    shown = rows(good(file, "# comment\n[release]\n\nk = 9\n[collector]\nport = 1234"))
    assert shown["release.k"]["origin"] == f"{file}:4"
    assert shown["collector.port"] == shown["collector.port"] | {"value": "1234", "origin": f"{file}:6"}


def test_describing_shows_no_password() -> None:
    shown = rows(good(sets=["store.dsn=https://user:hunter2@host:8443/db"]))["store.dsn"]["value"]
    assert shown == '"https://user:…@host:8443/db"'


def test_settings_cannot_be_changed_after_they_are_read() -> None:
    settings = good()
    with pytest.raises(AttributeError):
        settings.data = "x"  # type: ignore[misc]
    assert structs.replace(settings, data="x").data == "x"


@pytest.mark.parametrize(
    ("sets", "networks"),
    [
        ([], 5),
        (["release.k=3"], 3),
        (["release.k=300"], 100),
        (["release.k=1"], 1),
        (["release.networks=2"], 2),
        (["release.networks=2", "release.k=1"], 1),
        (["anonymization.preset=accurate"], 1),
        (["anonymization.preset=accurate", "release.k=9"], 1),
        (["anonymization.preset=strict"], 10),
        (['sites=[{key="any", release_networks=1}]'], 1),
        (['sites=[{key="any", release_k=4}]', "release.networks=2"], 2),
        (['sites=[{key="any", anonymization={preset="strict"}}]', "release.networks=2"], 10),
    ],
)
def test_people_are_of_as_many_networks_unless_it_is_said_otherwise(sets: list[str], networks: int) -> None:
    settings = load(sets=[*sets, *(() if "key" in str(sets) else ('sites=[{key="any"}]',))], environment={})
    [(_, rules)] = [(site, rules) for site, rules in settings.site_rules() if site.key == "any"]
    assert rules.least_networks == networks
