"""The lines of `hessian_vector_product`, `input_gradient` and `jacobian`, the same in both styles."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

from derive.algebra.gradient import Derivation, adjoint_name
from derive.algebra.program import Equation, Program
from derive.algebra.sensitivities import Sensitivity, hessian_vector, input_gradient, pull_back
from derive.algebra.tangent import tangent_name
from derive.codegen.forms.slopes import with_slopes, without_zeros
from derive.codegen.forms.specialize import Helper, specialize
from derive.codegen.statements.arrays import Assign, Node, name
from derive.codegen.statements.lower import lower
from derive.codegen.statements.notes import note
from derive.model.architecture import Architecture

TEXT = {
    "z": "z^{l}",
    "a": "a^{l}",
    "delta": "d{of}/dz^{l}",
    "da": "d{of}/da^{l}",
    "dW": "d{of}/dW^{l}",
    "db": "d{of}/db^{l}",
    "df": "f'(z^{l})",
    "ddf": "f''(z^{l})",
}
"""How the text writes what a name stands for; {of} is what is differentiated, c or an output."""
GRADIENT = frozenset(TEXT) - {"df", "ddf"}
"""What `notes` has a line for."""


@dataclass(frozen=True)
class Lines:
    """The statements of the three functions, in the parts that the template asks for, and the helpers they call."""

    parts: dict[str, list[Assign]]
    helpers: tuple[Helper, ...]


@lru_cache(maxsize=16)
def sensitivities(derivation: Derivation) -> Lines:
    """The statements of the symbolic programs, with every activation written out."""
    found = hessian_vector(derivation), input_gradient(derivation), pull_back(derivation)
    (hessian, gradient, jacobian), helpers = _concrete(found, derivation)
    architecture = derivation.architecture
    output, component = f"a{architecture.depth}", f"a^{architecture.depth}[k]"
    forward = set(derivation.forward.definitions)
    back = {*derivation.gradient.definitions, "da0"}
    inside = _depending(jacobian, adjoint_name(output))

    def lines(equations: Iterable[Equation], of: str = "c") -> list[Assign]:
        return [lower(equation, _note(equation, architecture, of)) for equation in equations]

    before, between, after = _parts(hessian, forward, back)
    upwards, downwards, _ = _parts(gradient, forward, back)
    parts = {
        "hessian_forward": lines(before),
        "hessian_backward": lines(between),
        "hessian_along": [*lines(after), *_zeros(hessian, derivation)],
        "input_forward": lines(upwards),
        "input_backward": lines(downwards),
        "jacobian_forward": lines(e for e in jacobian.equations if e.tensor.name not in inside),
        "jacobian_backward": lines((e for e in jacobian.equations if e.tensor.name in inside), component),
    }
    return Lines(parts, helpers)


USES = (2, None, 1)
"""How often f' has to be used in each of the three functions to have a line of its own; None for never."""


def _concrete(found: Iterable[Sensitivity], derivation: Derivation) -> tuple[list[Program], tuple[Helper, ...]]:
    """The programs with their activations written out, all from the same forward equations."""
    known = derivation.forward.definitions
    programs: list[Program] = []
    helpers: list[Helper] = []
    for each, uses in zip(found, USES, strict=True):
        program = each.program if uses is None else with_slopes(each.program, derivation, uses)
        own = Program((), tuple(e for e in program.equations if e.tensor.name not in known))
        # one at a time: da^L is an input of one program and an equation of another
        forward, written, called = specialize(replace(derivation, gradient=own), helpers=True)
        # the whole forward program: f' may be written in terms of an a that nothing else needs
        whole = Program(each.program.inputs, (*forward.equations, *written.equations))
        programs.append(without_zeros(whole).needed(each.results))
        helpers += called
    return programs, tuple(dict.fromkeys(helpers))


def _parts(program: Program, forward: set[str], back: set[str]) -> tuple[list[Equation], ...]:
    """The equations forward, backward, and along v; a slope stands with what needs it first."""
    parts: tuple[list[Equation], ...] = ([], [], [])
    along = {tangent_name(target) for target in forward | back}
    here = 2
    for equation in reversed(program.equations):
        target = equation.tensor.name
        if target in forward or target in back or target in along:
            here = 0 if target in forward else 1 if target in back else 2
        parts[here].insert(0, equation)
    return parts


def _depending(program: Program, source: str) -> set[str]:
    """The tensors that are computed from the input `source`."""
    found = {source}
    for equation in program.equations:
        if found & equation.reads:
            found.add(equation.tensor.name)
    return found


def _zeros(hessian: Program, derivation: Derivation) -> list[Assign]:
    """The parts of the product that vanish for every v, as those of a linear network under a linear loss."""
    return [
        Assign(result, Node("call", (name(t.name, t.axes),), t.axes, "np.zeros_like"), "0 for every v")
        for t in derivation.parameters
        if (result := tangent_name(adjoint_name(t.name))) not in hessian.definitions
    ]


def _note(equation: Equation, architecture: Architecture, of: str) -> str:
    """What a line computes, in the symbols of the text."""
    found = re.fullmatch(rf"(v?)({'|'.join(TEXT)})(\d+)", equation.tensor.name)
    if found is None or (not found[1] and found[2] in GRADIENT and of == "c"):
        return note(equation, architecture)
    meaning = TEXT[found[2]].format(l=found[3], of=of)
    return f"{meaning} along v" if found[1] else meaning
