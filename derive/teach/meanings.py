"""Words of a lesson: why each rule may be applied, and what each tensor is."""

from __future__ import annotations

RULES: dict[str, str] = {
    "chain rule": "The loss sees this tensor through the one that is computed from it: multiply along the path, and "
    "add up over all entries in between.",
    "forward equation": "What is differentiated is the forward equation, so it is put in.",
    "derivative of a sum": "A sum is differentiated term by term. An entry differentiated by itself gives 1, by "
    "another entry 0: that is the Kronecker delta, written [i = k].",
    "derivative of f": "f works on each entry by itself, so its derivative is f′, and a Kronecker delta for all other "
    "entries.",
    "derivative of the equation": "The equation is differentiated; an entry by another entry gives 0.",
    "Kronecker delta picks one term": "A sum over an index of which a Kronecker delta is a factor has one term that is "
    "not 0. It stays, and the sum disappears.",
    "index renamed": "The index of a sum may have any name that is free.",
    "sum over paths": "The tensor is read in several places. Each gives its part, and the parts add up.",
    "back to matrix form": "A sum over a shared index is a matrix product; the order and the transposes follow from "
    "which index runs along rows.",
}
"""Rule of a step → why it may be applied, in words for a learner."""

MEANINGS: dict[str, str] = {
    "z": "what comes into layer {layer}",
    "a": "what layer {layer} hands on",
    "delta": "the error of layer {layer}",
    "dW": "the gradient by the weights of layer {layer}",
    "db": "the gradient by the biases of layer {layer}",
    "da": "the derivative by what layer {layer} hands on",
    "m": "the largest entry of each sample",
    "e": "the exponentials, shifted so that none overflows",
    "q": "the sum of the exponentials",
    "mu": "the mean over the units",
    "r": "what is left without the mean",
    "sigma": "the spread over the units",
    "h": "the normalised input of f",
    "g": "what f gives, before more is done to it",
    "penalty": "what the weights of layer {layer} add to the loss",
}
"""Letters of a layer's tensors → what the tensor is, in words."""
OVERALL: dict[str, str] = {
    "c": "the loss of one sample",
    "loss": "the loss, its mean over the samples",
    "r": "what the loss of one unit depends on",
    "dc": "how much one sample counts",
}
"""The same for tensors that belong to no layer."""
