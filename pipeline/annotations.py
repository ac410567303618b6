"""What is noted of days, and what of it is taken back.

In: a site, a day, a line of text. Out: rows in `annotations`. Promises: the same note of the same day, sent again, is
one.
"""

from __future__ import annotations

import datetime as dt
import hashlib

from schema.annotations import COLUMNS, Annotation
from schema.store import Store

_LETTERS_OF_ID = 8


def annotate(store: Store, site: str, day: dt.date, text: str) -> Annotation:
    """Note something of a day. Raises ValueError for what is no line of text."""
    text = text.strip()
    made = hashlib.sha256(f"{site}\n{day}\n{text}".encode()).hexdigest()[:_LETTERS_OF_ID]
    note = Annotation(site, day, made, text)
    if not _is_there(store, site, made):
        columns = [[value] for value in (note.site, note.day, note.id, note.text)]
        store.insert("annotations", COLUMNS, columns, **store.foreground)
    return note


def take_back(store: Store, site: str, id_: str) -> bool:
    """Delete a note; whether there was one."""
    if not _is_there(store, site, id_):
        return False
    store.command(
        f"ALTER TABLE {store.local('annotations')} DELETE WHERE site = {{site:String}} AND id = {{id:String}}",
        {"site": site, "id": id_},
        mutations_sync=2,
    )
    return True


def put_back_annotations(store: Store, notes: list[Annotation]) -> None:
    """Those of a backup, into a store that has none."""
    if notes:
        columns = [[getattr(note, column) for note in notes] for column in COLUMNS]
        store.insert("annotations", COLUMNS, columns, **store.foreground)


def all_annotations(store: Store) -> list[Annotation]:
    """Those of every site, for a backup."""
    return [Annotation(*row) for row in store.rows(f"SELECT {', '.join(COLUMNS)} FROM annotations ORDER BY ALL")]


def _is_there(store: Store, site: str, id_: str) -> bool:
    found = store.rows(
        "SELECT 1 FROM annotations WHERE site = {site:String} AND id = {id:String} LIMIT 1", {"site": site, "id": id_}
    )
    return bool(found)
