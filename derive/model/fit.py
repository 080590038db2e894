"""Whether a loss makes sense for the outputs of a layer, decided by their values."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress

from derive.model.activation import Activation
from derive.model.errors import DeriveError, FormulaError
from derive.model.layers import LayerOptions
from derive.model.limits import HUGE
from derive.model.loss import VARIABLES, Loss

PROBES = {"real": (-1, 0, 1), "unit": (0.5,), "distribution": (0.5,), "count": (1,), "sign": (-1, 1)}
"""Targets of each kind at which the loss has to have a value."""
INPUTS = (-20, -1, 0, 1, 20)
ROW_OUTPUTS = {"softmax": (0.25, 0.75), "log_softmax": (-2, -0.1)}


def check_fit(loss: Loss, function: Activation, options: LayerOptions | None = None) -> None:
    """Refuse, with the reason, a loss that makes no sense for a last layer with this activation and these options."""
    options = options or LayerOptions()
    if not function.elementwise and loss.targets not in ("distribution", "real"):
        raise DeriveError(
            f"loss {loss.name!r}: its targets are one by one {_KINDS[loss.targets]}, but {function.name} makes the "
            "outputs of a row depend on each other; use cross_entropy, or another output activation"
        )
    if loss.targets == "distribution" and function.elementwise:
        raise DeriveError(
            f"loss {loss.name!r}: it compares distributions, but the outputs of {function.name} do not sum to 1; use "
            "softmax as the output activation, or another loss (binary_cross_entropy goes with sigmoid)"
        )
    if loss.targets == "distribution" and (options.residual or options.dropout):
        what = "a residual connection" if options.residual else "dropout"
        raise DeriveError(
            f"loss {loss.name!r}: it compares distributions, but with {what} in the last layer its outputs do not "
            "sum to 1; leave that to the layers below"
        )
    if not loss.transcendental:
        return
    for output, source in _outputs(function, options):
        if HUGE < abs(output) < math.inf:
            continue  # no output of a module, and a loss of it may have too many digits
        for target in PROBES[loss.targets]:
            if not _has_value(loss, output, target):
                raise DeriveError(
                    f"loss {loss.name!r}: {loss.expression} has no value at a = {float(output):.4g}, y = {target}, "
                    f"and {source}; use another output activation or another loss"
                )


_KINDS = {"unit": "numbers from 0 to 1", "count": "counts", "sign": "-1 or 1", "real": "", "distribution": ""}


def _outputs(function: Activation, options: LayerOptions) -> Iterator[tuple[float, str]]:
    """Outputs that the layer may have, and how they come about."""
    import sympy as sp

    from derive.model.trainable import value_at

    if function.elementwise:
        given = []
        for z in INPUTS:
            with suppress(FormulaError):  # beyond every float: no output of a module
                given.append((value_at(function.initial, sp.Integer(z), function.expression), f" at z = {z}"))
    else:
        given = [(sp.Float(output), "") for output in ROW_OUTPUTS[function.name]]
    for output, at in given:
        yield output, f"{function.name} gives {float(output):.4g}{at}"
        dropped = (0, output / (1 - options.dropout)) if options.dropout else ()
        added = (output + past for past in INPUTS) if options.residual else ()
        for what, outputs in (("dropout", dropped), ("the residual connection", added)):
            yield from ((changed, f"{what} makes it of {float(output):.4g}") for changed in outputs)


def _has_value(loss: Loss, output: float, target: float) -> bool:
    import sympy as sp

    a, y = VARIABLES()
    value = sp.N(loss.formula.subs({a: sp.Float(output, 30), y: target}), 15)
    return bool(value.is_number and value.is_extended_real and value.is_finite)
