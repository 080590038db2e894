"""Which mutants count as equivalent: rules see what cannot matter and nothing else; the list is about real lines."""

from pathlib import Path

import pytest

from benchmarks.mutation_rules import changed_lines, listed, reason_by_rule

MODULE = '''
@lru_cache(maxsize=16)
def f(x: int | None, layout) -> int:
    """Text."""
    pairs = [a for a, b in zip(x, x, strict=True) if a is not None]
    if len(x) > 0 or x.verdict != "proved":
        return 1 if layout == "columns" else 2
    return x == ONE or x != sp.S.Half or x == N
'''
EQUIVALENT = [
    ("int | None", "int & None"),
    ("-> int", "-> str"),
    ("maxsize=16", "maxsize=17"),
    ("@lru_cache(maxsize=16)\n", ""),
    ("strict=True", "strict=False"),
    ('== "columns"', '<= "columns"'),
    ('== "columns"', '!= "rows"'),
    ("len(x) > 0", "len(x) != 0"),
    ('!= "proved"', '> "proved"'),
    ("x == ONE", "x is ONE"),
    ("x != sp.S.Half", "x is not sp.S.Half"),
]
DIFFERENT = [
    ("return 1", "return 2"),
    ("is not None", "is None"),
    ('== "columns"', '>= "columns"'),
    ('== "columns"', '!= "columns"'),
    ('layout == "columns"', 'x <= "columns"'),
    ("zip(x, x,", "zip(x, y,"),
    ("len(x) > 0", "len(x) >= 0"),
    ("len(x) > 0", "len(x) == 1"),
    ("len(x) > 0", "len(x) > 1"),
    ("len(x) > 0", "len(x) > -1"),
    ('!= "proved"', '< "proved"'),
    ('!= "proved"', '!= "refuted"'),
    ('x.verdict != "proved"', 'x.other > "proved"'),
    ('!= "proved"', '!= "qroved"'),
    ("x == ONE", "x is not ONE"),
    ("x == N", "x is N"),
]


@pytest.mark.parametrize(("before", "after"), EQUIVALENT)
def test_what_computes_the_same_has_a_reason(before, after):
    assert reason_by_rule(MODULE, MODULE.replace(before, after))


@pytest.mark.parametrize(("before", "after"), DIFFERENT)
def test_what_computes_something_else_has_none(before, after):
    assert reason_by_rule(MODULE, MODULE.replace(before, after)) is None


def test_strict_is_not_added_for_nothing():
    assert reason_by_rule(MODULE.replace("strict=True", "strict=False"), MODULE) is None


def test_a_mutant_that_does_not_parse_is_none():
    assert reason_by_rule(MODULE, MODULE.replace("return 1", "return (")) == ""


def test_the_key_of_a_mutant_does_not_depend_on_where_it_stands():
    changed = MODULE.replace("return 1", "return 3")
    assert changed_lines(MODULE, changed) == changed_lines("\n\n" + MODULE, "\n\n" + changed)


@pytest.mark.parametrize("key", listed(), ids=lambda key: f"{key[0]}: {key[2]}")
def test_every_entry_of_the_list_is_about_a_line_that_exists(key):
    module, before, after = key
    (path,) = Path(__file__).parents[1].joinpath("derive", "proof").rglob(f"{module}.py")
    assert before in [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    assert before != after
    assert listed()[key]
