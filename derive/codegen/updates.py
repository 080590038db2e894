"""The update of theta by an optimiser, as lines of either style."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import sympy as sp

from derive.algebra.update import GRADIENT, RATE, THETA, update_program
from derive.codegen.statements.allocate import allocate
from derive.codegen.statements.arrays import Assign, Node, name, written
from derive.codegen.statements.faster import RULES, rewritten
from derive.codegen.statements.lower import lower_scalar
from derive.codegen.statements.printed import printed
from derive.codegen.statements.schedule import Instruction, flatten
from derive.codegen.statements.views import Kept, with_constants
from derive.codegen.training import clip_lines
from derive.model.architecture import Architecture

PART = 32768
"""Entries of theta that are updated at a time, where that takes several calls."""
PLAIN = (("theta", THETA - RATE * GRADIENT),)
"""The update of plain gradient descent."""


def update(architecture: Architecture, style: str) -> dict[str, Any]:
    """The optimiser's update of theta, as lines of either style.

    In the fast style these are of a function of a part of theta, and `folds` says whether the sweep's gradient
    is the learning rate times the gradient already: where the update does nothing else with it.
    """
    program = update_program(architecture.optimizer)
    folds = style == "fast" and architecture.clip is None and program.assignments == PLAIN
    vectors = tuple(state for state in program.states if state not in program.counters)
    whole = (sp.Symbol("P"),)
    arrays = {"theta": whole, "g": whole, "learning_rate": (), **dict.fromkeys(vectors, whole)}
    arrays |= dict.fromkeys(program.counters, ())
    counting: list[str] = []
    body: list[str] = []
    scratch: list[str] = []
    numbers = Kept()
    lines_of = _update_calls if style == "fast" else _update_lines
    for target, value in (("theta", THETA - GRADIENT),) if folds else program.assignments:
        node = lower_scalar(value, arrays)
        if target in program.counters:
            counting.append(f"{target} = state.{target} = {written(node).replace(target, f'state.{target}')}")
        else:
            calls, temporaries = lines_of(Assign(target, node), arrays, numbers)
            body += calls
            scratch = max(scratch, temporaries, key=len)
    clipped = clip_lines(architecture, style)
    drawing = ["rng"] * any(options.dropout for options in architecture.layers)
    fetched = [f"{state} = state.{state}" for state in vectors]
    return {
        "states": program.states,
        "kept": ", ".join(f"self.{name}" for name in (*program.states, *drawing, "gradient")),
        "vectors": vectors,
        "counters": program.counters,
        "scratch": scratch,
        "folds": folds,
        "part": PART if len(body) > 1 else 0,
        "update_numbers": numbers.made,
        "clip_lines": ["g = state.gradient"] * bool(clipped) + clipped,
        "count_lines": counting,
        "part_vectors": ", ".join(("theta", "state.gradient", *(f"state.{vector}" for vector in vectors))),
        "part_names": ", ".join(("theta", "g", *vectors, *scratch)),
        "further_names": "".join(f", {name}" for name in (*program.counters, *["learning_rate"] * (not folds))),
        "part_lines": body,
        "update_lines": [*clipped, *fetched, *counting, *body],
    }


def _update_lines(statement: Assign, _: dict[str, Any], __: Kept) -> tuple[list[str], list[str]]:
    return [_in_place(statement)], []


def _update_calls(statement: Assign, given: dict[str, Any], numbers: Kept) -> tuple[list[str], list[str]]:
    """The NumPy calls of one update, and the scratch vectors that they need."""
    statement = replace(statement, value=rewritten(statement.value, RULES))
    schedule = allocate(over_the_old(flatten([statement]), statement.target), given)
    return printed(with_constants(schedule.instructions, numbers)), [buffer.name for buffer in schedule.buffers]


def over_the_old(instructions: list[Instruction], target: str) -> list[Instruction]:
    """What is the last to read the old value of a vector writes over it, if that goes into its new value.

    So beta*m, which m is the sum of, lies in m and needs no vector of its own: less has to go through the cache.
    """
    *earlier, final = instructions
    readers = [i for i, instruction in enumerate(earlier) if target in instruction.reads]
    if not readers or target in final.reads or earlier[readers[-1]].target not in final.reads:
        return instructions
    place = readers[-1]
    old = name(earlier[place].target)

    def renamed(node: Node) -> Node:
        text = target if node.text == old.text else node.text
        return replace(node, text=text, arguments=tuple(map(renamed, node.arguments)))

    after = [replace(i, arguments=tuple(map(renamed, i.arguments))) for i in (*earlier[place + 1 :], final)]
    return [*earlier[:place], replace(earlier[place], target=target), *after]


def _in_place(statement: Assign) -> str:
    """`theta -= …` where the update subtracts from or adds to what it updates."""
    value, target = statement.value, statement.target
    for operation, sign in (("subtract", "-="), ("add", "+=")):
        if value.operation == operation and value.arguments[0].text == target:
            return f"{target} {sign} {written(value.arguments[1])}"
    return f"{target}[...] = {written(value)}"
