"""Known hostile input, by the way in which it enters: everything here has to be refused with a message.

The message is one line of printable characters that contains the words beside the input; the exit status is 2.
Findings of the fuzzing stand here too.
"""

from __future__ import annotations

DEEP = 200

EXPRESSIONS: dict[str, tuple[str, str]] = {
    # Python
    "import": ("__import__('os').system('id')", "is not a function"),
    "dunder attributes": ("().__class__.__base__.__subclasses__()", "is not a function"),
    "attribute of z": ("z.__class__", "has no place here"),
    "method of z": ("z.subs('x', 1)", "is not a function"),
    "lambda": ("(lambda: z)()", "is not a function"),
    "exec": ("exec('1')", "unknown function 'exec'"),
    "open": ("open('/etc/passwd')", "unknown function 'open'"),
    "getattr": ("getattr(z, 'x')", "unknown function 'getattr'"),
    "comprehension": ("[z for z in (1,)]", "is not part of the notation"),
    "f-string": ("f'{z}'", "is not part of the notation"),
    "walrus": ("(x := z)", "is not part of the notation"),
    "two statements": ("z; import os", "does not parse"),
    "a statement": ("import os", "does not parse"),
    "star": ("exp(*z)", "is not part of the notation"),
    "keyword": ("exp(x=z)", "is not part of the notation"),
    "conditional": ("z if z else 1", "is not part of the notation"),
    "text": ("'z'", "is not a number"),
    "bytes": ("b'z'", "is not a number"),
    "imaginary": ("1j*z", "is not a number"),
    "ellipsis": ("...", "is not part of the notation"),
    "true": ("True*z", "is not a number"),
    "debug": ("__debug__", "unknown name"),
    "subscript": ("z[0]", "subscripts have no place"),
    "modulo": ("z % 2", "is not part of the notation"),
    "shift": ("z << 9999999999", "is not part of the notation"),
    "invert": ("~z", "is not part of the notation"),
    "and": ("z and z", "is not part of the notation"),
    "await": ("await z", "is not part of the notation"),
    "a comparison": ("z < 1", "is a comparison"),
    "chained comparisons": ("where(0 < z < 1, z, 0)", "is not part of the notation"),
    # Injections into what is emitted
    "docstring": ('z """; import os; """', "does not parse"),
    "comment": ("z # */ -->", "a comment has no place"),
    "code in a comment": ('z*tanh(z) # """; import os; os.system("id"); """', "a comment has no place"),
    "toml in a comment": ('z*tanh(z) # "\nname = "x', "a comment has no place"),
    "line break": ("z\nimport os", "does not parse"),
    "backslash": ("z\\", "does not parse"),
    "jinja expression": ("{{ z.__class__ }}", "is not part of the notation"),
    "jinja block": ("{% for x in y %}z{% endfor %}", "does not parse"),
    "html": ("z</script><script>alert(1)</script>", "does not parse"),
    "latex": (r"\input{/etc/passwd}", "does not parse"),
    "latex shell": (r"z + \write18{id}", "does not parse"),
    "toml": ('z"\nname = "x', "does not parse"),
    # Characters
    "full width f": ("ｆ(z)", "is not plain ASCII"),
    "full width z": ("ｚ", "is not plain ASCII"),
    "cyrillic a": ("аbs(z)", "is not plain ASCII"),
    "greek nu": ("ν*z", "is not plain ASCII"),
    "mathematical z": ("𝐳", "is not plain ASCII"),
    "bidi override": ("z \u202e+ 1", "is not plain ASCII"),
    "zero width": ("z\u200b", "is not plain ASCII"),
    "no-break space": ("z\xa0+ 1", "is not plain ASCII"),
    "line separator": ("z\u2028+ 1", "is not plain ASCII"),
    "arabic digit": ("z + ٣", "is not plain ASCII"),
    "escape": ("z\x1b[31m", "is not plain ASCII"),
    "delete": ("z\x7f", "is not plain ASCII"),
    # Comparisons
    **{
        f"a comparison as a number: {text}": (text, "a comparison belongs into where")
        for text in ("-(z>0)", "2*---(z>=0)", "(z>0)*z", "(z>0)>1", "where((z>0)>0, z, 1)")
    },
    # Numbers
    "a tower of powers": ("9**9**9*z", "the exponent has to be"),
    "a huge exponent": ("z**(10**9)", "the exponent has to be"),
    "exponents that multiply": ("(z**64)**64", "the exponents multiply"),
    "negative tower": ("z**-9**9", "the exponent has to be"),
    "many digits": ("9" * 41 + "*z", "more than 40 digits"),
    "thousands of digits": ("9" * 900 + "*z", "more than 40 digits"),
    "infinite": ("1e400*z", "is not a finite number"),
    "subnormal": ("1e-320*z", "is not a finite number"),
    "division by zero": ("z/(1 - 1)", "division by zero"),
    "zero to minus one": ("0**-1*z", "division by zero"),
    "infinite at once": ("exp(exp(exp(z)))", "grows beyond every float"),
    "complex": ("sqrt(-1)*z", "no finite real value"),
    "beyond floats": ("exp(1000)**64*z", "z"),
    # Nesting and length
    "cases within cases": ("where(z>0," * 40 + "z" + ",z)" * 40, "40 functions in an expression; at most 16"),
    "parentheses": ("(" * 3000 + "z", "characters in an expression"),
    "deep": ("-" * DEEP + "z", "nested more than 60"),
    "deep brackets": ("(" * DEEP + "z", "does not parse"),
    "forty max": ("max(" * 40 + "z" + ",0)" * 40, "functions in an expression; at most 16"),
    "fifty tanh": ("tanh(" * 16 + "z" + ")" * 16, "functions within one another in an expression; at most 4"),
    "five abs": ("abs(" * 5 + "z" + "-1)" * 5, "cases that depend on cases in an expression; at most 2"),
    "a comparison of cases": ("where(abs(abs(z) - 1) > 0.5, z, 0)", "cases that depend on cases"),
    "long": ("z" + " + z" * 400, "characters in an expression; at most 1000"),
    "nothing": ("   ", "is empty"),
    # Meaning
    "constant in disguise": ("max(where(z > 0.25, z/3 - z, z - 0.25), 0)", "derivative 0 everywhere"),
    "one over nothing": ("abs(abs(z)**-1)", "not real everywhere"),
    "root below nothing": ("where(z > sqrt(sqrt(-0.5)), z, 0)", "a side of the comparison is not real"),
    "jump far out": ("where(z > 1e308, z, exp(z) - 1)", "jumps at z"),
    "never changes": ("where(1 > 0, z, 0)", "the comparison never changes"),
}
"""Texts that are given as an activation's expression, in a file and on the command line."""

NAMES: dict[str, str] = {
    "python": '"; import os; "',
    "docstring": '"""',
    "backslash": "\\",
    "line break": "net\nimport os",
    "carriage return": "net\rimport os",
    "jinja": "{{ 7*7 }}",
    "jinja block": "{% include '/etc/passwd' %}",
    "html": "</script><script>alert(1)</script>",
    "attribute": '" onload="alert(1)',
    "comment": "--><!--",
    "latex": r"\input{/etc/passwd}",
    "latex catcode": "^^41",
    "latex math": "$x$",
    "path": "../../etc/cron",
    "absolute path": "/tmp/net",
    "device": "/dev/zero",
    "drive": "C:net",
    "dot": ".",
    "nul": "net\x00",
    "escape": "net\x1b[2J",
    "full width": "ｎet",
    "cyrillic": "nеt",
    "ligature": "ﬁnal",
    "bidi": "net\u202e",
    "long": "a" * 61,
    "keyword": "lambda",
    "soft": "__import__",
    "underscore": "_net",
    "space": "a net",
    "empty": "",
    "format": "{0.__class__}",
}
"""Names of a network, of an activation and of a loss."""

SPECIFICATIONS: dict[str, tuple[str | bytes, str]] = {
    "nul bytes": ("sizes = [2, 3]\x00\n", "not valid TOML"),
    "not utf-8": (b"name = '\xff\xfe'", "it is not UTF-8"),
    "utf-16": ("sizes = [2, 1]".encode("utf-16"), "it is not UTF-8"),
    "surrogate": (b"name = '\xed\xa0\x80'", "it is not UTF-8"),
    "too large": ("#" * 250_001, "bytes in a specification; at most 250000"),
    "brackets": ("a = " + "[" * 100_000, "not valid TOML"),
    "braces": ("a = " + "{a=" * 50_000, "nested too deeply"),
    "dotted key": ("a." * 100_000 + "a = 1", "parts of a key, joined by dots; at most 16"),
    "quoted dotted key": ('"\\"".' * 20_000 + "a = 1", "parts of a key, joined by dots; at most 16"),
    "dotted table": ("[" + "a." * 50_000 + "a]", "parts of a key, joined by dots; at most 16"),
    "duplicate key": ('name = "a"\nname = "b"\n', "not valid TOML"),
    "dotted sizes": ("sizes.x = 1\nactivations = []\n", "sizes"),
    "a date as a size": ('sizes = [2, 1979-05-27]\nactivations = ["tanh"]\n', "sizes: entry 1"),
    "nan as a size": ('sizes = [2, nan]\nactivations = ["tanh"]\n', "sizes: entry 1 is nan"),
    "infinity as a size": ('sizes = [2, inf]\nactivations = ["tanh"]\n', "sizes: entry 1 is inf"),
    "a trillion units": ('sizes = [2, 1000000000000]\nactivations = ["tanh"]\n', "sizes: entry 1"),
    "a number of decimal digits": ("sizes = [2, " + "9" * 5000 + "]\n", "not valid TOML"),
    "a number of hexadecimal digits": (
        "sizes = [2, 0x" + "f" * 5000 + ']\nactivations = ["tanh"]\n',
        "too many digits in a number; at most 40",
    ),
    "parameters": (
        'sizes = [10000000, 10000000]\nactivations = ["tanh"]\n',
        "parameters of a network; at most 1000000000",
    ),
    "a million layers": ("sizes = [" + "1," * 100_000 + "1]\nactivations = []\n", "sizes: 100001 given"),
    "a list as an activation": ('sizes = [2, 1]\nactivations = [["tanh"]]\n', "unknown activation ['tanh']"),
    "a list as a loss": ('sizes = [2, 1]\nactivations = ["tanh"]\nloss = []\n', "unknown loss []"),
    "a list as targets": (
        'sizes = [2, 1]\nactivations = ["tanh"]\nloss = {name = "o", expression = "(a - y)**2", targets = []}\n',
        "unknown kind of targets []",
    ),
    "a list as a dtype": ('sizes = [2, 1]\nactivations = ["tanh"]\ndtype = []\n', "unknown dtype []"),
    "a list as an optimizer": ('sizes = [2, 1]\nactivations = ["tanh"]\noptimizer = []\n', "unknown optimizer []"),
    "a list as a normalization": (
        'inputs = 2\n[[layer]]\nunits = 1\nactivation = "tanh"\nnormalization = []\n',
        "unknown normalization []",
    ),
    "a list as trained": (
        'sizes = [2, 1]\nactivations = ["o"]\n[activation.o]\nexpression = "b*z"\nb = 1\ntrained = [[]]\n',
        "the trained constant []",
    ),
    "a key that is an injection": ("'\"; import os; \"' = 1\n", "unknown key"),
    "a key with an escape": ('"\\u001b[31m" = 1\n', "unknown key"),
    "a constant that is an injection": (
        'sizes = [2, 1]\nactivations = ["o"]\n[activation.o]\nexpression = "z"\n\'x\\n\' = 1\n',
        "the constant name",
    ),
    "a huge constant": (
        'sizes = [2, 1]\nactivations = ["o"]\n[activation.o]\nexpression = "b*z"\nb = 0x' + "f" * 500 + "\n",
        "too many digits in a number; at most 40",
    ),
    "a negative dropout": (
        'inputs = 2\n[[layer]]\nunits = 1\nactivation = "tanh"\ndropout = -0.5\n',
        "dropout is -0.5",
    ),
    "dropout nan": ('inputs = 2\n[[layer]]\nunits = 1\nactivation = "tanh"\ndropout = nan\n', "dropout is nan"),
    "penalty inf": ('sizes = [2, 1]\nactivations = ["tanh"]\npenalty = {l2 = inf}\n', "l2 has to be"),
}

TEXTS: dict[str, tuple[str, str]] = {
    "escape in a label": ('[[formula]]\nlabel = "\\u001b[31m"\nformula = "b1 = b1"\n', "the character U+001B"),
    "a number of hexadecimal digits": (
        "[conventions]\ninput_layer = 0x" + "f" * 5000 + "\n",
        "too many digits in a number; at most 40",
    ),
    "a slice": ('[[formula]]\nlabel = "a"\nformula = "delta[:][j] = b1"\n', "the layer ':' does not parse"),
    "bidi in a label": ('[[formula]]\nlabel = "a\\u202eb"\nformula = "b1 = b1"\n', "the character U+202E"),
    "escape in a title": (
        'title = "\\u009b2J"\n[[formula]]\nlabel = "a"\nformula = "b1 = b1"\n',
        "the character U+009B",
    ),
    "501 formulas": ('[[formula]]\nlabel = "a"\nformula = "b1 = b1"\n' * 501, "501 formulas in a text; at most 500"),
    "a huge formula": (f'[[formula]]\nlabel = "a"\nformula = "b1 = {"b1 + " * 1000}b1"\n', "characters in a formula"),
    "code": ('[[formula]]\nlabel = "a"\nformula = "b1 = __import__(\'os\')"\n', "a: unknown function '__import__'"),
    "a tower of exponentials": (
        f'[[formula]]\nlabel = "a"\nformula = "b1 = sqrt({"exp(" * 40}2{")" * 40}) * b1"\n',
        "the number is too large",
    ),
    "a list as a formula": ('[[formula]]\nlabel = "a"\nformula = []\n', "is [], not text"),
    "a list as a layout": ('layout = []\n[[formula]]\nlabel = "a"\nformula = "b1 = b1"\n', "unknown layout []"),
    "a comparison as a layer": ('[[formula]]\nlabel = "a"\nformula = "b[l>1] = b1"\nfor = "l = 1..L"\n', "no layer"),
}
"""Files that `verify --text` is given."""

ANSWERS: dict[str, str] = {
    "eight functions": "tanh(" * 8 + "delta2" + ")" * 8,
    "code": "__import__('os').system('id')",
    "attribute": "delta2.__class__",
    "jinja": "{{ 7*7 }}",
    "html": "<img src=x onerror=alert(1)>",
    "escape": "\x1b[31mdelta2",
    "cyrillic": "dеlta2",
    "a comparison as a layer": "delta[1 < 2]",
    "a tower": "9**9**9",
    "squares of a multiple": "(" * 41 + "2 * W1" + ")**2" * 41,
    "squares within squares": "(" * 20 + "a1 + 1" + ")**2" * 20,
    "a long one": "x + " * 300 + "x",
    "a deep one": "-" * DEEP + "x",
    "many digits": "9" * 50,
    "functions": "exp(" * 20 + "x" + ")" * 20,
}
"""What a learner may answer: unreadable, never wrong."""

RECORDS: dict[str, tuple[str, str]] = {
    "not json": ("import os\n", "not JSON"),
    "deep": ("[" * 100_000 + "\n", "not JSON"),
    "a list as a slip": ('{"sheet": "s", "exercise": 1, "quantity": "q", "layout": "rows", "answer": "a", '
                         '"verdict": "incorrect", "slip": []}\n', "[] is no slip's tag"),
    "escape in a sheet": ('{"sheet": "\\u001b[2J", "exercise": 1, "quantity": "q", "layout": "rows", "answer": "a", '
                          '"verdict": "incorrect"}\n', "the character U+001B"),
    "a key too many": ('{"__class__": 1}\n', "not an answer"),
    "digits": ("9" * 5000 + "\n", "not JSON"),
}  # fmt: skip
"""Files that `exercises --report` is given."""

MODULES: dict[str, str] = {
    "import": "import socket",
    "a module of the checkpoints": "os.system('id')",
    "the writer of checkpoints": "train(None, None, None, checkpoint='{sentinel}')",
    "import from typing": "from typing import sys; sys.modules['os'].system('touch {sentinel}')",
    "builtins": "__builtins__['open']('{sentinel}', 'w')",
    "open": "open('{sentinel}', 'w')",
    "subclasses": "().__class__.__base__.__subclasses__()",
    "exec": "exec('1')",
    "the stand-in": "np.sqrt.owner.neurons",
    "evaluation by SymPy": 'np.sqrt.owner.number(1).item().subs(\'__import__("os").system("id")\', 1)',
    "a file by numpy": "np.ones(3).tofile('{sentinel}')",
    "load": "np.load('{sentinel}', allow_pickle=True)",
    "a frame": "(i for i in ()).gi_frame.f_back",
    "a decorator": "@print\ndef f(): pass",
    "a metaclass": "class A(metaclass=print): pass",
    "an endless loop": "while True: pass",
    "a wide format": "f'{{1:999999999}}'",
    "a long text": "'%999999999d' % 1",
    "a long number": "1 << 10**10",
    "format": "'{{0.__class__}}'.format(1)",
    "a lambda": "(lambda: 0)()",
    "a global": "def f():\n    global np\n    np = 1",
    "delete": "del np",
    "an assertion": "assert False",
    "a print": "print('\\x1b[2J')",
}
"""Code within a module that says of itself that derive emitted it; `audit` must not run any of it."""
