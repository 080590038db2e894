"""Checkpoints: a pass that keeps every k-th activation of the way forward and computes the rest again on the way back.

The layers after the last checkpoint are where the way back begins, so nothing of them is computed again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from itertools import count

from derive.codegen.statements.arrays import Node
from derive.codegen.statements.schedule import Instruction


def recomputed(instructions: Iterable[Instruction], loss: str, depth: int, every: int) -> list[Instruction]:
    """The instructions, with those that compute what is not kept once more before it is read after the `loss`.

    They are the same instructions on the same numbers, so that the results are the same to the last bit.
    """
    instructions = list(instructions)
    end = next(i for i, instruction in enumerate(instructions) if instruction.target == loss) + 1
    forward, backward = instructions[:end], instructions[end:]
    last = (depth - 1) // every * every  # the last checkpoint before the output
    layers = dict(zip((i.target for i in forward), _layers(forward, depth), strict=True))
    lost = {
        i.target: i
        for i in forward
        if i.axes and layers[i.target] <= last and i.target not in _checkpoints(forward, layers, every)
    }
    unused = (f"t{k}" for k in count(1) if f"t{k}" not in {i.target for i in instructions})
    again: dict[str, Node] = {}
    result = forward

    def restored(node: Node) -> Node:
        """The node with what is lost replaced by what is computed again, after the instructions for it."""
        if node.operation != "name":
            return replace(node, arguments=tuple(map(restored, node.arguments)))
        if node.text in lost and node.text not in again:
            before = lost[node.text]
            arguments = tuple(map(restored, before.arguments))
            text = next(unused) if re.fullmatch(r"t\d+", node.text) else f"{node.text}_again"
            again[node.text] = replace(node, text=text)
            result.append(replace(before, target=text, arguments=arguments))
        return again.get(node.text, node)

    for instruction in backward:
        arguments = tuple(map(restored, instruction.arguments))
        result.append(replace(instruction, arguments=arguments))
    return result


def _layers(forward: list[Instruction], depth: int) -> list[int]:
    """The layer of each instruction: that of the first tensor of the text from there on."""
    labels: list[int] = []
    layer = depth
    for instruction in reversed(forward):
        label = re.fullmatch(r"[a-z]+?(\d+)", instruction.target)
        if label and not re.fullmatch(r"t\d+", instruction.target):
            layer = int(label[1])
        elif not re.fullmatch(r"t\d+", instruction.target):
            layer = depth
        labels.append(layer)
    return labels[::-1]


def _checkpoints(forward: list[Instruction], layers: dict[str, int], every: int) -> set[str]:
    """What is kept: the last array that each checkpointed layer computes, its activation."""
    final = {layers[i.target]: i.target for i in forward if i.axes}
    return {target for layer, target in final.items() if layer % every == 0}
