"""Reads one TOML file, `--set` and the environment into `Settings`, and refuses what is wrong.

In: a file, `name=value` texts, environment. Out: `Settings`, and for each value where it came from.
Promises: an error names the file, the line, the setting, its value and what is allowed; nothing starts half-set.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import structs

from collector.keys.client import bare_fingerprint
from collector.settings import KeySettings
from schema.one_line import not_in_a_line

from ..errors import SettingsError
from .fields import NOT_SET
from .in_force import with_edits
from .messages import explain
from .model import Settings
from .toml_lines import line_of

DEFAULT_FILE = "footfall.toml"
# Secrets may come from the environment, so that they need not be in a file.
_ENVIRONMENT = {
    "FOOTFALL_STORE_DSN": "store.dsn",
    "FOOTFALL_DATA": "data",
    "FOOTFALL_KEYS_FROM_URL": "keys.from_url",
    "FOOTFALL_KEYS_FINGERPRINT": "keys.fingerprint",
    "FOOTFALL_KEYS_TOKEN": "keys.token",
}


def load(
    file: str | None = None,
    sets: Sequence[str] = (),
    flags: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Settings:
    """The settings, with what editors declared beside them. Later wins: defaults, file, environment, --set, flags.
    Raises SettingsError."""
    environment = os.environ if environment is None else environment
    file = file or environment.get("FOOTFALL_CONFIG") or (DEFAULT_FILE if Path(DEFAULT_FILE).is_file() else None)
    tree: dict[str, Any] = {}
    text = ""
    origins: dict[str, str] = {}
    if file:
        text, tree = _read(file)
        origins = {name: f"{file}:{line_of(text, name)}" for name in (*_leaves(tree), *_of_sites(tree))}
    for variable, name in _ENVIRONMENT.items():
        if environment.get(variable):
            _put(tree, name, environment[variable])
            origins[name] = f"environment {variable}"
    for given in sets:
        name, equals, value = given.partition("=")
        if not equals or not name.strip():
            raise SettingsError(f"--set {given!r}: write name=value, such as --set release.k=5")
        _put(tree, name.strip(), value_of(value.strip()))
        if name.strip() == "sites":
            origins = {name: origin for name, origin in origins.items() if not name.startswith("sites[")}
        origins[name.strip()] = "--set"
    for name, value in (flags or {}).items():
        if value is not None:
            _put(tree, name, value)
            origins[name] = "command line"
    for name in NOT_SET:
        if name in tree:
            raise SettingsError(f"{file}: {name}: is not a setting")
    for name, value in _texts(tree):
        if character := not_in_a_line(value):
            raise SettingsError(
                f"{file or 'settings'}: {name}: holds a control character ({character}), which no path and no name "
                "can: write it in one line"
            )
    try:
        settings = msgspec.convert(tree, Settings)
    except (msgspec.ValidationError, ValueError) as problem:
        raise SettingsError(explain(str(problem), tree, text, file, origins)) from None
    _check_keys(settings.keys)
    return with_edits(structs.replace(settings, origins=origins))


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


def value_of(text: str) -> Any:
    """As TOML; what is none is text."""
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


def _of_sites(tree: Mapping[str, Any]) -> list[str]:
    """What the sites of a file say, each by its place. Flags add sites behind them."""
    sites = tree.get("sites")
    tables = sites if isinstance(sites, list) else []
    return [f"sites[{place}].{key}" for place, site in enumerate(tables) if isinstance(site, dict) for key in site]


def _texts(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Every text in the settings, with its place."""
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield name, str(key)
            yield from _texts(inner, f"{name}.{key}".lstrip("."))
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            yield from _texts(inner, f"{name}[{index}]")
