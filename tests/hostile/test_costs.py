"""Files that took for ever or all memory to read: each is read or refused in about as long as any other of its size."""

from __future__ import annotations

import json

import pytest

from derive import Architecture, audit, differentiate, emit
from derive.model.errors import DeriveError
from derive.model.sources import toml_table
from derive.proof.seal import read_certificate
from tests.hostile.test_corpus import refused

NETWORK = Architecture((2, 3, 1), ("tanh", "identity"))

NEVER_CLOSED = {
    "a text": 'a = "' + '\\"' * 120_000,
    "a text of several lines": 'a = """' + '\\"' * 100_000,
    "texts one after the other": 'a = "' + '" "' * 80_000,
    "a literal": "a = '" + "\\'" * 100_000,
    "a literal of several lines": "a = '''" + "''" * 120_000,
    "keys that go nowhere": ("a." * 15 + "a ") * 7000,
}


@pytest.mark.parametrize("case", NEVER_CLOSED)
def test_toml_that_is_never_closed(derive, tmp_path, bounded, case):
    (tmp_path / "net.toml").write_text(NEVER_CLOSED[case])
    refused(derive, tmp_path, ["generate", "net.toml"], "not valid TOML")
    refused(derive, tmp_path, ["verify", "--text", "net.toml"], "not valid TOML")


def test_dots_in_texts_and_comments_join_no_keys():
    dots = "a." * 40 + "a"
    text = f'a = "{dots}"\nb = \'{dots}\'\nc = """x\\"""\n{dots}"""\nd = \'\'\'\n{dots}\'\'\'\n# {dots}\n'
    assert set(toml_table(text, "net.toml")) == set("abcd")
    with pytest.raises(DeriveError, match="parts of a key"):
        toml_table(f"{text}{dots} = 1", "net.toml")


def test_a_number_of_thousands_of_digits_is_not_told_in_pythons_words():
    with pytest.raises(DeriveError, match=r"not valid TOML: too many digits in a number; at most 40$"):
        toml_table(f"a = {'9' * 5000}", "net.toml")


@pytest.mark.parametrize(
    ("spec", "words"),
    [(NEVER_CLOSED["a text"], "not valid TOML"), ("#" * 250_001, "250001 bytes in a specification; at most 250000")],
    ids=["never closed", "too large"],
)
def test_the_same_within_a_module(bounded, spec, words):
    text = emit(differentiate(NETWORK), "readable").replace("SPEC = ", f"SPEC = r'''{spec}'''\nOTHER = ", 1)
    with pytest.raises(DeriveError, match=words):
        audit(text)


def test_a_certificate_of_many_keys_and_one_twice(tmp_path, bounded):
    path = tmp_path / "c.json"
    path.write_text(json.dumps(dict.fromkeys(map(str, range(100_000)), 0))[:-1] + ', "a": 0, "a": 1}')
    with pytest.raises(DeriveError, match="the key 'a' stands twice"):
        read_certificate(path)
