"""Boxes as MathML, the core of it that all browsers render.

SymPy's own printer writes literal braces for a name such as a^{(2)}; here a superscript is an element.
"""

from __future__ import annotations

from html import escape

from derive.teach.setting.boxes import NOTHING, Box

APPLY, TIMES = "\u2061", "\u2062"
"""Invisible signs for "of" and "times", which a screen reader says."""


def mathml(box: Box, *, block: bool = False) -> str:
    """A whole <math> element; `block` gives it a line of its own."""
    display = ' display="block"' if block else ""
    return f'<math{display} xmlns="http://www.w3.org/1998/Math/MathML">{_row(box)}</math>'


def inner(box: Box) -> str:
    """`box` as the inside of a <math> element."""
    match box.kind:
        case "row":
            return f"<mrow>{_parts(box.parts)}</mrow>"
        case "name":
            return _name(box.text)
        case "matrix":
            return f'<mi class="m" mathvariant="normal">{escape(box.text)}</mi>'
        case "number":
            return f"<mn>{escape(box.text)}</mn>"
        case "operator":
            prefix = ' form="prefix"' if box.text == "∂" else ""
            return f"<mo{prefix}>{escape(box.text)}</mo>"
        case "word":
            return f"<mtext>{escape(box.text)}</mtext>"
        case "fenced":
            left, right = box.text[0], box.text[1]
            return (
                f'<mrow><mo form="prefix" fence="true">{left}</mo>{_row(box.parts[0])}'
                f'<mo form="postfix" fence="true">{right}</mo></mrow>'
            )
        case "fraction":
            return f"<mfrac>{_row(box.parts[0])}{_row(box.parts[1])}</mfrac>"
        case "scripts":
            return _scripts(*box.parts)
        case "root":
            return f"<msqrt>{_row(box.parts[0])}</msqrt>"
        case "sum":
            return f"<mrow>{''.join(_sign(*pair.parts) for pair in box.parts[:-1])}{_row(box.parts[-1])}</mrow>"
    rows = "".join(f"<mtr><mtd>{_row(v)}</mtd><mtd>{_row(c)}</mtd></mtr>" for v, c in (b.parts for b in box.parts))
    return f"<mrow><mo>{{</mo><mtable>{rows}</mtable></mrow>"


def _name(text: str) -> str:
    """A letter in italics; its primes are operators, so that they do not make a word of it."""
    base = text.rstrip("′")
    primes = text[len(base) :]
    shown = f"<mi>{escape(base)}</mi>"
    return f'<mrow>{shown}<mo form="postfix" lspace="0" rspace="0">{primes}</mo></mrow>' if primes else shown


def _row(box: Box) -> str:
    return inner(box) if box != NOTHING else "<mrow></mrow>"


def _parts(parts: tuple[Box, ...]) -> str:
    """Parts side by side, with the invisible sign that belongs between two factors, or a function and its argument."""
    text = ""
    for position, part in enumerate(parts):
        before = parts[position - 1] if position else None
        if before is not None and before.kind != "operator" and part.kind != "operator":
            applied = part.kind == "fenced" and _is_function(before)
            text += f"<mo>{APPLY if applied else TIMES}</mo>"
        text += inner(part)
    return text


def _is_function(box: Box) -> bool:
    base = box.parts[0] if box.kind == "scripts" else box
    return base.kind == "word" or (base.kind == "name" and base.text.startswith("f"))


def _scripts(base: Box, below: Box, above: Box) -> str:
    if below == NOTHING:
        return f"<msup>{_row(base)}{_row(above)}</msup>"
    if above == NOTHING:
        return f"<msub>{_row(base)}{_row(below)}</msub>"
    return f"<msubsup>{_row(base)}{_row(below)}{_row(above)}</msubsup>"


def _sign(below: Box, above: Box) -> str:
    sign = '<mo movablelimits="false">∑</mo>'
    if above == NOTHING:
        return f"<munder>{sign}{_row(below)}</munder>"
    return f"<munderover>{sign}{_row(below)}{_row(above)}</munderover>"
