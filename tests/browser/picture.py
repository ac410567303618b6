"""`make screenshot`: the pictures in the README and in docs/pages, of a real house that holds made-up visits.

In: the file of the README's picture, the directory of the others. Out: a PNG, and a WebP of each page of a site.
Promises: days and seed are fixed, so that pictures differ only where a page does; that of Live is of the hour, too.
"""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Page

from footfall.demo import visits
from schema.event import PAGEVIEW
from tests.browser.conftest import chromium
from tests.house import Running, eventually, running
from tests.migrated import begin, end

SIZE = {"width": 1280, "height": 1000}
# Two weeks, and those before them to compare with.
_DAYS, _UNTIL = 28, "2026-10-31"
_PERIOD = "period=custom&from=2026-10-18&to=2026-10-31"
# By its name what each picture in docs/pages shows of a site.
PAGES = {
    "overview": "",
    "acquisition": "/acquisition",
    "campaign-link": "/acquisition/link?address=https://demo/&source=newsletter&medium=email&campaign=winter",
    "pages": "/pages",
    "goals": "/goals",
    "speed": "/speed",
    "localization": "/localization",
    "quality": "/quality",
    "settings": "/settings",
    "privacy": "/privacy",
    "table": "/by/page",
    "funnels": "/by/funnels",
}
# Of today, by the hour at which the picture is made.
_LIVE = "/live"
# A page of text keeps its edges at this quality, in a third of the bytes of a PNG.
_AS_WEBP = """async (source) => {
  const image = await createImageBitmap(await (await fetch(source)).blob());
  const canvas = new OffscreenCanvas(image.width, image.height);
  canvas.getContext("2d").drawImage(image, 0, 0);
  const blob = await canvas.convertToBlob({ type: "image/webp", quality: 0.55 });
  return btoa(Array.from(new Uint8Array(await blob.arrayBuffer()), (byte) => String.fromCharCode(byte)).join(""));
}"""


def take(browser: Browser, file: Path, room: Path, days: int = _DAYS) -> None:
    """The README's picture, of a house of its own in an empty directory. days: of visits."""
    with _site(browser, room, days) as (page, address):
        page.goto(f"{address}?{_PERIOD}")
        page.screenshot(path=file, animations="disabled", caret="hide")


def take_all(browser: Browser, directory: Path, room: Path, scheme: str = "light") -> None:
    """Those of every page. scheme: of colours."""
    blank = browser.new_page()
    with _site(browser, room, _DAYS, today=True) as (page, address):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        for name, path in {**PAGES, "live": _LIVE}.items():
            page.goto(f"{address}{path}{'&' if '?' in path else '?'}{_PERIOD}")
            shot = base64.b64encode(page.screenshot(animations="disabled", caret="hide")).decode()
            made = blank.evaluate(_AS_WEBP, f"data:image/png;base64,{shot}")
            (directory / f"{name}.webp").write_bytes(base64.b64decode(made))
    blank.close()


@contextlib.contextmanager
def _site(browser: Browser, room: Path, days: int, today: bool = False) -> Iterator[tuple[Page, str]]:
    """A page that is signed in, and the address of a site with so many days of visits. today: and of some now."""
    with running(room / "data", sites=()) as house:
        filled = house.command("demo", "--days", str(days), "--until", _UNTIL)
        assert filled.returncode == 0, filled.stderr
        context = browser.new_context(viewport=SIZE, color_scheme="light", reduced_motion="reduce", locale="en-GB")
        page = context.new_page()
        page.goto(house.told["sign_in"])
        address = f"{house.told['dashboards']}/sites/demo"
        if today:
            _come_now(house)
            eventually(lambda: page.goto(f"{address}{_LIVE}") and page.locator(".plot").count())
        yield page, address
        context.close()


def _come_now(house: Running) -> None:
    """Visits as those of the past days, all of them at once."""
    day = dt.date.fromisoformat(_UNTIL)
    for beacon, client, _ in visits(1, 1, day, "UTC", per_day=60):
        if beacon.name == PAGEVIEW:
            body = {"n": PAGEVIEW, "u": beacon.url, "d": "demo", "r": beacon.referrer}
            house.post(body, {"User-Agent": client.agent, "Accept-Language": client.languages})


if __name__ == "__main__":
    stores = begin()
    with chromium() as launched:
        for made, target in ((take, sys.argv[1]), (take_all, sys.argv[2])):
            with tempfile.TemporaryDirectory() as scratch:
                made(launched, Path(target), Path(scratch))
    end(stores)
