"""Hostile text from good text: a few changes of tokens, so that what comes out still gets deep into a parser.

Every input is made from a key alone, such as "specification/4711", so that any of them can be made again.
"""

from __future__ import annotations

import random
import re
import string
from collections.abc import Callable, Sequence

TOKENS = re.compile(r"\w+|\s+|[^\w\s]")
NUMBERS = (
    *(
        "0",
        "1",
        "-1",
        "2",
        "3",
        "64",
        "65",
        "0.5",
        "1e400",
        "-1e400",
        "1e-400",
        "1e308",
        "9" * 41,
        "9" * 5000,
        "10**1000",
    ),
    *(
        "9**9**9",
        "2**2**2**2**2",
        "0x" + "f" * 5000,
        "1_000",
        "0b101",
        "1j",
        "nan",
        "inf",
        "-inf",
        "0.1e-300",
        "1/3",
        "-0.0",
    ),
    *("1000000000000", "9223372036854775808", "1" * 39, "0.30000000000000004", "true", "None"),
)
NAMES = (
    *(
        "z",
        "a",
        "y",
        "beta",
        "W1",
        "W[l+1]",
        "delta[l]",
        "delta2",
        "f",
        "df",
        "f'",
        "x",
        "N",
        "L",
        "l",
        "loss",
        "c",
        "e",
        "pi",
    ),
    *(
        "exp",
        "log",
        "tanh",
        "where",
        "max",
        "min",
        "abs",
        "sqrt",
        "erf",
        "sin",
        "diag",
        "outer",
        "inv",
        "sum",
        "norm",
        "d",
    ),
    *(
        "lambda",
        "__import__",
        "__class__",
        "eval",
        "os",
        "class",
        "import",
        "self",
        "sizes",
        "activation",
        "layer",
        "name",
    ),
)
OPERATORS = (
    "+",
    "-",
    "*",
    "/",
    "**",
    "@",
    "//",
    "%",
    ">",
    "<",
    ">=",
    "==",
    "=",
    ".",
    ",",
    ";",
    ":",
    "(",
    ")",
    "[",
    "]",
    "'",
    '"',
)
HOSTILE = (
    *(
        "\x00",
        "\x1b[31m",
        "\r\n",
        "\n",
        "\t",
        "\ufeff",
        "\u202e",
        "\u2066",
        "\u200b",
        "\u2028",
        "ｆ",
        "а",
        "ν",
        "ﬁ",
        "é",
        "٣",
        "𝐳",
    ),
    *(
        "\\",
        '"""',
        "'''",
        "{{ 7*7 }}",
        "{% for x in y %}",
        "{#",
        "</script>",
        "<img src=x onerror=alert(1)>",
        "<!--",
        "]]>",
    ),
    *(
        r"\input{/etc/passwd}",
        r"\write18{id}",
        r"\end{document}",
        "^^41",
        "${x}",
        "$(id)",
        "`id`",
        "; import os",
        "#",
        "//",
    ),
    *("../../x", "/dev/zero", "%s%n", "' or 1=1", "\ud800", "{0.__class__}", "().__class__", "\x7f", "\x85"),
)
WRAPS = (("(", ")"), ("[", "]"), ("{", "}"), ("-", ""), ("exp(", ")"), ("tanh(", ")"), ("abs(", ")"), ("max(", ",0)"),
         ("where(z>0,", ",z)"), ("f(", ")"), ("diag(", ")"), ("inv(", ")"), ("sum(", ")"), ("1/(", ")"), ("(", ")**2"),
         ("sqrt(", ")"), ("log(", ")"), ("(", ").T"), ("outer(", ",x)"), ("norm(", ")"), ("min(", ",z)"), ("a[", "]"),
         ("(", "*z)"), ("(", "+1)"), ("{a=", "}"), ('"', '"'))  # fmt: skip


def mutated(seeds: Sequence[str], rng: random.Random) -> str:
    """A seed after one to six changes; one in ten is left as it is, one in fifty is noise."""
    chance = rng.random()
    text = rng.choice(seeds)
    if chance < 0.1:
        return text
    if chance < 0.12:
        return "".join(rng.choice(string.printable) for _ in range(rng.randrange(200)))
    tokens = TOKENS.findall(text)
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4, 6))):
        if not tokens:
            tokens = TOKENS.findall(rng.choice(seeds))
        rng.choice(CHANGES)(tokens, rng, seeds)
    return "".join(tokens)


def _span(tokens: list[str], rng: random.Random) -> tuple[int, int]:
    start = rng.randrange(len(tokens) + 1)
    return start, min(len(tokens), start + rng.choice((0, 1, 1, 1, 2, 3, 5, 8, 20)))


def _replace(tokens: list[str], rng: random.Random, seeds: Sequence[str]) -> None:
    """A token by another of its kind, mostly."""
    at = rng.randrange(len(tokens))
    kind = NUMBERS if tokens[at][:1].isdigit() else NAMES if tokens[at][:1].isalpha() else OPERATORS
    tokens[at] = rng.choice(kind if rng.random() < 0.8 else rng.choice((NUMBERS, NAMES, OPERATORS, HOSTILE)))


def _insert(tokens: list[str], rng: random.Random, seeds: Sequence[str]) -> None:
    tokens.insert(rng.randrange(len(tokens) + 1), rng.choice(rng.choice((NUMBERS, NAMES, OPERATORS, HOSTILE))))


def _delete(tokens: list[str], rng: random.Random, seeds: Sequence[str]) -> None:
    start, end = _span(tokens, rng)
    del tokens[start:end]


def _repeat(tokens: list[str], rng: random.Random, seeds: Sequence[str]) -> None:
    start, end = _span(tokens, rng)
    tokens[end:end] = tokens[start:end] * rng.choice((1, 1, 2, 3, 10, 50))


def _splice(tokens: list[str], rng: random.Random, seeds: Sequence[str]) -> None:
    other = TOKENS.findall(rng.choice(seeds))
    (start, end), (first, last) = _span(tokens, rng), _span(other, rng)
    tokens[start:end] = other[first:last]


def _swap(tokens: list[str], rng: random.Random, seeds: Sequence[str]) -> None:
    one, two = rng.randrange(len(tokens)), rng.randrange(len(tokens))
    tokens[one], tokens[two] = tokens[two], tokens[one]


def _wrap(tokens: list[str], rng: random.Random, seeds: Sequence[str]) -> None:
    """A part within a function, as often as it takes to be too deep."""
    start, end = _span(tokens, rng)
    opening, closing = rng.choice(WRAPS)
    times = rng.choice((1, 1, 1, 2, 3, 4, 5, 8, 40, 70, 200))
    tokens[end:end] = [closing] * times
    tokens[start:start] = [opening] * times


def _join(tokens: list[str], rng: random.Random, seeds: Sequence[str]) -> None:
    """A part beside another one, with an operator between them."""
    start, end = _span(tokens, rng)
    tokens[end:end] = [rng.choice("+-*/"), *tokens[start:end]]


CHANGES: tuple[Callable[[list[str], random.Random, Sequence[str]], None], ...] = (
    *(_replace, _replace, _replace, _insert, _delete, _repeat, _splice, _swap, _wrap, _join),
)


def mutated_bytes(seeds: Sequence[bytes], rng: random.Random) -> bytes:
    """A seed with bytes changed, left out, repeated or cut off."""
    data = bytearray(rng.choice(seeds))
    for _ in range(rng.choice((0, 1, 1, 2, 3, 8))):
        at = rng.randrange(len(data) + 1)
        width = rng.choice((1, 1, 2, 4, 8, 40))
        match rng.randrange(5):
            case 0:
                data[at : at + width] = rng.randbytes(width)
            case 1:
                data[at : at + width] = rng.choice((b"\xff", b"\x00", b"\x7f", b"9", b"(")) * width
            case 2:
                del data[at : at + width]
            case 3:
                data[at:at] = data[at : at + width] * rng.choice((1, 2, 100))
            case 4:
                del data[at if rng.random() < 0.3 else len(data) :]
    return bytes(data)
