"""Whether a loss makes sense for the outputs of an activation, decided by their values."""

from __future__ import annotations

from derive.model.activation import Activation
from derive.model.errors import DeriveError
from derive.model.loss import VARIABLES, Loss

PROBES = {"real": (-1, 0, 1), "unit": (0.5,), "distribution": (0.5,), "count": (1,), "sign": (-1, 1)}
"""Targets of each kind at which the loss has to have a value."""
INPUTS = (-20, -1, 0, 1, 20)
ROW_OUTPUTS = {"softmax": (0.25, 0.75), "log_softmax": (-2, -0.1)}


def check_fit(loss: Loss, function: Activation) -> None:
    """Refuse, with the reason, a loss that makes no sense for outputs of the activation `function`."""
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
    if not loss.transcendental:
        return
    for z, output in _outputs(function):
        for target in PROBES[loss.targets]:
            if not _has_value(loss, output, target):
                at = f"{function.name} gives {float(output):.4g}" + (f" at z = {z}" if function.elementwise else "")
                raise DeriveError(
                    f"loss {loss.name!r}: {loss.expression} has no value at a = {float(output):.4g}, y = {target}, "
                    f"and {at}; use another output activation or another loss"
                )


_KINDS = {"unit": "numbers from 0 to 1", "count": "counts", "sign": "-1 or 1", "real": "", "distribution": ""}


def _outputs(function: Activation) -> list[tuple[int, float]]:
    import sympy as sp

    from derive.model.expression import Z

    if not function.elementwise:
        return [(0, output) for output in ROW_OUTPUTS[function.name]]
    return [(z, sp.N(function.initial.subs(Z, z), 30)) for z in INPUTS]


def _has_value(loss: Loss, output: float, target: float) -> bool:
    import sympy as sp

    a, y = VARIABLES()
    value = sp.N(loss.formula.subs({a: sp.Float(output, 30), y: target}), 15)
    return bool(value.is_number and value.is_extended_real and value.is_finite)
