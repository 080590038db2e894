"""`derive completion`: the script with which a shell completes derive's command lines. It is click's own."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

VARIABLE = "_DERIVE_COMPLETE"
"""Says to `derive`, in the environment, that a shell asks what could come next."""

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> int:
    """Print the script with which bash, zsh or fish completes commands, options, and names such as tanh.

    \b
    Examples:
      eval "$(derive completion bash)"    # a line for ~/.bashrc
      eval "$(derive completion zsh)"     # for ~/.zshrc
      derive completion fish > ~/.config/fish/completions/derive.fish
    """
    made = get_completion_class(shell)
    if made is not None:
        click.echo(made(context.find_root().command, {}, "derive", VARIABLE).source())
    return 0
