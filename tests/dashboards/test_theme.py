"""Light, dark or the system's: rules of dashboards/web/theme.py. How it looks is in tests/browser."""

from __future__ import annotations

import re
from typing import Any

import pytest
from starlette.testclient import TestClient

pytestmark = pytest.mark.clickhouse


def schemes(page: str) -> str:
    (found,) = re.findall(r'<meta name="color-scheme" content="([^"]+)">', page)
    return str(found)


def test_what_is_chosen_holds_on_every_page_of_that_browser(client: TestClient, rollups: Any) -> None:
    page = f"/sites/{rollups.site.key}?period=7d"
    assert schemes(client.get(page).text) == "light dark"
    answer = client.post("/theme", data={"theme": "dark", "next": page})
    assert (answer.status_code, answer.headers["location"]) == (303, page)
    cookie = answer.headers["set-cookie"]
    assert cookie == "footfall_theme=dark; HttpOnly; Max-Age=31536000; Path=/; SameSite=lax"
    for path in (page, "/account", "/nothing", "/sign-in"):
        assert schemes(client.get(path).text) == "dark", path
    assert 'value="dark" aria-pressed="true"' in client.get(page).text
    # What others see by a link is as their system has it, also in the browser of whoever made it.
    assert schemes(client.get("/share/never").text) == "light dark"
    assert "Max-Age=0" in client.post("/theme", data={"theme": "system"}).headers["set-cookie"]
    assert schemes(client.get(page).text) == "light dark"


def test_the_form_leads_back_to_its_page(client: TestClient, rollups: Any) -> None:
    page = f"/sites/{rollups.site.key}?period=7d&filter=page%3D%3D%2Fa%26b"
    (here,) = re.findall(r'name="next" value="([^"]+)"', client.get(page).text)
    assert here.replace("&amp;", "&") == page
    assert client.post("/theme", data={"theme": "dark", "next": "//evil.test"}).headers["location"] == "/"


def test_a_theme_that_there_is_not_is_refused_and_such_a_cookie_is_none(client: TestClient) -> None:
    answer = client.post("/theme", data={"theme": "<pink>"})
    assert answer.status_code == 400
    assert "there are light, dark, system" in answer.text
    client.cookies.set("footfall_theme", "pink")
    assert schemes(client.get("/account").text) == "light dark"
