"""Which query arguments an address takes, and the refusal of others.

Why: what is not understood must not be ignored: `?form=2031-06-01` would show other days than were asked for, and
`country=DE` everybody. In: a request and the names its route declares. Out: nothing, or `BadQuery`.
Promises: pages pass over what mail programs, search engines and social networks append to links that people pass on;
programs write their own addresses, so the API refuses these, too.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from starlette.datastructures import QueryParams

from ..stats.query import BadQuery

PERIOD = ("period", "from", "to")
# Whose text may come back in the answer: such an answer is not compressed (see `compress`).
FREE_TEXT = frozenset({"contains", "next"})
# May be given more than once; of all others a second one contradicts the first.
_SEVERAL = frozenset({"filter"})
_OF_LINKS = re.compile(
    r"utm_\w+|mtm_\w+|pk_\w+|hsa_\w+|mc_[ce]id|_hs(enc|mi)|gad_(source|campaignid)|gclid|gbraid|wbraid|dclid|gclsrc"
    r"|_gl|fbclid|igshid|msclkid|ttclid|twclid|li_fat_id|yclid|epik|srsltid|sc?cid|vero_id|oly_\w+id|mkt_tok|si"
)


def refuse_unknown(given: QueryParams, allowed: Collection[str], from_links: bool = False) -> None:
    """Raises BadQuery for an argument that is not allowed or contradicts another. from_links: whether what others
    append to links is passed over."""
    for name in given:
        if name in allowed:
            if name not in _SEVERAL and len(given.getlist(name)) > 1:
                raise BadQuery(f"argument {name} is given {len(given.getlist(name))} times: give it once")
        elif not (from_links and _OF_LINKS.fullmatch(name)):
            known = f"allowed are {', '.join(allowed)}" if allowed else "this address takes none"
            raise BadQuery(f"argument {name[:100]!r} is not known: {known}")
