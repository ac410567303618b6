"""Who may do what: roles, actions, and the one function that is asked about both.

In: what somebody holds, an action, a site. Out: yes or no. Promises: whatever a route or an answer decides by a role it
decides here; who holds nothing may do nothing but what is open to everybody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Protocol, TypeVar

from schema.site import Site

# In place of a site's key, which no key can be: whoever holds a role there is of the house.
EVERY_SITE = "*"


class Role(StrEnum):
    """Of a site or of all, each with all that those before it may."""

    VIEWER = "viewer"
    EDITOR = "editor"
    OWNER = "owner"


class Action(StrEnum):
    """What a route is for."""

    OPEN = "open"  # signing in, and what tells of no site
    OWN = "own"  # one's own account, and the list of what one may read
    READ = "read"  # the numbers of a site
    INSPECT = "inspect"  # the engineers' pages: what is stored of a request to a site, and what is missing
    EDIT = "edit"  # what a site declares, and notes of its days
    SHARE = "share"  # links to a site's numbers for people without an account
    MANAGE = "manage"  # who may do what at a site
    OPERATE = "operate"  # the house as a whole: its health, its people, data of sites that it does not know


NEEDS: Mapping[Action, Role | None] = {
    Action.OPEN: None,
    Action.OWN: None,
    Action.READ: Role.VIEWER,
    Action.INSPECT: Role.EDITOR,
    Action.EDIT: Role.EDITOR,
    Action.SHARE: Role.EDITOR,
    Action.MANAGE: Role.OWNER,
    Action.OPERATE: Role.OWNER,
}
_RANK = {role: rank for rank, role in enumerate(Role)}
Rights = Mapping[str, Role]


class Holder(Protocol):
    """rights: the role of each site, by key; EVERY_SITE holds for all."""

    @property
    def rights(self) -> Rights: ...


H = TypeVar("H", bound=Holder)


def may(who: Holder, action: Action, site: str | None = None) -> bool:
    """Whether somebody may do that at a site. site: None where it is of none in particular: then it is enough at any
    site, but what is of the house takes a role there."""
    needed = NEEDS[action]
    if needed is None:
        return True
    if action == Action.OPERATE:
        site = EVERY_SITE
    held = who.rights.values() if site is None else (who.rights.get(site), who.rights.get(EVERY_SITE))
    return any(role is not None and _RANK[role] >= _RANK[needed] for role in held)


def readable(who: Holder, sites: Iterable[Site]) -> list[Site]:
    """The sites whose numbers somebody may read."""
    return [site for site in sites if may(who, Action.READ, site.key)]
