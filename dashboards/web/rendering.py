"""Makes pages of templates.

In: a template's name and values. Out: HTML. Promises: what came from outside is only ever text (autoescape).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from functools import cache
from pathlib import Path
from types import CodeType
from typing import Any

import jinja2
from jinja2.bccache import Bucket
from markupsafe import Markup
from starlette.responses import HTMLResponse, RedirectResponse

from schema.dimensions import OTHER
from schema.metrics import METRICS
from schema.vitals import VITALS

from ..accounts.form_token import TOKEN
from ..accounts.policy import may
from . import declare, wording
from . import format as names
from .goals import rate
from .keys import KEYS
from .navigation import FIRST
from .theme import THEMES, chosen

_WITHIN = re.compile(r"(?<=[^/\s])/(?=[^/\s])")
HERE = Path(__file__).parent


class Pages:
    """base: what stands before every path. links: addresses by their names in templates."""

    def __init__(self, base: str, **links: str | bool) -> None:
        self.base = base
        self._templates = _templates(base)
        self._templates.globals |= links

    def page(self, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        """A page of a template."""
        return HTMLResponse(self._templates.get_template(template).render(values), status)

    def to(self, path: str) -> RedirectResponse:
        """Another page, which is to be asked for by GET."""
        return RedirectResponse(self.base + path, 303)


class _Compiled(jinja2.BytecodeCache):
    """Templates that were compiled in this process, which takes some 10 ms each."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._codes.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        if bucket.code:
            self._codes[bucket.key, bucket.checksum] = bucket.code


_COMPILED = _Compiled()


def _templates(base: str) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        bytecode_cache=_COMPILED,
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "count": names.count,
        "sentence": names.sentence,
        "counted": names.counted,
        "percent": names.percent,
        "money": lambda revenue: names.money(revenue.amount, revenue.currency),
        "clock": lambda second: f"{dt.datetime.fromtimestamp(second, dt.UTC):%H:%M:%S}",
        "day": names.date,
        "at": lambda second: f"{dt.datetime.fromtimestamp(second, dt.UTC):%Y-%m-%d %H:%M}",
        "days": names.days,
        "breaking": breaking,
        "moment": names.moment,
    }
    environment.globals |= {
        "base": base,
        "static": lambda name: base + _static(name),
        "TOKEN": TOKEN,
        "may": may,
        "name_of": names.name_of,
        "worded": wording.worded,
        "told_as": wording.told_as,
        "not_shown": wording.not_shown,
        "of_orders": wording.of_orders,
        "not_told": wording.not_told,
        "plain_notes": wording.plain_notes,
        "head": wording.head,
        "reason_label": lambda reason: names.REASONS.get(reason, reason),
        "vital_value": lambda cell: names.vital(cell.p75, VITALS[cell.vital].unit),
        "vital_label": lambda name: VITALS[name].label,
        "thresholds": wording.thresholds,
        "between": wording.between,
        "since_declared": declare.SINCE,
        "rate": rate,
        "rating_sign": wording.RATING_SIGNS.__getitem__,
        "OTHER": OTHER,
        "METRICS": METRICS,
        "user": None,
        "site": None,
        "declared": None,
        "alone": (),
        "nearest": None,
        "kept": (),
        "sites": (),
        "places": (),
        "FIRST_PLACES": FIRST,
        "KEYS": KEYS,
        "THEMES": tuple(THEMES),
        "theme": chosen,
        "engineers_path": "",
        "why_path": "",
        "health_path": "",
        "shares": False,
        "edited": False,
    }
    return environment


def breaking(name: str) -> Markup:
    """A name that breaks after the slashes within it, where it is too long for its line."""
    return Markup("/<wbr>").join(_WITHIN.split(name))


@cache
def _static(name: str) -> str:
    """The address of a static file, with its content's digest so that it may be cached for long."""
    return f"/static/{name}?v={hashlib.sha256((HERE / 'static' / name).read_bytes()).hexdigest()[:10]}"
