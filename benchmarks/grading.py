"""How well slips are named: planted slips, right formulas, pairs of slips, and the time of one grade.

python -m benchmarks.grading        prints the counts; fails when a figure is missed
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice

from benchmarks.planting import ARCHITECTURES, pairs, right, slipped
from benchmarks.planting_vocabulary import SHEETS, Sheet
from derive.model.architecture import Architecture
from derive.proof.grading.slips import BY_TAG
from derive.teach.grading import grade

WANTED_RIGHT = 200
LIMIT_SECONDS = 0.050


def vocabulary(sheet: Sheet, count: Counter[str], named: Counter[str]) -> Iterator[str]:
    """What was missed in a sheet about other layers and losses; its formulas are counted."""
    net = sheet.architecture
    shown = f"{[f.name for f in net.activations]} {net.loss} {sheet.layout}"
    wanted = [("right", "correct", None, *line) for line in sheet.right]
    wanted += [("slip", "incorrect", tag, *line) for tag, *line in sheet.slipped]
    wanted += [("wrong", "incorrect", None, *line) for line in sheet.wrong]
    for kind, verdict, tag, quantity, formula in wanted:
        found = grade(quantity, formula, net, sheet.layout)
        fine = found.verdict == verdict and (kind != "slip" or found.slip == tag)
        count[KINDS[kind]] += 1
        if kind == "slip":
            named[str(tag)] += fine
        if not fine:
            yield f"{kind} {tag or ''} in {shown}: {quantity} = {formula}: {found.verdict} {found.slip}"


KINDS = {"right": "right", "slip": "slips", "wrong": "wrong"}


def main() -> int:
    failures: list[str] = []
    named: Counter[str] = Counter()
    count = Counter[str]()
    for sheet in SHEETS:
        failures += vocabulary(sheet, count, named)
    for architecture in ARCHITECTURES:
        shown = f"{architecture.sizes} {[f.name for f in architecture.activations]}"
        for tag, layout, quantity, formula in slipped(architecture):
            found = grade(quantity, formula, architecture, layout)
            count["slips"] += 1
            named[tag] += (found.verdict, found.slip) == ("incorrect", tag)
            if (found.verdict, found.slip) != ("incorrect", tag):
                failures.append(f"slip {tag} in {shown} {layout}: {quantity} = {formula}: {found.verdict} {found.slip}")
        for layout, quantity, formula in right(architecture):
            found = grade(quantity, formula, architecture, layout)
            count["right"] += 1
            if found.verdict != "correct":
                failures.append(f"right in {shown} {layout}: {quantity} = {formula}: {found.message}")
        for tags, layout, quantity, formula in pairs(architecture):
            found = grade(quantity, formula, architecture, layout)
            count["pairs"] += 1
            count["pairs that look like one slip"] += found.slip is not None
            if found.verdict != "incorrect":
                failures.append(f"pair {tags} in {shown} {layout}: {quantity} = {formula}: {found.verdict}")
    slowest, median = timing()
    missing = sorted(set(BY_TAG) - set(named))
    failures += [f"tag {tag} was never planted" for tag in missing]
    if count["right"] < WANTED_RIGHT:
        failures.append(f"only {count['right']} right formulas")
    if slowest > LIMIT_SECONDS and "--untimed" not in sys.argv[1:]:
        failures.append(f"one grade takes {slowest * 1000:.0f} ms")
    missed = Counter(failure.split()[0] for failure in failures)
    print(f"{len(ARCHITECTURES)} architectures of plain and residual layers, rows and columns")
    print(f"{len(SHEETS)} sheets about normalisation, softmax, penalties, dropout, weights, kinks and losses")
    print(f"planted slips named exactly: {named.total()} of {count['slips']}, {len(named)} tags")
    print(f"right formulas accepted:     {count['right'] - missed['right']} of {count['right']}")
    print(f"wrong, without a name:       {count['wrong'] - missed['wrong']} of {count['wrong']}")
    print(f"pairs marked incorrect:      {count['pairs'] - missed['pair']} of {count['pairs']}")
    print(f"  of which look like one slip: {count['pairs that look like one slip']}")
    print(f"one grade, warm: median {median * 1000:.1f} ms, slowest {slowest * 1000:.1f} ms")
    for failure in failures[:60]:
        print("  missed:", failure)
    return 1 if failures else 0


def timing() -> tuple[float, float]:
    """The slowest and the median time of one grade in a process that has graded this network before."""
    times = []
    for architecture in ARCHITECTURES:
        cases = [(q, f, layout) for _, layout, q, f in islice(slipped(architecture), 0, None, 5)]
        cases += [(q, f, layout) for layout, q, f in islice(right(architecture), 0, None, 5)]
        for quantity, formula, layout in cases:
            times.append(min(_seconds(quantity, formula, architecture, layout) for _ in range(3)))
    return max(times), sorted(times)[len(times) // 2]


def _seconds(quantity: str, formula: str, architecture: Architecture, layout: str) -> float:
    start = time.perf_counter()
    grade(quantity, formula, architecture, layout)
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())
