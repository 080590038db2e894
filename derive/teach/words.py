"""The words of a grade: what was written, what it is consistent with, what the rule is, what is right."""

from __future__ import annotations

import re
from fractions import Fraction

from derive.model.architecture import Architecture
from derive.model.errors import DeriveError
from derive.proof.formulas.values import Value
from derive.proof.grading.answers import Line
from derive.proof.grading.recognise import Found
from derive.proof.grading.slips import BY_TAG


def right(read_as: str, corrected: str, followed: str, only: str) -> str:
    """The words for a right answer; `only` says for which layers, if not for all."""
    if only:
        return f"Right {only}: {read_as}."
    if followed:
        return f"Right, as it follows from your own {followed}: {read_as}."
    same = "" if corrected in ("", read_as) else f" It is another way to write {corrected}."
    return f"Right: {read_as}.{same}"


def undecided(read_as: str, reason: str) -> str:
    """The words where nothing was decided; this is no pass."""
    return f"You wrote {read_as}. Whether this is right was not decided: {reason}."


def circular(read_as: str, asked: str) -> str:
    """The words for a formula that uses what it should say."""
    return f"You wrote {read_as}. That is true, but it says nothing: {asked} itself stands on the right."


def unreadable(error: DeriveError, read_as: str) -> str:
    """The words for what cannot be read, and how far it was."""
    start = f" Up to there it reads {read_as}." if read_as else ""
    return f"This could not be read: {str(error).rstrip('.')}.{start}"


def named_slips(found: Found) -> str:
    """What an answer is consistent with, and the rule."""
    slips = [BY_TAG[tag] for tag in found.tags]
    if len(slips) == 1:
        extra = f" (it is {_times(found.factor)} what is right)" if found.factor and abs(found.factor) != 1 else ""
        return f"This is consistent with {slips[0].what}{extra}. The rule: {slips[0].rule}."
    return together(len(slips), " and ".join(slip.what for slip in slips), "; ".join(slip.rule for slip in slips))


def together(count: object, whats: str, rules: str) -> str:
    """The words for several slips at once."""
    return f"This is consistent with {count} slips together: {whats}. The rules: {rules}."


def _times(factor: Fraction) -> str:
    return f"{factor} times"


def unnamed(trouble: str) -> str:
    """The words for a wrong answer that no slip explains."""
    return "" if trouble else "Its value is wrong, and no slip that is known here explains it."


def misfit(read_as: str, words: str, trouble: str, corrected: str, followed: str) -> str:
    """The whole message about a wrong answer."""
    parts = [f"You wrote {read_as}."]
    if trouble:
        parts.append(f"{trouble[0]}{trouble[1:].rstrip('.')}.")
    if words:
        parts.append(words)
    if followed:
        parts.append(f"It was judged from your own {followed}.")
    if corrected:
        parts.append(f"Right is {corrected}.")
    return " ".join(parts)


def not_fitting(line: Line, architecture: Architecture) -> str:
    """What does not fit, in the sizes of this network, and what would: "" if everything fits."""
    if line.shape:
        return sized(wrong_shape(line.asked.text, line.wanted, line.shape), architecture)
    error = line.shape_error
    if error is None:
        return ""
    if len(error.operands) != 2:
        return sized(re.sub(r" \(column \d+\)$", "", str(error)), architecture)
    (left, left_value), (right, right_value) = error.operands
    repair = _repair(error.operator, error.operands) or REPAIRS["none"].format(
        product=f"{left} {error.operator} {right}"
    )
    return sized(do_not_fit(left, left_value.shown, right, right_value.shown, repair), architecture)


def wrong_shape(asked: str, wanted: str, found: str) -> str:
    """The words for a formula that gives another shape than is asked for."""
    return f"{asked} is {wanted}, but this is {found}"


def do_not_fit(left: str, left_shape: str, right: str, right_shape: str, so: str) -> str:
    """The words for two parts that do not go together, and what follows."""
    return f"{left} is {left_shape} and {right} is {right_shape}, so {so}"


REPAIRS = {
    "order": "{part} must stand on the right",
    "turn": "{part} must be transposed",
    "turn back": "{part} must stand without .T",
    "or": " or ",
    "doubt": "{parts}, or this is not the product that belongs here",
    "none": "{product} does not fit",
}
"""What would make a product fit."""


def _repair(operator: str, operands: tuple[tuple[str, Value], ...]) -> str:
    """What would make a product fit: the other order, or a transpose."""
    (left, a), (right, b) = operands
    if operator != "@":
        return ""
    if b.shape[1] == a.shape[0]:
        return REPAIRS["order"].format(part=_short(left))
    fitting = [
        text for text, own, other in ((right, b.shape[1], a.shape[1]), (left, a.shape[0], b.shape[0])) if own == other
    ]
    turned = [REPAIRS["turn back"].format(part=text[:-2]) for text in fitting if text.endswith(".T")]
    turned += [REPAIRS["turn"].format(part=_short(text)) for text in fitting if not text.endswith(".T")]
    return REPAIRS["doubt"].format(parts=REPAIRS["or"].join(turned)) if turned else ""


def shapes(line: Line, architecture: Architecture) -> dict[str, object]:
    """The shapes that do not fit, in the sizes of this network and with two samples: where there are no values."""
    if line.shape_error is None:
        return {}

    def size(axis: object) -> int:
        text = sized(str(axis), architecture)
        return int(text) if text.isdecimal() else 2

    return {f"shape of {text}": [size(axis) for axis in value.shape] for text, value in line.shape_error.operands}


def _short(text: str) -> str:
    return text if re.fullmatch(r"[\w.\[\]+-]+", text) else f"({text})"


def sized(text: str, architecture: Architecture) -> str:
    """`text` with n2 replaced by the network's size, and x between sizes by ×."""

    def number(found: re.Match[str]) -> str:
        layer = int(found[1])
        return str(architecture.sizes[layer]) if layer <= architecture.depth else found[0]

    shown = re.sub(r"\b(\d+|N|n\d+|n\[[^\[\]]*\]) x (?=\d|N\b|n[\d\[])", r"\1×", text)  # not the input x
    return re.sub(r"\bn(\d+)\b", number, shown)
