"""Texts as data: the source text is complete, and a text file's errors name file, entry and remedy."""

import pytest

from derive.model.errors import DeriveError
from derive.proof.formulas.claims import from_toml, read_text, source_text

ONE = '[[formula]]\nlabel = "one"\nformula = "z1 = b1"\n'


def test_the_source_text_has_every_formula():
    text = source_text()
    printed = " ".join(claim.printed for claim in text.claims) + " ".join(shown for _, shown in text.definitions)
    for part in (
        r"({\bf w}^l_i)^T",
        r"\sum_{l=1}^N n_l",
        r"\frac1{2N}",
        r"{\bf a}^1({\bf x}_i + {\bf b}^2)",
        r"F^L({\bf W}^L",
        r"{\bf z}^k({\bf x}_i)",
        r"1/N \sum",
        r"\frac12 \|",
        r"f'( z_1^L",
        r"({\bf W}^{l+1})^T",
        r"({\bf a}^{l-1}({\bf x}_i))^T",
        r"n_l (n_{l-1} + 1)",
        r"{\bf a}^0 = {\bf x}_i",
    ):
        assert part in printed
    assert sum(bool(claim.corrected) for claim in text.claims) == 2
    assert all(claim.printed for claim in text.claims)
    assert text.loss == "least_squares"


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("", r"no \[\[formula\]\]"),
        ("layout = 'row'\n" + ONE, "unknown layout 'row'; did you mean 'rows'"),
        ("lable = 'x'\n" + ONE, "unknown key 'lable'"),
        (ONE + "fro = 'l = 1..L'", "number 1: unknown key 'fro'; did you mean 'for'"),
        ("loss = 'huber_loss'\n" + ONE, "unknown loss"),
        ("[[formula]]\nlabel = 'x'", "number 1: the key 'formula' is missing"),
        ("[[formula]]\nlabel = 3\nformula = 'z1 = b1'", "is 3, not text"),
        ("formula = 'z1 = b1'", "write one"),
        ("[[formula]", "not valid TOML"),
    ],
)
def test_mistakes_in_a_text(toml, words):
    with pytest.raises(DeriveError, match=words) as caught:
        from_toml(toml, "book.toml")
    assert str(caught.value).startswith("book.toml: ")


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(DeriveError, match="cannot be read"):
        read_text(tmp_path / "missing.toml")
    path = tmp_path / "latin.toml"
    path.write_bytes(b"title = '\xff'")
    with pytest.raises(DeriveError, match="UTF-8"):
        read_text(path)
    path.write_text(ONE)
    assert read_text(path).claims[0].formula == "z1 = b1"
