"""Mutants of emitted modules: whether the audit catches every fault, also when the digest was made to fit.

    python -m benchmarks.mutants [--limit N] [--seed 0] [--workers N]

Three sorts of mutants. *One place*: a change of one node of the syntax tree. *Everywhere*: the same change
wherever the same line stands, so in the loss and in the gradient. *Consistent*: the module of another
specification (another constant, activation or factor of the loss in forward and backward alike) under the
original's SPEC. The frame (`codegen.exact.frame.FRAME`) is left out: it is compared as syntax.
Exit status 1 if a mutant survives that is not shown to be equivalent.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import re
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice

from benchmarks.mutators import Mutant, everywhere, mutants, signed
from derive.algebra.gradient import differentiate
from derive.codegen.audit import audit
from derive.codegen.emit import emit
from derive.model.activation import Activation
from derive.model.architecture import Architecture
from derive.model.errors import DeriveError
from derive.model.specification import to_toml

SWISH = Activation("swish", "z / (1 + exp(-beta*z))", (("beta", 1.5),))
LEAKY = Activation("leaky", "where(z > 0, z, slope*z)", (("slope", 0.125),))
MOMENTUM = {"name": "sgd", "momentum": 0.9}
NETWORKS: tuple[tuple[Architecture, str], ...] = (
    (Architecture((3, 2), ["sigmoid"]), "fast"),
    (Architecture((3, 2), ["tanh"], optimizer=MOMENTUM), "readable"),
    (Architecture((3, 4, 2), ["tanh", "identity"], optimizer=MOMENTUM), "fast"),
    (Architecture((3, 4, 2), ["relu", "softplus"]), "readable"),
    (Architecture((2, 4, 3), [SWISH, "identity"], optimizer=MOMENTUM), "readable"),
    (Architecture((2, 3, 5, 4), ["relu", LEAKY, "sigmoid"]), "fast"),
    (Architecture((3, 2, 4, 2), ["softplus", "tanh", "identity"], dtype="float32"), "readable"),
    (Architecture((2, 3, 4, 3, 2), ["relu", "relu", "sigmoid", "tanh"], optimizer=MOMENTUM), "fast"),
)


@dataclass(frozen=True)
class Result:
    """What became of one mutant: the label of the verdict that betrays it, "" if it survived."""

    network: int
    mutant: Mutant
    caught_by: str
    equivalent: str = ""


def consistent(architecture: Architecture, style: str) -> Iterator[Mutant]:
    """Modules that are right, but for another specification than the one that they bear."""
    others: dict[str, Architecture] = {}
    for layer, function in enumerate(architecture.activations):
        formula = function.expression
        scaled = re.sub(r"\bz\b", "(1.000001*z)", formula)
        changes = [f"1.000001 * ({formula})", f"({formula}) + 0.000001", f"-({formula})", scaled]
        changes += ["where(z >= 0, z, 0)"] * (function.name == "relu")
        near = [(change, Activation(f"other{layer}", change, function.constants)) for change in changes]
        for key, value in function.constants:
            near.append((f"{key} + 1e-6", Activation(f"other{layer}", formula, ((key, value + 1e-6),))))
        for change, other in near:
            functions = [*architecture.activations[:layer], other, *architecture.activations[layer + 1 :]]
            others[f"layer {layer + 1}: {change}"] = replace(architecture, activations=tuple(functions))
    for name, value in architecture.optimizer.constants:
        update = replace(architecture.optimizer, constants=((name, value + 1e-6),))
        others[f"{name} + 1e-6"] = replace(architecture, optimizer=update)
    spec = to_toml(architecture)
    for change, other in others.items():
        text = emit(differentiate(other), style)
        yield Mutant("consistent", 0, change, signed(text.replace(to_toml(other), spec)))
    text = emit(differentiate(architecture), style)
    for change, factor in (
        ("1/(2N) → 1/2", "1"),
        ("1/(2N) → 1/(4N)", "(2 * N)"),
        ("1/N → 1.000001/N", "(N / 1.000001)"),
    ):
        doubled = re.sub(r"/ N\b", f"/ {factor}", text)
        doubled = re.sub(r"/ \((\d+) \* N\)", rf"/ (\1 * {factor})", doubled)
        doubled = re.sub(r"(np\.divide\(\w+, )N,", rf"\g<1>{factor},", doubled)
        yield Mutant("consistent", 0, change, signed(doubled))


def task(network: int, mutant: Mutant) -> Result:
    """Audit one mutant, until something betrays it."""
    architecture, _ = NETWORKS[network]
    try:
        with limited(SECONDS) as in_time:
            certificate = audit(mutant.text, architecture, to_the_end=False)
    except DeriveError:
        return Result(network, mutant, "refused")
    if not in_time:
        return Result(network, mutant, "", LATE)
    broken = [v for v in certificate.verdicts if not v.holds]
    equivalent = "" if broken else justified(emitted(network), mutant.text)
    return Result(network, mutant, broken[0].label if broken else "", equivalent)


@contextmanager
def limited(seconds: int) -> Iterator[list[bool]]:
    """Stops what takes too long; what it yields is empty then."""
    in_time = [True]

    def late(*_: object) -> None:
        in_time.clear()
        raise TooLateError

    signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield in_time
    except TooLateError:
        pass
    finally:
        signal.alarm(0)


class TooLateError(BaseException):
    """An audit that takes too long."""


SECONDS = 30
LATE = f"no verdict within {SECONDS} s"


def emitted(network: int) -> str:
    architecture, style = NETWORKS[network]
    return emit(differentiate(architecture), style)


def justified(original: str, mutated: str) -> str:
    """Why a mutant computes the same as the original, if that follows from its syntax alone; else ""."""
    for reason, form in FORMS.items():
        if form(original) == form(mutated):
            return reason
    return ""


def all_mutants(seed: int, limit: int | None) -> list[tuple[int, Mutant]]:
    found: list[tuple[int, Mutant]] = []
    for network, (architecture, style) in enumerate(NETWORKS):
        text = emitted(network)
        assert audit(text, architecture).holds, "an original that fails"
        unique = {m.text: m for m in (*mutants(text), *everywhere(text), *consistent(architecture, style))}
        found += [(network, mutant) for key, mutant in unique.items() if key != text]
    random.Random(seed).shuffle(found)
    return list(islice((drawn for drawn in found if parses(drawn[1].text)), limit))


def parses(text: str) -> bool:
    """Whether a mutant is Python at all: one that is not would be caught for nothing."""
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


class _Folded(ast.NodeTransformer):
    """Syntax trees in which no sign stands twice, and none inside a square."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.op, ast.Pow) and getattr(node.right, "value", None) == 2:
            base = node.left
            if isinstance(base, ast.UnaryOp) and isinstance(base.op, ast.USub):
                node.left = base = base.operand
            if isinstance(base, ast.BinOp) and isinstance(base.op, ast.Sub):
                base.left, base.right = sorted((base.left, base.right), key=ast.dump)
        return node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        inner = node.operand
        if isinstance(node.op, ast.USub) and isinstance(inner, ast.UnaryOp) and isinstance(inner.op, ast.USub):
            return inner.operand
        if isinstance(node.op, ast.USub) and isinstance(inner, ast.Constant) and not inner.value:
            return inner  # -0 is 0 wherever nobody divides by it
        return node


def folded(text: str) -> str:
    return ast.dump(_Folded().visit(_without_digest(text)))


def _without_digest(text: str) -> ast.Module:
    return ast.parse(re.sub(r"^DIGEST = .*$", "", text, flags=re.MULTILINE))


def without_dead_start(text: str) -> str:
    """State.N starts as any number that no batch has for its size: it is compared with len(X) >= 1 and replaced."""
    return folded(re.sub(r"self\.N = (0|\(0\)|\(-?1e-06\)|\(-1\))$", "self.N = 0", text, flags=re.MULTILINE))


def with_last_axis(text: str) -> str:
    """Sums along an axis are of matrices, whose last axis is axis 1."""
    return folded(re.sub(r"axis=\(?-1\)?", "axis=1", text))


def with_one_length(text: str) -> str:
    """Y has as many rows as X once `_data` has let them pass."""
    return folded(text.replace("len(Y)", "len(X)"))


def with_default_axis(text: str) -> str:
    """`np.add.reduce` sums along axis 0 unless told otherwise."""
    return folded(re.sub(r"(np\.add\.reduce\([^()]*), axis=0", r"\1", text))


def with_one_name(text: str) -> str:
    """Where f is the identity, a line copies z into a and da into delta: either name means the same array."""
    for copy, source in re.findall(r"^ +(v?(?:a|delta)\d+) = (v?(?:z|da)\d+)(?=$|  #)", text, flags=re.MULTILINE):
        text = re.sub(rf"\b{source}\b", copy, text)
    return folded(text)


def with_one_sum(text: str) -> str:
    """c is only summed up, so the order in which its terms are does not matter."""
    return folded(re.sub(r"(^    c = .*)\.sum\((?:axis=\(?-?[01]\)?)?\)", r"\1.sum()", text, flags=re.MULTILINE))


def with_clamped_end(text: str) -> str:
    """A slice of theta that ends beyond its end ends with it: END of the last bias as a product of numbers above 1."""
    *_, last = re.finditer(r"^END_b\d+ = .*$", text, flags=re.MULTILINE)
    return folded(
        text[: last.start()] + re.sub(r"\(\((\w+)\) \* \((\w+)\)\)", r"\1 + \2", last[0]) + text[last.end() :]
    )


def with_two_sizes(text: str) -> str:
    """Of two sizes, the last is the second."""
    two = re.search(r"^SIZES = n0, n1 = ", text, flags=re.MULTILINE)
    return folded(text.replace("SIZES[(-1):]", "SIZES[1:]") if two else text)


def with_even_slope(text: str) -> str:
    """The Jacobian of one layer reads z through f' alone, and f' of sigmoid and of tanh is an even function."""
    before, jacobian = text.split("def jacobian", 1)
    one_layer = re.search(r"^SIZES = n0, n1 = ", text, flags=re.MULTILINE)
    even = re.search(r"a1 = (?:np\.tanh|sigmoid)\(z1\).*\n +df1 = (?:1 - a1\*\*2|a1 \* \(1 - a1\))", jacobian)
    return folded(
        f"{before}def jacobian{jacobian.replace('(-(X @ W1.T + b1))', 'X @ W1.T + b1')}" if one_layer and even else text
    )


def with_cut_sign(text: str) -> str:
    """max(z, 0), and max(z, z/8), are at most 0 exactly where z is."""
    for a, z in re.findall(r"^    (a\d+) = np\.maximum\((z\d+), (?:0|0\.125 \* \2|\2 / 8)\)", text, flags=re.MULTILINE):
        text = text.replace(f"np.where({z} <= 0", f"np.where({a} <= 0")
    return folded(text)


def with_one_part(text: str) -> str:
    """How much is updated or gathered at a time decides only what fits into a cache."""
    return folded(re.sub(r"^(PART|GATHERED) = \(?[1-9]\d*\)?", r"\1 = 1", text, flags=re.MULTILINE))


def with_one_sample(text: str) -> str:
    """N is 1 in the sweep of a single sample."""
    tree = _without_digest(text)
    for sweep in (node for node in tree.body if getattr(node, "name", "") == "_sweep_one"):
        for inner in ast.walk(sweep):
            match inner:
                case ast.BinOp(op=ast.Mult() | ast.Div(), right=ast.Name(id="N")):
                    inner.op = ast.Mult()
    return ast.dump(_Folded().visit(tree))


FORMS = {
    "N is 1 in the sweep of a single sample": with_one_sample,
    "theta is updated, and samples are gathered, in parts of any size": with_one_part,
    "the same after constant folding": folded,
    "State.N starts with no batch's size": without_dead_start,
    "the last axis of a matrix is axis 1": with_last_axis,
    "X and Y have the same number of rows": with_one_length,
    "np.add.reduce sums along axis 0 by default": with_default_axis,
    "a line copies one name into the other": with_one_name,
    "c is only summed up": with_one_sum,
    "a slice ends with its array": with_clamped_end,
    "of two sizes, the last is the second": with_two_sizes,
    "f' of one layer is an even function of z": with_even_slope,
    "max(z, 0) and max(z, z/8) are at most 0 exactly where z is": with_cut_sign,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--limit", type=int, help="a random sample of so many mutants instead of all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--minutes", type=float, default=60, help="report then, whatever is done")
    given = parser.parse_args()
    began = time.monotonic()
    work = all_mutants(given.seed, given.limit)
    results = run(work, given.workers, began + 60 * given.minutes)
    return report(results, time.monotonic() - began)


def run(work: list[tuple[int, Mutant]], workers: int, until: float) -> list[Result]:
    """The results of all mutants, or of those that are done by then."""
    from rich.progress import Progress

    with ProcessPoolExecutor(workers) as pool, Progress(transient=True) as bar:
        shown = bar.add_task(f"auditing {len(work)} mutants", total=len(work))
        jobs = [pool.submit(task, *each) for each in work]
        results: list[Result] = []
        for job in as_completed(jobs):
            if not job.cancelled():
                results.append(job.result())
            bar.advance(shown)
            if time.monotonic() > until:
                pool.shutdown(wait=False, cancel_futures=True)
                break
        return results


def report(results: list[Result], seconds: float) -> int:
    """Print the counts, the equivalents with their reason, and the survivors; 1 if there are any."""
    kinds = Counter(r.mutant.kind for r in results)
    caught = Counter(r.mutant.kind for r in results if r.caught_by)
    print(f"{'kind':28}{'mutants':>9}{'caught':>9}")
    for kind, count in sorted(kinds.items()):
        print(f"{kind:28}{count:>9}{caught[kind]:>9}")
    ways = Counter(WAYS.get(r.caught_by, "by a value") for r in results if r.caught_by)
    print("caught " + ", ".join(f"{way}: {count}" for way, count in ways.most_common()))
    equivalent = [r for r in results if r.equivalent]
    for (reason, change), count in sorted(Counter((r.equivalent, r.mutant.change) for r in equivalent).items()):
        print(f"equivalent, {count} times: {change}: {reason}")
    survivors = [r for r in results if not r.caught_by and not r.equivalent]
    for r in sorted(survivors, key=lambda r: (r.network, r.mutant.line)):
        line = r.mutant.text.splitlines()[r.mutant.line - 1].strip() if r.mutant.line else ""
        print(f"SURVIVED  network {r.network}, line {r.mutant.line}, {r.mutant.kind}: {r.mutant.change}    {line}")
    total = sum(caught.values())
    print(
        f"{len(results)} mutants of {len(NETWORKS)} modules in {seconds:.0f} s: {total} caught, "
        f"{len(equivalent)} equivalent, {len(survivors)} survived"
    )
    return 1 if survivors else 0


WAYS = {
    "refused": "since it is no module",
    "digest": "by the header",
    "frame": "as syntax",
    "module": "since it cannot run",
}


if __name__ == "__main__":
    raise SystemExit(main())
