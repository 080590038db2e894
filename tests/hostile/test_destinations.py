"""What is written, and where: a name from a specification replaces nothing of others."""

from __future__ import annotations

import os

import pytest

from derive.commands import files
from derive.commands.console import complain
from derive.model.errors import DeriveError
from derive.model.specification import from_toml
from tests.hostile.test_corpus import refused


def named(folder, name: str) -> str:
    (folder / "s.toml").write_text(f'name = "{name}"\nsizes = [2, 1]\nactivations = ["tanh"]\n')
    return "s.toml"


COMMANDS = {
    "generate": (["generate", "s.toml", "--no-audit"], "conftest_of.py"),
    "latex": (["explain", "s.toml", "--format", "latex"], "conftest_of.tex"),
    "html": (["explain", "s.toml", "--format", "html"], "conftest_of.html"),
    "notebook": (["explain", "s.toml", "--format", "notebook"], "conftest_of.ipynb"),
    "exercises": (["exercises", "s.toml", "--count", "1"], "conftest_of_exercises.tex"),
    "exercises in a notebook": (
        ["exercises", "s.toml", "--count", "1", "--format", "notebook"],
        "conftest_of_exercises.ipynb",
    ),
}


@pytest.mark.parametrize("case", COMMANDS)
def test_what_derive_did_not_write_stays(derive, tmp_path, case):
    arguments, name = COMMANDS[case]
    named(tmp_path, "conftest_of")
    for text in ("import mine\n", "", "the perceptron (of mine)"):
        (tmp_path / name).write_text(text)
        refused(derive, tmp_path, arguments, f"{name}: exists and is not derive's; name another file with -o")
    (tmp_path / name).unlink()
    assert derive(*arguments).status == 0
    first = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(first + b"\n")
    assert derive(*arguments).status == 0  # it is derive's own
    assert (tmp_path / name).read_bytes() == first
    (tmp_path / name).write_text("mine")
    assert derive(*arguments, "-o", name).status == 0  # it was typed
    assert (tmp_path / name).read_bytes() == first


def test_a_name_that_was_typed_is_meant(derive, tmp_path):
    (tmp_path / "mine.py").write_text("import mine\n")
    assert derive("generate", named(tmp_path, "theirs"), "--no-audit", "--name", "mine").status == 0
    assert "perceptron" in (tmp_path / "mine.py").read_text()
    assert derive("generate", "--layers", "2-1", "--no-audit", "--name", "numpy").status == 0


@pytest.mark.parametrize("name", ["numpy", "NumPy", "os", "conftest", "sympy", "sitecustomize", "derive", "statistics"])
def test_the_name_of_another_module(derive, tmp_path, name):
    named(tmp_path, name)
    refused(derive, tmp_path, ["generate", "s.toml"], f"{name}.py: would be taken for another module, {name}; name the")
    assert derive("explain", "s.toml", "--format", "latex").status == 0
    assert derive("generate", "s.toml", "--no-audit", "-o", "net.py").status == 0


def test_a_pipe_that_is_called_so_is_not_read(derive, tmp_path, bounded):
    named(tmp_path, "net")
    os.mkfifo(tmp_path / "net.py")
    result = derive("generate", "s.toml", "--no-audit")
    assert result.status == 2
    assert "net.py: exists and is not derive's" in result.err


def test_a_link_to_the_specification_is_the_specification(derive, tmp_path):
    named(tmp_path, "net")
    os.link(tmp_path / "s.toml", tmp_path / "net.tex")
    refused(derive, tmp_path, ["explain", "s.toml", "--format", "latex"], "is the specification itself")


# Several files at once


def test_a_certificate_that_cannot_be_written_leaves_the_module_as_it_was(derive, tmp_path):
    (tmp_path / "g.py").write_text("old\n")
    refused(
        derive,
        tmp_path,
        ["generate", "--layers", "2-1", "-o", "g.py", "--certificate", "/dev/full"],
        "/dev/full: cannot be written: No space left on device",
    )
    assert [path.name for path in tmp_path.iterdir()] == ["g.py"]
    result = derive("generate", "--layers", "2-1", "-o", "-", "--certificate", "/dev/full")
    assert (result.status, result.out) == (2, "")


@pytest.mark.parametrize("failing", [1, 2])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=repr)
def test_all_files_or_none(tmp_path, monkeypatch, failing, error):
    calls = []

    def full(descriptor):
        calls.append(descriptor)
        if len(calls) == failing:
            raise error

    monkeypatch.setattr(files.os, "fsync", full)
    for name in ("a", "b"):
        (tmp_path / name).write_text("old")
    texts = {tmp_path / "a": "new", tmp_path / "b": b"new"}
    with pytest.raises((DeriveError, KeyboardInterrupt)):
        files.write_all(texts)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "old", "b": "old"}
    files.write_all(texts)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "new", "b": "new"}


def test_a_protected_file_is_found_before_any_work(derive, rooms, tmp_path, monkeypatch):
    for name in ("net.py", "c.json"):
        (tmp_path / name).write_text("old")
    for protected in ("net.py", "c.json"):
        with monkeypatch.context() as patch:
            patch.setattr(
                files.os, "access", lambda path, mode, name=protected: mode != os.W_OK or os.path.basename(path) != name
            )
            refused(
                derive,
                tmp_path,
                ["generate", "--layers", "2-1", "-o", "net.py", "--certificate", "c.json"],
                f"{protected}: cannot be written: the file is write-protected",
            )
    assert rooms.asked == []


def test_a_folder_that_is_a_file_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DeriveError, match=r"net.py: cannot be written: Not a directory"):
        files.write_whole(tmp_path / "file" / "net.py", "new")


# Long names


@pytest.mark.parametrize("length", [1000, 5000])
def test_a_path_of_thousands_of_characters_is_shortened(derive, tmp_path, length):
    name = "/".join(["x" * 50] * (length // 50))
    for arguments in (
        ["generate", f"{name}.toml"],
        ["audit", f"{name}.py"],
        ["generate", "--layers", "2-1", "-o", f"{name}.py"],
        ["generate", "--layers", "2-1", "--certificate", f"{name}.json"],
        ["verify", "--certificate", f"{name}.json", "net.py"],
        ["exercises", "--report", f"{name}.jsonl"],
    ):
        refused(derive, tmp_path, arguments, "xxx...xxx")
        assert len(derive(*arguments).err) < 600


LONG = "x" * 200_000
HEAD = 'sizes = [2, 1]\nactivations = ["tanh"]\n'
SPECIFICATIONS = {
    "an activation": (f"activation.{LONG} = 1\n{HEAD}", "needs an expression, as in"),
    "an activation with an escape": (f'activation."\\u001b{LONG}" = 1\n{HEAD}', "needs an expression, as in"),
    "a key": (f"{HEAD}{LONG} = 1\n", "unknown key"),
    "a constant": (
        f'sizes = [2, 1]\nactivations = ["o"]\n[activation.o]\nexpression = "z"\n{LONG} = "x"\n',
        "the constant",
    ),
    "a constant of a penalty": (f"{HEAD}penalty = {{{LONG} = 1}}\n", "unknown"),
    "a constant of a schedule": (f'{HEAD}schedule = {{name = "step", {LONG} = 1}}\n', "unknown"),
    "a constant of a loss": (f'{HEAD}loss = {{name = "o", expression = "(a - y)**2", {LONG} = "x"}}\n', "o"),
}


@pytest.mark.parametrize("case", SPECIFICATIONS)
def test_a_long_name_in_a_specification_is_shortened(derive, tmp_path, case):
    text, words = SPECIFICATIONS[case]
    with pytest.raises(DeriveError) as error:
        from_toml(text, "net.toml")
    assert len(str(error.value)) < 500
    (tmp_path / "net.toml").write_text(text)
    refused(derive, tmp_path, ["generate", "net.toml"], words)


def test_a_message_is_cut_in_the_middle(capsys):
    assert complain(f"net.toml: {'x' * 10**6} is too long", 2) == 2
    message = capsys.readouterr().err
    assert message.startswith("derive: net.toml: xxx")
    assert message.endswith("xxx is too long\n")
    assert len(message) < 1020
