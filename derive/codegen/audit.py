"""Audit: the emitted text itself is run in exact arithmetic and compared with the specification.

The exact bytes run on a stand-in for NumPy (`codegen.stand_in`). What they compute is compared with the
loss of the *specification*: its forward equations, evaluated plainly, and their derivative along a
direction by dual numbers. No emitted formula and no step of the reverse sweep is reused.

1. At small distinct widths, for every weight matrix and bias, on every branch and at every kink.
2. At the module's real widths, along one random direction that covers every parameter.

All arithmetic is modulo a prime near 2**31; an error stays unseen with a probability of about
degree/2**31 in each of at least two rounds.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import sympy as sp

from derive.algebra.evaluate import evaluate
from derive.algebra.forward import forward, parameters
from derive.algebra.gradient import differentiate
from derive.algebra.notation import N, named, size
from derive.algebra.program import Program
from derive.algebra.residues import PRIME, Dual, Duals, Residues, residue
from derive.algebra.update import update_program
from derive.codegen.elementary import kinks
from derive.codegen.emit import digest, emit, read_module
from derive.codegen.neurons import Neurons
from derive.codegen.stable import stable
from derive.codegen.stand_in import NotUnderstoodError, StandIn, run
from derive.model.architecture import Architecture
from derive.model.errors import DeriveError, shorten
from derive.model.expression import Z
from derive.model.specification import from_toml, to_toml
from derive.proof.certificate import Certificate, Outcome, Verdict

Progress = Callable[[str, float], None]

REPRESENTATIVES = tuple(sp.Rational(p, q) for p, q in ((1, 3), (-1, 3), (7, 5), (-7, 5), (13, 4), (-13, 4)))
BESIDE = sp.Rational(1, 10**9)  # how near to a kink a representative comes
MAX_SEPARATE = 16  # gradients that get a verdict of their own

TRUSTS = (
    "the forward equations of the specification and their plain evaluation",
    "SymPy's diff of each activation's expression, and what its branches say at a kink",
    "chance: an error stays unseen with probability below 1e-15",
)
NOT_COVERED = ("rounding in floating point",)
FRAME = (
    *("unpack", "pack", "initialize", "standardize", "train", "check_gradient", "new_state", "Parameters"),
    *("_real", "_theta", "_in_place", "_matrix", "_data", "_finite", "_explained"),
)
"""What every emitted module has around its equations; it has to be as derive writes it."""


@dataclass(frozen=True)
class Round:
    """One run of the module, at these sizes; `kink` puts the z of one layer on a kink of its activation."""

    title: str
    sizes: tuple[int, ...]
    seed: int
    separate: bool = False
    kink: tuple[int, sp.Rational] | None = None


def audit(
    source: str | Path, architecture: Architecture | None = None, progress: Progress | None = None
) -> Certificate:
    """The verdicts about an emitted module: its text, or the path of its file.

    `architecture` is what it should compute; by default what its own SPEC says. Nothing in the module
    can open files or import anything while it is audited.
    """
    is_path = isinstance(source, Path) or "\n" not in source
    text = read_module(Path(source)) if is_path else str(source)
    constants = _constants(text, str(source) if is_path else "the module")
    specified = from_toml(constants["SPEC"], "SPEC")
    architecture = architecture or specified
    verdicts = [_header(text, constants, architecture), _frame(text, architecture)]
    rounds = _rounds(architecture)
    for position, each in enumerate(rounds):
        if progress:
            progress(f"auditing {each.title}", position / len(rounds))
        verdicts += _checked(text, architecture, each)
    if progress:
        progress("audited", 1.0)
    subject = f"module {architecture.name}, {'-'.join(map(str, architecture.sizes))}"
    found = tuple(_merged(verdicts))
    return Certificate(subject, found, TRUSTS, NOT_COVERED, digest(text), to_toml(architecture), "audit")


def _constants(text: str, where: str) -> dict[str, Any]:
    """The constants that a module states about itself, read without running it."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None)
        raise DeriveError(f"{where}: not Python{f', line {line}' if line else ''}: {error}") from None
    found: dict[str, Any] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
            if names and names[0] in ("NAME", "SIZES", "SPEC", "DIGEST"):
                try:
                    found[names[0]] = ast.literal_eval(node.value)
                except ValueError:
                    raise DeriveError(f"{where}: {names[0]} is not a literal, so it cannot be read") from None
    for name in ("SPEC", "SIZES", "DIGEST"):
        if name not in found:
            raise DeriveError(f"{where}: {name} is missing; only modules that derive emitted have it")
    if not isinstance(found["SPEC"], str):
        raise DeriveError(f"{where}: SPEC is {shorten(found['SPEC'])}; expected TOML text")
    return found


def _header(text: str, constants: dict[str, Any], architecture: Architecture) -> Verdict:
    """Whether the text is as it was emitted, and says the sizes of the specification."""
    intact = constants["DIGEST"] == digest(text)
    fits = constants["SIZES"] == architecture.sizes
    note = "" if intact else "the text was changed after it was emitted"
    if not fits:
        note = f"SIZES is {constants['SIZES']}, the specification says {architecture.sizes}"
    return Verdict(
        "digest", "the text is what derive emitted", "proved" if intact and fits else "refuted", "SHA-256", note=note
    )


def _frame(text: str, architecture: Architecture) -> Verdict:
    """Whether the functions around the equations are those that derive emits for this architecture."""
    emitted, found = (
        {
            node.name: ast.dump(node)
            for node in ast.parse(source).body
            if isinstance(node, ast.FunctionDef | ast.ClassDef)
        }
        for source in (emit(differentiate(architecture)), text)
    )
    changed = sorted(name for name in FRAME if found.get(name) != emitted[name])
    return Verdict(
        "frame",
        "the functions around the equations are those that derive writes",
        "refuted" if changed else "proved",
        "comparison of their syntax trees",
        note=f"changed or missing: {', '.join(changed)}" if changed else "",
    )


def _definitions(text: str) -> dict[str, str]:
    """The syntax tree of every function and class of a module, by name."""
    kinds = ast.FunctionDef | ast.ClassDef
    return {node.name: ast.dump(node) for node in ast.parse(text).body if isinstance(node, kinds)}


def _rounds(architecture: Architecture) -> list[Round]:
    """The runs of an audit: several at small widths, two at the real ones."""
    cycle = (2, 3, 4)
    small = (
        tuple(range(2, 3 + architecture.depth))
        if architecture.depth <= 4
        else tuple(cycle[k % 3] for k in range(architecture.depth + 1))
    )
    separate = 2 * architecture.depth <= MAX_SEPARATE
    title = "widths " + "-".join(map(str, small)) if architecture.depth <= 4 else "small widths"
    rounds = [Round(title, small, seed, separate) for seed in (1, 2)]
    seen = set()
    for label, function in enumerate(architecture.activations, 1):
        for kink in kinks(function.formula):
            if separate or (function.name, kink) not in seen:
                seen.add((function.name, kink))
                rounds.append(Round(f"{title} at the kink z{label} = {kink}", small, 3, separate, (label, kink)))
    return rounds + [Round("the real widths", architecture.sizes, seed) for seed in (4, 5)]


def _merged(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """One verdict for each claim and kind of run: the first that does not hold, or else the last."""
    merged: dict[tuple[str, str], Verdict] = {}
    for verdict in verdicts:
        key = (verdict.label, verdict.validity.split(" at ")[0])
        if key not in merged or merged[key].holds:
            merged[key] = verdict
    return list(merged.values())


def _checked(text: str, architecture: Architecture, each: Round) -> list[Verdict]:
    """The verdicts of one round."""
    validity = each.title
    try:
        return _compared(_resized(text, each.sizes), architecture, each)
    except NotUnderstoodError as error:
        return [Verdict("module", "runs in exact arithmetic", "undecided", validity=validity, note=f"it uses {error}")]
    except Exception as error:  # whatever foreign code raises is a finding about it
        note = f"it raises {type(error).__name__}: {error}"
        return [Verdict("module", "runs in exact arithmetic", "refuted", validity=validity, note=note)]


def _resized(text: str, sizes: tuple[int, ...]) -> str:
    """The module with the literal of SIZES replaced, and nothing else."""
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "SIZES":
            lines = text.encode().splitlines(keepends=True)
            start, end = node.value.lineno - 1, node.value.end_lineno or node.value.lineno
            first, last = lines[start], lines[end - 1]
            replaced = first[: node.value.col_offset] + repr(sizes).encode() + last[node.value.end_col_offset :]
            return b"".join([*lines[:start], replaced, *lines[end:]]).decode()
    raise NotUnderstoodError("no SIZES")


def _compared(text: str, architecture: Architecture, each: Round) -> list[Verdict]:
    architecture, validity = architecture.resized(each.sizes), each.title
    beside = {
        k + side * BESIDE
        for f in architecture.activations
        for k in kinks(f.formula, stable(f.formula))
        for side in (-1, 1)
    }
    neurons = Neurons(each.seed, (*REPRESENTATIVES, *sorted(beside)))
    samples = next(n for n in range(3, 3 + len(each.sizes) + 1) if n not in each.sizes)
    stand_in = StandIn(neurons, samples, architecture.dtype)
    module = run(text, stand_in, architecture.name)
    draw = np.random.default_rng(each.seed).integers

    program = forward(architecture)
    shapes = {N: samples, **{size(k): n for k, n in enumerate(each.sizes)}}
    data = {t.name: draw(1, PRIME, tuple(shapes[a] for a in t.axes)) for t in program.inputs}
    if each.kink:
        layer, point = each.kink
        data[named("W", layer)][...] = 0
        data[named("b", layer)][...] = neurons.pin(point)
    order = [t.name for label in range(1, architecture.depth + 1) for t in parameters(label)]
    theta = np.concatenate([data[name].ravel() for name in order])
    X, Y = stand_in.array(data["a0"]), stand_in.array(data["y"])

    def arguments() -> tuple[Any, Any, Any]:
        return stand_in.array(theta.copy()), X, Y

    value, gradient = module["loss_and_gradient"](*arguments())
    gradient = stand_in.resolved(gradient)
    specification = _Specification(architecture, program, shapes, data, neurons)

    verdicts = []

    def verdict(label: str, formula: str, same: bool, note: str = "") -> None:
        outcome: Outcome = "proved" if same else "refuted"
        verdicts.append(
            Verdict(label, formula, outcome, "exact arithmetic modulo a prime", validity, note="" if same else note)
        )

    truth = specification.values()
    verdict("loss", "the module's loss is the specification's", int(stand_in.resolved(value)) == int(truth["loss"]))
    same = int(stand_in.resolved(module["loss"](*arguments()))) == int(truth["loss"])
    verdict("loss()", "loss gives the same value", same)
    predicted = stand_in.resolved(module["predict"](arguments()[0], X))
    output = truth[named("a", architecture.depth)]
    verdict("predict", "predict gives a^L", predicted.shape == output.shape and bool((predicted == output).all()))

    if gradient.shape != theta.shape:
        verdict("gradient", "the gradient has an entry for each parameter", False, f"its shape is {gradient.shape}")
        return verdicts
    parts = _parts(order, data) if each.separate else {"gradient": slice(0, len(theta))}
    for label, part in parts.items():
        direction = np.zeros_like(theta)
        direction[part] = draw(1, PRIME, direction[part].shape)
        along = int((gradient * direction % PRIME).sum() % PRIME)
        derivative = specification.derivative(_split(direction, order, data))
        name = f"d{label}" if each.separate else label
        entries = label if each.separate else "the parameters"
        verdict(name, f"{name} is the derivative of the specification's loss by {entries}", along == derivative)
    verdicts.append(_step(module, architecture, stand_in, theta, gradient, arguments, validity))
    return verdicts


def _parts(order: list[str], data: dict[str, Any]) -> dict[str, slice]:
    """Where each parameter lies in theta."""
    ends = np.cumsum([data[name].size for name in order])
    return {name: slice(int(end) - data[name].size, int(end)) for name, end in zip(order, ends, strict=True)}


def _split(vector: Any, order: list[str], data: dict[str, Any]) -> dict[str, Any]:
    """A vector like theta as one array for each parameter."""
    return {name: vector[part].reshape(data[name].shape) for name, part in _parts(order, data).items()}


@dataclass(frozen=True)
class _Specification:
    """The specification's loss at given residues: its value, and its derivative along a direction."""

    architecture: Architecture
    program: Program
    sizes: dict[Any, int]
    data: dict[str, Any]
    neurons: Neurons

    def values(self) -> dict[str, Any]:
        """Every tensor of the forward program."""
        return evaluate(self.program, self.sizes, self.data, self._apply, Residues())

    def derivative(self, direction: dict[str, Any]) -> int:
        """The derivative of the loss along `direction`, by dual numbers."""
        duals = {name: Dual(v, direction.get(name, np.zeros_like(v))) for name, v in self.data.items()}
        return int(evaluate(self.program, self.sizes, duals, self._apply_dual, Duals(Residues()))["loss"].tangent)

    def _formula(self, function: Any) -> sp.Expr:
        return self.architecture.activations[int(function.activation[1:]) - 1].formula

    def _apply(self, function: Any, array: Any) -> Any:
        return self._each(self._formula(function), array)

    def _apply_dual(self, function: Any, array: Dual) -> Dual:
        formula = self._formula(function)
        slope = self._each(formula.diff(Z), array.value)
        return Dual(self._each(formula, array.value), slope * array.tangent % PRIME)

    def _each(self, formula: sp.Expr, array: Any) -> Any:
        values = [self.neurons.function(formula, int(z)) for z in array.ravel()]
        return np.array(values, dtype=np.int64).reshape(array.shape)


def _step(
    module: dict[str, Any],
    architecture: Architecture,
    stand_in: StandIn,
    theta: Any,
    gradient: Any,
    arguments: Callable[[], tuple[Any, Any, Any]],
    validity: str,
) -> Verdict:
    """Whether two steps from zero states move theta as the optimiser's equations say."""
    moved, X, Y = arguments()
    state = module["new_state"](moved)
    current = theta
    program = update_program(architecture.optimizer)
    states = {name: np.zeros_like(theta) for name in program.states}
    same = True
    for rate in ((0.3,), ()):  # the second with the default
        values = {
            "theta": current,
            "g": gradient,
            "learning_rate": residue(sp.Rational(3 if rate else 1, 10)),
            **states,
        }
        for name, expr in program.assignments:
            values[name] = _residues(expr, values)
        current, states = values["theta"], {name: values[name] for name in states}
        module["step"](moved, state, X, Y, *rate)
        same = same and bool((stand_in.resolved(moved) == current).all())
        gradient = stand_in.resolved(module["loss_and_gradient"](moved, X, Y)[1])
    claim = f"step updates theta as {architecture.optimizer.name} does"
    return Verdict("step", claim, "proved" if same else "refuted", "exact arithmetic modulo a prime", validity)


def _residues(expr: sp.Expr, values: dict[str, Any]) -> Any:
    """An update's expression modulo the prime."""
    if expr.is_Rational:
        return residue(expr)
    if isinstance(expr, sp.Symbol):
        return values[str(expr)]
    parts = [_residues(argument, values) for argument in expr.args]
    result = parts[0]
    for part in parts[1:]:
        result = (result + part) % PRIME if isinstance(expr, sp.Add) else result * part % PRIME
    if not isinstance(expr, sp.Add | sp.Mul):
        raise NotImplementedError(f"{expr.func.__name__} in an update")
    return result
