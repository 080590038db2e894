"""`derive explain` for every kind of network: each format of each is what it should be."""

from __future__ import annotations

import json
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

from derive import Architecture, differentiate, explain
from derive.teach.explain import FORMATS
from tests.browser.conftest import Opened
from tests.browser.networks import VOCABULARY
from tests.browser.test_documents import compiled

CHILDREN = {"mfrac": 2, "msub": 2, "msup": 2, "msubsup": 3, "munder": 2, "munderover": 3}
CORE = ["math", "mrow", "mi", "mn", "mo", "mtext", "msqrt", "mtable", "mtr", "mtd", *CHILDREN]
"""What is needed here of MathML Core, which all browsers render."""
MATH = """([core, children]) => [...document.querySelectorAll("math, math *")]
  .filter((e) => !core.includes(e.localName) || e.children.length !== (children[e.localName] ?? e.children.length))
  .map((e) => e.outerHTML)"""


@cache
def texts(network: Architecture) -> dict[str, str]:
    """The lesson of a network in all formats, proved once."""
    return {format: explain(network, format) for format in FORMATS}


every_network = pytest.mark.parametrize("network", VOCABULARY.values(), ids=VOCABULARY)


def test_there_are_enough():
    assert len(VOCABULARY) >= 25
    assert len(set(VOCABULARY.values())) == len(VOCABULARY)


@every_network
def test_the_page_opens_and_works(opened: Opened, network: Architecture):
    page = opened(network, html=texts(network)["html"])
    for view in ("numbers", "matrix", "index"):
        page.check(f"input[value={view}]")
        assert page.evaluate(MATH, [CORE, CHILDREN]) == []
    page.click("#one-step")
    assert "1 step: loss" in page.locator("#progress").inner_text()
    assert page.locator("#training-note").inner_text() == ""
    assert not re.findall(r"undefined|NaN|\[object|no number", page.locator("body").inner_text())
    if page.locator("#asked option").count():
        page.fill("#answer", "1")
        page.locator("#exercise button[type=submit]").click()
        assert page.locator("#verdict strong").count() == 1


def test_a_fraction_of_three_parts_would_be_seen(opened: Opened):
    network = VOCABULARY["one layer"]
    page = opened(network, html=texts(network)["html"].replace("<mfrac>", "<mfrac><mn>0</mn>"))
    assert page.evaluate(MATH, [CORE, CHILDREN])


@every_network
def test_the_document_compiles(network: Architecture, tmp_path: Path):
    result = compiled(texts(network)["latex"], tmp_path)
    assert result.returncode == 0, result.stdout[-2000:]
    wide = [float(points) for points in re.findall(r"Overfull \\hbox \(([\d.]+)pt", result.stdout)]
    assert max(wide, default=0) < 15  # points; a formula that does not fit is wider than that


@every_network
def test_the_notebook_runs(network: Architecture, capsys: pytest.CaptureFixture[str]):
    namespace: dict[str, object] = {}
    for cell in json.loads(texts(network)["notebook"])["cells"]:
        if cell["cell_type"] == "code":
            exec(cell["source"], namespace)
    dropped = any(options.dropout for options in network.layers)
    assert ("the loss is" in capsys.readouterr().out) != dropped


@every_network
def test_the_terminal_has_every_gradient_in_80_columns(network: Architecture):
    text = texts(network)["terminal"]
    for parameter in differentiate(network).parameters:
        assert re.search(rf"^  d{parameter.name}\b", text, re.MULTILINE)
    assert max(len(line) for line in text.splitlines() if " " in line.strip()) <= 80


def test_a_document_with_a_wide_formula_would_be_seen(tmp_path: Path):
    text = texts(VOCABULARY["one layer"])["latex"].replace(r"\maketitle", r"\maketitle \[" + "x+" * 400 + r"x\]")
    result: subprocess.CompletedProcess[str] = compiled(text, tmp_path)
    assert re.search(r"Overfull \\hbox", result.stdout)
