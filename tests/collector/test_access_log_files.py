"""Files of logs: compressed or not, cut off, damaged, full of zero bytes, of any alphabet; lines come out."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from collector.wire.access_log.lines import MAX_LINE, lines
from collector.wire.access_log.unreadable import Unreadable

TEXT = b"one\r\ntwo\ncaf\xc3\xa9\ncaf\xe9\nlast"
READ = ["one", "two", "café", "café", "last"]
COMPRESSED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    # As the command does.
    "zstd": zstandard.ZstdCompressor(write_checksum=True).compress,
}


def read(path: Path) -> list[str]:
    return list(lines(str(path), lambda _: None))


@pytest.mark.parametrize("kind", ["", *COMPRESSED])
@pytest.mark.parametrize("members", [1, 2])
def test_a_compressed_file_is_told_by_its_content_and_read_to_its_last_member(
    kind: str, members: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compress = COMPRESSED.get(kind, bytes)
    middle = len(TEXT) // 2 if members == 2 else len(TEXT)
    content = compress(TEXT[:middle]) + (compress(TEXT[middle:]) if members == 2 else b"")
    path = tmp_path / "access.log"
    path.write_bytes(content)
    assert read(path) == READ
    for stdin in (io.BytesIO(content), path.open("rb")):
        with stdin:
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(stdin))
            assert list(lines("-", lambda _: None)) == READ


@pytest.mark.parametrize("kind", COMPRESSED)
def test_a_file_that_was_cut_off_is_refused_and_not_taken_for_a_shorter_one(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    whole = COMPRESSED[kind](b"".join(b"%d line\n" % i for i in range(50_000)))
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(Unreadable, match=r"a\.log: a compressed file .* ends early"):
        read(path)


@pytest.mark.parametrize("kind", COMPRESSED)
def test_a_damaged_file_is_refused_by_its_name(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    whole = bytearray(COMPRESSED[kind](bytes(range(256)) * 4000))
    whole[20:120] = b"\x55" * 100
    path.write_bytes(bytes(whole))
    with pytest.raises(Unreadable, match=r"a\.log: a compressed file"):
        read(path)


@pytest.mark.parametrize(
    ("head", "told"),
    [
        *((b"PK\x03\x04", "zip"), (b"\x1f\x9d\x90", "compress"), (b"7z\xbc\xaf\x27\x1c", "7z"), (b"Rar!\x1a", "rar")),
        *((b"\x04\x22\x4d\x18", "lz4"), (b"LZIP\x01", "lzip"), (b"]\x00\x00\x80\x00", "lzma")),
    ],
)
def test_other_archives_are_refused_with_a_remedy(head: bytes, told: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(head + b"x" * 50)
    with pytest.raises(Unreadable, match=told):
        read(tmp_path / "a")


@pytest.mark.parametrize("kind", ["", *COMPRESSED])
def test_a_tar_archive_is_refused_however_it_is_compressed(kind: str, tmp_path: Path) -> None:
    """Its files would be read, each without its first line."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("access.log"))
    (tmp_path / "a").write_bytes(COMPRESSED.get(kind, bytes)(content.getvalue()))
    with pytest.raises(Unreadable, match="is a tar archive; tar -xOf FILE"):
        read(tmp_path / "a")


@pytest.mark.parametrize("kind", ["", *COMPRESSED])
def test_progress_is_told_in_bytes_of_the_file(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(COMPRESSED.get(kind, bytes)(b"x\n" * 5000))
    told: list[int] = []
    assert len(list(lines(str(path), told.append))) == 5000
    assert told == sorted(told)
    assert told[-1] == path.stat().st_size


def test_an_empty_file_has_no_lines(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    assert read(tmp_path / "a") == []


def test_of_an_endless_line_the_beginning_is_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * (3 * MAX_LINE) + b"\nlast\n")
    assert [len(text) for text in read(tmp_path / "a")] == [MAX_LINE, 4]


def test_lines_that_end_in_carriage_returns_alone_are_refused_and_two_of_them_are_one_end(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one\rtwo\r")
    with pytest.raises(Unreadable, match="end in carriage returns alone"):
        read(tmp_path / "a")
    (tmp_path / "a").write_bytes(b"one\r\r\ntwo\r\n")
    assert read(tmp_path / "a") == ["one", "two"]


def test_colours_of_a_terminal_and_comments_are_no_part_of_a_log(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("#Software: any\n\x1b[36mweb-1  | \x1b[0mone\n\x1b[1;32mtwo\x1b[0m\n/#3\n")
    assert read(tmp_path / "a") == ["", "web-1  | one", "two", "/#3"]


@pytest.mark.parametrize("gap", [1, 1000, MAX_LINE - 2, MAX_LINE, 3 * MAX_LINE + 17])
def test_a_gap_of_zero_bytes_is_no_part_of_a_line(gap: int, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"first\n" + b"\x00" * gap + b"198.51.100.7 - -\nlast\n")
    assert [text for text in read(tmp_path / "a") if text] == ["first", "198.51.100.7 - -", "last"]


def test_marks_at_the_beginning_are_no_part_of_the_first_line(tmp_path: Path) -> None:
    for text in (b"\xef\xbb\xbfone\ntwo", "one\r\ntwo".encode("utf-16")):
        (tmp_path / "a").write_bytes(text)
        assert read(tmp_path / "a") == ["one", "two"]
