"""A site that declares nothing pays nothing for what others declare."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest

from pipeline.rollup.stages import roll_up
from pipeline.settings import SiteRules
from schema.funnel import Funnel, Step
from schema.site import Goal, Site, day_bounds, day_number
from schema.store import Store
from tests.conftest import insert, make_event

pytestmark = pytest.mark.clickhouse

# Far ahead, so that no TTL takes the rows while they are looked at.
DAY = dt.date(2041, 3, 9)
START = day_bounds("UTC", day_number(DAY)).start
# The scratch tables that are for what is declared.
THEIRS = {"sent", "told", "properties", "passed", "least", "funnels"}
EVERYTHING = {
    "goals": (Goal("Bought", event="buy"),),
    "properties": ("plan",),
    "funnels": (Funnel("All", (Step(page="/"), Step(event="buy"))),),
}


def tables_of(store: Store, site: Site, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The scratch tables that a run names, to make them or to ask."""
    seen: list[str] = []
    with monkeypatch.context() as patched:
        for method in ("command", "rows"):
            real = getattr(Store, method)

            def said(self: Store, sql: str, *given: Any, real: Any = real, **named: Any) -> Any:
                seen.append(sql)
                return real(self, sql, *given, **named)

            patched.setattr(Store, method, said)
        roll_up(store, site, DAY, SiteRules(2, 30, "balanced"))
    return {name for sql in seen for name in re.findall(r"run_([a-z]+)_[0-9a-f]{16}", sql)}


@pytest.mark.slow
def test_what_is_not_declared_has_no_table_and_no_statement(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for key, declared in (("declares-nothing", {"properties": ()}), ("declares-all", EVERYTHING)):
        given = {"visitor": 1, "name": "buy", "props": {"plan": "pro"}, "path": "/"}
        insert(store, [make_event(key, START, DAY, **given), make_event(key, START + 1, DAY, **given | {"visitor": 2})])
        tables = tables_of(store, Site(key, **declared), monkeypatch)
        assert tables & THEIRS == (THEIRS if key == "declares-all" else set())
        assert "cells" in tables
