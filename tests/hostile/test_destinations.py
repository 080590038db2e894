"""What is written, and where: a name from a specification replaces nothing of others."""

from __future__ import annotations

import os

import pytest

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
