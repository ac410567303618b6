"""An editor has something counted: a form, its preview, a beacon that meets it, the number; without a restart."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext

from tests.browser.conftest import Watched, follow
from tests.house import Running, eventually

pytestmark = pytest.mark.process
NAME = "Asked for an offer"


def test_a_goal_that_an_editor_declares_is_counted_without_a_restart(
    signed_in: BrowserContext, house: Running, watched: Watched
) -> None:
    processes = house.processes()
    page = watched.watch(signed_in.new_page(), house)
    page.goto(f"{house.told['dashboards']}/sites/shop/settings")
    follow(page, "main a[href$='/edit/goals']")
    assert "locked: the file has it" in page.inner_text("main")
    page.fill("[name=name]", NAME)
    page.select_option("[name=kind]", "event")
    page.fill("[name=value]", "asked")
    page.fill("[name=properties]", "plan")
    follow(page, "text=Preview")
    # What is wrong is said beside its field, which has the focus; what was written is kept.
    assert "one property a line" in page.inner_text("#why-properties")
    assert page.evaluate("document.activeElement.name") == "properties"
    assert page.input_value("[name=name]") == NAME
    # A refusal has a status, of which the browser's console tells.
    watched.problems.clear()
    page.fill("[name=properties]", "")
    follow(page, "text=Preview")
    assert "It counts at once" in page.inner_text("#preview")
    follow(page, "text=Apply")
    assert "Version 1 is saved" in page.inner_text("main")
    assert page.url.endswith("/sites/shop/edit/goals?done=1")
    # On a telephone, too, what takes it out is on the screen.
    page.set_viewport_size({"width": 375, "height": 800})
    box = page.locator("button:has-text('Take out')").bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= 375
    house.post({"n": "asked", "u": "https://shop.example/", "d": "shop.example"})

    def counted() -> bool:
        page.goto(f"{house.told['dashboards']}/sites/shop?period=today")
        return NAME in page.inner_text("#card-goals")

    eventually(counted)
    page.goto(f"{house.told['dashboards']}/sites/shop/edit/versions")
    follow(page, "text=Take back to 0")
    follow(page, "text=Apply")
    page.goto(f"{house.told['dashboards']}/sites/shop/edit/goals")
    assert NAME not in page.inner_text("main")
    assert house.processes() == processes
    page.close()
