"""Reads one TOML file, `--set` and the environment into the parts' own frozen settings, and refuses what is wrong.

In: a file, `name=value` texts, environment. Out: `Settings`, and for each value where it came from.
Promises: an error names the file, the line, the setting, its value and what is allowed; nothing starts half-set.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct, field, structs

from collector.enrich.site_filter import Exclusions, gate_of
from collector.keys.client import bare_fingerprint
from collector.model import Rules
from collector.settings import (
    PRESETS,
    Anonymization,
    AnonymizationSettings,
    CollectorSettings,
    Consent,
    KeySettings,
    ShadowSettings,
    resolve,
)
from dashboards.settings import DashboardSettings
from pipeline.settings import ReleaseSettings, RetentionSettings, RollupSettings, SiteRules, SpoolSettings
from schema.dsn import checked
from schema.host import host_pattern, site_name
from schema.site import DEMO, Goal, Site, each_of, turned

DEFAULT_FILE = "footfall.toml"
# Secrets may come from the environment, so that they need not be in a file.
_ENVIRONMENT = {
    "FOOTFALL_STORE_DSN": "store.dsn",
    "FOOTFALL_DATA": "data",
    "FOOTFALL_KEYS_FROM_URL": "keys.from_url",
    "FOOTFALL_KEYS_FINGERPRINT": "keys.fingerprint",
    "FOOTFALL_KEYS_TOKEN": "keys.token",
}
# Neither listed nor quoted in an error.
_SECRET = "keys.token"  # noqa: S105 - a name


class SettingsError(Exception):
    """The settings cannot be used."""


class SiteSettings(Site, frozen=True, forbid_unknown_fields=True):
    """One website, and what holds for it alone."""

    consent: Annotated[
        Consent,
        Meta(description="exempt: counted unless refused; required: a bare total until the page says `granted`."),
    ] = "exempt"
    hosts: Annotated[
        tuple[str, ...],
        Meta(
            description="Hosts of the site's pages, such as example.com and *.example.com. Pages of others neither "
            "count nor send. Empty: pages of any host count, sent from the site's key, domains, what is below them "
            "and localhost."
        ),
    ] = ()
    exclude: Annotated[
        Exclusions,
        Meta(description="What is not counted: countries, pages (patterns as for goals) and networks (CIDR)."),
    ] = Exclusions()
    anonymization: Annotated[
        AnonymizationSettings | None,
        Meta(description="This site's own preset, or single values that depart from [anonymization]."),
    ] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        structs.force_setattr(self, "hosts", each_of("hosts", self.hosts, host_pattern))

    @property
    def has_preset(self) -> bool:
        """Whether it starts from a preset of its own."""
        return self.anonymization is not None and self.anonymization.preset is not None


DEMO_SITE = SiteSettings(
    key=DEMO,
    goals=(Goal("Sign up", event="signup"), Goal("Thank-you page", page="/demo/thanks.html")),
    release_k=1,
    count_automated=True,
)


class StoreSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Which ClickHouse."""

    dsn: Annotated[
        str,
        Meta(description="chdb:///directory or http(s)://user:password@host:8123/database; empty: DATA/clickhouse."),
    ] = ""
    cluster: Annotated[str, Meta(description="Name of the ClickHouse cluster, if it is one.")] = ""

    def __post_init__(self) -> None:
        structs.force_setattr(self, "dsn", turned("dsn", self.dsn, checked))
        if not re.fullmatch(r"[A-Za-z0-9_.-]{0,100}", self.cluster):
            raise ValueError("is no name of a cluster: letters, digits, '.', '_' and '-' - at `$.cluster`")


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that can be set."""

    data: Annotated[str, Meta(description="Directory of the spool, the embedded store and the accounts.")] = (
        "footfall-data"
    )
    demo: Annotated[bool, Meta(description="Serve the demo pages and their site `demo`.")] = True
    sites: Annotated[tuple[SiteSettings, ...], Meta(description="The websites, one [[sites]] table each.")] = ()
    store: StoreSettings = StoreSettings()
    collector: CollectorSettings = CollectorSettings()
    keys: KeySettings = KeySettings()
    anonymization: AnonymizationSettings = AnonymizationSettings()
    shadow: ShadowSettings = ShadowSettings()
    spool: SpoolSettings = SpoolSettings()
    rollup: RollupSettings = RollupSettings()
    release: ReleaseSettings = ReleaseSettings()
    retention: RetentionSettings = RetentionSettings()
    dashboards: DashboardSettings = DashboardSettings()
    origins: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.data.strip():
            raise ValueError("names no directory; write one such as '/var/lib/footfall' - at `$.data`")
        names: dict[str, str] = {}
        for index, site in enumerate(self.sites):
            for name in sorted(site.names):
                if name in names:
                    # The path is what msgspec would add, and what `_explain` finds the line by.
                    raise ValueError(f"{name!r} names both {names[name]!r} and {site.key!r} - at `$.sites[{index}]`")
                names[name] = site.key
            if site.exclude.countries and self.anonymity_of(site).place == "none":
                raise ValueError(
                    "no country is known with anonymization.place = 'none'; remove the countries, or set place = "
                    f"'country' for this site - at `$.sites[{index}].exclude`"
                )

    @property
    def has_file(self) -> bool:
        """Whether a settings file was read."""
        return any(re.search(r":\d+$", origin) for origin in self.origins.values())

    @property
    def directory(self) -> Path:
        return Path(self.data).absolute()

    @property
    def dsn(self) -> str:
        return self.store.dsn or f"chdb://{self.directory / 'clickhouse'}"

    @property
    def all_sites(self) -> tuple[SiteSettings, ...]:
        """The sites, and the demo if it is served."""
        demo = self.demo and all(site.key != DEMO_SITE.key for site in self.sites)
        return (*self.sites, DEMO_SITE) if demo else self.sites

    @property
    def anonymity(self) -> Anonymization:
        """What holds for sites that set nothing of their own."""
        return resolve(self.anonymization)

    def anonymity_of(self, site: SiteSettings) -> Anonymization:
        """What holds for one site; k and raw_days included."""
        mine = resolve(self.anonymization, site.anonymization)
        # A site with a preset of its own takes that preset's k and retention, not those of the other sites.
        k = _first(site.release_k, None if site.has_preset else self.release.k, mine.k)
        days = _first(site.retention_days, None if site.has_preset else self.retention.raw_days, mine.raw_days)
        return structs.replace(mine, k=k, raw_days=days)

    def site_called(self, name: str) -> SiteSettings | None:
        """The site that a beacon of that name would count for."""
        wanted = site_name(name)
        return next((site for site in self.all_sites if wanted in site.names), None)

    def site_rules(self) -> tuple[tuple[Site, SiteRules], ...]:
        """What the pipeline needs to know of each site."""
        return tuple((site, self.rules_of(site)) for site in self.all_sites)

    def rules_of(self, site: SiteSettings) -> SiteRules:
        """What the pipeline needs to know of one site, also of one that is not among these."""
        mine = self.anonymity_of(site)
        return SiteRules(mine.k, mine.raw_days, mine.preset, mine.preset == "strict")

    def reported_sites(self) -> tuple[Site, ...]:
        """The sites as the dashboards need them: each with the k that holds for it."""
        return tuple(structs.replace(site, release_k=rules.k) for site, rules in self.site_rules())

    def rounded_sites(self) -> frozenset[str]:
        """The sites whose open days hold multiples of k only."""
        return frozenset(site.key for site, rules in self.site_rules() if rules.strict and rules.k > 1)

    def collector_rules(self) -> dict[str, Rules]:
        """What the collector needs to know of each site, by every name a beacon may use."""
        by_name = {}
        for site in self.all_sites:
            mine = self.anonymity_of(site)
            keep = frozenset(mine.query_parameters)
            consent = site.consent == "required"
            spam = frozenset(self.collector.referrer_spam)
            gate = gate_of(site.hosts, site.exclude, site.own_hosts)
            if site is DEMO_SITE:
                # Its pages are on the collector's own address, whatever that is called.
                gate = gate.for_any_host()
            rules = Rules(site, mine, mine.raw_days, keep, site.own_hosts | gate.names, consent, spam, gate)
            by_name.update(dict.fromkeys(site.names, rules))
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
        if not equals or not name.strip():
            raise SettingsError(f"--set {given!r}: write name=value, such as --set release.k=5")
        _put(tree, name.strip(), _value(value.strip()))
        origins[name.strip()] = "--set"
    for name, value in (flags or {}).items():
        if value is not None:
            _put(tree, name, value)
            origins[name] = "command line"
    if "origins" in tree:
        raise SettingsError(f"{file}: origins: is not a setting")
    for name, value in _texts(tree):
        if "\0" in value:
            raise SettingsError(f"{file or 'settings'}: {name}: holds a NUL character, which no path and no name can")
    try:
        settings = msgspec.convert(tree, Settings)
    except (msgspec.ValidationError, ValueError) as problem:
        raise SettingsError(_explain(str(problem), tree, text, file, origins)) from None
    _check_keys(settings.keys)
    return structs.replace(settings, origins=origins)


def _check_keys(keys: KeySettings) -> None:
    """Where keys come from must be said wholly or not at all."""
    if not keys.from_url:
        return
    if keys.serve:
        raise SettingsError(
            f"keys.serve = {keys.serve!r}: a collector that is handed its keys (keys.from_url = {keys.from_url!r}) "
            "hands none on; set one of the two"
        )
    if not keys.token:
        raise SettingsError("keys.token is missing beside keys.from_url; `footfall keys enrol` prints both")
    try:
        bare_fingerprint(keys.fingerprint)
    except ValueError as problem:
        raise SettingsError(f"keys.fingerprint = {keys.fingerprint!r}: {problem}") from None


def needs_restart(running: Settings, wanted: Settings) -> list[str]:
    """The names of the settings that differ and are read only at a start: all but those of the sites."""
    values = {name: value for name, value, _ in _fields(running, "")}
    return [name for name, value, _ in _fields(wanted, "") if name != "sites" and values.get(name) != value]


def describe(settings: Settings) -> list[dict[str, str]]:
    """Every setting: name, value, where it comes from, what it means, and the preset it departs from."""
    preset = settings.anonymity
    rows = []
    for name, value, kind in _fields(settings, ""):
        meaning = next((part.description for part in _metas(kind) if part.description), "")
        origin, departs = settings.origins.get(name, "default"), ""
        if name == "anonymization.preset":
            value = preset.preset
        elif name in ("release.k", "retention.raw_days") or name.startswith("anonymization."):
            key = "k" if name == "release.k" else name.rpartition(".")[2]
            if value is None:
                value, origin = getattr(preset, key), f"preset {preset.preset}"
            elif getattr(PRESETS[preset.preset], key) != value:
                departs = preset.preset
        rows.append(_row(name, value, origin, departs, meaning))
    return [*rows, *(row for site in settings.sites for row in _departures(settings, site))]


def _departures(settings: Settings, site: SiteSettings) -> list[dict[str, str]]:
    """The values in which a site differs from the sites that set nothing."""
    house = settings.anonymity_of(SiteSettings(site.key))
    mine = settings.anonymity_of(site)
    own = site.anonymization or AnonymizationSettings()
    given = {"k": site.release_k, "raw_days": site.retention_days}
    annotations = {**_annotations(AnonymizationSettings), **_annotations(SiteSettings)}
    rows = []
    for key in ("preset", *(name for name in structs.asdict(mine) if name != "preset")):
        value, said = getattr(mine, key), getattr(own, key, None) if key not in given else given[key]
        if value == getattr(house, key) and said is None:
            continue
        name = {"k": "release_k", "raw_days": "retention_days"}.get(key, f"anonymization.{key}")
        meaning = next(part.description for part in _metas(annotations[name.rpartition(".")[2]]) if part.description)
        origin = f"preset {mine.preset}" if said is None else settings.origins.get("sites", "default")
        departs = mine.preset if key != "preset" and value != getattr(PRESETS[mine.preset], key) else ""
        rows.append(_row(f"sites.{site.key}.{name}", value, origin, departs, meaning or ""))
    for name in ("consent", "hosts", "exclude"):
        given = getattr(site, name)
        if given != getattr(SiteSettings(site.key), name):
            meaning = next(part.description for part in _metas(annotations[name]) if part.description)
            origin = settings.origins.get("sites", "default")
            rows.append(_row(f"sites.{site.key}.{name}", given, origin, "", meaning or ""))
    return rows


def _row(name: str, value: Any, origin: str, departs: str, meaning: str | None) -> dict[str, str]:
    shown = _shown(name, value)
    return {"name": name, "value": shown, "origin": origin, "departs_from": departs, "meaning": meaning or ""}


def _first(*values: int | None) -> int:
    """The first that is set; the last one is."""
    return next(value for value in values if value is not None)


def _shown(name: str, value: Any) -> str:
    if name == _SECRET and value:
        value = "…"
    return _without_password(str(msgspec.json.encode(value), "utf-8"))


def _without_password(text: str) -> str:
    """A value as it may be shown: a DSN, under whatever name it was written, loses its password."""
    # Up to the last "@": one may be in the password. Without a scheme it is a DSN that has forgotten its own.
    begins = "//" if "//" in text else r"(?:^|(?<=['\"]))"
    return re.sub(rf"({begins}[^:/@\s'\"]*):[^\s'\"]*@", r"\1:…@", text)


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
        # Some editors begin a file with a mark of its encoding, which TOML does not know.
        text = Path(file).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise SettingsError(f"{file}: is not text in UTF-8; save it so in your editor") from None
    except (OSError, ValueError) as problem:
        words = getattr(problem, "strerror", None) or "is no name of a file"
        raise SettingsError(f"{file}: cannot be read: {words}; name a TOML file with --config") from None
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
        if isinstance(value, dict) and value:
            names += _leaves(value, f"{prefix}{key}.")
        else:
            names.append(prefix + key)
    return names


def _texts(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Every text in the settings, with its place."""
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(inner, f"{name}.{key}".lstrip("."))
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            yield from _texts(inner, f"{name}[{index}]")


def _explain(problem: str, tree: dict[str, Any], text: str, file: str | None, origins: Mapping[str, str]) -> str:
    """msgspec's message, which ends in the path of the value, as file, line, name, value and what is allowed."""
    # A struct's own check may say which of its fields it means: the path within it comes first.
    message, *paths = problem.split(" - at `$")
    path = "".join(part.rstrip("`") for part in reversed(paths))
    unknown = re.search(r"unknown field `([^`]+)`", message)
    if unknown:
        path += f".{unknown[1]}"
        message = f"is not a setting; {_alike(unknown[1])}`footfall settings` lists them all"
    else:
        message = message[:1].lower() + message[1:]
    name = path.lstrip(".")
    steps = re.findall(r"[^.\[\]]+", name)
    choices = _choices(msgspec.inspect.type_info(Settings), steps) if message.startswith("invalid enum") else []
    if choices:
        message = f"must be one of {', '.join(choices)}"
    shown = ""
    value: Any = tree
    for step in steps:
        try:
            value = value[int(step) if isinstance(value, (list, tuple)) else step]
            shown = f" = {_without_password(repr(value))}"
        except (KeyError, IndexError, ValueError, TypeError):
            shown = ""
            break
    if shown and (f"{_SECRET}.".startswith(f"{name}.") or (unknown and name.startswith("keys."))):
        shown = " = …"
    # A list that was given whole, by --set, is the origin of everything in it; one from the file has a closer line.
    said = (origins.get(part, "") for part in (name, name.partition("[")[0]))
    origin = next((one for one in said if one and not (file and one.startswith(f"{file}:"))), "")
    # A name that stands in no file can only have come with --set.
    given = next(
        (one for part, one in origins.items() if part.startswith(f"{name}.") and not one.startswith(f"{file}:")), ""
    )
    origin = origin or given
    if not origin and file and name:
        origin = f"{file}:{_line(text, name)}"
    where = f"{origin or file or 'settings'}: "
    return f"{where}{name}{shown}: {message}" if name else f"{where}{message}"


def _alike(name: str) -> str:
    """What was probably meant, where that can be told."""
    known = {part for whole, _, _ in _fields(Settings(), "") for part in whole.split(".")}
    known |= {*_annotations(SiteSettings), *_annotations(Goal)}
    found = difflib.get_close_matches(name.lower(), known, 1, 0.8)
    return f"did you mean {found[0]!r}? " if found else ""


def _choices(kind: msgspec.inspect.Type, steps: Sequence[str]) -> list[str]:
    """What a setting may be, where that is a closed list."""
    match kind:
        case msgspec.inspect.Metadata():
            return _choices(kind.type, steps)
        case msgspec.inspect.UnionType():
            return [choice for one in kind.types for choice in _choices(one, steps)]
        case msgspec.inspect.StructType() if steps:
            return [choice for one in kind.fields if one.name == steps[0] for choice in _choices(one.type, steps[1:])]
        case msgspec.inspect.VarTupleType() if steps:
            return _choices(kind.item_type, steps[1:])
        case msgspec.inspect.LiteralType() if not steps:
            return [str(value) for value in kind.values]
    return []


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
            if len(table) > 1 and table[0] in counts:  # a table within the last [[…]] of that name
                table = [table[0], str(counts[table[0]] - 1), *table[1:]]
            if header[1] == "[[":
                array = ".".join(table)
                index = counts.get(array, 0)
                counts[array] = index + 1
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
