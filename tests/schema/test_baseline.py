"""A store is the same whether it began with the baseline or came by every step before it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from schema import migrate as migrating
from schema.migrate import before, migrate, migrations, missing, pending, statements
from schema.store import Store

pytestmark = pytest.mark.clickhouse
ROOT = Path(__file__).parents[2]
BASELINE = min(migrations())
LATER = [name for name in migrations() if name != BASELINE]


@pytest.fixture(scope="module")
def forms(tmp_path_factory: pytest.TempPathFactory) -> Any:
    directory = tmp_path_factory.mktemp("squashed") / "store"
    command = [sys.executable, "-m", "tests.schema.squashed", str(directory)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.process
@pytest.mark.parametrize("form", ["server", "cluster"])
def test_the_baseline_makes_what_the_files_before_it_made(form: str, forms: Any) -> None:
    steps, whole = forms[form]
    assert steps == whole
    assert len(whole) > 150


def test_a_new_store_gets_the_baseline_alone() -> None:
    assert missing([]) == [BASELINE, *LATER]
    assert missing([BASELINE]) == LATER
    assert missing(migrations()) == []


@pytest.mark.parametrize("had", range(1, len(before()) + 1))
def test_a_store_with_some_of_the_steps_gets_the_rest_of_them_and_counts_as_having_the_baseline(had: int) -> None:
    steps = list(before())
    assert missing(steps[:had]) == [*steps[had:], *LATER]
    assert missing([*steps, *LATER]) == []


def test_a_store_that_came_by_the_steps_is_not_waiting(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = [(name,) for name in (*before(), *LATER)]
    monkeypatch.setattr(store, "rows", lambda *_: recorded)
    assert pending(store) == []


def test_a_step_that_was_changed_after_it_was_applied_is_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    name, real = next(iter(before())), store.rows
    monkeypatch.setattr(store, "rows", lambda sql, *given: [(name, "x")] if "FROM migrations" in sql else real(sql))
    with pytest.raises(migrating.MigrationChanged, match=f"{name}: applied as sha256"):
        migrate(store)


@pytest.mark.parametrize("cluster", ["", "main"], ids=["server", "cluster"])
def test_a_baseline_that_was_cut_off_is_begun_anew(cluster: str) -> None:
    """It is recorded at its end, so every statement has to bear being run again."""
    made = statements(migrations()[BASELINE], cluster)
    assert all(statement.startswith("CREATE TABLE IF NOT EXISTS ") for statement in made)


def test_no_migration_lies_where_nobody_applies_it() -> None:
    found = {path.name for path in (ROOT / "schema").rglob("*.sql")} - {"users.sql"}
    assert found == {*before(), *migrations()}, "migrations belong into schema/sql/"
    numbers = [name[:4] for name in (*before(), *LATER)]
    assert len(set(numbers)) == len(numbers)
    assert max(before()) < min(LATER, default="9999")


def test_the_steps_are_as_they_were_applied() -> None:
    """What is recorded in a store that they made is their SHA-256."""
    folded = "\n".join(f"{migrating.digest_of(source)} {name}" for name, source in before().items())
    assert migrating.digest_of(folded) == "0346b547b91ff5bc2c0c03b1425142782dae90d5f6ff8592324cdf455494aee5"
