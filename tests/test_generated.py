"""The committed modules: made again from their specifications they have the same bytes, and they train."""

from __future__ import annotations

import difflib
from pathlib import Path

import numpy as np
import pytest

from derive.codegen.emit import load

FOLDER = Path(__file__).parents[1] / "generated"
MODULES = sorted(FOLDER.glob("*.py"))


def origin(module: Path) -> tuple[Path, str]:
    """The specification and the style of a committed module, from its file name, as in the Makefile."""
    for style in ("readable", "fast"):
        if module.stem.endswith(f"_{style}"):
            return FOLDER / f"{module.stem.removesuffix(f'_{style}')}.toml", style
    return module.with_suffix(".toml"), "fast"


def difference(committed: str, again: str, name: str) -> str:
    """A unified diff, empty if the two texts are the same."""
    lines = difflib.unified_diff(committed.splitlines(True), again.splitlines(True), name, "made again")
    return "".join(lines)


@pytest.mark.parametrize(
    "module",
    [
        pytest.param(path, id=path.stem, marks=[pytest.mark.slow] * (path.stem in ("four_layers", "higham")))
        for path in MODULES
    ],
)
def test_a_module_made_again_has_the_same_bytes(derive, tmp_path, module):
    specification, style = origin(module)
    result = derive("generate", specification, "--style", style, "-o", tmp_path / "again.py")
    assert result.status == 0, result.err
    diff = difference(
        module.read_text(encoding="utf-8"), (tmp_path / "again.py").read_text(encoding="utf-8"), module.name
    )
    assert not diff, f"run `make generated` if this is meant:\n{diff}"
    assert module.read_bytes() == (tmp_path / "again.py").read_bytes()


def test_a_changed_module_is_shown_as_a_diff():
    assert difference("a\nb\n", "a\nc\n", "old.py").splitlines()[-2:] == ["-b", "+c"]
    assert difference("a\n", "a\n", "old.py") == ""


def test_every_specification_has_its_module():
    assert {origin(module)[0] for module in MODULES} == set(FOLDER.glob("*.toml"))
    assert {origin(module)[1] for module in MODULES if origin(module)[0].stem == "first"} == {"fast", "readable"}


def test_both_styles_of_the_first_network_agree():
    fast, readable = load(FOLDER / "first_fast.py"), load(FOLDER / "first_readable.py")
    rng = np.random.default_rng(1)
    theta, X, Y = fast.initialize(rng), rng.normal(size=(5, 2)), rng.normal(size=(5, 1))
    for one, other in zip(fast.loss_and_gradient(theta, X, Y), readable.loss_and_gradient(theta, X, Y), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-13)


def test_higham_and_higham_separate_their_ten_points():
    """arXiv 1801.05894, section 6: five points of each class; every one ends up on its side."""
    X = np.array(
        [
            [0.1, 0.1],
            [0.3, 0.4],
            [0.1, 0.5],
            [0.6, 0.9],
            [0.4, 0.2],
            [0.6, 0.3],
            [0.5, 0.6],
            [0.9, 0.2],
            [0.4, 0.4],
            [0.7, 0.6],
        ]
    )
    Y = np.repeat([[1.0, 0.0], [0.0, 1.0]], 5, axis=0)
    network = load(FOLDER / "higham.py")
    start = network.initialize(0)
    theta, history = network.train(start, X, Y, epochs=6000, batch_size=10, learning_rate=8.0, rng=0)
    assert network.loss(theta, X, Y) < 0.01 < network.loss(start, X, Y)
    assert (network.predict(theta, X).argmax(axis=1) == Y.argmax(axis=1)).all()
    assert len(history["loss"]) == 6000
