"""The beginning of an INSERT … SELECT, with each column beside what it gets.

In: a table of ours and, by column, SQL. Out: SQL up to FROM.
Promises: no value finds its column by its place in a list, so a column that is added to a table shifts no other; one
that is not named gets its default.
"""

from __future__ import annotations

from collections.abc import Mapping


def insert(table: str, columns: Mapping[str, str]) -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(columns.values())}"
