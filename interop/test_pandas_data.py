"""pandas frames and series in emitted modules: what holds numbers counts as its array, all else is named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from derive import Architecture, differentiate, emit, load

SIZES = (3, 4, 3)
MODULES = {
    style: load(emit(differentiate(Architecture(SIZES, ("tanh", "softmax"), loss="cross_entropy")), style))
    for style in ("readable", "fast")
}
X = np.random.default_rng(0).integers(0, 5, (8, 3)).astype(float)
LABELS = np.array([0, 1, 2, 0, 1, 2, 0, 1])
FRAME = pd.DataFrame(X, columns=["height", "width", "age"])
CALLS = {
    "predict": lambda m, theta, X, Y: m.predict(theta, X),
    "loss": lambda m, theta, X, Y: m.loss(theta, X, Y),
    "loss_and_gradient": lambda m, theta, X, Y: m.loss_and_gradient(theta, X, Y)[1],
    "step": lambda m, theta, X, Y: m.step(theta.copy(), m.new_state(theta), X, Y),
    "train": lambda m, theta, X, Y: m.train(theta, X, Y, epochs=2, rng=0)[0],
    "standardize": lambda m, theta, X, Y: m.standardize(X)[0],
    "hessian_vector_product": lambda m, theta, X, Y: m.hessian_vector_product(theta, theta, X, Y),
    "input_gradient": lambda m, theta, X, Y: m.input_gradient(theta, X, Y),
    "jacobian": lambda m, theta, X, Y: m.jacobian(theta, X),
}


@pytest.mark.parametrize("style", MODULES)
@pytest.mark.parametrize("function", CALLS)
def test_frames_of_numbers_count_as_their_arrays(style: str, function: str) -> None:
    module, call = MODULES[style], CALLS[function]
    theta = module.initialize(0)
    expected = call(module, theta, X, LABELS)
    frames = [FRAME, FRAME.astype("Int64"), FRAME.astype("Float64"), FRAME.astype({"age": "int8", "width": "Int32"}),
              FRAME.astype(object), FRAME.sample(frac=1, random_state=0).sort_index()]  # fmt: skip
    for frame in frames:
        for labels in (LABELS, pd.Series(LABELS), pd.Series(LABELS, dtype="Int64"), pd.get_dummies(LABELS)):
            np.testing.assert_allclose(call(module, theta, frame, labels), expected, rtol=1e-13, atol=1e-15)


def _with(entry: Any, dtype: Any = object) -> pd.DataFrame:
    frame = FRAME.astype({"width": dtype})
    frame.loc[2, "width"] = entry
    return frame


@pytest.mark.parametrize("style", MODULES)
@pytest.mark.parametrize("function", CALLS)
@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (_with(np.nan, float), r"X\[2, 1\] is nan; expected a finite number"),
        (
            _with(pd.NA, "Int64"),
            r"X\[2, 1\] is (nan; expected a finite|<NA>, <class .*; expected a real) number",
        ),
        (_with("tall"), r"X\[2, 1\] is 'tall', <class 'str'>; expected a real number"),
        (_with(None), r"X\[2, 1\] is (None, <class 'NoneType'>; expected a real|nan; expected a finite) number"),
        (FRAME.assign(age=pd.Timestamp("2020-01-01")), r"X\[0, 2\] is Timestamp\(.*; expected a real number"),
        (FRAME.assign(age="old"), r"X\[0, 2\] is 'old', <class 'str'>; expected a real number"),
        (FRAME.assign(age=pd.Categorical(list("abababab"))), r"X\[0, 2\] is 'a', <class 'str'>; expected a real"),
        (FRAME["age"], r"X has shape \(8,\); expected \(N, 3\), one row for each of N >= 1 samples"),
        (FRAME.assign(more=1), r"X has shape \(8, 4\); expected \(N, 3\)"),
        (FRAME.iloc[:0], r"X has shape \(0, 3\); expected \(N, 3\), one row for each of N >= 1"),
    ],
)
def test_what_is_no_number_is_named(style: str, function: str, frame: Any, message: str) -> None:
    module = MODULES[style]
    with pytest.raises(ValueError, match=f"^{message}") as error:
        CALLS[function](module, module.initialize(0), frame, LABELS[: len(frame)])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (pd.Series(list("abcabcab")), r"Y\[0\] is 'a', <class 'str'>; expected a real number|Y has dtype str"),
        (pd.Series(list("abcabcab"), dtype="category"), r"Y\[0\] is 'a', <class 'str'>; expected a real number"),
        (pd.Series([0, 1, None, 2, 0, 1, 2, 0], dtype="Int64"), r"Y\[2\] is (<NA>|nan)"),
        (pd.Series([0, 1, None, 2, 0, 1, 2, 0]), r"Y\[2\] is nan; expected labels"),
    ],
)
def test_what_is_no_label_is_named(labels: Any, message: str) -> None:
    module = MODULES["fast"]
    for function in ("loss", "loss_and_gradient", "step", "train", "input_gradient"):
        with pytest.raises(ValueError, match=f"^({message})"):
            CALLS[function](module, module.initialize(0), X, labels)
