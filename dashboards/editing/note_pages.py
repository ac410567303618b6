"""The page of a site's notes: which there are, a new one, one taken back.

In: HTTP requests of those who see the site, and the notebook. Out: HTML that works without JavaScript. Promises: who is
no editor reads.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from schema.annotations import MOST_LETTERS

from ..accounts.accounts import Accounts
from ..accounts.audit import Deed
from ..accounts.policy import Action, may
from ..accounts.sessions import User
from ..stats.report import Reports
from ..web.gate import Gate
from ..web.pages import SitePages
from ..web.rendering import Pages
from .desk import EditRefused, Notebook
from .tabs import PATH, path_of, tabs


class NotePages:
    """notebook: where notes are; None: they can only be made on the server."""

    def __init__(
        self,
        pages: Pages,
        gate: Gate,
        accounts: Accounts,
        reports: Reports,
        sites: SitePages,
        notebook: Notebook | None,
    ) -> None:
        self._pages, self._gate, self._accounts = pages, gate, accounts
        self._reports, self._sites, self._notebook = reports, sites, notebook

    def routes(self) -> list[BaseRoute]:
        """Every page."""
        path = f"{PATH}/notes"
        return [
            self._gate.page(Action.READ, path, self.show),
            self._gate.form(Action.EDIT, f"{path}/new", self.add),
            self._gate.form(Action.EDIT, f"{path}/removed", self.remove),
        ]

    def show(self, request: Request, user: User) -> Response:
        """GET /sites/{key}/edit/notes"""
        return self._page(request, user, {})

    def add(self, request: Request, user: User, form: Mapping[str, str]) -> Response:
        """POST /sites/{key}/edit/notes/new"""
        return self._do(request, user, form, Deed.NOTED)

    def remove(self, request: Request, user: User, form: Mapping[str, str]) -> Response:
        """POST /sites/{key}/edit/notes/removed"""
        return self._do(request, user, form, Deed.NOTE_REMOVED)

    def _do(self, request: Request, user: User, form: Mapping[str, str], deed: Deed) -> Response:
        key = self._sites.site(request).key
        try:
            if self._notebook is None:
                raise EditRefused("notes are made on the server here: `footfall note add`")
            if deed is Deed.NOTED:
                self._notebook.add(key, form.get("day", ""), form.get("text", ""))
            else:
                self._notebook.remove(key, form.get("id", ""))
        except EditRefused as problem:
            return self._page(request, user, form, problem)
        self._accounts.note(user.id, deed, key)
        return self._pages.to(path_of(key, "notes"))

    def _page(
        self, request: Request, user: User, form: Mapping[str, str], problem: EditRefused | None = None
    ) -> Response:
        site = self._sites.site(request)
        return self._pages.page(
            "edit_notes.html",
            400 if problem else 200,
            **self._sites.around(request, user, site),
            path=self._pages.base + path_of(site.key, ""),
            tabs=tabs(site, "notes"),
            notes=self._notebook.of(site.key) if self._notebook else (),
            writes=self._notebook is not None and may(user, Action.EDIT, site.key),
            has_notebook=self._notebook is not None,
            today=self._reports.now(site).date(),
            most=MOST_LETTERS,
            given=form,
            error=str(problem or ""),
            where=problem.where if problem else "",
        )
