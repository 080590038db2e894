"""higham: the 2-2-3-2 perceptron (sigmoid), least squares loss, sgd.

Emitted by derive 0.1.0; to change it, change the specification and make it again:

    derive generate --layers 2-2-3-2 --activation sigmoid --output sigmoid --style fast --name higham

Rows of X are samples, W_l is (n_l, n_(l-1)) as in the text, all parameters lie in one vector theta.
Memory of a step over N samples: 123 N + 192 bytes, which its State keeps; the step itself
allocates nothing that grows with N.
Certificate: 48 formulas proved; 2 printed slips refuted, as they have to be. `derive verify` shows them,
`derive audit` runs this file in exact arithmetic against its specification.
"""

from __future__ import annotations

import glob
import json
import os
import time
import zipfile
import zlib
from typing import NamedTuple

import numpy as np

NAME = "higham"
SIZES = n0, n1, n2, n3 = (2, 2, 3, 2)
PARAMETER_COUNT = sum(n * (below + 1) for below, n in zip(SIZES, SIZES[1:]))  # 23
DTYPE = np.dtype("float64")
SPEC = """\
name = "higham"
sizes = [2, 2, 3, 2]
activations = ["sigmoid", "sigmoid", "sigmoid"]
loss = "least_squares"
optimizer = "sgd"
dtype = "float64"
"""
DIGEST = "sha256:e62efe2974cc8405471fb1dc4d23dd5f0255058998a1ed3eb325ce8edec74bf6"

# Where each parameter ends in theta.
END_W1 = n1 * n0
END_b1 = END_W1 + n1
END_W2 = END_b1 + n2 * n1
END_b2 = END_W2 + n2
END_W3 = END_b2 + n3 * n2
END_b3 = END_W3 + n3


class Parameters(NamedTuple):
    """The weights and biases of each layer."""

    W1: np.ndarray  # n1, n0
    b1: np.ndarray  # n1
    W2: np.ndarray  # n2, n1
    b2: np.ndarray  # n2
    W3: np.ndarray  # n3, n2
    b3: np.ndarray  # n3


def unpack(theta):
    """The parameters as views of `theta`: what is written to them is written to it."""
    theta = _theta(theta)
    return Parameters(
        theta[:END_W1].reshape(n1, n0),
        theta[END_W1:END_b1],
        theta[END_b1:END_W2].reshape(n2, n1),
        theta[END_W2:END_b2],
        theta[END_b2:END_W3].reshape(n3, n2),
        theta[END_W3:END_b3],
    )


def pack(parameters):
    """One new vector with all the entries of `parameters`, in the order of `Parameters`."""
    try:
        parameters = Parameters(*parameters)
    except TypeError as error:
        raise ValueError(f"parameters are not {', '.join(Parameters._fields)}, an array each: {error}") from None
    theta = np.empty(PARAMETER_COUNT, DTYPE)
    for name, view, values in zip(Parameters._fields, unpack(theta), parameters):
        if np.shape(values) != view.shape:
            raise ValueError(f"{name} has shape {np.shape(values)}; expected {view.shape}")
        view[...] = _real(name, values)
    return theta


def initialize(rng=None):
    """Random theta: biases zero, weights centred, normal with standard deviation 1 / sqrt(n_(l-1)).

    That is lecun_normal; no two neurons start alike. `rng` is None, an integer seed or a numpy Generator.
    """
    rng = _generator(rng)
    theta = np.zeros(PARAMETER_COUNT, DTYPE)
    parameters = unpack(theta)
    parameters.W1[...] = rng.standard_normal((n1, n0)) / np.sqrt(n0)
    parameters.W2[...] = rng.standard_normal((n2, n1)) / np.sqrt(n1)
    parameters.W3[...] = rng.standard_normal((n3, n2)) / np.sqrt(n2)
    return theta


def standardize(X):
    """X with every column shifted to mean 0 and scaled to variance 1, and the mean and scale used.

    A column whose entries differ by rounding errors at most counts as constant and is only shifted: its scale is 1.
    """
    X = _matrix("X", X, n0)
    exponent = np.frexp(np.abs(X).max(axis=0))[1]
    unit = np.ldexp(0.5, np.maximum(exponent, -1000))  # X / unit is exact, and no square of it overflows
    Z = X / unit  # in float64, also if X is not
    constant = np.ptp(Z, axis=0) <= 10 * np.finfo(DTYPE).eps
    mean = np.where(constant, Z[0], Z.mean(axis=0))
    scale = np.where(constant, 1 / unit, Z.std(axis=0))
    return tuple(a.astype(DTYPE) for a in ((Z - mean) / scale, mean * unit, scale * unit))


def sigmoid(z):
    """1 / (1 + exp(-z)), written so that nothing overflows."""
    t1 = np.exp(-np.abs(z))
    return np.where(z >= 0, 1.0, t1) / (1 + t1)


def predict(theta, X):
    """The output of the network, one row of n3 for each row of X."""
    W1, b1, W2, b2, W3, b3 = unpack(theta)
    X = _matrix("X", X, n0)
    z1 = X @ W1.T + b1  # z^1 = W^1 a^0 + b^1
    a1 = sigmoid(z1)  # a^1 = f(z^1), f = sigmoid
    z2 = a1 @ W2.T + b2  # z^2 = W^2 a^1 + b^2
    a2 = sigmoid(z2)  # a^2 = f(z^2), f = sigmoid
    z3 = a2 @ W3.T + b3  # z^3 = W^3 a^2 + b^3
    a3 = sigmoid(z3)  # a^3 = f(z^3), f = sigmoid
    return a3


def loss(theta, X, Y):
    """The mean loss over the samples, a float."""
    W1, b1, W2, b2, W3, b3 = unpack(theta)
    X, Y = _data(X, Y)
    N = len(X)
    z1 = X @ W1.T + b1  # z^1 = W^1 a^0 + b^1
    a1 = sigmoid(z1)  # a^1 = f(z^1), f = sigmoid
    z2 = a1 @ W2.T + b2  # z^2 = W^2 a^1 + b^2
    a2 = sigmoid(z2)  # a^2 = f(z^2), f = sigmoid
    z3 = a2 @ W3.T + b3  # z^3 = W^3 a^2 + b^3
    a3 = sigmoid(z3)  # a^3 = f(z^3), f = sigmoid
    c = ((a3 - Y) ** 2).sum(axis=1) / 2  # c[s] = sum((a[L][s,i] - y[s,i])**2 / 2, i)
    value = c.sum() / N  # loss = sum(c[s], s) / N
    return float(value)


def loss_and_gradient(theta, X, Y):
    """The mean loss and its gradient, a vector like theta."""
    X, Y = _data(X, Y)
    gradient = np.empty(PARAMETER_COUNT, DTYPE)
    value = _sweep(_operands(theta), unpack(gradient), _buffers(len(X)), X, Y, scale=1)
    return value, gradient


# Numbers that stand beside arrays: as arrays, since NumPy would convert a Python number in every call.
ZERO = np.array(0.0, DTYPE)
ONE = np.array(1.0, DTYPE)


def _operands(theta):
    """What a sweep reads of `theta`: parameters, and views of them."""
    W1, b1, W2, b2, W3, b3 = unpack(theta)
    return (
        W2,
        W3,
        W1.T,
        b1[np.newaxis],
        W2.T,
        b2[np.newaxis],
        W3.T,
        b3[np.newaxis],
    )


def _buffers(N):
    """Room for the intermediate arrays of one sweep over N samples, and views of it."""
    a1 = np.empty((N, n1), DTYPE)
    room1 = np.empty(N * max(n1, n2), DTYPE)
    t1 = room1[: N * n1].reshape(N, n1)
    a2 = room1[: N * n2].reshape(N, n2)
    room2 = np.empty(N * max(n1, n2, n3), bool)
    t2 = room2[: N * n1].reshape(N, n1)
    t3 = room2[: N * n2].reshape(N, n2)
    t4 = room2[: N * n3].reshape(N, n3)
    room3 = np.empty(N * max(n2, n3), DTYPE)
    t5 = room3[: N * n2].reshape(N, n2)
    a3 = room3[: N * n3].reshape(N, n3)
    room4 = np.empty(N * max(n3, n2, n1), DTYPE)
    da3 = room4[: N * n3].reshape(N, n3)
    da2 = room4[: N * n2].reshape(N, n2)
    da1 = room4[: N * n1].reshape(N, n1)
    room5 = np.empty(N * max(n3, n2, n1), DTYPE)
    delta3 = room5[: N * n3].reshape(N, n3)
    delta2 = room5[: N * n2].reshape(N, n2)
    delta1 = room5[: N * n1].reshape(N, n1)
    ones = np.ones(N, DTYPE)
    rate = np.empty((), DTYPE)
    return (
        a1,
        t1,
        a2,
        t2,
        t3,
        t4,
        t5,
        a3,
        da3,
        da2,
        da1,
        delta3,
        delta2,
        delta1,
        ones,
        rate,
        ones[:, np.newaxis],
        da3.reshape(-1),
        delta3.T,
        delta2.T,
        delta1.T,
    )


def _sweep(parameters, gradients, buffers, X, Y, scale):
    """The loss; writes `scale` times its derivatives into `gradients`. Every call writes into an array that exists.

    A buffer bears the name of the last tensor of the text that it holds.
    """
    W2, W3, W1T, b1_row, W2T, b2_row, W3T, b3_row = parameters
    dW1, db1, dW2, db2, dW3, db3 = gradients
    (
        a1,
        t1,
        a2,
        t2,
        t3,
        t4,
        t5,
        a3,
        da3,
        da2,
        da1,
        delta3,
        delta2,
        delta1,
        ones,
        rate,
        ones_column,
        da3_flat,
        delta3T,
        delta2T,
        delta1T,
    ) = buffers
    N = len(X)
    rate[...] = scale / N

    # Forward, from the input to the loss.
    X.dot(W1T, a1)
    ones_column.dot(b1_row, t1)
    np.add(t1, a1, a1)  # z^1 = W^1 a^0 + b^1
    np.greater_equal(a1, ZERO, t2)
    np.abs(a1, a1)
    np.negative(a1, a1)
    np.exp(a1, a1)
    np.copyto(t1, a1)
    np.copyto(t1, 1.0, where=t2)
    np.add(ONE, a1, a1)
    np.divide(t1, a1, a1)  # a^1 = f(z^1), f = sigmoid
    a1.dot(W2T, a2)
    ones_column.dot(b2_row, t5)
    np.add(t5, a2, a2)  # z^2 = W^2 a^1 + b^2
    np.greater_equal(a2, ZERO, t3)
    np.abs(a2, a2)
    np.negative(a2, a2)
    np.exp(a2, a2)
    np.copyto(t5, a2)
    np.copyto(t5, 1.0, where=t3)
    np.add(ONE, a2, a2)
    np.divide(t5, a2, a2)  # a^2 = f(z^2), f = sigmoid
    a2.dot(W3T, a3)
    ones_column.dot(b3_row, da3)
    np.add(da3, a3, a3)  # z^3 = W^3 a^2 + b^3
    np.greater_equal(a3, ZERO, t4)
    np.abs(a3, a3)
    np.negative(a3, a3)
    np.exp(a3, a3)
    np.copyto(da3, a3)
    np.copyto(da3, 1.0, where=t4)
    np.add(ONE, a3, a3)
    np.divide(da3, a3, a3)  # a^3 = f(z^3), f = sigmoid
    np.subtract(a3, Y, da3)
    # c[s] = sum((a[L][s,i] - y[s,i])**2 / 2, i); loss = sum(c[s], s) / N
    value = da3_flat.dot(da3_flat) / (2 * N)

    # Backward, from the loss to the first layer.
    np.multiply(rate, da3, da3)  # da3[s, i] = rate*(a3[s, i] - y[s, i])
    np.multiply(da3, a3, da3)
    np.subtract(ONE, a3, delta3)
    np.multiply(da3, delta3, delta3)  # delta^3 = dc/db^3 = f'(z^3) dc/da^3
    ones.dot(delta3, db3)  # dc/db^3 = delta^3, summed over the samples
    delta3T.dot(a2, dW3)  # dc/dW^3 = delta^3 (a^2)^T, summed over the samples
    delta3.dot(W3, da2)  # dc/da^2 = (W^3)^T delta^3
    np.multiply(da2, a2, da2)
    np.subtract(ONE, a2, delta2)
    np.multiply(da2, delta2, delta2)  # delta^2 = dc/db^2 = f'(z^2) dc/da^2
    ones.dot(delta2, db2)  # dc/db^2 = delta^2, summed over the samples
    delta2T.dot(a1, dW2)  # dc/dW^2 = delta^2 (a^1)^T, summed over the samples
    delta2.dot(W2, da1)  # dc/da^1 = (W^2)^T delta^2
    np.multiply(da1, a1, da1)
    np.subtract(ONE, a1, delta1)
    np.multiply(da1, delta1, delta1)  # delta^1 = dc/db^1 = f'(z^1) dc/da^1
    ones.dot(delta1, db1)  # dc/db^1 = delta^1, summed over the samples
    delta1T.dot(X, dW1)  # dc/dW^1 = delta^1 (a^0)^T, summed over the samples
    return float(value)


def _operands_one(theta):
    """What a sweep reads of `theta`: parameters, and views of them."""
    W1, b1, W2, b2, W3, b3 = unpack(theta)
    return (
        W2,
        W3,
        W1.T,
        b1[np.newaxis],
        W2.T,
        b2[np.newaxis],
        W3.T,
        b3[np.newaxis],
    )


def _derivatives_one(gradient):
    """What a sweep writes of `gradient`, and views of it."""
    dW1, db1, dW2, db2, dW3, db3 = unpack(gradient)
    return (
        dW1,
        dW2,
        dW3,
        db1[np.newaxis],
        db2[np.newaxis],
        db3[np.newaxis],
        db3[:, np.newaxis],
        db2[:, np.newaxis],
        db1[:, np.newaxis],
    )


def _buffers_one(N):
    """Room for the intermediate arrays of one sweep over one sample, and views of it."""
    a1 = np.empty((1, n1), DTYPE)
    t1 = np.empty((1, n1), bool)
    da1 = np.empty((1, n1), DTYPE)
    a2 = np.empty((1, n2), DTYPE)
    t2 = np.empty((1, n2), bool)
    da2 = np.empty((1, n2), DTYPE)
    a3 = np.empty((1, n3), DTYPE)
    t3 = np.empty((1, n3), bool)
    da3 = np.empty((1, n3), DTYPE)
    t4 = np.empty((1, n3), DTYPE)
    t5 = np.empty((1, n2), DTYPE)
    t6 = np.empty((1, n1), DTYPE)
    rate = np.empty((), DTYPE)
    return (
        a1,
        t1,
        da1,
        a2,
        t2,
        da2,
        a3,
        t3,
        da3,
        t4,
        t5,
        t6,
        rate,
        da3.reshape(-1),
    )


def _sweep_one(parameters, gradients, buffers, X, Y, scale):
    """`_sweep` over one sample: its arrays are rows, and delta^l is written where db^l lies."""
    W2, W3, W1T, b1_row, W2T, b2_row, W3T, b3_row = parameters
    dW1, dW2, dW3, db1_row, db2_row, db3_row, db3_rowT, db2_rowT, db1_rowT = gradients
    a1, t1, da1, a2, t2, da2, a3, t3, da3, t4, t5, t6, rate, da3_flat = buffers
    N = len(X)
    rate[...] = scale / N

    # Forward, from the input to the loss.
    X.dot(W1T, a1)
    np.add(a1, b1_row, a1)  # z^1 = W^1 a^0 + b^1
    np.greater_equal(a1, ZERO, t1)
    np.abs(a1, a1)
    np.negative(a1, a1)
    np.exp(a1, a1)
    np.copyto(da1, a1)
    np.copyto(da1, 1.0, where=t1)
    np.add(ONE, a1, a1)
    np.divide(da1, a1, a1)  # a^1 = f(z^1), f = sigmoid
    a1.dot(W2T, a2)
    np.add(a2, b2_row, a2)  # z^2 = W^2 a^1 + b^2
    np.greater_equal(a2, ZERO, t2)
    np.abs(a2, a2)
    np.negative(a2, a2)
    np.exp(a2, a2)
    np.copyto(da2, a2)
    np.copyto(da2, 1.0, where=t2)
    np.add(ONE, a2, a2)
    np.divide(da2, a2, a2)  # a^2 = f(z^2), f = sigmoid
    a2.dot(W3T, a3)
    np.add(a3, b3_row, a3)  # z^3 = W^3 a^2 + b^3
    np.greater_equal(a3, ZERO, t3)
    np.abs(a3, a3)
    np.negative(a3, a3)
    np.exp(a3, a3)
    np.copyto(da3, a3)
    np.copyto(da3, 1.0, where=t3)
    np.add(ONE, a3, a3)
    np.divide(da3, a3, a3)  # a^3 = f(z^3), f = sigmoid
    np.subtract(a3, Y, da3)
    # c[s] = sum((a[L][s,i] - y[s,i])**2 / 2, i); loss = sum(c[s], s) / N
    value = da3_flat.dot(da3_flat) / (2 * N)

    # Backward, from the loss to the first layer.
    np.multiply(rate, da3, da3)  # da3[s, i] = rate*(a3[s, i] - y[s, i])
    np.multiply(da3, a3, da3)
    np.subtract(ONE, a3, t4)
    np.multiply(da3, t4, db3_row)  # delta^3 = dc/db^3 = f'(z^3) dc/da^3
    db3_rowT.dot(a2, dW3)  # dc/dW^3 = delta^3 (a^2)^T, summed over the samples
    db3_row.dot(W3, da2)  # dc/da^2 = (W^3)^T delta^3
    np.multiply(da2, a2, da2)
    np.subtract(ONE, a2, t5)
    np.multiply(da2, t5, db2_row)  # delta^2 = dc/db^2 = f'(z^2) dc/da^2
    db2_rowT.dot(a1, dW2)  # dc/dW^2 = delta^2 (a^1)^T, summed over the samples
    db2_row.dot(W2, da1)  # dc/da^1 = (W^2)^T delta^2
    np.multiply(da1, a1, da1)
    np.subtract(ONE, a1, t6)
    np.multiply(da1, t6, db1_row)  # delta^1 = dc/db^1 = f'(z^1) dc/da^1
    db1_rowT.dot(X, dW1)  # dc/dW^1 = delta^1 (a^0)^T, summed over the samples
    return float(value)


class State:
    """What `step` keeps between calls: the gradient, and buffers for the last batch size."""

    def __init__(self, theta):
        self.gradient = np.empty_like(theta)
        self._unprepared()

    def __getstate__(self):
        return self.gradient

    def __setstate__(self, kept):
        """A copy begins without views and buffers: copies of views would show other memory than these."""
        self.gradient = kept
        self._unprepared()

    def _unprepared(self):
        self.gradients = unpack(self.gradient)
        self.X = self.Y = self.theta = self.parameters = self.sweep = None
        self.parts = ()
        self.N = 0
        self.buffers = ()


def new_state(theta):
    """The state of the optimiser before its first step from `theta`."""
    return State(_theta(theta))


def _prepare(state, theta, N):
    """Views of this theta and buffers for N samples, kept in the state until another theta or N comes."""
    _in_place(theta)
    state.theta = None  # until all is there, for memory may not suffice
    if N == 1:
        state.sweep, state.parameters, state.gradients = _sweep_one, _operands_one(theta), _derivatives_one(state.gradient)
    else:
        state.sweep, state.parameters, state.gradients = _sweep, _operands(theta), unpack(state.gradient)
    if state.N != N:
        state.N, state.buffers = N, _buffers_one(N) if N == 1 else _buffers(N)
    vectors = theta, state.gradient
    scratch = [np.empty(min(PART, PARAMETER_COUNT), DTYPE) for _ in range(0)]
    starts = range(0, PARAMETER_COUNT, PART)
    parts = [[vector[start : start + PART] for vector in vectors] for start in starts]
    state.parts = [(*part, *(vector[: len(part[0])] for vector in scratch)) for part in parts]
    state.theta = theta


PART = PARAMETER_COUNT  # entries of theta that are updated at a time


def step(theta, state, X, Y, learning_rate=0.1):
    """One update of `theta`, in place, with the gradient on these samples; returns the loss before it.

    If that is not finite, nothing is updated. The very arrays of the last step are not checked again.
    """
    _started(state)
    if X is not state.X or Y is not state.Y:
        state.X, state.Y = X, Y = _data(X, Y)
    value = _step(theta, state, X, Y, _rate(learning_rate))
    if not abs(value) < np.inf:
        _data(X, Y)  # which have perhaps changed since they passed the door
    return value


def _step(theta, state, X, Y, learning_rate):
    """`step` on arrays that have passed the door."""
    if state.theta is not theta or state.N != len(X):
        _prepare(state, theta, len(X))
    value = state.sweep(state.parameters, state.gradients, state.buffers, X, Y, learning_rate)
    if not abs(value) < np.inf:  # as NaN is not
        return value
    for part in state.parts:
        _update(*part)
    return value


def _update(theta, g):
    """One update of a part of theta, by `learning_rate` times the gradient."""
    np.subtract(theta, g, theta)


def hessian_vector_product(theta, v, X, Y):
    """The Hessian of the mean loss times v: the derivative of the gradient along v, a vector like theta.

    A name that begins with v is a derivative along v. At a kink, f'' is that of the branch that f' is taken from.
    """
    W1, b1, W2, b2, W3, b3 = unpack(theta)
    vW1, vb1, vW2, vb2, vW3, vb3 = unpack(_theta(v, "v"))
    X, Y = _data(X, Y)
    N = len(X)

    # Forward, from the input to the output.
    z1 = X @ W1.T + b1  # z^1 = W^1 a^0 + b^1
    a1 = sigmoid(z1)  # a^1 = f(z^1), f = sigmoid
    z2 = a1 @ W2.T + b2  # z^2 = W^2 a^1 + b^2
    a2 = sigmoid(z2)  # a^2 = f(z^2), f = sigmoid
    z3 = a2 @ W3.T + b3  # z^3 = W^3 a^2 + b^3
    a3 = sigmoid(z3)  # a^3 = f(z^3), f = sigmoid

    # Backward, as far as the derivatives along v need it.
    da3 = (a3 - Y) / N  # da3[s, i] = (a3[s, i] - y[s, i])/N
    df3 = a3 * (1 - a3)  # f'(z^3)
    delta3 = da3 * df3  # delta^3 = dc/db^3 = f'(z^3) dc/da^3
    da2 = delta3 @ W3  # dc/da^2 = (W^3)^T delta^3
    df2 = a2 * (1 - a2)  # f'(z^2)
    delta2 = da2 * df2  # delta^2 = dc/db^2 = f'(z^2) dc/da^2
    da1 = delta2 @ W2  # dc/da^1 = (W^2)^T delta^2

    # Both again, differentiated along v.
    vz1 = X @ vW1.T + vb1  # z^1 along v
    df1 = a1 * (1 - a1)  # f'(z^1)
    va1 = df1 * vz1  # a^1 along v
    vz2 = va1 @ W2.T + a1 @ vW2.T + vb2  # z^2 along v
    va2 = df2 * vz2  # a^2 along v
    vz3 = va2 @ W3.T + a2 @ vW3.T + vb3  # z^3 along v
    va3 = df3 * vz3  # a^3 along v
    vda3 = va3 / N  # dc/da^3 along v
    ddf3 = df3 * (1 - 2 * a3)  # f''(z^3)
    vdelta3 = df3 * vda3 + da3 * ddf3 * vz3  # dc/dz^3 along v
    vdb3 = vdelta3.sum(axis=0)  # dc/db^3 along v
    vdW3 = vdelta3.T @ a2 + delta3.T @ va2  # dc/dW^3 along v
    vda2 = vdelta3 @ W3 + delta3 @ vW3  # dc/da^2 along v
    ddf2 = df2 * (1 - 2 * a2)  # f''(z^2)
    vdelta2 = df2 * vda2 + da2 * ddf2 * vz2  # dc/dz^2 along v
    vdb2 = vdelta2.sum(axis=0)  # dc/db^2 along v
    vdW2 = vdelta2.T @ a1 + delta2.T @ va1  # dc/dW^2 along v
    vda1 = vdelta2 @ W2 + delta2 @ vW2  # dc/da^1 along v
    ddf1 = df1 * (1 - 2 * a1)  # f''(z^1)
    vdelta1 = df1 * vda1 + da1 * ddf1 * vz1  # dc/dz^1 along v
    vdb1 = vdelta1.sum(axis=0)  # dc/db^1 along v
    vdW1 = vdelta1.T @ X  # dc/dW^1 along v

    return pack(Parameters(vdW1, vdb1, vdW2, vdb2, vdW3, vdb3))


def input_gradient(theta, X, Y):
    """The derivative of the mean loss by X, an array like X."""
    W1, b1, W2, b2, W3, b3 = unpack(theta)
    X, Y = _data(X, Y)
    N = len(X)
    z1 = X @ W1.T + b1  # z^1 = W^1 a^0 + b^1
    a1 = sigmoid(z1)  # a^1 = f(z^1), f = sigmoid
    z2 = a1 @ W2.T + b2  # z^2 = W^2 a^1 + b^2
    a2 = sigmoid(z2)  # a^2 = f(z^2), f = sigmoid
    z3 = a2 @ W3.T + b3  # z^3 = W^3 a^2 + b^3
    a3 = sigmoid(z3)  # a^3 = f(z^3), f = sigmoid
    da3 = (a3 - Y) / N  # da3[s, i] = (a3[s, i] - y[s, i])/N
    delta3 = da3 * a3 * (1 - a3)  # delta^3 = dc/db^3 = f'(z^3) dc/da^3
    da2 = delta3 @ W3  # dc/da^2 = (W^3)^T delta^3
    delta2 = da2 * a2 * (1 - a2)  # delta^2 = dc/db^2 = f'(z^2) dc/da^2
    da1 = delta2 @ W2  # dc/da^1 = (W^2)^T delta^2
    delta1 = da1 * a1 * (1 - a1)  # delta^1 = dc/db^1 = f'(z^1) dc/da^1
    da0 = delta1 @ W1  # dc/da^0 = (W^1)^T delta^1
    return da0


def jacobian(theta, X):
    """The derivatives of the outputs by the inputs, (N, n3, n0): [s, k, i] is that of a^L[s, k] by X[s, i]."""
    W1, b1, W2, b2, W3, b3 = unpack(theta)
    X = _matrix("X", X, n0)
    N = len(X)
    z1 = X @ W1.T + b1  # z^1 = W^1 a^0 + b^1
    a1 = sigmoid(z1)  # a^1 = f(z^1), f = sigmoid
    z2 = a1 @ W2.T + b2  # z^2 = W^2 a^1 + b^2
    a2 = sigmoid(z2)  # a^2 = f(z^2), f = sigmoid
    z3 = a2 @ W3.T + b3  # z^3 = W^3 a^2 + b^3
    a3 = sigmoid(z3)  # a^3 = f(z^3), f = sigmoid
    df3 = a3 * (1 - a3)  # f'(z^3)
    df2 = a2 * (1 - a2)  # f'(z^2)
    df1 = a1 * (1 - a1)  # f'(z^1)
    result = np.empty((N, n3, n0), DTYPE)
    for k in range(n3):
        da3 = np.zeros((N, n3), DTYPE)
        da3[:, k] = 1  # output k is differentiated
        delta3 = da3 * df3  # da^3[k]/dz^3
        da2 = delta3 @ W3  # da^3[k]/da^2
        delta2 = da2 * df2  # da^3[k]/dz^2
        da1 = delta2 @ W2  # da^3[k]/da^1
        delta1 = da1 * df1  # da^3[k]/dz^1
        da0 = delta1 @ W1  # da^3[k]/da^0
        result[:, k] = da0
    return result


class DivergedError(ArithmeticError):
    """A loss or parameters that are no longer finite; what is known about it stands in its attributes.

    `theta` holds the last finite parameters: those at which the loss is not finite or, if an update itself
    overflowed, those at the start of its epoch. `history` holds the epochs before; `epoch` and `step` count
    from 0; `tensor` is what overflowed first, in the order of computation, and `layer` its layer.
    """


def _overflow(theta, X, Y):
    """The layer and the name of the first parameter or else the first tensor of the text that is not finite."""
    W1, b1, W2, b2, W3, b3 = unpack(theta)
    N = len(X)
    z1 = X @ W1.T + b1  # z^1 = W^1 a^0 + b^1
    a1 = sigmoid(z1)  # a^1 = f(z^1), f = sigmoid
    z2 = a1 @ W2.T + b2  # z^2 = W^2 a^1 + b^2
    a2 = sigmoid(z2)  # a^2 = f(z^2), f = sigmoid
    z3 = a2 @ W3.T + b3  # z^3 = W^3 a^2 + b^3
    a3 = sigmoid(z3)  # a^3 = f(z^3), f = sigmoid
    c = ((a3 - Y) ** 2).sum(axis=1) / 2  # c[s] = sum((a[L][s,i] - y[s,i])**2 / 2, i)
    value = c.sum() / N  # loss = sum(c[s], s) / N
    tensors = (
        (1, "W^1", W1),
        (1, "b^1", b1),
        (2, "W^2", W2),
        (2, "b^2", b2),
        (3, "W^3", W3),
        (3, "b^3", b3),
        (1, "z^1", z1),
        (1, "a^1", a1),
        (2, "z^2", z2),
        (2, "a^2", a2),
        (3, "z^3", z3),
        (3, "a^3", a3),
        (3, "c", c),
        (3, "loss", value),
    )
    found = ((layer, name) for layer, name, tensor in tensors if not np.isfinite(tensor).all())
    return next(found, (3, "loss"))


def _diverged(what, epoch, step, history, theta, opening, X, Y):
    """The error that ends a training at `theta`, with these samples; the epoch began at `opening`."""
    with np.errstate(all="ignore"):
        layer, tensor = _overflow(theta, X, Y)
    error = DivergedError(
        f"{what} is not finite in epoch {epoch}, step {step} (from 0): {tensor} (layer {layer}) overflowed "
        "first; this error's theta holds the last finite parameters"
    )
    error.theta = theta if np.isfinite(theta).all() else opening
    error.history, error.epoch, error.step, error.layer, error.tensor = history, epoch, step, layer, tensor
    return error


GATHERED = 65536  # entries of X that are gathered at a time, where a batch has fewer: they fit into a core's cache


def _batches(rooms, count, batch_size):
    """The first `count` rows of the arrays in batches, as views."""
    return [[room[k : min(k + batch_size, count)] for room in rooms] for k in range(0, count, batch_size)]


def train(
    theta,
    X,
    Y,
    *,
    epochs=100,
    batch_size=32,
    learning_rate=0.1,
    rng=None,
    validation=None,
    callback=None,
    patience=None,
    checkpoint=None,
    checkpoint_seconds=None,
):
    """Train from `theta`, which is left as it is; returns the trained theta and the history.

    Every epoch visits all samples once, in a random order drawn from `rng`, `batch_size` at a time; X and Y may be
    a numpy.memmap larger than memory.
    `history["loss"]` holds the mean loss of each epoch and, if `validation` is a pair (X, Y),
    `history["validation_loss"]` the loss on it. `callback(epoch, history)` is called after each epoch.
    With `patience`, training stops after so many epochs without a lower validation loss; what comes
    back is the theta of the epoch with the lowest, which is `history["best_epoch"]`, counted from 0.
    Raises DivergedError, which holds the last finite parameters, for a loss or parameters that are not finite.

    `checkpoint` is the path of a file that is written at the start, after each epoch or else whenever
    `checkpoint_seconds` have passed, and at the end. If the training is stopped, however that happens, the same
    call goes on from there, and ends with the same bits as if it had not been stopped; `callback` may then see an
    epoch again. Raises ValueError for a damaged checkpoint and for that of another training, and OSError if it
    cannot be written; the last good one is kept.
    """
    theta = _theta(theta).copy()
    X, Y = _data(X, Y)
    _finite(theta, "theta")
    for name, value in (("epochs", epochs), ("batch_size", batch_size), ("patience", patience)):
        if name == "patience" and value is None:
            continue
        if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 1:
            raise ValueError(f"{name} is {value!r}; expected an integer of at least 1")
    epochs, batch_size = int(epochs), int(batch_size)  # a np.int8 could not count them
    if not _rate(learning_rate) > 0:
        raise ValueError(f"learning_rate is {learning_rate!r}; expected a positive number")
    learning_rate = float(learning_rate)
    if patience is not None and validation is None:
        raise ValueError(f"patience is {patience!r} without validation; expected validation=(X, Y) to watch")
    if callback is not None and not callable(callback):
        raise ValueError(f"callback is {type(callback)}; expected a function of an epoch and the history")
    if validation is not None:
        try:
            inputs, targets = validation
            validation = _data(inputs, targets)
        except (TypeError, ValueError) as error:
            raise ValueError(f"validation is no pair (X, Y) that can be used: {error}") from None
    if checkpoint_seconds is not None and (checkpoint is None or not _is_number(checkpoint_seconds)):
        raise ValueError(f"checkpoint_seconds is {checkpoint_seconds!r}; expected a number >= 0, and a checkpoint")
    seed, rng = rng, _generator(rng)
    state = new_state(theta)
    data = X, Y
    ahead = min(max(1, GATHERED // (n0 * batch_size)) * batch_size, len(X))
    rooms = [np.empty((ahead, *a.shape[1:]), DTYPE) for a in data]  # a few batches at a time are gathered here
    batches = _batches(rooms, ahead, batch_size)
    history = {"loss": []} if validation is None else {"loss": [], "validation_loss": []}
    lowest, best, opening = np.inf, theta.copy(), theta.copy()
    done, total, drawn = 0, 0.0, None  # of an epoch: samples visited, their losses, the generator when it began
    if checkpoint is not None:
        training = {
            "the module": DIGEST,
            "theta": _checksum(theta),
            "X": _checksum(X),
            "Y": _checksum(Y),
            "validation": None if validation is None else [_checksum(a) for a in validation],
            "epochs": epochs,
            "batch_size": batch_size,
            "learning_rate": learning_rate,
            "patience": None if patience is None else int(patience),
            "rng": None if seed is None else json.dumps(rng.bit_generator.state, default=np.ndarray.tolist),
        }
        arrays = {"theta": theta, "opening": opening, "best": best}
        checkpoint = _Checkpoint(checkpoint, checkpoint_seconds, len(X), training, arrays, state, rng)
        done, total, lowest, history, drawn = checkpoint.begin(done, total, lowest, history, drawn)
        order = checkpoint.order(drawn) if done else None
    for epoch in range(len(history["loss"]), epochs):
        if patience is not None and epoch - history.get("best_epoch", epoch) > patience:
            break
        if not done:  # otherwise a checkpoint was written within this epoch
            opening[...] = theta
            drawn = rng.bit_generator.state
            order = rng.permutation(len(X))
            total = 0.0
        for start in range(done, len(X), ahead):
            rows = order[start : start + ahead]
            for array, room in zip(data, rooms):
                array.take(rows, 0, room[: len(rows)], "clip")
            for k, batch in enumerate(batches if len(rows) == ahead else _batches(rooms, len(rows), batch_size)):
                value = _step(theta, state, *batch, learning_rate)
                if not abs(value) < np.inf:  # as NaN is not
                    raise _diverged("the loss", epoch, start // batch_size + k, history, theta, opening, *batch)
                total += len(batch[0]) * value
                visited = start + (k + 1) * batch_size
                if checkpoint is not None and visited < len(X) and checkpoint.due(False):
                    checkpoint.write(visited, total, lowest, history, drawn)
        done = 0
        if not np.isfinite(theta).all():
            raise _diverged("theta", epoch, start // batch_size + k, history, theta, opening, *batch)
        history["loss"].append(total / len(X))
        if validation is not None:
            value = loss(theta, *validation)
            if not abs(value) < np.inf:
                place = epoch, start // batch_size + k
                raise _diverged("the validation loss", *place, history, theta, opening, *validation)
            history["validation_loss"].append(value)
            if patience is not None and value < lowest:
                best[...] = theta
                lowest, history["best_epoch"] = value, epoch
        if callback is not None:
            callback(epoch, history)
        if checkpoint is not None and checkpoint.due(True):
            checkpoint.write(0, 0.0, lowest, history, None)
    if checkpoint is not None:
        checkpoint.write(0, 0.0, lowest, history, None)
    return (theta if patience is None else best), history


def check_gradient(theta, X, Y):
    """The largest difference to central differences of the loss, relative to the gradient's largest entry.

    About 1e-9 in float64 where the loss is smooth; it takes two evaluations of the loss for each parameter.
    """
    theta = _theta(theta)
    _finite(theta, "theta")
    gradient = loss_and_gradient(theta, X, Y)[1]
    numerical = np.empty_like(gradient)
    for i in range(PARAMETER_COUNT):
        h = np.finfo(DTYPE).eps ** (1 / 3) * max(1.0, abs(theta[i]))
        above, below = theta.copy(), theta.copy()
        above[i] += h
        below[i] -= h
        numerical[i] = (loss(above, X, Y) - loss(below, X, Y)) / (above[i] - below[i])
    scale = max(np.abs(gradient).max(), np.abs(numerical).max())
    return float(np.abs(gradient - numerical).max() / scale) if scale != 0 else 0.0


# The door: shapes are checked and other real dtypes converted once, with a message that says what is wrong.


def _real(name, value):
    try:
        array = np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:  # the last of PyTorch's
        raise ValueError(f"{name} cannot be made an array: {error}") from None
    if array is not value and any(map(np.ma.is_masked, value if isinstance(value, (list, tuple)) else [value])):
        raise ValueError(f"{name} is a masked array with entries missing; expected a number in every entry")
    return array if array.dtype == DTYPE else _converted(name, array, value)


def _converted(name, array, value):
    """`array`, which `value` was made, in DTYPE."""
    if array.dtype.kind not in "fiubO":
        raise ValueError(f"{name} has dtype {array.dtype}; expected real numbers")
    if array.dtype.kind == "O" and array.ndim == 0:
        raise ValueError(f"{name} is {type(value)}; expected an array of real numbers")
    if array.dtype.kind == "O":
        numbers, most = (int, float, np.integer, np.floating, np.bool_), float(np.finfo(float).max)
        for place, entry in np.ndenumerate(array):
            if not isinstance(entry, numbers) or isinstance(entry, int) and abs(entry) > most:
                raise ValueError(f"{name}{list(place)} is {entry!r:.60}, {type(entry)}; expected a real number")
    with np.errstate(over="ignore"):
        result = array.astype(DTYPE)
    if not np.isfinite(result).all() and np.isfinite(array.astype(np.longdouble)).all():
        place = np.argwhere(~np.isfinite(result))[0].tolist()
        raise ValueError(f"{name}{place} is {array[tuple(place)]!s}, which is too large for {DTYPE}")
    return result


def _theta(theta, name="theta"):
    theta = _real(name, theta)
    if theta.shape != (PARAMETER_COUNT,):
        raise ValueError(f"{name} has shape {theta.shape}; expected ({PARAMETER_COUNT},)")
    return theta


def _in_place(theta):
    if not isinstance(theta, np.ndarray) or theta.dtype != DTYPE or not theta.flags.writeable:
        raise ValueError(f"theta is updated in place; expected a writeable numpy array of dtype {DTYPE}")


def _matrix(name, value, columns):
    array = _real(name, value)
    if array.ndim != 2 or array.shape[1] != columns or len(array) == 0:
        raise ValueError(
            f"{name} has shape {array.shape}; expected (N, {columns}), one row for each of N >= 1 samples"
        )
    _finite(array, name)
    return array


def _data(X, Y):
    X = _matrix("X", X, n0)
    Y = _matrix("Y", Y, n3)
    if len(X) != len(Y):
        raise ValueError(f"X has {len(X)} rows and Y has {len(Y)}; expected one row of each for every sample")
    return X, Y


def _generator(rng):
    """The generator that `rng` is or is the seed of."""
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError):
        raise ValueError(f"rng is {rng!r:.30}; expected None, an integer >= 0 or a numpy Generator") from None


def _started(state):
    if not isinstance(state, State):
        raise ValueError(f"state is {type(state)}; expected what new_state(theta) of this module gives")


def _finite(array, name):
    for k in range(0, len(array), 4096):  # it may be a memmap
        part = array[k : k + 4096]
        if not abs(np.vdot(part, part)) < np.inf and not np.isfinite(part).all():  # as squares may overflow
            place = np.argwhere(~np.isfinite(part))[0].tolist()
            shown = [place[0] + k, *place[1:]]
            raise ValueError(f"{name}{shown} is {part[tuple(place)]}; expected a finite number in every entry")


def _is_number(value):
    """Whether it is a number that a float holds, and not negative."""
    if not isinstance(value, (int, float, np.integer, np.floating)) or isinstance(value, bool):
        return False
    try:
        return 0 <= float(value) < np.inf
    except OverflowError:  # an integer beyond all floats
        return False


def _rate(learning_rate):
    if not _is_number(learning_rate):
        raise ValueError(f"learning_rate is {learning_rate!r}; expected a positive number")
    return float(learning_rate)  # a np.float16 would make few digits of its products


# Checkpoints: what `train` needs to go on where it was stopped, in a .npz file that is whole at every moment.


class _Checkpoint:
    """The file at `path`: arrays that `train` updates in place and, as JSON, the numbers that go with them.

    `training` says what is trained, on what and how: a file in which it says something else is refused.
    """

    def __init__(self, path, seconds, samples, training, arrays, state, rng):
        try:
            self.path = os.path.realpath(os.fsdecode(path))
        except (TypeError, ValueError) as error:
            raise ValueError(f"checkpoint is {path!r:.60}; expected the path of a file: {error}") from None
        self.seconds, self.samples, self.training = seconds, samples, training
        self.arrays, self.state, self.rng = arrays, state, rng

    def begin(self, done, total, lowest, history, drawn):
        """The numbers to go on with, and everything else in its place: from the file or, without one, as it is.

        Either way the file is written, so that what is in the way shows before any work is done.
        """
        for leftover in glob.glob(f"{glob.escape(self.path)}.{'[0-9a-f]' * 16}.tmp"):  # of a run that was killed
            _remove(leftover)
        numbers = self.read(history) or (done, total, lowest, history, drawn)
        self.write(*numbers)
        return numbers

    def due(self, epoch_ends):
        """Whether it is time to write: at the end of an epoch or, if that is given, after so many seconds."""
        return epoch_ends if self.seconds is None else time.monotonic() - self.written >= self.seconds

    def order(self, drawn):
        """The order of an epoch's samples, drawn again by the generator as it was then."""
        now, self.rng.bit_generator.state = self.rng.bit_generator.state, drawn
        order = self.rng.permutation(self.samples)
        self.rng.bit_generator.state = now
        return order

    def read(self, curves):
        if os.path.exists(self.path) and not os.path.isfile(self.path):
            raise ValueError(f"{self.path} is no file; expected the path of a checkpoint, or of none yet")
        try:
            file = open(self.path, "rb")
        except FileNotFoundError:
            return None
        except OSError as error:
            what = f"the checkpoint cannot be read ({error.strerror or error})"
            raise OSError(error.errno, what, self.path) from None
        try:
            with file, np.load(file, allow_pickle=False) as saved:
                if sum(part.file_size for part in saved.zip.infolist()) > os.path.getsize(self.path):
                    raise ValueError("it is compressed")
                if len(saved.files) != len({*saved.files}):
                    raise ValueError("it has two arrays of one name")
                for part in saved.zip.infolist():
                    with saved.zip.open(part) as entry:
                        np.lib.format.read_magic(entry)
                        shape, _, dtype = np.lib.format.read_array_header_1_0(entry)
                    if np.prod(shape, dtype=object) * dtype.itemsize > part.file_size:
                        raise ValueError("it declares more than it holds")
                rest = json.loads(saved["rest"].tobytes())
                other = [key for key, value in self.training.items() if rest["training"].get(key) != value]
                for name, array in self.arrays.items() if not other else ():
                    if saved[name].shape != array.shape or saved[name].dtype != array.dtype:
                        raise ValueError(f"{name} has other entries")
                    array[...] = saved[name]
            if not other:
                self.restore(rest, curves)
        except MemoryError as error:
            raise MemoryError(f"{self.path} cannot be read, for lack of memory ({error})") from None
        except Exception as error:  # of whatever type: the file may hold anything
            raise ValueError(
                f"{self.path} is a damaged checkpoint, or none ({error!s:.200}); put a copy of it in its place, or "
                "remove it to begin again"
            ) from None
        if other:
            raise ValueError(
                f"{self.path} is the checkpoint of another training: {', '.join(other)} differ; expected the "
                "arguments that it was begun with; name another file, or remove this one to begin again"
            )
        return rest["numbers"]

    def restore(self, rest, curves):
        """Put the state and the generator back; raises some error for numbers that `train` cannot go on with."""
        done, total, lowest, history, drawn = rest["numbers"]
        finite = "best", "opening" if done else "theta"  # theta may overflow within an epoch
        rates = [total, lowest, *(value for name in curves for value in history[name])]
        best = [history[name] for name in ("best_epoch",) if name in history and self.training["patience"]]
        whole = [done, *best]
        if {*map(type, rates)} != {float} or {*map(type, whole)} != {int}:
            raise ValueError("its numbers have other types")
        if any(np.isnan(rates)) or not all(np.isfinite(self.arrays[name]).all() for name in finite):
            raise ValueError("its numbers are not finite")
        lengths = {len(history[name]) for name in curves}
        if len(lengths) != 1 or not 0 <= done < self.samples or max(best, default=-1) >= max(lengths):
            raise ValueError("its numbers do not fit")
        if not all(0 <= number < 2**53 for number in whole):
            raise ValueError("its numbers count nothing")
        for generator in (drawn, rest["generator"]) if done else (rest["generator"],):
            if not 0 <= generator.get("buffer_pos", 0) <= 4 or not 0 <= generator["state"].get("pos", 0) <= 624:
                raise ValueError("its generator reads where NumPy has no memory")
            self.rng.bit_generator.state = generator

    def write(self, *numbers):
        """Put a new file, once it is complete and on the disk, in the place of the old one."""
        rest = {"training": self.training, "numbers": numbers, "generator": self.rng.bit_generator.state}
        lost = [key for key, values in numbers[3].items() if not isinstance(key, str) or not _is_kept(values)]
        if lost:
            raise ValueError(f"history[{lost[0]!r:.60}] cannot be kept; expected lists of numbers or texts, by name")
        text = json.dumps(rest, default=_listed)
        try:
            for left in reversed(range(9)):
                try:
                    self.replace(text)
                    break
                except FileNotFoundError:  # another run has just begun with this file, and cleared up
                    if not left:
                        raise
        except OSError as error:
            what = f"the checkpoint cannot be written ({error.strerror or error}); what was there is kept"
            raise OSError(error.errno, what, self.path) from None
        self.written = time.monotonic()

    def permit(self, temporary):
        """Let those read the new file who may read the old one, and no others."""
        try:
            os.chmod(temporary, os.stat(self.path).st_mode & 0o777)
        except OSError:  # there is no old one, or nothing is known of permissions
            pass

    def replace(self, text):
        temporary = f"{self.path}.{os.urandom(8).hex()}.tmp"
        try:
            with open(temporary, "xb") as file:
                self.permit(temporary)
                with zipfile.ZipFile(file, "w") as archive:  # as np.savez does; closed on a full disk too
                    for name, array in {"rest": np.frombuffer(text.encode(), np.uint8), **self.arrays}.items():
                        with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                            np.lib.format.write_array(entry, array, allow_pickle=False)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self.path)
        finally:
            _remove(temporary)
        try:
            folder = os.open(os.path.dirname(self.path), os.O_RDONLY)
            try:
                os.fsync(folder)  # so that the new name is on the disk too
            finally:
                os.close(folder)
        except OSError:  # not every system has a way to
            pass


def _listed(array):
    """An array, or a number of NumPy's, as JSON holds it."""
    return array.tolist()


def _is_kept(value, levels=20):
    """Whether JSON gives back the same value; a number of NumPy's comes back as the same number of Python's."""
    if isinstance(value, dict):
        return all(isinstance(key, str) for key in value) and _is_kept([*value.values()], levels)
    if isinstance(value, list):
        return levels > 0 and all(_is_kept(each, levels - 1) for each in value)
    if isinstance(value, np.timedelta64):  # an integer to NumPy
        return False
    return value is None or isinstance(value, (str, int, float, np.bool_, np.integer, np.float32, np.float16))


def _remove(path):
    try:
        os.remove(path)
    except OSError:  # it is not there any more
        pass


def _checksum(array):
    """The shape of an array and the CRC-32 of its entries."""
    total = 0
    for k in range(0, len(array), 4096):  # it may be a memmap
        total = zlib.crc32(np.ascontiguousarray(array[k : k + 4096]), total)
    return f"{array.shape}, {total:08x}"
