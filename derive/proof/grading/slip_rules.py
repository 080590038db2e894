"""What slips do to a right formula: rules that change one place in it.

Each gives the slipped forms of one term, and none where it does not apply. They know matrices and letters,
but no layout that is right and no derivative.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial, reduce
from itertools import combinations

from derive.proof.formulas.values import Layout
from derive.proof.grading.terms import Term, derivative, entrywise, leaf, times, transposed


@dataclass(frozen=True)
class Setting:
    """Where a formula stands: its layout, the depth of the network, and f' in terms of a, where it has such a form."""

    layout: Layout
    depth: int
    slopes: tuple[Callable[[Term], Term] | None, ...] = ()
    """For each layer 1..L: the term that f' is of f(z), or None."""

    def layers(self, *wanted: int) -> list[int]:
        """Those of the layers that exist."""
        return [layer for layer in wanted if 1 <= layer <= self.depth]


MANY = 4
"""Of more paths than this one is forgotten, or all but one."""
Local = Callable[[Term, Setting], Iterable[Term]]


def is_weight(term: Term) -> bool:
    """W, or its transpose."""
    return term.head == "W" or (term.head == "T" and term.parts[0].head == "W")


def weights(new: Callable[[Term, Setting], Iterable[Term]], term: Term, setting: Setting) -> Iterator[Term]:
    """In a product with W or its transpose: what `new` puts in its place."""
    if term.head == "@":
        for position, part in enumerate(term.parts):
            if is_weight(part):
                for other in new(part, setting):
                    yield term.with_parts(*(other if i == position else p for i, p in enumerate(term.parts)))


def inverses(part: Term, setting: Setting) -> Iterator[Term]:
    matrix = part.parts[0] if part.head == "T" else part
    yield Term("inv", (matrix,))
    yield transposed(Term("inv", (matrix,)))


def leaf_of(new: Callable[[Term], Term], part: Term) -> Term:
    """`new` in the place of W, with its transpose kept."""
    return Term("T", (new(part.parts[0]),)) if part.head == "T" else new(part)


def other_weights(part: Term, setting: Setting) -> Iterator[Term]:
    layer = part.parts[0].layer if part.head == "T" else part.layer
    for other in setting.layers(layer - 1, layer + 1):
        yield leaf_of(partial(lambda k, _: leaf("W", k), other), part)


def _derivative_factor(term: Term) -> tuple[Term, Term] | None:
    """(the other factor, f') of a product entry by entry with f'."""
    if term.head == "*" and term.parts[1].head == "df":
        return term.parts[0], term.parts[1]
    return None


def dropped(output: bool, term: Term, setting: Setting) -> Iterator[Term]:
    """Without f'; also where what stands between z and a is no factor, as in a softmax."""
    match _derivative_factor(term):
        case rest, Term(layer=layer) if (layer == setting.depth) == output:
            yield rest
    if term.head == "delta" and (term.layer == setting.depth) == output:
        yield leaf("da", term.layer)


def wrong_argument(term: Term, setting: Setting) -> Iterator[Term]:
    if term.head != "df" or term.parts[0].parts or term.parts[0].layer != term.layer:
        return
    layer = term.layer
    if term.parts[0].head != "z":
        yield derivative(layer)
    for other in (layer, layer - 1):
        yield derivative(layer, leaf("a", other))
    for other in setting.layers(layer - 1, layer + 1):
        yield derivative(other)
        yield derivative(layer, leaf("z", other))
    slope = setting.slopes[layer - 1] if setting.slopes else None
    if slope is not None:
        outputs = (layer - 1, layer, *setting.layers(layer + 1))  # a of the layer itself may hold a residual
        for argument in (leaf("z", layer), *(leaf("a", k) for k in outputs)):
            yield slope(argument)


def products_with_slope(term: Term, setting: Setting) -> Iterator[Term]:
    found = _derivative_factor(term)
    if found:
        x, slope = found
        for left, right in ((x, slope), (slope, x)):
            yield times(left, right)
            yield times(left, transposed(right))
            yield times(transposed(left), right)


def _outer(term: Term) -> tuple[Term, Term] | None:
    """(delta, a) of the outer product delta a^T, or of its sum over the samples."""
    if term.head != "@" or any(is_weight(part) for part in term.parts):
        return None
    left, right = term.parts
    return (left, transposed(right)) if right.head == "T" else (transposed(left), right)


def entrywise_outer(term: Term, setting: Setting) -> Iterator[Term]:
    if found := _outer(term):
        delta, a = found
        for product in (entrywise(delta, a), entrywise(delta, transposed(a)), entrywise(transposed(delta), a)):
            yield product
            yield transposed(product)
            if setting.layout == "rows":
                yield Term("sum", (product,))


def other_order(term: Term, setting: Setting) -> Iterator[Term]:
    if found := _outer(term):
        delta, a = found
        if setting.layout == "rows":
            yield times(transposed(a), delta)
            yield times(a, transposed(delta))
        else:
            yield times(a, transposed(delta))
            yield times(transposed(a), delta)


def untransposed(term: Term, setting: Setting) -> Iterator[Term]:
    if found := _outer(term):
        delta, a = found
        if setting.layout == "rows":
            yield times(transposed(delta), transposed(a))
        yield times(delta, a)


def other_activation(term: Term, setting: Setting) -> Iterator[Term]:
    if found := _outer(term):
        _, a = found
        if a.head == "a":
            for other in (a.layer + 1, a.layer - 1, a.layer + 2):
                if 0 <= other <= setting.depth:
                    yield term.with_parts(*(_in_place(part, a, leaf("a", other)) for part in term.parts))


def _in_place(part: Term, old: Term, new: Term) -> Term:
    return transposed(new) if part == transposed(old) else new if part == old else part


def z_for_a(term: Term, setting: Setting) -> Iterator[Term]:
    if term.head == "a" and term.layer > 0:
        yield leaf("z", term.layer)


def too_early(term: Term, setting: Setting) -> Iterator[Term]:
    found = _derivative_factor(term)
    if found and found[0].head == "@" and any(is_weight(part) for part in found[0].parts):
        product, slope = found
        for own in (slope, *(derivative(k) for k in setting.layers(slope.layer + 1))):
            yield product.with_parts(*(part if is_weight(part) else entrywise(part, own) for part in product.parts))


def crossed(term: Term, setting: Setting) -> Iterator[Term]:
    if term.head == "-" and term.parts[1].head == "y":
        a, y = term.parts
        yield Term("-", (a, transposed(y)))
        yield Term("-", (transposed(a), y))


def one_path(term: Term, setting: Setting) -> Iterator[Term]:
    """Some of the terms of a sum of errors, but not all."""
    paths = _summed(term)
    if not any(_is_error(part) for part in term.walk()):
        return
    counts = range(len(paths) - 1, 0, -1) if len(paths) <= MANY else (len(paths) - 1, 1)
    for count in counts:
        for chosen in combinations(paths, count):
            yield reduce(_joined, chosen[1:], _alone(chosen[0]))


def _is_error(part: Term) -> bool:
    """A derivative, or the target that the first one begins with."""
    return not part.parts and (part.head[0] == "d" or part.head == "y")


def _summed(term: Term, positive: bool = True) -> list[tuple[bool, Term]]:
    """The terms of a sum, each with whether it is added; a single one where it is no sum."""
    if term.head == "+":
        return [*_summed(term.parts[0], positive), *_summed(term.parts[1], positive)]
    if term.head == "-" and term.parts[1].head != "y":
        return [*_summed(term.parts[0], positive), *_summed(term.parts[1], not positive)]
    return [(positive, term)]


def _alone(signed: tuple[bool, Term]) -> Term:
    positive, term = signed
    return term if positive else Term("negative", (term,))


def _joined(total: Term, signed: tuple[bool, Term]) -> Term:
    positive, term = signed
    return Term("+" if positive else "-", (total, term))


def distributed(term: Term) -> Term:
    """A product with a sum as a sum of products, so that each path has its own f'."""
    if term.head == "*" and len(paths := _summed(term.parts[0])) > 1:
        products = [(positive, entrywise(path, term.parts[1])) for positive, path in paths]
        return reduce(_joined, products[1:], _alone(products[0]))
    return term


def unsummed(term: Term, setting: Setting) -> Iterator[Term]:
    match term:
        case Term(head="sum", parts=(summed,)):
            yield summed
            if setting.layout == "rows":
                yield Term("sum", (transposed(summed),))  # over the units
