"""A real browser: Debian's Chromium, or the one that DERIVE_CHROMIUM names, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from derive import Architecture, differentiate, explain
from derive.proof.certificate import Certificate
from derive.teach.explain import page
from derive.teach.lesson import lesson_of

OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
"""The tests are run by root in CI, which has no sandbox; and the browser has no errands of its own."""
NETWORK = Architecture((3, 4, 3, 2), ("tanh", "sigmoid", "identity"))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium. There is no test of a page without it, so a machine that has none fails."""
    path = os.environ.get("DERIVE_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    assert path, "no Chromium: install Debian's package chromium, or name one in DERIVE_CHROMIUM"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=OPTIONS)  # headless, with a new profile
        yield started
        started.close()


def page_of(architecture: Architecture) -> str:
    """The page; of other than the text's layers without verdicts, since what is tested here needs none."""
    if architecture.plain:
        return explain(architecture, "html")
    return page(lesson_of(differentiate(architecture), Certificate("without verdicts", ())))


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Architecture], Path]:
    """The page of a network, written to a file once."""
    folder = tmp_path_factory.mktemp("pages")
    known: dict[Architecture, Path] = {}

    def write(architecture: Architecture) -> Path:
        if architecture not in known:
            known[architecture] = folder / f"{len(known)}.html"
            known[architecture].write_text(page_of(architecture), encoding="utf-8")
        return known[architecture]

    return write


Opened = Callable[..., Page]


@pytest.fixture
def opened(browser: Browser, written: Callable[[Architecture], Path], tmp_path: Path) -> Iterator[Opened]:
    """Open the page of a network, or the one that is given; at the end there must have been no error and no request."""
    complaints: list[str] = []
    contexts = []

    def go(architecture: Architecture = NETWORK, html: str = "", **options: object) -> Page:
        context = browser.new_context(**options)
        context.set_default_timeout(120_000)  # a busy machine is not a failure
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        file = tmp_path / "page.html" if html else written(architecture)
        if html:
            file.write_text(html, encoding="utf-8")
        path = file.as_uri()
        page.on("request", lambda r: complaints.append(r.url) if r.url != path else None)
        page.goto(path)
        page.wait_for_selector("html[data-ready]", state="attached")
        return page

    yield go
    for context in contexts:
        context.close()
    assert complaints == []
