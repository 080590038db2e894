"""What `make vocabulary` and `make peers` go through: every entry of the tables, and no failure passes."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import pytest

from benchmarks import vocabulary
from benchmarks.entries import combinations, tracked
from derive import Architecture, differentiate
from derive.model import tables


def test_every_entry_of_the_tables_is_there() -> None:
    labels = " ".join(label for label, _ in vocabulary.entries())
    for kind, table in (
        ("activation", tables.ACTIVATIONS),
        ("activation", tables.ROW_ACTIVATIONS),
        ("loss", tables.LOSSES),
        ("optimizer", tables.OPTIMIZERS),
    ):
        for name in table:
            assert f"{kind} {name}" in labels
    for name in (*tables.NORMALIZATIONS, *tables.SCHEDULES, *tables.INITIALIZATIONS):
        assert name in labels


def test_every_activation_is_paired_with_a_loss_and_every_loss_with_an_activation() -> None:
    pairs = list(combinations())
    assert {name for name, _, _ in pairs} == {*tables.ACTIVATIONS, *tables.ROW_ACTIVATIONS}
    assert {loss for _, loss, _ in pairs} == {*tables.LOSSES}
    assert ("relu", "poisson", ("relu", "relu")) in pairs


@pytest.mark.slow
def test_a_wrong_gradient_is_a_shortfall(monkeypatch: pytest.MonkeyPatch) -> None:
    architecture = Architecture((3, 2), ("tanh",))
    assert vocabulary.shortfalls(architecture) == []

    def wrong(chosen: Architecture) -> Any:
        derivation = differentiate(chosen)
        (first, *rest) = derivation.gradient.equations
        changed = (replace(first, value=2 * first.value), *rest)
        return replace(derivation, gradient=replace(derivation.gradient, equations=changed))

    monkeypatch.setattr(vocabulary, "differentiate", wrong)
    found = vocabulary.shortfalls(architecture)
    assert any(line.startswith("dW1: refuted") for line in found)
    assert any(line.startswith("Derived, layer 1, da1: refuted") for line in found)


def test_progress_is_told_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert not sys.stderr.isatty()
    items = [(f"item {k}", k) for k in range(12)]
    assert list(tracked(items, "counting")) == items
    assert capsys.readouterr().err.splitlines() == [
        "counting: 1 of 12, item 0", "counting: 11 of 12, item 10", "counting: 12 of 12, item 11"
    ]  # fmt: skip
