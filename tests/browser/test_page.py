"""The page in a real browser: it opens, everything can be used, its numbers and verdicts are the toolkit's."""

from __future__ import annotations

import statistics
from itertools import islice

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from benchmarks.planting import ARCHITECTURES, pairs, right, slipped
from derive import Architecture, differentiate, emit, grade, load
from derive.teach.exercises.exercises import asked_of
from tests.browser.conftest import NETWORK

MAX_BYTES, MAX_MILLISECONDS = 1_000_000, 1000
PHONE = {"width": 390, "height": 800}
FEW = 13
"""Every so manieth planted answer; about a thousand in all."""

GRADE = "cases => cases.map(([quantity, text, layout]) => window.lesson.exercises.grade(quantity, text, layout))"
ODD = (
    "delta3 @ @ W3", "", "a1+", "W9", "2*a2", "delta2", "0", "1/0", "a2**65", "a2**-1", "(a2)**0.5", "dW2 = a1", "x +",
    "delta2 = f'(z2)*(delta3@W3)", "(delta3@W3)*df(z2)*N/N", "(delta3 @ W[L]) * f[2]'(z[2])", "z2(x)", "norm(a2)",
    "(d(loss, z3) @ W3)*f'(z2)", "diag(delta2)", "outer(delta2, a1)", "__import__('os')", "sqrt(a2**2)", "sin(delta2)",
    "5000*(delta3 @ W3)", "f'(z2) * da2", "exp(log(delta2))", "<b>1</b>", "a2 // 2", "delta3 @ inv(W3)",
    "constructor1", "toString(a2)", "__proto__",
)  # fmt: skip
"""What people also type."""


def wait(page: Page, condition: str, argument: object = None) -> None:
    """Until the condition holds; the page's policy leaves no room for Playwright's own way, which is eval."""
    for _ in range(1200):
        if page.evaluate(condition, argument):
            return
        page.wait_for_timeout(100)
    pytest.fail(f"after two minutes not yet: {condition}")


def test_it_opens_quickly_and_is_small(opened, written):
    assert written(NETWORK).stat().st_size <= MAX_BYTES
    page = opened()
    times = []
    for _ in range(5):
        page.reload()
        page.wait_for_selector("html[data-ready]", state="attached")
        times.append(page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd"))
    assert statistics.median(times) <= MAX_MILLISECONDS, times


NETWORKS = {
    "text": NETWORK,
    "one layer": Architecture((2, 1), ("identity",)),
    "wide": Architecture((5, 9, 7, 2), ("relu", "softplus", "sigmoid")),
    "softmax": Architecture((3, 4, 3), ("gelu_tanh", "softmax"), loss="cross_entropy"),
    "trained constant": Architecture((3, 4, 1), ("swish", "sigmoid"), loss="binary_cross_entropy"),
    "fork and norm": Architecture(
        (3, 4, 4, 2),
        ("relu", "silu", "identity"),
        layers=[{"normalization": "layer_norm"}, {"residual": True}, {}],
        penalty={"l1": 0.1, "l2": 0.2},
    ),
    "tied to the input": Architecture((3, 3, 2), ("tanh", "identity"), layers=[{"residual": True}, {}]),
    "weighted": Architecture((2, 3, 2), ("elu", "tanh"), loss="huber", sample_weights=True),
}


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_numbers_are_those_of_the_emitted_module(opened, network):
    page = opened(network)
    page.locator("details.given summary").click()
    page.locator("#given input").first.fill("0.75")
    page.check("input[value=numbers]")
    derivation = differentiate(network)
    module = load(emit(differentiate(network.resized([min(n, 4) for n in network.sizes])), style="readable"))
    inputs = page.evaluate("Object.fromEntries(lesson.data.inputs.map(n => [n, lesson.numbers.tensor(n)]))")
    assert inputs["a0"][0] == 0.75
    sizes = page.evaluate("lesson.data.example.sizes")
    arrays = {
        t.name: np.reshape(inputs[t.name], [sizes[str(axis)] for axis in t.axes]) for t in derivation.forward.inputs
    }
    theta = module.pack(module.Parameters(*(arrays[t.name] for t in derivation.parameters)))
    weights = {"weights": arrays["weights"]} if network.sample_weights else {}
    value, gradient = module.loss_and_gradient(theta, arrays["a0"], arrays["y"], **weights)
    found = page.evaluate("lesson.data.parameters.flatMap(n => lesson.numbers.tensor('d' + n))")
    np.testing.assert_allclose(found, gradient, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(page.evaluate("lesson.numbers.tensor('loss')"), [value], rtol=1e-12)
    wait(page, "lesson.training.losses().length > 0")
    page.evaluate("() => { for (let k = 0; k < 30; k++) lesson.training.step(); }")
    losses = page.evaluate("lesson.training.losses()")
    assert losses[-1] < losses[0]


def cases(k: int) -> list[tuple[str, str, str]]:
    """(quantity, formula, layout): planted slips, right forms and pairs of slips about one network."""
    network = ARCHITECTURES[k]
    planted = [(quantity, text, layout) for _, layout, quantity, text in islice(slipped(network), k % FEW, None, FEW)]
    planted += [(quantity, text, layout) for layout, quantity, text in islice(right(network), k % FEW, None, FEW)]
    planted += [(quantity, text, layout) for _, layout, quantity, text in islice(pairs(network), k % FEW, None, FEW)]
    asked = {(one.quantity, one.layout) for one in asked_of(network)}
    return [case for case in planted if (case[0], case[2]) in asked]


@pytest.mark.parametrize("k", range(len(ARCHITECTURES)))
def test_answers_get_the_verdicts_of_the_grader(opened, k):
    found = cases(k)
    if k == 0:
        found += [("delta2", text, layout) for text in ODD for layout in ("rows", "columns")]
    verdicts = opened(ARCHITECTURES[k]).evaluate(GRADE, [list(case) for case in found])
    wanted = [grade(quantity, text, ARCHITECTURES[k], layout) for quantity, text, layout in found]
    different = [
        (case, (want.verdict, want.slip), (got["verdict"], got["slip"]))
        for case, want, got in zip(found, wanted, verdicts, strict=True)
        if (want.verdict, want.slip) != (got["verdict"], got["slip"])
    ]
    assert different == []


BEYOND = {
    "softmax": NETWORKS["softmax"],
    "softmax in between": Architecture((3, 4, 3), ("softmax", "identity")),
    "trained constant": NETWORKS["trained constant"],
    "huber": Architecture((2, 3, 2), ("elu", "tanh"), loss="huber", sample_weights=True),
    "huber, linear": Architecture((3, 4, 2), ("tanh", "identity"), loss="huber"),
    "absolute": Architecture((3, 4, 2), ("tanh", "identity"), loss="mean_absolute"),
    "log_softmax": Architecture((3, 4, 3), ("tanh", "log_softmax")),
    "poisson": Architecture((3, 4, 2), ("softplus", "identity"), loss="poisson"),
    "own loss": Architecture((3, 4, 2), ("tanh", "sigmoid"), loss={"name": "quartic", "expression": "(a - y)**4"}),
    "linear loss": Architecture((3, 4, 2), ("tanh", "identity"), loss={"name": "mean", "expression": "(a - y)/3"}),
    "residual": Architecture(
        (3, 4, 5, 4, 2), ("tanh", "sigmoid", "relu", "identity"), layers=[{}, {}, {"residual": 2}, {}]
    ),
    "layer_norm": Architecture((3, 4, 2), ("tanh", "identity"), layers=[{"normalization": "layer_norm"}, {}]),
    "rms_norm": Architecture((3, 4, 2), ("silu", "identity"), layers=[{"normalization": "rms_norm"}, {}]),
    "dropout": Architecture((3, 4, 2), ("tanh", "identity"), layers=[{"dropout": 0.2}, {}]),
    "penalty": Architecture((3, 4, 2), ("tanh", "identity"), penalty={"l2": 0.1, "l1": 0.2}),
    "gelu": Architecture((3, 4, 2), ("gelu", "softplus")),
    "everything": Architecture(
        (4, 4, 4, 3),
        ("prelu", "mish", "softmax"),
        loss="cross_entropy",
        layers=[{"normalization": "layer_norm", "dropout": 0.1}, {"residual": True}, {}],
        penalty={"l2": 0.01},
        sample_weights=True,
    ),
}
"""Networks beyond the text's."""
TRIED = (
    "log(1 + a1**2)", "f'(z1) * da1", "exp(log(a1**2))", "(a2 - y) / N", "a1 - y", "W1", "y", "f'(z1)", "0", "1/3/N",
    "1", "N", "1/3",
)  # fmt: skip
TIMES = (
    "pi", "-pi", "sqrt(3)", "sqrt(4) / 2", "n1", "1 / n2", "sin(1)", "sum(mean(a1, units))", "exp(0)", "sqrt(2 * pi)",
)  # fmt: skip
"""Factors: constants, widths, one that is none."""
SLOPES = (
    "(a2 - y) * (1 - exp(-a2)) / N", "(a2 - y) * (1 - exp(-2 * a2)) / N", "(a2 - y) * exp(z2) / exp(a2) / N",
    "((1 + erf(z1 / sqrt(2))) / 2 + z1 * exp(-z1**2 / 2) / sqrt(2 * pi)) * da1",
    "((1 + erf(z1 / sqrt(2))) / 2 + z1 * exp(-z1**2 / 2) / sqrt(pi)) * da1", "W2.T @ pi", "pi(a2)", "pi",
)  # fmt: skip
"""The derivatives of gelu and softplus, and what is close to them."""
ORDERED = (
    "where(a2 - y > 1, 1, where(a2 - y < -1, -1, a2 - y)) / N", "max(-1, min(1, a2 - y)) / N", "sign(a2 - y) / N",
    "where(a2 > y, 1, -1) / N", "abs(a2 - y) / (a2 - y) / N", "sum(a2 - y, units)", "mean(a2 - y)", "a2 * n2", "z1 > 0",
    "(a2 - y >= 0) - (a2 - y <= 0)", "mean(W2, units)", "where(a1)", "sum(a1, both)",
)  # fmt: skip
"""Formulas with cases, and sums over units, for a loss that has a kink."""


def beyond(network: Architecture) -> list[tuple[str, str, str]]:
    """(quantity, formula, layout): what is right, slips, pairs of slips, and what else people might try."""
    found = []
    for one in asked_of(network):
        texts = [one.truth, *(text for _, text in one.slips[::5]), *(text for _, text in one.pairs[::31]), *TRIED[::3]]
        ordered = ORDERED if one.base == "delta" and network.loss.combined is not None else ()
        factors = [f"{factor} * ({one.truth})" for factor in TIMES]
        slopes = SLOPES if network == BEYOND["gelu"] and one.base == "delta" else ()
        found += [(one.quantity, text, one.layout) for text in (*texts, *ordered, *factors, *slopes)]
    return found


@pytest.mark.parametrize("network", BEYOND.values(), ids=BEYOND)
def test_answers_about_other_networks_get_the_verdicts_of_the_grader(opened, network):
    found = beyond(network)
    verdicts = opened(network).evaluate(GRADE, [list(case) for case in found])
    wanted = [grade(quantity, text, network, layout) for quantity, text, layout in found]
    different = [
        (case, (want.verdict, want.slip), (got["verdict"], got["slip"]))
        for case, want, got in zip(found, wanted, verdicts, strict=True)
        if (want.verdict, want.slip) != (got["verdict"], got["slip"])
    ]
    assert different == []
    assert sum(want.verdict == "correct" for want in wanted) >= len(asked_of(network))
    assert sum(want.slip is not None for want in wanted) >= len(asked_of(network))


def test_there_are_enough_answers():
    assert sum(len(cases(k)) for k in range(len(ARCHITECTURES))) >= 300
    assert sum(map(len, map(beyond, BEYOND.values()))) >= 300


def test_a_wrong_slip_would_be_seen(opened):
    """The comparison above can fail: with one tag renamed in the page's data a verdict differs."""
    page = opened()
    name = "([tag, forms]) => [tag === 'missing-derivative' ? 'sign' : tag, forms]"
    page.evaluate(
        f"() => {{ const {{ rows }} = lesson.data.grading.questions.delta2; rows.slips = rows.slips.map({name}); }}"
    )
    (got,) = page.evaluate(GRADE, [["delta2", "delta3 @ W3", "rows"]])
    assert got["slip"] != grade("delta2", "delta3 @ W3", NETWORK).slip


def test_an_exercise_with_hints(opened):
    page = opened()
    page.select_option("#asked", "delta2")
    page.fill("#answer", "delta3 @ W3")
    page.keyboard.press("Enter")
    verdict = page.locator("#verdict")
    assert "missing f'(z) in a hidden layer" in verdict.inner_text()
    assert "Right is" not in verdict.inner_text()
    for _ in range(4):
        page.click("#hint")
    assert page.locator("#hints li").count() == 4
    assert page.locator("#hint").is_disabled()
    page.check("#reveal")
    page.keyboard.press("Enter")
    page.locator("#exercise button[type=submit]").click()
    assert "Right is delta2 = (delta3 @ W3) * f'(z2)" in verdict.inner_text()
    page.fill("#answer", "a2 * (1 - a2) * (delta3 @ W3)")
    page.locator("#exercise button[type=submit]").click()
    assert "Right" in verdict.inner_text()
    assert "1 of 18 right so far" in page.locator("#done").inner_text()
    page.click("#next")
    assert page.locator("#answer-name").inner_text().startswith("dW2")


def test_what_is_typed_is_shown_as_text(opened):
    page = opened()
    page.fill("#answer", "<img src=x onerror=alert(1)>")
    page.locator("#exercise button[type=submit]").click()
    assert page.locator("#verdict img").count() == 0
    assert "Unreadable" in page.locator("#verdict").inner_text()


def test_the_planted_slip(opened):
    page = opened()
    count = page.evaluate("lesson.data.grading.puzzles.length")
    assert count >= 10
    for k in range(count):
        wrong, lines = page.evaluate(
            f"[lesson.data.grading.puzzles[{k}].wrong, lesson.data.grading.puzzles[{k}].lines.length]"
        )
        buttons = page.locator("#puzzle-lines button")
        assert buttons.count() == lines
        buttons.nth((wrong + 1) % lines).click()
        assert "This line is right" in page.locator("#puzzle-verdict").inner_text()
        buttons.nth(wrong).click()
        assert "Found" in page.locator("#puzzle-verdict").inner_text()
        page.click("#puzzle-hint")
        assert page.locator("#puzzle-hints li").count() == 1
        page.click("#puzzle-next")


def test_views_and_lights(opened):
    page = opened()
    card = page.locator("#card-delta2")
    for view in ("matrix", "numbers", "index"):
        page.check(f"input[value={view}]")
        assert card.locator(f".panel.{view}").is_visible()
        assert card.locator(".panel:visible").count() == 1
    card.hover()
    line = page.locator("#code li[data-tensor=delta2]")
    assert "lit" in line.get_attribute("class")
    assert page.locator("svg .layer.lit").get_attribute("data-layer") == "2"
    page.mouse.move(0, 0)  # focus may scroll the page, and then another card comes under the mouse
    line.locator("a").focus()
    assert "lit" in card.get_attribute("class")
    page.locator("#code li[data-tensor=dW1] a").focus()
    assert "lit" not in (card.get_attribute("class") or "")
    assert page.locator("svg .layer.lit").get_attribute("data-layer") == "1"


def test_numbers_follow(opened):
    page = opened()
    page.check("input[value=numbers]")
    card = page.locator("#card-dW2 .numbers")
    card.locator("button").nth(1).click()
    before = card.inner_text()
    page.locator("details.given summary").click()
    field = page.get_by_label("W3, row 1, column 1")
    field.fill("2.5")
    after = card.inner_text()
    assert before != after
    assert card.locator("button[aria-pressed=true]").count() == 1
    field.fill("")
    assert field.get_attribute("aria-invalid") == "true"
    assert card.inner_text() == after
    page.locator("#given button[type=reset]").click()
    wait(page, "before => document.querySelector('#card-dW2 .numbers').innerText === before", before)


def trained(page: Page, start: str, steps: int, points: str = "moons") -> list[dict]:
    page.select_option("#data-set", points)
    page.select_option("#start", start)
    page.evaluate(f"() => {{ for (let k = 0; k < {steps}; k++) lesson.training.step(); }}")
    return page.evaluate("lesson.training.measures()")


def test_training_learns(opened):
    page = opened()
    wait(page, "lesson.training.losses().length > 0")
    trained(page, "centred", 300)
    losses = page.evaluate("lesson.training.losses()")
    assert losses[-1] < 0.2 * losses[0]
    page.click("#one-step")
    assert "301 steps" in page.locator("#progress").inner_text()
    page.click("#run")
    wait(page, "lesson.training.steps() > 320")
    page.click("#run")
    assert page.locator("#run").inner_text() == "Train"
    page.click("#restart")
    assert page.evaluate("lesson.training.steps()") == 0
    assert page.locator("#sizes tr").count() == 3


def test_what_the_text_says_about_starts(opened):
    page = opened()
    wait(page, "lesson.training.losses().length > 0")
    equal = trained(page, "equal", 50)
    assert [row["different"] for row in equal[:-1]] == [1, 1]
    assert all(row["size"] > 0 for row in equal)
    centred = trained(page, "centred", 0)
    large = trained(page, "large", 0)
    assert large[0]["saturated"] > 0.5 > centred[0]["saturated"]
    zero = trained(page, "zero", 0)
    assert zero[0]["size"] == 0
    tanh = opened(Architecture((2, 3, 1), ("tanh", "identity")))
    wait(tanh, "lesson.training.losses().length > 0")
    assert [row["size"] for row in trained(tanh, "zero", 40)] == [0, 0]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [{"width": 1280, "height": 900}, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("view", ["index", "matrix", "numbers"])
def test_accessibility(opened, scheme, viewport, view):
    page = opened(color_scheme=scheme, viewport=viewport)
    wait(page, "lesson.training.losses().length > 0")
    page.check(f"input[value={view}]")
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    page.fill("#answer", "a1")
    page.locator("#exercise button[type=submit]").click()
    page.click("#hint")
    page.locator("#puzzle-lines button").first.click()
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]


def test_the_audit_sees_a_planted_fault(opened):
    page = opened()
    page.evaluate("document.getElementById('answer').removeAttribute('aria-label')")
    page.evaluate("document.getElementById('answer-name').remove()")
    assert Axe().run(page).violations_count > 0


def test_by_keyboard_alone(opened):
    page = opened()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    seen = set()
    for _ in range(400):
        page.keyboard.press("Tab")
        seen.add(
            page.evaluate("document.activeElement.id || document.activeElement.name || document.activeElement.tagName")
        )
        if "puzzle-next" in seen:
            break
    assert {
        "view",
        "run",
        "one-step",
        "restart",
        "start",
        "rate",
        "asked",
        "layout",
        "answer",
        "hint",
        "puzzle-next",
    } <= seen


def test_it_prints_every_view(opened):
    page = opened()
    page.emulate_media(media="print")
    assert page.locator("#card-delta2 .panel:visible").count() == 3
    assert not page.locator("#training").is_visible()
    assert len(page.pdf()) > 10_000
