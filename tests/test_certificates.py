"""An existing certificate against a module: it passes as it is, and no field of either can be changed."""

from __future__ import annotations

import copy
import json

import pytest

from derive.commands import recheck
from derive.model.limits import LIMITS, Limit
from derive.proof.seal import FIELDS, FORMULA_FIELDS, read_certificate, seal, sealed

SMALL = ("--layers", "2-2-1", "--name", "small")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A module and its certificate, as `derive generate` writes them."""
    from derive.cli import main

    folder = tmp_path_factory.mktemp("made")
    module, certificate = folder / "small.py", folder / "small.json"
    assert main(["generate", *SMALL, "-o", str(module), "--certificate", str(certificate)]) == 0
    return module.read_text(), json.loads(certificate.read_text())


@pytest.fixture
def check(derive, made, tmp_path, monkeypatch):
    """Check a certificate against the module; unless asked for, its verdicts are not made again but remembered."""
    source, certificate = made

    class Remembered:
        def to_json(self):
            return json.dumps(certificate)

    def run(content, text=source, redo=False):
        if not redo:
            remembered = dict.fromkeys(recheck.REDONE, lambda text, where, report: Remembered())
            monkeypatch.setattr(recheck, "REDONE", remembered)
        (tmp_path / "small.py").write_text(text)
        written = content if isinstance(content, str | bytes) else json.dumps(content)
        (tmp_path / "small.json").write_bytes(written if isinstance(written, bytes) else written.encode())
        return derive("verify", "--certificate", "small.json", "small.py")

    return run


def test_a_certificate_fits_its_module(check, made):
    result = check(made[1], redo=True)
    assert (result.status, result.err) == (0, "")
    assert "come out the same when redone" in result.out
    assert "The certificate is that of this module." in result.out


def test_an_audit_is_a_certificate_too(derive, check, made, tmp_path):
    (tmp_path / "small.py").write_text(made[0])
    written = derive("audit", "small.py", "--json").out
    assert json.loads(written)["kind"] == "audit"
    assert check(written, redo=True).status == 0


def test_what_a_certificate_says(made):
    _, content = made
    assert set(content) == set(FIELDS)
    assert content["kind"] == "proof and audit"
    assert set(content["versions"]) == {"derive", "sympy", "numpy", "python"}
    assert content["digest"] in made[0]
    assert "sizes = [2, 2, 1]" in content["specification"]
    assert all(set(formula) == set(FORMULA_FIELDS) for formula in content["formulas"])
    by_label = {formula["label"]: formula for formula in content["formulas"]}
    assert by_label["Induction over l"]["range"]["all_depths"]
    assert by_label["Induction over l"]["range"]["all_widths"]
    assert not by_label["SymPy's diff of the written-out loss"]["range"]["all_widths"]
    assert not any("audit checks that" in line for line in content["not_covered"])
    assert content["seal"] == seal(content)


def changed(value):
    """Another value of the same type."""
    match value:
        case bool():
            return not value
        case str():
            return value + " "
        case list():
            return value[:-1] if value else ["x"]
        case dict():
            return {**value, "x": "y"}
    raise AssertionError(value)


PLACES = [
    *((key,) for key in FIELDS),
    *(("versions", key) for key in ("derive", "sympy", "numpy", "python")),
    *(("formulas", 3, key) for key in FORMULA_FIELDS),
    ("formulas", 3, "range", "all_widths"),
    ("trusts", 0),
    ("not_covered", 0),
]


def edited(content, place):
    content = copy.deepcopy(content)
    inner = content
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = changed(inner[place[-1]])
    return content


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_no_field_can_be_edited(check, made, place):
    result = check(edited(made[1], place))
    assert result.status == 1, result.out
    assert "✗ seal" in result.out


@pytest.mark.parametrize("place", [p for p in PLACES if p[0] not in ("seal", "versions", "kind")], ids=str)
def test_sealed_again_an_edit_shows_when_the_verdicts_are_redone(check, made, place):
    result = check(sealed(edited(made[1], place)))
    assert result.status == 1
    assert "✓ seal" in result.out
    assert "✗" in result.out


def test_another_kind_is_found_when_it_is_redone(check, made):
    assert check(sealed({**made[1], "kind": "audit"}), redo=True).status == 1


def test_added_removed_and_reordered_fields(check, made):
    content = made[1]
    assert check({**content, "more": "x"}).status == 1
    assert check(sealed({**content, "more": "x"})).status == 1
    assert check(sealed({**content, "formulas": content["formulas"][::-1]})).status == 1
    assert check(sealed({**content, "formulas": [*content["formulas"], content["formulas"][0]]})).status == 1
    assert check(dict(reversed(content.items()))).status == 0  # the same content


@pytest.mark.parametrize(("old", "new"), [("loss", "lost"), ("import numpy as np\n", "import numpy as np\n\n")])
def test_no_byte_of_the_module_can_be_edited(check, made, old, new):
    result = check(made[1], made[0].replace(old, new, 1))
    assert result.status == 1
    assert "✗ digest" in result.out


def test_a_certificate_that_does_not_hold_is_no_pass(check, made, monkeypatch):
    content = sealed({**made[1], "holds": False})
    assert check(content).status == 1


DEEP = "[" * 100_000
UNUSABLE = {
    "empty": ("", "not JSON"),
    "no JSON": ("{'subject': 1}", "line 1"),
    "not UTF-8": (b"\xff\xfe", "UTF-8"),
    "deep": (DEEP + "]" * 100_000, "nested too deeply"),
    "deep inside": ('{"formulas": ' + DEEP + "]" * 100_000 + "}", "nested too deeply"),
    "a list": ("[]", "not an object"),
    "a number": ("3", "not an object"),
    "NaN": ('{"subject": NaN}', "NaN"),
    "long number": ('{"subject": ' + "9" * 10_000 + "}", "too long"),
    "twice": ('{"subject": "a", "subject": "b"}', "twice"),
    "nothing in it": ("{}", "lacks the key 'subject'"),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_what_is_no_certificate_gets_one_line(check, case):
    written, words = UNUSABLE[case]
    result = check(written)
    assert (result.status, result.out) == (2, "")
    assert words in result.err
    assert result.err.count("\n") == 1
    assert "Traceback" not in result.err


@pytest.mark.parametrize("key", FIELDS)
def test_a_field_of_another_type_or_missing(check, made, key):
    for content in ({**made[1], key: 3}, {**made[1], key: None}, {k: v for k, v in made[1].items() if k != key}):
        result = check(content)
        assert (result.status, result.out) == (2, "")
        assert key in result.err


@pytest.mark.parametrize("formula", [3, [], {}, {"label": "x"}, None])
def test_formulas_of_another_type(check, made, formula):
    assert check({**made[1], "formulas": [formula]}).status == 2


def test_too_large_a_file(check, made, monkeypatch):
    monkeypatch.setitem(LIMITS, "certificate", Limit(100, "bytes"))
    assert "at most 100" in check(made[1]).err


def test_strange_text_in_a_certificate_is_shown_in_one_line(check, made):
    result = check({**made[1], "subject": "\ud800\n\x1b[31m"})
    assert result.status == 1
    assert "\x1b[31m" not in result.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--certificate", "small.json"), "--certificate FILE.json MODULE.py"),
        (("--certificate", "small.json", "small.py", "--layers", "2-1"), "nothing else"),
        (("--certificate", "small.json", "small.py", "--text", "nielsen"), "nothing else"),
        (("--certificate", "missing.json", "small.py"), "missing.json: cannot be read"),
        (("--certificate", "small.json", "missing.py"), "missing.py: cannot be read"),
        (("--certificate", ".", "small.py"), "folder"),
    ],
)
def test_arguments_that_do_not_go_together(derive, made, tmp_path, arguments, words):
    (tmp_path / "small.py").write_text(made[0])
    (tmp_path / "small.json").write_text(json.dumps(made[1]))
    result = derive("verify", *arguments)
    assert (result.status, result.out) == (2, "")
    assert words in result.err


def test_a_module_that_is_none(derive, made, tmp_path):
    (tmp_path / "small.json").write_text(json.dumps(made[1]))
    (tmp_path / "other.py").write_text("x = 1\n")
    assert derive("verify", "--certificate", "small.json", "other.py").status == 1  # another digest
    (tmp_path / "other.py").write_bytes(b"\xff")
    assert derive("verify", "--certificate", "small.json", "other.py").status == 2


def test_a_proof_alone_names_no_module(derive, made, tmp_path):
    (tmp_path / "small.py").write_text(made[0])
    (tmp_path / "proof.json").write_text(derive("verify", "--text", "nielsen", "--json").out)
    result = derive("verify", "--certificate", "proof.json", "small.py")
    assert result.status == 2
    assert "names no module" in result.err


def test_certificates_are_not_written_over_what_they_certify(derive, tmp_path):
    for more, words in (
        (("--certificate", "small.py"), "is the module itself"),
        (("--certificate", "c.json", "--no-audit"), "nothing to certify"),
        (("--certificate", "none/c.json"), "does not exist"),
    ):
        result = derive("generate", *SMALL, *more)
        assert result.status == 2
        assert words in result.err
    assert list(tmp_path.iterdir()) == []


def test_reading_gives_the_content_back(made, tmp_path):
    (tmp_path / "c.json").write_text(json.dumps(made[1]))
    assert read_certificate(tmp_path / "c.json") == made[1]
