"""Every parser that reads what anyone may have written: how to call it, and good input to start from.

A parser may give something back or raise DeriveError; anything else is a finding.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import sympy as sp

from benchmarks.fuzz import checkpoints
from derive.algebra.gradient import differentiate
from derive.algebra.notation import L
from derive.codegen.emit import emit, load
from derive.codegen.exact.contained import foreign
from derive.codegen.exact.frame import constants
from derive.codegen.rigor.data import read_data
from derive.commands.options import Request, define
from derive.interop import load_parameters
from derive.model.activation import Activation
from derive.model.architecture import Architecture
from derive.model.definition import read_definition
from derive.model.loss import Loss
from derive.model.specification import from_toml
from derive.model.tables import ACTIVATIONS, LOSSES
from derive.proof.formulas import claims
from derive.proof.formulas.grammar import FormulaReader
from derive.proof.formulas.scope import Scope, read_ranges
from derive.proof.formulas.sides import read_sides
from derive.proof.grading.answers import ask, read_line, split_line
from derive.proof.seal import read_certificate
from derive.proof.theorems.alternatives import in_grammar, stated
from derive.teach.exercises.answers import read_answers

ROOT = Path(__file__).parents[2]
NETWORK = Architecture((3, 4, 2), ("tanh", "identity"), name="net")


@dataclass(frozen=True)
class Parser:
    """`read` takes one input; `seeds` are good ones; `share` of all inputs are for it, in parts."""

    read: Callable[[Any], Any]
    seeds: Callable[[], Sequence[Any]]
    share: int = 1
    binary: bool = False


def _specification_seeds() -> list[str]:
    layered = (
        'inputs = 3\nloss = {name = "huber", delta = 2.0}\noptimizer = {name = "adam", beta1 = 0.8}\nclip = 1.0\n'
        'penalty = {l2 = 1e-4, l1 = 0.1, half = false}\nsample_weights = true\nschedule = {name = "step", every = 3}\n'
        'initialization = {name = "normal", scale = 0.1}\n[[layer]]\nunits = 3\nactivation = "bent"\n'
        'normalization = "layer_norm"\ndropout = 0.25\nresidual = true\n[[layer]]\nunits = 2\nactivation = "softmax"\n'
        '[activation.bent]\nexpression = "z + beta*tanh(z)"\nbeta = 0.5\ntrained = ["beta"]\n'
    )
    own = (
        'name = "net"\nsizes = [2, 3, 1]\nactivations = ["own", "sigmoid"]\ndtype = "float32"\n'
        'loss = {name = "quartic", expression = "(a - y)**4", targets = "real"}\n'
        '[activation.own]\nexpression = "where(z > 0, z, slope*z)"\nslope = 0.01\n'
    )
    return [layered, own, *(p.read_text(encoding="utf-8") for p in sorted((ROOT / "generated").glob("*.toml")))]


def _text_seeds() -> list[str]:
    texts = [p.read_text(encoding="utf-8") for p in sorted((ROOT / "derive" / "texts").glob("*.toml"))]
    parts = [part for text in texts for part in text.split("\n\n") if "[[formula]]" in part]
    heads = [text.split("[[formula]]")[0] for text in texts]
    return [*texts[:1], *(f"{head}\n\n{part}" for head in heads for part in parts[:30])]


FORMULAS = (
    *(
        "diag(f'(z[l])) @ W[l+1].T @ delta[l+1]",
        "delta2.T @ a1",
        "(delta2 @ W2) * f'(z1)",
        "(a2 - y) / N",
        "outer(delta1, x)",
    ),
    *(
        "sum(delta2)",
        "1 - a1**2",
        "W2.T @ delta2",
        "d(c, b[l])",
        "d(loss, W[l][i, j])",
        "norm(a2 - y)**2 / 2",
        "inv(W1 @ W1.T)",
    ),
    *(
        "sum(W[l][i, k] * a[l-1][k], k)",
        "a[l](x)",
        "f2(z2)",
        "exp(-z1) / (1 + exp(-z1))**2",
        "sum(n[l] * (n[l-1] + 1), l, 1, L)",
    ),
    *(
        "tanh(W1 @ x + b1)",
        "w[l][i]",
        "count(W[l])",
        "a2(x)",
        "sqrt(2) * W1.T",
        "0.5 * delta2 @ W2 * (1 - tanh(z1)**2)",
    ),
)
ANSWERS = ("delta1 = (delta2 @ W2) * (1 - a1**2)", "dW1 = delta1.T @ x", "db2 = sum(delta2)", "delta2 = (a2 - y) / N",
           "da1 = delta2 @ W2", "delta[l] = (delta[l+1] @ W[l+1]) * f'(z[l])",
           "dW[l] = delta[l].T @ a[l-1]")  # fmt: skip
EXPRESSIONS = (
    *(text.split(";")[0] for text in ACTIVATIONS.values()),
    *(
        "max(min(z, 1), -1)",
        "abs(abs(z) - 1)",
        "z*exp(-z**2/2) + 0.1*z",
        "atan(2*z) + log1p(z**2)",
        "sqrt(1 + z**2) - 1",
    ),
    *(
        "sinh(z)/cosh(z)",
        "expm1(-z**2)*sin(z)",
        "(1 + z**2)**(1/4)",
        "2**z/(1 + 2**z)",
        "beta*z + tanh(beta*z)",
        "asinh(z)",
    ),
)


@cache
def _emitted() -> tuple[str, ModuleType]:
    text = emit(differentiate(NETWORK))
    return text, load(text)


def _expression(text: str) -> None:
    known = {"beta": 1.5, "slope": 0.01, "alpha": 1.0, "scale": 1.1, "bound": 0.5}
    Activation("own", text, tuple((key, value) for key, value in known.items() if key in text))


def _formula(text: str) -> None:
    layout, _, formula = text.partition("|")
    scope = Scope("rows" if layout == "rows" else "columns", {"l": (sp.Integer(2), L - 1)}, least=3)
    FormulaReader(scope).read(formula)


def _answer(text: str) -> None:
    quantity, formula = split_line(text)
    asked = ask(quantity, NETWORK.depth)
    for layout in ("rows", "columns"):
        read_line(asked, formula, NETWORK.depth, layout)


def _text(text: str) -> None:
    for claim in claims.from_toml(text, "text").claims:
        read_as = in_grammar(claim, stated(claim))
        scope = read_ranges(read_as.ranges, read_as.layout)
        for formula in filter(None, (read_as.formula, read_as.corrected)):
            read_sides(formula, scope)


def _options(text: str) -> None:
    parts = text.split("\x1f")
    fields = (
        "layers",
        "hidden",
        "output",
        "loss",
        "optimizer",
        "momentum",
        "clip",
        "schedule",
        "initialization",
        "name",
    )
    Request(**dict(zip(fields, (part or None for part in parts), strict=False))).architecture()  # type: ignore[arg-type]


def _module(text: str) -> None:
    stated = constants(text, "the module")
    foreign(text, from_toml(stated["SPEC"], "SPEC"))


def _file(read: Callable[[Path], Any], suffix: str) -> Callable[[str | bytes], None]:
    path = Path(tempfile.mkdtemp(prefix="fuzz")) / f"input{suffix}"

    def reader(data: str | bytes) -> None:
        path.write_bytes(data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass"))
        read(path)

    return reader


def _certificate_seeds() -> list[str]:
    from derive.proof.prove import prove

    content = json.loads(prove(differentiate(NETWORK)).to_json())
    content["formulas"] = content["formulas"][:3]
    return [json.dumps(content, ensure_ascii=False), json.dumps(content, indent=1)]


def _answer_seeds() -> list[str]:
    line = {"sheet": "3-4-2 seed 1", "exercise": 1, "quantity": "delta1", "layout": "rows", "answer": "delta2 @ W2",
            "verdict": "incorrect", "slip": "missing-derivative"}  # fmt: skip
    return [
        json.dumps(line) + "\n",
        (json.dumps(line) + "\n") * 3,
        json.dumps({**line, "verdict": "correct", "slip": None}),
    ]


def _archives() -> list[bytes]:
    found = []
    _, module = _emitted()
    parameters = module.unpack(module.initialize(0))._asdict()
    data = {"theta": module.initialize(0), "X": np.ones((2, 3)), "Y": np.zeros((2, 2))}
    for save in (np.savez, np.savez_compressed):
        found += [checkpoints.archive(arrays, save) for arrays in (parameters, data)]
    return [*found, checkpoints.archive({**data, "theta": np.array([{}], dtype=object)})]


def _safetensors_seeds() -> list[bytes]:
    from safetensors.numpy import save

    _, module = _emitted()
    return [save({name: np.ascontiguousarray(v) for name, v in module.unpack(module.initialize(0))._asdict().items()})]


_CHECKPOINT = _file(checkpoints.go_on, ".npz")

PARSERS: dict[str, Parser] = {
    "specification": Parser(from_toml, _specification_seeds, 40),
    "expression": Parser(_expression, lambda: EXPRESSIONS, 30),
    "loss": Parser(
        lambda text: Loss("own", text),
        lambda: [r.definition.split(";")[0] for r in LOSSES.values() if "delta" not in r.definition],
        20,
    ),
    "definition": Parser(define, lambda: [f"own = {text}" for text in ACTIVATIONS.values()], 10),
    "constants": Parser(read_definition.__wrapped__, lambda: list(ACTIVATIONS.values()), 10),
    "options": Parser(
        _options,
        lambda: [
            "3-4-2\x1ftanh\x1fsoftmax\x1fcross_entropy\x1fadam\x1f\x1f1.5\x1fcosine\x1fhe_normal\x1fnet",
            "64-32-10\x1frelu\x1fidentity\x1f\x1fsgd\x1f0.9",
        ],
        20,
    ),
    "formula": Parser(
        _formula, lambda: [f"{layout}|{text}" for layout in ("rows", "columns") for text in FORMULAS], 50
    ),
    "answer": Parser(_answer, lambda: ANSWERS, 40),
    "text": Parser(_text, _text_seeds, 25),
    "certificate": Parser(_file(read_certificate, ".json"), _certificate_seeds, 20),
    "record": Parser(_file(read_answers, ".jsonl"), _answer_seeds, 20),
    "module": Parser(_module, lambda: [_emitted()[0]], 3),
    "data": Parser(_file(lambda path: read_data(path, NETWORK), ".npz"), _archives, 20, binary=True),
    "parameters": Parser(_file(lambda path: load_parameters(path, _emitted()[1]), ".npz"), _archives, 20, binary=True),
    "safetensors": Parser(
        _file(lambda path: load_parameters(path, _emitted()[1]), ".safetensors"), _safetensors_seeds, 20, binary=True
    ),
    "checkpoint": Parser(_CHECKPOINT, checkpoints.files, 2, binary=True),
    "numbers of a checkpoint": Parser(lambda text: _CHECKPOINT(checkpoints.with_numbers(text)), checkpoints.numbers, 3),
}
"""Name → the parser."""
