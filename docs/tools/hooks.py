"""Add to the site what lies outside ``docs``: files that pages link to, and generated tables."""

from __future__ import annotations

import posixpath
import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

sys.path.insert(0, str(Path(__file__).parent))  # a hook is no module of a package
from experiments import results
from reference import command_reference, default_reference, key_reference, settings_reference

ROOT = Path(__file__).parents[2]
MADE = {
    "<!-- commands -->": command_reference,
    "<!-- keys of run.toml -->": key_reference,
    "<!-- defaults -->": default_reference,
    "<!-- settings -->": settings_reference,
    "<!-- results -->": results,
}
"""Marks in pages, and the functions that generate what replaces them."""
OUTSIDE = ("CHANGELOG.md", "CONTRIBUTING.md", "examples/README.md", "hdl_out/README.md")
_LINK = re.compile(r"(?<=\]\()([^)#\s:]+)")
_CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add pages of the menu and linked files from above ``docs``."""
    inside = {f"docs/{file.src_uri}" for file in files.documentation_pages()}
    waiting, seen = [*sorted(inside), *OUTSIDE], set(inside) | set(OUTSIDE)
    while waiting:
        name = waiting.pop(0)
        if not name.startswith("docs/"):
            files.append(File.generated(config, _place(name), content=(ROOT / name).read_bytes()))
        if not name.endswith(".md"):
            continue
        for target in _links((ROOT / name).read_text(encoding="utf-8")):
            path = _resolve(name, target)
            if path in seen or path.startswith("docs/") or not (ROOT / path).is_file():
                continue
            seen.add(path)
            waiting.append(path)
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Point links to the copies of files in the site, and insert generated tables."""
    place = page.file.src_uri
    name = _origin(place)

    def moved(found: re.Match[str]) -> str:
        path = _resolve(name, found[1])
        if not (ROOT / path).is_file():
            return found[1]
        return posixpath.relpath(_place(path), posixpath.dirname(place) or ".")

    parts, end = [], 0
    for code in _CODE.finditer(markdown):
        parts += [_LINK.sub(moved, markdown[end : code.start()]), code[0]]
        end = code.end()
    text = "".join([*parts, _LINK.sub(moved, markdown[end:])])
    for mark, make in MADE.items():
        if mark in text:
            text = text.replace(mark, make())
    return text


def _links(text: str) -> list[str]:
    return _LINK.findall(_CODE.sub("", text))


def _resolve(name: str, target: str) -> str:
    """Return the path in the repository of what the file ``name`` links to."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), target))


def _place(name: str) -> str:
    """Return the place of a repository file in the site."""
    if name.startswith("docs/"):
        return name.removeprefix("docs/")
    return name if name in OUTSIDE and "/" not in name else f"files/{name}"


def _origin(place: str) -> str:
    """Return the repository file at a place of the site."""
    if place.startswith("files/"):
        return place.removeprefix("files/")
    return place if place in OUTSIDE else f"docs/{place}"
