"""In whatever form a function returns its gradients, each is found."""

from collections import namedtuple
from dataclasses import dataclass

import numpy as np
import pytest

from derive.teach.code.returned import gradients

SIZES = (3, 4, 5, 2)
ORDER = [f"{kind}{k}" for k in (1, 2, 3) for kind in "Wb"]
SHAPES = {f"W{k}": (SIZES[k], SIZES[k - 1]) for k in (1, 2, 3)} | {f"b{k}": (SIZES[k],) for k in (1, 2, 3)}
GIVEN = {name: np.full(SHAPES[name], float(position)) for position, name in enumerate(ORDER)}
W, B = ([GIVEN[f"{kind}{k}"] for k in (1, 2, 3)] for kind in "Wb")
VECTOR = np.concatenate([GIVEN[name].ravel() for name in ORDER])
Named = namedtuple("Named", [f"d{name}" for name in ORDER])


@dataclass
class Layer:
    W: np.ndarray
    b: np.ndarray


Layer.__module__ = "audited"  # as if it stood in the file
PAIRS = list(zip(W, B, strict=True))
FORMS = {
    "in order": tuple(GIVEN.values()),
    "the loss first": (0.5, *GIVEN.values()),
    "the loss last": (*GIVEN.values(), np.float64(0.5)),
    "the loss and a list": (np.float64(0.5), list(GIVEN.values())),
    "a vector": VECTOR,
    "the loss and a vector": (0.5, VECTOR),
    "pairs": PAIRS,
    "pairs, b first": [(b, w) for w, b in PAIRS],
    "pairs, from the last layer": PAIRS[::-1],
    "the loss and pairs": (0.5, PAIRS),
    "kind by kind": (W, B),
    "kind by kind, b first": (B, W),
    "kind by kind, from the last layer": (W[::-1], B[::-1]),
    "flat, kind by kind": [*W, *B],
    "flat, from the last layer": [x for pair in PAIRS[::-1] for x in pair],
    "names": {f"d{name}": value for name, value in GIVEN.items()},
    "parameters' names": dict(reversed(GIVEN.items())),
    "grad_": {f"grad_{name}": value for name, value in GIVEN.items()},
    "dL_d": {f"dL_d{name}": value for name, value in GIVEN.items()},
    "_grad": {f"{name}_grad": value for name, value in GIVEN.items()},
    "letters": {"dW": W, "db": B},
    "nabla": {"nabla_b": B, "nabla_w": W},
    "words": {"weights": W, "biases": B, "loss": 0.5},
    "counted from 1": {"W": [None, *W], "b": [None, *B]},
    "counted from 1, with 0": {"W": [0, *W], "b": [0, *B]},
    "a dict for each layer": [{"W": w, "b": b} for w, b in PAIRS],
    "dicts by number": {k: {"weight": w, "bias": b} for k, (w, b) in enumerate(PAIRS, 1)},
    "dicts by name": {f"layer{k}": {"dW": w, "db": b} for k, (w, b) in enumerate(PAIRS, 1)},
    "pairs as keys": {(name[0], int(name[1])): value for name, value in GIVEN.items()},
    "within": {"loss": 0.5, "grads": {f"d{name}": value for name, value in GIVEN.items()}},
    "the loss and a dict": (0.5, GIVEN),
    "a named tuple": Named(*GIVEN.values()),
    "objects": [Layer(w, b) for w, b in PAIRS],
    "columns": [np.atleast_2d(x).T if x.ndim == 1 else x for x in GIVEN.values()],
    "plain lists": [x.tolist() for x in GIVEN.values()],
    "plain lists in a dict": {name: x.tolist() for name, x in GIVEN.items()},
}


@pytest.mark.parametrize("result", FORMS.values(), ids=FORMS)
def test_each_gradient_is_found(result):
    found = gradients(result, ORDER, SHAPES)
    assert list(found) == ORDER
    for name, value in GIVEN.items():
        assert np.array_equal(np.ravel(found[name]), value.ravel())


@pytest.mark.parametrize(
    "result", [None, 0.5, "dW1", [], {}, [0.5], VECTOR[:-1], [*GIVEN.values()][:-1], {"q": W}, {"W": W[:2]}]
)
def test_what_is_none_of_them_is_not_found(result):
    assert gradients(result, ORDER, SHAPES) == {}


def test_what_is_missing_is_missing_alone():
    assert list(gradients({"dW1": W[0], "db3": B[2]}, ORDER, SHAPES)) == ["W1", "b3"]
    assert list(gradients({"dW": W, "db": B[:2]}, ORDER, SHAPES)) == ["W1", "W2", "W3"]


def test_a_list_that_holds_itself_ends():
    endless: list = []
    endless.append(endless)
    assert gradients(endless, ORDER, SHAPES) == {}


def test_a_wrong_shape_does_not_change_which_is_which():
    turned = [x.T for x in GIVEN.values()]
    assert [float(x.ravel()[0]) for x in gradients(turned, ORDER, SHAPES).values()] == [0, 1, 2, 3, 4, 5]


def test_gains_and_shifts_by_the_names_that_others_use():
    order = [*ORDER[:2], "gain1", "shift1", *ORDER[2:]]
    shapes = SHAPES | {"gain1": (4,), "shift1": (4,)}
    given = GIVEN | {"dgamma1": np.full(4, 8.0), "dbeta1": np.full(4, 9.0)}
    found = gradients(given, order, shapes)
    assert list(found) == order
    assert (found["gain1"][0], found["shift1"][0]) == (8, 9)
