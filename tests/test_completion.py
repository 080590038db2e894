"""Completion in shells: what is offered where, asked as the shells' own scripts ask."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from derive.cli import COMMANDS, main
from derive.model.tables import ACTIVATIONS, INITIALIZATIONS, LOSSES, OPTIMIZERS, ROW_ACTIVATIONS, SCHEDULES

NAMES = (*ACTIVATIONS, *ROW_ACTIVATIONS)


@pytest.fixture
def offered(monkeypatch, capsys):
    """The values and kinds that a shell is offered after these words, the last of them unfinished."""

    def ask(*words: str, shell: str = "bash") -> list[tuple[str, str]]:
        monkeypatch.setenv("_DERIVE_COMPLETE", f"{shell}_complete")
        line, unfinished = ["derive", *words], words[-1]
        monkeypatch.setenv("COMP_WORDS", " ".join(line if shell == "bash" else [*line[:-1], unfinished]))
        monkeypatch.setenv("COMP_CWORD", unfinished if shell == "fish" else str(len(words)))
        assert main([]) == 0
        lines = capsys.readouterr().out.rstrip().splitlines()
        if shell == "zsh":
            return list(zip(lines[1::3], lines[::3], strict=True))
        return [(value, kind) for kind, _, value in (each.partition(",") for each in lines)]

    return ask


def values(items: list[tuple[str, str]]) -> list[str]:
    return [value for value, _ in items]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_commands_and_names(offered, shell):
    found = values(offered("", shell=shell))
    assert sorted(value.partition("\t")[0] for value in found) == sorted(COMMANDS)
    assert values(offered("generate", "--activation", "soft", shell=shell)) == [
        name for name in NAMES if name.startswith("soft")
    ]


@pytest.mark.parametrize(
    ("option", "names"),
    [
        ("--activation", NAMES),
        ("--output", NAMES),
        ("--loss", LOSSES),
        ("--optimizer", OPTIMIZERS),
        ("--schedule", SCHEDULES),
        ("--initialization", INITIALIZATIONS),
        ("--style", ["fast", "readable"]),
        ("--dtype", ["float64", "float32"]),
    ],
)
def test_every_table(offered, option, names):
    assert sorted(values(offered("generate", option, ""))) == sorted(names)


def test_lists_options_files_and_choices(offered):
    assert values(offered("generate", "--activation", "relu,tanh,sig")) == ["relu,tanh,sigmoid"]
    assert values(offered("generate", "--opt")) == ["--optimizer"]
    for words in (("generate", "dig"), ("verify", "--text", "./"), ("audit", ""), ("generate", "-o", "x")):
        assert [kind for _, kind in offered(*words)] == ["file"]
    assert values(offered("verify", "--text", "hi")) == ["higham"]
    assert values(offered("explain", "--format", "")) == ["terminal", "html", "latex", "notebook"]
    assert values(offered("exercises", "--format", "l")) == ["latex"]
    assert values(offered("grade", "--layout", "c")) == ["columns"]
    assert values(offered("completion", "")) == ["bash", "zsh", "fish"]
    assert values(offered("generate", "--loss", "no-such")) == []


@pytest.mark.parametrize(
    ("shell", "words"), [("bash", ["--loss", "=", "cr"]), ("zsh", ["--loss=cr"]), ("fish", ["--loss=cr"])]
)
def test_an_option_and_its_value_in_one_word(offered, shell, words):
    """Of which bash makes three; the scripts of the other shells put the option in front again."""
    assert values(offered("generate", *words, shell=shell)) == ["cross_entropy"]


def test_the_script_of_zsh_keeps_the_option(derive):
    script = derive("completion", "zsh").out
    assert "compset -P '--*='" in script
    assert script.count('compadd -U -i "$IPREFIX"') == script.count("compadd") == 1


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_asks_as_it_is_answered(derive, shell):
    result = derive("completion", shell)
    assert result.status == 0
    assert f"_DERIVE_COMPLETE={shell}_complete" in result.out
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed, so its script is not parsed")
    done = subprocess.run([shell, "-n"], input=result.out, text=True, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_shell_that_is_not_known(derive):
    result = derive("completion", "tcsh")
    assert result.status == 2
    assert "'bash', 'zsh', 'fish'" in result.err
    assert result.out == ""


def run(shell: str, script: str) -> list[str]:
    """The lines that the shell itself prints, where it and the command derive are installed."""
    folder = Path(sys.executable).parent
    if shutil.which(shell) is None or not (folder / "derive").exists():
        pytest.skip(f"{shell}, or the command derive beside Python, is not installed")
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    done = subprocess.run([shell, "-c", script], capture_output=True, text=True, check=False, env=environment)
    assert done.stdout, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("words", ["--loss hu", "--loss = hu"])
def test_in_bash_itself(words):
    """Sources the script, presses Tab after `derive generate --loss hu`, and prints what was offered."""
    lines = f'eval "$(derive completion bash)"; COMP_WORDS=(derive generate {words}); COMPREPLY=()'
    script = f"{lines}; COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); compopt() {{ :; }}; _derive_completion derive"
    assert run("bash", f'{script}; echo "${{COMPREPLY[@]}}"') == ["huber"]


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("--loss hu", "huber"),
        ("--loss=hu", "--loss=huber"),
        ("--activation tanh,lec", "tanh,lecun_tanh"),
        ("--dty", "--dtype\tOne of: float64, float32."),
        ("--certificate=some", "--certificate=some file.json"),
    ],
)
def test_in_fish_itself(typed, offered, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "some file.json").touch()
    line = f'derive completion fish | source; complete -C "derive generate {typed}"'
    assert run("fish", line) == [offered]
