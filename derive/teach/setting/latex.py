"""Boxes as LaTeX; text from people is escaped, so that nothing in it is a command."""

from __future__ import annotations

from derive.teach.setting.boxes import NOTHING, Box

COMMANDS = {
    "δ": r"\delta", "α": r"\alpha", "β": r"\beta", "θ": r"\theta", "σ": r"\sigma", "μ": r"\mu", "ρ": r"\rho",
    "π": r"\pi", "ℒ": r"\mathcal{L}", "∂": r"\partial", "−": "-", "⊙": r"\odot", "·": r"\cdot", "⊤": r"\top",
    "×": r"\times", "≤": r"\le", "≥": r"\ge", "≠": r"\ne", "⋯": r"\cdots",
}  # fmt: skip
ESCAPED = {"\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}",
           ">": r"\textgreater{}", "|": r"\textbar{}", '"': "''", "`": "'"}  # fmt: skip


def escaped(text: str) -> str:
    """`text` with what LaTeX reads as commands made harmless, and what it cannot set replaced by its ASCII form."""
    ascii_text = "".join(c if " " <= c <= "~" else SPELLED.get(c, "?") for c in " ".join(text.split()))
    return "".join(ESCAPED.get(c, "\\" + c if c in "#$%&_{}" else c) for c in ascii_text)


SPELLED = {"δ": "delta", "×": "x", "−": "-", "–": "-", "—": "-", "′": "'", "’": "'", "…": "..."}


def latex(box: Box) -> str:
    """`box` as LaTeX, to stand in mathematics."""
    match box.kind:
        case "row":
            return " ".join(filter(None, map(latex, box.parts)))
        case "fenced":
            return rf"\left{box.text[0]} {latex(box.parts[0])} \right{box.text[1]}"
        case "fraction":
            return rf"\frac{{{latex(box.parts[0])}}}{{{latex(box.parts[1])}}}"
        case "scripts":
            base, below, above = box.parts
            low = f"_{{{latex(below)}}}" if below != NOTHING else ""
            high = f"^{{{latex(above)}}}" if above != NOTHING else ""
            return f"{{{latex(base)}}}{low}{high}"
        case "root":
            return rf"\sqrt{{{latex(box.parts[0])}}}"
        case "sum":
            *ranges, body = box.parts
            signs = []
            for pair in ranges:
                below, above = pair.parts
                signs.append(rf"\sum_{{{latex(below)}}}" + (f"^{{{latex(above)}}}" if above != NOTHING else ""))
            return f"{' '.join(signs)} {latex(body)}"
        case "cases":
            rows = r" \\ ".join(f"{latex(v)} & {latex(c)}" for v, c in (b.parts for b in box.parts))
            return rf"\begin{{cases}} {rows} \end{{cases}}"
        case "matrix":
            return rf"\boldsymbol{{{_letters(box.text)}}}"
        case "name":
            return _letters(box.text)
        case "word":
            return rf"\text{{{escaped(box.text)}}}"
    return COMMANDS.get(box.text, box.text)


def _letters(text: str) -> str:
    base = text.rstrip("′")
    primes = "'" * (len(text) - len(base))
    shown = COMMANDS.get(base) or (base if len(base) == 1 and base.isalnum() else rf"\mathrm{{{escaped(base)}}}")
    return shown + primes
