"""The README's picture can be made anew, and shows a page with numbers."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.picture import SIZE, take

# What is on the page is looked at in test_questions.py.
pytestmark = [pytest.mark.process, pytest.mark.long]

COMMITTED = Path(__file__).parents[2] / "docs" / "dashboard.png"
_COLOURS = """(source) => new Promise((resolve) => {
  const image = new Image();
  image.onload = () => {
    const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
    canvas.drawImage(image, 0, 0);
    const { data } = canvas.getImageData(0, 0, image.width, image.height);
    resolve(new Set(new Uint32Array(data.buffer)).size);
  };
  image.src = source;
})"""


def test_the_readme_s_picture_is_made_by_make_and_is_neither_empty_nor_of_another_size(
    browser: Browser, tmp_path: Path
) -> None:
    made = tmp_path / "dashboard.png"
    # Fewer days than the README has: they take most of the time.
    take(browser, made, tmp_path, days=4)
    for picture in (made, COMMITTED):
        assert struct.unpack(">II", picture.read_bytes()[16:24]) == (SIZE["width"], SIZE["height"]), picture
    context = browser.new_context()
    page = context.new_page()
    page.route("**/made.png", lambda route: route.fulfill(path=made))
    page.route("**/page", lambda route: route.fulfill(body="<!doctype html>", content_type="text/html"))
    page.goto("http://picture.example/page")
    # Text alone has hundreds, an error page some dozens.
    assert page.evaluate(_COLOURS, "/made.png") > 300
    context.close()
