"""Reads one TOML file, `--set` and the environment into the parts' own frozen settings, and refuses what is wrong.

In: a file, `name=value` texts, environment. Out: `Settings`, and for each value where it came from.
Promises: an error names the file, the line, the setting, its value and what is allowed; nothing starts half-set.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct, field, structs

from collector.address import Proxies
from collector.settings import Anonymization, AnonymizationSettings, CollectorSettings, KeySettings, resolve
from collector.steps import Rules
from dashboards.settings import DashboardSettings
from pipeline.settings import ReleaseSettings, RetentionSettings, RollupSettings, SiteRules, SpoolSettings
from schema.site import Goal, Site

DEFAULT_FILE = "footfall.toml"
# Secrets may come from the environment, so that they need not be in a file.
_ENVIRONMENT = {"FOOTFALL_STORE_DSN": "store.dsn", "FOOTFALL_DATA": "data"}

DEMO_SITE = Site(
    key="demo",
    goals=(Goal("Sign up", event="signup"), Goal("Thank-you page", page="/demo/thanks.html")),
    release_k=1,
    count_automated=True,
)


class SettingsError(Exception):
    """The settings cannot be used."""


class StoreSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Which ClickHouse."""

    dsn: Annotated[
        str,
        Meta(description="chdb:///directory or http(s)://user:password@host:8123/database; empty: DATA/clickhouse."),
    ] = ""
    cluster: Annotated[str, Meta(description="Name of the ClickHouse cluster, if it is one.")] = ""


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that can be set."""

    data: Annotated[str, Meta(description="Directory of the spool, the embedded store and the accounts.")] = (
        "footfall-data"
    )
    demo: Annotated[bool, Meta(description="Serve the demo pages and their site `demo`.")] = True
    sites: Annotated[tuple[Site, ...], Meta(description="The websites, one [[sites]] table each.")] = ()
    store: StoreSettings = StoreSettings()
    collector: CollectorSettings = CollectorSettings()
    keys: KeySettings = KeySettings()
    anonymization: AnonymizationSettings = AnonymizationSettings()
    spool: SpoolSettings = SpoolSettings()
    rollup: RollupSettings = RollupSettings()
    release: ReleaseSettings = ReleaseSettings()
    retention: RetentionSettings = RetentionSettings()
    dashboards: DashboardSettings = DashboardSettings()
    origins: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names: dict[str, str] = {}
        for site in self.sites:
            for name in site.names:
                if name in names:
                    raise ValueError(f"sites: {name!r} names both {names[name]!r} and {site.key!r}")
                names[name] = site.key

    @property
    def directory(self) -> Path:
        return Path(self.data).absolute()

    @property
    def dsn(self) -> str:
        return self.store.dsn or f"chdb://{self.directory / 'clickhouse'}"

    @property
    def all_sites(self) -> tuple[Site, ...]:
        """The sites, and the demo if it is served."""
        demo = self.demo and all(site.key != DEMO_SITE.key for site in self.sites)
        return (*self.sites, DEMO_SITE) if demo else self.sites

    @property
    def anonymity(self) -> Anonymization:
        return resolve(self.anonymization)

    def site_rules(self) -> tuple[tuple[Site, SiteRules], ...]:
        """What the pipeline needs to know of each site."""
        preset = self.anonymity
        k = self.release.k if self.release.k is not None else preset.k
        days = self.retention.raw_days if self.retention.raw_days is not None else preset.raw_days
        return tuple(
            (
                site,
                SiteRules(
                    site.release_k if site.release_k is not None else k,
                    site.retention_days if site.retention_days is not None else days,
                    preset.preset,
                    preset.preset == "strict",
                ),
            )
            for site in self.all_sites
        )

    def collector_rules(self) -> dict[str, Rules]:
        """What the collector needs to know of each site, by every name a beacon may use."""
        preset = self.anonymity
        by_name = {}
        for site, rules in self.site_rules():
            mine = Rules(site, preset, rules.retention_days, frozenset(preset.query_parameters), site.names)
            by_name.update(dict.fromkeys(site.names, mine))
        return by_name


def load(
    file: str | None = None,
    sets: Sequence[str] = (),
    flags: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Settings:
    """The settings. Later wins: defaults, file, environment, --set, flags. Raises SettingsError."""
    environment = os.environ if environment is None else environment
    file = file or environment.get("FOOTFALL_CONFIG") or (DEFAULT_FILE if Path(DEFAULT_FILE).is_file() else None)
    tree: dict[str, Any] = {}
    text = ""
    origins: dict[str, str] = {}
    if file:
        text, tree = _read(file)
        origins = {name: f"{file}:{_line(text, name)}" for name in _leaves(tree)}
    for variable, name in _ENVIRONMENT.items():
        if environment.get(variable):
            _put(tree, name, environment[variable])
            origins[name] = f"environment {variable}"
    for given in sets:
        name, equals, value = given.partition("=")
        if not equals:
            raise SettingsError(f"--set {given!r}: write name=value, such as --set release.k=5")
        _put(tree, name.strip(), _value(value.strip()))
        origins[name.strip()] = "--set"
    for name, value in (flags or {}).items():
        if value is not None:
            _put(tree, name, value)
            origins[name] = "command line"
    if "origins" in tree:
        raise SettingsError(f"{file}: origins: is not a setting")
    try:
        settings = msgspec.convert(tree, Settings)
        Proxies(settings.collector.trusted_proxies)
    except (msgspec.ValidationError, ValueError) as problem:
        raise SettingsError(_explain(str(problem), tree, text, file, origins)) from None
    return structs.replace(settings, origins=origins)


def describe(settings: Settings) -> list[dict[str, str]]:
    """Every setting: name, value, where it comes from, what it means, and the preset it departs from."""
    preset = settings.anonymity
    rows = []
    for name, value, kind in _fields(settings, ""):
        meaning = next((part.description for part in _metas(kind) if part.description), "")
        origin, departs = settings.origins.get(name, "default"), ""
        if name in ("release.k", "retention.raw_days") or name.startswith("anonymization."):
            key = "k" if name == "release.k" else name.rpartition(".")[2]
            if value is None:
                value, origin = getattr(preset, key), f"preset {preset.preset}"
            elif key != "preset" and getattr(resolve(AnonymizationSettings(preset=preset.preset)), key) != value:
                departs = preset.preset
        rows.append(
            {"name": name, "value": _shown(name, value), "origin": origin, "departs_from": departs, "meaning": meaning}
        )
    return rows


def _shown(name: str, value: Any) -> str:
    if name == "store.dsn" and value:
        value = re.sub(r"//([^:/@]+):[^@]*@", r"//\1:…@", value)
    return str(msgspec.json.encode(value), "utf-8")


def _fields(part: Struct, prefix: str) -> list[tuple[str, Any, Any]]:
    found: list[tuple[str, Any, Any]] = []
    hints = msgspec.inspect.type_info(type(part))
    assert isinstance(hints, msgspec.inspect.StructType)
    annotations = _annotations(type(part))
    for info in hints.fields:
        if info.name == "origins":
            continue
        value = getattr(part, info.name)
        if isinstance(value, Struct):
            found += _fields(value, f"{prefix}{info.name}.")
        else:
            found.append((f"{prefix}{info.name}", value, annotations[info.name]))
    return found


def _annotations(kind: type) -> dict[str, Any]:
    import typing

    return typing.get_type_hints(kind, include_extras=True)


def _metas(kind: Any) -> list[Meta]:
    found = [meta for meta in getattr(kind, "__metadata__", ()) if isinstance(meta, Meta)]
    for inner in getattr(kind, "__args__", ()):
        found += _metas(inner)
    return found


def _read(file: str) -> tuple[str, dict[str, Any]]:
    try:
        text = Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise SettingsError(
            f"{file}: cannot be read: {type(problem).__name__}; name a TOML file with --config"
        ) from None
    try:
        return text, tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise SettingsError(f"{file}: is not TOML: {problem}") from None


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _put(tree: dict[str, Any], name: str, value: Any) -> None:
    *tables, last = name.split(".")
    for table in tables:
        inner = tree.setdefault(table, {})
        if not isinstance(inner, dict):
            raise SettingsError(f"{name}: {table} is not a table of settings")
        tree = inner
    tree[last] = value


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> list[str]:
    names = []
    for key, value in tree.items():
        if isinstance(value, dict):
            names += _leaves(value, f"{prefix}{key}.")
        else:
            names.append(prefix + key)
    return names


def _explain(problem: str, tree: dict[str, Any], text: str, file: str | None, origins: Mapping[str, str]) -> str:
    """msgspec's message, which ends in the path of the value, as file, line, name, value and what is allowed."""
    message, _, path = problem.partition(" - at `$")
    path = path.rstrip("`")
    unknown = re.search(r"unknown field `([^`]+)`", message)
    if unknown:
        path += f".{unknown[1]}"
        message = "is not a setting; `footfall settings` lists them all"
    else:
        message = message[:1].lower() + message[1:]
    name = path.lstrip(".")
    shown = ""
    value: Any = tree
    for step in re.findall(r"[^.\[\]]+", name):
        try:
            value = value[int(step) if isinstance(value, (list, tuple)) else step]
            shown = f" = {value!r}"
        except (KeyError, IndexError, ValueError, TypeError):
            shown = ""
            break
    origin = origins.get(name, "")
    if not origin and file and name:
        origin = f"{file}:{_line(text, name)}"
    where = f"{origin or file or 'settings'}: "
    return f"{where}{name}{shown}: {message}" if name else f"{where}{message}"


def _line(text: str, name: str) -> int:
    """The line on which a setting stands; the line of its table where it cannot be told closer."""
    steps = re.findall(r"[^.\[\]]+", name)
    table: list[str] = []
    counts: dict[str, int] = {}
    best = (0, 1)
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"\s*(\[\[?)\s*([\w.\-\" ]+?)\s*\]\]?\s*(#.*)?$", line)
        if header:
            table = header[2].replace('"', "").split(".")
            if header[1] == "[[":
                index = counts.get(header[2], 0)
                counts[header[2]] = index + 1
                table = [*table, str(index)]
            here = table
        else:
            key = re.match(r"\s*([\w.\-]+)\s*=", line)
            if not key:
                continue
            here = [*table, *key[1].split(".")]
        if here == steps[: len(here)] and len(here) > best[0]:
            best = (len(here), number)
    return best[1]
