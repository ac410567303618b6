"""The locks: all that pyproject.toml asks for, in versions that it allows, every file by its hash and from anywhere."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
NEEDED = [*PROJECT["project"]["dependencies"], *PROJECT["build-system"]["requires"]]
DEV = [*NEEDED, *PROJECT["project"]["optional-dependencies"]["dev"]]
# What this house uses beyond what is promised to stay.
BOUNDED = ("starlette", "uvicorn", "httptools", "msgspec", "clickhouse-connect", "chdb-core", "click")


def locked(name: str) -> dict[str, list[tuple[Requirement, int]]]:
    """package -> (pin, how many hashes) of each of its versions."""
    found: dict[str, list[tuple[Requirement, int]]] = {}
    text = (ROOT / name).read_text().replace("\\\n", " ")
    for line in filter(None, map(str.strip, text.splitlines())):
        pin = Requirement(re.sub(r"\s--hash=\S+", "", line).strip())
        hashes = re.findall(r"--hash=sha256:[0-9a-f]{64}(?=\s|$)", line)
        found.setdefault(canonicalize_name(pin.name), []).append((pin, len(hashes)))
    return found


def versions(pins: list[tuple[Requirement, int]]) -> list[str]:
    return [str(pin.specifier).removeprefix("==") for pin, _ in pins]


@pytest.mark.parametrize(("name", "needed"), [("requirements.lock", NEEDED), ("requirements-dev.lock", DEV)])
def test_a_lock_has_all_that_is_asked_for_in_versions_that_are_allowed(name: str, needed: list[str]) -> None:
    pins = locked(name)
    for text in needed:
        asked = Requirement(text)
        found = versions(pins[canonicalize_name(asked.name)])
        assert all(asked.specifier.contains(version) for version in found), f"{text}: locked {found}; `make lock`"


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_every_package_of_a_lock_is_pinned_by_hashes_and_names_no_host(name: str) -> None:
    for pins in locked(name).values():
        for pin, hashes in pins:
            assert re.fullmatch(r"==[\w.+!-]+", str(pin.specifier)), pin
            assert hashes, pin
    assert not re.search(r"://|--(?:index|extra|find)|@", (ROOT / name).read_text())


def test_what_runs_is_tested_in_the_same_versions() -> None:
    runs, tested = locked("requirements.lock"), locked("requirements-dev.lock")
    assert {name: versions(tested[name]) for name in runs} == {name: versions(pins) for name, pins in runs.items()}


def test_a_next_major_version_is_not_taken_where_more_is_used_than_is_promised() -> None:
    asked = {canonicalize_name(Requirement(text).name): Requirement(text).specifier for text in NEEDED}
    for name in BOUNDED:
        assert {bound.operator for bound in asked[name]} >= {">=", "<"}, name


def test_everything_is_installed_by_the_lock() -> None:
    for name in ("Makefile", "Dockerfile"):
        installs = re.findall(r"(?:\$\(PIP\)|bin/pip install) .*", (ROOT / name).read_text())
        assert installs
        for line in installs:
            assert re.search(r"--require-hashes|--no-deps|\$\(EDITABLE\)|'uv>", line), f"{name}: {line}"
