"""Every limit of the table, on both of its sides: what reaches it is read, and one more is refused by its name."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import reduce
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

from derive.algebra.gradient import differentiate
from derive.codegen.audit import audit
from derive.codegen.emit import emit, read_module
from derive.codegen.exact.frame import constants
from derive.codegen.exact.meter import Meter, NotUnderstoodError
from derive.codegen.rigor.archives import unpacked
from derive.model.activation import Activation, activation
from derive.model.architecture import Architecture
from derive.model.budget import budget
from derive.model.errors import DeriveError
from derive.model.expression import Z
from derive.model.limits import LIMITS, Limit
from derive.model.loss import Loss
from derive.model.names import identifier
from derive.model.reader import parse
from derive.model.sources import read_text, toml_table
from derive.proof.examples.blindspots import blindspots
from derive.proof.formulas import claims
from derive.proof.formulas.claims import source_text
from derive.proof.grading.answers import ask, read_line
from derive.proof.seal import read_certificate, sealed
from derive.proof.theorems.pieces import every_pattern
from derive.proof.theorems.texts import text_verdicts
from derive.proof.words.facts import fact
from derive.proof.words.shapes import limit_of, shape
from derive.teach.derivation import grade_lines
from derive.teach.exercises.sheet import sheet
from derive.teach.explain import explain

NETWORK = Architecture((2, 3, 1), ("tanh", "identity"))
BENT = Architecture((2, 3, 1), (Activation("bent", "where(z > 0, tanh(z**26), z)"), "identity"))
STATED = "SPEC = ''\nSIZES = ()\nDIGEST = ''\n"
"""What a module has to state about itself to be read."""


def own(expression: str, **constants: float) -> Activation:
    return Activation("own", expression, tuple(constants.items()))


def nested(function: str, times: int) -> str:
    return f"{function}(" * times + "z" + ")" * times


def file(tmp_path: Path, content: str) -> Path:
    path = tmp_path / "input"
    path.write_text(content, encoding="utf-8")
    return path


def sized(name: str) -> Callable[[int, Path], object]:
    return lambda n, folder: read_text(file(folder, " " * n), LIMITS[name])


def certificate(n: int, folder: Path) -> object:
    formula = {"label": "", "formula": "", "verdict": "", "method": "", "validity": "", "expected": "",
               "counterexample": {}, "note": "", "holds": True, "range": {}}  # fmt: skip
    content = {"subject": "", "kind": "", "holds": True, "formulas": [formula] * n, "trusts": [], "not_covered": [],
               "specification": "", "digest": "", "versions": {}}  # fmt: skip
    return read_certificate(file(folder, json.dumps(sealed(content))))


def archive(n: int, folder: Path) -> object:
    path = folder / "data.npz"
    np.savez(path, X=np.zeros(n, np.int8))
    return unpacked(path, lambda name: LIMITS["archive"].most)


CASES: dict[str, Callable[[int, Path], object]] = {
    **{name: sized(name) for name in ("specification", "text", "derivation", "certificate", "answers")},
    "module": lambda n, folder: read_module(file(folder, " " * n)),
    "archive": archive,
    "layers": lambda n, _: Architecture((1,) * (n + 1), ("tanh",) * n),
    "formulas": lambda n, _: claims.from_toml('[[formula]]\nlabel = "a"\nformula = "b1 = b1"\n' * n),
    "equations": lambda n, _: grade_lines("delta9 = 1\n" * n, NETWORK),
    "verdicts": certificate,
    "constants": lambda n, _: own(
        "z + " + " + ".join(f"c{k}*z**2" for k in range(n)), **{f"c{k}": 1.0 for k in range(n)}
    ),
    "key": lambda n, _: toml_table(".".join("a" * n) + " = 1", "net.toml"),
    "exercises": lambda n, _: sheet(NETWORK, 1, n),
    "lesson": lambda n, _: explain(Architecture((1,) * (n + 1), ("tanh",) * n), "terminal"),
    "name": lambda n, _: identifier("a" * n, "network"),
    "width": lambda n, _: Architecture((1, n), ("tanh",)),
    "parameters": lambda n, _: (
        Architecture((n // 100 - 1, 100), ("tanh",)) if n % 2 == 0 else Architecture((10**7, 101), ("tanh",))
    ),
    "audited": lambda n, _: audit(emit(differentiate(Architecture((n - 1, 1), ("tanh",))))),
    "steps": lambda n, _: _calls(n // 2 - 5),
    "file": lambda n, _: _calls(n // 2 - 5, "file"),
    "limit": lambda n, _: _calls(n // 2 - 5, "limit"),
    "work": lambda n, _: _calls(n // 2 - 5, "work"),
    "samples": lambda n, _: blindspots(NETWORK, n),
    "run": lambda n, _: _metered(lambda meter: meter.spend(n)),
    "lines": lambda n, _: constants(f"{STATED}# {';' * (n - 3)}", "module.py"),
    "words": lambda n, _: constants(f"{STATED}# {'.' * (n - 13)}", "module.py"),
    "whole": lambda n, _: constants(f"x = {1 << (n - 1)}\n{STATED}", "module.py"),
    "weight": lambda n, _: _metered(lambda meter: meter.expression(sp.Add(*sp.symbols(f"x:{n - 1}")))),
    "power": lambda n, _: _metered(lambda meter: meter.power(Z, sp.Integer(n))),
    "levels": lambda n, _: _metered(lambda meter: meter.expression(reduce(lambda u, _: sp.sin(u), range(n), Z))),
    "formula": lambda n, _: parse("z" + " " * (n - 1)),
    "expression": lambda n, _: own("tanh(2*z)" + " " * (n - 9)),
    "answer": lambda n, _: read_line(ask("delta1", 2), "x" + " " * (n - 1), 2, "rows"),
    "depth": lambda n, _: parse("-" * (n - 2) + "z"),
    "digits": lambda n, _: own("z + tanh(z)/" + "9" * n),
    "exponent": lambda n, _: own(f"z**{n}"),
    "nested": lambda n, _: own(nested("tanh", n)),
    "functions": lambda n, _: own(" + ".join(f"tanh(z/{k + 1})" for k in range(n))),
    "cases": lambda n, _: own(nested("abs", n) + " + z/3"),
}
"""Limit → what is read that has so many."""
SMALLER = {"archive": 1000, "audited": 9, "steps": 1000, "file": 1000, "limit": 1000, "work": 1000, "samples": 3}
"""Limits that are lowered, since what reaches them takes long."""


def _metered(use: Callable[[Meter], None]) -> bool:
    try:
        use(Meter(LIMITS["run"].most))
    except NotUnderstoodError as error:  # what an audit reports
        raise DeriveError(str(error)) from None
    return True


def _calls(n: int, limit: str = "steps") -> bool:
    def nothing() -> None:
        pass

    with budget("a formula", limit):
        for _ in range(n):
            nothing()
    return True


def test_what_an_import_computes_is_not_the_formulas(tmp_path, monkeypatch):
    monkeypatch.setitem(LIMITS, "steps", Limit(1000, "steps"))
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "large_module_of_somebody.py").write_text("for k in range(2000):\n    str(k)\n")
    with budget("a formula"):
        import_module("large_module_of_somebody")
    with pytest.raises(DeriveError, match="too many steps"):
        _calls(2000)


HIGH = Architecture((2, 3, 1), (Activation("own", "tanh(z**26)"), "identity"))
HIGH_LOSS = Architecture((2, 1), ("identity",), loss=Loss("own", "(a - y)**26"))
UNDER_A_BUDGET: dict[str, tuple[str, Callable[[Architecture], object]]] = {
    "what is emitted": ("work", lambda network: emit(differentiate(network))),
    "patterns": ("work", lambda network: every_pattern(differentiate(network))),
    "the formulas of a text": ("file", lambda network: text_verdicts(source_text(), differentiate(network))),
    "a derivation": ("file", lambda network: grade_lines("delta2 = (a2 - y)/N", network)),
}


@pytest.mark.parametrize("name", UNDER_A_BUDGET)
def test_what_formulas_set_off_has_a_budget(name, monkeypatch):
    limit, run = UNDER_A_BUDGET[name]
    network = BENT if name == "patterns" else HIGH
    assert run(network)
    monkeypatch.setitem(LIMITS, limit, Limit(50, "steps of computation"))
    with pytest.raises(DeriveError, match="too many steps of computation; at most 50; write it more simply"):
        run(network)


def test_only_functions_with_high_powers_have_a_budget(monkeypatch):
    monkeypatch.setitem(LIMITS, "work", Limit(50, "steps of computation"))
    assert emit(differentiate(NETWORK))
    with pytest.raises(DeriveError, match="too many steps"):
        emit(differentiate(HIGH_LOSS))


def test_a_limit_that_takes_long_is_not_found(monkeypatch):
    function = Activation("own", "tanh(3*z)")
    assert shape(function).limits == (0, 0)
    shape.cache_clear()
    limit_of.cache_clear()
    monkeypatch.setitem(LIMITS, "limit", Limit(50, "steps of computation"))
    assert shape(function).limits == (None, None)
    assert fact(function).verdict == "undecided"
    assert shape(activation("tanh")).limits == (0, 0)  # derive's own are found
    shape.cache_clear()
    limit_of.cache_clear()


def test_every_limit_has_its_case():
    assert set(CASES) == set(LIMITS)


@pytest.mark.parametrize("name", [name for name in CASES if name != "lesson"])
def test_both_sides_of_a_limit(tmp_path, monkeypatch, name):
    limit = LIMITS[name]
    if name in SMALLER:
        limit = Limit(SMALLER[name], limit.of)
        monkeypatch.setitem(LIMITS, name, limit)
        monkeypatch.setattr("derive.proof.examples.blindspots.MAX_SAMPLES", limit.most) if name == "samples" else None
    assert CASES[name](limit.most, tmp_path) is not None
    more = limit.most + {"archive": 5000, **dict.fromkeys(("steps", "file", "limit", "work"), 100)}.get(name, 1)
    with pytest.raises(DeriveError) as error:
        CASES[name](more, tmp_path)
    assert str(limit.most + (name == "layers")) in str(error.value)
    assert str(error.value).isprintable()


def test_a_lesson_of_too_many_layers():
    with pytest.raises(DeriveError, match=f"at most {LIMITS['lesson'].most}"):
        CASES["lesson"](LIMITS["lesson"].most + 1, Path())


def test_within_a_profiler_nothing_is_counted(monkeypatch):
    import sys

    monkeypatch.setitem(LIMITS, "steps", Limit(10, "steps"))
    seen = []
    sys.setprofile(lambda *event: seen.append(event))
    try:
        assert _calls(100)
    finally:
        sys.setprofile(None)
    assert len(seen) > 100
    with pytest.raises(DeriveError, match="too many steps"):
        _calls(100)
