"""The grid that is sent around, opened from the disk as a friend opens it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytestmark = pytest.mark.browser
CHROMIUM = os.environ.get("LORABAKE_CHROMIUM", "")
if not CHROMIUM:
    pytest.skip("LORABAKE_CHROMIUM names no browser", allow_module_level=True)

from playwright.sync_api import Page as Tab  # noqa: E402
from playwright.sync_api import expect  # noqa: E402

from lorabake.grid.ballot import add_friend, friendly_name  # noqa: E402
from lorabake.grid.page import write_page  # noqa: E402
from lorabake.grid.votes import standing  # noqa: E402
from lorabake.grid.xyz import open_board  # noqa: E402
from tests.grid.test_page import TRICK, make_grid  # noqa: E402
from tests.ui.browsing import chromium, watched  # noqa: E402


def shoot(tab: Tab, folder: str, name: str) -> None:
    for width, scheme in ((1280, "light"), (390, "dark")):
        tab.set_viewport_size({"width": width, "height": 800})
        tab.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        tab.screenshot(path=f"{folder}/grid-{name}-{width}.png")


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
        tab.keyboard.press("s")
        expect(tab.locator("#vote")).to_have_text("★ Starred (S)")
        tab.get_by_role("button", name="Real size").click()
        expect(tab.locator("#stage")).to_have_class("stage real")
        tab.get_by_role("button", name="Close").click()
        expect(tab.locator("#votes")).to_have_text("1 star")

        tab.get_by_label("compare").nth(0).check()
        tab.get_by_label("compare").nth(3).check()
        tab.get_by_role("button", name="Compare the two").click()
        expect(tab.locator("#stage img")).to_have_count(2)
        expect(tab.locator("#caption")).to_contain_text("↔")
        tab.get_by_role("button", name="Close").click()

        # Two at a time, without a word of what they are: both weights of one seed and prompt.
        tab.get_by_role("button", name="Which is better?").click()
        blind = tab.locator("#blind")
        expect(blind).not_to_contain_text("Weight")
        for key in ("ArrowLeft", "ArrowRight", "ArrowDown", "u", "x"):
            tab.keyboard.press(key)
        blind.locator("#second").click()
        expect(tab.locator("#far")).to_have_text("4 votes. About 10 are enough.")
        if shots := os.environ.get("LORABAKE_SHOTS"):
            shoot(tab, shots, "blind")
        tab.keyboard.press("Escape")
        expect(tab.locator("#votes")).to_have_text("1 star, 4 votes")

        tab.reload()
        expect(tab.locator("#votes")).to_have_text("1 star, 4 votes")
        assert tab.title() == "Is it ready?"
        tab.get_by_label("Your name").fill(TRICK)
        with tab.expect_download() as download:
            tab.get_by_role("button", name="Save my votes").click()
        expect(tab.locator("#sent")).to_have_text("Saved. Send the file back.")
        text = download.value.path().read_text(encoding="utf-8")
        votes, friend, left_out = add_friend(
            page.parent, text, [spot.name for spot in open_board(page.parent).spots]
        )
        assert (friend.name, left_out) == (friendly_name(TRICK[:40]), 0)
        assert friend.ballot.stars == ("1-01-02.png",)
        said = [pair.verdict for pair in friend.ballot.pairs]
        assert said == ["left", "right", "neither", "right"]
        board = open_board(page.parent)
        assert standing(board, votes).votes == 4  # each of two pictures that can be compared
        if shots:
            shoot(tab, shots, "page")
