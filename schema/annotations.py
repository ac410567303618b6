"""What the owner of a site notes of a day: a release, a campaign, an outage.

In: a store. Out: `Annotation`s. Promises: the text is the owner's, one line of it; nothing of a visitor is in it.
"""

from __future__ import annotations

import datetime as dt

from msgspec import Struct

from .store import Store

MOST_LETTERS = 200
# A store knows no others.
FIRST_DAY, LAST_DAY = dt.date(1970, 1, 1), dt.date(2149, 6, 6)


class Annotation(Struct, frozen=True):
    """id: by which it is taken back. day: a local day of the site."""

    site: str
    day: dt.date
    id: str
    text: str

    def __post_init__(self) -> None:
        if not self.text.strip() or not self.text.isprintable():
            raise ValueError(f"note {self.text!r}: write a line of text without control characters")
        if len(self.text) > MOST_LETTERS:
            raise ValueError(f"note {self.text[:40]!r}… has {len(self.text)} letters: write at most {MOST_LETTERS}")


COLUMNS = Annotation.__struct_fields__


def notes_of(store: Store, site: str, first: dt.date, last: dt.date) -> tuple[Annotation, ...]:
    """Those of the days from first to last, in their order."""
    rows = store.rows(
        f"SELECT {', '.join(COLUMNS)} FROM annotations PREWHERE site = {{site:String}} "
        "AND day BETWEEN {first:Date} AND {last:Date}",
        {"site": site, "first": first, "last": last},
        **store.brief,
    )
    return tuple(sorted((Annotation(*row) for row in rows), key=lambda one: (one.day, one.id)))
