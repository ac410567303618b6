"""Logs of JSON objects: nginx with keys of one's own, Caddy, Traefik, and whoever uses such names."""

from __future__ import annotations

import json
from typing import Any

import pytest

from collector.outcome import Reason
from collector.wire.access_log.unreadable import Unreadable
from tests.collector.log_lines import ADDRESS, AGENT, NOON, read, reader

FROM = "https://example.org/from"
NGINX = {
    "time_local": "17/May/2015:10:05:03 +0000",
    "remote_addr": ADDRESS,
    "request": "GET /a?b=c HTTP/1.1",
    "status": "200",
    "http_referer": FROM,
    "http_user_agent": AGENT,
}
CADDY = {
    "level": "info",
    "ts": NOON + 0.25,
    "logger": "http.log.access.log0",
    "msg": "handled request",
    "request": {
        "remote_ip": "10.0.0.5",
        "client_ip": ADDRESS,
        "method": "GET",
        "host": "example.com",
        "uri": "/a?b=c",
        "headers": {"User-Agent": [AGENT], "Referer": [FROM], "X-Forwarded-For": ["203.0.113.1"]},
    },
    "duration": 0.001,
    "status": 200,
}
TRAEFIK = {
    "ClientAddr": f"{ADDRESS}:51234",
    "ClientHost": ADDRESS,
    "DownstreamStatus": 200,
    "OriginStatus": 200,
    "RequestAddr": "example.com",
    "RequestHost": "example.com",
    "RequestMethod": "GET",
    "RequestPath": "/a?b=c",
    "StartUTC": "2015-05-17T10:05:03.123456789Z",
    "request_User-Agent": AGENT,
    "request_Referer": FROM,
    "time": "2015-05-17T10:05:04Z",
}
PINO = {
    "time": NOON * 1000 + 1,
    "req": {
        "method": "GET",
        "url": "/a?b=c",
        "headers": {"host": "example.com", "user-agent": AGENT, "referer": FROM},
        "remoteAddress": ADDRESS,
        "remotePort": 5123,
    },
    "res": {"statusCode": 200},
    "msg": "request completed",
}
GOOGLE = {
    "httpRequest": {
        "requestMethod": "GET",
        "requestUrl": "https://example.com/a?b=c",
        "status": 200,
        "userAgent": AGENT,
        "remoteIp": ADDRESS,
        "referer": FROM,
        "serverIp": "10.0.0.5",
    },
    "timestamp": "2015-05-17T10:05:03.123Z",
}
CLOUDFLARE = {
    "ClientIP": ADDRESS,
    "ClientRequestHost": "example.com",
    "ClientRequestMethod": "GET",
    "ClientRequestURI": "/a?b=c",
    "ClientRequestReferer": FROM,
    "ClientRequestUserAgent": AGENT,
    "EdgeResponseStatus": 200,
    "EdgeStartTimestamp": "2015-05-17T10:05:03Z",
}
ENVOY = {
    "authority": "example.com",
    "downstream_remote_address": f"{ADDRESS}:5123",
    "method": "GET",
    "path": "/a?b=c",
    "response_code": 200,
    "start_time": "2015-05-17T10:05:03.123Z",
    "user_agent": AGENT,
    "referer": FROM,
    "x_forwarded_for": ADDRESS,
}
ELASTIC = {
    "@timestamp": "2015-05-17T12:05:03.000+02:00",
    "source": {"ip": ADDRESS},
    "http": {"request": {"method": "GET", "referrer": FROM}, "response": {"status_code": 200}},
    "url": {"path": "/a", "query": "b=c", "domain": "example.com"},
    "user_agent": {"original": AGENT},
}


def without(given: dict[str, Any], *keys: str, **more: Any) -> dict[str, Any]:
    return {key: value for key, value in given.items() if key not in keys} | more


@pytest.mark.parametrize(
    "given",
    [
        NGINX,
        without(NGINX, "time_local", time=str(NOON) + ".123"),
        without(NGINX, "time_local", msec=NOON * 1000),
        without(NGINX, "remote_addr", client_ip=f"{ADDRESS}:99"),
        without(NGINX, "request", request_method="GET", request_uri="/a?b=c"),
        without(NGINX, "request", method="GET", uri="/a", args="b=c"),
        without(NGINX, "http_referer", "http_user_agent", referrer=FROM, user_agent=AGENT),
        without(NGINX, host="www.example.com:443"),
        without(NGINX, host="web1"),
        CADDY,
        without(CADDY, "ts", ts="2015-05-17T10:05:03.000Z"),
        without(CADDY, "ts", ts="2015/05/17 10:05:03.000"),
        TRAEFIK,
        ELASTIC,
        PINO,
        GOOGLE,
        CLOUDFLARE,
        ENVOY,
    ],
)
def test_each_names_its_fields_as_its_server_does(given: dict[str, Any]) -> None:
    url, referrer, client, moment = read(json.dumps(given))
    assert (url, referrer, moment) == ("https://example.com/a?b=c", FROM, NOON)
    assert (client.address, client.agent) == (ADDRESS, AGENT)


def test_a_carried_object_is_read() -> None:
    assert read("2025-10-14T08:01:00.1Z " + json.dumps(NGINX))[2].address == ADDRESS
    assert read(json.dumps({"log": json.dumps(NGINX) + "\n", "stream": "stdout"}))[2].address == ADDRESS


def test_forwarded_addresses_are_believed_of_named_proxies() -> None:
    given = json.dumps(without(NGINX, "remote_addr", remote_addr="10.0.0.5", http_x_forwarded_for=ADDRESS))
    assert read(given)[2].address == "10.0.0.5"
    assert read(given, proxies=("10.0.0.0/8",))[2].address == ADDRESS
    # Caddy was not told of a proxy that is told here.
    request = CADDY["request"] | {
        "client_ip": "10.0.0.5",
        "headers": {"User-Agent": AGENT, "X-Forwarded-For": [ADDRESS]},
    }
    assert read(json.dumps(CADDY | {"request": request}), proxies=("10.0.0.0/8",))[2].address == ADDRESS


def test_hex_escapes_that_no_json_has_are_read_all_the_same() -> None:
    given = json.dumps(NGINX).replace("/a?b=c", r"/caf\xC3\xA9")
    assert read(given, [json.dumps(NGINX)])[0] == "https://example.com/café"


def test_a_backslash_in_json_is_none_of_a_log() -> None:
    given = json.dumps(without(NGINX, "request", request=r"GET /a\x41 HTTP/1.1"))
    assert read(given)[0] == r"https://example.com/a\x41"


def test_only_the_sites_hosts_count() -> None:
    other = json.dumps(TRAEFIK).replace("example.com", "shop.example")
    assert reader([json.dumps(TRAEFIK)]).read(other) is Reason.HOST


@pytest.mark.parametrize("given", [without(TRAEFIK, "request_User-Agent"), without(NGINX, "http_user_agent")])
def test_objects_without_browser_strings_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(Unreadable, match="no browser string"):
        reader([json.dumps(given)])


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"status": 200}', "{" * 9999, '{"a":' * 9999, '{"remote_addr": 1}', '{"status": {}}']
)
def test_what_is_no_such_object_is_a_bad_line(text: str) -> None:
    assert reader([json.dumps(NGINX)]).read(text) is Reason.BAD_LINE
