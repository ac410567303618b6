"""Referrer spam: visits forged so that a host's name is read in statistics.

In: the referring host or the source a link names, and more hosts from the settings. Out: yes or no.
Promises: a host counts with its subdomains, never as a part of another word.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import resources

from schema.host import bare_host

# A host has at most 127 labels; of those that people visit, five.
_MAX_LABELS = 8


def is_spam(host: str, more: frozenset[str] = frozenset()) -> bool:
    """Whether a host, or one that it is part of, is known to forge visits."""
    return bool(host) and _is_spam(host, more)


@lru_cache(maxsize=4096)
def _is_spam(host: str, more: frozenset[str]) -> bool:
    # The source that a link names may be in any alphabet.
    labels = bare_host(host).split(".")[-_MAX_LABELS:]
    suffixes = [".".join(labels[start:]) for start in range(len(labels) - 1)]
    return any(suffix in _KNOWN or suffix in more for suffix in suffixes)


def _read_hosts() -> frozenset[str]:
    lines = (resources.files("collector.enrich") / "data" / "referrer_spam.tsv").read_text("utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


_KNOWN = _read_hosts()
