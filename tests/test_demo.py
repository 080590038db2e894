"""The demo: the main job from end to end, and its picture."""

from __future__ import annotations

import re

import numpy as np
import pytest

from derive.codegen.emit import load

pytest.importorskip("sklearn")
pytest.importorskip("matplotlib")

from derive.commands import demo as digits_demo

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def test_the_demo_reads_digits(derive, tmp_path):
    result = derive("demo", "--folder", "out")
    assert (result.status, result.err) == (0, "")
    accuracy = re.search(r"^test accuracy (0\.\d+) ", result.out, flags=re.MULTILINE)
    assert accuracy
    assert float(accuracy[1]) >= 0.95
    assert "The certificate holds." in result.out
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["digits.png", "digits.py"]
    assert (tmp_path / "out" / "digits.png").read_bytes().startswith(b"\x89PNG")


def test_the_training_loop_is_that_of_the_module(monkeypatch, derive, tmp_path):
    monkeypatch.setattr(digits_demo, "EPOCHS", 2)
    derive("generate", "--layers", "64-32-10", "--momentum", "0.9", "--no-audit", "-o", "net.py")
    network = load(tmp_path / "net.py")
    training, held_out = digits_demo.digits(network)
    theta, curve = digits_demo.train(network, training, held_out, lambda what, fraction: None)
    rng = np.random.default_rng(digits_demo.SEED)
    same, history = network.train(
        network.initialize(rng),
        training.X,
        training.Y,
        epochs=2,
        batch_size=digits_demo.BATCH,
        learning_rate=digits_demo.LEARNING_RATE,
        rng=rng,
        validation=(held_out.X, held_out.Y),
    )
    np.testing.assert_array_equal(theta, same)
    assert curve.loss["held out"] == history["validation_loss"]
    assert curve.accuracy["held out"][-1] == digits_demo.accuracy(network, theta, held_out)


def test_the_held_out_part_is_stratified_and_does_not_touch_the_scaling(derive, tmp_path):
    derive("generate", "--layers", "64-32-10", "--no-audit", "-o", "net.py")
    training, held_out = digits_demo.digits(load(tmp_path / "net.py"))
    assert (len(training.X), len(held_out.X)) == (1437, 360)
    np.testing.assert_allclose(training.X.mean(axis=0), 0, atol=1e-12)
    assert np.abs(held_out.X.mean(axis=0)).max() > 1e-3
    assert np.bincount(held_out.labels).min() >= 34
    assert (held_out.Y.argmax(axis=1) == held_out.labels).all()
