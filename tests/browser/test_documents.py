"""The notebook runs from top to bottom, and the LaTeX document compiles."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from derive import Architecture, explain
from derive.teach.exercises.handout import handout
from tests.browser.networks import VOCABULARY

NETWORKS = {
    "text": Architecture((3, 4, 3, 2), ("tanh", "sigmoid", "identity")),
    **{name: VOCABULARY[name] for name in ("one layer", "own activation", "everything")},
}


def run(text: str) -> nbformat.NotebookNode:
    book = nbformat.reads(text, 4)
    nbformat.validate(book)
    NotebookClient(book, kernel_name="python3", timeout=300).execute()
    return book


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_the_notebook_runs(network):
    book = run(explain(network, "notebook"))
    if not any(options.dropout for options in network.layers):
        assert "the loss is" in book.cells[-1].outputs[0].text


def test_a_notebook_with_a_wrong_line_stops():
    text = explain(NETWORKS["one layer"], "notebook")
    assert "dW1 = delta1.T @ X" in text
    with pytest.raises(CellExecutionError):
        run(text.replace("dW1 = delta1.T @ X", "dW1 = -delta1.T @ X"))


def compiled(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    assert shutil.which("pdflatex"), (
        "no LaTeX: install Debian's packages texlive-latex-base and texlive-latex-recommended"
    )
    (folder / "lesson.tex").write_text(text, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "lesson.tex"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", check=False)


def test_the_document_compiles(tmp_path):
    result = compiled(explain(NETWORKS["text"], "latex"), tmp_path)
    assert result.returncode == 0, result.stdout[-2000:]
    assert (tmp_path / "lesson.pdf").stat().st_size > 20_000


def test_a_document_with_an_open_brace_does_not_compile(tmp_path):
    assert (
        compiled(
            explain(NETWORKS["one layer"], "latex").replace(r"\maketitle", r"\maketitle $\frac{1}"), tmp_path
        ).returncode
        != 0
    )


@pytest.mark.parametrize("solutions", [False, True])
@pytest.mark.parametrize("name", ["own activation", "everything"])
def test_a_sheet_compiles_and_runs(name, solutions, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    network = NETWORKS[name]
    result = compiled(handout(network, 4, solutions=solutions), tmp_path)
    assert result.returncode == 0, result.stdout[-2000:]
    book = run(handout(network, 4, 8, "notebook", solutions=solutions))
    said = [cell.outputs[0].text for cell in book.cells if cell.source.startswith("answer")]
    wanted = ("Right", "Found") if solutions else ("Exercise",)
    assert all(text.startswith(wanted) for text in said), said
    assert (tmp_path / "answers.jsonl").exists() == solutions
