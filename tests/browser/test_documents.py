"""The notebook runs from top to bottom, and the LaTeX document compiles."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from derive import Activation, Architecture, explain
from derive.teach.handout import handout

NETWORKS = (
    Architecture((3, 4, 3, 2), ("tanh", "sigmoid", "identity")),
    Architecture((5, 2), ("relu",)),
    Architecture(
        (2, 9, 1), (Activation("my_swish_100", "z / (1 + exp(-beta*z))", (("beta", 1.5),)), "softplus"), name="a_b"
    ),
)


def run(text: str) -> nbformat.NotebookNode:
    book = nbformat.reads(text, 4)
    nbformat.validate(book)
    NotebookClient(book, kernel_name="python3", timeout=300).execute()
    return book


@pytest.mark.parametrize("network", NETWORKS, ids=lambda a: "-".join(map(str, a.sizes)))
def test_the_notebook_runs(network):
    book = run(explain(network, "notebook"))
    assert "the loss is" in book.cells[-1].outputs[0].text


def test_a_notebook_with_a_wrong_line_stops():
    text = explain(NETWORKS[1], "notebook")
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


@pytest.mark.parametrize("network", NETWORKS, ids=lambda a: "-".join(map(str, a.sizes)))
def test_the_document_compiles(network, tmp_path):
    result = compiled(explain(network, "latex"), tmp_path)
    assert result.returncode == 0, result.stdout[-2000:]
    assert (tmp_path / "lesson.pdf").stat().st_size > 20_000


def test_a_document_with_an_open_brace_does_not_compile(tmp_path):
    assert (
        compiled(explain(NETWORKS[1], "latex").replace(r"\maketitle", r"\maketitle $\frac{1}"), tmp_path).returncode
        != 0
    )


@pytest.mark.parametrize("solutions", [False, True])
def test_a_sheet_compiles_and_runs(solutions, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    network = NETWORKS[2]
    result = compiled(handout(network, 4, solutions=solutions), tmp_path)
    assert result.returncode == 0, result.stdout[-2000:]
    book = run(handout(network, 4, 8, "notebook", solutions=solutions))
    said = [cell.outputs[0].text for cell in book.cells if cell.source.startswith("answer")]
    wanted = ("Right", "Found") if solutions else ("Exercise",)
    assert all(text.startswith(wanted) for text in said), said
    assert (tmp_path / "answers.jsonl").exists() == solutions
