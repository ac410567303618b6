"""The npm package as its users get it: packed, installed, type-checked, bundled into a page, and run on a server."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.pages import website
from tests.house import rows, running

pytestmark = pytest.mark.process

TRACKER = Path(__file__).resolve().parents[2] / "collector" / "tracker"
CONFIG = '[[sites]]\nkey = "lab"\ncount_automated = true\n'
PAGE = """
import { engagement, init, outboundLinks, track, type EventOptions } from '@footfall/tracker';

const order: EventOptions = { revenue: { currency: 'EUR', amount: 3 }, props: { first: true } };
track('before', order);
init({
  endpoint: ENDPOINT, domain: 'lab', local: true, automated: true, parts: [engagement, outboundLinks],
});
init({ endpoint: 'https://ignored.example/api/event' });
"""
SERVER = """
import { consent, init, optOut, track } from '@footfall/tracker';
init({ endpoint: 'https://stats.example/api/event' });
track('nobody');
consent('granted');
optOut();
console.log(Object.keys(globalThis).includes('footfall'));
"""


def _run(folder: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that has the packed package installed, beside what the tracker itself is built with."""
    folder = tmp_path_factory.mktemp("project")
    packed = json.loads(_run(TRACKER / "package", "npm", "pack", "--json", "--pack-destination", str(folder)))
    # npm 12 answers by name, older ones with a list.
    (told,) = packed.values() if isinstance(packed, dict) else packed
    assert {file["path"] for file in told["files"]} == {
        *("package.json", "README.md", "index.js", "index.d.ts", "api.d.ts"),
    }
    modules = folder / "node_modules"
    modules.mkdir()
    for name in ("web-vitals", "esbuild", "@esbuild", "typescript", "@typescript"):
        (modules / name).symlink_to(TRACKER / "node_modules" / name)
    (modules / "@footfall" / "tracker").mkdir(parents=True)
    _run(folder, *("tar", "-xzf", told["filename"], "--strip-components=1", "-C", str(modules / "@footfall/tracker")))
    (folder / "package.json").write_text('{"type": "module"}')
    return folder


def test_it_is_what_the_script_is_built_from(project: Path) -> None:
    wanted = json.loads((TRACKER / "package.json").read_text())["devDependencies"]["web-vitals"]
    packed = json.loads((project / "node_modules/@footfall/tracker/package.json").read_text())
    assert packed["dependencies"] == {"web-vitals": wanted}


def test_it_does_nothing_on_a_server(project: Path) -> None:
    (project / "server.mjs").write_text(SERVER)
    assert _run(project, "node", "server.mjs").strip() == "false"


@pytest.mark.parametrize("resolution", ["bundler", "nodenext"])
def test_its_types_are_understood(project: Path, resolution: str) -> None:
    (project / "page.ts").write_text(PAGE.replace("ENDPOINT", "'https://stats.example/api/event'"))
    module = "nodenext" if resolution == "nodenext" else "esnext"
    options = ("--strict", "--noEmit", "--target", "es2022", "--module", module, "--moduleResolution", resolution)
    _run(project, "node", "node_modules/typescript/bin/tsc", *options, "page.ts")


@pytest.mark.timeout(600)
def test_a_page_with_it_is_counted(project: Path, browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "footfall.toml").write_text(CONFIG)
    with (
        running(tmp_path / "data", "--config", str(tmp_path / "footfall.toml"), sites=()) as house,
        website() as web,
    ):
        (project / "page.ts").write_text(PAGE.replace("ENDPOINT", f"'{house.told['collector']}/api/event'"))
        _run(
            project, "node", "node_modules/esbuild/bin/esbuild", "page.ts", "--bundle", "--minify", "--outfile=page.js"
        )
        bundled = (project / "page.js").read_text()
        # Parts that are not named are not in the bundle.
        assert "File Download" not in bundled
        assert "Outbound Link" in bundled
        assert len(bundled) < 6000
        web.add("/page.js", bundled)
        link = '<a href="https://other.example/x?y" onclick="event.preventDefault()">other</a>'
        address = web.page("/package", '<script type="module" src="/page.js"></script>', link)
        context = browser.new_context()
        page = context.new_page()
        page.goto(address)
        page.wait_for_timeout(500)
        page.click("a")
        page.evaluate("history.pushState(null, '', '/package/next')")
        page.wait_for_timeout(500)
        assert page.evaluate("typeof footfall") == "undefined"
        page.goto("about:blank")
        page.wait_for_timeout(300)
        context.close()
        house.stop()
        columns = "name, path, props, currency, amount"
        (found,) = rows(
            house.data, f"SELECT {columns} FROM events WHERE name != 'engagement' ORDER BY received, sequence"
        )
        (reports,) = rows(house.data, "SELECT path, scroll FROM events WHERE name = 'engagement'")
    assert found == [
        ["pageview", "/package", {}, "", 0],
        ["before", "/package", {"first": "true"}, "EUR", 300],
        ["Outbound Link: Click", "/package", {"url": "https://other.example/x"}, "", 0],
        ["pageview", "/package/next", {}, "", 0],
    ]
    assert ["/package/next", 100] in reports
