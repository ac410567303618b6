"""A run that is cut off, as by a process that is killed before or after one of its writes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from schema.store import Store, StoreDown


def each_write_cut_off(monkeypatch: pytest.MonkeyPatch, table: str, run: Callable[[], object]) -> int:
    """Run again and again, each time up to another write into `table`, or into the manifest: to just before it, and to
    just after; how often."""
    times = 0
    for name, of in (("command", table), ("insert", "manifest")):
        for after in (False, True):
            with monkeypatch.context() as patch:
                patch.setattr(Store, name, _cut(getattr(Store, name), of, after))
                with pytest.raises(StoreDown, match="killed"):
                    run()
            times += 1
    return times


def _cut(whole: Callable[..., Any], of: str, after: bool) -> Callable[..., Any]:
    def cut(self: Store, sql: str, *given: Any, **also: Any) -> Any:
        is_it = of in sql
        if is_it and not after:
            raise StoreDown("killed")
        came = whole(self, sql, *given, **also)
        if is_it:
            raise StoreDown("killed")
        return came

    return cut
