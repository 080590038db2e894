"""Fixtures for the command line: run it in this process, with the real rooms or with stand-ins for them."""

from __future__ import annotations

import gc
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import settings

from derive.cli import main
from tests.doubles import GOOD

settings.register_profile("derive", deadline=None)  # a busy machine is not a failure
settings.load_profile("derive")
gc.set_threshold(100_000, 50, 50)  # a tenth of the time went into counting SymPy's many small objects

THINNED = {
    "test_planted_faults_are_refuted": 3,
    "test_every_activation_passes": 2,
    "test_users_own_activations_pass": 2,
    "test_what_is_emitted_is_proved_by_its_audit_and_by_differences": 3,
    "test_one_row_in_a_table_is_enough": 2,
    "test_choices_that_are_not_plain_comparisons_pass": 2,
    "test_sums_with_trained_constants_pass_and_other_sums_do_not": 2,
    "test_gradient_equals_the_complex_step_of_the_specification": 2,
    "test_saturated_neurons_stay_finite": 2,
    "test_from_every_checkpoint_it_goes_on_to_the_same_bytes": 2,
    "test_large_whole_numbers_are_exact_and_floats": 2,
    "test_a_shape_agrees_with_values": 2,
    "test_the_name_of_another_module": 3,
    "test_other_layers_and_losses": 2,
    "test_loss_and_gradient_are_those_of_one_process": 2,
    "test_functions_of_a_user_keep_clear_of_the_modules_names": 3,
    "test_the_audit_refutes_planted_faults": 2,
    "test_a_changed_end_fails_the_audit": 3,
    "test_a_changed_schedule_fails_the_audit": 2,
    "test_a_corrupted_equation_is_refuted_where_it_stands": 2,
    "test_other_networks_and_coinciding_widths": 2,
    "test_losses_through_a_combination_and_linear_ones": 2,
    "test_own_activations_are_enclosed": 2,
}
"""Tests with many cases of some length: one case in so many runs in `make test`, the others in `make slow`."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    seen: Counter[str] = Counter()
    for item in items:
        name = getattr(item, "originalname", "")
        if name in THINNED and not item.get_closest_marker("slow"):
            if seen[name] % THINNED[name]:
                item.add_marker(pytest.mark.slow)
            seen[name] += 1


@dataclass(frozen=True)
class Result:
    """What one run of the command line left behind."""

    status: int
    out: str
    err: str


@pytest.fixture
def derive(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Result]:
    """Run the command line with these arguments, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str | Path) -> Result:
        capsys.readouterr()
        status = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Result(status, out, err)

    return run


@dataclass
class Rooms:
    """Stand-ins for proof and codegen: what they give back, and what they were asked for."""

    proof: Any = GOOD
    source: Any = "# the module\n"
    audited: Any = GOOD
    asked: list[tuple[Any, ...]] = field(default_factory=list)


@pytest.fixture
def rooms(monkeypatch: pytest.MonkeyPatch) -> Rooms:
    """Replace proof and codegen, so that a test can make them fail; an exception as an answer is raised."""
    rooms = Rooms()

    def answer(name: str, *question: Any) -> Any:
        rooms.asked.append((name, *question))
        value = getattr(rooms, name)
        if isinstance(value, BaseException):
            raise value
        return value

    def install(name: str, **functions: Any) -> None:
        module = ModuleType(name)
        module.__dict__.update(functions)
        monkeypatch.setitem(sys.modules, name, module)

    install("derive.proof.prove", prove=lambda derivation, text=None: answer("proof", derivation.architecture, text))
    install(
        "derive.codegen.emit",
        emit=lambda derivation, style, **rest: answer("source", derivation.architecture, style, "certificate" in rest),
    )
    install(
        "derive.codegen.audit",
        audit=lambda source, architecture, progress, where="": answer("audited", source, architecture),
    )
    return rooms
