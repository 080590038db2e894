"""One step of every optimiser: what it keeps, and what it does not."""

from __future__ import annotations

import pytest

from derive.algebra.update import UpdateProgram, update_program
from derive.model.architecture import Update
from derive.model.errors import DeriveError
from derive.model.tables import OPTIMIZERS
from derive.proof.words.statements import Statement
from derive.proof.words.updates import judge, strangers

EQUAL = Statement(
    ("theta[p] = theta[q]", "g[p] = g[q]", "states[p] = states[q]"),
    ("new theta[p] = new theta[q]", "new states[p] = new states[q]"),
)
ZERO = Statement(("theta[p] = 0", "g[p] = 0", "states[p] = 0"), ("new theta[p] = 0", "new states[p] = 0"))
STILL = Statement(("g[p] = 0", "states[p] = 0", "weight_decay = 0"), ("new theta[p] = theta[p]", "new states[p] = 0"))


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("statement", [EQUAL, ZERO, STILL], ids=["equal", "zero", "still"])
def test_what_every_optimiser_keeps(name, statement):
    assert judge(statement, Update(name)).outcome == "proved"


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("dropped", ["theta[p] = theta[q]", "g[p] = g[q]"])
def test_no_optimiser_keeps_what_differs(name, dropped):
    assert judge(EQUAL.without(dropped), Update(name)).outcome == "refuted"


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_memory_breaks_symmetry_exactly_where_there_is_one(name):
    program = update_program(Update(name))
    remembers = set(program.states) - set(program.counters)
    found = judge(EQUAL.without("states[p] = states[q]"), Update(name))
    assert found.outcome == ("refuted" if remembers else "proved")


def test_a_step_without_gradient_moves_what_has_momentum_or_decays():
    moving = Statement(("g[p] = 0",), ("new theta[p] = theta[p]",))
    found = {name: judge(moving, Update(name)).outcome for name in ("sgd", "momentum", "rmsprop", "adagrad", "adamw")}
    assert [name for name, outcome in found.items() if outcome == "refuted"] == ["momentum", "adamw"]
    decays = judge(STILL.without("weight_decay = 0"), Update("adamw"))
    assert dict(decays.counterexample)["left side"] == "99/100"


def test_zero_divided_by_zero_is_no_zero():
    found = judge(ZERO, Update("adam", (("epsilon", 0.0),)))
    assert found.outcome == "refuted"
    assert dict(found.counterexample)["left side"] == "nan"


def test_an_update_that_reads_other_parameters_is_seen():
    import sympy as sp

    theta, norm = sp.symbols("theta norm", real=True)
    assert strangers(UpdateProgram((), (), (("theta", theta / norm),))) == {"norm"}
    assert strangers(update_program(Update("adam"))) == set()


@pytest.mark.parametrize("text", ["theta[p] == 0", "theta = 0", "new g", "theta[r] = 0"])
def test_statements_that_cannot_be_read(text):
    with pytest.raises(DeriveError, match="cannot be read"):
        judge(Statement((), (text,)), Update("sgd"))
