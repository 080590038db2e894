"""Known hostile input is refused in one line with exit status 2, or stays what it is: text."""

from __future__ import annotations

import ast
import json
import os
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from derive.algebra.gradient import differentiate
from derive.codegen.audit import audit
from derive.codegen.emit import digest, emit, load
from derive.interop import load_parameters
from derive.model.activation import Activation
from derive.model.architecture import Architecture
from derive.model.errors import DeriveError, shorten
from derive.model.loss import Loss
from tests.hostile.corpus import ANSWERS, EXPRESSIONS, MODULES, NAMES, RECORDS, SPECIFICATIONS, TEXTS

LAYERS = ["--layers", "2-3-1"]
NETWORK = Architecture((2, 3, 1), ("tanh", "identity"), name="net")


def refused(derive, folder: Path, arguments: list[str], words: str) -> None:
    """One line of printable characters on stderr with these words, status 2, and nothing written."""
    before = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    result = derive(*arguments)
    assert (result.status, result.out) == (2, ""), result
    assert result.err.startswith("derive: ")
    assert result.err[:-1].isprintable()
    assert words in result.err
    assert len(result.err) < 1500
    assert {path: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


@pytest.mark.parametrize("case", EXPRESSIONS)
def test_an_expression(case):
    text, words = EXPRESSIONS[case]
    with pytest.raises(DeriveError) as error:
        Activation("own", text)
    assert words in str(error.value)
    assert str(error.value).isprintable()
    if case not in ("infinite at once", "constant in disguise", "jump far out"):  # of which a loss may be made
        with pytest.raises(DeriveError):
            Loss("own", text.replace("z", "a"))


@pytest.mark.parametrize("case", ["comment", "jinja expression", "a tower of powers", "forty max", "escape"])
def test_an_expression_on_the_command_line_and_in_a_file(derive, tmp_path, case):
    text, words = EXPRESSIONS[case]
    refused(derive, tmp_path, [*["generate", "--activation", "own", "--define"], f"own = {text}", *LAYERS], words)
    quoted = json.dumps(text).replace("\x7f", "\\u007f")
    table = f'sizes = [2, 3]\nactivations = ["own"]\n[activation.own]\nexpression = {quoted}\n'
    (tmp_path / "net.toml").write_text(table, encoding="utf-8")
    refused(derive, tmp_path, ["generate", "net.toml"], words)


@pytest.mark.parametrize("case", NAMES)
def test_a_name(derive, tmp_path, case):
    name = NAMES[case]
    words = "is not an identifier"
    refused(derive, tmp_path, ["generate", *LAYERS, f"--name={name}"], words)
    for make in (lambda: Activation(name, "tanh(2*z)"), lambda: Loss(name, "(a - y)**4")):
        with pytest.raises(DeriveError, match=words) as error:
            make()
        assert str(error.value).isprintable()
    with pytest.raises(DeriveError):
        Activation("own", "tanh(b*z)", ((name, 1.0),))


@pytest.mark.parametrize("case", SPECIFICATIONS)
def test_a_specification(derive, tmp_path, case):
    text, words = SPECIFICATIONS[case]
    (tmp_path / "net.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    refused(derive, tmp_path, ["generate", "net.toml"], words)


@pytest.mark.parametrize("case", TEXTS)
def test_a_text(derive, tmp_path, case):
    text, words = TEXTS[case]
    (tmp_path / "text.toml").write_text(text, encoding="utf-8")
    refused(derive, tmp_path, ["verify", "--text", "text.toml"], words)


@pytest.mark.parametrize("case", ANSWERS)
def test_an_answer(derive, case):
    result = derive("grade", "delta1", ANSWERS[case], "--layers", "3-4-2")
    assert result.status == 2
    assert "Traceback" not in result.out + result.err
    assert all(character.isprintable() or character == "\n" for character in result.out + result.err)


@pytest.mark.parametrize("case", RECORDS)
def test_a_record_of_answers(derive, tmp_path, case):
    text, words = RECORDS[case]
    (tmp_path / "class.jsonl").write_text(text, encoding="utf-8")
    refused(derive, tmp_path, ["exercises", "--report", "class.jsonl"], words)


def test_a_derivation_that_steers_the_terminal(derive, tmp_path):
    (tmp_path / "derivation.txt").write_text("delta2 = (a2 - y)\x1b[2J / N\n")
    refused(derive, tmp_path, ["grade", "--file", "derivation.txt", "--layers", "3-4-2"], "the character U+001B")


# Files that are none


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["generate"], "input.toml"),
        (["verify", "--text"], "input.toml"),
        (["audit"], "input.py"),
        (["exercises", "--report"], "input.jsonl"),
        (["grade", "--layers", "3-4-2", "--file"], "input.txt"),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_a_device_a_pipe_and_a_folder(derive, tmp_path, command, name):
    refused(derive, tmp_path, [*command, "/dev/zero"], "/dev/zero: cannot be read: it is a device or a pipe")
    os.mkfifo(tmp_path / "pipe")
    refused(derive, tmp_path, [*command, "pipe"], "pipe: cannot be read: it is a device or a pipe")
    (tmp_path / "folder.toml").mkdir()
    refused(derive, tmp_path, [*command, "folder.toml"], "folder.toml: cannot be read: it is a folder")
    (tmp_path / "loop").symlink_to("loop")
    refused(derive, tmp_path, [*command, "loop"], "loop")


def test_a_pipe_that_is_open_is_read(derive, tmp_path):
    read, write = os.pipe()
    with os.fdopen(write, "w") as file:
        file.write("sizes = [2, 0]\nactivations = ['tanh']\n")
    refused(derive, tmp_path, ["generate", f"/dev/fd/{read}"], "entry 1 is 0")
    os.close(read)


def test_outputs_that_lead_elsewhere(derive, tmp_path):
    (tmp_path / "loop.py").symlink_to("loop.py")
    for destination in ("loop.py", "no/../../x/y.py", "/dev/full/x.py"):
        refused(derive, tmp_path, ["generate", *LAYERS, "-o", destination], "cannot be written")


# Archives


@pytest.mark.parametrize("objects", [True, False], ids=["pickled", "header"])
def test_an_archive_that_runs_code(tmp_path, objects):
    class Planted:
        def __reduce__(self):
            return (open, (str(tmp_path / "sentinel"), "w"))

    path = tmp_path / "theta.npz"
    module = load(emit(differentiate(NETWORK)))
    parameters = module.unpack(module.initialize(0))._asdict()
    if objects:
        parameters["b1"] = np.array([Planted()] * 3, dtype=object)
        np.savez(path, allow_pickle=True, **parameters)
        words = "Python objects"
    else:
        np.savez(path, **parameters)
        data = path.read_bytes()
        code = b"open('sentinel','w')"
        assert data.count(b"'fortran_order'") == 4
        path.write_bytes(data.replace(b"False, 'shape': (3, 2), ", code + b" " * 4, 1))
        words = "not an .npz file that can be read"
    with pytest.raises(DeriveError, match=words):
        load_parameters(path, module)
    assert not (tmp_path / "sentinel").exists()


# Modules


def signed(text: str) -> str:
    return text.replace(
        next(line for line in text.splitlines() if line.startswith("DIGEST")), f'DIGEST = "{digest(text)}"'
    )


@pytest.mark.parametrize("case", MODULES)
def test_a_module_that_is_audited_is_not_run(tmp_path, monkeypatch, case):
    monkeypatch.chdir(tmp_path)
    code = MODULES[case].format(sentinel=tmp_path / "sentinel")
    text = signed(emit(differentiate(NETWORK)) + f"\n{code}\n")
    certificate = audit(text)
    (verdict,) = [v for v in certificate.verdicts if v.label == "module"]
    assert not certificate.holds
    assert verdict.verdict == "undecided"
    assert "it was not run, since it uses" in verdict.note
    assert list(tmp_path.iterdir()) == []


def test_the_same_in_a_function_and_in_an_argument(tmp_path):
    text = emit(differentiate(NETWORK))
    for place in ("def predict(theta, X):", "def unpack(theta):"):
        planted = signed(text.replace(place, place.replace("):", ", x=open('sentinel', 'w')):"), 1))
        assert planted != text
        assert any("the name open" in v.note for v in audit(planted).verdicts)


def test_what_derive_writes_is_run():
    assert audit(emit(differentiate(NETWORK))).holds


# What is harmless stays text


class Page(HTMLParser):
    """The elements of a page, and what would run in it."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.handlers: list[str] = []

    def handle_starttag(self, tag, attributes):
        self.elements.append(tag)
        self.handlers += [key for key, _ in attributes if key.startswith("on")]


NAMED = Architecture((2, 3, 1), (Activation("script__alert_1__", "z + tanh(3*z)"), "identity"), name="input__x_")


def test_names_in_a_page_and_in_latex_are_inert(derive, tmp_path):
    table = (
        'name = "input__x_"\nsizes = [2, 3, 1]\nactivations = ["script__alert_1__", "identity"]\n'
        '[activation.script__alert_1__]\nexpression = "z\\n  + tanh(\\t3*z)"\n'
    )
    (tmp_path / "net.toml").write_text(table)
    assert derive("explain", "net.toml", "--format", "html", "-o", "named.html").status == 0
    assert derive("explain", "--layers", "2-3-1", "--format", "html", "-o", "plain.html").status == 0
    named, plain = Page(), Page()
    named.feed((tmp_path / "named.html").read_text())
    plain.feed((tmp_path / "plain.html").read_text())
    assert named.elements.count("script") == plain.elements.count("script")
    assert named.handlers == plain.handlers == []
    assert derive("explain", "net.toml", "--format", "latex", "-o", "named.tex").status == 0
    latex = (tmp_path / "named.tex").read_text()
    commands = latex.replace("\\_", "")
    for name in ("input__x_", "script__alert_1__"):
        assert name not in commands.replace("\\verb|" + name + "|", "")
    assert "\\input" not in latex.replace("\\inputenc", "").replace("\\usepackage", "")


def test_an_expression_over_several_lines_is_one_line_of_the_module():
    own = Activation("bent", "z**2/(1 + exp(-z))\n + tanh(\t3*z)*sin(z)")
    text = emit(differentiate(Architecture((2, 3, 1), (own, "identity"))))
    docstring = next(ast.get_docstring(f) for f in ast.parse(text).body if getattr(f, "name", "") == "bent")
    assert "\n" not in docstring
    assert "z**2/(1 + exp(-z))" in docstring


def test_labels_are_shown_as_they_are(derive, tmp_path):
    label = "[bold red]x[/] {{7*7}} <b>y</b> $(id) %s"
    (tmp_path / "text.toml").write_text(f'[[formula]]\nlabel = "{label}"\nformula = "b1 = b1"\n')
    result = derive("verify", "--text", "text.toml", "--json")
    assert json.loads(result.out)["formulas"][0]["label"] == label
    shown = derive("verify", "--text", "text.toml").out
    assert "[bold red]x[/]" in shown
    assert "49" not in shown


HOSTILE_NAMES = (
    "np",
    "loss",
    "predict",
    "float",
    "range",
    "theta",
    "X",
    "W1",
    "z1",
    "value",
    "State",
    "tanh_derivative",
)


@pytest.mark.parametrize(
    ("name", "style"),
    [
        pytest.param(name, style, marks=[pytest.mark.slow] * ((k + number) % 2))
        for k, name in enumerate(HOSTILE_NAMES)
        for number, style in enumerate(("fast", "readable"))
    ],
)
def test_functions_of_a_user_keep_clear_of_the_modules_names(name, style):
    own = Activation(name, "z*tanh(z) + z**2/(1 + exp(-z))")
    network = Architecture((2, 3, 1), (own, "tanh"), loss=Loss(name, "log(1 + (a - y)**2)*sqrt(2 + (a - y)**2)"))
    module = load(emit(differentiate(network), style))
    theta, X, Y = module.initialize(0), np.ones((3, 2)) / 3, np.zeros((3, 1))
    assert module.check_gradient(theta, X, Y) < 1e-5
    z = X @ module.unpack(theta).W1.T
    a = np.tanh((z * np.tanh(z) + z**2 / (1 + np.exp(-z))) @ module.unpack(theta).W2.T)
    assert module.loss(theta, X, Y) == pytest.approx(np.mean(np.log(1 + a**2) * np.sqrt(2 + a**2)))


def test_very_long_values_are_shortened():
    assert shorten(16**5000) == "a very long int"
    assert len(shorten("x" * 10**6)) == 60
