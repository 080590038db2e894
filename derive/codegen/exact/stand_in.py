"""A stand-in for NumPy under which the exact bytes of a module run in exact arithmetic.

Arrays are real NumPy arrays (so views, slices and `out=` mean what they mean) of int64: a residue, or the
negative handle of a `Local`. Only their arithmetic is replaced, through NumPy's own protocols; what is not
in its tables raises `NotUnderstoodError`, so that nothing is ever computed with the wrong meaning.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp

from derive.algebra.residues import PRIME, inverse, matmul
from derive.codegen.exact.arrays import exact_array
from derive.codegen.exact.functions import FUNCTIONS
from derive.codegen.exact.meter import SINGLY, TOGETHER, Meter, NotUnderstoodError
from derive.codegen.exact.neurons import Local, Neurons, combined
from derive.codegen.exact.operations import BINARY, CHOICES, COMPARISONS, GROWING, RESIDUES, UNARY
from derive.model.expression import Z


def _rational(value: Any) -> sp.Rational:
    """The number that a Python or NumPy number, or a literal's text, is exactly."""
    number = value.item() if isinstance(value, np.generic | np.ndarray) else value
    exact = isinstance(number, int | str | sp.Rational)
    return sp.Rational(number) if exact else sp.Rational(Fraction(float(number)))


class StandIn:
    """The object that a module under audit gets for `import numpy`; N is the number of samples.

    With `masks` it also takes arrays of zeros and ones from elsewhere, such as a mask that was a comparison.
    """

    def __init__(
        self, neurons: Neurons, samples: int, dtype: str, meter: Meter | None = None, *, masks: bool = False
    ) -> None:
        self.masks = masks
        self.neurons = neurons
        self.samples = samples
        self.meter = meter or Meter()
        self._met: set[sp.Expr] = set()
        self.exact = exact_array(self, dtype)

    # Making arrays.

    def array(self, entries: Any) -> Any:
        """Residues and handles as an array of the stand-in."""
        return np.asarray(entries, dtype=np.int64).view(self.exact)

    def entries(self, value: Any) -> Any:
        """The int64 entries of an array or a number."""
        if isinstance(value, self.exact):
            return value.view(np.ndarray)
        if isinstance(value, np.ndarray) and value.dtype != bool and value.ndim:
            if self.masks and np.isin(value, (0, 1)).all():
                return value.astype(np.int64)
            raise NotUnderstoodError("numbers that come from neither the data nor the parameters")
        if isinstance(value, np.ndarray) and value.dtype == bool:
            return value.astype(np.int64)
        if isinstance(value, list | tuple):
            self.meter.spend(1 + len(value))
            return np.array([self.entries(each) for each in value], dtype=np.int64)
        return np.asarray(self.neurons.constant(self.neurons.rational(_rational(value))), dtype=np.int64)

    def empty(self, shape: Any, dtype: Any = None, **_: Any) -> Any:
        """Memory with unknown contents: what reads it before it is written gets a random number."""
        self.meter.shape(shape)
        if dtype is bool or dtype == np.dtype(bool):
            return np.zeros(shape, bool)
        fill = self.neurons.random
        return self.array(np.full(shape, fill.randrange(1, PRIME)))

    def zeros(self, shape: Any, dtype: Any = None, **_: Any) -> Any:
        self.meter.shape(shape)
        return self.array(np.zeros(shape, np.int64))

    def ones(self, shape: Any, dtype: Any = None, **_: Any) -> Any:
        self.meter.shape(shape)
        return self.array(np.ones(shape, np.int64))

    def full(self, shape: Any, value: Any, dtype: Any = None, **_: Any) -> Any:
        self.meter.shape(shape)
        return self.array(np.full(shape, self.entries(value)))

    def asarray(self, value: Any, dtype: Any = None, **_: Any) -> Any:
        if isinstance(value, self.exact):
            return value
        return self.array(self.entries(value))

    # Arithmetic.

    def ufunc(self, ufunc: Any, method: str, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """One call of a NumPy ufunc, or its `reduce`."""
        (out,) = options.pop("out", (None,))
        name = ufunc.__name__
        if options.get("dtype", "") == np.float64:  # what is computed with more digits is the same here
            del options["dtype"]
        if method == "reduce" and name == "add":
            return self.total(inputs[0], options.get("axis", 0), options.get("keepdims", False), out)
        if method == "reduce" and name == "maximum":
            return self.largest(inputs[0], options.get("axis", 0), options.get("keepdims", False), out)
        if method != "__call__" or any(value is not True for value in options.values()):
            raise NotUnderstoodError(f"np.{name}.{method} with {sorted(options)}")
        if name == "matmul":
            return self.product(inputs[0], inputs[1], out)
        if name == "isfinite":
            return np.ones(np.shape(inputs[0]), bool)
        if name in COMPARISONS:
            if any(isinstance(value, float) and value == np.inf for value in inputs):  # every number is finite here
                finite = [value if isinstance(value, float) else 0 for value in inputs]
                return np.full(np.broadcast_shapes(*map(np.shape, inputs)), COMPARISONS[name](*finite))
            result = self.compare(COMPARISONS[name], *inputs)
            if out is None:
                return result
            out[...] = result
            return out
        return self.written(self.compute(name, inputs), out)

    def compute(self, name: str, inputs: tuple[Any, ...]) -> Any:
        """The entries of an elementwise operation."""
        inputs = tuple(self.plain(value) for value in inputs)
        arrays = [self.entries(value) for value in inputs]
        self.meter.together(*arrays)
        fixed = [not isinstance(value, np.ndarray) for value in inputs]
        # A number combined with one value for each sample: then z has to be remembered, as for exp(-z).
        of_neurons = any(fixed) and any(a.ndim == 2 and self.samples in a.shape for a in arrays)
        trained = any(a.ndim == 0 and int(a) in self.neurons.trained for a in arrays)
        if not of_neurons and not trained and all((a >= 0).all() for a in arrays):
            if name in RESIDUES:
                return RESIDUES[name](*arrays)
            if name == "divide" and arrays[1].ndim == 0:
                return arrays[0] * inverse(int(arrays[1])) % PRIME
        if name == "sqrt" and arrays[0].ndim and not any(fixed) and (arrays[0] >= 0).all():
            # Of a sum, not of one neuron: a number of its own, as in the truth, where sqrt(x)**2 is not known to be x.
            return self.each(lambda u: self.neurons.resolve(self.local(sp.sqrt, u)), *arrays)
        exact = [self.number(value) if f else a for value, a, f in zip(inputs, arrays, fixed, strict=True)]
        if name in UNARY:
            return self.each(lambda u: self.local(UNARY[name], u, name in GROWING), *exact)
        if name in BINARY:
            return self.each(lambda u, v: self.combine(name, u, v), *exact)
        real = self.neurons.real
        if name == "sign":
            return self.each(lambda u: self.neurons.handle(Local(None, sp.sign(real(u)))), *exact)
        if name == "absolute" and exact[0].ndim == 1:  # of vectors such as theta: no neuron's z
            residues = self.each(self.neurons.resolve, *exact)
            return self.each(lambda u: u if real(u) >= 0 else self.neurons.number(Local(u, -Z)), residues)
        if name == "absolute":
            return self.each(lambda u: u if real(u) >= 0 else self.local(UNARY["negative"], u), *exact)
        if name in CHOICES:
            decide = CHOICES[name]
            size = self.neurons.order if exact[0].ndim == 1 else real
            return self.each(lambda u, v: u if decide(size(u), size(v)) else v, *exact)
        raise NotUnderstoodError(f"np.{name}")

    def known(self, function: Callable[..., sp.Expr]) -> Callable[..., Any]:
        """In place of a function of the module: the `function` of z, times a factor if it takes one."""

        def called(z: Any, *factors: Any, out: Any = None) -> Any:
            arrays = [self.entries(v) if isinstance(v, np.ndarray) else self.number(v) for v in (z, *factors)]
            result = self.each(lambda u: self.local(lambda z: function(z, *[1] * len(factors)), u), arrays[0])
            for factor in arrays[1:]:
                result = self.each(lambda u, v: self.combine("multiply", u, v), factor, result)
            return self.written(result, out)

        return called

    def plain(self, value: Any) -> Any:
        """A literal's exact number, or what was computed from such, as a plain number again; all else as it is."""
        if isinstance(value, self.exact) and value.ndim == 0:
            local = self.neurons.local(int(value.view(np.ndarray)))
            if local.zeta is None and local.expr.is_Rational:
                return local.expr
        return value

    def number(self, value: Any) -> Any:
        """A plain number as an entry that stays one, not a residue that could be taken for a neuron's z."""
        return np.asarray(self.neurons.handle(Local(None, self.neurons.rational(_rational(value)))))

    def each(self, operation: Callable[..., Any], *arrays: Any) -> Any:
        """`operation` on every entry, after broadcasting."""
        self.meter.together(*arrays)
        spread = np.broadcast_arrays(*arrays)
        self.meter.spend(SINGLY * spread[0].size)
        values = [operation(*map(int, entry)) for entry in zip(*(a.ravel() for a in spread), strict=True)]
        return np.array(values).reshape(spread[0].shape)

    def local(self, operation: Callable[[sp.Expr], sp.Expr], value: int, growing: bool = False) -> int:
        local = self.neurons.local(value)
        if growing and local.expr.has(sp.exp, sp.sinh, sp.cosh):
            self.meter.grown(self.neurons.real(value))
        return self.entry(Local(local.zeta, self.combined(operation, local.expr)), value)

    def combined(self, operation: Callable[..., sp.Expr], *exprs: sp.Expr) -> Any:
        """`operation` on expressions in one z, which may not become too large."""
        if operation is BINARY["power"]:
            self.meter.power(*exprs)
        expr = combined(operation, *exprs)
        if expr not in self._met:
            self._met.add(expr)
            self.meter.expression(expr)
        return expr

    def entry(self, local: Local, *operands: int) -> int:
        """What stands for `local`, which was computed from these entries, in an array."""
        return (self.neurons.number if self.neurons.data.intersection(operands) else self.neurons.handle)(local)

    def combine(self, name: str, left: int, right: int) -> int:
        """Two entries: an expression in one z if they share it, a residue if not."""
        u, v = self.neurons.local(left), self.neurons.local(right)
        if u.zeta is None or v.zeta is None or u.zeta == v.zeta:
            zeta = v.zeta if u.zeta is None else u.zeta
            return self.entry(Local(zeta, self.combined(BINARY[name], u.expr, v.expr)), left, right)
        a, b = self.neurons.resolve(left), self.neurons.resolve(right)
        if name == "divide":
            return a * inverse(b) % PRIME
        if name not in RESIDUES:
            raise NotUnderstoodError(f"np.{name} of two arrays")
        return int(RESIDUES[name](a, b))

    def resolved(self, array: Any) -> Any:
        """The residues of an array."""
        entries = self.entries(array)
        if (entries >= 0).all():
            return entries
        return self.each(self.neurons.resolve, entries)

    def compare(self, relation: Callable[[Any, Any], Any], left: Any, right: Any) -> Any:
        sides = [self.entries(side) if isinstance(side, np.ndarray) else self.number(side) for side in (left, right)]
        real = self.neurons.real
        return self.each(lambda u, v: bool(relation(real(u), real(v))), *sides).astype(bool)

    def product(self, left: Any, right: Any, out: Any = None) -> Any:
        left, right = self.resolved(left), self.resolved(right)
        self.meter.spend(1 + left.size * right.size / max(right.shape[0] if right.ndim else 1, 1) / TOGETHER)
        return self.written(matmul(left, right), out)

    def total(self, array: Any, axis: Any, keepdims: bool, out: Any) -> Any:
        self.meter.together(array)
        return self.written(self.resolved(array).sum(axis=axis, keepdims=keepdims) % PRIME, out)

    def largest(self, array: Any, axis: Any, keepdims: bool, out: Any) -> Any:
        """The entries with the largest representatives along an axis."""
        entries = self.resolved(array)
        self.meter.spend(SINGLY * entries.size)
        places = self.neurons.largest(entries, axis)
        found = np.take_along_axis(entries, np.expand_dims(places, axis), axis)
        return self.written(found if keepdims else found.squeeze(axis), out)

    def mean(self, array: Any, axis: Any = None, keepdims: Any = False) -> Any:
        total = self.resolved(self.total(array, axis, keepdims, None))
        return self.array(total * inverse(array.size // max(total.size, 1)) % PRIME)

    def written(self, result: Any, out: Any) -> Any:
        """The result as an array of the stand-in, in `out` if that is given."""
        if out is None:
            return self.array(result)
        if out.shape != np.shape(result):
            raise NotUnderstoodError(f"a result of shape {np.shape(result)} written into {out.shape}")
        out.view(np.ndarray)[...] = result
        return out

    def function(self, function: Any, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """One call of a NumPy function that is not a ufunc."""
        name = function.__name__
        if name not in FUNCTIONS:
            raise NotUnderstoodError(f"np.{name}")
        return FUNCTIONS[name](self, *inputs, **options)

    def where(self, condition: Any, inside: Any, outside: Any) -> Any:
        if np.asarray(condition).dtype != bool:
            raise NotUnderstoodError("np.where with a condition that is not a comparison")
        self.meter.together(condition, inside, outside)
        return self.array(np.where(condition, self.entries(inside), self.entries(outside)))

    def copyto(self, target: Any, source: Any, where: Any = True) -> None:
        if isinstance(where, self.exact):
            raise NotUnderstoodError("np.copyto where numbers stand, not truth values")
        self.meter.together(target)
        np.copyto(target.view(np.ndarray), self.entries(source), where=np.asarray(where, bool))

    def einsum(self, subscripts: str, *operands: Any) -> Any:
        """Products summed over the letters that are not in the result, each letter along one axis."""
        inputs, arrow, output = subscripts.replace(" ", "").partition("->")
        letters = inputs.split(",")
        if "." in subscripts or not arrow or any(len(set(own)) != len(own) for own in letters):
            raise NotUnderstoodError(f"np.einsum with {subscripts!r}")
        order = "".join(dict.fromkeys(output + inputs.replace(",", "")))
        product: Any = np.ones((1,) * len(order), dtype=np.int64)
        self.meter.spend(sum(getattr(a, "size", 1) for a in operands) / TOGETHER)
        for own, operand in zip(letters, operands, strict=True):
            entries = self.resolved(operand).transpose([own.index(x) for x in order if x in own])
            lengths = iter(entries.shape)
            factor = entries.reshape([next(lengths) if x in own else 1 for x in order])
            self.meter.together(product, factor)
            product = product * factor % PRIME
        return self.array(product.sum(axis=tuple(range(len(output), len(order)))) % PRIME)
