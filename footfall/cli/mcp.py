"""The `mcp` command: answers programs that speak the Model Context Protocol, on standard input and output.

In: messages, a line each. Out: messages.
"""

from __future__ import annotations

import sys
from functools import partial
from importlib import metadata

import click

from ..control.opening import opened, settings_in_force
from ..mcp.protocol import Server
from ..mcp.tools import INSTRUCTIONS, Tools
from .options import Load, common, prepare
from .why import site_named


@click.command()
@common
@click.option("--site", default="", help="Of this site only (default: of every one that the dashboards show).")
def mcp(load_settings: Load, site: str) -> None:
    """Let a program such as an assistant ask for numbers: a server of the Model Context Protocol over stdio."""
    prepare("mcp")
    settings = load_settings()
    only = site_named(settings_in_force(settings), site).key if site else ""
    about = {"name": "footfall", "title": "Footfall", "version": metadata.version("footfall")}
    server = Server(about, INSTRUCTIONS, Tools(partial(opened, settings), only).all())
    server.serve(sys.stdin.buffer, _write)


def _write(message: bytes) -> None:
    sys.stdout.buffer.write(message)
    sys.stdout.buffer.flush()
