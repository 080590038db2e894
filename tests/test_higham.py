"""The committed 2-2-3-2 net learns the ten points of Higham & Higham, arXiv 1801.05894, section 6."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from derive.codegen.emit import load

POINTS = np.array(
    [[0.1, 0.3, 0.1, 0.6, 0.4, 0.6, 0.5, 0.9, 0.4, 0.7], [0.1, 0.4, 0.5, 0.9, 0.2, 0.3, 0.6, 0.2, 0.4, 0.6]]
).T
CLASSES = np.repeat([[1.0, 0.0], [0.0, 1.0]], 5, axis=0)


def test_the_ten_points_train_it():
    module = load(Path(__file__).parents[1] / "generated" / "higham.py")
    theta = module.initialize(0)
    before = module.loss(theta, POINTS, CLASSES)
    theta, history = module.train(theta, POINTS, CLASSES, epochs=1500, batch_size=2, learning_rate=3.0, rng=0)
    assert history["loss"][-1] < 1e-2 < 0.1 < before
    assert (module.predict(theta, POINTS).argmax(axis=1) == CLASSES.argmax(axis=1)).all()
