"""A site without numbers: what it offers can be copied, also by plain HTTP and without scripts."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import follow
from tests.house import running

pytestmark = pytest.mark.process


def test_what_an_empty_page_offers_is_copied_without_a_secure_context_and_selected_without_scripts(
    browser: Browser, data: Path
) -> None:
    with running(data) as house:
        address = f"http://stats.lan:{house.told['dashboards'].rpartition(':')[2]}"
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"{address}/sign-in/{house.told['sign_in'].rpartition('/')[2]}")
        page.goto(f"{address}/sites/example.com")
        assert page.evaluate("isSecureContext") is False
        buttons = page.get_by_role("button", name="Copy")
        assert buttons.count() == 4
        expected = page.locator(".copied code").nth(1).inner_text()
        assert expected == (
            f'<script defer data-domain="example.com" src="{house.told["collector"]}/js/script.js"></script>'
        )
        buttons.nth(1).click()
        expect(page.locator(".copied button").nth(1)).to_have_text("Copied")
        # Pasted where a page can read it.
        page.evaluate("document.body.prepend(Object.assign(document.createElement('textarea'), {id: 'pasted'}))")
        page.locator("#pasted").press("Control+v")
        assert page.locator("#pasted").input_value() == expected
        follow(page, 'role=link[name="demo"s] >> nth=0')
        assert "footfall demo" in page.locator("main").inner_text()
        plain = browser.new_context(java_script_enabled=False, storage_state=context.storage_state())
        page = plain.new_page()
        page.goto(f"{address}/sites/example.com")
        assert page.locator(".copied pre").count() == 4
        assert page.locator("button.copy:visible").count() == 0
        plain.close()
        context.close()
