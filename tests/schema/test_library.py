"""What a process loads to hold a store, and what it keeps in memory of that."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

_LOOKED_AT = """
import json, os, re, sys
from schema import library
from schema.store import Store

def engine_mb():
    blocks = re.split(r"\\n(?=[0-9a-f]+-[0-9a-f]+ )", open("/proc/self/smaps").read())
    mine = [one for one in blocks if "_chdb." in one.split("\\n")[0]]
    return sum(int(re.search(r"^Rss: +(\\d+)", one, re.M)[1]) for one in mine) / 1024

library.client()
library.engine()
library.give_back = library.give_back if sys.argv[2] == "gives back" else lambda: 0
loaded = engine_mb()
store = Store(sys.argv[1])
store.settle()
settled = engine_mb()
[[text]] = store.rows("SELECT stats FROM system.jemalloc_stats")
[[total]] = store.rows("SELECT sum(number) FROM numbers(1000)")
store.close()
print(json.dumps({
    "loaded": loaded, "settled": settled, "total": total, "decay": re.findall(r"opt.dirty_decay_ms: (\\d+)", text),
    "unused": sorted({"pyarrow", "numpy", "pandas"} & {*sys.modules}), "left": os.environ.get("JE_MALLOC_CONF"),
}))
"""


@pytest.mark.process
@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="the kernel does not tell")
def test_a_store_loads_what_is_used_and_gives_back_what_was_needed_for_loading_alone(tmp_path: Path) -> None:
    told, kept = _told(tmp_path / "one", "gives back"), _told(tmp_path / "two", "keeps")
    for one in (told, kept):
        assert one["total"] == 499_500
        assert (one["unused"], one["decay"], one["left"]) == ([], ["200"], None)
        assert one["loaded"] > 120
    assert told["settled"] < told["loaded"] / 3
    assert kept["settled"] >= kept["loaded"]


def _told(store: Path, how: str) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-c", _LOOKED_AT, f"chdb://{store}", how], capture_output=True, text=True, check=True
    )
    told: dict[str, object] = json.loads(done.stdout)
    return told
