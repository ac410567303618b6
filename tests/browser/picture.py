"""`make screenshot`: the picture in the README, of a real house that holds made-up visits.

In: the file to write. Out: a PNG. Promises: days and seed are fixed, so that pictures differ only where the page does.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser

from tests.browser.conftest import chromium
from tests.house import running
from tests.migrated import begin, end

SIZE = {"width": 1280, "height": 1000}
# Two weeks, and those before them to compare with.
_DAYS, _UNTIL = 28, "2026-10-31"
_PERIOD = "period=custom&from=2026-10-18&to=2026-10-31"


def take(browser: Browser, file: Path, room: Path, days: int = _DAYS) -> None:
    """The picture, of a house of its own in an empty directory. days: of visits."""
    with running(room / "data", sites=()) as house:
        filled = house.command("demo", "--days", str(days), "--until", _UNTIL)
        assert filled.returncode == 0, filled.stderr
        context = browser.new_context(viewport=SIZE, color_scheme="light", reduced_motion="reduce", locale="en-GB")
        page = context.new_page()
        page.goto(house.told["sign_in"])
        page.goto(f"{house.told['dashboards']}/sites/demo?{_PERIOD}")
        page.screenshot(path=file, animations="disabled", caret="hide")
        context.close()


if __name__ == "__main__":
    stores = begin()
    with chromium() as launched, tempfile.TemporaryDirectory() as scratch:
        take(launched, Path(sys.argv[1]), Path(scratch))
    end(stores)
