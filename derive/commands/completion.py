"""`derive completion`: the script with which a shell completes derive's command lines.

The scripts are click's own, but for what is typed as one word with its option, `--loss=cr`, which each shell takes
apart in its own way, and for lists, which fish would cut at their commas.
"""

from __future__ import annotations

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ZshComplete,
    add_completion_class,
    get_completion_class,
)

VARIABLE = "_DERIVE_COMPLETE"
"""Says to `derive`, in the environment, that a shell asks what could come next."""

SHELLS = ("bash", "zsh", "fish")


class _Bash(BashComplete):
    """For bash `--loss=cr` is three words, of which it completes the last."""

    def get_completion_args(self) -> tuple[list[str], str]:
        words, unfinished = super().get_completion_args()
        return [word for word in words if word != "="], unfinished


class _Zsh(ZshComplete):
    """In zsh the script says what is in front of the value; without that it would be replaced."""

    source_template = ZshComplete.source_template.replace(
        "local -a completions\n", "local -a completions\n    compset -P '--*='\n"
    ).replace("compadd -U", 'compadd -U -i "$IPREFIX"')


class _Fish(FishComplete):
    """In fish every answer is a whole word, with its description after a tab."""

    source_template = """\
function %(complete_func)s
    set -l option (string match -r -- '^--[^=]*=' (commandline -t))
    set -lx COMP_WORDS (commandline -cp)
    set -lx COMP_CWORD (commandline -t)
    for item in (env %(complete_var)s=fish_complete %(prog_name)s)
        set -l parts (string split -m 1 , -- $item)
        test $parts[1] = plain; or set parts plain (__fish_complete_path $parts[2])
        for value in $parts[2..-1]
            echo "$option$value"
        end
    end
end

complete --no-files --command %(prog_name)s --arguments "(%(complete_func)s)"
"""

    def format_completion(self, item: CompletionItem) -> str:
        description = " ".join((item.help or "").split())
        return f"{item.type},{item.value}" + f"\t{description}" * bool(description)


for _shell in (_Bash, _Zsh, _Fish):
    add_completion_class(_shell)


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
