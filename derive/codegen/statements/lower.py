"""Lowering: from equations in index notation to array expressions.

    z1[s, i] = Sum(W1[i, j]*a0[s, j], (j, 1, n0)) + b1[i]      a0 @ W1.T + b1

A sum over one index of a product of two groups of factors is a matrix product, if each group keeps one
index of its own; any other sum is an elementwise product that is added up along an axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, reduce

import sympy as sp
from sympy.codegen.cfunctions import expm1, log1p

from derive.algebra.notation import Largest, N
from derive.algebra.program import Equation, Tensor
from derive.codegen.statements.accurate import HalfExp, Kernel, NormalCdf, Scaled, Size, Squared
from derive.codegen.statements.arrays import Assign, Node, is_exact, name, number
from derive.model.errors import DeriveError

Axes = tuple[sp.Symbol, ...]

FUNCTIONS: dict[type, str] = {
    sp.exp: "exp",
    expm1: "expm1",
    sp.log: "log",
    log1p: "log1p",
    sp.tanh: "tanh",
    sp.sinh: "sinh",
    sp.cosh: "cosh",
    sp.sin: "sin",
    sp.cos: "cos",
    sp.atan: "atan",
    sp.asinh: "asinh",
    sp.erf: "_erf",
    Squared: "square",
    Size: "abs",
    sp.Abs: "abs",
    sp.Max: "maximum",
    sp.Min: "minimum",
    sp.StrictLessThan: "less",
    sp.LessThan: "less_equal",
    sp.StrictGreaterThan: "greater",
    sp.GreaterThan: "greater_equal",
}
EXACT = 10**8
"""A quotient with a larger denominator is written as the nearest float64."""
RENAMED = {"a0": "X", "y": "Y", "loss": "value"}
"""The text's names, and the module's where they differ."""


def lower(equation: Equation, note: str = "") -> Assign:
    """The array statement that computes all entries of the equation's tensor at once."""
    return Assign(RENAMED.get(equation.tensor.name, equation.tensor.name), _node(equation), note)


@lru_cache(maxsize=4096)
def _node(equation: Equation) -> Node:
    sizes = dict(zip(equation.indices, equation.tensor.axes, strict=True))
    for total in equation.value.atoms(sp.Sum, Largest):
        sizes |= {i: high for i, _, high in total.limits}
    return _Lowering(sizes).whole(equation)


def lower_scalar(expr: sp.Expr, names: dict[str, tuple[sp.Expr, ...]]) -> Node:
    """An expression of whole arrays of one shape, such as an update: symbols are arrays or numbers in scope."""
    tensors = {symbol: Tensor(str(symbol), names[str(symbol)]) for symbol in expr.free_symbols if str(symbol) in names}
    indices = tuple(sp.Symbol(f"i{k}") for k in range(max((len(axes) for axes in names.values()), default=0)))
    sizes = {i: a for axes in names.values() for i, a in zip(indices, axes, strict=False)}
    entries = {symbol: tensor[indices[: len(tensor.axes)]] for symbol, tensor in tensors.items()}
    return _Lowering(sizes).lower(expr.xreplace(entries), indices)


class _Lowering:
    def __init__(self, sizes: dict[sp.Symbol, sp.Expr], constant: bool = False) -> None:
        self.sizes = sizes
        self.constant = constant  # inside a number such as sqrt(2/pi)

    def axes_of(self, expr: sp.Expr, order: Axes) -> Axes:
        """The indices of `order` that occur free in `expr`."""
        free = expr.free_symbols
        return tuple(i for i in order if i in free)

    def whole(self, equation: Equation) -> Node:
        """The equation's value with all axes of its tensor, written out along those that it is the same along."""
        if self.axes_of(equation.value, equation.indices) == equation.indices:
            return self.lower(equation.value, equation.indices)
        return Node("full", (self.spread(equation.value, equation.indices),), equation.tensor.axes)

    def lower(self, expr: sp.Expr, order: Axes) -> Node:
        """`expr` as an array whose axes are those of its indices, in the given order."""
        own = self.axes_of(expr, order)
        sizes = tuple(self.sizes[i] for i in own)
        if expr.is_Rational:
            if is_exact(expr):
                return number(expr)
            if _is_quotient(expr):
                return Node("divide", (number(expr.p), number(expr.q)))
            return Node("number", text=repr(float(expr)))
        if expr == sp.pi:
            return name("np.pi")
        if expr == sp.E and self.constant:
            return Node("exp", (number(1),))
        if expr.is_number and not expr.is_Rational and not own and not self.constant:
            inner = _Lowering(self.sizes, constant=True).lower(expr, ())
            return Node("call", (inner,), (), "float")  # a NumPy scalar would turn float32 into float64
        if isinstance(expr, sp.Indexed):
            return self.entry(expr, own)
        if isinstance(expr, sp.Symbol):
            return name("N" if expr == N else RENAMED.get(str(expr), str(expr)))
        if isinstance(expr, sp.Sum):
            return self.total(expr, own)
        if isinstance(expr, Largest):
            ((over, _, _),) = expr.limits
            return Node("max1", (self.lower(expr.function, (*own, over)),), sizes)
        if isinstance(expr, sp.Add):
            return self.sum_of(expr, own)
        if isinstance(expr, sp.Mul):
            return self.product_of(expr, own)
        if isinstance(expr, sp.Pow):
            return self.power(expr, own)
        if isinstance(expr, sp.Piecewise):
            return self.choice(expr, own)
        if isinstance(expr, sp.core.relational.Relational):
            return self.comparison(expr, own)
        if isinstance(expr, sp.floor):
            quotient = self.lower(expr.args[0], own)
            if quotient.operation == "divide":
                return Node("floor_divide", quotient.arguments, sizes)
        if isinstance(expr, HalfExp):
            return Node("exp", (self.lower(expr.args[0] / 2, own),), sizes)
        if isinstance(expr, Scaled):
            factor, half = (self.spread(argument, own) for argument in expr.args)
            return Node("multiply", (Node("multiply", (factor, half), sizes), half), sizes)
        if isinstance(expr, Kernel | NormalCdf):
            title = expr.title if isinstance(expr, Kernel) else "_normal_cdf"
            return Node(title, tuple(self.spread(argument, own) for argument in expr.args), sizes)
        if expr.func in FUNCTIONS:
            return self.function(FUNCTIONS[expr.func], expr, own)
        if isinstance(expr, sp.core.function.AppliedUndef):
            return Node("call", tuple(self.lower(a, own) for a in expr.args), sizes, expr.func.__name__)
        raise DeriveError(f"{expr.func.__name__} has no NumPy form, so {expr} cannot be emitted")

    def function(self, operation: str, expr: sp.Expr, own: Axes) -> Node:
        """A function of one array, or a maximum or minimum of several, constants last."""
        sizes = tuple(self.sizes[i] for i in own)
        first, *rest = (self.spread(a, own) for a in sorted(expr.args, key=lambda a: (a.is_number, str(a))))
        if not rest:
            return Node(operation, (first,), sizes)
        return reduce(lambda left, right: Node(operation, (left, right), sizes), rest, first)

    def entry(self, expr: sp.Indexed, own: Axes) -> Node:
        if len(set(expr.indices)) != len(expr.indices) or set(expr.indices) != set(own):
            raise DeriveError(f"{expr} cannot be emitted: its indices have to be distinct and on the left or summed")
        text = str(expr.base.label)
        node = name(RENAMED.get(text, text), tuple(self.sizes[i] for i in expr.indices))
        if tuple(expr.indices) == own:
            return node
        return Node("transpose", (node,), tuple(self.sizes[i] for i in own))

    def spread(self, expr: sp.Expr, order: Axes) -> Node:
        """`expr`, with a trailing axis of length 1 where NumPy would align it with the wrong axis."""
        node, own = self.lower(expr, order), self.axes_of(expr, order)
        if own and own != order[len(order) - len(own) :]:
            return Node("column", (node,), (*node.axes, sp.S.One))
        return node

    def sum_of(self, expr: sp.Add, own: Axes) -> Node:
        """Terms with a plus sign first; matrix products lead, constants stand where they read best.

        x/6 + 1/2 is (x + 3) / 6, which is exact near its zero.
        """
        constant, rest = expr.as_coeff_Add()
        coefficient, one = rest.as_coeff_Mul()
        shift = constant * coefficient.q
        unit = coefficient.p == 1 and 1 < coefficient.q < 10 and not one.is_Add
        if unit and constant.is_Rational and constant != 0 and is_exact(shift):
            sizes = tuple(self.sizes[i] for i in own)
            return Node("divide", (self.lower(one + shift, own), number(coefficient.q)), sizes)
        terms = sorted(expr.args, key=lambda t: (t.could_extract_minus_sign(), not t.has(sp.Sum), not t.is_number))
        result = self.spread(terms[0], own)
        for term in terms[1:]:
            minus = term.could_extract_minus_sign()
            node = self.spread(-term if minus else term, own)
            result = Node("subtract" if minus else "add", (result, node), _broadcast(result.axes, node.axes))
        return result

    def product_of(self, expr: sp.Mul, own: Axes) -> Node:
        sizes = tuple(self.sizes[i] for i in own)
        coefficient, rest = expr.as_coeff_Mul()
        if coefficient.is_negative:
            return Node("negative", (self.lower(-expr, own),), sizes)
        top, bottom = sp.fraction(rest, exact=True)
        if bottom != 1:
            return Node("divide", (self.spread(coefficient * top, own), self.spread(bottom, own)), sizes)
        if (coefficient.p == 1 and 1 < coefficient.q < 10) or _is_quotient(coefficient):
            return Node("divide", (self.lower(coefficient.p * rest, own), number(coefficient.q)), sizes)
        factors = sorted(expr.args, key=_reading_order)
        mask = next((f for f in factors if isinstance(f, sp.Piecewise) and _is_mask(f)), None)
        if mask is not None:  # da * where(z <= 0, 0, 1) reads, and runs, better as where(z <= 0, 0, da)
            rest = sp.Mul(*(f for f in factors if f != mask))
            branches = tuple((value if value == 0 else rest, condition) for value, condition in mask.args)
            return self.choice(sp.Piecewise(*branches, evaluate=False), own)
        result = self.spread(factors[0], own)
        for factor in factors[1:]:
            other = self.spread(factor, own)
            result = Node("multiply", (result, other), _broadcast(result.axes, other.axes))
        return result

    def power(self, expr: sp.Pow, own: Axes) -> Node:
        sizes = tuple(self.sizes[i] for i in own)
        base = self.lower(expr.base, own)
        if expr.exp == 2:
            return Node("square", (base,), sizes)
        if expr.exp == sp.Rational(1, 2):
            return Node("sqrt", (base,), sizes)
        if expr.exp.is_number and expr.exp.is_negative:
            return Node("divide", (number(1), self.lower(expr.base**-expr.exp, own)), sizes)
        if expr.base == sp.E:
            return Node("exp", (self.lower(expr.exp, own),), sizes)
        if expr.exp.is_Rational and expr.exp.q == 2:  # sqrt(x)**3: an audit does not know that sqrt(x)**2 is x
            return Node("power", (Node("sqrt", (base,), sizes), number(expr.exp.p)), sizes)
        return Node("power", (base, self.lower(expr.exp, own)), sizes)

    def choice(self, expr: sp.Piecewise, own: Axes) -> Node:
        *branches, (otherwise, last) = expr.args
        if last != sp.true:
            raise DeriveError(f"{expr} has no value where none of its conditions holds")

        def branch(value: sp.Expr) -> Node:
            exact = value.is_Rational and is_exact(value)
            return number(value, as_float=True) if exact else self.spread(value, own)

        result = branch(otherwise)
        for value, condition in reversed(branches):
            result = self.chosen(condition, branch(value), result, own)
        return result

    def chosen(self, condition: sp.Basic, value: Node, otherwise: Node, own: Axes) -> Node:
        """`value` where the condition holds: one choice for each comparison in it."""
        match condition:
            case sp.Or():
                return reduce(lambda rest, part: self.chosen(part, value, rest, own), condition.args, otherwise)
            case sp.And():
                return reduce(lambda rest, part: self.chosen(part, rest, otherwise, own), condition.args, value)
            case sp.Not():
                return self.chosen(condition.args[0], otherwise, value, own)
            case sp.ITE():
                asked, then, other = condition.args
                first, second = (self.chosen(part, value, otherwise, own) for part in (then, other))
                return self.chosen(asked, first, second, own)
            case sp.true | sp.false:
                return value if condition else otherwise
        return Node("where", (self.comparison(condition, own), value, otherwise), tuple(self.sizes[i] for i in own))

    def comparison(self, expr: sp.core.relational.Relational, own: Axes) -> Node:
        sizes = tuple(self.sizes[i] for i in own)
        return Node(FUNCTIONS[expr.func], (self.spread(expr.lhs, own), self.spread(expr.rhs, own)), sizes)

    def total(self, expr: sp.Sum, own: Axes) -> Node:
        over = tuple(i for i, _, _ in expr.limits)
        ranges = {i: high for i, _, high in expr.limits}
        if any(self.sizes.get(i) != high for i, high in ranges.items()):  # two sums may use one letter
            return _Lowering({**self.sizes, **ranges}, self.constant).total(expr, own)
        product = self.matrix_product(expr, own, over)
        if product is not None:
            return product
        order = (*own, *over)
        node = self.lower(expr.function, order)
        sizes = tuple(self.sizes[i] for i in own)
        if not own:
            return Node("sum", (node,), sizes)
        if len(own) == 1 and len(over) == 1:  # keep the array as it is stored and name the axis
            stored = next((e.indices for e in expr.function.atoms(sp.Indexed) if len(e.indices) == 2), order)
            node = self.lower(expr.function, tuple(stored))
            return Node("sum0" if stored[0] in over else "sum1", (node,), sizes)
        raise DeriveError(f"{expr} cannot be emitted: a sum over {len(over)} of {len(order)} axes")

    def matrix_product(self, expr: sp.Sum, own: Axes, over: Axes) -> Node | None:
        """The sum as a matrix product, if it is one."""
        if len(over) != 1 or len(own) != 2:
            return None
        groups: list[list[sp.Expr]] = [[], []]
        for factor in sp.Mul.make_args(expr.function):
            free = self.axes_of(factor, own)
            if len(free) != 1 or over[0] not in factor.free_symbols:
                return None
            groups[own.index(free[0])].append(factor)
        if not all(groups):
            return None
        left = self.lower(sp.Mul(*groups[0]), (own[0], over[0]))
        right = self.lower(sp.Mul(*groups[1]), (over[0], own[1]))
        return Node("matmul", (left, right), tuple(self.sizes[i] for i in own))


def _broadcast(left: tuple[sp.Expr, ...], right: tuple[sp.Expr, ...]) -> tuple[sp.Expr, ...]:
    """The axes of an elementwise result, as NumPy aligns them: from the last one, 1 giving way."""
    longer, shorter = (left, right) if len(left) >= len(right) else (right, left)
    padded = (sp.S.One,) * (len(longer) - len(shorter)) + shorter
    return tuple(b if a == 1 else a for a, b in zip(longer, padded, strict=True))


def _reading_order(factor: sp.Expr) -> tuple[bool, bool, bool, bool, str]:
    """Numbers first, then the adjoint that is handed on, then other arrays, then what is computed from them."""
    entry = isinstance(factor, sp.Indexed)
    adjoint = entry and str(factor)[0] == "d"
    return (not factor.is_number, not isinstance(factor, sp.Symbol), not adjoint, not entry, str(factor))


def _is_quotient(value: sp.Rational) -> bool:
    """Whether `value` is written as one whole number over another."""
    return not is_exact(value) and value.q <= EXACT


def _is_mask(expr: sp.Piecewise) -> bool:
    values: Sequence[sp.Expr] = [value for value, _ in expr.args]
    return len(values) == 2 and set(values) == {sp.S.Zero, sp.S.One}
