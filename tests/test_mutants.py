"""The mutators change what they say, and a small sample of their mutants is caught; `make mutants` audits them all."""

from __future__ import annotations

from collections import Counter

import pytest

from benchmarks.mutants import NETWORKS, consistent, emitted, justified, task
from benchmarks.mutators import everywhere, mutants

KINDS = {"operator", "transpose", "name", "constant", "comparison", "dropped statement", "function", "argument"}


@pytest.mark.slow
def test_every_kind_of_mutant_is_made():
    counts = Counter(m.kind for network in range(len(NETWORKS)) for m in mutants(emitted(network)))
    assert set(counts) == KINDS
    assert counts.total() > 3000


@pytest.mark.slow
@pytest.mark.parametrize("network", [1, 2])
def test_a_sample_is_caught(network):
    text = emitted(network)
    found = [*list(mutants(text))[::60], *list(everywhere(text))[::15], *list(consistent(*NETWORKS[network]))[::3]]
    assert [m for m in found if not (r := task(network, m)).caught_by and not r.equivalent] == []


def test_what_is_equivalent_is_shown_by_syntax():
    text = emitted(0)
    assert justified(text, text.replace("z >= 0", "z >= --0"))
    assert not justified(text, text.replace("z >= 0", "z >= 1"))
    assert justified(text, text.replace("(a1 - Y) ** 2", "(Y - a1) ** 2"))
