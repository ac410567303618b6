"""A data directory of every version that kept something else in the store is opened by this one without loss.

Each archive was made by stored.py in a checkout of the commit that brought its migration. Versions between them differ
in tables that were only worked in, or in nothing of the store.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from schema.migrate import before, migrations
from schema.store import Store
from tests.pipeline.stored import CASE, OPEN, RELEASED, WAITING
from tests.pipeline.stored_opened import layout

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse, pytest.mark.timeout(900)]
ROOT = Path(__file__).resolve().parents[2]
STORED = Path(__file__).with_name("upgrade")
# By commit of origin: what their releases were digested by.
VERSIONS = {
    "0006-erasures": "1",  # 33517f1
    "0008-months": "1",  # 441dc38
    "0012-histograms": "1",  # 2ae9009
    "0014-open-through": "1",  # 856a3e4
    "0015-contributors": "2",  # 41d06c7
    "0016-days-of-months": "2",  # 1bd493b
    "0018-baseline": "3",  # 0179131
}


def test_every_archive_is_opened() -> None:
    assert {path.name.removesuffix(".tar.xz") for path in STORED.glob("0*.tar.xz")} == VERSIONS.keys()


# In CI the first, the last, and one of each way of digesting.
_BETWEEN = ("0008-months", "0012-histograms", "0014-open-through", "0016-days-of-months")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.long] if name in _BETWEEN else []) for name in VERSIONS]
)
def test_what_an_earlier_version_stored_is_all_there(name: str, store: Store, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.pipeline.stored_opened", str(STORED / f"{name}.tar.xz"), str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    # 0008 came before 0007.
    lacked = {"0007"} if name.startswith("0008") else set()
    rest = [file for file in before() if file[:4] > name[:4] or file[:4] in lacked]
    assert found["applied"] == [*rest, *list(migrations())[1:]]
    assert [(day, version) for day, version, _ in found["released"]] == [
        (day.isoformat(), VERSIONS[name]) for day in RELEASED
    ]
    assert all(rows > 300 for *_, rows in found["released"])
    assert found["written"] == WAITING
    (sizes, alike) = found["open"]
    assert alike
    assert all(sizes.values())
    assert found["closed"]
    months = sorted({day.replace(day=1).isoformat() for day in (*RELEASED, OPEN)})
    assert [month for month, _ in found["totals"]] == months
    assert [len(visitors) for _, visitors in found["totals"]] == [1, 2]
    assert found["totals"][0][1][0] <= CASE.days[RELEASED[0]]
    # And from now on nothing tells it from a store that began with this version.
    assert found["layout"] == json.loads(json.dumps(layout(store)))
