"""A trouble that lasts makes few lines, however often it is met."""

from __future__ import annotations

import structlog
from structlog.testing import capture_logs

from schema.lasting import AGAIN_AFTER_S, Lasting, kind_and_place

log = structlog.get_logger("test")


def test_it_is_told_when_it_begins_every_five_minutes_and_when_it_is_over() -> None:
    now = [0.0]
    trouble = Lasting(log, "down", "back", "warning", clock=lambda: now[0])
    with capture_logs() as logs:
        trouble.is_over()
        for second in range(700):
            now[0] = float(second)
            trouble.is_so(problem="away")
        trouble.is_over()
        trouble.is_over()
    assert [entry["event"] for entry in logs] == ["down", "down", "down", "back"]
    assert "since" not in logs[0]
    assert logs[1]["since"] == logs[2]["since"] == logs[3]["since"]
    assert logs[3]["lasted_s"] == 699
    assert [entry["log_level"] for entry in logs] == ["warning"] * 3 + ["info"]


def test_another_trouble_of_the_kind_is_told_at_once_and_a_second_one_of_it_begins_anew() -> None:
    trouble = Lasting(log, "down", "back", clock=lambda: 0.0)
    with capture_logs() as logs:
        for what in ("a", "a", "b", "b"):
            trouble.is_so(what, problem=what)
        trouble.is_over()
        trouble.is_so("b", problem="b")
    assert [entry.get("problem") for entry in logs] == ["a", "b", None, "b"]
    assert AGAIN_AFTER_S == 300


def test_of_an_exception_kind_errno_and_place_are_told_and_no_text() -> None:
    try:
        raise PermissionError(13, "Permission denied", "/home/203.0.113.9")
    except OSError as problem:
        told = kind_and_place(problem)
    assert told.pop("at").startswith("test_lasting.py:")
    assert told == {"kind": "PermissionError", "errno": 13}
