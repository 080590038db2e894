"""Boxes in one line of Unicode, for a terminal: δ²ₛᵢ = ∂ℒ/∂a²ₛᵢ f′₂(z²ₛᵢ)."""

from __future__ import annotations

from derive.teach.setting.boxes import NOTHING, Box

ABOVE = dict(zip("0123456789+−()=ijknstL", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾⁼ⁱʲᵏⁿˢᵗᴸ", strict=True)) | {"⊤": "ᵀ", "′": "′"}
BELOW = dict(zip("0123456789+−()=aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₍₎₌ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", strict=True)) | {"′": "′"}
SPACED = ("×", "=", "+", "−", "⊙", "·", "<", "≤", ">", "≥", "≠")


def plain(box: Box) -> str:
    """`box` as text."""
    match box.kind:
        case "row":
            return _row(box.parts)
        case "operator":
            return f" {box.text} " if box.text in SPACED else box.text + " " * (box.text == ",")
        case "fenced":
            return f"{box.text[0]}{plain(box.parts[0])}{box.text[1]}"
        case "fraction":
            top, bottom = (_part(part) for part in box.parts)
            return f"{top}/{bottom}"
        case "scripts":
            base, below, above = box.parts
            return plain(base) + _small(above, ABOVE, "^") + _small(below, BELOW, "_")
        case "root":
            return f"√({plain(box.parts[0])})"
        case "sum":
            *ranges, body = box.parts
            signs = "".join(f"∑{_small(_index(r), BELOW, '_')}" for r in ranges)
            return f"{signs} {plain(body)}"
        case "cases":
            return "{" + "; ".join(f"{plain(v)} if {plain(c)}" for v, c in (b.parts for b in box.parts)) + "}"
    return box.text


def _row(parts: tuple[Box, ...]) -> str:
    """Parts side by side, with a space between factors; a sign in front stands close to what it belongs to."""
    text = ""
    for position, part in enumerate(parts):
        before = parts[position - 1] if position else None
        if part.kind == "operator" and before is None:
            text += part.text
            continue
        factors = before is not None and "operator" not in (before.kind, part.kind)
        applied = factors and part.kind == "fenced" and before is not None and _is_function(before)
        text += (" " if factors and not applied else "") + plain(part)
    return text


def _is_function(box: Box) -> bool:
    base = box.parts[0] if box.kind == "scripts" else box
    return base.kind == "word" or (base.kind == "name" and base.text.startswith("f"))


def _index(limits: Box) -> Box:
    """The index of a range, without the 1 that every index begins with."""
    below = limits.parts[0]
    return below.parts[0] if below.kind == "row" and below.parts else below


def _part(box: Box) -> str:
    text = plain(box)
    simple = all(c not in text for c in " /") or (text.startswith("(") and text.endswith(")") and text.count("(") == 1)
    return text if simple else f"({text})"


def _small(box: Box, letters: dict[str, str], mark: str) -> str:
    if box == NOTHING:
        return ""
    text = plain(box).replace(" ", "")
    if all(c in letters for c in text):
        return "".join(letters[c] for c in text)
    return f"{mark}{text}" if len(text) == 1 else f"{mark}({text})"
