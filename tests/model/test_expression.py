"""Expressions from users: what is read, and the hostile ones, each refused in one line and in no time."""

from __future__ import annotations

import time

import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from derive import Architecture, differentiate, emit, load
from derive.model.activation import Activation
from derive.model.errors import DeriveError
from derive.model.expression import Z, read_expression
from tests.doubles import refusal

HOSTILE = {
    "import": "__import__('os').system('id')",
    "dunder": "().__class__.__bases__[0].__subclasses__()",
    "attribute": "z.__class__",
    "method": "z.subs(1, 2)",
    "eval": "eval('1')",
    "exec": "exec('import os')",
    "open": "open('/etc/passwd')",
    "sympify": "sympify('z')",
    "lambda": "(lambda: z)()",
    "walrus": "(y := z)",
    "f-string": "f'{z}'",
    "string": "'z'",
    "bytes": "b'z'",
    "comprehension": "[z for z in (1, 2)]",
    "generator": "sum(z for z in (1, 2))",
    "list": "[z]",
    "dictionary": "{z: 1}",
    "subscript": "z[0]",
    "starred": "exp(*[z])",
    "keyword": "exp(z=1)",
    "conditional": "z if z > 0 else 0",
    "and": "z and 1",
    "await": "await z",
    "yield": "(yield z)",
    "statement": "import os",
    "two statements": "z; z",
    "assignment": "z = 1",
    "floor division": "z // 2",
    "matrix product": "z @ z",
    "bits": "~z",
    "shift": "z << 1000000000",
    "chained comparison": "where(0 < z < 1, z, 0)",
    "call of a call": "exp(z)(z)",
    "huge power": "9**9**9**9 * z",
    "huge constant power": "10**64**2 * z",
    "power of powers": "((((z**64)**64)**64)**64)",
    "power of z": "z**z",
    "huge number": "1" * 41 + "*z",
    "longer than Python reads": "9" * 5000,
    "infinite number": "1e999*z",
    "imaginary": "1j*z",
    "deep brackets": "(" * 3000 + "z" + ")" * 3000,
    "deep minus": "-" * 3000 + "z",
    "deep calls": "exp(" * 80 + "z" + ")" * 80,
    "tower of exponentials": "exp(" * 30 + "z" + ")" * 30,
    "small tower": "exp(exp(exp(z)))",
    "too long": "z" + "+z" * 3000,
    "many nested sums": "z" + "*(z+1)" * 600,
    "Cyrillic": "\u0435\u0445\u0440(z)",
    "full width": "\uff5a",
    "superscript": "z\u00b2",
    "zero width": "z\u200b",
    "right to left": "z\u202e",
    "minus that is none": "z \u2212 1",
    "null": "z\x00",
    "escape": "z\x1b[31m",
    "empty": "",
    "blank": " \t ",
    "only a comment": "# z",
    "division by zero": "z / 0",
    "hidden division by zero": "z / (z - z)",
    "pole": "1 / z",
    "no value below zero": "sqrt(z)",
    "wild at a point": "sin(1 / z)",
    "constant": "pi",
    "cancels": "z - z",
    "comparison": "z > 0",
    "condition not linear": "where(z**2 > 1, z, 0)",
    "condition that never changes": "where(1 > 0, z, 0)",
    "where without comparison": "where(z, 1, 2)",
    "jump": "where(z > 0, z + 1, z)",
    "sign": "sign(z)",
    "round": "round(z)",
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_text_is_refused_in_one_line_and_within_a_second(case):
    began = time.process_time()
    with pytest.raises(DeriveError) as caught:
        Activation("own", HOSTILE[case])
    message = str(caught.value)
    assert time.process_time() - began < 1
    assert message.startswith("activation 'own': ")
    assert "\n" not in message
    assert message.isprintable()
    assert len(message) < 400


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("tahn(z)", ["unknown function 'tahn'", "did you mean 'tanh'?", "column 1"]),
        ("1 + exq(z)", ["unknown function 'exq'", "did you mean 'exp'?", "column 5"]),
        ("beat*z", ["unknown name 'beat'", "did you mean 'beta'?"]),
        ("Z", ["unknown name 'Z'", "did you mean 'z'?"]),
        ("exp*z", ["exp is a function; write exp(...)"]),
        ("max(z)", ["max takes 2 arguments, not 1"]),
    ],
)
def test_a_slip_is_answered_with_the_nearest_name(text, words):
    with pytest.raises(DeriveError) as caught:
        read_expression(text, {"z": Z, "beta": 1})
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("text", "at", "value"),
    [
        ("z", 3, 3),
        ("-z**2", 3, -9),
        ("2**-1 * z", 3, sp.Rational(3, 2)),
        ("0.01*z", 1, sp.Rational(1, 100)),
        ("max(z, 0)", -2, 0),
        ("min(z, 0)", -2, -2),
        ("abs(z)", -2, 2),
        ("where(z >= 1, z, 1)", 1, 1),
        ("log1p(expm1(z))", 5, 5),
        ("exp(1)", 0, sp.E),
    ],
)
def test_what_an_expression_means(text, at, value):
    assert sp.simplify(read_expression(text, {"z": Z}).subs(Z, at) - value) == 0


@given(st.text(alphabet="z01.()+-*/, exptanhwherelog<>=_'[]\n", max_size=25))
def test_any_text_is_an_activation_or_one_line(text):
    assert "\n" not in refusal(Activation, "own", text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("-z * where(abs(z) > 0, z, beta*z)", "nothing depends on the trained constant 'beta'"),  # but for z = 0
        ("z + beta - beta", "nothing depends on the trained constant 'beta'"),
        ("max(z, beta)", "decides where a kink lies"),
        ("where(z > 0, beta*z, z)", ""),
        ("where(z > 7, z + beta*(z - 7), z)", ""),
        ("where(z > -1, where(z < 1, z + beta*(z**2 - 1), z), z)", ""),
        ("z * where(abs(z) > 0, beta, 1)", ""),
    ],
)
def test_a_trained_constant_has_something_to_do(text, message):
    if message:
        with pytest.raises(DeriveError, match=message):
            Activation("own", text, (("beta", 0.5),), ("beta",))
    else:
        assert Activation("own", text, (("beta", 0.5),), ("beta",)).trained == ("beta",)


@pytest.mark.parametrize("number", ["exp(exp(exp(exp(1 + 2))))**z", "exp(cosh(sinh(9)))", "cosh(701)", "expm1(701)"])
def test_numbers_beyond_every_float_are_not_computed(number: str) -> None:
    with pytest.raises(DeriveError, match=r"the number is too large \(column"):
        Activation("own", f"2**z/{number}")
    assert Activation("own", "2**z/exp(cosh(sinh(1)))")


@pytest.mark.parametrize(
    "number", ["1.0000000000000000000000001", "0.99999999999999999999", "1_0.000000000000000000001"]
)
def test_decimals_have_the_digits_of_a_float(number: str) -> None:
    with pytest.raises(DeriveError, match=r"has more digits than a float64; 10?\.0 is nearest \(column"):
        Activation("own", f"z*tanh({number}*z)")
    for kept in ("1e-3", "0.1", "1.50", ".5", "2.", "0.30000000000000004", "1_0.5"):
        assert Activation("own", f"z*tanh({kept}*z)")


@pytest.mark.parametrize("number", ["1e-400", "1.5e-40000000000000000000000"])
def test_decimals_that_a_float_rounds_to_zero_are_refused(number: str) -> None:
    """The exponent of the second is beyond those of Python's decimals too."""
    with pytest.raises(DeriveError, match=r"0\.0 is nearest \(column"):
        Activation("own", f"z*tanh(z) + {number}")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        *((n, "stands for something else in every network; rename") for n in ("W", "np", "dW", "vda", "float", "json")),
        *(
            (n, "ends in a digit, where its layer's number follows; rename the constant")
            for n in ("a0", "t1", "slope1")
        ),
        ("END_b", "stands for something else"),
        *((n, "") for n in ("beta", "velocity", "dual", "own", "one")),
    ],
)
def test_names_of_trained_constants(name: str, message: str) -> None:
    def made() -> Activation:
        return Activation("own", f"z/(1 + exp(-{name}*z))", ((name, 1.5),), (name,))

    if message:
        with pytest.raises(DeriveError, match=f"'{name}' {message}"):
            made()
    else:
        module = load(emit(differentiate(Architecture([2, *[3] * 11, 1], [*[made()] * 11, "identity"]))))
        assert module.predict(module.initialize(0), [[1, 2]]).shape == (1, 1)


@pytest.mark.parametrize(
    "text", ["max(z*log1p(1e-14), 1) + z", "where(z > 1/log(1 + beta**2), z, 2*z)", "z/log1p(1e-20)"]
)
def test_logarithms_that_are_nearly_zero_are_refused(text: str) -> None:
    """SymPy divides by 0 where it compares z with 1/log(1 + 1e-14)."""
    with pytest.raises(DeriveError, match=r"'log.*' is a number so near to 0 that SymPy takes it for 0 \(column"):
        Activation("own", text, (("beta", 1e-7),) if "beta" in text else ())
    assert Activation("own", "max(z*log1p(1e-3), 1) + z*log(1 + 1e-5)")
