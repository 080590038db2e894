"""Whoever takes part in `make bench`: each makes, for a net, one training step and a way to read its parameters.

A contestant starts from the net's own parameters, takes its data, and does the same update: gradient descent, or
Adam as its authors wrote it, all with the same epsilon in the same place. Imports stand inside, so that a missing
peer is left out by name and the time to the first step includes them.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.nets import EPSILON, Net

THREADS = 2
BETA1, BETA2 = 0.9, 0.999


@dataclass(frozen=True)
class Running:
    """A contestant at work on a net: `step()` trains once; `parameters()` gives W1, b1, … now."""

    step: Callable[[], Any]
    parameters: Callable[[], list[np.ndarray]]
    memory: Callable[[], int] | None = None
    """Bytes that one step needs beside parameters and data, where the peer can tell."""


def emitted(net: Net) -> Running:
    """This project: derived, emitted in the fast style and loaded."""
    from derive import differentiate, emit, load

    return of_module(load(emit(differentiate(net.architecture), "fast")), net)


def of_module(module: Any, net: Net) -> Running:
    """An emitted module at work."""
    X, Y = net.data
    theta = np.concatenate([p.ravel() for pair in net.start for p in pair])
    state, rate = module.new_state(theta), net.rate

    def memory() -> int:
        """What a new state with its buffers takes, and a step beside it, without the optimiser's moments."""
        tracemalloc.start()
        fresh = module.new_state(theta)
        own = theta.copy()
        module.step(own, fresh, X, Y, rate)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        vectors = [v for v in vars(fresh).values() if isinstance(v, np.ndarray) and v.shape == theta.shape]
        kept = [v for v in vectors if v is not fresh.gradient and v is not own]
        return peak - (1 + len(kept)) * theta.nbytes  # and without the copy of theta

    return Running(lambda: module.step(theta, state, X, Y, rate), lambda: list(module.unpack(theta)), memory)


def by_hand(net: Net) -> Running:
    """NumPy as people write it: one expression for each equation, lists of layers."""
    X, Y = net.data
    W, b = [w.copy() for w, _ in net.start], [v.copy() for _, v in net.start]
    parameters = [*W, *b]
    m, v = ([np.zeros_like(p) for p in parameters] for _ in range(2))
    N, L, time = len(X), len(W), 0

    def softmax(z: np.ndarray) -> np.ndarray:
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    f = {"tanh": np.tanh, "relu": lambda z: np.maximum(z, 0)}[net.activation]
    slope = {"tanh": lambda a: 1 - a**2, "relu": lambda a: a > 0}[net.activation]

    def step() -> float:
        nonlocal time
        a = [X]
        for layer in range(L):
            z = a[-1] @ W[layer].T + b[layer]
            a.append(f(z) if layer < L - 1 else softmax(z) if net.output == "softmax" else z)
        loss = -(Y * np.log(a[-1])).sum() / N if net.output == "softmax" else ((a[-1] - Y) ** 2).sum() / (2 * N)
        delta, dW, db = (a[-1] - Y) / N, [], []
        for layer in reversed(range(L)):
            dW.insert(0, delta.T @ a[layer])
            db.insert(0, delta.sum(axis=0))
            if layer:
                delta = (delta @ W[layer]) * slope(a[layer])
        time += 1
        for k, (p, g) in enumerate(zip(parameters, [*dW, *db], strict=True)):
            if net.optimizer == "sgd":
                p -= net.rate * g
            else:
                m[k] = BETA1 * m[k] + (1 - BETA1) * g
                v[k] = BETA2 * v[k] + (1 - BETA2) * g**2
                p -= net.rate * (m[k] / (1 - BETA1**time)) / (np.sqrt(v[k] / (1 - BETA2**time)) + EPSILON)
        return float(loss)

    return Running(step, lambda: [p for pair in zip(W, b, strict=True) for p in pair])


def of_jax(net: Net) -> Running:
    """JAX: the whole step under one `jit`, its parameters donated, its data on the device."""
    import jax
    import jax.numpy as jnp

    X, Y = (jnp.asarray(array) for array in net.data)
    f = {"tanh": jnp.tanh, "relu": jax.nn.relu}[net.activation]

    def loss(parameters: Any) -> Any:
        a = X
        for W, b in parameters[:-1]:
            a = f(a @ W.T + b)
        z = a @ parameters[-1][0].T + parameters[-1][1]
        if net.output == "softmax":
            return -(Y * jax.nn.log_softmax(z)).sum() / len(X)
        return ((z - Y) ** 2).sum() / (2 * len(X))

    def update(p: Any, g: Any, m: Any, v: Any, time: Any) -> Any:
        if net.optimizer == "sgd":
            return p - net.rate * g, m, v
        m, v = BETA1 * m + (1 - BETA1) * g, BETA2 * v + (1 - BETA2) * g**2
        return p - net.rate * (m / (1 - BETA1**time)) / (jnp.sqrt(v / (1 - BETA2**time)) + EPSILON), m, v

    def whole(state: Any) -> Any:
        parameters, m, v, time = state
        value, g = jax.value_and_grad(loss)(parameters)
        leaves, tree = jax.tree.flatten(parameters)
        others = (jax.tree.leaves(each) or [None] * len(leaves) for each in (g, m, v))
        moved = [update(*each, time + 1) for each in zip(leaves, *others, strict=True)]
        parameters, m, v = (jax.tree.unflatten(tree, part) for part in zip(*moved, strict=True))
        return (parameters, m, v, time + 1), value

    parameters = [tuple(jnp.array(p) for p in pair) for pair in net.start]
    zeros = None if net.optimizer == "sgd" else jax.tree.map(jnp.zeros_like, parameters)
    others = None if zeros is None else jax.tree.map(jnp.zeros_like, parameters)
    state = (parameters, zeros, others, jnp.zeros(()))
    compiled = jax.jit(whole, donate_argnums=0)

    def step() -> Any:
        nonlocal state
        state, value = compiled(state)
        return jax.block_until_ready((state, value))[1]

    def memory() -> int:
        return int(compiled.lower(state).compile().memory_analysis().temp_size_in_bytes)

    return Running(step, lambda: [np.asarray(p) for pair in state[0] for p in pair], memory)


def of_torch(net: Net, compiled: bool = False) -> Running:
    """PyTorch: a `Sequential`, its loss and its optimiser as its tutorials have them."""
    import torch

    torch.set_num_threads(THREADS)
    X, Y = (torch.from_numpy(array.copy()) for array in net.data)
    layers: list[Any] = []
    for W, b in net.start:
        linear = torch.nn.Linear(W.shape[1], W.shape[0])
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(W))
            linear.bias.copy_(torch.from_numpy(b))
        layers += [linear, {"tanh": torch.nn.Tanh, "relu": torch.nn.ReLU}[net.activation]()]
    model = torch.nn.Sequential(*layers[:-1])
    make = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[net.optimizer]
    optimizer = make(model.parameters(), lr=net.rate, **({"eps": EPSILON} if net.optimizer == "adam" else {}))

    def loss() -> Any:
        if net.output == "softmax":
            return torch.nn.functional.cross_entropy(model(X), Y)
        return ((model(X) - Y) ** 2).sum() / (2 * len(X))

    evaluated = torch.compile(loss) if compiled else loss

    def step() -> float:
        optimizer.zero_grad()
        value = evaluated()
        value.backward()
        optimizer.step()
        return float(value.item())

    return Running(step, lambda: [p.detach().numpy() for p in model.parameters()], lambda: _torch_peak(step))


def _torch_peak(step: Callable[[], Any]) -> int:
    """The most that its allocator held at once during a step, beyond what it held before."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        step()
    events = [e for e in profiler.profiler.kineto_results.events() if e.name() == "[memory]"]
    held = np.cumsum([e.nbytes() for e in sorted(events, key=lambda e: e.start_ns())])
    return int(max(held.max(initial=0), 0))


def of_torch_compiled(net: Net) -> Running:
    """PyTorch with `torch.compile` around model and loss."""
    running = of_torch(net, compiled=True)
    running.step()  # compiles: what fails fails here
    return of_torch(net, compiled=True)


def of_sklearn(net: Net) -> Running:
    """scikit-learn: `partial_fit` of one batch, without penalty or shuffling."""
    import warnings

    from sklearn.neural_network import MLPClassifier, MLPRegressor

    X, Y = net.data
    options = {
        "hidden_layer_sizes": net.sizes[1:-1], "activation": net.activation, "solver": net.optimizer, "alpha": 0.0,
        "learning_rate_init": net.rate, "batch_size": net.batch, "shuffle": False, "momentum": 0.0,
        "nesterovs_momentum": False, "beta_1": BETA1, "beta_2": BETA2, "epsilon": EPSILON,
    }  # fmt: skip
    softmax = net.output == "softmax"
    model = (MLPClassifier if softmax else MLPRegressor)(**options)
    target = Y.argmax(axis=1) if softmax else Y[:, 0] if Y.shape[1] == 1 else Y
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.partial_fit(X, target, **({"classes": np.arange(net.sizes[-1])} if softmax else {}))
    for (W, b), coefficients, intercepts in zip(net.start, model.coefs_, model.intercepts_, strict=True):
        coefficients[...], intercepts[...] = W.T, b
    optimizer = model._optimizer
    for part in (*getattr(optimizer, "ms", ()), *getattr(optimizer, "vs", ()), *getattr(optimizer, "velocities", ())):
        part[...] = 0
    optimizer.t = 0

    def parameters() -> list[np.ndarray]:
        return [p for W, b in zip(model.coefs_, model.intercepts_, strict=True) for p in (W.T, b)]

    def step() -> None:
        # It adds epsilon before the bias correction of v; so this one is what the others add after it.
        optimizer.epsilon = EPSILON * (1 - BETA2 ** (optimizer.t + 1)) ** 0.5
        model.partial_fit(X, target)

    return Running(step if net.optimizer == "adam" else lambda: model.partial_fit(X, target), parameters)


def of_autograd(net: Net) -> Running:
    """autograd: `value_and_grad` of the loss, the update by hand."""
    import autograd.numpy as anp
    from autograd import value_and_grad

    X, Y = net.data
    parameters = [p.copy() for pair in net.start for p in pair]
    m, v = ([np.zeros_like(p) for p in parameters] for _ in range(2))
    f = {"tanh": anp.tanh, "relu": lambda z: anp.maximum(z, 0)}[net.activation]
    N, time = len(X), 0

    def loss(p: Any) -> Any:
        a = X
        for k in range(0, len(p) - 2, 2):
            a = f(anp.dot(a, p[k].T) + p[k + 1])
        z = anp.dot(a, p[-2].T) + p[-1]
        if net.output == "softmax":
            z = z - anp.max(z, axis=1, keepdims=True)
            return -anp.sum(Y * (z - anp.log(anp.sum(anp.exp(z), axis=1, keepdims=True)))) / N
        return anp.sum((z - Y) ** 2) / (2 * N)

    differentiated = value_and_grad(loss)

    def step() -> float:
        nonlocal time
        value, gradient = differentiated(parameters)
        time += 1
        for k, (p, g) in enumerate(zip(parameters, gradient, strict=True)):
            if net.optimizer == "sgd":
                p -= net.rate * g
            else:
                m[k] = BETA1 * m[k] + (1 - BETA1) * g
                v[k] = BETA2 * v[k] + (1 - BETA2) * g**2
                p -= net.rate * (m[k] / (1 - BETA1**time)) / (np.sqrt(v[k] / (1 - BETA2**time)) + EPSILON)
        return float(value)

    return Running(step, lambda: parameters)


CONTESTANTS: dict[str, Callable[[Net], Running]] = {
    "derive": emitted,
    "NumPy by hand": by_hand,
    "JAX jit": of_jax,
    "PyTorch": of_torch,
    "torch.compile": of_torch_compiled,
    "scikit-learn": of_sklearn,
    "autograd": of_autograd,
}
