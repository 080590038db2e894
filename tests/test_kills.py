"""A few of the runs that `make kills` kills, and a fault that it has to find."""

from __future__ import annotations

import random

import pytest

from benchmarks.kills import CASES, CONTROLS, source, survives, trials


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_killed_run_ends_as_one_that_was_left_alone(case):
    assert [trial.fault for trial in trials(case, 2, random.Random(case.name))] == ["", ""]


@pytest.mark.slow
@pytest.mark.parametrize("control", CONTROLS, ids=lambda case: case.name)
def test_a_planted_fault_is_found(control):
    assert not survives(control, 40, random.Random(0))


@pytest.mark.slow
def test_the_cases_differ_in_what_they_train():
    assert {case.style for case in CASES} == {"readable", "fast"}
    assert len({source(case) for case in CASES}) == len(CASES)
