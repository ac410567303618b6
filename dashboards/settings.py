"""What can be set about the dashboards.

In: the settings file's `[dashboards]` table. Out: one frozen `DashboardSettings`.
Promises: a value out of bounds is refused when the file is read, never later.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from msgspec import Meta, Struct, structs

from schema.host import listening_host, web_address
from schema.site import turned

# What our own addresses begin with: below a path of that name nobody could tell whether a proxy has taken it away.
OUR_PATHS = (
    *("account", "api", "engineers", "healthz", "invitation", "people", "sign-in", "sign-out", "sites", "static"),
    *("share", "theme", "unsubscribe"),
)


class DashboardSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How the dashboards are served and who may see them."""

    host: Annotated[str, Meta(min_length=1, description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="Port to listen on; 0 takes a free one.")] = 8001
    public_url: Annotated[
        str, Meta(description="How people reach the dashboards, with a path if it has one; empty: http://host:port.")
    ] = ""
    secure_cookies: Annotated[
        bool,
        Meta(description="Set this where browsers reach the dashboards by HTTPS: cookies are Secure, HSTS is sent."),
    ] = False
    session_days: Annotated[
        int, Meta(ge=1, le=90, description="Days until a signed-in browser must sign in again.")
    ] = 14
    audit_days: Annotated[
        int, Meta(ge=1, le=759, description="Days that the log of what was done about accounts is kept.")
    ] = 180
    table_rows: Annotated[int, Meta(ge=3, le=50, description="Rows of each card on the dashboard.")] = 9
    # A question costs milliseconds, and a beacon should be seen within 5 s of being sent.
    refresh_seconds: Annotated[int, Meta(ge=1, le=3600, description="How often a watched page asks for news.")] = 1

    def __post_init__(self) -> None:
        structs.force_setattr(self, "host", turned("host", self.host, listening_host))
        structs.force_setattr(self, "public_url", turned("public_url", self.public_url, _public_url))

    @property
    def base(self) -> str:
        """The path beneath which they are, without a slash at the end; "" is the whole of a host."""
        return urlsplit(self.public_url).path


def _public_url(text: str) -> str:
    url = web_address(text).rstrip("/")
    first = urlsplit(url).path.split("/")[1:2]
    if first and first[0] in OUR_PATHS:
        raise ValueError(f"{text!r} begins like the dashboards' own paths; write another one than {first[0]!r}")
    return url
