"""What the site takes from outside ``docs``: the commands, and files of the repository that pages link to."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from btfsynth.cli.main import cli

ROOT = Path(__file__).parents[2]
MARK = "<!-- commands -->"
OUTSIDE = ("CHANGELOG.md", "CONTRIBUTING.md", "hdl_out/README.md")
_LINK = re.compile(r"(?<=\]\()([^)#\s:]+)")
_CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what lies above ``docs``: the pages of the menu, and every file that a page leads to."""
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
    """Point links to files of the repository to their copies in the site; put the commands in."""
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
    return text.replace(MARK, command_reference()) if MARK in text else text


def command_reference() -> str:
    """Return every command with its arguments and options, as the command line itself has them."""
    context = click.Context(cli, info_name="btfsynth")
    parts = []
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        if command is None:
            raise LookupError(name)
        parts.append(_reference(command, click.Context(command, info_name=name, parent=context)))
    return "\n".join(parts)


def _reference(command: click.Command, context: click.Context) -> str:
    usage = context.command_path + " " + " ".join(command.collect_usage_pieces(context))
    lines = [f"## {command.name}", "", "```text", usage, "```", ""]
    lines += _described(command.help or "")
    lines += ["", "| option | meaning |", "|---|---|"]
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None:
            option, meaning = (" ".join(text.split()).replace("|", "\\|") for text in record)
            lines.append(f"| `{option}` | {_text(meaning)} |")
    return "\n".join([*lines, ""])


def _described(text: str) -> list[str]:
    """Return the help of a command, its examples as a block of code."""
    lines: list[str] = []
    for paragraph in text.replace("\f", "").split("\n\n"):
        verbatim = paragraph.startswith("\b")
        rows = paragraph.removeprefix("\b").strip("\n").splitlines()
        if verbatim and rows:
            lines += [rows[0], "", "```sh", *(row.strip() for row in rows[1:]), "```", ""]
        else:
            lines += [_text(row.strip()) for row in rows] + [""]
    return lines


def _text(text: str) -> str:
    return text.replace("<", "&lt;").replace("[", "\\[").replace("*", "\\*")


def _links(text: str) -> list[str]:
    return _LINK.findall(_CODE.sub("", text))


def _resolve(name: str, target: str) -> str:
    """Return the path in the repository of what the file ``name`` links to."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), target))


def _place(name: str) -> str:
    """Return where the site has a file of the repository."""
    if name.startswith("docs/"):
        return name.removeprefix("docs/")
    return name if name in OUTSIDE and "/" not in name else f"files/{name}"


def _origin(place: str) -> str:
    """Return which file of the repository the site has at ``place``."""
    if place.startswith("files/"):
        return place.removeprefix("files/")
    return place if place in OUTSIDE else f"docs/{place}"
