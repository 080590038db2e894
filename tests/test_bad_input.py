"""Input that cannot be used gets one line that says what, where and what would be right; nothing is written."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from importlib.util import find_spec
from pathlib import Path

import pytest

from derive.commands import files
from derive.commands.files import write_whole
from derive.model.errors import DeriveError

SMALL = ["--layers", "2-3-1"]
SPEC = 'name = "net"\nsizes = [2, 3, 1]\nactivations = ["tanh", "identity"]\n'


def spec(**changes: str | None) -> str:
    """The text of a specification with some keys changed, added or (None) left out."""
    lines = {"name": '"net"', "sizes": "[2, 3, 1]", "activations": '["tanh", "identity"]', **changes}
    return "".join(f"{key} = {value}\n" for key, value in lines.items() if value is not None)


def own(expression: str, constants: str = "") -> str:
    """A specification with a user's own activation."""
    return spec(activations='["own", "identity"]') + f'[activation.own]\nexpression = "{expression}"\n{constants}'


SPECIFICATIONS = {
    "unknown key": (spec(optimiser='"sgd"'), ["unknown key 'optimiser'", "did you mean 'optimizer'?"]),
    "the command line's name": (spec(sizes=None, layers="[2, 3, 1]"), ["'layers'", "did you mean 'sizes'?"]),
    "one activation": (spec(activation='"tanh"'), ["[activation.NAME]", 'activations = ["tanh", "identity"]']),
    "unknown layer key": (
        'inputs = 2\n[[layer]]\nunits = 1\nactivation = "tanh"\nbias = false\n',
        ["[[layer]] number 1", "unknown key 'bias'", "activation, dropout, normalization, residual, units"],
    ),
    "missing key": (spec(sizes=None), ["'sizes' is missing", "[64, 32, 10]"]),
    "unknown activation": (spec(activations='["tahn", "identity"]'), ["'tahn'", "did you mean 'tanh'?", "softplus"]),
    "unknown loss": (spec(loss='"least_square"'), ["unknown loss", "did you mean 'least_squares'?"]),
    "unknown optimizer": (spec(optimizer='"sdg"'), ["unknown optimizer", "did you mean 'sgd'?"]),
    "unknown constant": (spec(optimizer='{ name = "sgd", momentun = 0.9 }'), ["momentun", "did you mean 'momentum'?"]),
    "momentum of 1": (spec(optimizer='{ name = "sgd", momentum = 1.0 }'), ["momentum", "[0, 1)", "1.0"]),
    "unknown schedule": (spec(schedule='"cosin"'), ["unknown schedule 'cosin'", "did you mean 'cosine'?", "step"]),
    "schedule without a name": (spec(schedule="{ every = 3 }"), ["schedule: the key 'name' is missing", "cosine"]),
    "unknown schedule constant": (spec(schedule='{ name = "step", evry = 3 }'), ["'evry'", "did you mean 'every'?"]),
    "every 0": (spec(schedule='{ name = "step", every = 0 }'), ["every", "whole number of at least 1", "not 0"]),
    "every 2.5": (spec(schedule='{ name = "step", every = 2.5 }'), ["every", "whole number", "not 2.5"]),
    "factor 0": (spec(schedule='{ name = "exponential", factor = 0.0 }'), ["factor", "(0, 1]", "not 0.0"]),
    "factor 1.1": (spec(schedule='{ name = "step", factor = 1.1 }'), ["factor", "(0, 1]", "not 1.1"]),
    "factor a word": (spec(schedule='{ name = "step", factor = "half" }'), ["factor", "not 'half'"]),
    "warm-up below 0": (spec(schedule='{ name = "constant", warm_up = -1 }'), ["warm_up", "at least 0", "not -1"]),
    "minimum below 0": (spec(schedule='{ name = "cosine", minimum = -0.1 }'), ["minimum", "not -0.1"]),
    "power nan": (spec(schedule='{ name = "inverse_scaling", power = nan }'), ["power", "not nan"]),
    "clip 0": (spec(clip="0.0"), ["clip", "positive number", "not 0.0"]),
    "clip -1": (spec(clip="-1"), ["clip", "positive number", "not -1"]),
    "checkpoint_every 0": (spec(checkpoint_every="0"), ["checkpoint_every", "at least 1", "2 keeps every second"]),
    "checkpoint_every true": (spec(checkpoint_every="true"), ["checkpoint_every", "True is not a whole number"]),
    "checkpoint_every half": (spec(checkpoint_every="0.5"), ["checkpoint_every", "0.5 is not a whole number"]),
    "clip true": (spec(clip="true"), ["clip", "not True"]),
    "unknown initialization": (
        spec(initialization='"he_norml"'),
        ["unknown initialization 'he_norml'", "did you mean 'he_normal'?"],
    ),
    "scale 0": (spec(initialization='{ name = "uniform", scale = 0 }'), ["scale has to be positive, not 0"]),
    "no constants": (
        spec(initialization='{ name = "he_normal", scale = 2 }'),
        ["initialization 'he_normal'", "unknown constant 'scale'; it has none"],
    ),
    "unknown dtype": (spec(dtype='"float16"'), ["unknown dtype", "float32, float64"]),
    "size 0": (spec(sizes="[2, 0, 1]"), ["sizes: entry 1 is 0", "from 1 to"]),
    "size -3": (spec(sizes="[2, -3, 1]"), ["sizes: entry 1 is -3"]),
    "size 2.5": (spec(sizes="[2, 2.5, 1]"), ["sizes: entry 1 is 2.5", "whole number"]),
    "size true": (spec(sizes="[2, true, 1]"), ["sizes: entry 1 is True"]),
    "size text": (spec(sizes='"2-3-1"'), ["sizes", "is not a list"]),
    "size beyond memory": (spec(sizes="[2, 99999999999999999999, 1]"), ["sizes: entry 1"]),
    "one size": (spec(sizes="[2]", activations="[]"), ["sizes: 1 given", "at least two"]),
    "activation count": (spec(activations='["tanh"]'), ["activations: 1 given", "2 layers"]),
    "activation not a list": (spec(activations='"tanh"'), ["activations", "is not a list"]),
    "activation not a name": (spec(activations="[1, 2]"), ["unknown activation 1"]),
    "does not parse": (own("z +* 2"), ["activation 'own'", "does not parse", "column"]),
    "unknown name": (own("z * beat", "beta = 1.0"), ["unknown name 'beat'", "column 5"]),
    "unknown function": (own("tahn(z)"), ["unknown function 'tahn'", "did you mean 'tanh'?"]),
    "not of z": (own("3 + beta", "beta = 1.0"), ["is not a function of z"]),
    "a jump": (own("where(z > 0, 1, z)"), ["jumps at z = 0", "not differentiable"]),
    "a step": (own("sign(z)"), ["sign is constant between its jumps"]),
    "no real value": (own("log(z)"), ["has no real value at z ="]),
    "unused constant": (own("tanh(z)", "beta = 1.0"), ["'beta' does not occur"]),
    "constant nan": (own("beta*z", "beta = nan"), ["beta has to be a finite number, not nan"]),
    "constant text": (own("beta*z", 'beta = "os"'), ["beta has to be a finite number, not 'os'"]),
    "code": (own("__import__('os').system('id')"), ["activation 'own'"]),
    "name with a dash": (spec(name='"my-net"'), ["the network name 'my-net' is not an identifier"]),
    "name a keyword": (spec(name='"class"'), ["'class' is not an identifier", "no Python keyword"]),
    "name a path": (spec(name='"../net"'), ["'../net' is not an identifier"]),
    "name with a quote": (spec(name="'a\"; import os'"), ["is not an identifier"]),
    "name with a line break": (spec(name='"a\\nb"'), ["is not an identifier"]),
    "name not ASCII": (spec(name='"naïve"'), ["is not an identifier"]),
    "not TOML": ("sizes = [2,, 1]", ["not valid TOML", "line 1"]),
    "nested": ("a = " + "[" * 5000, ["not valid TOML"]),
    "empty": ("", ["'sizes' is missing"]),
}


@pytest.mark.parametrize("case", SPECIFICATIONS)
def test_a_specification_that_cannot_be_used(derive, tmp_path, case):
    text, words = SPECIFICATIONS[case]
    (tmp_path / "net.toml").write_text(text, encoding="utf-8")
    refused(derive, tmp_path, ["generate", "net.toml"], ["net.toml: ", *words])


COMMANDS = {
    "nothing": (["generate"], ["no architecture", "--layers 64-32-10"]),
    "a word as size": (
        ["generate", "--layers", "2-x-1"],
        ["--layers '2-x-1'", "'x' is not a whole number", "64-32-10"],
    ),
    "a size too many digits": (["generate", "--layers", "2-" + "9" * 5000], ["--layers", "is not a whole number"]),
    "one size": (["generate", "--layers", "2"], ["an input and an output are needed"]),
    "size 0": (["generate", "--layers", "2-0-1"], ["sizes: entry 1 is 0"]),
    "other digits": (["generate", "--layers", "2-٣-1"], ["is not a whole number"]),
    "unknown activation": ([*SMALL, "--activation", "rellu"], ["--activation: ", "did you mean 'relu'?"]),
    "unknown output": ([*SMALL, "--output", "softmx"], ["--output: unknown activation 'softmx'"]),
    "an empty name": ([*SMALL, "--activation", "relu,"], ["--activation 'relu,'", "an empty name"]),
    "too many activations": ([*SMALL, "--activation", "relu,relu,relu"], ["3 activations for 1 hidden layer"]),
    "too many outputs": ([*SMALL, "--output", "relu,relu,relu"], ["--output: 3 activations for 2 layers"]),
    "no hidden layer": (["--layers", "2-1", "--activation", "relu"], ["leaves no hidden layer", "--output"]),
    "unknown loss": ([*SMALL, "--loss", "l2"], ["unknown loss 'l2'", "least_squares"]),
    "unknown optimizer": ([*SMALL, "--optimizer", "adma"], ["unknown optimizer 'adma'"]),
    "momentum a word": ([*SMALL, "--momentum", "much"], ["--momentum: 'much' is not a number"]),
    "momentum nan": ([*SMALL, "--momentum", "nan"], ["momentum has to lie in [0, 1), not nan"]),
    "unknown schedule": ([*SMALL, "--schedule", "linear"], ["unknown schedule 'linear'"]),
    "unknown initialization": ([*SMALL, "--initialization", "xavier"], ["unknown initialization 'xavier'"]),
    "no variance to preserve": (
        [*SMALL, "--activation", "a", "--define", "a = z*exp(z**2/3)", "--initialization", "variance_preserving"],
        ["variance_preserving", "E[f(z)**2]", "z*exp(z**2/3) is not finite", "lecun_normal"],
    ),
    "clip a word": ([*SMALL, "--clip", "much"], ["--clip: 'much' is not a number"]),
    "clip 0": ([*SMALL, "--clip", "0"], ["clip", "positive number", "not 0.0"]),
    "unknown dtype": ([*SMALL, "--dtype", "double"], ["unknown dtype 'double'"]),
    "unknown style": ([*SMALL, "--style", "quick"], ["--style: unknown style 'quick'", "fast, readable"]),
    "name": ([*SMALL, "--name", "2nd"], ["the network name '2nd' is not an identifier"]),
    "define": ([*SMALL, "--define", "swish"], ["--define 'swish'", "write it as"]),
    "define nothing": ([*SMALL, "--define", ";"], ["--define ';'"]),
    "define unused": ([*SMALL, "--define", "a = tanh(z)"], ["--define: 'a' is not used"]),
    "define a builtin": ([*SMALL, "--define", "tanh = z"], ["'tanh' is built in"]),
    "define code": ([*SMALL, "--define", "a = z.__class__"], ["--define: activation 'a'"]),
    "unknown option": ([*SMALL, "--sizes", "2"], ["No such option", "--sizes", "derive generate --help"]),
    "unknown command": (["generat"], ["No such command 'generat'"]),
    "an option without its value": ([*SMALL, "--loss"], ["--loss", "requires an argument"]),
    "no such file": (["generate", "nowhere.toml"], ["nowhere.toml: cannot be read: No such file"]),
    "a folder": (["generate", "."], [".: cannot be read: it is a folder"]),
    "file and layers": (["generate", "good.toml", *SMALL], ["--layers: good.toml already says"]),
    "onto itself": (["generate", "good.toml", "-o", "good.toml"], ["is the specification itself"]),
    "output a folder": ([*SMALL, "-o", "folder"], ["folder: cannot be written: it is a folder"]),
    "output in a file": ([*SMALL, "-o", "good.toml/net.py"], ["is not a folder"]),
    "output nowhere": (
        [*SMALL, "-o", "no/net.py"],
        ["no/net.py: cannot be written", "does not exist; make the folder"],
    ),
    "no module": (["audit"], ["Missing argument 'MODULE.py'"]),
    "no such module": (["audit", "nowhere.py"], ["nowhere.py: cannot be read: No such file"]),
    "a folder as module": (["audit", "folder"], ["folder: cannot be read: it is a folder"]),
    "a binary module": (["audit", "bytes.py"], ["bytes.py"]),
    "an empty module": (["audit", "empty.py"], ["empty.py"]),
    "some other module": (["audit", "other.py"], ["other.py"]),
    "no such text": (["verify", *SMALL, "--text", "no.toml"], ["no.toml: cannot be read: No such file"]),
    "a text that is none": (["verify", *SMALL, "--text", "bytes.py"], ["bytes.py"]),
    "no architecture to verify": (["verify"], ["no architecture"]),
    "the demo in a file": (["demo", "--folder", "good.toml"], ["good.toml: cannot be made"]),
    "a name with a line break": (["generate", "two\nlines\x1b[31m"], [r"two lines\x1b[31m: cannot be read"]),
}


@pytest.mark.parametrize("case", COMMANDS)
def test_a_command_line_that_cannot_be_used(derive, tmp_path, case):
    arguments, words = COMMANDS[case]
    (tmp_path / "good.toml").write_text(SPEC)
    (tmp_path / "bytes.py").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "empty.py").write_text("")
    (tmp_path / "other.py").write_text("print('hello')\n")
    (tmp_path / "folder").mkdir()
    refused(derive, tmp_path, ["generate", *arguments] if arguments[0].startswith("--") else arguments, words)


def refused(derive, folder: Path, arguments: list[str], words: list[str]) -> None:
    """Check the status, the one line with these words, and that no file was changed, made or left over."""
    for name in ("net.py", "network.py"):
        (folder / name).write_text("old\n")
    before = contents(folder)
    result = derive(*arguments)
    assert result.status == 2, result
    assert result.out == ""
    assert result.err.startswith("derive: ")
    assert result.err.endswith("\n")
    assert len(result.err.splitlines()) == 1
    assert result.err[:-1].isprintable()
    assert "Traceback" not in result.err
    assert len(result.err) < 500
    for word in words:
        assert word in result.err
    assert contents(folder) == before


def contents(folder: Path) -> dict[str, bytes | None]:
    return {str(path): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


# Failures on the way


@pytest.mark.parametrize(
    ("failure", "status", "line"),
    [
        (DeriveError("the formula\nis bad"), 2, "derive: the formula is bad\n"),
        (KeyboardInterrupt(), 130, "derive: interrupted\n"),
        (OSError(28, "No space left on device"), 2, "derive: No space left on device\n"),
        (RecursionError("deep"), 70, "derive: a fault in derive, not in your input: RecursionError: deep;"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
@pytest.mark.parametrize("room", ["proof", "source", "audited"])
def test_a_failure_in_a_room_is_one_line(derive, rooms, tmp_path, room, failure, status, line):
    (tmp_path / "network.py").write_text("old\n")
    before = contents(tmp_path)
    setattr(rooms, room, failure)
    result = derive("generate", *SMALL)
    assert result.status == status
    assert result.err.startswith(line)
    assert len(result.err.splitlines()) == 1
    assert contents(tmp_path) == before


@pytest.mark.skipif(find_spec("sklearn") is None, reason="shows what happens with one of the two missing")
def test_the_demo_names_its_extra(derive, monkeypatch, tmp_path):
    monkeypatch.setattr("derive.commands.demo.find_spec", lambda name: None if name == "matplotlib" else "there")
    refused(derive, tmp_path, ["demo"], ["the demo needs matplotlib", "pip install 'derive[demo]'"])


def test_ctrl_c_in_a_real_process(tmp_path):
    code = (
        "import signal, sys, derive.model.specification as s, derive.commands.options as o\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a job in the background starts with it ignored
        "o.read_specification = lambda path: signal.raise_signal(signal.SIGINT)\n"
        "from derive.cli import main; sys.exit(main(['verify', 'x.toml']))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (130, "", "derive: interrupted\n")


# Writing


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "net.py"
    path.write_text("old")
    for broken in ("fsync", "chmod"):
        with monkeypatch.context() as patch:
            patch.setattr(files.os if broken == "fsync" else files.Path, broken, fail)
            with pytest.raises(DeriveError, match=r"net.py: cannot be written: No space left"):
                write_whole(path, "new")
        assert contents(tmp_path) == {str(path): b"old"}


def fail(*_: object, **__: object) -> None:
    raise OSError(28, "No space left on device")


def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "net.py"
    path.write_text("old")

    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(files.os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_whole(path, "new")
    assert contents(tmp_path) == {str(path): b"old"}


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o755])
def test_the_mode_of_a_file_is_kept(tmp_path, mode):
    path = tmp_path / "net.py"
    path.write_text("old")
    path.chmod(mode)
    write_whole(path, "new")
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("new", mode)


def test_a_new_file_has_the_usual_mode(tmp_path):
    (tmp_path / "usual").write_text("")
    write_whole(tmp_path / "net.py", "new")
    assert (tmp_path / "net.py").stat().st_mode == (tmp_path / "usual").stat().st_mode


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_protected_file_and_a_protected_folder_are_left_alone(tmp_path):
    path = tmp_path / "net.py"
    path.write_text("old")
    path.chmod(0o444)
    with pytest.raises(DeriveError, match="write-protected"):
        write_whole(path, "new")
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(DeriveError, match="no permission"):
            files.check_writable(tmp_path / "other.py")
    finally:
        tmp_path.chmod(0o755)


def test_a_protected_folder_as_the_system_reports_it(derive, rooms, tmp_path, monkeypatch):
    monkeypatch.setattr(files.os, "access", lambda *_: False)
    refused(derive, tmp_path, ["generate", *SMALL], ["network.py: cannot be written: no permission to write into"])
    assert rooms.asked == []  # found out before any work was done


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    for name in ("there.py", "new.py"):
        link = tmp_path / f"link_{name}"
        link.symlink_to(tmp_path / "real" / name)
        if name == "there.py":
            (tmp_path / "real" / name).write_text("old")
        write_whole(link, "new")
        assert link.is_symlink()
        assert (tmp_path / "real" / name).read_text() == "new"


def test_a_device_is_written_and_not_replaced():
    write_whole(Path(os.devnull), "text")
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)


def test_readers_and_writers_at_once_see_whole_files(tmp_path):
    path = tmp_path / "net.py"
    texts = {letter * 50_000 for letter in "abcd"}
    write_whole(path, "a" * 50_000)
    threads = [threading.Thread(target=lambda t=t: [write_whole(path, t) for _ in range(10)]) for t in texts]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert path.read_text() in texts
    assert [p.name for p in tmp_path.iterdir()] == ["net.py"]
