"""Formulas to be graded: right ones in many ways of writing, and wrong ones with known slips in them.

Written from the definitions of the slips and not from the grader's table, so that one checks the other. A
formula is put together from its parts, and every slip changes one of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from derive.model.activation import Activation
from derive.model.architecture import Architecture

SWISH = Activation("swish", "z / (1 + exp(-beta*z))", (("beta", 1.5),))
ARCHITECTURES = (
    Architecture((3, 4, 5, 2), ("tanh", "sigmoid", "tanh")),
    Architecture((4, 3, 2), ("relu", "sigmoid")),
    Architecture((2, 5, 3, 4, 1), ("sigmoid", "tanh", "softplus", "tanh")),
    Architecture((5, 4, 3, 3), (SWISH, "tanh", "sigmoid")),
    Architecture((3, 3, 3), ("tanh", "identity")),
    Architecture((3, 2), ("sigmoid",)),
    Architecture((2, 3, 4, 3, 2, 1), ("tanh", "tanh", "sigmoid", "sigmoid", "sigmoid")),
    Architecture((3, 4, 4, 2), ("sigmoid", "tanh", "tanh"), layers=({}, {"residual": True}, {})),
    Architecture((4, 3, 5, 3, 2), ("tanh", "sigmoid", "tanh", "sigmoid"), layers=({}, {}, {"residual": 2}, {})),
    Architecture((3, 3, 3, 3), ("tanh", "sigmoid", "tanh"), layers=({"residual": 1},) * 3),
)
LAYOUTS = ("rows", "columns")

WHOLE = ("sign", "constant-factor", "missing-mean", "mean-twice", "transposed-layout")
HIDDEN = (
    "missing-transpose", "inverse-for-transpose", "gradient-for-weight", "wrong-weight-index", "missing-derivative",
    "derivative-at-wrong-argument", "matrix-product-for-hadamard", "derivative-too-early", "missing-path", *WHOLE,
)  # fmt: skip
BACK = (
    "missing-transpose", "inverse-for-transpose", "gradient-for-weight", "wrong-weight-index", "missing-path", *WHOLE,
)  # fmt: skip
LOSS = ("broadcast", "z-for-a", *WHOLE)
OUTPUT = (
    "missing-derivative-output", "derivative-at-wrong-argument", "matrix-product-for-hadamard", "broadcast", "z-for-a",
    *WHOLE,
)  # fmt: skip
OUTER = (
    "hadamard-for-outer", "outer-product-order", "missing-activation-transpose", "wrong-activation-index", "z-for-a",
    *WHOLE,
)  # fmt: skip
BIAS = ("bias-not-summed", "sign", "constant-factor", "missing-mean", "mean-twice")
CANCEL = ({"missing-mean", "mean-twice"}, {"outer-product-order", "transposed-layout"})
"""Pairs that make each other good."""


def slopes(architecture: Architecture, layer: int) -> list[str]:
    """Ways to write f'(z) of a layer."""
    name = architecture.activations[layer - 1].name
    around = architecture.layers[layer - 1].residual
    a = f"(a{layer} - a{layer - around})" if around else f"a{layer}"
    own = {
        "tanh": [f"(1 - {a}**2)", f"(1 - {a}*{a})", f"(1 - {a})*(1 + {a})", f"(1 - tanh(z{layer})**2)"],
        "sigmoid": [f"{a}*(1 - {a})", f"({a} - {a}**2)", f"(exp(-z{layer}) / (1 + exp(-z{layer}))**2)"],
        "softplus": [f"(1 / (1 + exp(-z{layer})))", f"(1 - exp(-{a}))"],
    }
    return [f"f'(z{layer})", f"df(z{layer})", f"f{layer}'(z{layer})", f"f[{layer}]'(z{layer})", *own.get(name, [])]


def forks(architecture: Architecture, layer: int) -> list[str]:
    """The derivatives that come back to a layer past the next one, over residual connections."""
    return [f"da{k}" for k, own in enumerate(architecture.layers, 1) if own.residual and k - own.residual == layer]


def joined(architecture: Architecture, layer: int, main: str, f: str = "") -> str:
    """All that comes back to a layer: over its weights, and past them; each path times f if that is given."""
    times = f" * {f}" if f else ""
    return " + ".join([f"{main}{times}", *(f"{path}{times}" for path in forks(architecture, layer))])


def straight(architecture: Architecture, layer: int) -> bool:
    """Whether f' of a layer is the same at z and at a, so that some slips change nothing."""
    return architecture.activations[layer - 1].name in ("identity", "relu")


def quantities(architecture: Architecture) -> Iterator[tuple[str, int, tuple[str, ...]]]:
    """(letter, layer, the slips that can be made in it)."""
    depth = architecture.depth
    for layer in range(1, depth):
        yield "delta", layer, HIDDEN
    yield "delta", depth, OUTPUT
    for layer in range(1, depth + 1):
        yield "dW", layer, OUTER
        yield "db", layer, BIAS
        yield "da", layer, BACK if layer < depth else LOSS


def applicable(architecture: Architecture, layout: str, base: str, layer: int, tag: str) -> bool:
    """Whether a slip changes the formula at all."""
    f = architecture.activations[layer - 1].name
    below = architecture.activations[layer - 2].name if layer > 1 else ""
    if tag == "missing-mean" or tag == "bias-not-summed":
        return layout == "rows"
    if tag in ("missing-derivative", "missing-derivative-output", "derivative-too-early"):
        return f != "identity"
    if tag == "derivative-at-wrong-argument":
        return not straight(architecture, layer)
    if tag == "missing-path":
        return bool(forks(architecture, layer))
    if tag == "z-for-a":
        return f != "identity" if base in ("delta", "da") else layer > 1 and below != "identity"
    return True


def planted(architecture: Architecture, layout: str, base: str, layer: int, slips: frozenset[str], f: str = "") -> str:
    """The formula of a quantity with these slips in it."""
    if base == "dW":
        text = _outer(architecture, layout, layer, slips)
    elif base == "db":
        text = f"delta{layer}" if layout == "columns" or "bias-not-summed" in slips else f"sum(delta{layer})"
    elif base == "da" and layer == architecture.depth:
        text = _error(layout, layer, slips)
    elif base == "da":
        text = _back(architecture, layout, layer, slips)
    elif layer == architecture.depth:
        text = _output(architecture, layout, layer, slips, f)
    else:
        text = _hidden(architecture, layout, layer, slips, f)
    changes = {"sign": "-({})", "constant-factor": "2*({})", "missing-mean": "N*({})", "mean-twice": "({})/N"}
    for tag, change in changes.items():
        if tag in slips:
            text = change.format(text)
    return f"({text}).T" if "transposed-layout" in slips else text


def _slope(layer: int, slips: frozenset[str], f: str) -> str:
    return f"f{layer}'(a{layer})" if "derivative-at-wrong-argument" in slips else f or f"f'(z{layer})"


def _with_slope(text: str, f: str, slips: frozenset[str]) -> str:
    return f"({text}) @ ({f})" if "matrix-product-for-hadamard" in slips else f"({text}) * {f}"


def _output(architecture: Architecture, layout: str, layer: int, slips: frozenset[str], f: str) -> str:
    text = _error(layout, layer, slips)
    if "missing-derivative-output" in slips:
        return text
    return _with_slope(text, _slope(layer, slips, f), slips)


def _error(layout: str, layer: int, slips: frozenset[str]) -> str:
    a = f"z{layer}" if "z-for-a" in slips else f"a{layer}"
    return f"({a} - {'y.T' if 'broadcast' in slips else 'y'})" + (" / N" if layout == "rows" else "")


def _hidden(architecture: Architecture, layout: str, layer: int, slips: frozenset[str], f: str) -> str:
    f = _slope(layer, slips, f)
    text = _back(architecture, layout, layer, slips, f)
    if slips & {"missing-derivative", "derivative-too-early"}:
        return text
    return _with_slope(text, f, slips)


def _back(architecture: Architecture, layout: str, layer: int, slips: frozenset[str], f: str = "") -> str:
    above = layer + 1
    delta = f"delta{above}"
    w = f"{'dW' if 'gradient-for-weight' in slips else 'W'}{layer if 'wrong-weight-index' in slips else above}"
    turned = (layout == "columns") != ("missing-transpose" in slips)
    if "inverse-for-transpose" in slips:
        w, turned = f"inv({w})", not turned
    if "derivative-too-early" in slips:
        delta = f"({delta} * {f})"
    w += ".T" if turned else ""
    text = f"{w} @ {delta}" if layout == "columns" else f"{delta} @ {w}"
    if "missing-path" in slips or not forks(architecture, layer):
        return text
    early = f" * {f}" if slips >= {"derivative-too-early"} and "missing-derivative" not in slips else ""
    return " + ".join([text, *(path + early for path in forks(architecture, layer))])


def _outer(architecture: Architecture, layout: str, layer: int, slips: frozenset[str]) -> str:
    at = layer if "wrong-activation-index" in slips else layer - 1
    delta, a = f"delta{layer}", f"{'z' if 'z-for-a' in slips else 'a'}{at}"
    if "hadamard-for-outer" in slips:
        return f"{delta} * {a}"
    if "missing-activation-transpose" in slips:
        return f"{delta} @ {a}"
    if "outer-product-order" in slips:
        delta, a = a, delta
    return f"{delta}.T @ {a}" if layout == "rows" else f"{delta} @ {a}.T"


def variants(architecture: Architecture, layout: str, base: str, layer: int, tag: str) -> Iterator[str]:
    """Ways in which one slip is written down."""
    slips = frozenset({tag})
    if base == "delta" and tag != "derivative-at-wrong-argument":
        for f in slopes(architecture, layer):
            yield planted(architecture, layout, base, layer, slips, f)
    else:
        yield planted(architecture, layout, base, layer, slips)
    yield from _others(architecture, layout, base, layer, tag)


def _others(architecture: Architecture, layout: str, base: str, layer: int, tag: str) -> Iterator[str]:
    depth, rows = architecture.depth, layout == "rows"
    above, delta, a = f"{layer + 1}", f"delta{layer}", f"a{layer - 1}"
    right = planted(architecture, layout, base, layer, frozenset())
    main = f"delta{above} @ W{above}" if rows else f"W{above}.T @ delta{above}"
    back = joined(architecture, layer, main)
    f = f"f'(z{layer})"
    match tag, base:
        case "sign", "delta" if layer == depth:
            yield f"(y - a{layer}) * {f}" + (" / N" if rows else "")
        case "constant-factor", _:
            yield f"({right}) / 2"
            yield f"1/3 * ({right})"
        case "transposed-layout", ("delta" | "dW" | "da"):
            if not (base in ("delta", "da") and layer == depth):
                yield planted(architecture, "columns" if rows else "rows", base, layer, frozenset())
        case "missing-path", ("delta" | "da"):
            for path in forks(architecture, layer):
                yield f"{path} * {f}" if base == "delta" else path
        case "missing-mean", "delta" if layer == depth:
            yield f"(a{layer} - y) * {f}"
        case "wrong-weight-index", "delta" if layer + 2 <= depth:
            w = f"W{layer + 2}"
            wrong = f"(delta{above} @ {w})" if rows else f"({w}.T @ delta{above})"
            yield f"({joined(architecture, layer, wrong)}) * {f}"
        case "missing-derivative", "delta" if layer + 2 <= depth:
            up = f"{layer + 2}"  # in the line above, which is written out here
            inner = joined(architecture, layer + 1, f"delta{up} @ W{up}" if rows else f"W{up}.T @ delta{up}")
            if architecture.activations[layer].name != "identity":
                missed = f"(({inner}) @ W{above})" if rows else f"(W{above}.T @ ({inner}))"
                yield f"({joined(architecture, layer, missed)}) * {f}"
            if forks(architecture, layer):
                yield f"({main}) * {f} + {' + '.join(forks(architecture, layer))}"
        case "derivative-at-wrong-argument", "delta":
            if layer < depth and architecture.activations[layer].name != "identity":
                yield f"({back}) * f'(z{above})"
                yield f"({back}) * f{layer}'(z{above})"
            if architecture.activations[layer - 1].name == "tanh" and layer < depth:
                yield f"({back}) * (1 - z{layer}**2)"
        case "derivative-too-early", "delta" if architecture.activations[layer].name != "identity":
            early = f"(delta{above} * f'(z{above}))"
            past = [f"{path} * {f}" for path in forks(architecture, layer)]
            yield " + ".join([f"{early} @ W{above}" if rows else f"W{above}.T @ {early}", *past])
        case "matrix-product-for-hadamard", "delta" if layer < depth:
            yield f"({back}) @ {f}.T"
            yield f"{f} @ ({back})"
        case "hadamard-for-outer", _ if rows:
            yield f"sum({delta} * {a})"
        case "outer-product-order", _ if not rows:
            yield f"outer({a}, {delta})"
        case "wrong-activation-index", _ if layer > 1:
            yield f"{delta}.T @ a{layer - 2}" if rows else f"{delta} @ a{layer - 2}.T"
        case "broadcast", "da":
            yield f"(a{layer}.T - y)" + (" / N" if rows else "")
        case "broadcast", _:
            yield f"(a{layer}.T - y) * {f}" + (" / N" if rows else "")


def slipped(architecture: Architecture) -> Iterator[tuple[str, str, str, str]]:
    """(tag, layout, quantity, formula) for every slip where it applies."""
    for layout, (base, layer, tags) in product(LAYOUTS, tuple(quantities(architecture))):
        for tag in tags:
            if applicable(architecture, layout, base, layer, tag):
                for text in variants(architecture, layout, base, layer, tag):
                    yield tag, layout, f"{base}{layer}", text


def pairs(architecture: Architecture) -> Iterator[tuple[tuple[str, str], str, str, str]]:
    """(two tags, layout, quantity, formula) for every two slips of which each changes the formula of the other."""
    for layout, (base, layer, tags) in product(LAYOUTS, tuple(quantities(architecture))):
        own = [tag for tag in tags if applicable(architecture, layout, base, layer, tag)]
        single = {planted(architecture, layout, base, layer, frozenset(s)) for s in ((), *((tag,) for tag in own))}
        for position, first in enumerate(own):
            for second in own[position + 1 :]:
                text = planted(architecture, layout, base, layer, frozenset({first, second}))
                if text not in single and {first, second} not in CANCEL:
                    yield (first, second), layout, f"{base}{layer}", text


def right(architecture: Architecture) -> Iterator[tuple[str, str, str]]:
    """(layout, quantity, formula) for equivalent ways of writing what is right."""
    for layout, (base, layer, _) in product(LAYOUTS, tuple(quantities(architecture))):
        for text in dict.fromkeys(_right(architecture, layout, base, layer)):
            yield layout, f"{base}{layer}", text


def _right(architecture: Architecture, layout: str, base: str, layer: int) -> Iterator[str]:
    rows, depth = layout == "rows", architecture.depth
    if base == "delta" and layer == depth:
        a = f"a{layer}"
        for f in slopes(architecture, layer):
            yield f"({a} - y) * {f}" + (" / N" if rows else "")
            yield f"-(y - {a}) * {f}" + (" / N" if rows else "")
            yield f"{f} * ({a} - y)" + (" * (1/N)" if rows else "")
            yield f"{f} * {a} / N - {f} * y / N" if rows else f"{f} * {a} - {f} * y"
            yield f"da{layer} * {f}"
        if not rows:
            yield f"diag(f'(z{layer})) @ ({a} - y)"
            yield f"diag({a} - y) @ f'(z{layer})"
    elif base == "delta":
        above = layer + 1
        w, d = f"W{above}", f"delta{above}"
        mains = [f"({d} @ {w})", f"({w}.T @ {d}.T).T"] if rows else [f"({w}.T @ {d})", f"({d}.T @ {w}).T"]
        up = f"(da{above} * f'(z{above}))"
        mains.append(f"({up} @ {w})" if rows else f"({w}.T @ {up})")
        backs = [f"da{layer}", *(f"({joined(architecture, layer, main)})" for main in mains)]
        if forks(architecture, layer):
            yield joined(architecture, layer, mains[0], f"f'(z{layer})")
        for back, f in product(backs, slopes(architecture, layer)):
            yield f"{back} * {f}"
            yield f"{f} * {back}"
            yield f"2 * {back} * {f} / 2"
        if not rows:
            past = "".join(f" + {path} * f'(z{layer})" for path in forks(architecture, layer))
            yield f"diag(f'(z{layer})) @ {w}.T @ {d}{past}"
            yield f"({w} @ diag(f'(z{layer}))).T @ {d}{past}"
    elif base == "dW":
        d, a = f"delta{layer}", f"a{layer - 1}"
        yield from (
            [f"{d}.T @ {a}", f"({a}.T @ {d}).T"] if rows else [f"{d} @ {a}.T", f"({a} @ {d}.T).T", f"outer({d}, {a})"]
        )
        if layer == 1:
            yield f"{d}.T @ x" if rows else f"{d} @ x.T"
        for f in slopes(architecture, layer):
            if layer == depth:
                error = f"((a{layer} - y) * {f})"
                yield from [f"{error}.T @ {a} / N", f"1/N * ({a}.T @ {error}).T"] if rows else [f"{error} @ {a}.T"]
            else:
                main = f"(delta{layer + 1} @ W{layer + 1})" if rows else f"(W{layer + 1}.T @ delta{layer + 1})"
                back = f"({joined(architecture, layer, main)})"
                yield f"({back} * {f}).T @ {a}" if rows else f"({back} * {f}) @ {a}.T"
    elif base == "da":
        yield from _right_back(architecture, layout, layer)
    else:
        d = f"delta{layer}"
        yield from [f"sum({d})", f"-sum(-{d})", f"sum({d}).T"] if rows else [d, f"1 * {d}", f"--{d}"]
        if layer == depth:
            for f in slopes(architecture, layer):
                yield f"sum((a{layer} - y) * {f}) / N" if rows else f"(a{layer} - y) * {f}"


def _right_back(architecture: Architecture, layout: str, layer: int) -> Iterator[str]:
    rows, above = layout == "rows", layer + 1
    if layer == architecture.depth:
        yield from [f"(a{layer} - y) / N", f"-1/N * (y - a{layer})"] if rows else [f"a{layer} - y", f"-(y - a{layer})"]
        return
    d, w = f"delta{above}", f"W{above}"
    for main in [f"{d} @ {w}", f"({w}.T @ {d}.T).T"] if rows else [f"{w}.T @ {d}", f"({d}.T @ {w}).T"]:
        yield joined(architecture, layer, main)
    f = f"f'(z{above})"
    yield joined(architecture, layer, f"(da{above} * {f}) @ {w}" if rows else f"{w}.T @ (da{above} * {f})")
