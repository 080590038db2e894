"""Hints, one at a time: the rule, the shapes, the indices, the line. Before there is an answer, or about a slip.

>>> from derive.model.architecture import Architecture
>>> hints("dW", 1, Architecture((3, 2), ("tanh",)))[1]
'dW[l] has the shape of W[l]: n[l] x n[l-1].'
"""

from __future__ import annotations

from derive.model.architecture import Architecture
from derive.proof.grading.slips import BY_TAG, Hints

FIRST: dict[str, Hints] = {
    "output": Hints(
        "delta[L] is the derivative of the loss by z[L]. Between them lies a[L] = f(z[L]).",
        "delta[L], z[L], a[L] and y have one shape.",
        "delta[s, i] is the derivative of the loss by a[s, i], times f'(z[s, i]).",
        "Differentiate the loss of one unit by its a, then multiply by f'(z[L]), entry by entry.",
    ),
    "output of a row": Hints(
        "delta[L] is the derivative of the loss by z[L]. Every output of a sample depends on all its z.",
        "delta[L], z[L], a[L] and y have one shape.",
        "Add up over k what each a[s, k] does to the loss, times da[s, k]/dz[s, i].",
        "Differentiate by all a of the sample; where the targets add up to 1, little is left.",
    ),
    "delta": Hints(
        "An error goes back through the weights that the signal came through, and then through f.",
        "delta[l] has the shape of z[l]. Which product of delta[l+1] and W[l+1] has that?",
        "Add up delta[s, k] W[k, i] over the units k of layer l+1, then multiply by f'(z[s, i]).",
        "Bring delta[l+1] back with W[l+1], then multiply by f'(z[l]), entry by entry.",
    ),
    "delta, read twice": Hints(
        "Here a[l] is read twice: by the next layer, and by the residual connection. Both give a part of the error.",
        "Both parts have the shape of a[l].",
        "Add up delta[s, k] W[k, i] over k, add what comes back on the shortcut, then multiply by f'(z[s, i]).",
        "(what W[l+1] brings back + what the shortcut brings back) * f'(z[l]).",
    ),
    "dW": Hints(
        "Each weight W[i, j] has a derivative of its own: the error of unit i, times what unit j handed on.",
        "dW[l] has the shape of W[l]: n[l] x n[l-1].",
        "dW[i, j] is delta[s, i] a[s, j], added up over the samples s.",
        "Multiply delta[l] by a[l-1], one of them transposed.",
    ),
    "dW, penalised": Hints(
        "The weights are in the loss twice: through z[l], and in the penalty. Both derivatives are added.",
        "Both parts have the shape of W[l].",
        "d(W[i, j]**2)/dW[i, j] = 2 W[i, j].",
        "Multiply delta[l] by a[l-1], one of them transposed, and add the derivative of the penalty.",
    ),
    "db": Hints(
        "z[l] = ... + b[l]: its derivative by the bias is 1, so b[l] has the error itself for a derivative.",
        "All samples share one bias: db[l] has n[l] entries.",
        "db[i] is delta[s, i], added up over the samples s.",
        "In rows, sum(...) over the samples; one sample has nothing to add up.",
    ),
}
"""What can be said before there is an answer."""


def hints(base: str, layer: int, architecture: Architecture) -> tuple[str, ...]:
    """What can be said about a quantity before there is an answer."""
    return _in_order(FIRST[_kind(base, layer, architecture)])


def _kind(base: str, layer: int, architecture: Architecture) -> str:
    if base == "delta" and layer == architecture.depth:
        return "output" if architecture.activations[-1].elementwise else "output of a row"
    if base == "delta" and any(k - options.residual == layer for k, options in enumerate(architecture.layers, 1)):
        return "delta, read twice"
    return "dW, penalised" if base == "dW" and (architecture.penalty.l1 or architecture.penalty.l2) else base


def hints_of(tag: str) -> tuple[str, ...]:
    """The hints of a slip."""
    return _in_order(BY_TAG[tag].hints)


def _in_order(own: Hints) -> tuple[str, ...]:
    return own.rule, own.shapes, own.indices, own.line
