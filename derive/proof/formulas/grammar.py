"""The grammar of formulas as people write them, read into index notation with symbolic shapes.

    delta[l] = diag(f'(z[l])) @ W[l+1].T @ delta[l+1]
    dW2 = delta2.T @ a1

Python's expression syntax over a whitelist, parsed with `ast` and never evaluated. `f'(` is short for
`df(`. A shape that does not fit is a `ShapeError`, which says in words what came together; it is not a
reason to call a formula unreadable.

    >>> from derive.proof.formulas.scope import Scope
    >>> FormulaReader(Scope("columns", least=2)).read("W2.T @ delta2").shown
    'n1 x 1'
    >>> FormulaReader(Scope("columns", least=2)).read("W2 @ delta2")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    derive.proof.formulas.matrices.ShapeError: W2 is n2 x n1 and delta2 is n2 x 1, so W2 @ delta2 does not fit: ...
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable

import sympy as sp

from derive.algebra.notation import N, index, named, opaque
from derive.model.errors import unknown
from derive.model.expression import beyond_floats
from derive.proof.formulas.counting import entries_of, label_sum
from derive.proof.formulas.matrices import NUMBERED, MatrixReader
from derive.proof.formulas.values import COLUMN, DERIVATIVES, ONE, QUANTITIES, ROW, SAMPLE, Value

MEANS = {"c": False, "loss": True}
"""What is differentiated → whether it is the mean over the samples."""
ACTIVATION = {"f": 0, "F": 0, "df": 1, "dF": 1}
ELEMENTWISE: dict[str, Callable[[sp.Expr], sp.Expr]] = {
    "exp": sp.exp,
    "log": sp.log,
    "sqrt": sp.sqrt,
    "tanh": sp.tanh,
    "sinh": sp.sinh,
    "cosh": sp.cosh,
    "sin": sp.sin,
    "cos": sp.cos,
    "atan": sp.atan,
    "erf": sp.erf,
}
FUNCTIONS = ("f", "df", "diag", "sum", "outer", "inv", "norm", "d", "count", *ELEMENTWISE)


class FormulaReader(MatrixReader):
    """The whole grammar of formulas: matrices, and the functions of them."""

    functions = FUNCTIONS

    # Functions.

    def call(self, name: str, arguments: list[ast.expr], node: ast.AST) -> Value:
        if name in ACTIVATION:
            (value,) = self.values(arguments, 1, name, node)
            label = value.input_of if value.input_of is not None else self.scope.layer
            if label is None:
                self.fail(node, f"which layer's {name} is meant? write {name}[l](...)")
            return self.activated(name, label, value, node)
        if numbered := re.fullmatch(r"(d?[fF])(\d{1,4})", name):
            (value,) = self.values(arguments, 1, name, node)
            return self.activated(numbered[1], sp.Integer(numbered[2]), value, node)
        if numbered := NUMBERED.fullmatch(name):
            return self.layer_of(numbered[1], sp.Integer(numbered[2]), arguments, node)
        if name in ELEMENTWISE:
            (value,) = self.values(arguments, 1, name, node)
            if beyond_floats(name, value.expr):
                self.fail(node, "the number is too large")
            return value.map(ELEMENTWISE[name](value.expr))
        method = {
            "diag": self.diag,
            "sum": self.sum,
            "outer": self.outer,
            "inv": self.inv,
            "norm": self.norm,
            "d": self.derivative,
            "count": self.count,
        }.get(name)
        if method is None:
            self.fail(node, str(unknown("function", name, self.functions)))
        return method(arguments, node)

    def apply(self, function: ast.expr, arguments: list[ast.expr], node: ast.AST) -> Value:
        """`f[l](z)`, the activation of layer l; `a[l](x)`, its output for the input x."""
        match function:
            case ast.Subscript(value=ast.Name(id=name), slice=label) if name in ACTIVATION:
                (value,) = self.values(arguments, 1, name, node)
                return self.activated(name, self.label(label), value, node)
            case ast.Subscript(value=ast.Name(id=name), slice=label) if name in QUANTITIES:
                return self.layer_of(name, self.label(label), arguments, node)
        self.fail(node, f"{self.source(function)} is not a function")

    def values(self, arguments: list[ast.expr], wanted: int, name: str, node: ast.AST) -> list[Value]:
        if len(arguments) != wanted:
            self.fail(node, f"{name} takes {wanted} argument{'s' * (wanted > 1)}, not {len(arguments)}")
        return [self.visit(argument) for argument in arguments]

    def only(self, arguments: list[ast.expr], name: str, node: ast.AST) -> tuple[Value, ast.expr]:
        """The value of the one argument, and where it is written."""
        (value,), (written,) = self.values(arguments, 1, name, node), arguments
        return value, written

    def activated(self, name: str, label: sp.Expr, value: Value, node: ast.AST) -> Value:
        """f applied to each entry."""
        if problem := self.scope.misplaced(label, 1):
            self.fail(node, f"{name}: {problem}")
        self.mentions.add(("f", label))
        return value.map(opaque(named("f", label), ACTIVATION[name])(value.expr))

    def layer_of(self, base: str, label: sp.Expr, arguments: list[ast.expr], node: ast.AST) -> Value:
        """a^k as a function of the network's input: a[k](x) is a^k, a1(v) is f(W1 v + b1)."""
        if base not in ("a", "z"):
            self.fail(node, f"{named(base, label)} is not a function; only a and z are functions of the input")
        match arguments:
            case [ast.Name(id="x")]:
                return self.quantity(base, label, node)
        (value,) = self.values(arguments, 1, named(base, label), node)
        if not label.is_Integer:
            self.fail(node, f"{named(base, label)}(...) is read for the argument x only")
        for k in range(1, int(label) + 1):
            weights, bias = self.quantity("W", sp.Integer(k), node), self.quantity("b", sp.Integer(k), node)
            needed, columns = self.scope.size(k - 1), self.scope.layout == "columns"
            entries, _ = value.shape if columns else value.transposed.shape
            if entries != needed:
                self.wrong_shape(
                    node,
                    f"{self.source(node)} does not fit: the input of layer {k} has {needed} entries, "
                    f"but the argument is {value.shown}",
                )
            left, right = (weights, value) if columns else (value, weights.transposed)
            total = self.matmul(left, right, node)
            value = Value(total.expr + bias.expr, total.shape, sp.Integer(k))
            if base == "a" or k < label:
                value = self.activated("f", sp.Integer(k), value, node)
        return value

    def diag(self, arguments: list[ast.expr], node: ast.AST) -> Value:
        """The matrix with the vector on its diagonal."""
        value, written = self.only(arguments, "diag", node)
        if not value.vector:
            self.wrong_shape(node, f"diag needs a vector, but {self.source(written)} is {value.shown}")
        column = value.column()
        return Value(column.expr * sp.KroneckerDelta(ROW, COLUMN), (column.shape[0], column.shape[0]))

    def outer(self, arguments: list[ast.expr], node: ast.AST) -> Value:
        """u v^T."""
        u, v = (value.column() for value in self.values(arguments, 2, "outer", node))
        if not (u.shape[1] == v.shape[1] == ONE):
            self.wrong_shape(
                node,
                f"outer needs two vectors, but they are {u.shown} and {v.shown}; for all samples at once write u.T @ v",
            )
        return Value(u.expr * v.transposed.expr, (u.shape[0], v.shape[0]))

    def norm(self, arguments: list[ast.expr], node: ast.AST) -> Value:
        """The Euclidean norm of a vector; in rows, of each sample's row."""
        value, written = self.only(arguments, "norm", node)
        k = index(f"_k{next(self._fresh)}")
        if value.vector and value.shape[0] != self.scope.samples:
            column = value.column()
            return Value(sp.sqrt(sp.Sum(column.at(k) ** 2, (k, 1, column.shape[0]))))
        if self.scope.layout == "columns" or value.shape[0] != self.scope.samples:
            self.wrong_shape(node, f"norm needs a vector, but {self.source(written)} is {value.shown}")
        body = value.expr.xreplace({COLUMN: k}) ** 2
        return Value(sp.sqrt(sp.Sum(body, (k, 1, value.shape[1]))), (value.shape[0], ONE))

    def inv(self, arguments: list[ast.expr], node: ast.AST) -> Value:
        """The inverse of a square matrix: a matrix about which only numbers are known."""
        value, written = self.only(arguments, "inv", node)
        if value.scalar:
            self.fail(node, f"{self.source(written)} is a number; write 1 / ...")
        if value.shape[0] != value.shape[1]:
            self.wrong_shape(node, f"inv needs a square matrix, but {self.source(written)} is {value.shown}")
        if value.expr.has(SAMPLE):
            self.fail(node, "the inverse of a matrix of one sample is not read")
        name = next((n for n, known in self.inverses.items() if known == value), f"inv({self.plain(written)})")
        self.inverses[name] = value
        return Value(sp.IndexedBase(name)[ROW, COLUMN], value.shape)

    def sum(self, arguments: list[ast.expr], node: ast.AST) -> Value:
        """`sum(M)` over samples, `sum(…, k)` over a component's index, `sum(…, l, 1, L)` over layers, for counts."""
        if len(arguments) == 4:
            return self.layer_sum(arguments, node)
        if len(arguments) == 2 and isinstance(arguments[1], ast.Name):
            return self.component_sum(arguments, node)
        value, written = self.only(arguments, "sum", node)
        k = index(f"_s{next(self._fresh)}")
        if self.scope.layout == "columns":
            return Value(sp.Sum(value.expr.xreplace({SAMPLE: k}), (k, 1, N)), value.shape)
        if value.shape[0] != self.scope.samples:
            self.wrong_shape(node, f"sum adds up the samples, but {self.source(written)} is {value.shown}")
        return Value(sp.Sum(value.expr.xreplace({ROW: k}), (k, 1, self.scope.samples)), (ONE, value.shape[1]))

    def derivative(self, arguments: list[ast.expr], node: ast.AST) -> Value:
        """`d(c, b[l])` or `d(loss, W[l])`, also by a component: `d(c, W[l][i, j])`."""
        if len(arguments) != 2 or not isinstance(arguments[0], ast.Name) or arguments[0].id not in MEANS:
            self.fail(node, "write d(c, ...) for one sample or d(loss, ...) for the mean, as in d(loss, W[l])")
        match arguments[1]:
            case ast.Subscript(value=ast.Subscript() as by, slice=position):
                whole = self.derivative([arguments[0], by], node)
                if whole.vector:
                    return Value(whole.at(*self.components(position, (whole.column().shape[0],))))
                return Value(whole.at(*self.components(position, whole.shape)))
        base, label = self._tensor(arguments[1])
        mean = MEANS[arguments[0].id]
        if not mean and self.scope.layout == "rows":
            self.fail(node, "in rows derivatives are those of the mean loss: write d(loss, ...)")
        return self.quantity(DERIVATIVES[base], label, node, mean=mean)

    def _tensor(self, node: ast.expr) -> tuple[str, sp.Expr]:
        match node:
            case ast.Subscript(value=ast.Name(id=base), slice=label) if base in DERIVATIVES:
                return base, self.label(label)
            case ast.Name(id=name) if (numbered := NUMBERED.fullmatch(name)) and numbered[1] in DERIVATIVES:
                return numbered[1], sp.Integer(numbered[2])
        self.fail(node, f"{self.source(node)} is not one of {', '.join(DERIVATIVES)} with a layer")

    def component_sum(self, arguments: list[ast.expr], node: ast.AST) -> Value:
        """The sum of a number over all values of a component's index, as in sum(W[l][j, k] * a[l-1][k], k)."""
        body, variable = arguments
        value = self.visit(body)
        symbol = index(variable.id) if isinstance(variable, ast.Name) else None
        if symbol is None or symbol not in self.ranges:
            self.fail(variable, f"{self.source(variable)} is not an index of what is summed; write sum(a[l][k], k)")
        if not value.scalar:
            self.fail(body, f"a sum over an index adds up numbers, but {self.source(body)} is {value.shown}")
        k = index(f"_k{next(self._fresh)}")
        return Value(sp.Sum(value.expr.xreplace({symbol: k}), (k, 1, self.ranges.pop(symbol))))

    # Counts.

    def count(self, arguments: list[ast.expr], node: ast.AST) -> Value:
        """The number of entries of a quantity."""
        match arguments:
            case [quantity]:
                base, label = self._tensor(quantity)
            case _:
                self.fail(node, "count takes one quantity, as in count(W[l])")
        return Value(entries_of(base, label, self.scope.size))

    def layer_sum(self, arguments: list[ast.expr], node: ast.AST) -> Value:
        body, variable, low, high = arguments
        if not isinstance(variable, ast.Name) or not re.fullmatch("[a-z]", variable.id):
            self.fail(variable, "the second argument is the label that is summed over, as in sum(n[l], l, 1, L)")
        if not (isinstance(low, ast.Constant) and low.value == 1):
            self.fail(low, "the sum has to begin at 1")
        upper = self.visit(high) if not (isinstance(high, ast.Name) and high.id == "L") else Value(self.scope.depth)
        symbol = index(variable.id)
        self._counting = {**self._counting, variable.id: symbol}
        value = self.visit(body)
        del self._counting[variable.id]
        if not value.scalar or value.expr.has(sp.Indexed):
            self.fail(body, "a sum over layers counts: it is made of numbers and sizes n[l]")
        return Value(label_sum(value.expr, symbol, upper.expr))
