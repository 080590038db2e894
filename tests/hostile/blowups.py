"""Code of few characters that takes for ever or all memory, within a module that says that derive emitted it."""

from __future__ import annotations

BLOWUPS: dict[str, str] = {
    # Loops
    "a long loop": "for i in range(10**12): pass",
    "loops within loops": "for i in range(10**4):\n    for j in range(10**4):\n        for k in range(10**4): pass",
    "a sum over a range": "sum(range(10**13))",
    "a list of a range": "list(range(10**13))",
    "a tuple of a range": "tuple(range(10**13))",
    "the largest of a range": "max(range(10**13))",
    "a range in an argument": "max(*range(10**13))",
    "a range in a tuple": "(*range(10**13), 0)",
    "a generator over ranges": "sum(i for i in range(10**7) for j in range(10**7))",
    "two calls of the same": "def f(n):\n    if n:\n        f(n - 1)\n        f(n - 1)\nf(80)",
    "slices of a long list": "l = list(range(10**6))\nfor i in range(10**6):\n    l[1:]",
    "a list taken apart": "l = list(range(10**6))\nfor i in range(10**6):\n    a, *b = l",
    "a list in itself": "l = [0]\nfor i in range(10**9):\n    l = [*l, *l]",
    "lists of lists compared": (
        "a, b = [0], [0]\nfor i in range(60):\n    a, b = [a, a], [b, b]\nif a == b:\n    pass"
    ),
    "lists of lists as an array": "a = [0]\nfor i in range(30):\n    a = [a, a]\nnp.shape(a)",
    "the sum of lists": "sum([list(range(1000)) for i in range(1000)], [])",
    # Sequences and numbers
    "a repeated list": "[0] * 10**10",
    "a repeated tuple": "(0,) * 10**10",
    "a repeated text": "'a' * 10**11",
    "a text doubled": "s = 'a'\nfor i in range(99):\n    s += s",
    "a tower": "9**9**9",
    "squares of squares": "x = 3\nfor i in range(60):\n    x = x * x",
    "squares of squares in place": "x = 3\nfor i in range(60):\n    x *= x",
    "a fraction of long numbers": "x = 3**10**8 / 7**10**8",
    "a long literal": "x = 0x" + "f" * 10**6 + "\nfor i in range(10**6):\n    -x",
    # Arrays
    "zeros": "np.zeros((10**9, 10**9))",
    "zeros that fit": "np.ones(10**9)\nnp.ones(2 * 10**9)",
    "empty": "np.empty(10**10)",
    "full": "np.full((10**5, 10**5), 0.5)",
    "truth values": "np.empty(10**10, bool)",
    "many arrays": "for i in range(10**5):\n    l = [np.ones(10**6) for k in range(10**5)]",
    "an outer product": "a = np.zeros((10**5, 1))\na + a.T",
    "an outer comparison": "a = np.zeros((10**5, 1))\na < a.T",
    "an outer product of truth values": "a = np.empty((10**5, 1), bool)\na | a.T",
    "a product of matrices": "a = np.ones((3000, 3000))\nfor i in range(100):\n    a.dot(a, a)",
    "a product of truth values": "a = np.empty((3000, 3000), bool)\nfor i in range(100):\n    a = a @ a",
    "an einsum": "a = np.ones(300)\nnp.einsum('a,b,c,d,e->abcde', a, a, a, a, a)",
    "where": "a = np.empty((10**5, 1), bool)\nnp.where(a, a.T, 0.0)",
    "concatenated": "a = np.ones(10**6)\nfor i in range(60):\n    a = np.concatenate([a, a])",
    "rows taken": "a = np.zeros((1000, 1000))\na[np.zeros((1000, 1000))]",
    "copies": "a = np.zeros(10**7)\nfor i in range(10**6):\n    a.copy()",
    "copies of truth values": "a = np.empty(10**7, bool)\nfor i in range(10**6):\n    a.copy()",
    "written over": "a = np.zeros(10**7)\nfor i in range(10**6):\n    a[...] = 0",
    "sums": "a = np.zeros(10**7)\nfor i in range(10**6):\n    a.sum()",
    "room for many samples": "_buffers(10**9)",
    "roots of many entries": "a = np.ones(10**7)\nnp.sqrt(a)",
    "an array of NumPy itself": "a = np.ndarray(10**9)\na.fill(1)",
    "random numbers": "np.random.default_rng(0).standard_normal((10**5, 10**5))",
    # Expressions
    "a large power": "np.power(np.ones(3) * 0.3, 10**9)",
    "a large power of a number": "0.3 ** 10**9",
    "powers of powers": "x = 0.3\nfor i in range(60):\n    x = np.square(x)",
    "an expression that doubles": "x = np.ones((2, 3))\nfor i in range(60):\n    x = x * (1.5 * x + 0.5)",
    "a tower of exp": "x = np.exp(np.exp(np.exp(np.exp(3.25))))\nif x > 2.5:\n    pass",
    "a tower of exp and sinh": "x = np.sinh(np.exp(np.sinh(22.0)))\nnp.maximum(x, 1e9)",
    "functions of functions": "x = 0.5\nfor i in range(5000):\n    x = np.sin(x) + 1.5",
    "a power of a sum": (
        "x = np.power(1.0 + np.exp(0.1) + np.sin(0.2) + np.tanh(0.3) + np.log(2.5) + np.cos(0.7), 60)\nnp.ones(3) * x"
    ),
}
"""Each is a statement of its own behind the module's; `audit` must come to an end with a message."""
