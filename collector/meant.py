"""Which sites a beacon is meant for.

In: the names that it calls sites by, or the address of its page. Out: the `Rules` of each. Promises: each site once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from schema.host import site_name

from .model import Beacon, Rules
from .outcome import Reason, Refused

# What ends the host and port of a URL.
_NO_HOST = re.compile(r"[/?#\\]")


def meant_sites(rules: Mapping[str, Rules], beacon: Beacon) -> list[Rules | None]:
    """Each once, by whatever names; None is one that does not exist. rules: by every name of a site. Raises Refused."""
    named = [rules.get(domain) for domain in beacon.domains or domain_of(beacon.url)]
    if len(named) == 1:
        return named
    sites = list(dict.fromkeys(one.site.key for one in named if one is not None))
    return [*(rules[site] for site in sites), *(None for one in named if one is None)]


def domain_of(url: str) -> tuple[str, ...]:
    """The host of a page as the name of a site. Raises Refused."""
    host = _NO_HOST.split(url.partition("://")[2], maxsplit=1)[0].rpartition("@")[2]
    if not host:
        raise Refused(Reason.NO_DOMAIN, "domain", "can't be blank")
    return (site_name(host),)
