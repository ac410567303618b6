"""Names of hosts, in the one spelling in which browsers send them.

In: a name as people write it: any case and alphabet, with a trailing dot, perhaps with a scheme or a port. Out: lower
case and ASCII (IDNA by UTS #46, as the URL standard has it), or a ValueError that says what to write instead.
"""

from __future__ import annotations

import re
import socket
from functools import lru_cache
from ipaddress import IPv6Address
from urllib.parse import quote, urlsplit

_LABEL = "[a-z0-9_-]{1,63}"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_MAX_NAME = 253
# Browsers take a name whose last part is a number for an address of IPv4, however it is written, or for none.
_NUMBERS = re.compile(r"(?:.*\.)?(?:\d+|0x[0-9a-f]*)")
# Nothing of it needs a closer look.
_PLAIN = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")
_SCHEME = re.compile(r"https?://", re.IGNORECASE)
_PORT = re.compile(r"(?<=.):\d{1,5}\Z", re.ASCII)
# Nothing that would mean something else in a header, in HTML or in a cookie; "//" would name another host.
_PATH = re.compile(r"(?:/(?!\.{1,2}(?:/|\Z))(?:[A-Za-z0-9._~+=:@-]|%[0-9A-Fa-f]{2})+)*/?")
_ASCII = "".join(map(chr, range(128)))
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def host_name(text: str) -> str:
    """A host out of the settings. Raises ValueError, with the remedy, for what no browser sends as one."""
    try:
        name = ascii_host(text.strip())
    except ValueError:
        name = ""
    sent = _of_numbers(name)
    if _NAME.fullmatch(sent) and len(sent) <= _MAX_NAME and all(map(_is_decodable, sent.split("."))):
        return sent
    if ":" in name:
        try:
            return _v6(name)
        except ValueError:
            pass
    rest = _without_scheme(text).partition("/")[0]
    likely = bare_host(rest)
    write = f"write {likely!r}, without scheme, port and path" if likely != name and _NAME.fullmatch(likely) else ""
    raise ValueError(f"{text!r} is not a host name; {write or 'write one such as example.com, without anything else'}")


def host_pattern(text: str) -> str:
    """A host, or `*.` and one: it and all below. Raises ValueError."""
    star = "*." if text.strip().startswith("*.") else ""
    try:
        return star + host_name(text.strip().removeprefix(star))
    except ValueError as problem:
        remedy = str(problem).partition("; ")[2]
        raise ValueError(f"{text!r} is not a host name; {remedy}; '*.example.com' is it and all below") from None


@lru_cache(maxsize=1024)
def site_name(text: str) -> str:
    """The name under which a site is looked up that a beacon or a person calls so. What is no host stays as it is."""
    return bare_host(text).removeprefix("www.")


def bare_host(text: str) -> str:
    """The host, without scheme, port and a slash at the end; what is no host stays as it is, in lower case."""
    name = text.strip()
    if not _PLAIN.fullmatch(name):
        name = _without_scheme(name).rstrip("/")
        port = _PORT.search(name)
        # What a tracker of others calls a site may have a colon in it; an address without brackets has several.
        if port and (name.startswith(("[", "localhost:")) or ("." in name and name.count(":") == 1)):
            name = name[: port.start()]
    try:
        return ascii_host(name)
    except ValueError:
        return name.lower()


@lru_cache(maxsize=1024)
def ascii_host(text: str) -> str:
    """The host of a URL in lower case and ASCII, without trailing dot and brackets. Raises ValueError."""
    if text.isascii():
        name = text.lower()
    elif len(text) > _MAX_NAME:
        raise ValueError("no host is as long")
    else:
        # Ten milliseconds, for what most houses never see.
        from idna import uts46_remap

        # Of IDNA's rules only the mapping: browsers let pass what registries do not, emoji and underscores among it.
        labels = uts46_remap(text, std3_rules=False).split(".")
        name = ".".join(label if label.isascii() else f"xn--{label.encode('punycode').decode()}" for label in labels)
    if name.startswith("[") and name.endswith("]"):
        return _v6(name[1:-1])
    return name.removesuffix(".")


def listening_host(text: str) -> str:
    """An address or a name to listen on, as a socket takes it. Raises ValueError."""
    host = text.strip()
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    try:
        # Here, unlike in a URL, a zone has a meaning: fe80::1%eth0.
        return str(IPv6Address(host)) if ":" in host else host_name(host)
    except ValueError:
        alone = bare_host(_without_scheme(text).partition("/")[0])
        try:
            write = f"write {host_name(alone)!r} alone"
        except ValueError:
            write = "write one such as '127.0.0.1'"
        raise ValueError(
            f"{text!r} is no address to listen on; {write}, without scheme and path; its port is told apart"
        ) from None


def in_url(host: str) -> str:
    """A host as it stands in a URL."""
    return f"[{host}]" if ":" in host else host


def web_address(text: str) -> str:
    """An http(s) URL out of the settings, its host as browsers send it; "" stays. Raises ValueError."""
    if not text.strip():
        return ""
    try:
        parts = urlsplit(text.strip())
        host, port = host_name(parts.hostname or ""), "" if parts.port is None else f":{parts.port}"
        path = quote(parts.path, safe=_ASCII)
        if parts.scheme not in ("http", "https") or "@" in parts.netloc or parts.query or parts.fragment:
            raise ValueError
        if not _PATH.fullmatch(path):
            raise ValueError
    except ValueError:
        raise ValueError(
            f"{text!r} is not the address of a website: write one such as 'https://stats.example.com', with a port or "
            "a path if it has one"
        ) from None
    return f"{parts.scheme}://{in_url(host)}{port}{path}"


def authority(url: str) -> str:
    """Host and port of a URL or an Origin, as a Host header has them; "" for what is none of the web."""
    scheme, found, rest = url.lower().partition("://")
    if not found or scheme not in _DEFAULT_PORTS:
        return ""
    return rest.partition("/")[0].partition("?")[0].partition("#")[0].removesuffix(_DEFAULT_PORTS[scheme])


def _without_scheme(text: str) -> str:
    return _SCHEME.sub("", text.strip(), count=1)


def _of_numbers(name: str) -> str:
    """The address that a browser makes of a name of numbers, "" where it makes none; every other name as it is."""
    if not _NUMBERS.fullmatch(name):
        return name
    try:
        return socket.inet_ntoa(socket.inet_aton(name))
    except OSError:
        return ""


def _v6(text: str) -> str:
    if "%" in text:
        raise ValueError("an address with a zone is no host")
    return str(IPv6Address(text))


def _is_decodable(label: str) -> bool:
    if not label.startswith("xn--"):
        return True
    try:
        return bool(label[4:].encode().decode("punycode"))
    except UnicodeError:
        return False
