"""What `footfall` commands and the processes of a house import, all of it but the engine, which has threads: for the
process that they are forked from (tests/forked.py)."""

from __future__ import annotations

import gc
from importlib import import_module

from collector.enrich.device import warm_up
from footfall.cli import _COMMANDS

for place in _COMMANDS.values():
    import_module(f"footfall.cli.{place.partition(':')[0]}")

for role in ("collector", "engine", "key_service", "pages"):
    import_module(f"footfall.roles.{role}")
import_module("clickhouse_connect.driver.httpclient")
# Half of a collector's start: expressions are compiled.
warm_up()

# Or each of them copied what is loaded here, for its own count of references.
gc.freeze()
