"""The people of a site, or of the house: their roles, invitations, and what was done.

In: HTTP requests of owners. Out: HTML that works without JavaScript. Promises: an owner of a site sees and changes what
is held at that site alone; an invitation's link is shown once; who is not open to be joined is told the same as who
never was invited.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from schema.site import Site

from ..accounts.accounts import MIN_PASSWORD, AccountRefused, Accounts
from ..accounts.failures import TooManyFailures
from ..accounts.people import Person
from ..accounts.policy import EVERY_SITE, Action, Role
from ..accounts.sessions import User
from ..settings import DashboardSettings
from .arguments import refuse_unknown
from .base_path import reached_at
from .forms import form_of
from .gate import Declared, Gate, no_site
from .problems import Problems
from .rendering import Pages
from .sign_in import SignIn, later

PATH = "/people"
_OF_A_SITE = "/sites/{key}/people"


class PeoplePages:
    """sites: those there are, by key."""

    def __init__(
        self,
        pages: Pages,
        gate: Gate,
        sign_in: SignIn,
        problems: Problems,
        accounts: Accounts,
        settings: DashboardSettings,
        sites: Callable[[], Mapping[str, Site]],
    ) -> None:
        self._pages = pages
        self._gate = gate
        self._sign_in = sign_in
        self._problems = problems
        self._accounts = accounts
        self._settings = settings
        self._sites = sites

    def routes(self) -> list[BaseRoute]:
        """Every page."""
        found: list[BaseRoute] = []
        for action, path in ((Action.OPERATE, PATH), (Action.MANAGE, _OF_A_SITE)):
            found += [
                self._gate.page(action, path, self.show),
                self._gate.form(action, f"{path}/invitations", self.invite),
                self._gate.form(action, f"{path}/roles", self.give),
                self._gate.page(action, f"{path}/log", self.show_log),
            ]
        return [
            *found,
            self._gate.form(Action.OPERATE, f"{PATH}/removed", self.remove),
            Declared(Action.OPEN, "/invitation/{token}", self.show_invitation),
            Declared(Action.OPEN, "/invitation/{token}", self.post_invitation, ("POST",)),
        ]

    def show(self, request: Request, user: User) -> Response:
        """GET /people and /sites/{key}/people"""
        return self._page(request, user)

    def invite(self, request: Request, user: User, form: Mapping[str, str]) -> Response:
        """POST …/invitations: a new one, or one that is taken back."""
        site, people = self._site(request, form), self._accounts.people
        if form.get("revoke"):
            people.revoke(form["revoke"], self._of(request), user.id)
            return self._pages.to(self._path(request))
        token = people.invite(_role(form), site, user.id)
        begin = reached_at(request, self._settings.public_url)
        return self._page(request, user, link=f"{begin}/invitation/{token}")

    def give(self, request: Request, user: User, form: Mapping[str, str]) -> Response:
        """POST …/roles: another role of somebody, or none."""
        try:
            person = self._person(request, form)
            role = None if form.get("role") == "none" else _role(form)
            self._accounts.people.give(person.id, self._site(request, form), role, user.id)
        except AccountRefused as error:
            return self._page(request, user, str(error), 400)
        return self._pages.to(self._path(request))

    def remove(self, request: Request, user: User, form: Mapping[str, str]) -> Response:
        """POST /people/removed"""
        try:
            self._accounts.people.remove(self._person(request, form).id, user.id)
        except AccountRefused as error:
            return self._page(request, user, str(error), 400)
        return self._pages.to(PATH)

    def show_log(self, request: Request, user: User) -> Response:
        """GET …/log"""
        entries, key = self._accounts.audit.entries(self._of(request)), request.path_params.get("key")
        days = self._settings.audit_days
        return self._pages.page("log.html", user=user, entries=entries, key=key, days=days, path=self._path(request))

    def show_invitation(self, request: Request) -> Response:
        """GET /invitation/{token}: uses nothing up, so whoever looks links through beforehand does no harm."""
        refuse_unknown(request.query_params, (), from_links=True)
        return self._invitation(request)

    async def post_invitation(self, request: Request) -> Response:
        """POST /invitation/{token}"""
        form = await form_of(request)
        return await run_in_threadpool(self._join, request, form)

    def _join(self, request: Request, form: Mapping[str, str]) -> Response:
        name = form.get("name", "")
        try:
            with self._accounts.passwords.in_turn():
                session = self._accounts.join(request.path_params["token"], name, form.get("password", ""))
        except AccountRefused as error:
            return self._invitation(request, str(error), 400, name)
        except TooManyFailures as error:
            return later(self._invitation(request, str(error), 429, name), error)
        if session is None:
            return self._invitation(request)
        return self._sign_in.with_session(request, self._pages.to("/"), session)

    def _invitation(self, request: Request, error: str = "", status: int = 200, name: str = "") -> Response:
        invitation = self._accounts.people.invitation(request.path_params["token"])
        if invitation is None:
            text = "An invitation holds once, within seven days. Whoever sent it can make another."
            return self._problems.answer(request, 410, "This invitation no longer holds", text)
        values: dict[str, Any] = {"invitation": invitation, "error": error, "name": name, "shortest": MIN_PASSWORD}
        path = f"/invitation/{quote(request.path_params['token'])}"
        return self._sign_in.stranger_page(request, "invitation.html", status, path=path, **values)

    def _page(self, request: Request, user: User, error: str = "", status: int = 200, link: str = "") -> Response:
        of, key = self._of(request), request.path_params.get("key")
        return self._pages.page(
            "people.html",
            status,
            user=user,
            people=self._shown(of),
            invitations=self._accounts.people.invitations(of),
            roles=[role.value for role in Role],
            keys=[] if key else list(self._sites()),
            key=key,
            path=self._path(request),
            error=error,
            link=link,
        )

    def _shown(self, site: str) -> list[Person]:
        """Of a site those who hold a role there, or at all of them."""
        every = self._accounts.people.all()
        return every if site == EVERY_SITE else [one for one in every if {site, EVERY_SITE} & one.rights.keys()]

    def _person(self, request: Request, form: Mapping[str, str]) -> Person:
        """Whom a form names; of a site only one who is shown there."""
        shown = [one for one in self._shown(self._of(request)) if str(one.id) == form.get("user")]
        if not shown:
            raise AccountRefused("there is no such person here any more")
        return shown[0]

    def _site(self, request: Request, form: Mapping[str, str]) -> str:
        """Where a role is given: on a site's page there alone."""
        site = request.path_params.get("key") or form.get("site", "")
        if site != EVERY_SITE and site not in self._sites():
            raise no_site(site)
        return site

    def _of(self, request: Request) -> str:
        return request.path_params.get("key") or EVERY_SITE

    def _path(self, request: Request) -> str:
        key = request.path_params.get("key")
        return f"/sites/{quote(key)}/people" if key else PATH


def _role(form: Mapping[str, str]) -> Role:
    try:
        return Role(form.get("role", ""))
    except ValueError:
        raise HTTPException(400, f"a role is one of {', '.join(Role)}") from None
