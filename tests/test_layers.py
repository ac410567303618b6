"""The rooms of the house and the doors between them: read from the syntax tree, so nothing is run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("schema", "pipeline", "collector", "dashboards", "footfall")
MODULES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
# What each room may import of the others. The collector may only put events into the spool.
ALLOWED = {
    "schema": (),
    "pipeline": ("schema",),
    "collector": ("schema", "pipeline.spool", "pipeline.spool_file.replace_file"),
    "dashboards": ("schema",),
    "footfall": ("schema", "pipeline", "collector", "dashboards"),
}
VAGUE = {"utils", "util", "helpers", "helper", "misc", "common", "manager", "managers", "stuff", "lib", "core"}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT).with_suffix("")).replace("/", ".")


def imports(path: Path) -> Iterator[str]:
    """The full names of what a module imports, also inside functions and under TYPE_CHECKING."""
    package = name_of(path).split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


def within(name: str, module: str) -> bool:
    return name == module or name.startswith(f"{module}.")


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_run_one_way(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    for name in imports(path):
        other = name.partition(".")[0]
        if other in ROOMS and other != room:
            assert any(within(name, module) for module in ALLOWED[room]), f"{name_of(path)} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_the_store_knows_the_client_library(path: Path) -> None:
    if name_of(path) != "schema.store":
        foreign = [name for name in imports(path) if name.partition(".")[0] in ("clickhouse_connect", "chdb")]
        assert not foreign, f"{name_of(path)} imports {foreign}; go through schema.store"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_begins_with_what_it_is_for(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if text.strip():
        assert ast.get_docstring(ast.parse(text)), f"{name_of(path)} has no docstring"
    else:
        assert path.name == "__init__.py"


def test_no_file_has_a_name_that_says_nothing() -> None:
    vague = [name_of(path) for path in MODULES if path.stem in VAGUE]
    assert not vague, f"name these after what they do: {', '.join(vague)}"


def test_the_rule_sees_relative_imports_and_those_inside_functions() -> None:
    assert "pipeline.spool.Spool" in set(imports(ROOT / "collector" / "service.py"))
    assert "schema.store.Store" in set(imports(ROOT / "schema" / "migrate.py"))
    assert "dashboards.report.Reports" in set(imports(ROOT / "footfall" / "roles" / "engine.py"))
