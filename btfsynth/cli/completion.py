"""``btfsynth completion``."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

__all__ = ["command"]

PROGRAM = "btfsynth"
VARIABLE = "_BTFSYNTH_COMPLETE"


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print what lets a SHELL complete commands, options, their values, tasks and files.

    \b
    Examples:
      btfsynth completion bash > ~/.local/share/bash-completion/completions/btfsynth
      echo 'eval "$(btfsynth completion zsh)"' >> ~/.zshrc
      btfsynth completion fish > ~/.config/fish/completions/btfsynth.fish
    """  # noqa: D301
    kind = get_completion_class(shell)
    if kind is None:  # the three come with click
        raise click.UsageError(f"{shell}: expected a shell that click knows", context)
    script = kind(context.find_root().command, {}, PROGRAM, VARIABLE)
    click.echo(script.source_template % script.source_vars())
