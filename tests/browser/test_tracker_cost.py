"""What the tracker costs a page that loads, by the browser's own tracing: time on the main thread, and no layout."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext

from collector.edge.tracker_scripts import script_of
from tests.browser.conftest import whole
from tests.browser.pages import Website, website
from tests.conftest import times

pytestmark = pytest.mark.process

# Of which the middle one is judged; twice as many in `make test-all`.
LOADS = max(5, times(1))
# Milliseconds of the processor. What is promised is 1; a machine that runs other things at the same time takes longer.
MOST_MS = 2.0
# A page that has something to be laid out, and a script of its own.
HEAD = "<script>document.documentElement.className = 'js'; addEventListener('load', () => 0)</script>"
BODY = "<main>" + '<p>Some <a href="/elsewhere">text</a> of a page.</p>' * 400 + "</main>"

Event = dict[str, Any]


@pytest.fixture(scope="module")
def fresh(browser: Browser) -> Iterator[Browser]:
    """A browser that nobody else is tracing in."""
    started = whole(browser)
    yield started
    started.close()


@pytest.fixture(scope="module")
def web() -> Iterator[Website]:
    with website() as site:
        yield site


def _trace(context: BrowserContext, address: str, script: str) -> tuple[float, float, list[str]]:
    """Of one load: milliseconds in which the script was evaluated, those of what it did later, and layout within."""
    assert context.browser is not None
    page = context.pages[0] if context.pages else context.new_page()
    page.goto("about:blank")
    context.browser.start_tracing(page=page, categories=["devtools.timeline"])
    page.goto(address)
    page.wait_for_timeout(900)
    assert page.evaluate("footfall.on") is True
    events: list[Event] = json.loads(context.browser.stop_tracing())["traceEvents"]

    def own(name: str) -> list[Event]:
        return [e for e in events if e["name"] == name and e["args"].get("data", {}).get("url", "").endswith(script)]

    (evaluation,), calls = own("EvaluateScript"), own("FunctionCall")
    thread = (evaluation["pid"], evaluation["tid"])
    layouts = [
        event["name"]
        for event in events
        if event["name"] in ("Layout", "UpdateLayoutTree", "RecalculateStyles")
        and (event["pid"], event["tid"]) == thread
        and any(each["ts"] <= event["ts"] < each["ts"] + each["dur"] for each in (evaluation, *calls))
    ]
    return evaluation["tdur"] / 1000, sum(call["tdur"] for call in calls) / 1000, layouts


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ["script.core", "script"])
def test_it_costs_the_main_thread_next_to_nothing_and_no_layout(fresh: Browser, web: Website, name: str) -> None:
    web.add(f"/{name}.js", script_of(name).content.decode())
    tag = f'<script defer data-domain="lab" data-local data-automated src="/{name}.js"></script>'
    address = web.page(f"/cost/{name}", tag, BODY, HEAD)
    context = fresh.new_context()
    # The first load of a new process also pays for what the browser sets up for any script.
    loads = [_trace(context, address, f"/{name}.js") for _ in range(LOADS + 1)]
    context.close()
    at_load, later = (statistics.median(load[place] for load in loads[1:]) for place in (0, 1))
    told = f"{name}: {at_load:.2f} ms at load (the first: {loads[0][0]:.2f}), {later:.2f} ms when idle"
    print(told)
    assert [layout for load in loads for layout in load[2]] == []
    assert at_load <= MOST_MS, told
