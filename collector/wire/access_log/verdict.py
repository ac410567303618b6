"""Whether what was read may be released: a log can be read line by line and still say of nobody who he is.

In: what a log's reading came to, and the clients of its page views. Out: why not, or "". Promises: a few addresses are
held, in memory; none is in a text.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct, field

from ...model import Client
from ...privacy.address import truncate
from ...privacy.untrusted_proxy import peer_class
from .reader import Log
from .recognize import NO_AGENT, REMEDY

# Of a log's lines. A few cannot be read in every log: they were cut off, or another program's messages came between.
MOST_UNREADABLE = 0.05
# Of a log with more lines than these the first and the last may be cut.
_CUT = 4
# So few page views of one address may well be one person's: of a private address, of any.
_FEW_PRIVATE = 3
_FEW = 20
_FEW_OF_SEVERAL_BROWSERS = 5
# A proxy's share of page views, where machines in its own network open some themselves.
_PROXYS_SHARE = 0.9
# In a private network so few addresses are rather those of several proxies than all visitors there are.
_FEW_ADDRESSES = 3
_FEW_PRIVATE_SHARED = 6
_ONE_ADDRESS_REMEDY = (
    "name the proxy in collector.trusted_proxies if the log holds X-Forwarded-For, else have the server log the "
    "visitors' addresses; --accept-one-address imports it as it is"
)


class Crowd(Struct):
    """Whether page views come from several addresses. Of them all only the one that leads is held (by the majority
    vote of Boyer and Moore), and how far it leads; and the first few of one network."""

    views: int = 0
    leader: str = ""
    lead: int = 0
    agents: set[str] = field(default_factory=set)
    network: str = ""
    few: set[str] = field(default_factory=set)
    is_one_network: bool = True

    def __repr__(self) -> str:
        return "Crowd(…)"

    def add(self, client: Client) -> None:
        """One more page view."""
        self.views += 1
        if len(self.agents) < 2:
            self.agents.add(client.agent)
        if self.is_one_network and client.address not in self.few:
            self._add_address(client.address, truncate(client.address))
        self._vote(client.address, 1)

    def add_all(self, later: Crowd) -> None:
        """Those of the page views that follow."""
        self.views += later.views
        self.agents = set(sorted(self.agents | later.agents)[:2])
        self.is_one_network = self.is_one_network and later.is_one_network
        for address in later.few if self.is_one_network else ():
            self._add_address(address, later.network)
        self._vote(later.leader, later.lead)

    def _add_address(self, address: str, network: str) -> None:
        self.network = self.network or network
        self.is_one_network = network == self.network
        if len(self.few) <= _FEW_ADDRESSES:
            self.few.add(address)

    def _vote(self, address: str, votes: int) -> None:
        if address == self.leader:
            self.lead += votes
        elif votes > self.lead:
            self.leader, self.lead = address, votes - self.lead
        else:
            self.lead -= votes

    def problem(self) -> str:
        """Why these cannot be visitors, "" if they can."""
        if not self.views:
            return ""
        kind = peer_class(self.leader)
        is_private = kind != "public"
        few = _FEW_PRIVATE if is_private else _FEW_OF_SEVERAL_BROWSERS if len(self.agents) > 1 else _FEW
        # Who has a share s leads by 2 s - 1.
        lead = self.lead / self.views
        if self.views < few or lead < (2 * _PROXYS_SHARE - 1 if is_private else 1):
            return self._of_a_few(kind)
        how_many = "all" if lead == 1 else "nearly all"
        return (
            f"{how_many} {self.views} page views come from one {kind} address, a proxy's: all visitors would be one; "
            f"{_ONE_ADDRESS_REMEDY}"
        )

    def _of_a_few(self, kind: str) -> str:
        """Why these would be one visitor, though there are several addresses."""
        if kind == "public" or not self.is_one_network or self.views < _FEW_PRIVATE_SHARED or len(self.few) < 2:
            return ""
        # Whoever has the same browser in the same network is the same visitor.
        are_few = len(self.few) <= _FEW_ADDRESSES
        if not are_few and len(self.agents) > 1:
            return ""
        how_many = f"{len(self.few)} {kind} addresses of one network" if are_few else f"one {kind} network and browser"
        return (
            f"all {self.views} page views come from {how_many}, proxies': all visitors would be one; "
            f"{_ONE_ADDRESS_REMEDY}"
        )


def behind_proxies(log: Log) -> str:
    """Why the believed addresses of a log are those of proxies, "" if they are visitors'."""
    claims, views = log.tally.claims, log.tally.views
    if not claims.tell_more or 2 * claims.views < views:
        return ""
    return (
        f"{log.name}: {claims.views} of {views} page views come with forwarded addresses from proxies that are not "
        f"named: all visitors of a proxy would be one; {_ONE_ADDRESS_REMEDY}"
    )


def of_other_hosts(logs: Sequence[Log]) -> str:
    """Why nothing in these logs is the site's, "" if something is."""
    others = sum(log.tally.other_hosts for log in logs)
    if not others or any(log.tally.views for log in logs):
        return ""
    return (
        f"all {others} lines that may be page views are of other hosts than the site's (host): name the site by its "
        "host (--site), or its hosts in the settings (`hosts`)"
    )


def unreadable(log: Log) -> str:
    """Why too much of a log cannot be read, "" if little enough."""
    tally = log.tally
    number, problem = tally.first_bad
    if tally.without_address > MOST_UNREADABLE * tally.views:
        return (
            f"{log.name}: line {number}: in the place of the client's address stands a name or nothing, as in "
            f"{tally.without_address} of {tally.views} page views (no_address): have the server log addresses "
            "(Apache: HostnameLookups Off), or " + REMEDY
        )
    cut = tally.begins_cut + (tally.ends_cut and tally.lines > 1)
    if tally.bad - (cut if tally.lines > _CUT else 0) > MOST_UNREADABLE * tally.lines:
        return (
            f"{log.name}: {tally.bad} of {tally.lines} lines are not in the format of the others ({log.format}), the "
            f"first is line {number}: {problem}; --accept-unreadable leaves them out"
        )
    return ""


def without_agents(log: Log) -> str:
    """Why nobody in a log can be told from a bot, "" if most can."""
    none = log.tally.with_agent == 0 and log.tally.without_agent >= 5
    return f"{log.name}: {NO_AGENT}" if none else ""
