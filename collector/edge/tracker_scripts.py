"""The tracker's scripts: the core and the chosen parts, put together for the name that a page asks for.

In: `/js/NAME.js`. Out: one script, its digest, and a `/js/NAME.json` that tells both. A name is `script`, or `script`
with parts and a digest between dots: `script.vitals.outbound-links.js`, `script.core.3f0c….js`.
Promises: the same parts in any order are the same bytes; a script takes no global name but `footfall` and `plausible`.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
import sys
from collections.abc import Sequence
from functools import cache, lru_cache
from importlib import resources

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

# Pieces in the order in which they stand in a script: a beacon goes through the parts in this order, and the first part
# that knows a click takes it.
PARTS = (
    "consent",
    "opt-out",
    "exclusions",
    "engagement",
    "vitals",
    "pageview-props",
    "404",
    "tagged-events",
    "revenue",
    "outbound-links",
    "file-downloads",
    "form-submissions",
    "plausible",
)
# What `data-NAME` of the script's tag says, said by its address.
PRESETS = ("hash", "manual", "local")
# One listener for all that people do, for the parts that read it.
_ACTS = "acts"
# What finds the tag of a script that runs as a module: in every script but the bare core.
_MODULE = "module"
_ACTING = frozenset(("tagged-events", "revenue", "outbound-links", "file-downloads", "form-submissions"))
# In a script that holds everything these wait for their attribute; named in the address, they are on.
_ASKED_FOR = frozenset(("404", "outbound-links", "file-downloads", "form-submissions"))
# The names of Plausible's scripts. `compat` was for browsers of another age.
_PLAUSIBLES = frozenset(
    ("exclusions", "pageview-props", "tagged-events", "revenue", "outbound-links", "file-downloads", "compat", *PRESETS)
)
_KNOWN = frozenset(("core", "compat", *PARTS, *PRESETS))
_DIGEST = re.compile(r"[0-9a-f]{16}")
# Named, and yet not wanted.
_GZIP_REFUSED = re.compile(r"gzip\s*;\s*q=0(\.0*)?\s*(,|\Z)", re.IGNORECASE)
_FOLDER = resources.files("collector").joinpath("tracker", "built")

# An hour: long enough to cost nothing, short enough that an update arrives.
_FOR_AN_HOUR = "public, max-age=3600"
_FOR_GOOD = "public, max-age=31536000, immutable"
# Meant for other people's pages; with `crossorigin` and `integrity`, too.
_HEADERS = {
    "access-control-allow-origin": "*",
    "cross-origin-resource-policy": "cross-origin",
    "x-content-type-options": "nosniff",
}


class UnknownPart(ValueError):
    """A script's name holds a part that does not exist. Says which parts do."""

    def __init__(self) -> None:
        super().__init__(
            "no such script: /js/script.js, or parts between dots as in /js/script.vitals.hash.js.\n"
            f"Parts: {', '.join(PARTS)}. Alone: core. Also: {', '.join(PRESETS)}.\n"
        )


class Script(Struct, frozen=True):
    """name: canonical, without digest and ending. digest: of the content, as it stands in the immutable address."""

    name: str
    content: bytes
    zipped: bytes
    digest: str
    integrity: str

    @property
    def path(self) -> str:
        """The address that never changes its content."""
        return f"/js/{self.name}.{self.digest}.js"


def script_of(name: str) -> Script:
    """The script of a name without digest and ending. Raises UnknownPart."""
    kind, *named = name.split(".")
    if re.fullmatch(r"pa-[\w-]{1,64}", kind) and not named:
        kind = "pa"
    elif kind not in ("script", "plausible") or not _KNOWN.issuperset(named):
        raise UnknownPart
    return _script(kind, frozenset(named))


def routes() -> Sequence[Route]:
    """The scripts, and what is to be said of them in a page's tag."""
    return [Route("/js/{name}.js", _serve), Route("/js/{name}.json", _describe)]


@lru_cache(maxsize=128)
def _script(kind: str, named: frozenset[str]) -> Script:
    if kind == "pa":
        # Plausible's newer snippet: everything is here, and nothing begins before the page's `plausible.init(…)`.
        name, parts, presets = "pa-script", frozenset(PARTS), frozenset(("wait",))
    elif kind == "script" and not named:
        name, parts, presets = "script", frozenset(PARTS), frozenset()
    else:
        # A script of Plausible's measures engagement and answers to its name. So does one that is asked for by
        # nothing but names of its own: a page then changes the host and nothing else.
        theirs = kind == "plausible" or named <= _PLAUSIBLES
        parts = named.intersection(PARTS) | ({"engagement", "plausible"} if theirs else frozenset())
        presets = named & (_ASKED_FOR | frozenset(PRESETS))
        name = ".".join((kind, *(word for word in ("core", *PARTS, *PRESETS) if word in named)))
    content = _composed(parts, presets)
    digest = hashlib.sha256(content).hexdigest()[:16]
    integrity = "sha384-" + base64.b64encode(hashlib.sha384(content).digest()).decode()
    return Script(name, content, gzip.compress(content, 9, mtime=0), digest, integrity)


def _composed(parts: frozenset[str], presets: frozenset[str]) -> bytes:
    """One function of its own, in which the pieces find the presets as O and the tag as S, and put the parts into P."""
    pieces = [name for name in PARTS if name in parts]
    if _ACTING & parts:
        pieces.insert(0, _ACTS)
    if pieces:
        pieces.insert(0, _MODULE)
    return _joined(pieces, presets)


def _joined(pieces: Sequence[str], presets: frozenset[str]) -> bytes:
    given = json.dumps(dict.fromkeys(sorted(presets), ""), separators=(",", ":"))
    body = "".join(map(_piece, (*pieces, "core")))
    return f"(()=>{{let O={given},P=[],S=document.currentScript;{body}}})();\n".encode()


@cache
def _piece(name: str) -> str:
    return _FOLDER.joinpath(f"{name}.js").read_text(encoding="utf-8").rstrip()


async def _serve(request: Request) -> Response:
    name, _, last = request.path_params["name"].rpartition(".")
    digest = last if name and _DIGEST.fullmatch(last) else ""
    try:
        script = script_of(name if digest else request.path_params["name"])
    except UnknownPart as unknown:
        return PlainTextResponse(str(unknown), 404, _HEADERS)
    # An address of an older version keeps counting with today's script, unless the page's tag pins its bytes.
    headers = {
        **_HEADERS,
        "cache-control": _FOR_GOOD if digest == script.digest else _FOR_AN_HOUR,
        "vary": "accept-encoding",
    }
    accepted = request.headers.get("accept-encoding", "")
    zips = "gzip" in accepted and not _GZIP_REFUSED.search(accepted)
    tag = f'"{script.digest}{"-gzip" if zips else ""}"'
    headers["etag"] = tag
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if zips:
        headers["content-encoding"] = "gzip"
    return Response(script.zipped if zips else script.content, 200, headers, "text/javascript; charset=utf-8")


async def _describe(request: Request) -> Response:
    try:
        script = script_of(request.path_params["name"])
    except UnknownPart as unknown:
        return PlainTextResponse(str(unknown), 404, _HEADERS)
    description = {
        "src": script.path,
        "integrity": script.integrity,
        "bytes": len(script.content),
        "gzipped": len(script.zipped),
    }
    return JSONResponse(description, headers={**_HEADERS, "cache-control": "no-cache"})


def sizes() -> list[tuple[str, int, int]]:
    """(name, bytes, gzipped bytes) of the core, of what each part adds to it, and of whole scripts."""
    core = _script("script", frozenset(("core",)))
    table = [("core", len(core.content), len(core.zipped))]
    # What the first part brings along; then what each adds to that.
    content = _joined((_MODULE,), frozenset())
    first = len(content), len(gzip.compress(content, 9, mtime=0))
    table.append((f"+ {_MODULE}", first[0] - len(core.content), first[1] - len(core.zipped)))
    for part in PARTS:
        # Where a part needs the listener, that is part of its price.
        with_part = _script("script", frozenset(("core", part)))
        table.append((f"+ {part}", len(with_part.content) - first[0], len(with_part.zipped) - first[1]))
    for name in ("script", "plausible", "pa-XXXX"):
        script = script_of(name)
        table.append((f"/js/{name}.js", len(script.content), len(script.zipped)))
    return table


if __name__ == "__main__":
    for name, plain, zipped in [("", "bytes", "gzipped"), *sizes()]:
        sys.stdout.write(f"{name:24}{plain:>8}{zipped:>9}\n")
