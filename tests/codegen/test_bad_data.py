"""Data of every kind that people have: each function gives what it gives for the clean array, or says what is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from derive.algebra.gradient import differentiate
from derive.codegen.emit import emit, load
from derive.model.architecture import Architecture

STYLES = ("readable", "fast")
SIZES = (3, 4, 2)
DRAW = np.random.default_rng(1)
X = DRAW.integers(0, 4, (6, 3)).astype(float)  # small integers, so that every dtype holds them
Y = DRAW.integers(0, 4, (6, 2)).astype(float)


@lru_cache(maxsize=32)
def made(style: str, names: tuple[str, ...] = ("tanh", "identity"), sizes: tuple[int, ...] = SIZES, loss: str = "",
         dtype: str = "float64", weights: bool = False) -> ModuleType:  # fmt: skip
    architecture = Architecture(
        sizes, names, loss=loss or "least_squares", dtype=dtype, sample_weights=weights, optimizer="adam"
    )
    return load(emit(differentiate(architecture), style))


def _stepped(m: Any, theta: Any, X: Any, Y: Any) -> Any:
    theta = theta.copy() if isinstance(theta, np.ndarray) and theta.flags.writeable else theta
    state = m.new_state(theta)
    return [m.step(theta, state, X, Y), m.step(theta, state, X, Y), theta]


def _trained(m: Any, theta: Any, X: Any, Y: Any) -> Any:
    theta, history = m.train(theta, X, Y, epochs=2, batch_size=4, rng=0, validation=(X, Y))
    return [theta, history["loss"], history["validation_loss"]]


FUNCTIONS: dict[str, Callable[[Any, Any, Any, Any], Any]] = {
    "predict": lambda m, theta, X, Y: [m.predict(theta, X)],
    "loss": lambda m, theta, X, Y: [m.loss(theta, X, Y)],
    "loss_and_gradient": lambda m, theta, X, Y: m.loss_and_gradient(theta, X, Y),
    "step": _stepped,
    "train": _trained,
    "standardize": lambda m, theta, X, Y: m.standardize(X),
    "hessian_vector_product": lambda m, theta, X, Y: [m.hessian_vector_product(theta, np.ones(len(theta)), X, Y)],
    "input_gradient": lambda m, theta, X, Y: [m.input_gradient(theta, X, Y)],
    "jacobian": lambda m, theta, X, Y: [m.jacobian(theta, X)],
}
WITHOUT_Y = ("predict", "standardize", "jacobian")
every_function = pytest.mark.parametrize("function", FUNCTIONS)
both_styles = pytest.mark.parametrize("style", STYLES)


def agree(found: Any, expected: Any) -> bool:
    """The same numbers; where BLAS adds up in another order, up to rounding."""
    return all(np.allclose(a, b, rtol=1e-13, atol=1e-14) for a, b in zip(found, expected, strict=True))


def says(call: Callable[[], Any], message: str) -> None:
    """The call fails with one line that begins like this, a pattern."""
    with pytest.raises(ValueError, match=f"^{message}") as error:
        call()
    assert "\n" not in str(error.value)


def _memmap(array: Any, folder: Path) -> Any:
    path = folder / f"{len(list(folder.iterdir()))}.npy"
    np.save(path, array)
    return np.load(path, mmap_mode="r")


def _unaligned(array: Any) -> Any:
    room = np.zeros(array.nbytes + 1, np.uint8)[1:].view(float).reshape(array.shape)
    room[...] = array
    return room


def _frozen(array: Any) -> Any:
    array = array.copy()
    array.flags.writeable = False
    return array


GOOD: dict[str, Callable[[Any, Path], Any]] = {
    "Fortran order": lambda a, _: np.asfortranarray(a),
    "a part": lambda a, _: np.repeat(np.repeat(a, 2, 0), 3, 1)[::2, ::3],
    "backwards": lambda a, _: a[::-1].copy()[::-1],
    "read-only": lambda a, _: _frozen(a),
    "broadcast": lambda a, _: np.broadcast_to(a, a.shape),
    "unaligned": lambda a, _: _unaligned(a),
    "big-endian": lambda a, _: a.astype(">f8"),
    **{dtype: lambda a, _, dtype=dtype: a.astype(dtype)
       for dtype in ("float16", "float32", "longdouble", "int64", ">i4", "uint8", "int8", "uint64", "object")},
    "object of integers": lambda a, _: a.astype(int).astype(object),
    "masked, nothing missing": lambda a, _: np.ma.masked_array(a, np.zeros(a.shape, bool)),
    "matrix": lambda a, _: np.asmatrix(a),
    "lists": lambda a, _: a.tolist(),
    "tuples of arrays": lambda a, _: tuple(a),
    "memmap": _memmap,
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
@both_styles
@every_function
def test_every_kind_of_array_counts_as_the_clean_one(style: str, function: str, tmp_path: Path) -> None:
    module, call = made(style), FUNCTIONS[function]
    theta = module.initialize(0)
    expected = call(module, theta, X, Y)
    for name, make in GOOD.items():
        for at in ((make(X, tmp_path), Y), (X, make(Y, tmp_path))):
            assert agree(call(module, theta, *at), expected), name
    assert agree(call(module, theta, X > 1, Y), call(module, theta, (X > 1) * 1.0, Y)), "bool"
    assert not agree(call(module, theta, X + 1e-9 * (1 + X), Y), expected)  # the comparison sees a difference


def _with(array: Any, entry: Any, dtype: Any = None) -> Any:
    array = array.astype(dtype or array.dtype)
    array[2, 1] = entry
    return array


BAD: dict[str, tuple[Callable[[Any], Any], str]] = {
    "NaN": (lambda a: _with(a, np.nan), r"{}\[2, 1\] is nan; expected a finite number in every entry$"),
    "infinity": (lambda a: _with(a, np.inf), r"{}\[2, 1\] is inf; expected a finite number"),
    "-infinity, int8 elsewhere": (lambda a: _with(a, -np.inf, "float16"), r"{}\[2, 1\] is -inf; expected a finite"),
    "NaN in objects": (lambda a: _with(a, np.nan, object), r"{}\[2, 1\] is nan; expected a finite"),
    "too large": (lambda a: _with(a, np.longdouble("1e4000"), np.longdouble), r"{}\[2, 1\] is 1e\+4000, which is too"),
    "huge integer": (lambda a: _with(a, 10**400, object), r"{}\[2, 1\] is 1000.*, <class 'int'>; expected a real numb"),
    "missing": (lambda a: np.ma.masked_equal(a, 0), r"{} is a masked array with entries missing; expected"),
    "missing in a row": (lambda a: list(np.ma.masked_equal(a, 0)), r"{} is a masked array with entries missing; expe"),
    "complex": (lambda a: a + 1j, r"{} has dtype complex128; expected real numbers"),
    "text": (lambda a: a.astype(str), r"{} has dtype <U.*; expected real numbers"),
    "bytes": (lambda a: a.astype("S"), r"{} has dtype \|S.*; expected real numbers"),
    "dates": (lambda a: a.astype(int).astype("datetime64[D]"), r"{} has dtype datetime64\[D\]; expected real"),
    "spans of time": (lambda a: a.astype(int).astype("timedelta64[s]"), r"{} has dtype timedelta64\[s\]; expected"),
    "records": (lambda a: np.zeros(6, "f8, f8, f8"), r"{} has dtype \[\('f0'.*; expected real numbers"),
    "None in objects": (lambda a: _with(a, None, object), r"{}\[2, 1\] is None, <class 'NoneType'>; expected a real n"),
    "text in objects": (lambda a: _with(a, "1.5", object), r"{}\[2, 1\] is '1.5', <class 'str'>; expected a real"),
    "complex in objects": (lambda a: _with(a, 1j, object), r"{}\[2, 1\] is 1j, <class 'complex'>; expected a real"),
    "sparse matrix": (sparse.csr_matrix, r"{} is <class 'scipy.sparse.*csr_matrix'>; expected an array of real numb"),
    "sparse array": (sparse.csr_array, r"{} is <class 'scipy.sparse.*csr_array'>; expected an array"),
    "generator": (lambda a: (row for row in a), r"{} is <class 'generator'>; expected an array of real numbers"),
    "dict": (lambda a: {"a": a}, r"{} is <class 'dict'>; expected an array"),
    "None": (lambda a: None, r"{} is <class 'NoneType'>; expected an array"),
    "ragged lists": (lambda a: [[1.0, 2.0, 3.0], [1.0]], r"{} cannot be made an array: .*inhomogeneous"),
    "a number": (lambda a: 3.0, r"{} has shape \(\); expected \(N, [23]\), one row for each of N >= 1 samples"),
    "three axes": (lambda a: a[None], r"{} has shape \(1, 6, [23]\); expected \(N, [23]\)"),
    "transposed": (lambda a: a.T, r"{} has shape \([23], 6\); expected \(N, [23]\)"),
    "one row": (lambda a: a[0], r"{} has shape \([23],\); expected \(N, [23]\)"),
    "no samples": (lambda a: a[:0], r"{} has shape \(0, [23]\); expected \(N, [23]\), one row for each of N >= 1"),
}


@both_styles
@every_function
def test_what_is_no_data_is_named(style: str, function: str) -> None:
    module, call = made(style), FUNCTIONS[function]
    for make, message in BAD.values():
        theta = module.initialize(0)
        kept = theta.copy()
        says(lambda: call(module, theta, make(X), Y), message.format("X"))  # noqa: B023
        if function not in WITHOUT_Y:
            says(lambda: call(module, theta, X, make(Y)), message.format("Y"))  # noqa: B023
        np.testing.assert_array_equal(theta, kept)
    if function not in WITHOUT_Y:
        says(lambda: call(module, theta, X, Y[:5]), "X has 6 rows and Y has 5; expected one row of each")


@pytest.mark.parametrize("name", ["relu", "tanh", "hardsigmoid", "elu", "softmax"])
def test_no_activation_swallows_what_is_not_finite(name: str) -> None:
    """The derivative of relu does not depend on X, and tanh(inf) is a number."""
    module = made("fast", (name, "identity"))
    for entry in (np.nan, np.inf, -np.inf):
        for call in FUNCTIONS.values():
            says(lambda: call(module, module.initialize(0), _with(X, entry), Y), r"X\[2, 1\] is ")  # noqa: B023


def test_the_place_in_a_long_array_and_squares_that_overflow() -> None:
    module = made("fast")
    long = np.zeros((10_000, 3))
    long[9_123, 2] = np.nan
    says(lambda: module.predict(module.initialize(0), long), r"X\[9123, 2\] is nan")
    long[9_123, 2] = 1e200
    assert np.isfinite(module.predict(module.initialize(0), long)).all()


def test_integers_keep_their_values() -> None:
    module = made("fast")
    theta = module.initialize(0)
    for array in (np.full((2, 3), 2**53 + 1), np.full((2, 3), 2**64 - 1, np.uint64), np.full((2, 3), 255, np.uint8),
                  np.full((2, 3), -128, np.int8), [[2**70] * 3] * 2):  # fmt: skip
        clean = np.array([[float(entry) for entry in row] for row in np.asarray(array).tolist()])
        for call in FUNCTIONS.values():
            assert agree(call(module, theta, array, Y[:2]), call(module, theta, clean, Y[:2]))


def test_what_float32_cannot_hold_is_named() -> None:
    module = made("fast", dtype="float32")
    says(
        lambda: module.predict(module.initialize(0), _with(X, 1e39)), r"X\[2, 1\] is 1e\+39, which is too large for fl"
    )
    assert module.predict(module.initialize(0), _with(X, 1e38)).dtype == np.float32


# theta.


@both_styles
@every_function
def test_every_kind_of_theta(style: str, function: str, tmp_path: Path) -> None:
    module, call = made(style), FUNCTIONS[function]
    theta = module.initialize(0).astype(np.float32).astype(float)
    expected = call(module, theta, X, Y)
    others = {
        "read-only": _frozen(theta),
        "float32": theta.astype(np.float32),
        "big-endian": theta.astype(">f8"),
        "a part": np.repeat(theta, 2)[::2],
        "a list": theta.tolist(),
        "object": theta.astype(object),
    }
    for other in others.values():
        in_place = isinstance(other, np.ndarray) and other.flags.writeable and other.dtype == np.float64
        if function == "step" and not in_place:
            message = "theta is updated in place; expected a writeable numpy array of dtype float64"
            says(lambda: call(module, other, X, Y), message)  # noqa: B023
        else:
            assert agree(call(module, other, X, Y), expected)
    for wrong in (theta[:-1], theta[None], theta + 1j, list("a" * len(theta))):
        if function != "standardize":
            says(lambda: call(module, wrong, X, Y), "theta has (shape|dtype) .*; expected")  # noqa: B023


@both_styles
def test_steps_on_a_part_of_an_array_reach_it(style: str) -> None:
    """No part of theta is copied when it gets its shape, else the next step would start from the old parameters."""
    module = made(style)
    found = []
    start = module.initialize(0)
    for theta in (start.copy(), np.repeat(start, 3)[::3], start[::-1].copy()[::-1]):
        state = module.new_state(theta)
        found.append([*(module.step(theta, state, X, Y) for _ in range(4)), theta])
    assert agree(found[1], found[0])
    assert agree(found[2], found[0])
    assert not agree([start], found[0][-1:])


def test_directions_are_checked_as_theta_is() -> None:
    module, theta = made("fast"), made("fast").initialize(0)
    says(lambda: module.hessian_vector_product(theta, theta[:3], X, Y), r"v has shape \(3,\); expected \(26,\)")
    says(lambda: module.hessian_vector_product(theta, theta * 1j, X, Y), "v has dtype complex128; expected real")


# Settings.


@both_styles
@pytest.mark.parametrize("name", ["epochs", "batch_size", "patience"])
@pytest.mark.parametrize("value", [0, -1, 1.5, 2.0, np.nan, np.inf, "3", True, None, [1]])
def test_bad_counts(style: str, name: str, value: Any) -> None:
    if (name, value) == ("patience", None):
        return  # which means that training does not stop early
    module = made(style)
    settings = {"epochs": 1, "batch_size": 2, "patience": 1, "validation": (X, Y), name: value}
    message = f"{name} is {re.escape(repr(value))}; expected an integer of at least 1$"
    says(lambda: module.train(module.initialize(0), X, Y, **settings), message)


@both_styles
@pytest.mark.parametrize("rate", [-0.1, np.nan, np.inf, "0.1", None, 1j, [0.1]])
def test_bad_learning_rates(style: str, rate: Any) -> None:
    module = made(style)
    theta = module.initialize(0)
    message = f"learning_rate is {re.escape(repr(rate))}; expected a positive number$"
    says(lambda: module.step(theta, module.new_state(theta), X, Y, rate), message)
    says(lambda: module.train(theta, X, Y, learning_rate=rate), message)
    np.testing.assert_array_equal(theta, module.initialize(0))
    says(lambda: module.train(theta, X, Y, learning_rate=0), "learning_rate is 0; expected a positive number")


@both_styles
def test_batches_larger_than_the_data(style: str) -> None:
    module = made(style)
    theta = module.initialize(0)
    settings = {"epochs": 3, "rng": 0}
    expected = module.train(theta, X, Y, batch_size=6, **settings)
    for size in (7, 10**12, np.int64(6)):
        assert agree(module.train(theta, X, Y, batch_size=size, **settings)[:1], expected[:1])
    one = module.train(theta, X[:1], Y[:1], **settings)[0]
    assert np.isfinite(one).all()


@both_styles
@pytest.mark.parametrize(
    ("validation", "message"),
    [
        ((_with(X, np.nan), Y), r"X\[2, 1\] is nan"),
        ((X, Y[:, :1]), r"Y has shape \(6, 1\)"),
        ((X, Y[:5]), "X has 6 rows and Y has 5"),
        ((X,), ""),
        ((X, Y, Y, Y), ""),
        (3, ""),
        ("XY", "X has dtype <U1"),
    ],
)
def test_validation_data_are_checked_before_training(style: str, validation: Any, message: str) -> None:
    module = made(style)
    call = {"validation": validation, "callback": lambda *_: pytest.fail("it trained")}
    says(
        lambda: module.train(module.initialize(0), X, Y, **call),
        f"validation is no pair .* that can be used: {message}",
    )


@both_styles
@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(5), r"weights has shape \(5,\); expected \(6,\), a number >= 0 for each sample"),
        (np.ones((6, 1)), r"weights has shape \(6, 1\); expected \(6,\)"),
        ([1, 1, -2, 1, 1, 1], r"weights\[2\] is -2; expected a number >= 0 for each sample"),
        ([1, 1, np.nan, 1, 1, 1], r"weights\[2\] is nan; expected a finite number"),
        ([1, 1, np.inf, 1, 1, 1], r"weights\[2\] is inf; expected a finite number"),
        (list("abcdef"), "weights has dtype <U1; expected real numbers"),
    ],
)
def test_bad_weights(style: str, weights: Any, message: str) -> None:
    module = made(style, weights=True)
    theta = module.initialize(0)
    for name in ("loss", "loss_and_gradient", "input_gradient", "train"):
        says(lambda: getattr(module, name)(theta, X, Y, weights=weights), message)  # noqa: B023
    says(lambda: module.step(theta, module.new_state(theta), X, Y, weights=weights), message)
    says(lambda: module.train(theta, X, Y, validation=(X, Y, weights)), f"validation is no pair .*: {message}")


# Labels.


LABELS = np.array([0, 2, 1, 1, 0, 2])
CLASSIFIER = {"names": ("tanh", "softmax"), "sizes": (3, 4, 3), "loss": "cross_entropy"}


@both_styles
def test_labels_of_every_kind(style: str) -> None:
    module = made(style, **CLASSIFIER)
    theta = module.initialize(0)
    calls = [call for name, call in FUNCTIONS.items() if name not in WITHOUT_Y]
    for call in calls:
        expected = call(module, theta, X, np.eye(3)[LABELS])
        for labels in (LABELS, LABELS.astype(float), LABELS.astype(np.uint8), LABELS.astype(">u8"), LABELS.tolist(),
                       LABELS.astype(object), np.repeat(LABELS, 2)[::2], np.eye(3, dtype=bool)[LABELS],
                       np.eye(3, dtype=np.int8)[LABELS].tolist()):  # fmt: skip
            assert agree(call(module, theta, X, labels), expected)
        assert agree(call(module, theta, X, LABELS > 1), call(module, theta, X, (LABELS > 1) * 1))


@both_styles
@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1, 2, 3, 0, 0], r"Y\[3\] is 3; expected labels that are whole numbers from 0 to 2"),
        ([0, 1, -1, 2, 0, 0], r"Y\[2\] is -1; expected labels"),
        ([0, 1, 0.5, 2, 0, 0], r"Y\[2\] is 0.5; expected labels"),
        ([0, 1, np.nan, 2, 0, 0], r"Y\[2\] is nan; expected labels"),
        (list("abcabc"), "Y has dtype <U1; expected real numbers"),
        (np.array(["a", "b", None] * 2, object), r"Y\[0\] is 'a', <class 'str'>; expected a real number"),
        (np.ma.masked_equal(LABELS, 1), "Y is a masked array with entries missing"),
        (LABELS[:, None], r"Y has shape \(6, 1\); expected \(N,\) labels or \(N, 3\)"),
        ([], "X has 6 rows and Y has 0"),
        (LABELS[:4], "X has 6 rows and Y has 4"),
        (np.eye(3)[LABELS] * 2, r"Y\[0, 0\] is [02]\.0; expected numbers >= 0 that sum to 1 in every row"),
        (_with(np.eye(3)[LABELS], np.nan), r"Y\[2, 1\] is nan"),
    ],
)
def test_what_is_no_label(style: str, labels: Any, message: str) -> None:
    module = made(style, **CLASSIFIER)
    for name, call in FUNCTIONS.items():
        if name not in WITHOUT_Y:
            says(lambda: call(module, module.initialize(0), X, labels), message)  # noqa: B023


@both_styles
def test_one_class_only(style: str) -> None:
    module = made(style, **CLASSIFIER)
    theta, history = module.train(module.initialize(0), X, np.ones(6, int), epochs=200, rng=0, learning_rate=0.05)
    assert (module.predict(theta, X).argmax(axis=1) == 1).all()
    assert 0 <= history["loss"][-1] < 1e-2


# standardize.


CONSTANT = {
    "whole": np.full(1000, 7.0),
    "zero": np.zeros(1000),
    "no float": np.full(1000, 0.1),
    "large": np.full(1000, 1e300 / 3),
    "two ways to 0.3": np.where(np.arange(1000) % 2, 0.1 + 0.2, 0.3),
}


@both_styles
@pytest.mark.parametrize("name", sorted(CONSTANT))
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_constant_columns_are_shifted_only(style: str, name: str, dtype: str) -> None:
    column = CONSTANT[name] / (1e280 if dtype == "float32" and name == "large" else 1)
    standard, mean, scale = made(style, dtype=dtype).standardize(np.column_stack([column, np.arange(1000), column]))
    assert scale[0] == scale[2] == 1
    assert np.abs(standard[:, 0]).max() <= np.ptp(column.astype(dtype)) < 1e-15
    np.testing.assert_allclose(standard[:, 1].std(), 1, rtol=1e-5)
    np.testing.assert_allclose(mean[0], column[0], rtol=1e-6)
    assert standard.dtype == mean.dtype == scale.dtype == np.dtype(dtype)


def test_the_rounding_of_a_std_is_seen_in_numpy() -> None:
    """What makes the test above more than `scale == 0`."""
    assert 0 < np.full(1000, 0.1).std() < 1e-16
    assert 0 < CONSTANT["two ways to 0.3"].std() < 1e-15


@pytest.mark.parametrize("size", [1e-300, 1e-170, 1e-5, 1.0, 1e12, 1e170, 1e307])
def test_columns_of_any_size(size: float) -> None:
    column = np.arange(10.0) - 3
    X = np.column_stack([column * size, column, column * size + 2 * size])
    standard, mean, scale = made("fast").standardize(X)
    plain = (column - column.mean()) / column.std()
    np.testing.assert_allclose(standard, np.column_stack([plain] * 3), rtol=1e-12)
    np.testing.assert_allclose(scale, [column.std() * size, column.std(), column.std() * size], rtol=1e-12)
    np.testing.assert_allclose(mean, [1.5 * size, 1.5, 3.5 * size], rtol=1e-12)


def test_what_varies_little_is_still_scaled() -> None:
    column = 1e6 + np.arange(50) * 1e-7
    standard, _, scale = made("fast").standardize(np.column_stack([column] * 3))
    assert scale[0] == pytest.approx(np.arange(50).std() * 1e-7, rel=1e-2)
    np.testing.assert_allclose(standard[:, 0].std(), 1, rtol=1e-7)


def test_a_long_column_in_float32() -> None:
    """Added up in float32 one after the other, the mean would be off by a percent."""
    column = np.random.default_rng(0).uniform(1000, 1001, 200_000).astype(np.float32)
    _, mean, scale = made("fast", dtype="float32").standardize(np.column_stack([column] * 3))
    assert mean[0] == pytest.approx(column.mean(dtype=float), rel=1e-7)
    assert scale[0] == pytest.approx(column.std(dtype=float), rel=1e-5)
