"""Fixtures for the command line: run it in this process, with the real rooms or with stand-ins for them."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import settings

from derive.cli import main
from tests.doubles import GOOD

settings.register_profile("derive", deadline=None)  # a busy machine is not a failure
settings.load_profile("derive")
gc.set_threshold(100_000, 50, 50)  # a tenth of the time went into counting SymPy's many small objects


@dataclass(frozen=True)
class Result:
    """What one run of the command line left behind."""

    status: int
    out: str
    err: str


@pytest.fixture
def derive(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Result]:
    """Run the command line with these arguments, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str | Path) -> Result:
        capsys.readouterr()
        status = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Result(status, out, err)

    return run


@dataclass
class Rooms:
    """Stand-ins for proof and codegen: what they give back, and what they were asked for."""

    proof: Any = GOOD
    source: Any = "# the module\n"
    audited: Any = GOOD
    asked: list[tuple[Any, ...]] = field(default_factory=list)


@pytest.fixture
def rooms(monkeypatch: pytest.MonkeyPatch) -> Rooms:
    """Replace proof and codegen, so that a test can make them fail; an exception as an answer is raised."""
    rooms = Rooms()

    def answer(name: str, *question: Any) -> Any:
        rooms.asked.append((name, *question))
        value = getattr(rooms, name)
        if isinstance(value, BaseException):
            raise value
        return value

    def install(name: str, **functions: Any) -> None:
        module = ModuleType(name)
        module.__dict__.update(functions)
        monkeypatch.setitem(sys.modules, name, module)

    install("derive.proof.prove", prove=lambda derivation, text=None: answer("proof", derivation.architecture, text))
    install(
        "derive.codegen.emit",
        emit=lambda derivation, style, **rest: answer("source", derivation.architecture, style, "certificate" in rest),
    )
    install(
        "derive.codegen.audit",
        audit=lambda source, architecture, progress, where="": answer("audited", source, architecture),
    )
    return rooms
