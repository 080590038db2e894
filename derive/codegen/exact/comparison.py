"""One round of an audit: the module's text is run in exact arithmetic, and what it gives is held against the truth."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy as sp

from derive.algebra.notation import named
from derive.algebra.residues import PRIME, matmul, residue
from derive.algebra.update import update_program
from derive.codegen.exact.frame import exact_functions, resized
from derive.codegen.exact.meter import Meter, allowed
from derive.codegen.exact.namespace import run
from derive.codegen.exact.neurons import as_written
from derive.codegen.exact.rounds import Round, neurons_of
from derive.codegen.exact.stand_in import StandIn
from derive.codegen.exact.truth import Truth, drawn, expression, names_of, parts, split
from derive.model.architecture import Architecture
from derive.model.expression import Z


@dataclass(frozen=True)
class Finding:
    """Whether one claim about a module came out true in one round."""

    label: str
    claim: str
    same: bool
    note: str = ""


def compared(text: str, architecture: Architecture, each: Round) -> list[Finding]:
    """The findings of one round. Raises whatever the module raises."""
    exact = exact_functions(text, architecture)
    architecture = architecture.resized(each.sizes)
    neurons = neurons_of(architecture, each.seed)
    stand_in = StandIn(neurons, each.samples, architecture.dtype, Meter(allowed(architecture, each.samples)))
    module = run(resized(text, each.sizes), stand_in, architecture.name, contained=True)
    module |= {name: stand_in.known(function) for name, function in exact.items()}
    truth = drawn(architecture, each.samples, each.seed, neurons)
    if each.kink:
        layer, point = each.kink
        truth.data[named("W", layer)][...] = 0
        truth.data[named("b", layer)][...] = neurons.pin(point)
    return _Comparison(module, stand_in, truth, each).findings()


@dataclass
class _Comparison:
    """The module's functions, and the numbers that they are called with."""

    module: dict[str, Any]
    stand_in: StandIn
    truth: Truth
    each: Round
    found: list[Finding] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.order = names_of(self.truth.architecture)
        self.theta = np.concatenate([self.truth.data[name].ravel() for name in self.order])
        given = ("a0", "y", *(["weights"] if self.truth.architecture.sample_weights else []))
        self.given = [self.truth.data[name] for name in given]
        self.data = tuple(self.stand_in.array(data.copy()) for data in self.given)
        self.X = self.data[0]
        masks = [self.stand_in.array(v) for name, v in self.truth.data.items() if name.startswith("mask")]
        self.drawn = {"rng": masks} if masks else {}
        self.module |= {"_mask": _next_mask, "_targets": lambda Y: None, "_weights": lambda weights, N: weights}
        self.module |= {"_finite": lambda array, name: None, "_rate": lambda learning_rate: learning_rate}
        self.module |= {"_generator": lambda rng: rng}

    def arguments(self) -> tuple[Any, ...]:
        """theta, X, Y and what else the module takes, theta as a copy that may be written to."""
        return self.stand_in.array(self.theta.copy()), *self.data

    def number(self, value: Any) -> int:
        return int(self.stand_in.resolved(value))

    def drawing(self) -> dict[str, Any]:
        """The generator that dropout draws from: the masks of the truth, in order."""
        return {name: list(masks) for name, masks in self.drawn.items()}

    def find(self, label: str, claim: str, same: bool, note: str = "") -> None:
        self.found.append(Finding(label, claim, same, "" if same else note))

    def findings(self) -> list[Finding]:
        """What the functions give, one after the other."""
        value, gradient = self.module["loss_and_gradient"](*self.arguments(), **self.drawing())
        gradient = self.stand_in.resolved(gradient)
        loss = int(self.truth.values["loss"])
        self.find("loss", "the module's loss is the specification's", self.number(value) == loss)
        settled = self.truth.undropped.values
        same = self.number(self.module["loss"](*self.arguments())) == int(settled["loss"])
        self.find("loss()", "loss gives the same value", same)
        predicted = self.stand_in.resolved(self.module["predict"](self.arguments()[0], self.X))
        output = settled[named("a", self.truth.architecture.depth)]
        same = predicted.shape == output.shape and bool((predicted == output).all())
        self.find("predict", "predict gives a^L", same)
        if gradient.shape != self.theta.shape:
            note = f"its shape is {gradient.shape}"
            self.find("gradient", "the gradient has an entry for each parameter", False, note)
            return self.found
        self.derivatives(gradient)
        self.steps(gradient)
        self.sensitivities()
        same = all(bool((np.asarray(array) == data).all()) for array, data in zip(self.data, self.given, strict=True))
        self.find("inputs", "X and Y are left as they were", same)
        return self.found

    def derivatives(self, gradient: Any) -> None:
        """Along a random direction in each parameter, or in all of them at once."""
        draw = np.random.default_rng(self.each.seed + 100).integers
        whole = {"gradient": slice(0, len(self.theta))}
        for label, part in (parts(self.order, self.truth.data) if self.each.separate else whole).items():
            direction = np.zeros_like(self.theta)
            direction[part] = draw(1, PRIME, direction[part].shape)
            along = _inner(gradient, direction)
            derivative = self.truth.derivative(split(direction, self.order, self.truth.data))
            name = f"d{label}" if self.each.separate else label
            entries = label if self.each.separate else "the parameters"
            claim = f"{name} is the derivative of the specification's loss by {entries}"
            self.find(name, claim, along == derivative)

    def steps(self, gradient: Any) -> None:
        """Whether steps from zero states move theta as the optimiser's equations say, and return the loss.

        The first step sees one sample, so that the next needs larger buffers; the second takes the default
        learning rate, the third fewer samples than the buffers were made for. Where gradients are clipped, the
        first is too long, the second short enough, the third too long again. The last step has as many samples as
        the one before, but another theta, so that no view of the old one may have been kept.
        """
        optimizer = self.truth.architecture.optimizer
        moved, *data = self.arguments()
        state = self.module["new_state"](moved)
        program = update_program(optimizer)
        values: dict[str, Any] = {name: np.zeros_like(self.theta) for name in program.states}
        values |= dict.fromkeys(program.counters, 0)
        values["theta"] = self.theta
        same = True
        fewer = len(self.X) - 1
        steps = (((0.3,), 1, True), ((), len(self.X), False), ((0.3,), fewer, True), ((0.3,), fewer, False))
        for number, (rate, rows, longer) in enumerate(steps, 1):
            if number == len(steps):
                moved = self.stand_in.array(self.stand_in.resolved(moved).copy())
            some = [array[:rows] for array in data]
            masks = [mask[:rows] for mask in self.drawn.get("rng", [])]
            loss, gradient = self.module["loss_and_gradient"](moved, *some, **({"rng": list(masks)} if masks else {}))
            if masks:
                state.rng = list(masks)
            paced = residue(sp.Rational(3 if rate else 1, 10))
            values |= {"g": self.clipped(self.stand_in.resolved(gradient), longer), "learning_rate": paced}
            for name, expr in program.assignments:
                values[name] = expression(expr, values, self.truth.neurons)
            further = dict(zip(("weights",), some[2:], strict=False))
            exact = [self.stand_in.array(self.stand_in.number(each)) for each in rate]  # divided by N, still exact
            returned = self.module["step"](moved, state, *some[:2], *exact, **further)
            same = same and self.number(returned) == self.number(loss)
            same = same and bool((self.stand_in.resolved(moved) == values["theta"]).all())
        clipping = "" if self.truth.architecture.clip is None else ", with the gradient clipped"
        self.find("step", f"step updates theta as {optimizer.name} does{clipping}", same)

    def clipped(self, gradient: Any, longer: bool) -> Any:
        """g * min(1, clip/||g||); the square of ||g|| is made to stand for a number beyond clip**2, or below it."""
        if self.truth.architecture.clip is None:
            return gradient
        clip = as_written(sp.Rational(str(self.truth.architecture.clip)))
        square = int(matmul(gradient, gradient))
        self.truth.neurons.represent(square, clip**2 * (4 if longer else sp.Rational(1, 4)))
        factor = residue(clip) * self.truth.neurons.function(1 / sp.sqrt(Z), square) if longer else 1
        return gradient * (factor % PRIME) % PRIME

    def sensitivities(self) -> None:
        """The Hessian times a vector, and the derivatives by the inputs, along random directions."""
        draw = np.random.default_rng(self.each.seed + 200).integers
        u, v = (draw(1, PRIME, self.theta.shape) for _ in range(2))
        direction = draw(1, PRIME, self.truth.data["a0"].shape)
        theta, truth = self.arguments()[0], self.truth.undropped
        product = self.stand_in.resolved(
            self.module["hessian_vector_product"](theta, self.stand_in.array(v), *self.data)
        )
        first, second = (split(vector, self.order, self.truth.data) for vector in (u, v))
        same = product.shape == u.shape and _inner(product, u) == truth.second_derivative(first, second)
        self.find("hessian_vector_product", "H v is the second derivative of the specification's loss", same)

        moved = truth.along({"a0": direction})
        gradient = self.stand_in.resolved(self.module["input_gradient"](theta, *self.data))
        same = gradient.shape == direction.shape and _inner(gradient, direction) == int(moved["loss"].tangent)
        self.find("input_gradient", "da0 is the derivative of the specification's loss by the inputs", same)

        jacobian = self.stand_in.resolved(self.module["jacobian"](theta, self.X))
        outputs = moved[named("a", self.truth.architecture.depth)].tangent
        same = jacobian.shape == (*outputs.shape, direction.shape[1])
        same = same and bool(((jacobian * direction[:, None] % PRIME).sum(axis=2) % PRIME == outputs).all())
        self.find("jacobian", "the Jacobian holds the derivatives of a^L by the inputs", same)


def _inner(left: Any, right: Any) -> int:
    return int((left * right % PRIME).sum() % PRIME)


def _next_mask(rng: Any, shape: Any, p: Any) -> Any:
    """In place of the module's own, which the frame compares: the masks of the truth, one after the other."""
    return rng.pop(0)
