"""A ClickHouse server with the users that `footfall migrate --users` made, and a store as each of them has it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from schema.migrate import USERS
from schema.store import Store
from tests.faults.conftest import Server

PASSWORDS = {user: f"{user}-secret" for user in USERS}
ADMIN = "default"


def commanded(dsn: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A `footfall` command with that store, and with the users' passwords in its environment."""
    environment = {f"{user.upper()}_PASSWORD": password for user, password in PASSWORDS.items()}
    return subprocess.run(
        [sys.executable, "-m", "footfall", *arguments],
        env={**os.environ, **environment, "FOOTFALL_STORE_DSN": dsn},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="session")
def with_users(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Its administrator is `default`. The engine takes grants when it opens, so it starts twice."""
    directory = tmp_path_factory.mktemp("with-users") / "store"
    environment = pytest.MonkeyPatch()
    environment.delenv("FOOTFALL_TEST_DSN", raising=False)  # a server of somebody's own keeps its users
    started = Server(directory)
    admin = Store(started.dsn)
    admin.command("CREATE DATABASE footfall")
    admin.close()
    for _ in range(2):  # again: what was granted stays as it is
        done = commanded(started.dsn_of(ADMIN), "migrate", "--users", "--data", str(directory.parent))
        assert done.returncode == 0, done.stderr
        assert all(f"user {user}" in done.stdout for user in USERS)
    started.stop()
    started = Server(directory)
    yield started
    started.stop()
    environment.undo()


@pytest.fixture
def as_user(with_users: Server) -> Iterator[Callable[[str], Store]]:
    """The store as that user sees it. At the end of the test nobody has been refused anything."""
    opened: list[Store] = []
    with_users.refused()

    def open_as(user: str) -> Store:
        opened.append(Store(with_users.dsn_of(user, PASSWORDS.get(user, ""))))
        return opened[-1]

    yield open_as
    for store in opened:
        store.close()
    assert with_users.refused() == []
