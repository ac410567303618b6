"""The pages on which editors declare: goals, funnels, sections, segments; what a draft would do; versions; notes.

In: HTTP requests of those who see the site, and the desk. Out: HTML that works without JavaScript. Promises: who is no
editor reads; nothing is done that was not previewed; what was written is still there after a refusal.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import Struct, field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from schema.dimensions import DIMENSIONS
from schema.funnel import KINDS as KINDS_OF_STEPS
from schema.funnel import MOST_STEPS
from schema.goal import KINDS as KINDS_OF_GOALS
from schema.site import Site

from ..accounts.accounts import Accounts
from ..accounts.audit import Deed
from ..accounts.policy import Action, may
from ..accounts.sessions import User
from ..stats.filter import Filter
from ..stats.refused import BadQuery
from ..stats.report import Reports
from ..web.declare import to_declare
from ..web.gate import Gate
from ..web.navigation import GOALS, PAGES
from ..web.pages import SitePages
from ..web.rendering import Pages
from . import forms
from .desk import ONE, Desk, Draft, EditedMeanwhile, EditRefused, Preview
from .doubts import doubts_of
from .meets import met_by
from .rows import OF_ROWS, row_of
from .tabs import PATH, path_of, tabs

_LABELS = {
    "event": "an event of this name",
    "page": "a page like",
    "section": "a page of the section",
    "scroll": "so many percent of a page scrolled",
    "duration": "a visit of so many seconds",
    "revenue": "any event with an amount",
    "goal": "the goal",
}


# Who signed in by a link of the server, and was invited by nobody, has no name.
NAMELESS = "an owner without a name"
# By what is declared the page on which its numbers are, and where that is below the site.
_SHOWN_AT = {"goals": ("Goals", GOALS), "funnels": ("Goals", f"{GOALS}#card-funnels"), "sections": ("Pages", PAGES)}


class Filled(Struct, frozen=True):
    """A form. fields: what stands in it. former: the name of what is changed. error: why it was refused, and at which
    field; row: of several rows the one that is meant, 0 where it is not known."""

    fields: Mapping[str, str] = field(default_factory=dict)
    former: str = ""
    error: str = ""
    where: str = ""
    row: int = 0


class EditPages:
    """desk: at which it is done."""

    def __init__(
        self, pages: Pages, gate: Gate, accounts: Accounts, reports: Reports, sites: SitePages, desk: Desk
    ) -> None:
        self._pages, self._gate, self._accounts = pages, gate, accounts
        self._reports, self._sites, self._desk = reports, sites, desk

    def routes(self) -> list[BaseRoute]:
        """Every page."""
        found: list[BaseRoute] = []
        for what in ONE:
            path = f"{PATH}/{what}"
            found.append(self._gate.page(Action.READ, path, self._show(what), "change", "done", "filter"))
            found.append(self._gate.form(Action.EDIT, f"{path}/preview", self._preview(what)))
        return [
            *found,
            self._gate.form(Action.EDIT, f"{PATH}/apply", self.apply),
            self._gate.page(Action.READ, f"{PATH}/versions", self.show_versions, "done"),
            self._gate.form(Action.EDIT, f"{PATH}/versions/preview", self.preview_version),
        ]

    def _show(self, what: str) -> Any:
        """GET /sites/{key}/edit/goals?change=NAME, and the others; of segments also ?filter=, to begin with."""

        def show(request: Request, user: User) -> Response:
            return self._page(request, user, what, filled=self._filled(request, what))

        return show

    def _preview(self, what: str) -> Any:
        """POST /sites/{key}/edit/goals/preview, and the others"""

        def preview(request: Request, user: User, form: Mapping[str, str]) -> Response:
            former = form.get("former", "")
            try:
                thing = None if form.get("remove") else forms.thing_of(what, form)
                draft = Draft(_number(form.get("based_on", "")), what, former, thing)
                told = self._desk.preview(self._site(request).key, draft)
            except (EditRefused, EditedMeanwhile) as problem:
                filled = Filled() if form.get("remove") else Filled(form, former)
                return self._refused(request, user, what, problem, filled)
            return self._page(request, user, what, filled=Filled(form, former), preview=told)

        return preview

    def preview_version(self, request: Request, user: User, form: Mapping[str, str]) -> Response:
        """POST /sites/{key}/edit/versions/preview"""
        try:
            draft = Draft(_number(form.get("based_on", "")), back=_number(form.get("back", "")))
            told = self._desk.preview(self._site(request).key, draft)
        except (EditRefused, EditedMeanwhile) as problem:
            return self._versions(request, user, str(problem), 400)
        return self._versions(request, user, preview=told)

    def apply(self, request: Request, user: User, form: Mapping[str, str]) -> Response:
        """POST /sites/{key}/edit/apply: what was previewed."""
        key = self._site(request).key
        try:
            draft = msgspec.json.decode(form.get("draft", ""), type=Draft)
            number = self._desk.apply(key, draft, form.get("digest", ""), user.name or NAMELESS)
        except (msgspec.MsgspecError, RecursionError):
            return self._versions(request, user, "this is no draft of ours: fill in the form again", 400)
        except (EditRefused, EditedMeanwhile) as problem:
            fields = forms.fields_of(draft.what, draft.thing) if draft.what in ONE and draft.thing else None
            if draft.what not in ONE:
                return self._versions(request, user, str(problem), 409)
            return self._refused(request, user, draft.what, problem, Filled(fields or {}, draft.former), 409)
        self._accounts.note(user.id, Deed.EDITED, key)
        return self._pages.to(f"{path_of(key, draft.what or 'versions')}?done={number}")

    def show_versions(self, request: Request, user: User) -> Response:
        """GET /sites/{key}/edit/versions"""
        return self._versions(request, user)

    def _filled(self, request: Request, what: str) -> Filled | None:
        """The form as an address asks for it. None: that thing cannot be changed by one."""
        key, name = self._site(request).key, request.query_params.get("change", "")
        if name:
            found = [one for one in self._desk.things(key)[what] if one.name == name and not one.locked]
            fields = forms.fields_of(what, found[0].thing) if found else None
            return Filled(fields, name) if fields is not None else None
        asked = [Filter.parse(text) for text in request.query_params.getlist("filter")] if what == "segments" else []
        told = to_declare(self._site(request), asked) if asked else None
        return Filled({"name": told.name} | _rows(asked)) if told else Filled()

    def _refused(
        self, request: Request, user: User, what: str, problem: ValueError, filled: Filled, status: int = 400
    ) -> Response:
        where = (
            forms.field_of(what, problem.where, filled.fields)
            if filled.fields and isinstance(problem, EditRefused)
            else ""
        )
        row = self._row(self._site(request).key, what, filled) if where in OF_ROWS else 0
        said = Filled(filled.fields, filled.former, str(problem), where, row)
        return self._page(request, user, what, filled=said, status=status)

    def _row(self, key: str, what: str, filled: Filled) -> int:
        """The row of the form that is refused by itself."""

        def refused(fields: Mapping[str, str]) -> bool:
            try:
                thing = forms.thing_of(what, fields)
                self._desk.preview(key, Draft(self._desk.number(key), what, filled.former, thing))
            except EditRefused as problem:
                return forms.field_of(what, problem.where, fields) in OF_ROWS
            except EditedMeanwhile:
                return False
            return False

        return row_of(what, filled.fields, refused)

    def _page(
        self,
        request: Request,
        user: User,
        what: str,
        filled: Filled | None,
        preview: Preview | None = None,
        status: int = 200,
    ) -> Response:
        site = self._site(request)
        known = self._desk.things(site.key)
        why_not = self._desk.why_not(site.key)
        shown = preview.draft.thing if preview else None
        return self._pages.page(
            "edit.html",
            status,
            **self._shared(request, user, site, what),
            one=ONE[what],
            things=known[what],
            can_say={one.name for one in known[what] if forms.fields_of(what, one.thing) is not None},
            filled=filled or Filled(),
            unsaid=filled is None,
            based_on=self._desk.number(site.key) if not why_not else 0,
            preview=preview,
            draft=msgspec.json.encode(preview.draft).decode() if preview else "",
            doubts=doubts_of(what, shown) if shown else (),
            met=met_by(self._reports, site, what, shown) if shown else (),
            names={kind: [one.name for one in known[kind]] for kind in known},
            labels=_LABELS,
            kinds={"goals": KINDS_OF_GOALS, "funnels": KINDS_OF_STEPS}.get(what, ()),
            dimensions=[*DIMENSIONS.values()],
            rows=range(1, (MOST_STEPS if what == "funnels" else forms.MOST_CONDITIONS) + 1),
            hows=(forms.IS, forms.IS_NOT),
        )

    def _versions(
        self, request: Request, user: User, error: str = "", status: int = 200, preview: Preview | None = None
    ) -> Response:
        site = self._site(request)
        why_not = self._desk.why_not(site.key)
        return self._pages.page(
            "edit_versions.html",
            status,
            **self._shared(request, user, site, "versions"),
            versions=self._desk.versions(site.key) if not why_not else (),
            error=error,
            based_on=self._desk.number(site.key) if not why_not else 0,
            preview=preview,
            draft=msgspec.json.encode(preview.draft).decode() if preview else "",
        )

    def _shared(self, request: Request, user: User, site: Site, what: str) -> dict[str, Any]:
        why_not = self._desk.why_not(site.key)
        made = {str(one.number): one for one in self._desk.versions(site.key)} if not why_not else {}
        return {
            **self._sites.around(request, user, site),
            "path": self._pages.base + path_of(site.key, ""),
            "site_path": f"{self._pages.base}/sites/{quote(site.key)}",
            "tabs": tabs(site, what),
            "what": what,
            "edits": may(user, Action.EDIT, site.key),
            "why_not": why_not,
            "at_once": not why_not and self._desk.at_once(site.key),
            "done": made.get(request.query_params.get("done", "")),
            "shown_at": _SHOWN_AT,
        }

    def _site(self, request: Request) -> Site:
        return self._sites.site(request)


def _rows(asked: list[Filter]) -> dict[str, str]:
    """Filters as rows of the form of segments."""
    found: dict[str, str] = {}
    for nth, one in enumerate(asked[: forms.MOST_CONDITIONS], start=1):
        how = forms.IS if one.operator == "==" else forms.IS_NOT
        found |= {f"dimension_{nth}": one.dimension, f"is_{nth}": how, f"value_{nth}": one.value}
    return found


def _number(text: str) -> int:
    """Of a version."""
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise BadQuery("the form names no version: open the page anew")
    return int(text)
