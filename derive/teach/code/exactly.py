"""Running somebody's function in exact arithmetic, on the stand-in for NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from derive.algebra.residues import PRIME
from derive.codegen.exact.meter import Meter, allowed
from derive.codegen.exact.namespace import run
from derive.codegen.exact.rounds import Round, neurons_of
from derive.codegen.exact.stand_in import StandIn
from derive.codegen.exact.truth import drawn
from derive.model.architecture import Architecture
from derive.teach.code.layouts import Convention
from derive.teach.code.observed import Failure, Source, attempt, call
from derive.teach.code.reference import AtKink, exact_gradients
from derive.teach.code.returned import gradients
from derive.teach.code.timed import TooLongError

Exact: TypeAlias = dict[str, bool] | str
Residues: TypeAlias = dict[str, Any]


def entries(
    source: Source,
    architecture: Architecture,
    order: list[str],
    convention: Convention,
    seed: int,
    kink: AtKink | None = None,
) -> tuple[Residues, Callable[..., Residues]] | str:
    """The gradients that the function returns as residues, and a function that says what they should be.

    Why that cannot be said, in words, if the stand-in does not understand the code. Both lie as the function has them.
    """
    samples = Round("", architecture.sizes, 1).samples
    neurons = neurons_of(architecture, seed)
    truth = drawn(architecture, samples, seed, neurons)
    if kink:
        kink.put(truth.data, neurons.pin(kink.kink))
    stand_in = StandIn(neurons, samples, architecture.dtype, Meter(allowed(architecture, samples)), masks=True)

    def residues() -> Residues:
        function = run(source.text, stand_in, "audited")[source.function]
        given = {key: stand_in.array(value) for key, value in convention.given(truth.data, order).items()}
        result = call(function, source, given)
        found = gradients(result, order, {name: given[name].shape for name in order})
        return {name: stand_in.resolved(value) for name, value in found.items()}

    try:
        found = attempt(source, residues)
    except TooLongError as error:
        return f"on the stand-in for NumPy {error}"
    if isinstance(found, Failure):  # it may mean no more than that the stand-in lacks something
        return f"on the stand-in for NumPy it raises {found.words}"
    scale = convention.factor(samples)

    def right(kink: AtKink | None = None, shift: bool = True) -> Residues:
        derived = exact_gradients(truth, order, kink, shift)
        return {name: convention.stored(name, value * scale % PRIME) for name, value in derived.items()}

    return found, right


def exactly(source: Source, architecture: Architecture, order: list[str], convention: Convention, seed: int) -> Exact:
    """For each gradient that is returned whether it is the derived one, or why that cannot be said."""
    ran = entries(source, architecture, order, convention, seed)
    if isinstance(ran, str):
        return ran
    found, right = ran
    derived = right(None)
    verdicts = {name: same(found[name], value) for name, value in derived.items() if name in found}
    if not all(verdicts.values()) and any(not f.elementwise for f in architecture.activations):
        unshifted = right(None, False)  # softmax is the same, whether the largest input is subtracted or not
        verdicts = {name: fine or same(found[name], unshifted[name]) for name, fine in verdicts.items()}
    return verdicts


def same(found: Any, right: Any) -> bool:
    """Whether two arrays of residues are the same; a bias may lie as a row, a column or neither."""
    return found.size == right.size and bool((found.reshape(right.shape) == right).all())
