"""Every address of the collector that changes anything knows who may ask; every other one changes nothing."""

from __future__ import annotations

import warnings
from pathlib import Path

from starlette.exceptions import StarletteDeprecationWarning
from starlette.routing import Route

from collector.edge.app import create_app
from collector.edge.endpoint import Endpoint
from collector.edge.server_endpoint import ServerEndpoint
from collector.keys.files import KeyFile
from tests.collector.test_app import INGEST
from tests.collector.test_server_api import House, run

with warnings.catch_warnings():
    warnings.simplefilter("ignore", StarletteDeprecationWarning)
    from starlette.testclient import TestClient

FOREIGN = {"origin": "https://evil.example", "sec-fetch-site": "cross-site", "user-agent": "Mozilla/5.0"}


def test_beacons_pass_the_gate_servers_show_a_token_and_one_wish_comes_from_our_own_pages(tmp_path: Path) -> None:
    async def use(house: House) -> None:
        collector, spool = house.page.collector, house.page.spool
        app = create_app(collector, KeyFile(tmp_path / "keys"), house.tokens, spool, lambda: "", demo=True)
        found = [route for route in app.routes if isinstance(route, Route)]
        assert len(found) == len(app.routes)
        beacons = {route.path for route in found if isinstance(route.endpoint, Endpoint)}
        assert {path.replace("a.example", "{site}") for path in INGEST} == beacons
        tokens = {route.path for route in found if isinstance(route.endpoint, ServerEndpoint)}
        assert tokens == {"/api/events"}
        others = [route for route in found if route.path not in beacons]
        assert {route.path for route in others if route.methods != {"GET", "HEAD"}} == {"/privacy/object", "/demo/what"}

        client, groups = TestClient(app, follow_redirects=False), spool.groups
        assert client.post("/privacy/object", headers=FOREIGN).status_code == 403
        # It tells what became of a request, of the demo's own pages alone, and writes nothing.
        assert client.post("/demo/what", headers=FOREIGN).status_code == 403
        assert client.post("/api/events", headers=FOREIGN).status_code == 401
        for route in others:
            if route.path not in ("/privacy/object", "/demo/what"):
                path = route.path.replace("{name}", "script").replace("{path:path}", "x")
                assert client.get(path, headers=FOREIGN).status_code < 500, path
        assert spool.groups == groups
        assert {reason for _, _, reason in spool._counts} == {"not_authorized"}

    run(tmp_path, use)
