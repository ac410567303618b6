"""The OpenAPI document: valid, of what is really there, and true in each of its examples."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path
from typing import Any

import msgspec
import pytest
from starlette.exceptions import StarletteDeprecationWarning
from starlette.routing import Route

from collector.edge.app import create_app
from collector.edge.openapi import document
from collector.edge.operations import EXAMPLES
from collector.keys.files import KeyFile
from collector.wire import plausible
from collector.wire.server_event import Revenue, ServerEvent, Visitor, Vitals
from tests.collector.test_server_api import EVENT, House, ask, run

with warnings.catch_warnings():
    warnings.simplefilter("ignore", StarletteDeprecationWarning)
    from starlette.testclient import TestClient

DOCUMENT: dict[str, Any] = json.loads(msgspec.json.encode(document()))
SCHEMAS = DOCUMENT["components"]["schemas"]
OF_SERVERS = DOCUMENT["paths"]["/api/events"]["post"]
# Every field of an event with a value that says something.
WHOLE = EVENT | {
    "id": "x",
    "timestamp": None,
    "referrer": "https://x.example/",
    "page_language": "de",
    "props": {"a": "b", "c": 1, "d": 0.5, "e": True},
    "revenue": {"amount": 9.5, "currency": "EUR"},
    "interactive": False,
    "hash_routing": True,
    "consent": "granted",
    "engaged_ms": 5,
    "scroll": 50,
    "vitals": {"lcp": 1, "inp": 2, "cls": 0.1, "fcp": 3, "ttfb": 4},
    "visitor": EVENT["visitor"]  # type: ignore[dict-item]
    | {"opted_out": False, "languages": "de", "screen_width": 1920, "time_zone": "Europe/Berlin"},
}


def validator(content: dict[str, Any]) -> Any:
    """Of what is to look like that."""
    # Here, or each process that collects tests would load it.
    from openapi_schema_validator import OAS31Validator

    return OAS31Validator({**content, "components": DOCUMENT["components"]})


def schema(name: str) -> Any:
    """Of what is to look like one of the schemas."""
    return validator({"$ref": f"#/components/schemas/{name}"})


def test_the_document_is_valid_openapi() -> None:
    from openapi_spec_validator import OpenAPIV31SpecValidator

    assert list(OpenAPIV31SpecValidator(DOCUMENT).iter_errors()) == []


def test_it_is_served_to_everybody_and_every_path_in_it_is_there(tmp_path: Path) -> None:
    async def use(house: House) -> None:
        collector, spool = house.page.collector, house.page.spool
        keys = KeyFile(tmp_path / "keys")
        app = create_app(collector, keys, house.tokens, spool, lambda: "", demo=False)
        answer = TestClient(app).get("/openapi.json")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
        assert answer.json() == DOCUMENT
        assert answer.headers["access-control-allow-origin"] == "*"
        paths = {route.path for route in app.routes if isinstance(route, Route)}
        assert set(DOCUMENT["paths"]) <= paths

    run(tmp_path, use)


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_example_is_answered_as_it_shows(tmp_path: Path, name: str) -> None:
    sent, answer = EXAMPLES[name]
    assert OF_SERVERS["requestBody"]["content"]["application/json"]["examples"][name]["value"] == sent
    told = ask(tmp_path, sent)
    assert told.result == answer
    schema("Result").validate(told.result)


def test_the_example_of_the_documentation_is_answered_as_it_shows(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "server-side.md").read_text(encoding="utf-8")
    found = re.search(r"-d '(\{.*?\n    \})'\n\n    (\{.*\})\n", page, re.DOTALL)
    assert found is not None
    sent, answer = map(json.loads, found.groups())
    schema("ServerEvent").validate(sent)
    assert ask(tmp_path, sent).result == answer


def test_the_example_without_a_token_is_answered_as_it_shows(tmp_path: Path) -> None:
    told = ask(tmp_path, EVENT, "")
    response = OF_SERVERS["responses"]["401"]
    assert told.result == response["content"]["application/json"]["examples"]["no_token"]["value"]
    assert told.headers["www-authenticate"] == response["headers"]["WWW-Authenticate"]["example"]


def test_every_field_that_is_told_can_be_sent(tmp_path: Path) -> None:
    report = WHOLE | {"name": "engagement"}
    plain = {name: value for name, value in WHOLE.items() if name not in ("engaged_ms", "scroll", "vitals")}
    assert set(WHOLE) == set(SCHEMAS["ServerEvent"]["properties"]) == set(ServerEvent.__struct_fields__)
    for name, struct in (("visitor", Visitor), ("revenue", Revenue), ("vitals", Vitals)):
        assert set(WHOLE[name]) == set(SCHEMAS[struct.__name__]["properties"])  # type: ignore[call-overload]
    schema("Batch").validate({"events": [report, plain]})
    assert ask(tmp_path, [report, plain]).result["accepted"] == 2


@pytest.mark.parametrize("name", ["ServerEvent", "Visitor", "Revenue", "Dropped", "NotTaken", "Result"])
def test_everything_is_described(name: str) -> None:
    assert SCHEMAS[name]["description"]
    for field, told in SCHEMAS[name]["properties"].items():
        assert "$ref" in str(told) or told.get("description"), f"{name}.{field} is not described"


@pytest.mark.parametrize(
    "wrong",
    [{"visitor": {}}, {"surprise": 1}, {"name": ""}, {"consent": "maybe"}, {"scroll": 101}, {"props": {"a": []}}],
)
def test_what_the_schema_refuses_is_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    assert not schema("ServerEvent").is_valid(EVENT | wrong)
    assert ask(tmp_path, EVENT | wrong).status == 400


def test_the_keys_of_a_page_event_are_those_that_are_read() -> None:
    read = set(plausible.PageEvent.__struct_encode_fields__)
    assert set(SCHEMAS["PageEvent"]["properties"]) == read
    schema("PageEvent").validate({"n": "pageview", "u": "https://a.example/"})
    assert not schema("PageEvent").is_valid({"n": "pageview"})


def test_the_example_of_a_page_event_is_taken() -> None:
    content = DOCUMENT["paths"]["/api/event"]["post"]["requestBody"]["content"]
    for kind in ("application/json", "text/plain"):
        example = content[kind]["example"]
        schema("PageEvent").validate(example)
        assert plausible.decode(json.dumps(example).encode()).domains == ("example.com",)


def test_a_token_is_asked_for_by_servers_alone() -> None:
    asked = {path for path, item in DOCUMENT["paths"].items() for one in item.values() if one.get("security")}
    assert asked == {"/api/events"}
    assert DOCUMENT["security"] == []


def test_what_is_answered_to_visitors_and_machines_looks_as_told(tmp_path: Path) -> None:
    async def use(house: House) -> None:
        collector, spool = house.page.collector, house.page.spool
        app = create_app(collector, KeyFile(tmp_path / "keys"), house.tokens, spool, lambda: "no key", demo=False)
        client = TestClient(app)
        foreign = {"origin": "https://elsewhere.example"}
        for method, path, status, headers in (
            ("get", "/privacy/me?site=a.example", 200, {}),
            ("get", "/privacy/me?site=nobody.example", 404, {}),
            ("post", "/privacy/object?site=nobody.example", 202, {}),
            ("post", "/privacy/object?site=nobody.example", 403, foreign),
            ("get", "/readyz", 503, {}),
        ):
            answer = client.request(method, path, headers=headers)
            told = DOCUMENT["paths"][path.partition("?")[0]][method]["responses"]
            assert answer.status_code == status
            content = told[str(status)]["content"]["application/json"]["schema"]
            validator(content).validate(answer.json())
        assert client.get("/healthz").text == "ok\n"

    run(tmp_path, use)
