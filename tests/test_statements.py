"""Every statement that writes rows names its columns: read from the syntax tree and the SQL files, so nothing is run.

A statement that finds its columns by their place is right until somebody adds one; then everything behind it is stored
under its neighbour's name, and nothing says so.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("schema", "pipeline", "collector", "dashboards", "footfall", "bench", "tests")
# These read statements and send none.
READERS = {
    *("tests/test_statements.py", "tests/schema/test_grants.py"),
    *("tests/faults/clickhouse_http.py", "tests/faults/doomed.py"),
}
FILES = sorted(
    path
    for room in ROOMS
    for kind in ("*.py", "*.sql")
    for path in (ROOT / room).rglob(kind)
    if str(path.relative_to(ROOT)) not in READERS
)
_INSERT = re.compile(r"\bINSERT\s+(?:OR\s+\w+\s+)?INTO\s+(?:TABLE\s+)?(?P<table>[^\s(]+)(?P<rest>.*)", re.I | re.S)
# Its columns by name, and of what it reads neither all there are nor all but some.
_BY_NAME = re.compile(
    r"\s*\((?!\s*SELECT\b)(?P<columns>[^()]*)\)(?!\s*(?:\(\s*)?SELECT\s+(?:DISTINCT\s+)?(?:\w+\.)?\*)", re.I
)


@cache
def texts(path: Path) -> tuple[str, ...]:
    return (*_texts(path),)


def _texts(path: Path) -> Iterator[str]:
    """Every text of a file that has such a statement somewhere; what is put into a text is written {}."""
    source = path.read_text(encoding="utf-8")
    if "insert" not in source.lower():
        return
    if path.suffix == ".sql":
        yield re.sub(r"--.*", "", source)
        return
    tree = ast.parse(source)
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)  # type: ignore[misc]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            yield node.value


def unnamed(text: str) -> list[str]:
    """The tables that a text puts rows into without saying which columns they have."""
    found = []
    for start in re.finditer(r"\bINSERT\b", text, re.I):
        match = _INSERT.match(text, start.start())
        if match and not _BY_NAME.match(match["rest"]):
            found.append(match["table"])
    return found


@pytest.mark.parametrize("room", ROOMS)
def test_every_insert_names_its_columns(room: str) -> None:
    files = [path for path in FILES if path.relative_to(ROOT).parts[0] == room]
    assert files
    assert not [(str(path), table) for path in files for text in texts(path) for table in unnamed(text)]


def test_the_statements_are_found() -> None:
    inserting = [text for path in FILES if path.parts[len(ROOT.parts)] != "tests" for text in texts(path)]
    assert sum(bool(_INSERT.search(text)) for text in inserting) >= 10


@pytest.mark.parametrize(
    "text",
    [
        *("INSERT INTO t SELECT 1, 2", "insert into t values (1, 2)", "INSERT INTO {}_{} {} {}", "INSERT INTO t"),
        *(
            "INSERT OR REPLACE INTO t VALUES (?)",
            "INSERT INTO t\n    (SELECT a FROM b)",
            "INSERT INTO t (a) SELECT * FROM b",
        ),
        *(
            "INSERT INTO t (a, b) SELECT v.* EXCEPT (c) FROM v",
            "INSERT INTO a (x) VALUES (1); INSERT INTO b VALUES (1)",
        ),
    ],
)
def test_a_statement_that_finds_columns_by_their_place_is_refused(text: str) -> None:
    assert unnamed(text)


@pytest.mark.parametrize("text", ["INSERT INTO t (a) SELECT b FROM c", "INSERT INTO {} ({}) SELECT {}", "an INSERT"])
def test_a_statement_that_names_them_is_not(text: str) -> None:
    assert not unnamed(text)
