"""Equations for `goldens`, to be written as matrix formulas: each kind of term, in every place that it can have."""

from __future__ import annotations

import sympy as sp

from derive.algebra.notation import N, index, opaque, size
from derive.algebra.program import Equation, Tensor

i, j, s, t = map(index, "ijst")
n1, n2 = size(1), size(2)
AXES = {
    "W2": (n2, n1), "a1": (N, n1), "delta2": (N, n2), "z2": (N, n2), "b2": (n2,), "c2": (N,), "l2": (), "loss": (),
}  # fmt: skip
TENSORS = {name: Tensor(name, axes) for name, axes in AXES.items()}
W, a, d, z, b, c = (sp.IndexedBase(name) for name in ("W2", "a1", "delta2", "z2", "b2", "c2"))
f, slope, loss = opaque("f2"), opaque("f2", 1), opaque("g2")
l2 = sp.Symbol("l2")
D, Y, B, C = d[s, i], z[s, i], b[i], c[s]
OVER_I, OVER_J, OVER_S = (i, 1, n2), (j, 1, n1), (s, 1, N)


def cases(*pairs: tuple[sp.Expr, sp.Expr]) -> sp.Expr:
    return sp.Piecewise(*pairs)


VALUES: dict[tuple[str, str], list[sp.Expr]] = {
    ("z2", "si"): [
        *(N * D, D / N, D / N**2, N**2 * D, -D / N, D * sp.Rational(2, 3), sp.Integer(3), sp.Integer(-1), l2 * D),
        *(1 / D, D**3, D**-3, 2 / Y, D / Y, -D / Y / N, D / Y / B**2, B, C, C * D, B * D, B * C, d[s, j], d[t, i]),
        *(D ** sp.Rational(k, 2) for k in (-3, -1, 1, 3)),
        *(D ** sp.Rational(1, 3), D ** sp.Rational(5, 3)),
        *(f(Y), slope(Y) * D, loss(Y), sp.exp(Y) * sp.tanh(Y), sp.sin(Y) + sp.cos(Y) + sp.log(Y), sp.gamma(Y)),
        *(sp.sinh(Y) * sp.cosh(Y), Y * f(Y) * B),
        cases((1, Y > 0), (-1, Y < 0), (0, True)),
        cases((1, Y > 0), (-1, Y < 0), (2, True)),
        cases((1, Y > 0), (0, True)),
        cases((1, Y > B), (-1, Y < B), (0, True)),
        cases((D, Y >= 2), (B, Y < 1), (Y, True)),
        *(1 / N, D + 1 / N, D + B, D - B, -D - B, B - D - C, 1 - D, B - sp.Sum(W[i, j] * a[s, j], OVER_J)),
        B + sp.Sum(W[i, j] * a[s, j], OVER_J),
    ],
    ("a1", "sj"): [
        sp.Sum(W[i, j] * D, OVER_I),
        sp.Sum(W[i, j] * D * slope(Y), OVER_I),
        sp.Sum(W[i, j] * B, OVER_I),
        sp.Sum(W[i, j], OVER_I),
    ],
    ("W2", "ij"): [
        sp.Sum(D * a[s, j], OVER_S),
        sp.Sum(D * a[s, j], OVER_S) / N,
        sp.Sum(D * a[s, j] * W[i, j], OVER_S),
        sp.Sum(2 * C * D * a[s, j], OVER_S),
        sp.Sum(C, OVER_S),
        sp.Sum(D * a[s, j] * Y, OVER_S) + l2 * W[i, j],
        *(D * a[s, j], B * a[s, j], W[i, j] * 2, W[j, i], B * W[i, j]),
    ],
    ("b2", "i"): [
        sp.Sum(D, OVER_S),
        sp.Sum(D * Y, OVER_S) / N,
        sp.Sum(C * D, OVER_S),
        sp.Sum(W[i, j], OVER_J),
        sp.Sum(W[i, j] ** 2, OVER_J),
        B * N,
    ],
    ("c2", "s"): [
        *(sp.Sum(D, OVER_I), sp.Sum(D * Y, OVER_I), sp.Sum(D * B, OVER_I), sp.Sum(B, OVER_I), C / N),
        *(sp.Sum(D**2, OVER_I) / 2, sp.Sum(d[t, i] ** 2, OVER_I)),
    ],
    ("loss", ""): [
        sp.Sum(C, OVER_S) / N,
        sp.Sum(C * D, OVER_S, OVER_I),
        sp.Sum(sp.Sum(D, OVER_I), OVER_S),
        sp.Sum(B**2, OVER_I),
        l2 * 2,
    ],
}
EQUATIONS = {
    f"{name}[{indices}] = {value}": Equation(TENSORS[name], tuple(map(index, indices)), value)
    for (name, indices), values in VALUES.items()
    for value in values
}
