"""Emission: from a derivation to the text of a NumPy module, and from text to a loaded module.

All decisions are taken here and in the passes before; the templates only put lines in their places.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import sympy as sp
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from derive import __version__
from derive.algebra.gradient import Derivation, adjoint_name, differentiate
from derive.algebra.program import Program, needed
from derive.algebra.tangent import tangent_name
from derive.codegen.forms.eased import eased
from derive.codegen.forms.kernels import used
from derive.codegen.forms.naming import template_folders
from derive.codegen.forms.specialize import Helper, specialize
from derive.codegen.header import command, title
from derive.codegen.sensitivities import sensitivities
from derive.codegen.statements.arrays import Assign, as_tuple, written
from derive.codegen.statements.lower import lower, lower_scalar
from derive.codegen.statements.notes import note
from derive.codegen.statements.printed import LOSS, commented
from derive.codegen.statements.schedule import leaves
from derive.codegen.sweep import memory, sweep
from derive.codegen.training import initial, layer_of, scheduled
from derive.codegen.updates import update
from derive.model.architecture import Architecture
from derive.model.budget import for_own_functions
from derive.model.errors import unknown
from derive.model.limits import LIMITS
from derive.model.sources import read_text
from derive.model.specification import to_toml
from derive.model.tables import STYLES, TARGETS

NO_CERTIFICATE = ("Certificate: none; this module was made without proof or audit.",)


class Stated(Protocol):
    """A certificate, as far as the header of a module is concerned."""

    def lines(self) -> tuple[str, ...]:
        """What was proved, in lines for people."""


WRONG_TARGETS = {
    "unit": "(Y < 0) | (Y > 1)",
    "distribution": "(Y < 0) | (np.abs(Y.sum(axis=1, keepdims=True) - 1) >= 1e-5)",
    "count": "Y < 0",
    "sign": "np.abs(Y) != 1",
}
"""For every kind of targets but the real ones, which entries are none."""


@dataclass(frozen=True)
class _Parameter:
    """How one weight matrix or bias lies in theta, as Python text."""

    name: str
    shape: str
    end: str
    view: str
    size: str


def emit(derivation: Derivation, style: str = "fast", certificate: Stated | None = None) -> str:
    """The source text of the module that trains the network of `derivation`.

    `style` is "readable" (one line per equation of the text) or "fast" (the same equations, scheduled
    into buffers); the header says what the `certificate` proves, if one is given. The same input
    gives the same bytes on every machine.
    """
    if style not in STYLES:
        raise unknown("style", style, STYLES)
    architecture = derivation.architecture
    with for_own_functions(architecture):
        context = _context(derivation, style, certificate)
    template = environment().get_template(f"{style}.py.jinja")
    kernels = used(template.render(context, kernels=()), architecture.dtype)
    text = template.render(context, kernels=kernels)
    return text.replace('\nDIGEST = ""\n', f'\nDIGEST = "{digest(text)}"\n', 1)


def _context(derivation: Derivation, style: str, certificate: Stated | None) -> dict[str, Any]:
    """What the template of the style is filled with."""
    architecture = derivation.architecture
    forward, gradient, helpers = specialize(derivation, helpers=True)
    without = architecture.undropped()
    undropped = derivation if without == architecture else differentiate(without)
    settled = forward if undropped is derivation else specialize(undropped, helpers=True)[0]
    further = sensitivities(eased(undropped))
    parameters = _layout(derivation)
    names = [p.name for p in parameters]
    adjoints = [adjoint_name(name) for name in names]
    output = f"a{architecture.depth}"
    backward = _needed([lower(e, note(e, architecture)) for e in gradient.equations], set(adjoints))
    context: dict[str, Any] = {
        "title": title(architecture),
        "version": __version__,
        "command": command(architecture, style),
        "certificate": certificate.lines() if certificate else NO_CERTIFICATE,
        "name": architecture.name,
        "size_names": ", ".join(f"n{k}" for k in range(architecture.depth + 1)),
        "sizes": str(architecture.sizes),
        "parameter_count": architecture.parameter_count,
        "count": _count(architecture, parameters),
        "dtype": architecture.dtype,
        "spec": to_toml(architecture),
        "digest": "",
        "parameters": parameters,
        **initial(derivation),
        **scheduled(architecture.schedule),
        "tensors": _tensors(settled, undropped),
        "depth": architecture.depth,
        "starts": _starts(architecture),
        "parameter_names": ", ".join(names),
        "gradient_names": ", ".join(adjoints),
        "direction_names": ", ".join(map(tangent_name, names)),
        "product_names": ", ".join(map(tangent_name, adjoints)),
        "outputs": f"n{architecture.depth}",
        "output": output,
        "helpers": [_helper(h) for h in dict.fromkeys((*helpers, *further.helpers))],
        "predict_lines": _lines(settled, architecture, {output}),
        "loss_lines": _lines(settled, architecture, {LOSS}),
        "forward_lines": _lines(forward, architecture, {LOSS, *(leaf for s in backward for leaf in leaves(s.value))}),
        "gradient_lines": [_line(s) for s in backward],
        **{part: [_line(s) for s in statements] for part, statements in further.parts.items()},
        **_inputs(architecture),
        **update(architecture, style),
    }
    if style == "fast":
        swept = sweep(derivation, names, adjoints)
        context |= swept | {"numbers": swept["numbers"] | context["update_numbers"]}
    context["memory"] = memory(architecture, context) if style == "fast" else ()
    context["inner"] = "_step" if style == "fast" else "step"
    return context


def digest(text: str) -> str:
    """The digest that binds a module's text, with its certificate: SHA-256 with the digest itself left out."""
    blank = re.sub(r'^DIGEST = "[^"\n]*"$', 'DIGEST = ""', text, count=1, flags=re.MULTILINE)
    return "sha256:" + hashlib.sha256(blank.encode()).hexdigest()


class Emitted(ModuleType):
    """A loaded module, which shows itself well in a notebook; `__source__` is its text."""

    __source__: str

    def _repr_html_(self) -> str:
        """Its title, its digest, and its constants and functions with their first lines."""
        names = [name for name, value in vars(self).items() if callable(value) and name[0] != "_"]
        rows = "".join(
            f"<tr><td><code>{escape(name)}</code></td><td>{escape(_first(getattr(self, name).__doc__))}</td></tr>"
            for name in names
            if getattr(self, name).__module__ == self.__name__
        )
        return (
            f"<p>{escape(_first(self.__doc__))}<br><small>{escape(str(self.DIGEST))}</small></p><table>{rows}</table>"
        )


def _first(text: str | None) -> str:
    return (text or "").partition("\n")[0]


def load(source: str | Path) -> ModuleType:
    """The module that `source` is the text of, or that lies at the path `source`. Runs its code."""
    is_path = isinstance(source, Path) or "\n" not in source
    text = read_module(Path(source)) if is_path else str(source)
    found = re.search(r'^NAME = "(\w+)"$', text, flags=re.MULTILINE)
    module = Emitted(found.group(1) if found else "emitted")
    module.__file__ = str(source) if is_path else f"<{module.__name__}>"
    module.__source__ = text
    exec(compile(text, module.__file__, "exec"), module.__dict__)
    return module


def read_module(path: Path) -> str:
    """The text of the Python file at `path`; a DeriveError if it cannot be read."""
    return read_text(path, LIMITS["module"])


def _count(architecture: Architecture, parameters: list[_Parameter]) -> str:
    """PARAMETER_COUNT as an expression in the sizes."""
    if architecture.plain:
        return "sum(n * (below + 1) for below, n in zip(SIZES, SIZES[1:]))"
    return parameters[-1].end if len(parameters) == 1 else " + ".join(p.size for p in parameters)


def _starts(architecture: Architecture) -> list[tuple[str, str]]:
    """The parameters that neither start at 0 nor at random, and the values that they start from."""
    found = []
    for label, (function, options) in enumerate(zip(architecture.activations, architecture.layers, strict=True), 1):
        found += [(f"gain{label}", "1")] * bool(options.normalization)
        found += [(f"{name}{label}", repr(dict(function.constants)[name])) for name in function.trained]
    return found


def _inputs(architecture: Architecture) -> dict[str, Any]:
    """What the functions take besides theta, X and Y, as text: weights of samples, a generator for dropout."""
    dropped = [(label, o.dropout) for label, o in enumerate(architecture.layers, 1) if o.dropout]
    return {
        "targets": architecture.loss.targets,
        "weighted": architecture.sample_weights,
        "masks": [{"name": f"mask{k}", "units": f"n{architecture.tied[k]}", "p": repr(p)} for k, p in dropped],
        "extra": ", weights=None" * architecture.sample_weights,
        "extra_rng": ", rng=None" * bool(dropped),
        "pass_weights": ", weights" * architecture.sample_weights,
        "swept": ", _weights(weights, len(X))" * architecture.sample_weights,
        "penalty": architecture.penalty.words,
        "target_wrong": WRONG_TARGETS.get(architecture.loss.targets, ""),
        "target_words": TARGETS[architecture.loss.targets],
    }


def _layout(derivation: Derivation) -> list[_Parameter]:
    result: list[_Parameter] = []
    for tensor in derivation.parameters:
        axes = [str(axis) for axis in tensor.axes]
        start = f"END_{result[-1].name}" if result else ""
        size = " * ".join(axes) or "1"
        shape = as_tuple(axes)
        result.append(
            _Parameter(
                name=tensor.name,
                shape=shape if len(axes) > 1 else "".join(axes) or "a number",
                end=" + ".join(filter(None, [start, size])),
                view=f"theta[{start}:END_{tensor.name}]" + f".reshape({shape or '()'})" * (len(axes) != 1),
                size=size,
            )
        )
    return result


def _helper(helper: Helper) -> dict[str, Any]:
    """The body of a function of z: repeated parts get a name, then one line returns."""
    arguments = {symbol: sp.Symbol(str(symbol), real=True) for symbol in helper.symbols}
    symbols = sp.numbered_symbols("t", start=1, real=True)
    parts, (form,) = sp.cse(helper.form.xreplace(arguments), symbols=symbols, order="canonical")
    conditions: dict[sp.Basic, sp.Basic] = {}
    for symbol, part in parts:
        if isinstance(part, sp.logic.boolalg.Boolean):
            conditions[symbol] = part.xreplace(conditions)
    parts = [(symbol, part.xreplace(conditions)) for symbol, part in parts if symbol not in conditions]
    form = form.xreplace(conditions)  # a condition stays where it decides
    known = {str(symbol): () for symbol, _ in parts} | {str(symbol): () for symbol in helper.symbols}
    body = [f"{symbol} = {written(lower_scalar(part, known))}" for symbol, part in parts]
    body.append(f"return {written(lower_scalar(form, known))}")
    return {
        "name": helper.name,
        "arguments": ", ".join(map(str, helper.symbols)),
        "lines": body,
        "meaning": helper.meaning,
    }


def _lines(program: Program, architecture: Architecture, results: set[str] | None = None) -> list[str]:
    """One commented line for each equation that the results need (all of them if not given)."""
    statements = [lower(equation, note(equation, architecture)) for equation in program.equations]
    if results is not None:
        statements = _needed(statements, results)
    return [_line(statement) for statement in statements]


def _line(statement: Assign) -> str:
    return commented(f"{statement.target} = {written(statement.value)}", statement.note)


def _tensors(forward: Program, derivation: Derivation) -> list[dict[str, Any]]:
    """The parameters and what the loss needs of them, in order: the variable, the text's name, the layer."""
    computed = _needed([lower(equation) for equation in forward.equations], {LOSS})
    names = (*(tensor.name for tensor in derivation.parameters), *(s.target for s in computed))
    return [
        {
            "name": name,
            "shown": "loss" if name == LOSS else re.sub(r"(\d+)$", r"^\1", name),
            "layer": layer_of(name, derivation.architecture),
        }
        for name in names
    ]


def _needed(statements: list[Assign], results: set[str]) -> list[Assign]:
    return needed(statements, results, lambda s: s.target, lambda s: leaves(s.value))


@cache
def environment(*, autoescape: bool = False, finalize: Callable[[object], str] | None = None) -> Environment:
    """Jinja, strict about names, with the templates of the wheel or of the source tree."""
    return Environment(
        loader=FileSystemLoader(template_folders()),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=autoescape,
        finalize=finalize,
    )
