"""Fault 16: huge, endless, compressed and mislabelled bodies are refused as soon as they show it, at flat memory."""

from __future__ import annotations

import contextlib
import gzip
import time

import pytest

from tests.faults.raw import BEACON, Raw, asked, memory_of, request
from tests.house import Running

pytestmark = [pytest.mark.process, pytest.mark.clickhouse]
MIB = 1024 * 1024
MOST = 64 * 1024


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def chunked(*pieces: bytes) -> bytes:
    return request(b"".join(map(chunk, (*pieces, b""))), "Transfer-Encoding: chunked", length="")


@pytest.mark.parametrize("length", [MOST + 1, 10 * MIB, 10**12])
def test_a_body_that_says_it_is_too_large_is_refused_before_it_is_sent(raw_house: Running, length: int) -> None:
    with Raw(raw_house.port) as connection:
        connection.send(request(b"", length=length))
        answer = connection.answer()
        assert (answer.status, answer.headers["x-footfall-reason"]) == (413, "too_large")


def test_ten_megabytes_are_refused_and_the_sender_is_not_listened_to(raw_house: Running) -> None:
    with Raw(raw_house.port) as connection:
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            connection.send(request(b"x" * (10 * MIB)))
        assert b" 202 " not in connection.closed()


def test_an_endless_body_is_refused_as_soon_as_it_is_over_the_limit(raw_house: Running) -> None:
    [worker] = raw_house.children("collector")
    before, sent = memory_of(worker), 0
    with Raw(raw_house.port) as connection:
        connection.send(request(b"", "Transfer-Encoding: chunked", length=""))
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            while sent < 64 * MIB:
                connection.send(chunk(b"x" * 65_536))
                sent += 65_536
                time.sleep(0.001)
        answered = connection.closed()
    assert answered.startswith(b"HTTP/1.1 413") or answered == b""  # a reset overtook the answer
    assert sent < 64 * MIB, "the whole of it was read"
    assert memory_of(worker) - before < 16 * MIB


def test_a_body_in_chunks_of_one_byte_is_read(raw_house: Running) -> None:
    assert asked(raw_house.port, chunked(*(bytes((byte,)) for byte in BEACON))).status == 202


def test_too_large_a_body_in_chunks_of_one_byte_is_refused(raw_house: Running) -> None:
    with Raw(raw_house.port) as connection:
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            connection.send(chunked(*[b"x"] * (MOST + 10)))
        answered = connection.closed()
    assert b" 202 " not in answered


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, identity"])
def test_a_compressed_body_is_refused_and_not_unpacked(raw_house: Running, encoding: str) -> None:
    bomb = gzip.compress(b"0" * 60 * MIB)
    [worker] = raw_house.children("collector")
    before = memory_of(worker)
    for body in (gzip.compress(BEACON), bomb[: MOST - 1]):
        answer = asked(raw_house.port, request(body, f"Content-Encoding: {encoding}"))
        assert (answer.status, answer.headers["x-footfall-reason"]) == (400, "bad_body")
    assert memory_of(worker) - before < 8 * MIB


def test_a_length_that_promises_more_than_comes_is_closed_by_the_deadline(raw_house: Running) -> None:
    with Raw(raw_house.port) as connection:
        connection.send(request(length=len(BEACON) + 50))
        assert b" 202 " not in connection.closed()


def test_a_length_that_promises_less_cuts_the_body_and_the_rest_is_no_request(raw_house: Running) -> None:
    with Raw(raw_house.port) as connection:
        connection.send(request(length=20))
        assert connection.answer().status == 400
        assert b" 202 " not in connection.closed()


@pytest.mark.parametrize("length", ["-1", "+5", "0x10", "1e3", "ten", "5, 5", "9" * 40, " "])
def test_a_length_that_is_no_number_is_refused(raw_house: Running, length: str) -> None:
    with Raw(raw_house.port) as connection:
        connection.send(request(length=length))
        assert connection.answer().status in (400, 413)


def test_after_all_of_it_the_memory_is_flat(raw_house: Running) -> None:
    [worker] = raw_house.children("collector")
    body = b'{"n":"' + b"x" * (MOST - 10)

    def spell() -> None:
        for _ in range(150):
            assert asked(raw_house.port, request(body)).status == 400
            with Raw(raw_house.port) as connection:
                connection.send(request(body[:30_000], length=MOST))  # and goes away

    spell()
    before = memory_of(worker)
    spell()
    assert memory_of(worker) - before < 8 * MIB
