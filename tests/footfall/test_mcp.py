"""`footfall mcp`: the protocol, message by message, and what its tools tell of a store."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from structlog.testing import capture_logs

from footfall.control.engine import Engine
from footfall.mcp.marking import HOW_TO_READ
from footfall.mcp.protocol import Server, Tool, ToolRefused
from footfall.mcp.tools import INSTRUCTIONS, Tools
from footfall.settings import Settings, load
from schema.store import Store
from tests.dashboards.conftest import Rollups

SITE, OTHER_SITE = "mcp.example", "mcp-other.example"
Call = Callable[..., Any]


def say(server: Server, method: str, id_: Any = 1, **params: Any) -> Any:
    message = {"jsonrpc": "2.0", "id": id_, "method": method, "params": params}
    return server.answer(json.dumps(message).encode())


def refuse(arguments: dict[str, Any]) -> dict[str, Any]:
    raise ToolRefused("not today")


@pytest.fixture
def server() -> Server:
    tools = (
        Tool("echo", "Echo", "Says it again.", {"type": "object"}, lambda arguments: {"said": arguments}),
        Tool("never", "Never", "Refuses.", {"type": "object"}, refuse),
    )
    return Server({"name": "footfall", "version": "1"}, "Read it.", tools)


# -- the protocol ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "spoken"), [("2025-06-18", "2025-06-18"), ("2024-11-05", "2024-11-05"), ("2099-01-01", "2025-11-25")]
)
def test_a_client_is_greeted_in_its_version_or_in_the_newest(server: Server, wanted: str, spoken: str) -> None:
    answer = say(server, "initialize", "a", protocolVersion=wanted, capabilities={}, clientInfo={"name": "x"})
    assert answer == {
        "jsonrpc": "2.0",
        "id": "a",
        "result": {
            "protocolVersion": spoken,
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "footfall", "version": "1"},
            "instructions": "Read it.",
        },
    }


def test_tools_are_listed_and_called(server: Server) -> None:
    listed = say(server, "tools/list")["result"]["tools"]
    assert [tool["name"] for tool in listed] == ["echo", "never"]
    assert listed[0]["inputSchema"] == {"type": "object"}
    assert listed[0]["annotations"]["readOnlyHint"] is True
    told = say(server, "tools/call", name="echo", arguments={"a": 1})["result"]
    assert told == {"content": [{"type": "text", "text": '{"said":{"a":1}}'}], "structuredContent": {"said": {"a": 1}}}
    refused = say(server, "tools/call", name="never")["result"]
    assert refused == {"content": [{"type": "text", "text": "not today"}], "isError": True}


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"{", -32700),
        (b"\xff", -32700),
        (b'{"method": "ping", "params": {"a": ' + b"[" * 100_000, -32700),
        (b"[]", -32600),
        (b'{"jsonrpc": "2.0", "id": 1}', -32600),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "resources/list"}', -32601),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "server/discover"}', -32601),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "x"}}', -32602),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "echo", "arguments": [1]}}', -32602),
    ],
)
def test_what_cannot_be_done_is_answered_and_ends_nothing(server: Server, line: bytes, code: int) -> None:
    written: list[bytes] = []
    server.serve([line + b"\n", b"\n", b'{"jsonrpc": "2.0", "id": 2, "method": "ping"}\n'], written.append)
    refused, pong = map(json.loads, written)
    assert refused["error"]["code"] == code
    assert pong == {"jsonrpc": "2.0", "id": 2, "result": {}}


def test_a_tool_that_breaks_ends_nothing() -> None:
    tool = Tool("broken", "", "", {}, lambda arguments: {"a": arguments["secret"]})
    with capture_logs() as logs:
        told = say(Server({}, "", [tool]), "tools/call", name="broken")["result"]
    assert (told["isError"], told["content"][0]["text"]) == (True, "something is wrong here; it was logged")
    assert [(entry["tool"], entry["kind"]) for entry in logs] == [("broken", "KeyError")]


def test_a_notification_is_not_answered(server: Server) -> None:
    for method in ("notifications/initialized", "notifications/cancelled", "anything"):
        assert server.answer(json.dumps({"jsonrpc": "2.0", "method": method}).encode()) is None


# -- the tools ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    config = tmp_path / "footfall.toml"
    goals = 'goals = [{ name = "Signup", event = "signup" }]'
    config.write_text(
        f'[[sites]]\nkey = "{SITE}"\ndomains = ["shop.example"]\ntimezone = "Europe/Berlin"\n{goals}\n'
        f'[[sites]]\nkey = "{OTHER_SITE}"\n'
    )
    return load(str(config), [], {"data": str(tmp_path)}, environment={})


@pytest.fixture
def rollups(store: Store, settings: Settings) -> Rollups:
    return Rollups(store, settings.reported_sites()[0])


@pytest.fixture
def today() -> dt.date:
    return dt.datetime.now(ZoneInfo("Europe/Berlin")).date()


def caller(store: Store, settings: Settings, only: str = "") -> Call:
    engine = Engine(settings, store)
    tools = {tool.name: tool for tool in Tools(lambda: contextlib.nullcontext(engine), only).all()}

    def call(name: str, **arguments: Any) -> Any:
        return msgspec.json.decode(msgspec.json.encode(tools[name].call(arguments)))

    return call


@pytest.fixture
def call(store: Store, settings: Settings) -> Call:
    return caller(store, settings)


@pytest.mark.clickhouse
def test_sites_and_definitions_are_told(call: Call) -> None:
    sites = {site["site_id"]: site for site in call("list_sites")["sites"]}
    assert sites[SITE] == {
        "site_id": SITE,
        "domains": ["shop.example"],
        "timezone": "Europe/Berlin",
        "goals": ["Signup"],
        "segments": [],
        "pairs": sites[OTHER_SITE]["pairs"],
        "k": 5,
    }
    assert "country x device" in sites[SITE]["pairs"]
    assert OTHER_SITE in sites
    told = call("definitions")
    assert told["metrics"]["bounce_rate"].startswith("Share of visits")
    assert told["dimensions"]["event:page"] == {"definition": "Path of a pageview.", "untrusted": True}
    assert told["dimensions"]["visit:country"]["untrusted"] is False
    assert told["how_to_read"] == HOW_TO_READ
    assert HOW_TO_READ in INSTRUCTIONS


@pytest.mark.clickhouse
def test_a_question_is_answered_as_the_interface_answers_it(call: Call, rollups: Rollups, today: dt.date) -> None:
    rollups.cell(today, visitors=100)
    rollups.cell(today, "page", "/pricing", visitors=60)
    rollups.cell(today, "page", "(other)", visitors=40)
    rollups.cell(today, "country", "DE", visitors=70)
    told = call("query", site_id="shop.example", metrics=["visitors"], date_range="day", dimensions=["event:page"])
    assert told["results"] == [{"dimensions": [{"untrusted": "/pricing"}], "metrics": [60]}]
    assert told["meta"]["footfall"]["other"] == [{"dimensions": ["(other)"], "metrics": [40]}]
    by = {"metrics": ["visitors"], "date_range": "day"}
    countries = call("query", site_id=SITE, **by, dimensions=["visit:country_name"])
    assert countries["results"] == [{"dimensions": ["Germany"], "metrics": [70]}]
    refused = call("query", site_id=SITE, **by, dimensions=["event:page", "visit:country"])
    assert (refused["code"], refused["nearest"]["dimensions"]) == ("not_crossed", ["event:page"])
    assert call("query", site_id=SITE, metrics=["visitor"], date_range="day")["code"] == "unknown_metric"
    assert "missing required field" in call("query", site_id=SITE)["error"]


@pytest.mark.clickhouse
def test_the_schema_of_a_question_is_that_of_the_interface(store: Store, settings: Settings) -> None:
    (schema,) = (tool.input_schema for tool in Tools(contextlib.nullcontext).all() if tool.name == "query")  # type: ignore[arg-type]
    assert (schema["type"], schema["required"]) == ("object", ["site_id", "metrics", "date_range"])
    for place in json.dumps(schema).split('"$ref": "#/$defs/')[1:]:
        assert place.partition('"')[0] in schema["$defs"]


@pytest.mark.clickhouse
def test_one_that_is_of_a_site_tells_of_no_other(store: Store, settings: Settings) -> None:
    call = caller(store, settings, OTHER_SITE)
    assert [site["site_id"] for site in call("list_sites")["sites"]] == [OTHER_SITE]
    for tool, more in (("query", {"metrics": ["visitors"], "date_range": "day"}), ("annotations", {})):
        for site in (SITE, "shop.example", "not.example", None):
            with pytest.raises(ToolRefused, match=f"is (not known|missing): there are {OTHER_SITE}$"):
                call(tool, site_id=site, **more)


@pytest.mark.clickhouse
def test_notes_of_days_are_told(call: Call, store: Store, settings: Settings, today: dt.date) -> None:
    Engine(settings, store).note_add(SITE, "", "Version 2.3")
    assert call("annotations", site_id=SITE)["annotations"] == [{"day": today.isoformat(), "text": "Version 2.3"}]
    assert call("annotations", site_id=SITE, last="2020-01-01")["annotations"] == []
    with pytest.raises(ToolRefused, match="write a day that there is"):
        call("annotations", site_id=SITE, first="soon")


@pytest.mark.process
def test_the_command_speaks_on_standard_output_alone(data: Path) -> None:
    messages = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-06-18"}},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/list"},
        {"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"name": "list_sites"}},
    ]
    given = "".join(json.dumps(message) + "\n" for message in messages)
    command = [sys.executable, "-m", "footfall", "mcp", "--data", str(data)]
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=60, check=True)
    greeted, listed, called = map(json.loads, done.stdout.splitlines())
    assert greeted["result"]["serverInfo"]["name"] == "footfall"
    assert [tool["name"] for tool in listed["result"]["tools"]] == ["list_sites", "definitions", "query", "annotations"]
    assert "there is nothing there yet" in called["result"]["content"][0]["text"]
    assert called["result"]["isError"] is True
