"""For everybody: axe-core finds nothing serious in any section, and the keyboard reaches all of it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

import pytest

pytest.importorskip("playwright", reason="playwright is not installed") if not os.environ.get(
    "LORABAKE_REQUIRE_BROWSER"
) else None

from playwright.sync_api import Browser, expect  # noqa: E402  (after the reason to skip)
from playwright.sync_api import Page as Tab  # noqa: E402

from lorabake.core.lock import FileLock  # noqa: E402
from lorabake.core.queue import Queue  # noqa: E402
from lorabake.core.workspace import Workspace  # noqa: E402
from lorabake.ui.shell import SECTIONS  # noqa: E402
from tests.ui.browsing import open_section, visit, watched  # noqa: E402
from tests.ui.conftest import Page, running_page  # noqa: E402
from tests.ui.evening import make_evening  # noqa: E402
from tests.ui.screenshots import READY  # noqa: E402

pytestmark = pytest.mark.browser

# Rules whose answer depends on the theme; all others are asked once.
COLOURS = ["color-contrast", "link-in-text-block"]
SERIOUS = ("serious", "critical")


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """The page of a project with pictures, bakes and a grid."""
    root = tmp_path_factory.mktemp("evening") / "workspace"
    make_evening(root)
    with running_page(root) as running:
        yield running


@cache
def axe() -> str:
    return (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


def findings(tab: Tab, where: str, place: str, rules: list[str] | None = None) -> list[str]:
    """What axe-core says of what can be seen below a CSS selector: a line for each element."""
    options: dict[str, Any] = {"resultTypes": ["violations"], "preload": False}
    if rules:
        options["runOnly"] = {"type": "rule", "values": rules}
    found = tab.evaluate(f"axe.run({json.dumps(place)}, {json.dumps(options)})")
    return [
        f"{where}: {rule['id']} ({rule['help']}): {node['html'][:160]}"
        for rule in found["violations"]
        if rule["impact"] in SERIOUS
        for node in rule["nodes"]
    ]


def test_axe_finds_nothing_serious_in_any_section(browser: Browser, evening: Page) -> None:
    """Everything folded is open; in the dark only what depends on colours is asked again."""
    wrong: list[str] = []
    with watched(browser, color_scheme="light", reduced_motion="reduce") as (context, _):
        tab = visit(context, evening.address)
        tab.evaluate(axe())
        wrong += findings(tab, "page", "html")
        for section in (module.ID for module in SECTIONS):
            open_section(tab, section)
            tab.locator(READY[section]).first.wait_for()
            tab.evaluate(
                "id => document.querySelectorAll(`#${id} details`).forEach(d => { d.open = true; })",
                f"sec-{section}",
            )
            place = f"#sec-{section}"
            wrong += findings(tab, section, place)
            tab.emulate_media(color_scheme="dark")
            expect(tab.locator("body.dark")).to_have_count(1)
            wrong += findings(tab, f"{section}, dark", place, COLOURS)
            tab.emulate_media(color_scheme="light")
            expect(tab.locator("body.dark")).to_have_count(0)
        tab.get_by_role("button", name="Oven", exact=True).click()
        tab.locator("#lb-oven .lb-job-kind").first.wait_for()
        wrong += findings(tab, "Oven", "#lb-header")
        tab.keyboard.press("Escape")
        tab.get_by_role("button", name="Help", exact=True).click()
        wrong += findings(tab, "Help", "dialog[open]")
    assert not wrong, "\n".join(dict.fromkeys(wrong))


def focused(tab: Tab) -> str:
    return str(tab.evaluate("document.activeElement.textContent.trim()"))


def test_the_keyboard_gets_there_and_back(browser: Browser, evening: Page) -> None:
    with watched(browser) as (context, _):
        tab = visit(context, evening.address)
        tab.keyboard.press("Tab")
        assert focused(tab) == "Skip to the open section"
        tab.keyboard.press("Enter")
        expect(tab.locator("#sec-project > button")).to_be_focused()
        headings = tab.get_by_role("heading", level=2)
        expect(headings).to_have_count(len(SECTIONS))
        expect(headings.nth(0)).to_have_attribute("aria-owns", "sec-project-heading")

        opener = tab.locator("#lb-oven-open")
        opener.focus()
        tab.keyboard.press("Enter")
        oven = tab.get_by_role("region", name="Oven", exact=True)
        expect(oven.get_by_role("heading", name="Oven")).to_be_focused()
        row = oven.locator("li", has_text="kafka-2")
        expect(row).to_contain_text("The disk is full. Free 2 GB and press Resume.")
        done = oven.locator("li", has_text="Bake").filter(has_text="3 files to choose from.")
        expect(done).to_have_count(1)
        tab.keyboard.press("Tab")
        tab.keyboard.press("Tab")
        assert oven.evaluate("node => node.contains(document.activeElement)")
        runner = FileLock(Queue(Workspace.open(evening.workspace)).runner_lock)
        with runner:  # so that nobody begins with what waits
            oven.get_by_role("button", name="Resume: kafka-2").press("Enter")
            expect(opener).to_have_accessible_name("Oven: 1 waiting")
            oven.get_by_role("button", name="Take out: kafka-2").press("Enter")
            expect(oven).to_contain_text("kafka-2 was taken out of the queue.")
            oven.get_by_role("button", name="Put it back").press("Enter")
            expect(row).to_contain_text("waiting")
            expect(oven.get_by_role("button", name="Put it back")).to_have_count(0)
            oven.get_by_role("button", name="Take out: kafka-2").press("Enter")
            expect(row).to_contain_text("stopped")
        tab.keyboard.press("Escape")
        expect(oven).to_be_hidden()
        expect(opener).to_be_focused()
        tab.keyboard.press("?")
        expect(tab.get_by_role("dialog", name="Help")).to_be_visible()
        tab.keyboard.press("Escape")
        expect(opener).to_be_focused()


@pytest.mark.parametrize("width", [390, 640])  # a phone; a window of 1280 px at 200 %
def test_the_oven_fits_where_there_is_little_room(
    browser: Browser, evening: Page, width: int
) -> None:
    with watched(browser, viewport={"width": width, "height": 700}) as (context, _):
        tab = visit(context, evening.address)
        tab.locator("#lb-oven-open").click()
        oven = tab.locator("#lb-oven")
        oven.locator("li").first.wait_for()
        box = oven.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["y"] + box["height"] <= 700
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
