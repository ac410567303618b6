"""Who may read numbers by a token, as the dashboards ask it.

In: settings, the accounts. Out: `finder`. Promises: the file of tokens is looked at for each question, so a token that
was taken back is refused at once; so is one of a person who is gone, and it reads no more than he may.
"""

from __future__ import annotations

from collector.tokens import EVERY_SITE, Token, Tokens
from dashboards.accounts.accounts import Accounts
from dashboards.accounts.readers import FindReader, Reader

from .settings import Settings
from .supervisor.paths import token_file


def finder(settings: Settings, accounts: Accounts) -> FindReader:
    """Whose a token is."""
    tokens = Tokens(token_file(settings))

    def find(token: str) -> Reader | None:
        tokens.refresh()
        found = tokens.reader_of(token)
        reader = _reader(*found, accounts) if found else None
        if reader is not None:
            accounts.token_days.note(reader.token)
        return reader

    return find


def _reader(id_: str, kept: Token, accounts: Accounts) -> Reader | None:
    site, per_hour = "" if kept.reads == EVERY_SITE else kept.reads, max(1, kept.per_hour)
    if not kept.maker:
        return Reader(site, id_, per_hour)
    rights = accounts.people.rights(kept.maker)
    return Reader(site, id_, per_hour, rights) if rights else None
