"""The command line as its user meets it: what goes where, and with which exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from derive.algebra.gradient import differentiate
from derive.cli import COMMANDS
from derive.codegen.emit import load
from derive.codegen.header import command
from derive.commands.generate import generate
from derive.commands.options import Request, define, read_sizes
from derive.model.activation import Activation
from derive.model.architecture import Architecture
from derive.model.specification import to_toml
from derive.proof.certificate import Certificate, Verdict
from derive.proof.prove import prove
from tests.doubles import BAD, holding, refusal
from tests.strategies import architectures

SMALL = ("--layers", "2-3-1")


# Output and exit status


def test_generate_writes_a_module_that_runs(derive, tmp_path):
    result = derive("generate", *SMALL, "--name", "small")
    assert (result.status, result.out, result.err) == (0, "", "")
    module = load(tmp_path / "small.py")
    assert module.SIZES == (2, 3, 1)
    assert derive("audit", "small.py").status == 0


@pytest.mark.slow
def test_a_dash_writes_the_same_bytes_to_standard_output(derive, tmp_path):
    derive("generate", *SMALL, "-o", "here.py")
    assert derive("generate", *SMALL, "-o", "-").out == (tmp_path / "here.py").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["here.py"]


def test_a_mutated_module_fails_its_audit(derive, tmp_path):
    derive("generate", *SMALL, "--style", "readable", "-o", "small.py")
    text = (tmp_path / "small.py").read_text()
    assert "theta -= " in text
    (tmp_path / "small.py").write_text(text.replace("theta -= ", "theta += "))
    result = derive("audit", "small.py")
    assert result.status == 1
    assert "does not hold" in result.out


def test_an_audit_against_another_architecture_fails(derive):
    derive("generate", *SMALL, "-o", "small.py")
    assert derive("audit", "small.py", *SMALL).status == 0
    assert derive("audit", "small.py", *SMALL, "--activation", "sigmoid").status != 0


def test_verify_shows_every_formula_and_calls_the_slips_known(derive):
    result = derive("verify", *SMALL)
    assert (result.status, result.err) == (0, "")
    assert result.out.count("refuted, as known") == 2
    assert result.out.rstrip().endswith("2 known slips refuted. The certificate holds.")


def test_verify_as_json(derive):
    certificate = prove(differentiate(Architecture((2, 3, 1), ("tanh", "identity"))))
    result = derive("verify", *SMALL, "--json")
    assert result.out == certificate.to_json()
    assert {formula["verdict"] for formula in json.loads(result.out)["formulas"]} == {"proved", "refuted"}


@pytest.mark.parametrize(
    ("verdict", "status", "words"),
    [
        ({}, 0, "proved"),
        ({"verdict": "undecided"}, 1, "undecided"),
        ({"verdict": "refuted"}, 1, "refuted"),
        ({"verdict": "refuted", "expected": "refuted"}, 0, "refuted, as known"),
        ({"expected": "refuted"}, 1, "does not hold"),
    ],
)
def test_the_exit_status_says_whether_the_certificate_holds(derive, rooms, verdict, status, words):
    rooms.proof = rooms.audited = holding(**verdict)
    assert derive("verify", *SMALL).status == status
    result = derive("verify", *SMALL)
    assert words in result.out
    Path("module.py").write_text("")
    assert derive("audit", "module.py").status == status
    assert derive("generate", *SMALL, "-o", "-").status == status


def test_a_counterexample_is_shown(derive, rooms):
    rooms.proof = BAD
    assert "at a = 1, c = 2" in derive("verify", *SMALL).out


def test_no_verdicts_are_not_a_pass(derive, rooms):
    rooms.proof = Certificate("nothing", ())
    assert derive("verify", *SMALL).status == 1


@pytest.mark.parametrize("room", ["proof", "audited"])
def test_what_does_not_hold_is_not_written(derive, rooms, tmp_path, room):
    setattr(rooms, room, BAD)
    (tmp_path / "network.py").write_text("old")
    result = derive("generate", *SMALL)
    assert result.status == 1
    assert result.err.startswith("derive: the ")
    assert "nothing was written: place: a = c is refuted" in result.err
    assert (tmp_path / "network.py").read_text() == "old"


def test_no_audit_leaves_out_proof_and_audit(derive, rooms):
    assert derive("generate", *SMALL, "--no-audit", "-o", "-").out == rooms.source
    assert [(name, question[-1]) for name, *question in rooms.asked] == [("source", False)]
    derive("generate", *SMALL, "-o", "-")
    assert [name for name, *_ in rooms.asked[1:]] == ["proof", "source", "audited"]


def test_the_text_of_a_user_reaches_the_proof(derive, rooms, tmp_path):
    (tmp_path / "book.toml").write_text("")
    derive("verify", *SMALL, "--text", "book.toml")
    assert str(rooms.asked[0][2]) == "book.toml"


def test_without_a_specification_the_module_speaks_for_itself(derive, rooms, tmp_path):
    (tmp_path / "module.py").write_text("SPEC = 0\n")
    derive("audit", "module.py")
    derive("audit", "module.py", *SMALL)
    assert [question[1] for _, *question in rooms.asked] == [None, Architecture((2, 3, 1), ("tanh", "identity"))]


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",)])
def test_help_shows_the_commands(derive, arguments):
    result = derive(*arguments)
    assert (result.status, result.err) == (0, "")
    assert all(name in result.out for name in COMMANDS)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_shows_an_example(derive, name):
    assert f"\n    derive {name}" in derive(name, "--help").out


def test_version(derive):
    from derive import __version__

    assert derive("--version").out == f"derive, version {__version__}\n"


# The whole process


def run(*arguments: str, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "derive", *arguments], capture_output=True, text=True, **options)


def test_help_imports_neither_sympy_nor_numpy_nor_rich():
    code = (
        "import sys, derive.cli; derive.cli.main(['--help']);"
        "sys.exit(', '.join({'sympy', 'numpy', 'rich', 'jinja2'} & set(sys.modules)) or 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_a_reader_who_leaves_causes_no_noise():
    with subprocess.Popen(
        [sys.executable, "-m", "derive", "generate", *SMALL, "--no-audit", "-o", "-"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


STDOUT_CLOSED = "derive: standard output is closed; send it to a file, or to /dev/null\n"


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ("--layers 2-1 --no-audit -o net.py 2>&-", 0, ""),
        ("--layers 2-x 2>&-", 2, ""),
        ("--layers 2-x 2>/dev/full", 2, ""),
        ("--layers 2-1 --no-audit -o net.py >&-", 2, STDOUT_CLOSED),
        ("--layers 2-1 --no-audit -o - >&-", 2, STDOUT_CLOSED),
        ("--layers 2-1 --no-audit -o net.py <&-", 0, ""),
        ("--layers 2-1 --no-audit -o - >/dev/full", 2, "derive: No space left on device\n"),
    ],
)
def test_streams_that_are_closed_or_full(words, status, said, tmp_path):
    line = f"{sys.executable} -m derive generate {words}"
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    result = subprocess.run(["sh", "-c", line], capture_output=True, text=True, cwd=tmp_path, env=buffered)
    assert (result.returncode, result.stderr) == (status, said)
    assert (tmp_path / "net.py").exists() == (status == 0)


def test_a_pipe_by_its_name(tmp_path):
    line = f"{sys.executable} -m derive generate --layers 2-1 --no-audit -o /dev/stdout | cat"
    result = subprocess.run(["sh", "-c", line], capture_output=True, text=True, cwd=tmp_path)
    assert result.stderr == ""
    assert result.stdout.startswith('"""network: the 2-1 perceptron')


@pytest.mark.slow
def test_a_terminal_without_our_characters_still_gets_its_table():
    result = run("verify", *SMALL, encoding="latin-1", env={**os.environ, "PYTHONIOENCODING": "latin-1"})
    assert (result.returncode, result.stderr) == (0, "")
    assert r"\u2713  Notations" in result.stdout


@pytest.mark.slow
def test_nothing_but_errors_goes_to_a_piped_stderr(tmp_path):
    result = run("generate", *SMALL, cwd=tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.slow
@pytest.mark.parametrize("style", ["fast", "readable"])
def test_the_bytes_do_not_depend_on_the_hash_seed(style):
    outputs = {
        run("generate", *SMALL, "--style", style, "-o", "-", env={**os.environ, "PYTHONHASHSEED": seed}).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
    assert outputs != {""}


# Options and specification files


@pytest.mark.parametrize(
    ("options", "activations"),
    [
        ({}, "tanh tanh identity"),
        ({"hidden": "relu"}, "relu relu identity"),
        ({"hidden": "relu,tanh"}, "relu tanh identity"),
        ({"hidden": "relu, tanh", "output": "sigmoid"}, "relu tanh sigmoid"),
        ({"hidden": "relu,tanh,sigmoid"}, "relu tanh sigmoid"),
        ({"output": "sigmoid,softplus"}, "tanh sigmoid softplus"),
        ({"output": "relu,sigmoid,softplus"}, "relu sigmoid softplus"),
        ({"hidden": "relu", "output": "sigmoid,softplus"}, "relu sigmoid softplus"),
    ],
)
def test_which_layer_gets_which_activation(options, activations):
    architecture = Request(layers="5-4-3-2", **options).architecture()
    assert " ".join(f.name for f in architecture.activations) == activations


def test_options_replace_what_the_file_says(tmp_path):
    base = Architecture((2, 3, 1), ("relu", "tanh"), optimizer={"name": "sgd", "momentum": 0.5}, name="base")
    path = tmp_path / "base.toml"
    path.write_text(to_toml(base))
    assert Request(path).architecture() == base
    changed = Request(path, momentum="0.9", dtype="float32", name="other").architecture()
    assert changed == Architecture(
        (2, 3, 1), ("relu", "tanh"), optimizer={"name": "sgd", "momentum": 0.9}, dtype="float32", name="other"
    )
    assert Request(path, optimizer="sgd").architecture() == base


def test_an_activation_of_ones_own():
    name, swish = define("swish = z/(1 + exp(-beta*z)); beta = 1.5")
    assert (name, swish) == ("swish", Activation("swish", "z/(1 + exp(-beta*z))", (("beta", 1.5),)))
    definition = "leaky = where(z >= 0, z, 0.1*z)"
    architecture = Request(layers="2-3-1", hidden="leaky", define=(definition,)).architecture()
    assert architecture.activations[0].expression == "where(z >= 0, z, 0.1*z)"


@given(st.lists(st.integers(1, 10**7), min_size=2, max_size=8))
def test_sizes_are_read_as_they_are_written(sizes):
    assert read_sizes("-".join(map(str, sizes))) == tuple(sizes)


@given(st.text(max_size=20))
def test_any_text_is_sizes_or_one_line(text):
    for read in (read_sizes, define):
        assert "\n" not in refusal(read, text)


@given(architectures(own=False), st.sampled_from(["fast", "readable"]))
def test_the_command_in_a_header_makes_the_module_again(architecture, style):
    words = command(architecture, style).split()
    context = generate.make_context("generate", words[2:])
    given_style = context.params.pop("style")
    for other in ("no_audit", "destination", "certificate"):
        context.params.pop(other)
    assert (Request(**context.params).architecture(), given_style) == (architecture, style)


# The demo's network is the committed one


def test_the_demo_and_its_specification_agree():
    from derive.commands.demo import DIGITS

    root = Path(__file__).parents[1]
    assert Request(root / "generated" / "digits.toml").architecture() == DIGITS
    assert tomllib.loads(to_toml(DIGITS))["optimizer"] == {"name": "sgd", "momentum": 0.9}


def test_a_verdict_without_words_is_still_a_row(derive, rooms):
    rooms.proof = Certificate("bare", (Verdict("", "", "proved"),))
    assert "1 statement: 1 proved." in derive("verify", *SMALL).out


def test_layer_options_of_a_specification_reach_every_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("net.toml").write_text(
        "inputs = 3\n[[layer]]\nunits = 4\nactivation = 'tanh'\nnormalization = 'rms_norm'\ndropout = 0.5\n"
        "[[layer]]\nunits = 4\nactivation = 'tanh'\nresidual = true\n[[layer]]\nunits = 2\nactivation = 'identity'\n"
    )
    asked = Request(specification=Path("net.toml"), loss="huber").architecture()
    assert [(o.normalization, o.dropout, o.residual) for o in asked.layers] == [
        ("rms_norm", 0.5, 0),
        ("", 0.0, 1),
        ("", 0.0, 0),
    ]
