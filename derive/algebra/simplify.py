"""Simplifying a gradient program: adjoints that stand in each other's way are put together and cancelled.

What a loss and an output activation leave behind often cancels: with softmax and cross-entropy, or sigmoid and
binary cross-entropy, delta^L is a^L - y, up to 1/N. Nothing is known here of such pairs. An adjoint is written
out down to the outputs of the network, the definitions of the activation's parts and what is known of the
targets are used, and the result is taken if it is shorter.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import sympy as sp

from derive.algebra.contraction import contract
from derive.algebra.forward import WEIGHTS
from derive.algebra.gradient import adjoint_name
from derive.algebra.notation import N
from derive.algebra.program import Equation, Program, entries

MAX_SIZE = 120
"""Operations in an adjoint that is written out; what is longer will not get short again."""


@lru_cache(maxsize=16)
def simplified(gradient: Program, forward: Program, targets: str) -> Program:
    """`gradient` with every adjoint that has a shorter form of its own in that form.

    `targets` is the kind of the loss's targets (a key of the table TARGETS): those of a distribution sum to 1.
    """
    local = _Local(gradient, forward, targets)
    equations = []
    for equation in gradient.equations:
        shorter = local.shorter(equation)
        equations.append(equation if shorter is None else replace(equation, value=shorter))
    return replace(gradient, equations=tuple(equations))


class _Local:
    """What is computed between z^L and the loss, where nothing depends on weights."""

    def __init__(self, gradient: Program, forward: Program, targets: str) -> None:
        self.gradient, self.forward, self.targets = gradient, forward, targets
        self.parts = {
            equation.tensor.name: equation
            for equation in forward.equations
            if equation.value.is_Mul and not equation.value.has(sp.Sum)
        }
        self.sums = {e.tensor.name: e for e in forward.equations if isinstance(e.value, sp.Sum)}
        self.known: dict[str, Equation] = {}
        self.cost: dict[str, int] = {}
        self.parameters = {tensor.name for tensor in forward.inputs} - {"y", WEIGHTS.name}
        self.adjoints = {adjoint_name(name) for name in forward.definitions}

    def shorter(self, equation: Equation) -> sp.Expr | None:
        """A shorter form of the equation's value, if there is one."""
        value = equation.value
        adjoints = [name for name in self.gradient.definitions if name in equation.reads]
        if (
            equation.tensor.name not in self.adjoints
            or equation.reads & self.parameters
            or any(name not in self.known for name in adjoints)
            or value.has(sp.Piecewise)
        ):
            return None
        plain = self.unfolded(value)
        written = _cancelled(self.folded(plain))
        if sp.count_ops(written) > MAX_SIZE:
            return None
        self.known[equation.tensor.name] = replace(equation, value=written)
        self.cost[equation.tensor.name] = 1 + sp.count_ops(value) + sum(self.cost[name] for name in adjoints)
        refolded = self.refolded(written)
        best = _factored(refolded)
        if any(len(total.limits) > 1 or total.function.has(sp.Sum) for total in best.atoms(sp.Sum)):
            return None  # a double sum, where what it was had the inner one by name
        if not adjoints or sp.count_ops(best) >= self.cost[equation.tensor.name]:
            return None
        if plain.has(sp.Sum) or refolded != written or _denominator(plain) != _denominator(written):
            return best
        return plain  # nothing cancels, and its factors may have been chosen with care

    def unfolded(self, expr: sp.Expr) -> sp.Expr:
        """`expr` with its adjoints and the parts of the activation written out, but not within functions."""
        calls: dict[sp.Basic, sp.Basic] = {call: sp.Dummy() for call in expr.atoms(sp.Function, sp.Max, sp.Min)}
        plain = expr.xreplace(calls)
        replaced = {}
        for entry in entries(plain):
            name = str(entry.base.label)
            equation = self.known.get(name) or self.parts.get(name)
            if equation is not None:
                replaced[entry] = equation.at(entry.indices)
        back = {symbol: call for call, symbol in calls.items()}
        return self.unfolded(plain.xreplace(replaced).xreplace(back)) if replaced else expr

    def folded(self, expr: sp.Expr) -> sp.Expr:
        """`expr` with each of its sums cancelled inside, then replaced by what it is known to be."""
        totals = {total: self._total(total) for total in expr.atoms(sp.Sum)}
        return expr.xreplace(totals)

    def _total(self, total: sp.Sum) -> sp.Expr:
        ((name, _, high),) = total.limits if len(total.limits) == 1 else ((None, None, None),)
        if name is None:
            return total
        inside = sp.expand(_cancelled(total.function))
        result = sp.S.Zero
        for term in sp.Add.make_args(inside):
            summed = contract(term, [(name, high)])
            for inner in summed.atoms(sp.Sum):
                summed = summed.xreplace({inner: self._known_sum(inner)})
            result += summed
        return result

    def _known_sum(self, total: sp.Sum) -> sp.Expr:
        """A sum that has a name, or that the kind of targets says the value of."""
        (over, _, _), *_ = total.limits
        body = total.function
        if self.targets == "distribution" and isinstance(body, sp.Indexed) and str(body.base.label) == "y":
            return sp.S.One
        for equation in self.sums.values():
            ((name, _, _),) = equation.value.limits if len(equation.value.limits) == 1 else ((over, 1, N),)
            pattern = equation.value.function.xreplace({name: over})
            if isinstance(pattern, sp.Indexed) and pattern == body:
                return equation.target
        return total

    def refolded(self, expr: sp.Expr) -> sp.Expr:
        """`expr` with the definitions of tensors replaced by the tensors again, where it contains them."""
        for equation in self.parts.values():
            symbol = sp.Dummy()
            top, bottom = sp.fraction(equation.value)
            if bottom == 1:
                continue
            replaced = sp.expand(expr).subs(top / bottom, symbol)
            if replaced.has(symbol):
                expr = sp.factor_terms(replaced.xreplace({symbol: equation.target}))
        return expr


def _denominator(expr: sp.Expr) -> sp.Expr:
    """What `expr` is divided by, but for numbers."""
    return sp.fraction(sp.together(expr))[1].as_coeff_Mul()[1]


def _factored(expr: sp.Expr) -> sp.Expr:
    """`expr` with what its terms have in common in front, and no longer numbers than they had.

    >>> x, y = sp.symbols("x y")
    >>> _factored(sp.Rational(2, 3) * x * y - sp.Rational(5, 7) * x), _factored(x / 2 - y / 2)
    (x*(2*y/3 - 5/7), (x - y)/2)
    """
    return sp.factor_terms(expr).replace(lambda part: part.is_Mul, _multiplied_in)


def _multiplied_in(product: sp.Expr) -> sp.Expr:
    """`product` with its number multiplied into a sum that is among its factors, if fewer digits stand there then."""
    number, rest = product.as_coeff_Mul()
    totals = [factor for factor in sp.Mul.make_args(rest) if factor.is_Add]
    others = [rest / total * sp.Add(*(number * term for term in total.args)) for total in totals]
    return min(product, *others, key=_digits) if others else product


def _digits(expr: sp.Expr) -> int:
    return sum(len(str(number)) for number in sp.preorder_traversal(expr) if number.is_Rational)


def _cancelled(expr: sp.Expr) -> sp.Expr:
    """The rational function `expr` in lowest terms, its entries, sums and functions being indeterminates.

    Functions too, since exp(z) and exp(z/1000) would be powers of one, the thousandth and the first.
    """
    calls = sorted(expr.atoms(sp.Function), key=sp.default_sort_key)
    parts = [*calls, *entries_outside(expr), *expr.atoms(sp.Sum)]
    atoms = {atom: sp.Dummy(str(k)) for k, atom in enumerate(parts)}
    back = {symbol: atom for atom, symbol in atoms.items()}
    return sp.cancel(sp.together(expr.xreplace(atoms))).xreplace(back)


def entries_outside(expr: sp.Expr) -> list[sp.Indexed]:
    """The entries that do not stand inside a sum."""
    return entries(expr.xreplace({total: sp.Dummy() for total in expr.atoms(sp.Sum)}))
