"""Who may read numbers by a token, as the dashboards ask it.

In: settings. Out: `finder`. Promises: the file of tokens is looked at for each question, so a token that was taken back
is refused at once.
"""

from __future__ import annotations

from collector.tokens import EVERY_SITE, Tokens
from dashboards.accounts.readers import FindReader, Reader

from .settings import Settings
from .supervisor.paths import token_file


def finder(settings: Settings) -> FindReader:
    """Whose a token is."""
    tokens = Tokens(token_file(settings))

    def find(token: str) -> Reader | None:
        tokens.refresh()
        found = tokens.reader_of(token)
        if found is None:
            return None
        id_, kept = found
        return Reader("" if kept.reads == EVERY_SITE else kept.reads, id_, max(1, kept.per_hour))

    return find
