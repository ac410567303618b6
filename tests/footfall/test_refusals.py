"""What has no answer is refused alike wherever it is asked: by pages, JSON, the Stats API v2, `footfall stats` and MCP,
with the same code, and with the nearest question that is answered."""

from __future__ import annotations

import contextlib
import datetime as dt
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from msgspec import Struct

from dashboards.accounts.accounts import Accounts
from dashboards.app import create_app
from dashboards.stats.report import Reports
from footfall.control.engine import Engine
from footfall.control.instance import StatsRequest
from footfall.errors import CannotDo
from footfall.mcp.tools import Tools
from footfall.settings import load
from schema.store import Store
from tests.dashboards.conftest import Rollups, TestClient

pytestmark = pytest.mark.clickhouse
SITE = "refusals.example"
LAST = dt.date(2026, 3, 10)
DAYS = {"from": "2026-03-09", "to": LAST.isoformat()}
SETTINGS = f"""
[[sites]]
key = "{SITE}"
goals = [{{ name = "Signup", event = "signup" }}, {{ name = "Purchase", event = "purchase" }}]
[[sites.segments]]
name = "Phones"
where = {{ device = "mobile" }}
[[sites.segments]]
name = "Readers in Germany"
where = {{ country = "DE", page = "/blog" }}
"""
GERMANY, BLOG, MOBILE, SIGNUP = "country==DE", "page==/blog", "device==mobile", "goal==Signup"
PHONES, READERS = "Phones", "Readers in Germany"
_OF = {name: f"event:{name}" for name in ("page", "hostname", "section", "goal")} | {"event": "event:name"}
# by, filters, segment, metrics
Words = tuple[Any, ...]


class Case(Struct, frozen=True):
    """near: what is told to ask. declare: what holds for the visits of the segment whose lines are told; "" where none
    are."""

    asked: Words
    near: Words
    code: str = "not_crossed"
    declare: str = ""


_OF_WINDOWS = 'where = { os = "Windows" }'
_PHONES_IN_GERMANY = '{ country = "DE" }'
CASES = (
    Case(("page", (GERMANY,)), ("page",)),
    Case(("country", (BLOG,)), ("country",), declare='where = { page = "/blog" }'),
    Case(("source", (GERMANY, BLOG)), ("source", (), READERS)),
    Case(("", (GERMANY, BLOG)), ("", (), READERS)),
    # Both values are a row of the table of one, where the other is.
    Case(("", (GERMANY, MOBILE)), ("device", (GERMANY,)), declare='device = "mobile"'),
    Case(("", (GERMANY, "os==Windows")), ("", (GERMANY,)), declare='os = "Windows"'),
    Case(("day", (GERMANY, MOBILE)), ("day", (GERMANY,)), declare='country = "DE"'),
    Case(("day", (GERMANY, BLOG)), ("day", (), READERS)),
    Case(("source", (GERMANY, MOBILE)), ("source", (GERMANY,)), declare='device = "mobile"'),
    Case(("browser,os",), ("browser",)),
    Case(("browser,page",), ("browser",)),
    Case(("browser", ("os==Windows",)), ("browser",), declare=_OF_WINDOWS),
    Case(("source,country", (MOBILE,)), ("source,country",)),
    Case(("source,country,device",), ("source,country",)),
    Case(("hour", (GERMANY,)), ("hour",), "not_kept"),
    Case(("source,country", (), "", ("events",)), ("source", (), "", ("events",)), "not_kept"),
    Case(("source", (GERMANY,), "", ("visitors", "exits")), ("source", (GERMANY,), "", ("visitors",)), "not_kept"),
    Case(("page", (), PHONES), ("page",), "not_kept"),
    Case(("goal", (GERMANY,), PHONES), ("goal", (GERMANY,)), "not_kept", _PHONES_IN_GERMANY),
    Case(("day", (BLOG,), PHONES), ("day", (BLOG,)), "not_kept", '{ page = "/blog" }'),
    Case(("source", (GERMANY,), PHONES), ("source", (GERMANY,)), declare=_PHONES_IN_GERMANY),
    Case(("hour", (), PHONES), ("hour",), "not_kept"),
    Case(("day", (), PHONES, ("events",)), ("day", (), "", ("events",)), "not_kept"),
    Case(("browser", (SIGNUP, "os==Windows")), ("browser", (SIGNUP,)), declare='goal = "Signup"'),
    Case(("goal", (GERMANY, BLOG)), ("goal", (), READERS)),
    Case(("page", (SIGNUP, GERMANY)), ("page", (SIGNUP,))),
    Case(("section", (GERMANY,)), ("section",)),
    Case(("event", (BLOG,)), ("event",)),
    Case(("hostname", (BLOG,)), ("hostname",)),
    Case(("region", ("os==Windows",)), ("region",), declare=_OF_WINDOWS),
    Case(("utm_term", (GERMANY,)), ("utm_term",), declare='where = { country = "DE" }'),
    Case(("device", ("country==DE|FR", BLOG)), ("device", ("country==DE|FR",)), declare='["DE", "FR"]'),
)


class House(Struct):
    engine: Engine
    tools: dict[str, Any]
    browser: TestClient


@pytest.fixture(scope="module")
def house(store: Store, _a_store_of_its_own: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    directory: Path = tmp_path_factory.mktemp("house")
    (directory / "footfall.toml").write_text(SETTINGS)
    settings = load(str(directory / "footfall.toml"), [], {"data": str(directory)}, environment={})
    site = next(one for one in settings.reported_sites() if one.key == SITE)
    put(Rollups(store, site))
    engine, accounts = Engine(settings, store), Accounts(directory / "accounts.sqlite")
    tools = {tool.name: tool for tool in Tools(lambda: contextlib.nullcontext(engine)).all()}
    reports = Reports(store, [site], clock=lambda: dt.datetime(2026, 3, 11, 12, tzinfo=dt.UTC).timestamp())
    with TestClient(create_app(reports, accounts), headers={"sec-fetch-site": "same-origin"}) as browser:
        browser.get(f"/sign-in/{accounts.create_sign_in_link_token()}")
        yield House(engine, tools, browser)
    accounts.close()


def put(rollups: Rollups) -> None:
    with rollups.together():
        for day in (LAST - dt.timedelta(1), LAST):
            rollups.cell(day, visitors=100, released=True)
            rollups.release(day, pairs=rollups.site.pairs, segments=rollups.site.segment_definitions)
            for dimension, value in (("country", "DE"), ("page", "/blog"), ("source", "Google"), ("device", "mobile")):
                rollups.cell(day, dimension, value, visitors=40, released=True)


def in_address(by: str, filters: Words = (), segment: str = "", metrics: Words = ()) -> dict[str, Any]:
    asked = {"by": by, "filter": [*filters], "segment": segment, "metrics": ",".join(metrics)}
    return {name: value for name, value in asked.items() if value}


def in_v2(by: str, filters: Words = (), segment: str = "", metrics: Words = ()) -> dict[str, Any]:
    """The same, where devices have other names."""
    texts = [one.replace("mobile", "Mobile").split("==") for one in filters]
    kept: list[Any] = [["is", _called(name), value.split("|")] for name, value in texts]
    kept += [["is", "segment", [segment]]] * bool(segment)
    dimensions = [_called(name) for name in by.split(",") if name]
    asked = {"site_id": SITE, "metrics": [*(metrics or ("visitors",))], "date_range": [*DAYS.values()]}
    return asked | ({"dimensions": dimensions} if dimensions else {}) | ({"filters": kept} if kept else {})


def _called(name: str) -> str:
    return f"time:{name}" if name in ("day", "hour") else _OF.get(name, f"visit:{name}")


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.asked))
def test_a_refusal_is_one_wherever_it_is_asked(house: House, case: Case) -> None:
    def by_address(words: dict[str, Any]) -> Any:
        return house.browser.get(f"/api/sites/{SITE}/stats?{urlencode(DAYS | words, doseq=True)}").json()

    ours, v2 = by_address(in_address(*case.asked)), house.browser.post("/api/v2/query", json=in_v2(*case.asked)).json()
    assert (ours["code"], ours["nearest"]) == (case.code, in_address(*case.near))
    assert (v2["code"], v2["nearest"]) == (case.code, in_v2(*case.near))
    assert house.tools["query"].call(in_v2(*case.asked)) == v2
    for told in (ours, v2):
        assert bool(case.declare) == ("declare" in told)
        assert case.declare in told.get("declare", "")
    # What is told is answered.
    assert "rows" in by_address(ours["nearest"])
    assert "results" in house.browser.post("/api/v2/query", json=v2["nearest"]).json()
    by, filters, segment, metrics = (*case.asked, *("", (), "", ())[len(case.asked) :])
    with pytest.raises(CannotDo) as refused:
        house.engine.stats(StatsRequest(SITE, *DAYS.values(), by, filters, 100, metrics, segment=segment))
    assert f"({case.code}); nearest that is answered: " in str(refused.value)
    assert str(refused.value).endswith(", ".join(ours.get("declare", "").splitlines()[1:]))


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        (f"by/page?filter={GERMANY}", 400, "The table of all visits"),
        (f"by/country?filter={BLOG}", 400, 'where = { page = "/blog" }'),
        (f"by/page?segment={PHONES}", 400, "The table of all visits"),
        (f"by/source?filter={GERMANY}&segment={PHONES}", 400, "The table of Country is Germany"),
        (f"by/source?filter={GERMANY}&filter={BLOG}", 200, READERS),
        (f"by/source?filter={GERMANY}&filter={MOBILE}", 200, 'where = { country = "DE", device = "mobile" }'),
    ],
)
def test_pages_lead_on(house: House, path: str, status: int, says: str) -> None:
    answer = house.browser.get(f"/sites/{SITE}/{path}&{urlencode(DAYS)}")
    text = unescape(answer.text)
    assert (answer.status_code, says in text) == (status, True)
    if "The table of" in says:
        (link,) = re.findall(rf'href="([^"]+)">{says}<', text)
        assert house.browser.get(link).status_code == 200


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.asked[0] in ("page", "source", "device") and len(case.asked) < 4], ids=str
)
def test_a_table_in_full_for_programs_leads_on_alike(house: House, case: Case) -> None:
    words = in_address(*case.asked)
    table, base = words.pop("by"), f"/api/sites/{SITE}"
    told = house.browser.get(f"{base}/by/{table}.json?{urlencode(DAYS | words, doseq=True)}")
    stats = house.browser.get(f"{base}/stats?{urlencode(DAYS | words | {'by': table}, doseq=True)}").json()
    assert (told.status_code, told.json()["code"], told.json()["nearest"]) == (400, stats["code"], stats["nearest"])
    assert told.json().get("declare") == stats.get("declare")
