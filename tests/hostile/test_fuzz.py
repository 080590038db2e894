"""Hypothesis over the parsers, and the harness of `make fuzz` with faults planted into what it tests."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from benchmarks.fuzz import networks, planted, targets
from benchmarks.fuzz.mutation import HOSTILE, NAMES, NUMBERS, OPERATORS
from benchmarks.fuzz.parsers import PARSERS
from benchmarks.fuzz.runs import Tally, attempt
from derive.model.errors import DeriveError

TEXTS = [name for name in PARSERS if not PARSERS[name].binary and name not in ("module", "certificate", "record")]


def pieces(name: str) -> st.SearchStrategy[str]:
    """Text of the tokens that a parser knows, and of hostile ones; or a seed with some of it put in."""
    tokens = st.sampled_from((*NUMBERS[:12], *NAMES, *OPERATORS, *HOSTILE, " ", "\n"))
    seeds = st.sampled_from(list(PARSERS[name].seeds()))
    planted_in = st.tuples(seeds, st.integers(0, 300), st.lists(tokens, max_size=4).map("".join))
    put = planted_in.map(lambda parts: parts[0][: parts[1]] + parts[2] + parts[0][parts[1] :])
    return st.one_of(put, st.lists(tokens, max_size=30).map("".join), st.text(max_size=60))


@pytest.mark.parametrize("name", TEXTS)
@given(data=st.data())
@settings(max_examples=25)
def test_a_parser_reads_or_refuses(name, data):
    try:
        PARSERS[name].read(data.draw(pieces(name)))
    except DeriveError as error:
        message = str(error)
    else:
        message = ""
    assert message.isprintable()


@pytest.mark.parametrize("name", [*PARSERS, "emission"])
def test_some_inputs_of_the_harness(name):
    tally = Tally()
    for index in range(3 if name == "emission" else 20):
        data = targets.made(3, name, index)
        read = targets.networks.checked if name == "emission" else PARSERS[name].read
        attempt(name, index, data, read, tally)
    assert [f for f in tally.findings if f.what != "hang"] == []  # a busy machine is no finding here


@given(rng=st.randoms(use_true_random=False))
@settings(max_examples=5, suppress_health_check=[HealthCheck.too_slow])
def test_what_is_emitted_does_what_is_specified(rng):
    _check_emission(rng)


@pytest.mark.slow
@given(script=st.binary(max_size=300))
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
def test_what_is_emitted_for_any_choices_does_what_is_specified(script):
    _check_emission(networks.Scripted(script))


def _check_emission(rng):
    try:
        network = networks.network(rng)
    except DeriveError:
        reject()
    networks.checked(network)


@pytest.mark.slow
@pytest.mark.parametrize("fault", planted.FAULTS)
def test_a_planted_fault_is_found(fault):
    assert planted.found(fault)


def test_a_network_that_cannot_be_drawn_is_a_finding(monkeypatch):
    def broken(rng):
        raise KeyError("cosh")

    monkeypatch.setattr(targets.networks, "accepted", broken)
    tally = Tally()
    targets.one(0, "emission", 5, tally)
    assert [(f.what, f.index) for f in tally.findings] == [("traceback", 5)]


def test_every_byte_of_a_script_is_a_choice():
    first, other = (networks.Scripted(script) for script in (b"\x00\xff\x80", b"\x00\x00\x80"))
    assert [first.getrandbits(k) for k in (8, 4, 1, 8)] == [0, 15, 1, 0]
    assert [other.getrandbits(k) for k in (8, 4, 1, 8)] == [0, 0, 1, 0]
    assert networks.Scripted(b"").random() == 0
    networks.network(networks.Scripted(b""))


def test_an_input_is_made_from_its_key_alone():
    for name in ("specification", "data"):
        assert targets.made(1, name, 7) == targets.made(1, name, 7) != targets.made(1, name, 8)
    assert sum(targets.shares(1_000_000, 10_000).values()) >= 1_010_000
