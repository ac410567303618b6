"""Tokens: told once, kept as digests in a file that is ours alone, gone as soon as the file says so."""

from __future__ import annotations

import json
import os
import stat
import threading
from hashlib import sha256
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from collector.keys.enrolments import AlreadyEnrolled, Enrolments
from collector.tokens import PREFIX, READING_PREFIX, Tokens, bearer


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "tokens.json"


def test_a_token_is_of_one_site(file: Path) -> None:
    id_, token = Tokens(file, lambda: 1_792_000_000.5).create("a.example", "shop")
    other = Tokens(file).create("b.example", "")[1]
    tokens = Tokens(file)
    assert (tokens.site_of(token), tokens.site_of(other)) == ("a.example", "b.example")
    kept = tokens.all()[id_]
    assert (kept.site, kept.name, kept.since) == ("a.example", "shop", 1_792_000_000)
    assert token.startswith(PREFIX)
    assert len(token) > 40


def test_a_token_that_reads_sends_nothing_and_holds_as_long_as_it_is_said(file: Path) -> None:
    now = [1_792_000_000.0]
    tokens = Tokens(file, lambda: now[0])
    id_, token = tokens.create_reading("a.example", "chart", 3600, 600)
    sends = tokens.create("a.example", "shop")[1]
    for_ever = tokens.create_reading("*", "", 0, 600)[1]
    tokens.refresh()
    assert token.startswith(READING_PREFIX)
    assert tokens.site_of(token) == tokens.site_of(for_ever) == ""
    found = tokens.reader_of(token)
    assert found
    assert (found[0], found[1].reads, found[1].per_hour) == (id_, "a.example", 600)
    assert tokens.reader_of(sends) is tokens.reader_of(token[:-1]) is None
    now[0] += 3600
    assert tokens.reader_of(token) is None
    assert tokens.reader_of(for_ever)
    # With the site both of its tokens go, and not the one that is of every site.
    assert [kept.is_of("a.example") for kept in tokens.all().values()] == [True, True, False]
    # As an earlier version reads it, too: `site` is where a token sends.
    assert [kept["site"] for kept in json.loads(file.read_text()).values()] == ["", "a.example", ""]


def test_only_the_digest_is_stored_in_a_file_that_is_ours_alone(file: Path) -> None:
    token = Tokens(file).create("a.example", "shop")[1]
    for path in file.parent.iterdir():
        content = path.read_text()
        assert token not in content
        assert token.removeprefix(PREFIX) not in content
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sha256(token.encode()).hexdigest() in file.read_text()
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("token", ["", "fft_", "fft_x", "\ud800".encode("utf-8", "surrogatepass").decode("latin-1")])
def test_what_is_no_token_is_of_no_site(file: Path, token: str) -> None:
    tokens = Tokens(file)
    assert tokens.site_of(token) == ""
    made = tokens.create("a.example", "")[1]
    tokens.refresh()
    assert tokens.site_of(token) == tokens.site_of(made[:-1]) == tokens.site_of(made.upper()) == ""
    (kept,) = tokens.all().values()
    assert tokens.site_of(kept.sha256) == ""


def test_what_another_process_changes_holds_at_the_next_look(file: Path) -> None:
    following = Tokens(file)
    id_, token = Tokens(file).create("a.example", "")
    assert following.site_of(token) == ""
    following.refresh()
    assert following.site_of(token) == "a.example"
    assert Tokens(file).revoke(id_)
    following.refresh()
    assert following.site_of(token) == ""
    assert not Tokens(file).revoke(id_)


@pytest.mark.parametrize("how", ["gone", "spoilt", "folder"])
def test_a_file_that_cannot_be_read_leaves_no_token_and_says_so_once(file: Path, how: str) -> None:
    tokens = Tokens(file)
    token = tokens.create("a.example", "")[1]
    tokens.refresh()
    content = file.read_bytes()
    file.unlink()
    if how == "spoilt":
        file.write_bytes(content[:-9])
    elif how == "folder":
        file.mkdir()
    with capture_logs() as logs:
        tokens.refresh()
        tokens.refresh()
    assert tokens.site_of(token) == ""
    assert [entry["event"] for entry in logs] == ([] if how == "gone" else ["tokens_not_read"])
    if how == "folder":
        file.rmdir()
    file.write_bytes(content)
    tokens.refresh()
    assert tokens.site_of(token) == "a.example"


def test_a_file_that_has_not_changed_is_not_read_again(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = Tokens(file)
    tokens.create("a.example", "")
    tokens.refresh()
    monkeypatch.setattr(Path, "read_bytes", lambda _: pytest.fail("it was read"))
    tokens.refresh()
    os.utime(file, ns=(1, 1))
    with pytest.raises(pytest.fail.Exception):
        tokens.refresh()


def test_no_change_is_lost_to_another_at_the_same_time(file: Path) -> None:
    first = Tokens(file).create("a.example", "")[0]
    makers = [threading.Thread(target=lambda: Tokens(file).create("a.example", "")) for _ in range(8)]
    makers.insert(4, threading.Thread(target=lambda: Tokens(file).revoke(first)))
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()
    left = Tokens(file).all()
    assert len(left) == 8
    assert first not in left


def test_an_enrolment_is_not_lost_to_another_nor_brought_back_by_one(tmp_path: Path) -> None:
    file = tmp_path / "keys-enrolled.json"
    token = Enrolments(file).enrol("oslo")
    service = Enrolments(file)
    assert service.whose(token) == "oslo"
    makers = [threading.Thread(target=Enrolments(file).enrol, args=(f"host-{i}",)) for i in range(8)]
    makers.insert(4, threading.Thread(target=Enrolments(file).revoke, args=("oslo",)))
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()
    assert sorted(Enrolments(file).all()) == [f"host-{i}" for i in range(8)]
    assert service.whose(token) == ""


def test_each_token_is_of_its_own_collector_and_a_name_has_one(tmp_path: Path) -> None:
    file = tmp_path / "keys-enrolled.json"
    owners = {name: Enrolments(file).enrol(name) for name in ("a", "b", "c")}
    assert {name: Enrolments(file).whose(token) for name, token in owners.items()} == {name: name for name in owners}
    with pytest.raises(AlreadyEnrolled):
        Enrolments(file).enrol("b")
    assert Enrolments(file).whose(owners["b"]) == "b"


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer fft_x", "fft_x"),
        ("bearer  fft_x ", "fft_x"),
        ("Basic fft_x", ""),
        ("fft_x", ""),
        ("Bearer", ""),
        ("", ""),
    ],
)
def test_a_token_comes_as_a_bearer(header: str, token: str) -> None:
    assert bearer([(b"host", b"x"), (b"authorization", header.encode())]) == token
    assert bearer([]) == ""


def test_a_file_that_is_no_text_leaves_no_token_and_raises_nothing(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    tokens = Tokens(path)
    _, token = tokens.create("example.com", "shop")
    tokens.refresh()
    assert tokens.site_of(token) == "example.com"
    path.write_bytes(path.read_bytes().replace(b"shop", b"sh\xfcp"))
    with capture_logs():
        tokens.refresh()
    assert tokens.site_of(token) == ""
