"""Text from anywhere, made fit to be shown."""

from __future__ import annotations

__all__ = ["one_line"]


def one_line(text: str) -> str:
    """Return text on one line; what a terminal would take as a command is shown as an escape."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in " ".join(text.split())
    )
