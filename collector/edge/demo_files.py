"""The files of the demo shop: pages with one head, foot and navigation, and what they load.

In: the files of `demo/`. Out: each file by its name; a page is its title and text within `page.html`.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources

_AROUND = "page.html"
HOME = "index.html"


def demo_files() -> Iterator[tuple[str, bytes]]:
    """Every file that is served, by its name."""
    folder = resources.files("collector.edge").joinpath("demo")
    around = folder.joinpath(_AROUND).read_text(encoding="utf-8")
    for entry in folder.iterdir():
        if entry.name.endswith(".html") and entry.name != _AROUND:
            yield entry.name, _page(around, entry.name, entry.read_text(encoding="utf-8")).encode()
        elif entry.name != _AROUND:
            yield entry.name, entry.read_bytes()


def _page(around: str, name: str, text: str) -> str:
    """title: the first line of the text, as a tag; the rest stands within <main>."""
    title, _, main = text.partition("\n")
    link = f'<a href="{"./" if name == HOME else name}"'
    marked = around.replace(f"{link}>", f'{link} aria-current="page">', 1)
    return marked.replace("<title>{title}</title>", title).replace("{main}", main)
