"""What a newer Footfall has written is refused before anything is opened, by every command, with what to do."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from msgspec import json as msgspec_json
from msgspec import structs

from footfall import version
from footfall.supervisor import stamp
from footfall.supervisor.stamp import NAME, StampUnreadable, read_stamp, refuse_newer, stamp_of_this, write_stamp
from schema.migrate import WrittenByNewer, migrate, migrations
from schema.store import Store
from tests.house import footfall, running

pytestmark = pytest.mark.process

REMEDY = "install it again or restore a backup"
COMMANDS = (
    ("up", "--port", "0", "--dashboard-port", "0"),
    ("stats", "example.com"),
    ("check",),
    ("check", "site", "example.com"),
    ("import", "list"),
    ("import", "undo", "x"),
    ("demo",),
    ("migrate",),
    ("sign-in",),
    ("token", "list"),
    ("token", "create", "example.com"),
    ("quarantine", "list"),
    ("keys", "serve", "--listen", "127.0.0.1:0"),
    ("keys", "enrol", "--name", "frankfurt"),
)


def newer(**changed: object) -> bytes:
    return msgspec_json.encode(structs.replace(stamp_of_this(), **changed))  # type: ignore[arg-type]


def test_a_directory_without_a_stamp_is_an_older_one(data: Path) -> None:
    refuse_newer(data)
    data.mkdir()
    refuse_newer(data)


def test_a_stamp_is_its_owners_and_tells_program_migration_and_spool_format(data: Path) -> None:
    data.mkdir()
    write_stamp(data)
    told = json.loads((data / NAME).read_text())
    assert set(told) == {"program", "commit", "migration", "spool"}
    assert told["migration"] == int(max(migrations())[:4])
    assert stat.S_IMODE((data / NAME).stat().st_mode) == 0o600
    refuse_newer(data)
    before = (data / NAME).stat().st_mtime_ns
    write_stamp(data)
    assert (data / NAME).stat().st_mtime_ns == before, "a stamp that says the same already is not written again"


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"program": "99.0.0"}, "version 99.0.0"),
        ({"program": "0.99.0rc1"}, "version 0.99.0rc1"),
        ({"migration": 9999}, "migrations up to 9999"),
        ({"spool": 99}, "spool format 99"),
    ],
)
def test_a_newer_one_is_refused_and_says_which(data: Path, changed: dict[str, object], named: str) -> None:
    data.mkdir()
    (data / NAME).write_bytes(newer(**changed))
    with pytest.raises(WrittenByNewer, match=REMEDY) as refused:
        refuse_newer(data)
    assert named in str(refused.value)
    assert str(data) in str(refused.value)


def test_an_older_one_and_a_later_patch_and_a_stamp_that_says_more_are_taken(data: Path) -> None:
    data.mkdir()
    major, minor = version.release_of(version.PROGRAM)
    for program in ("0.0.1", version.PROGRAM, f"{major}.{minor}.99"):
        (data / NAME).write_bytes(newer(program=program, migration=1, spool=1).replace(b"{", b'{"more":1,', 1))
        refuse_newer(data)
    write_stamp(data)
    assert read_stamp(data) == stamp_of_this()


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b"[1]", b'{"program":1}'])
def test_a_stamp_that_nobody_can_read_is_no_older_one(data: Path, content: bytes) -> None:
    data.mkdir()
    (data / NAME).write_bytes(content)
    with pytest.raises(StampUnreadable, match=r"stamp\.json: .*delete that file, or else restore a backup"):
        refuse_newer(data)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_that_opens_data_refuses_a_newer_one_and_touches_nothing(
    command: tuple[str, ...], data: Path
) -> None:
    data.mkdir()
    (data / NAME).write_bytes(newer(program="99.0.0"))
    done = footfall(*command, "--data", str(data))
    assert done.returncode == 1
    if command == ("check",):
        # It tells of everything that is wrong, this among it.
        assert f"BAD  data: data = {str(data)!r}: written by a newer Footfall" in done.stdout
        assert REMEDY in done.stdout
    else:
        assert REMEDY in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert "Traceback" not in done.stderr
    assert {path.name for path in data.iterdir()} <= {NAME, "up.lock", "keys.lock"}
    assert (data / NAME).read_bytes() == newer(program="99.0.0")


@pytest.mark.clickhouse
def test_a_store_with_migrations_of_a_newer_one_is_refused_before_any_is_applied(store: Store) -> None:
    store.insert("migrations", ("name", "sha256", "applied_at"), (("9999_later.sql",), ("0" * 64,), (0,)))
    try:
        with pytest.raises(WrittenByNewer, match=rf"9999_later\.sql.*{REMEDY}") as refused:
            migrate(store)
        assert store.name in str(refused.value)
    finally:
        store.command("DELETE FROM migrations WHERE name = '9999_later.sql'")
    assert migrate(store) == []


@pytest.mark.clickhouse
def test_a_house_stamps_its_data_at_every_start_and_so_does_a_command_that_migrates(data: Path) -> None:
    assert footfall("migrate", "--data", str(data)).returncode == 0
    assert read_stamp(data) == stamp_of_this()
    (data / NAME).write_bytes(newer(program="0.0.1", commit="old"))
    with running(data) as house:
        assert read_stamp(data) == stamp_of_this()
        assert house.stop() == 0


def test_the_version_tells_the_commit_baked_in_before_git_is_asked(tmp_path: Path) -> None:
    baked = tmp_path / "commit.txt"
    assert version.commit_of(tmp_path, baked) == version.UNKNOWN
    baked.write_text("abc123\n")
    assert version.commit_of(Path(stamp.__file__).parents[1], baked) == "abc123"
    done = footfall("--version")
    assert done.stdout == f"footfall {version.PROGRAM} (commit {version.commit()})\n"
    assert done.returncode == 0


def test_this_version_has_its_place_in_the_changelog() -> None:
    changes = (Path(__file__).resolve().parents[2] / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{version.PROGRAM}]" in changes
