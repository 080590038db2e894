"""The slips that people make in backpropagation, each a transformation of what is right.

A row holds the stable tag, what the slip makes of the right formula (at one place in it, or of the whole),
the rule it breaks in words for a learner, and hints that can be given one at a time: the rule, the shapes,
the indices, the line. Nothing here looks at an answer; `proof.grading.recognise` compares values.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from derive.proof.grading.slip_rules import (
    Local,
    Setting,
    crossed,
    dropped,
    entrywise_outer,
    inverses,
    leaf_of,
    one_path,
    other_activation,
    other_order,
    other_weights,
    products_with_slope,
    too_early,
    unsummed,
    untransposed,
    weights,
    wrong_argument,
    z_for_a,
)
from derive.proof.grading.terms import Term, entrywise, leaf, number, rewrites, transposed


@dataclass(frozen=True)
class Hints:
    """What can be said before the answer is given, in this order."""

    rule: str
    shapes: str
    indices: str
    line: str


@dataclass(frozen=True)
class Slip:
    """A row of the table."""

    tag: str
    what: str
    """What was done, as the end of "this is consistent with …"."""
    forms: Local
    """What the slip makes of the right formula at one place."""
    rule: str
    hints: Hints
    whole: bool = False
    """Whether the transformation is of the whole formula, and not of one place in it."""

    def slipped(self, truth: Term, setting: Setting) -> Iterator[Term]:
        """Every form that the slip gives to `truth`."""
        if self.whole:
            yield from self.forms(truth, setting)
        else:
            yield from rewrites(truth, lambda term: self.forms(term, setting))


def _hints(rule: str, shapes: str, indices: str, line: str) -> Hints:
    return Hints(rule, shapes, indices, line)


_BACK = "Backwards, an error goes through the same weights as the signal did, the other way: by the transpose."
_NO_SHAPES = "The shapes are right, so they do not show it."
_OUTER = "dW[l] holds, for each pair of units, the error of the one times the activation of the other."
_MEAN = "In rows all derivatives are those of the mean loss, which divides by N once."

SLIPS: tuple[Slip, ...] = (
    Slip(
        "sign",
        "the wrong sign, such as y - a for a - y",
        lambda term, s: [Term("negative", (term,))],
        "the derivative of (a - y)**2/2 by a is a - y; descent subtracts the gradient later",
        _hints("Which way does the loss grow?", _NO_SHAPES, "Differentiate (a - y)**2/2 by a.", "Look at a - y."),
        whole=True,
    ),
    Slip(
        "missing-mean",
        "a missing 1/N",
        lambda term, s: [entrywise(Term("N"), term)] if s.layout == "rows" else [],
        "in rows the loss is the mean over the samples, so its derivatives carry 1/N",
        _hints(
            _MEAN, _NO_SHAPES, "Is there a 1/N in front of the sum over s?", "Look where 1/N first belongs: delta[L]."
        ),
        whole=True,
    ),
    Slip(
        "mean-twice",
        "1/N once too often",
        lambda term, s: [Term("/", (term, Term("N")))],
        "the mean is taken once: in rows delta already carries 1/N, in columns nothing does",
        _hints(_MEAN, _NO_SHAPES, "Count the factors 1/N.", "Does delta already carry it?"),
        whole=True,
    ),
    Slip(
        "missing-transpose",
        "a transpose that is missing, or stands where none belongs",
        lambda term, s: weights(lambda part, _: [transposed(part)], term, s),
        "forwards W[l] maps layer l-1 to layer l, and backwards its transpose maps errors to layer l-1: "
        "W[l].T @ delta[l] in columns, delta[l] @ W[l] in rows",
        _hints(_BACK, "Write the shapes below the product.", "Over which index of W[k, i] is summed?", "Look at W."),
    ),
    Slip(
        "inverse-for-transpose",
        "the inverse of W in place of its transpose",
        lambda term, s: weights(inverses, term, s),
        "errors are passed back by the transpose of W; nothing is undone, and W need not even be square",
        _hints(_BACK, "Only a square matrix has an inverse.", "W.T has the entry W[k, i] at (i, k).", "Look at inv."),
    ),
    Slip(
        "gradient-for-weight",
        "the gradient dW in place of the weights W",
        lambda term, s: weights(lambda part, _: [leaf_of(lambda w: leaf("dW", w.layer), part)], term, s),
        "the derivative of z = W a + b by a is W itself, so W passes the error back",
        _hints(_BACK, "W and dW have one shape: it does not show.", "dz[k]/da[i] = W[k, i].", "Look at dW."),
    ),
    Slip(
        "wrong-weight-index",
        "the weights of a neighbouring layer",
        lambda term, s: weights(other_weights, term, s),
        "layers l and l+1 are joined by W[l+1], so W[l+1] brings delta[l+1] back to layer l",
        _hints(
            _BACK,
            "Which W has as many columns as layer l has units?",
            "delta and W have one layer.",
            "Look at W's layer.",
        ),
    ),
    Slip(
        "missing-derivative",
        "a missing f'(z) in a hidden layer",
        lambda term, s: dropped(False, term, s),
        "between z[l] and a[l] = f(z[l]) stands f, so the chain rule multiplies by f'(z[l])",
        _hints("Each step of the forward pass gives a factor.", _NO_SHAPES, "da[i]/dz[i] = f'(z[i]).", "Where is f'?"),
    ),
    Slip(
        "missing-derivative-output",
        "a missing f'(z) at the output",
        lambda term, s: dropped(True, term, s),
        "with least squares delta[L] = (a[L] - y) * f'(z[L]), up to 1/N; f' cancels only in pairs such as sigmoid "
        "with cross-entropy",
        _hints("The loss sees a[L], not z[L].", _NO_SHAPES, "da[i]/dz[i] = f'(z[i]).", "Look at delta[L]."),
    ),
    Slip(
        "derivative-at-wrong-argument",
        "f' taken at the wrong argument",
        wrong_argument,
        "f' of layer l is taken at z[l], where f was taken; in terms of a it is written with a[l]",
        _hints(
            "Where was f taken in the forward pass?", "Compare with the shape of z[l].", "da/dz at z[l].", "Look at f'."
        ),
    ),
    Slip(
        "derivative-too-early",
        "f' applied before the weights",
        too_early,
        "backwards the error passes the weights first and then f'(z[l]) of the layer that it reaches",
        _hints(
            "Go backwards through z[l+1] = W a[l] + b first.",
            "f'(z[l]) has the width of layer l.",
            "f'(z[i]) stands outside of the sum over k.",
            "Look at the brackets.",
        ),
    ),
    Slip(
        "matrix-product-for-hadamard",
        "a matrix product with f' where entries are multiplied",
        products_with_slope,
        "f works on each entry by itself, so f'(z) multiplies entry by entry: *, or diag(f'(z)) @",
        _hints(
            "f has one input and one output per unit.",
            "Both factors have one shape.",
            "No sum over i.",
            "Look at @ f'.",
        ),
    ),
    Slip(
        "outer-product-order",
        "the outer product the wrong way round",
        other_order,
        "dW[l] has the shape of W[l]: delta on the side of its rows, a on that of its columns",
        _hints(_OUTER, "dW[l] is n[l] x n[l-1].", "dW[i, j] = delta[i] * a[j].", "Look at the order of the factors."),
    ),
    Slip(
        "hadamard-for-outer",
        "a product entry by entry where the outer product belongs",
        entrywise_outer,
        "each weight W[i, j] has its own derivative delta[i] * a[j]: delta @ a.T in columns, delta.T @ a in rows",
        _hints(_OUTER, "dW[l] is n[l] x n[l-1].", "dW[i, j] has two indices.", "Look at *."),
    ),
    Slip(
        "missing-activation-transpose",
        "the outer product without the transpose that makes it one",
        untransposed,
        "an outer product needs one factor standing and one lying: delta @ a.T in columns, delta.T @ a in rows",
        _hints(_OUTER, "n x 1 and m x 1 do not fit.", "dW[i, j] = delta[i] * a[j].", "Where is .T?"),
    ),
    Slip(
        "wrong-activation-index",
        "the activation of another layer",
        other_activation,
        "W[l] multiplies a[l-1] in the forward pass, so dW[l] is made of delta[l] and a[l-1]",
        _hints(_OUTER, "dW[l] has n[l-1] columns.", "dz[i]/dW[i, j] = a[j] of layer l-1.", "Look at a's layer."),
    ),
    Slip(
        "z-for-a",
        "z in place of a",
        z_for_a,
        "what a layer hands on is a = f(z), so a is what the next layer's weights, and the loss, have seen",
        _hints(
            "What does the next layer read?",
            "z and a have one shape: it does not show.",
            "z = sum of W a.",
            "Look at z.",
        ),
    ),
    Slip(
        "bias-not-summed",
        "delta not summed over the samples",
        unsummed,
        "all samples share one bias, so its derivative adds up over them: db[l] = sum(delta[l])",
        _hints("How many biases are there?", "db[l] is 1 x n[l].", "db[i] has no index s.", "Where is the sum?"),
    ),
    Slip(
        "missing-path",
        "one path only, where several meet",
        one_path,
        "where a tensor is read twice its derivative is the sum over both readers: += and not =",
        _hints("Who reads this tensor?", _NO_SHAPES, "One term for each reader.", "Count the terms."),
    ),
    Slip(
        "broadcast",
        "a subtraction of a row from a column, which broadcasts to every pair of samples",
        crossed,
        "a and y need one shape before they are subtracted; (N, 1) minus (N,) has N x N entries",
        _hints(
            "One error for each sample and output.", "Write the shapes of a and y.", "a[s, i] - y[s, i].", "Look at y."
        ),
    ),
    Slip(
        "transposed-layout",
        "the formula of the other layout",
        lambda term, s: [transposed(term)],
        "in rows samples are rows, in columns a vector stands upright; every product is the other one's transpose",
        _hints(
            "Which layout is asked for?",
            "Compare with the shape of what is asked for.",
            "Which index runs along rows?",
            "Look at the order of all products.",
        ),
        whole=True,
    ),
    Slip(
        "constant-factor",
        "a constant factor too much",
        lambda term, s: [entrywise(number(2), term), Term("/", (term, number(2)))],
        "the 2 of the square cancels against the 1/2 of the loss, and nothing else gives a constant",
        _hints(
            "Differentiate the loss as it is stated.", _NO_SHAPES, "d/da (a - y)**2/2 = a - y.", "Look at the numbers."
        ),
        whole=True,
    ),
)
"""In the order in which a name is chosen if an answer is consistent with several."""

BY_TAG = {slip.tag: slip for slip in SLIPS}
