"""The grid that is sent around, opened from the disk as a friend opens it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytestmark = pytest.mark.browser
CHROMIUM = os.environ.get("LORABAKE_CHROMIUM", "")
if not CHROMIUM:
    pytest.skip("LORABAKE_CHROMIUM names no browser", allow_module_level=True)

from playwright.sync_api import expect  # noqa: E402

from lorabake.grid.page import write_page  # noqa: E402
from tests.grid.test_page import TRICK, make_grid  # noqa: E402
from tests.ui.browsing import chromium, watched  # noqa: E402


def test_axes_zoom_compare_and_votes(tmp_path: Path) -> None:
    page = write_page(make_grid(tmp_path))
    with chromium(CHROMIUM) as browser, watched(browser) as (context, _):
        tab = context.new_page()
        tab.goto(page.as_uri())
        expect(tab.locator("thead th")).to_have_text(["", "Weight: 0.5", "Weight: 1.0"])
        expect(tab.locator("tbody th")).to_have_text(["Seed: 1", "Seed: 2", "Seed: 3"])
        expect(tab.locator("td img")).to_have_count(5)
        expect(tab.locator(".error")).to_have_text("Not rendered yet.")

        tab.get_by_label("Prompt", exact=True).select_option(label=TRICK)
        expect(tab.locator("td img")).to_have_count(6)
        tab.locator("#choices").get_by_label("Down").select_option(label="Prompt")
        expect(tab.locator("tbody th")).to_have_text(["1girl", TRICK])
        tab.locator("#choices").get_by_label("Across").select_option(
            label="Prompt"
        )  # the two change places
        expect(tab.locator("tbody th")).to_have_text(["Weight: 0.5", "Weight: 1.0"])

        tab.locator("td .picture").first.click()
        expect(tab.locator("#caption")).to_have_text("Weight: 0.5, Seed: 1, 1girl")
        tab.keyboard.press("ArrowDown")
        expect(tab.locator("#caption")).to_have_text("Weight: 1.0, Seed: 1, 1girl")
        tab.get_by_role("button", name="☆ Vote").click()
        expect(tab.locator("#vote")).to_have_text("★ Voted")
        tab.get_by_role("button", name="Real size").click()
        expect(tab.locator("#stage")).to_have_class("stage real")
        tab.get_by_role("button", name="Close").click()
        expect(tab.locator("#votes")).to_have_text("1 vote")

        tab.get_by_label("compare").nth(0).check()
        tab.get_by_label("compare").nth(3).check()
        tab.get_by_role("button", name="Compare the two").click()
        expect(tab.locator("#stage img")).to_have_count(2)
        expect(tab.locator("#caption")).to_contain_text("↔")
        tab.get_by_role("button", name="Close").click()

        tab.reload()
        expect(tab.locator("#votes")).to_have_text("1 vote")
        assert tab.title() == "Is it ready?"
        if shots := os.environ.get("LORABAKE_SHOTS"):
            for width, scheme in ((1280, "light"), (390, "dark")):
                tab.set_viewport_size({"width": width, "height": 800})
                tab.emulate_media(color_scheme=scheme)
                tab.screenshot(path=f"{shots}/grid-page-{width}.png")
