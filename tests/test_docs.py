"""The API reference: every public name is on its page, and a fault in a docstring or a missing one is found."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

from derive import load
from docs.build import EMITTED, PAGES, build, public, undocumented


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("reference")
    build(folder)
    return folder


def identifiers(path: Path) -> set[str]:
    return set(re.findall(r'id="([\w.]+)"', path.read_text(encoding="utf-8")))


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_every_public_name_is_on_its_page(pages, page):
    names = set(public(import_module(page)))
    assert names
    assert names <= identifiers(pages / f"{page.replace('.', '/')}.html")
    assert "no_such_name" not in identifiers(pages / f"{page.replace('.', '/')}.html")


@pytest.mark.slow
def test_the_functions_of_an_emitted_module_are_there(pages):
    names = set(public(load(EMITTED)))
    assert {"train", "loss_and_gradient", "jacobian"} <= names
    assert names <= identifiers(pages / f"{EMITTED.stem}.html")


def test_a_public_name_without_a_docstring_is_found(monkeypatch):
    assert undocumented() == []
    monkeypatch.setattr(import_module("derive.parallel").persist, "__doc__", None)
    assert undocumented() == ["derive.parallel.persist"]
    with pytest.raises(SystemExit, match=r"without a docstring: derive\.parallel\.persist"):
        build(Path("never written"))


@pytest.mark.slow
def test_a_warning_is_an_error(monkeypatch, tmp_path):
    module = tmp_path / "faulty.py"
    module.write_text('def f(x: "no_such_module.Array"):\n    """A function of x."""\n')
    monkeypatch.setattr("docs.build.EMITTED", module)
    with pytest.raises(UserWarning, match="no_such_module"):
        build(tmp_path / "reference")
