"""Fault 15: silent, half-open and trickling connections are closed by the deadline, and others are served meanwhile."""

from __future__ import annotations

import contextlib
import socket
import time

import pytest

from collector.edge.http import RECEIVE_WITHIN_S
from tests.faults.raw import BEACON, Raw, asked, memory_of, request
from tests.house import Running

pytestmark = [pytest.mark.process, pytest.mark.clickhouse]
# The machine may be busy; a connection that is never closed fails all the same.
_LATEST_S = RECEIVE_WITHIN_S + 60


def within_the_deadline(started: float) -> bool:
    return RECEIVE_WITHIN_S * 0.8 <= time.monotonic() - started < _LATEST_S


def test_a_silent_connection_is_closed_by_the_deadline(raw_house: Running) -> None:
    started = time.monotonic()
    with Raw(raw_house.port) as connection:
        assert connection.closed().startswith(b"HTTP/1.1 408")
    assert within_the_deadline(started)


def test_a_connection_whose_other_end_says_no_more_is_closed(raw_house: Running) -> None:
    started = time.monotonic()
    with Raw(raw_house.port) as connection:
        connection.send(request(length=5000))
        connection.socket.shutdown(socket.SHUT_WR)
        assert b"202" not in connection.closed()
    assert time.monotonic() - started < _LATEST_S


def test_slowloris_a_head_that_never_ends_is_closed_by_the_deadline(raw_house: Running) -> None:
    with Raw(raw_house.port) as connection:
        connection.send(b"POST /api/event HTTP/1.1\r\nHost: x\r\n")
        assert connection.drip(b"X-A: b\r\n", 0.1) < _LATEST_S


def test_a_body_that_trickles_is_closed_by_the_deadline_and_not_taken(raw_house: Running) -> None:
    with Raw(raw_house.port) as connection:
        connection.send(request(b"", length=len(BEACON) + 1000))
        assert connection.drip(BEACON, 0.1) < _LATEST_S


def test_the_deadline_is_of_the_request_not_of_the_last_byte(raw_house: Running) -> None:
    with Raw(raw_house.port) as connection:
        connection.send(request())
        assert connection.answer().status == 202
        started = time.monotonic()
        connection.send(b"POST /api/event HTTP/1.1\r\n")
        connection.drip(b"X-A: b\r\n", 0.2)
    assert within_the_deadline(started)


def test_others_are_served_while_hundreds_wait(raw_house: Running) -> None:
    with contextlib.ExitStack() as stack:
        for number in range(300):
            slow = stack.enter_context(Raw(raw_house.port))
            if number % 3 == 1:
                slow.send(b"POST /api/event HTTP/1.1\r\nX: ")
            elif number % 3 == 2:
                slow.send(request(b"{", length=100))
        started = time.monotonic()
        assert [asked(raw_house.port, request()).status for _ in range(20)] == [202] * 20
        assert time.monotonic() - started < RECEIVE_WITHIN_S


def test_who_sends_and_never_reads_costs_no_memory(raw_house: Running) -> None:
    [worker] = raw_house.children("collector")
    assert asked(raw_house.port, request()).status == 202
    before = memory_of(worker)
    with Raw(raw_house.port) as greedy:
        greedy.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        greedy.socket.settimeout(1.0)
        until = time.monotonic() + 6
        with contextlib.suppress(TimeoutError, ConnectionResetError, BrokenPipeError):
            while time.monotonic() < until:
                greedy.send(request() * 200)
        assert time.monotonic() < until, "it was never closed"
        assert asked(raw_house.port, request()).status == 202
        assert memory_of(worker) - before < 32 * 1024 * 1024
