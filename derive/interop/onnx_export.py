"""ONNX: the graph of a module's `predict`, node by node from the statements that the module is printed from.

Whatever derive can emit can be exported, a user's own activation too. ONNX has no expm1 and log1p; they are
composed so that they keep their precision for small arguments; so are functions of which onnxruntime, which is what
runs these models, has no float64 kernel. Names of nodes and constants begin with an underscore, as no
parameter's does.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import sympy as sp

from derive import __version__
from derive.algebra.gradient import differentiate
from derive.codegen.forms.kernels import LARGEST, MIDDLE, REACH, near, tail
from derive.codegen.forms.specialize import specialize
from derive.codegen.statements.accurate import KNOWN
from derive.codegen.statements.arrays import OPERATIONS, Assign, Node
from derive.codegen.statements.lower import lower, lower_scalar
from derive.codegen.statements.schedule import leaves
from derive.commands.files import write_whole
from derive.extras import required
from derive.interop.tensors import vector
from derive.model.architecture import Architecture
from derive.model.errors import DeriveError
from derive.model.expression import Z
from derive.model.specification import from_toml

OPSET, IR_VERSION = 17, 8  # of 2022: read by every onnxruntime since 1.13

DIRECT = {
    "add": "Add",
    "subtract": "Sub",
    "multiply": "Mul",
    "divide": "Div",
    "matmul": "MatMul",
    "negative": "Neg",
    "power": "Pow",
    "exp": "Exp",
    "log": "Log",
    "sqrt": "Sqrt",
    "tanh": "Tanh",
    "sin": "Sin",
    "cos": "Cos",
    "abs": "Abs",
    "maximum": "Max",
    "minimum": "Min",
    "less": "Less",
    "less_equal": "LessOrEqual",
    "greater": "Greater",
    "greater_equal": "GreaterOrEqual",
    "where": "Where",
    "transpose": "Transpose",
    "sinh": "Sinh",
    "cosh": "Cosh",
    "atan": "Atan",
    "asinh": "Asinh",
    "_erf": "Erf",
}
"""An operation of ours → the operator that is the same."""


class _Graph:
    """The nodes and constants of a graph while it is built; every method gives the name of its result."""

    def __init__(self, onnx: Any, dtype: str) -> None:
        self.onnx, self.dtype = onnx, np.dtype(dtype)
        self.nodes: list[Any] = []
        self.constants: dict[str, Any] = {}

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        output = f"_t{len(self.nodes)}"
        self.nodes.append(self.onnx.helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    def constant(self, value: Any, dtype: Any = None) -> str:
        array = np.array(value, dtype or self.dtype)
        name = f"_c_{array.dtype}_{array.tolist()}"
        self.constants[name] = array
        return name

    def value(self, node: Node, scope: dict[str, str], sizes: dict[str, int]) -> str:
        """The result of an array expression whose names are in `scope`, or are `sizes`."""
        if node.operation == "name" and node.text in scope:
            return scope[node.text]
        if node.operation in ("name", "number") or (node.operation, node.text) == ("call", "float"):
            return self.constant(_number(node, sizes))
        inputs = [self.value(argument, scope, sizes) for argument in node.arguments]
        composed = {**COMPOSED, **(DOUBLE if self.dtype == np.float64 else {})}
        if node.operation in composed:
            return composed[node.operation](self, *inputs)
        if node.operation in KNOWN:
            kernel = KNOWN[node.operation]
            form = lower_scalar((kernel.form or kernel.body).xreplace({Z: sp.Symbol("z")}), {"z": ()})
            far = self.value(form, {"z": inputs[0]}, sizes)
            return _near_zero(self, kernel.body, inputs[0], far) if kernel.form else far
        if node.operation not in DIRECT:
            raise DeriveError(f"{node.operation} has no ONNX form, so this network cannot be exported")
        return self.node(DIRECT[node.operation], *inputs)


def _expm1(graph: _Graph, x: str) -> str:
    """exp(x) - 1 = tanh(x/2) (exp(x) + 1), which loses nothing near 0."""
    half = graph.node("Tanh", graph.node("Mul", x, graph.constant(0.5)))
    return graph.node("Mul", half, graph.node("Add", graph.node("Exp", x), graph.constant(1)))


def _log1p(graph: _Graph, x: str) -> str:
    """With u = 1 + x, x log(u)/(u - 1), or x where u = 1: Kahan's, as in Goldberg 1991, theorem 4.

    Where u is x it is log(u), also at infinity.
    """
    one = graph.constant(1)
    u = graph.node("Add", one, x)
    small, log = graph.node("Equal", u, one), graph.node("Log", u)
    below = graph.node("Where", small, one, graph.node("Sub", u, one))
    ratio = graph.node("Mul", x, graph.node("Div", log, below))
    return graph.node("Where", small, x, graph.node("Where", graph.node("Equal", u, x), log, ratio))


def _normal_cdf(graph: _Graph, z: str, x: str) -> str:
    """x Phi(z) by the polynomial of emitted modules: onnxruntime has no erf in float64."""
    u = graph.node("Min", graph.node("Abs", z), graph.constant(LARGEST))
    beyond = graph.node("Add", u, graph.constant(MIDDLE))
    y = graph.node("Div", graph.node("Sub", u, graph.constant(MIDDLE)), beyond)
    result = _polynomial(graph, tail(), y)
    half = graph.node("Mul", graph.node("Mul", u, u), graph.constant(-0.5))
    left = graph.node("Mul", graph.node("Div", result, beyond), graph.node("Exp", half))
    right = graph.node("Sub", graph.constant(1), left)
    return graph.node("Mul", x, graph.node("Where", graph.node("Less", z, graph.constant(0)), left, right))


def _near_zero(graph: _Graph, body: sp.Expr, z: str, far: str) -> str:
    """A function that vanishes at 0: the polynomial of emitted modules there, and `far` elsewhere."""
    power, step, coefficients = near(body)
    reach, one = graph.constant(float(REACH)), graph.constant(1)
    x = graph.node("Min", graph.node("Max", z, graph.constant(-float(REACH))), reach)
    square = graph.node("Mul", graph.node("Mul", x, x), graph.constant(2))
    close = _polynomial(graph, coefficients, graph.node("Sub", square, one) if step == 2 else x)
    for _ in range(power):
        close = graph.node("Mul", x, close)
    return graph.node("Where", graph.node("Less", graph.node("Abs", z), reach), close, far)


def _erf(graph: _Graph, z: str) -> str:
    """1 - 2 Phi(-sqrt(2) |z|) with the sign of z; what vanishes at 0 is taken care of there."""
    left = graph.node("Mul", graph.node("Abs", z), graph.constant(-(2**0.5)))
    right = graph.node("Sub", graph.constant(1), _normal_cdf(graph, left, graph.constant(2)))
    return _near_zero(graph, sp.erf(Z), z, _odd(graph, z, right))


def _cosh(graph: _Graph, x: str) -> str:
    """With h = exp(|x|/2), h/2 h + 1/(2 h)/h: no overflow before cosh itself."""
    half = graph.node("Mul", graph.node("Abs", x), graph.constant(0.5))
    h = graph.node("Exp", half)
    rising = graph.node("Mul", graph.node("Mul", h, graph.constant(0.5)), h)
    return graph.node("Add", rising, graph.node("Div", graph.node("Div", graph.constant(0.5), h), h))


def _sinh(graph: _Graph, x: str) -> str:
    """sinh(x) = tanh(x/2) (cosh(x) + 1), which loses nothing near 0."""
    half = graph.node("Tanh", graph.node("Mul", x, graph.constant(0.5)))
    return graph.node("Mul", half, graph.node("Add", _cosh(graph, x), graph.constant(1)))


def _odd(graph: _Graph, x: str, value: str) -> str:
    """The odd function that is `value` for positive x; x itself where it is 0, of either sign, or NaN."""
    zero = graph.constant(0)
    right = graph.node("Where", graph.node("Greater", x, zero), value, x)
    return graph.node("Where", graph.node("Less", x, zero), graph.node("Neg", value), right)


def _asinh(graph: _Graph, x: str) -> str:
    """With u = |x|, log1p(u + u**2/(1 + sqrt(1 + u**2))); log(u) + log(2) where 1 + u**2 is u**2."""
    u, far, one = graph.node("Abs", x), graph.constant(2.0**28), graph.constant(1)
    less = graph.node("Min", u, far)
    square = graph.node("Mul", less, less)
    below = graph.node("Add", graph.node("Sqrt", graph.node("Add", square, one)), one)
    close = _log1p(graph, graph.node("Add", less, graph.node("Div", square, below)))
    large = graph.node("Add", graph.node("Log", graph.node("Max", u, far)), graph.constant(float(np.log(2))))
    return _odd(graph, x, graph.node("Where", graph.node("Less", u, far), close, large))


def _atan(graph: _Graph, x: str) -> str:
    """A polynomial at t = min(u, 1/u), u = |x|; for u > 1, atan(u) = pi/2 - atan(1/u)."""
    u, one = graph.node("Abs", x), graph.constant(1)
    t = graph.node("Min", u, graph.node("Div", one, u))
    _, _, coefficients = near(sp.atan(Z))  # of t**0, t**2, … with y = 2 t**2 - 1
    y = graph.node("Sub", graph.node("Mul", graph.node("Mul", t, t), graph.constant(2)), one)
    small = graph.node("Mul", t, _polynomial(graph, coefficients, y))
    large = graph.node("Sub", graph.constant(np.pi / 2), small)
    return _odd(graph, x, graph.node("Where", graph.node("Greater", u, one), large, small))


def _polynomial(graph: _Graph, coefficients: list[Any], y: str) -> str:
    """Horner's rule; the coefficients are those of 1, y, y**2, …"""
    *lower, result = [graph.constant(float(c)) for c in coefficients]
    for coefficient in reversed(lower):
        result = graph.node("Add", graph.node("Mul", result, y), coefficient)
    return result


COMPOSED: dict[str, Callable[..., str]] = {
    "_normal_cdf": _normal_cdf,
    "expm1": _expm1,
    "log1p": _log1p,
    "square": lambda graph, x: graph.node("Mul", x, x),
    "column": lambda graph, x: graph.node("Unsqueeze", x, graph.constant([1], np.int64)),
    "sum1": lambda graph, x: graph.node("ReduceSum", x, graph.constant([1], np.int64), keepdims=0),
    "max1": lambda graph, x: graph.node("ReduceMax", x, axes=[1], keepdims=0),
}
"""Operations that are several operators, or one with settings."""

DOUBLE: dict[str, Callable[..., str]] = {"sinh": _sinh, "cosh": _cosh, "asinh": _asinh, "atan": _atan, "_erf": _erf}
"""Operators of which onnxruntime has no float64 kernel."""


def _number(node: Node, sizes: dict[str, int]) -> float:
    """The value of an expression without arrays, such as `float(np.sqrt(2 / np.pi))`."""
    if node.operation == "number":
        return float(node.text)
    if node.operation == "name" and node.text in {"np.pi", *sizes}:
        return float({"np.pi": np.pi, **sizes}[node.text])
    if node.operation == "call" and node.text == "float":
        return _number(node.arguments[0], sizes)
    if not node.arguments or not OPERATIONS[node.operation].ufunc:
        raise DeriveError(f"{node} has no ONNX form, so this network cannot be exported")
    return float(
        getattr(np, OPERATIONS[node.operation].ufunc)(*(_number(argument, sizes) for argument in node.arguments))
    )


def to_onnx(module: ModuleType, theta: Any, path: str | Path | None = None) -> Any:
    """The ONNX model whose output Y is `module.predict(theta, X)`, for any number of rows of the input X.

    It is checked by ONNX, and written to `path` if one is given. Its metadata hold the `specification` that the
    module was emitted from and the `digest` of the module. Raises DeriveError.
    """
    onnx = required("onnx", "onnx")
    architecture = from_toml(module.SPEC)
    graph = _Graph(onnx, architecture.dtype)
    parameters = module.unpack(vector(theta))._asdict()
    scope = {name: name for name in ("X", *parameters)}
    sizes = {f"n{layer}": n for layer, n in enumerate(architecture.sizes)}
    for statement in _predict(architecture):
        scope[statement.target] = graph.value(statement.value, scope, sizes)
    graph.nodes.append(onnx.helper.make_node("Identity", [scope[f"a{architecture.depth}"]], ["Y"]))
    model = _model(onnx, architecture, graph, parameters)
    onnx.helper.set_model_props(model, {"specification": module.SPEC, "digest": module.DIGEST})
    onnx.checker.check_model(model, full_check=True)
    if path is not None:
        write_whole(Path(path), model.SerializeToString())
    return model


def _predict(architecture: Architecture) -> list[Assign]:
    """The statements that the output needs, in order."""
    forward, _, _ = specialize(differentiate(architecture.undropped()))
    needed, kept = {f"a{architecture.depth}"}, []
    for statement in reversed([lower(equation) for equation in forward.equations]):
        if statement.target in needed:
            kept.append(statement)
            needed |= set(leaves(statement.value))
    return kept[::-1]


def _model(onnx: Any, architecture: Architecture, graph: _Graph, parameters: dict[str, Any]) -> Any:
    kind = onnx.helper.np_dtype_to_tensor_dtype(graph.dtype)
    ends = [
        onnx.helper.make_tensor_value_info(name, kind, ["N", units])
        for name, units in (("X", architecture.sizes[0]), ("Y", architecture.sizes[-1]))
    ]
    held = {**{name: np.array(view) for name, view in parameters.items()}, **graph.constants}
    initializers = [onnx.numpy_helper.from_array(array, name) for name, array in held.items()]
    body = onnx.helper.make_graph(graph.nodes, architecture.name, ends[:1], ends[1:], initializers)
    opsets = [onnx.helper.make_opsetid("", OPSET)]
    return onnx.helper.make_model(
        body, opset_imports=opsets, ir_version=IR_VERSION, producer_name="derive", producer_version=__version__
    )
