"""On a terminal foreign text is shown and does nothing; into a pipe click leaves out what would steer it."""

from __future__ import annotations

import io
import json
import sys

import pytest

from derive import Architecture, differentiate, emit
from derive.cli import main
from derive.model.errors import shown
from derive.proof.seal import sealed
from tests.hostile.test_corpus import LAYERS

NETWORK = Architecture((2, 3, 1), ("tanh", "identity"))
CLEAR, SHOWN = "\x1b[2J", r"\x1b[2J"
NAME = f"{CLEAR}\x9b2Jnet"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch, tmp_path):
    """Run the command line on a terminal, in an empty folder; returns the status and what the terminal got."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments):
        screen = Terminal()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", screen)
            patch.setattr(sys, "stderr", screen)
            return main(arguments), screen.getvalue()

    return run


@pytest.fixture
def module(tmp_path):
    """An emitted module in a file whose name would clear the screen."""
    text = emit(differentiate(NETWORK), "readable")
    (tmp_path / f"{NAME}.py").write_text(text)
    return text


def harmless(text: str) -> None:
    assert SHOWN in text
    assert CLEAR not in text
    assert "\x9b" not in text


WRONG = "def gradients(theta, X, Y):\n    raise ValueError('\\x1b[2J\\n' * 500)\n"


def test_the_name_of_a_file_and_an_error_of_foreign_code(terminal, tmp_path):
    (tmp_path / f"{NAME}.py").write_text(WRONG)
    status, text = terminal("audit", f"{NAME}.py", *LAYERS)
    assert status == 1
    harmless(text)
    assert "\x1b[1m" in text  # it is a terminal
    assert text.count(SHOWN) > 3


def test_the_name_in_json(terminal, tmp_path):
    (tmp_path / f"{NAME}.py").write_text(WRONG)
    _, text = terminal("audit", f"{NAME}.py", "--json", *LAYERS)
    content = text[text.index("\n{") :]
    assert content[1:].replace("\n", "").isprintable()
    assert json.loads(content)["subject"].startswith(f"{NAME}.py, gradients")


def test_the_name_of_a_module_that_is_run(terminal, module):
    status, text = terminal("audit", f"{NAME}.py", "--rounding")
    assert status == 0
    harmless(text)


def test_a_certificate(terminal, module, tmp_path):
    certificate = {"subject": "", "kind": "audit", "holds": True, "formulas": [], "trusts": [], "not_covered": [],
                   "specification": "", "digest": "", "versions": {}}  # fmt: skip
    (tmp_path / "c.json").write_text(json.dumps(sealed(certificate)))
    for more in ((), ("--json",)):
        status, text = terminal("verify", "--certificate", "c.json", f"{NAME}.py", *more)
        assert status == 1
        assert CLEAR not in text
        assert "\x9b" not in text
    (tmp_path / "c.json").write_text(json.dumps(sealed({**certificate, "kind": CLEAR + "k" * 100_000})))
    status, text = terminal("verify", "--certificate", "c.json", f"{NAME}.py")
    assert status == 2
    harmless(text)
    assert len(text) < 1200


def test_a_text_of_formulas_is_shown_as_before(terminal):
    status, text = terminal("verify", *LAYERS)
    assert status == 0
    assert "\\x" not in text
    assert "W₁" in text or "W1" in text


def test_what_is_shown():
    assert shown("a\nb\tc\x85d\u2028e") == "a b c d e"
    assert shown("\x1b\u202e\ud800é ∂") == r"\x1b\u202e\ud800é ∂"
    assert shown("x" * 100, 10) == "xxxxxxx..."
    assert shown("\x1b" * 100, 10) == r"\x1b\x1..."
    assert len(shown("x" * 10**6)) == 5000
