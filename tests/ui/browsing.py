"""A headless Chromium that fails the test for every error and for every request to another host."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from PIL import Image, ImageDraw
from playwright.sync_api import Browser, BrowserContext, TimeoutError, expect, sync_playwright
from playwright.sync_api import Page as Tab

from lorabake.core.workspace import Project, Workspace

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Gradio says this itself when a tab is reloaded while it listens to the server.
NOISE = ("AbortError: signal is aborted", "Unexpected error Connection errored out")
WAIT = 60_000  # ms for anything the page itself does; other work on the machine may be slow
BAKE = 240_000  # ms for a job

expect.set_options(timeout=WAIT)


@contextmanager
def chromium(path: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@contextmanager
def watched(browser: Browser, **options: Any) -> Iterator[tuple[BrowserContext, list[str]]]:
    """A context whose tabs write down what must not happen; checked at the end."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
    context.set_default_timeout(WAIT)
    wrong: list[str] = []

    def hear(said: Any) -> None:
        if said.type == "error" and not said.text.startswith(NOISE):
            wrong.append(f"console: {said.text}")

    def watch(tab: Tab) -> None:
        tab.on("pageerror", lambda error: wrong.append(f"exception: {error}"))
        tab.on("console", hear)

    def look(request: Any) -> None:
        host = urlsplit(request.url).hostname
        if urlsplit(request.url).scheme in ("http", "https", "ws") and host != "127.0.0.1":
            wrong.append(f"request to another host: {request.url}")

    context.on("page", watch)
    context.on("request", look)
    try:
        yield context, wrong
        assert not wrong, "\n".join(wrong)
    finally:
        context.close()


def visit(context: BrowserContext, address: str) -> Tab:
    """A new tab in which one section has opened."""
    tab = context.new_page()
    tab.goto(address)
    tab.locator(".lb-section > button.open").first.wait_for()
    return tab


def open_section(tab: Tab, section: str) -> None:
    """Open a section by its heading, as a person does: once more when it moved under the mouse."""
    heading = tab.locator(f"#sec-{section} > button.label-wrap")
    opened = tab.locator(f"#sec-{section} > button.label-wrap.open")
    for _ in range(3):
        if "open" not in (heading.get_attribute("class") or "").split():
            heading.click()
        with suppress(TimeoutError):
            opened.wait_for(timeout=10_000)
            return
    opened.wait_for()


def make_project(
    root: Path, name: str, captions: dict[str, str], folder: str = "2_kafka"
) -> Project:
    """A project with a small picture for each caption; keys are names without an ending."""
    workspace = Workspace.open(root)
    project = workspace.create_project(name)
    concept = project.dataset_dir / folder
    concept.mkdir(parents=True)
    for number, (stem, text) in enumerate(captions.items()):
        picture = Image.new("RGB", (96, 96), (number * 37 % 255, number * 71 % 255, 120))
        ImageDraw.Draw(picture).ellipse((20, 20, 70, 70), fill=(number * 13 % 255, 220, 200))
        picture.save(concept / f"{stem}.png")
        (concept / f"{stem}.txt").write_text(text, encoding="utf-8")
    return project
