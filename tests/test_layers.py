"""The rooms of the house and the doors between them: read from the syntax tree, so nothing is run."""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("schema", "pipeline", "collector", "dashboards", "footfall")
MODULES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
# What each room may import of the others. The collector may only put events into the spool.
ALLOWED = {
    "schema": (),
    "pipeline": ("schema",),
    "collector": ("schema", "pipeline.spool"),
    "dashboards": ("schema",),
    "footfall": ("schema", "pipeline", "collector", "dashboards"),
}
VAGUE = {"utils", "util", "helpers", "helper", "misc", "common", "manager", "managers", "stuff", "lib", "core"}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT).with_suffix("")).replace("/", ".").removesuffix(".__init__")


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imports(path: Path) -> tuple[str, ...]:
    """The full names of what a module imports, also inside functions and under TYPE_CHECKING."""
    package = list(path.relative_to(ROOT).parts[:-1])
    found: list[str] = []
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found += (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            found += (f"{module}.{alias.name}" for alias in node.names)
    return tuple(found)


@cache
def needed(path: Path) -> frozenset[str]:
    """The modules of our own that a module imports, a package by its `__init__`."""
    found = set()
    for name in imports(path):
        while name and name not in BY_NAME:
            name = name.rpartition(".")[0]
        found.add(name)
    return frozenset(found - {"", name_of(path)})


def circle(arrows: Mapping[str, Collection[str]]) -> list[str]:
    """Names that lead from one back to itself, the first told again at the end; [] where there are none."""
    done: set[str] = set()

    def walk(name: str, way: list[str]) -> list[str]:
        if name in way:
            return [*way[way.index(name) :], name]
        for other in sorted(arrows.get(name, ())) if name not in done else ():
            if found := walk(other, [*way, name]):
                return found
        done.add(name)
        return []

    return next(filter(None, (walk(name, []) for name in sorted(arrows))), [])


def arrows_below(package: str) -> dict[str, set[str]]:
    """What each part of a package, a module or a package below it, imports of the other parts, of all their modules."""
    arrows: dict[str, set[str]] = {}
    parts = len(package.split(".")) + 1

    def part(name: str) -> str:
        return ".".join(name.split(".")[:parts])

    for name, path in BY_NAME.items():
        if name.startswith(f"{package}."):
            others = {part(other) for other in needed(path) if other.startswith(f"{package}.")}
            arrows.setdefault(part(name), set()).update(others - {part(name)})
    return arrows


def of_room(room: str) -> list[Path]:
    found = [path for path in MODULES if path.relative_to(ROOT).parts[0] == room]
    assert found
    return found


def within(name: str, module: str) -> bool:
    return name == module or name.startswith(f"{module}.")


BY_NAME = {name_of(path): path for path in MODULES}
# Every directory with modules in it: rooms, and packages at any depth.
PACKAGES = sorted({".".join(path.relative_to(ROOT).parts[:-1]) for path in MODULES})


def against(room: str, path: Path) -> list[str]:
    """What a module of a room imports of other rooms and may not."""
    others = [name for name in imports(path) if (other := name.partition(".")[0]) in ROOMS and other != room]
    return [name for name in others if not any(within(name, module) for module in ALLOWED[room])]


# Of hundreds of modules each is looked at in one test: a test for each costs more than the look.
@pytest.mark.parametrize("room", ROOMS)
def test_imports_run_one_way(room: str) -> None:
    found = [f"{name_of(path)} imports {name}" for path in of_room(room) for name in against(room, path)]
    assert not found, "\n".join(found)


def test_the_rule_sees_what_a_room_may_not_import() -> None:
    app = ROOT / "dashboards" / "app.py"
    assert against("dashboards", app) == []
    assert "dashboards.accounts.accounts.Accounts" in against("collector", app)
    assert against("schema", app)


def test_no_modules_import_each_other_in_a_circle() -> None:
    found = circle({name: needed(path) for name, path in BY_NAME.items()})
    assert not found, " imports ".join(found)


def test_parts_of_a_package_import_each_other_one_way() -> None:
    found = [" imports ".join(circle(arrows_below(package))) for package in PACKAGES]
    assert not any(found), "\n".join(filter(None, found))


def test_only_the_store_knows_the_client_library() -> None:
    foreign = {
        name_of(path)
        for path in MODULES
        for name in imports(path)
        if name.partition(".")[0] in ("clickhouse_connect", "chdb")
    }
    assert foreign == {"schema.store", "schema.library"}, "go through schema.store"


def test_a_module_begins_with_what_it_is_for() -> None:
    silent = [path for path in MODULES if not ast.get_docstring(tree(path))]
    assert not [name_of(path) for path in silent if path.name != "__init__.py" or path.stat().st_size]


def test_no_file_has_a_name_that_says_nothing() -> None:
    vague = [name_of(path) for path in MODULES if path.stem in VAGUE]
    assert not vague, f"name these after what they do: {', '.join(vague)}"


def test_the_rule_sees_relative_imports_and_those_inside_functions() -> None:
    assert "pipeline.spool.spool.Spool" in set(imports(ROOT / "collector" / "service.py"))
    assert "schema.store.Store" in set(imports(ROOT / "schema" / "migrate.py"))
    assert "footfall.roles.engine.run_engine" in set(imports(ROOT / "footfall" / "roles" / "__main__.py"))


def test_the_rule_sees_circles_of_any_length_and_arrows_of_nested_packages() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": set(), "d": {"a"}}) == []
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert "footfall.control" in arrows_below("footfall")["footfall.roles"]
    assert "footfall.control.instance" in arrows_below("footfall.control")["footfall.control.engine"]
    assert {"footfall.control", "collector.enrich"} <= set(PACKAGES)
