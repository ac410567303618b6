"""A backup of a running house, and the house that is made of it."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
import threading
import zipfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dashboards.accounts.accounts import Accounts
from footfall.backup.archive import CONTENTS, Archive
from footfall.control.instance import StatsRequest
from footfall.control.remote import remote
from footfall.errors import CannotDo
from footfall.settings import edit_file
from footfall.settings.edits import Declared, Edits, Version
from schema.dimensions import DIMENSIONS
from schema.migrate import WrittenByNewer
from schema.site import Goal
from tests.house import AGENT, Running, eventually, footfall, running

pytestmark = [pytest.mark.process, pytest.mark.clickhouse, pytest.mark.timeout(600)]
DAYS = 4
PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def backed_up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Path]]:
    """A house with visits that are released, and beacons that came while its backup was made."""
    place = tmp_path_factory.mktemp("backup")
    archive = place / "house.zip"
    # What comes is shown at once.
    with running(place / "data", "--set", "release.k=1") as house:
        assert house.command("demo", "--days", str(DAYS)).returncode == 0
        accounts = Accounts(house.data / "accounts.sqlite")
        session = accounts.redeem(accounts.create_sign_in_link_token())
        assert session is not None
        accounts.set_password(session, "ada", PASSWORD)
        assert house.command("token", "create", "example.com").returncode == 0
        version = Version(1, 0, "ada", "goal 'Buy' added", Declared((Goal("Buy", event="buy"),)))
        edit_file.change(house.data, "example.com", lambda edits: Edits(edits.format, edits.site, (version,)))
        ended = threading.Event()

        def load() -> None:
            visitor = 0
            while not ended.is_set():
                visitor += 1
                body = {"n": "pageview", "u": f"https://example.com/{visitor % 7}", "d": "example.com"}
                house.post(body, {"User-Agent": AGENT.format(100 + visitor % 40)})

        loading = threading.Thread(target=load)
        loading.start()
        try:
            today = dt.datetime.now(dt.UTC).date().isoformat()
            asked = StatsRequest("example.com", today, today, "")
            eventually(lambda: remote(house.data / "control.sock").stats(asked)["totals"]["visitors"] >= 5)
            done = house.command("backup", str(archive), "--json")
        finally:
            ended.set()
            loading.join()
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        assert told["days"] == {"demo": DAYS}
        assert archive.stat().st_mode & 0o777 == 0o600
        assert [path for path in place.iterdir() if path.suffix == ".partial"] == []
        yield house, archive


@pytest.fixture(scope="module")
def restored(backed_up: tuple[Running, Path]) -> Path:
    data = backed_up[1].parent / "restored"
    done = footfall("restore", str(backed_up[1]), "--data", str(data))
    assert done.returncode == 0, done.stderr
    assert f"{DAYS} released days" in done.stdout
    return data


def test_a_restored_house_answers_every_question_as_the_first_one_did(
    backed_up: tuple[Running, Path], restored: Path
) -> None:
    house = backed_up[0]
    last = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1)
    first = last - dt.timedelta(days=DAYS - 1)
    with running(restored) as other:
        before, after = (remote(one.data / "control.sock") for one in (house, other))
        for by in (*DIMENSIONS, "goal", "day", "hour", "vital"):
            asked = StatsRequest("demo", first.isoformat(), last.isoformat(), by)
            answer = before.stats(asked)
            assert answer == after.stats(asked), by
            assert by in ("", "day") or answer["rows"], by
        assert answer["totals"]["visitors"] > 100
        assert other.told["sign_in"] is None, "somebody can sign in already"
        people = Accounts(restored / "accounts.sqlite")
        assert people.sign_in("ada", PASSWORD)
        # What it counts from now on, it counts like any house; that its day is not whole is for the pipeline's tests.
        assert other.post({"n": "pageview", "u": "https://example.com/", "d": "example.com"})[0] == 202
    assert (restored / "tokens.json").read_bytes() == (house.data / "tokens.json").read_bytes()
    assert edit_file.read(restored, "example.com") == edit_file.read(house.data, "example.com")
    assert edit_file.path_of(restored, "example.com").stat().st_mode & 0o777 == 0o600


def test_a_backup_holds_what_is_released_and_nothing_that_came_in(backed_up: tuple[Running, Path]) -> None:
    file = backed_up[1]
    archive = Archive(file)
    archive.check()
    assert ("example.com", dt.datetime.now(dt.UTC).date().isoformat()) in [
        (one.site, one.day) for one in archive.contents.open_days
    ]
    kinds = {name.partition("/")[0] for name in archive.contents.members}
    assert kinds == {
        *("settings.json", "migrations.json", "accounts.sqlite", "tokens.json", "keys.jsonl", "sites.json"),
        "deliveries.sqlite",
        *("manifest", "released", "edits"),
    }
    text = b"".join(archive.read(name) for name in archive.contents.members if name.startswith("released/"))
    assert b"demo" in text
    assert b"example.com\t" not in text, "its only day is open"
    copy = file.parent / "accounts.sqlite"
    copy.write_bytes(archive.read("accounts.sqlite"))
    with sqlite3.connect(copy) as accounts:
        assert [
            accounts.execute(f"SELECT count(*) FROM {name}").fetchone() for name in ("users", "sessions", "links")
        ] == [
            (1,),
            (0,),
            (0,),
        ]
    archive.close()


def test_the_settings_in_a_backup_have_no_secrets(tmp_path: Path) -> None:
    data, file = tmp_path / "data", tmp_path / "house.zip"
    secret = ("--set", "keys.from_url=https://keys.example:9", "--set", "keys.token=sesame-open")
    secret += ("--set", "keys.fingerprint=" + "ab" * 32)
    assert footfall("migrate", "--data", str(data)).returncode == 0
    done = footfall("backup", str(file), "--data", str(data), *secret)
    assert done.returncode == 0, done.stderr
    archive = Archive(file)
    settings = archive.read("settings.json")
    assert b"keys.from_url" in settings
    assert b"sesame" not in settings
    archive.close()


def test_a_file_that_is_there_and_a_house_that_is_not_empty_are_refused(backed_up: tuple[Running, Path]) -> None:
    house, file = backed_up
    before = file.read_bytes()
    done = house.command("backup", str(file))
    assert (done.returncode, "is there already" in done.stderr) == (1, True)
    assert file.read_bytes() == before
    done = footfall("restore", str(file), "--data", str(house.data))
    assert (done.returncode, "is not empty" in done.stderr) == (1, True)
    done = house.command("backup", str(house.data / "nowhere" / "a.zip"))
    assert done.returncode == 1
    assert "nowhere" in done.stderr
    assert "Traceback" not in done.stderr


def rewritten(file: Path, change: dict[str, bytes | None], place: Path, honest: bool = True) -> Path:
    """The backup with other members. honest: its contents say the old digests."""
    with zipfile.ZipFile(file) as source, zipfile.ZipFile(place, "w") as target:
        contents: dict[str, Any] = json.loads(source.read(CONTENTS))
        for name in source.namelist():
            data = change.get(name, source.read(name))
            if name == CONTENTS or data is None:
                continue
            target.writestr(name, data)
            if not honest:
                contents["members"][name] = sha256(data).hexdigest()
        given = change.get(CONTENTS)
        target.writestr(CONTENTS, given if given is not None else json.dumps(contents))
    return place


def test_damaged_foreign_and_newer_files_are_refused_before_anything_is_made(
    backed_up: tuple[Running, Path], tmp_path: Path
) -> None:
    file = backed_up[1]
    whole = file.read_bytes()
    place = tmp_path / "other.zip"
    for content in (b"", b"PK", whole[: len(whole) // 2], b"not a zip at all" * 100):
        place.write_bytes(content)
        with pytest.raises(CannotDo, match="no backup of Footfall"):
            Archive(place)
    with zipfile.ZipFile(place, "w") as foreign:
        foreign.writestr("readme.txt", "hello")
    with pytest.raises(CannotDo, match="no backup of Footfall"):
        Archive(place)
    with pytest.raises(CannotDo, match="no such file"):
        Archive(tmp_path / "missing.zip")
    contents = json.loads(zipfile.ZipFile(file).read(CONTENTS))
    newer = contents | {"stamp": contents["stamp"] | {"migration": 9_999}}
    with pytest.raises(WrittenByNewer):
        Archive(rewritten(file, {CONTENTS: json.dumps(newer).encode()}, place))
    later = contents | {"format": 99}
    with pytest.raises(CannotDo, match="newer Footfall"):
        Archive(rewritten(file, {CONTENTS: json.dumps(later).encode()}, place))
    with pytest.raises(CannotDo, match="other members"):
        Archive(rewritten(file, {"tokens.json": None}, place))
    with pytest.raises(CannotDo, match=r"tokens\.json is not what it was"):
        Archive(rewritten(file, {"tokens.json": b"{}"}, place)).check()
    # Any one byte, wherever it is.
    for at in range(40, len(whole), len(whole) // 25):
        place.write_bytes(whole[:at] + bytes([whole[at] ^ 0x20]) + whole[at + 1 :])
        try:
            archive = Archive(place)
            archive.check()
        except CannotDo:
            continue
        # What only the zip's own headers say, such as a time, may differ: every member is what it was.
        assert all(sha256(archive.read(name)).hexdigest() == digest for name, digest in contents["members"].items())


def test_rows_and_chains_that_were_changed_are_refused_and_leave_nothing_behind(
    backed_up: tuple[Running, Path], tmp_path: Path
) -> None:
    file, place, data = backed_up[1], tmp_path / "changed.zip", tmp_path / "data"
    with zipfile.ZipFile(file) as source:
        rows = next(name for name in source.namelist() if name.endswith("/cells.tsv"))
        text, entries = source.read(rows), json.loads(source.read("manifest/0000.json"))
    entries[1]["k"] = 7
    changes = {
        "not those that were released": {rows: text.replace(b"\t1\t", b"\t2\t", 1)},
        "does not follow": {"manifest/0000.json": json.dumps(entries).encode()},
        "take another backup": {"manifest/0000.json": b"[1]"},
    }
    for refusal, change in changes.items():
        done = footfall("restore", str(rewritten(file, change, place, honest=False)), "--data", str(data))
        assert done.returncode == 1
        assert refusal in done.stderr
        assert not data.exists()


def test_what_is_told_in_json_is_what_is_in_the_file(backed_up: tuple[Running, Path]) -> None:
    done = footfall("restore", str(backed_up[1]), "--check", "--json")
    told = msgspec.json.decode(done.stdout)
    assert (told["bytes"], told["days"]) == (backed_up[1].stat().st_size, {"demo": DAYS})


def test_rows_that_no_entry_names_are_refused(backed_up: tuple[Running, Path], tmp_path: Path) -> None:
    file, place, data = backed_up[1], tmp_path / "smuggled.zip", tmp_path / "data"
    with zipfile.ZipFile(file) as source:
        rows = next(name for name in source.namelist() if name.endswith("/cells.tsv"))
        text = source.read(rows)
    line = text.splitlines(keepends=True)[0]
    planted = text + b"victim.example" + line[line.index(b"\t") :]
    done = footfall("restore", str(rewritten(file, {rows: planted}, place, honest=False)), "--data", str(data))
    assert done.returncode == 1
    assert "does not name" in done.stderr
    assert not data.exists()


def test_what_says_or_is_too_large_or_cannot_be_unpacked_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "bomb.zip"
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr(CONTENTS, b" " * (65 * 1024 * 1024))
    with pytest.raises(CannotDo, match="no backup of Footfall"):
        Archive(place)
    whole = bytearray(place.read_bytes())
    for at, value in ((6, 1), (8, 99), (60, 255)):  # encrypted, an unknown method, broken data
        damaged = whole[:at] + bytes([value]) + whole[at + 1 :]
        place.write_bytes(damaged)
        with pytest.raises(CannotDo, match="no backup of Footfall"):
            Archive(place)
    with pytest.raises(CannotDo, match="no backup of Footfall"):
        Archive(tmp_path)
