"""Two browsers at the demo: each has its own, is told what this is, and can bake."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.ui.browsing import BAKE, chromium, expect, open_section, visit, watched
from tests.ui.conftest import running_page

pytestmark = pytest.mark.browser


def test_two_browsers(tmp_path: Path, chromium_path: str) -> None:
    folder = tmp_path / "workspace"
    with (
        running_page(folder, options=["--demo"]) as page,
        chromium(chromium_path) as browser,
        watched(browser) as (mine, _),
        watched(browser, viewport={"width": 390, "height": 844}) as (theirs, _),
    ):
        one, two = visit(mine, page.address), visit(theirs, page.address)
        for tab in (one, two):
            expect(tab.locator("#lb-demo")).to_contain_text("This is a demo.")
            expect(tab.locator("#lb-next")).to_contain_text("24 pictures.")
        assert two.evaluate("document.documentElement.scrollWidth") <= 390

        open_section(one, "project")
        one.get_by_label("New project").fill("only mine")
        one.get_by_role("button", name="Create project").click()
        expect(one.locator("#lb-next")).to_contain_text("only mine has no pictures yet")
        two.reload()
        expect(two.locator("#lb-next")).to_contain_text("24 pictures.")
        two.locator("#lb-project-switcher input").click()
        options = two.locator("#lb-project-switcher").get_by_role("option")
        expect(options).to_have_count(1)
        expect(options).to_contain_text("practice")
        two.keyboard.press("Escape")

        open_section(two, "grabber")
        expect(two.locator("#sec-grabber .lb-demo-note")).to_contain_text("asks no board")
        expect(two.locator("#lb-grabber")).to_have_count(0)

        open_section(two, "oven")
        epochs = two.locator("#lb-settings").get_by_label("Epochs", exact=True)
        epochs.fill("1")
        epochs.press("Enter")
        expect(two.locator("#lb-next")).to_contain_text("30 steps")
        expect(two.locator("#lb-shelf")).to_be_hidden()
        open_section(two, "baking")
        two.locator("#lb-bake").click()
        expect(two.locator("#lb-next")).to_contain_text(
            re.compile("is baked: 1 file|was stopped"), timeout=BAKE
        )
        expect(two.locator("#lb-next")).to_contain_text("is baked: 1 file")

        # What is still being shown is refused to who has left, so their browser is not watched.
        leaving = browser.new_context()
        three = visit(leaving, page.address)
        expect(three.locator("#lb-next")).to_contain_text("24 pictures.")
        before = leaving.cookies()
        three.on("dialog", lambda dialog: dialog.accept())
        with three.expect_navigation():
            three.locator("#lb-demo").get_by_role("button", name="Begin anew").click()
        expect(three.locator("#lb-next")).to_contain_text("24 pictures.")
        assert leaving.cookies() != before
        leaving.close()
        expect(one.locator("#lb-next")).to_contain_text("only mine has no pictures yet")
