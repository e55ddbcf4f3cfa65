"""The grid that is sent around, opened from the disk as a friend opens it."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.browser
CHROMIUM = os.environ.get("LORABAKE_CHROMIUM", "")
if not CHROMIUM:
    pytest.skip("LORABAKE_CHROMIUM names no browser", allow_module_level=True)

from playwright.sync_api import Locator, expect  # noqa: E402
from playwright.sync_api import Page as Tab  # noqa: E402

from lorabake.grid.ballot import add_friend, friendly_name, read_votes  # noqa: E402
from lorabake.grid.page import write_page  # noqa: E402
from lorabake.grid.votes import standing  # noqa: E402
from lorabake.grid.xyz import open_board  # noqa: E402
from tests.grid.test_page import TRICK, make_grid  # noqa: E402
from tests.ui.browsing import chromium, make_project, open_section, visit, watched  # noqa: E402
from tests.ui.conftest import running_page  # noqa: E402
from tests.ui.test_bake_again import make_grid as make_epochs  # noqa: E402


def shoot(tab: Tab, folder: str, name: str, part: Locator | None = None) -> None:
    """For a person who looks: LORABAKE_SHOTS names a folder."""
    for width, scheme in ((1280, "light"), (390, "dark"), (390, "light"), (1280, "dark")):
        tab.set_viewport_size({"width": width, "height": 800})
        tab.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        (part or tab).screenshot(path=f"{folder}/grid-{name}-{width}-{scheme}.png")
    tab.set_viewport_size({"width": 1280, "height": 900})


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


def test_stars_two_at_a_time_and_a_friends_votes(tmp_path: Path) -> None:
    """On lorabake's own page; what was voted is there after a reload, and a friend's name stays text."""
    root = tmp_path / "workspace"
    make_epochs(make_project(root, "kafka", {"1": "ohwx, hat"}))
    shots = os.environ.get("LORABAKE_SHOTS")
    with (
        running_page(root) as page,
        chromium(CHROMIUM) as browser,
        watched(browser) as (context, _),
    ):
        tab = visit(context, page.address)
        open_section(tab, "ready")
        part = tab.locator("#lb-ready")
        cell = part.get_by_role("button", name="epoch 2 · weight 0.8", exact=True)
        cell.focus()
        tab.keyboard.press("s")
        star = part.get_by_role("button", name="Star epoch 2 · weight 0.8", exact=True)
        expect(star).to_have_attribute("aria-pressed", "true")
        tab.keyboard.press("Enter")
        expect(part.get_by_role("button", name="★ Starred (S)")).to_be_visible()
        tab.keyboard.press("ArrowRight")
        part.get_by_role("button", name="☆ Star (S)").click()
        tab.keyboard.press("Escape")
        expect(part.locator(".lb-votes")).to_contain_text(
            "★ epoch 2 · weight 0.8, epoch 2 · weight 1"
        )

        part.get_by_role("button", name="Which is better?").click()
        duel = part.get_by_role("dialog", name="Which of the two is better?")
        left = duel.get_by_alt_text("Left picture")
        expect(duel).to_contain_text("No votes yet. About 18 tell which is best.")
        first = left.get_attribute("src")
        for count, key in enumerate(("ArrowLeft", "ArrowDown", "x", "ArrowRight"), start=1):
            tab.keyboard.press(key)
            expect(duel).to_contain_text(f"After {count} vote")
        expect(duel).not_to_contain_text("kafka")
        if shots:
            shoot(tab, shots, "duel")
        for count in (3, 2, 1):
            tab.keyboard.press("u")
            expect(duel).to_contain_text(f"After {count} vote")
        duel.get_by_role("button", name="Undo (U)").click()
        expect(duel).to_contain_text("No votes yet.")
        expect(left).to_have_attribute("src", str(first))
        duel.get_by_alt_text("Right picture").click()
        expect(duel).to_contain_text("After 1 vote")
        tab.keyboard.press("Escape")
        expect(duel).not_to_be_visible()

        tab.reload()
        open_section(tab, "ready")
        expect(part.locator(".lb-votes")).to_contain_text("1 vote so far.")
        expect(star).to_have_attribute("aria-pressed", "true")
        rows = part.locator(".lb-ranking tbody tr")
        expect(rows).to_have_count(3)
        expect(rows.first).to_contain_text(re.compile(r"epoch \d.*% \(\d+–\d+\)"))

        grid = root / "projects" / "kafka" / "runs" / "kafka" / "grid" / "first"
        pair = ["kafka-02_0.8.png", "kafka-01_0.8.png", "left"]
        told = {"format": "lorabake votes", "grid": grid.name, "voter": "ab" * 12, "name": TRICK}
        file = tmp_path / "votes.json"
        file.write_text(json.dumps({**told, "stars": [pair[0]], "pairs": [pair] * 15}))
        part.get_by_text("Votes of friends").click()
        part.locator("#lb-vote-file").set_input_files(file)
        name = friendly_name(TRICK)
        expect(part.locator(".lb-votes")).to_contain_text(f"Added 16 votes of {name}.")
        expect(part.locator(".lb-votes")).to_contain_text("16 votes so far.")
        expect(part.locator(".lb-votes-sentence")).to_contain_text("After 16 votes epoch 2")
        expect(rows.first).to_contain_text("epoch 2")
        expect(star).to_have_text("★ 2")
        part.get_by_role("button", name="By picture").click()
        expect(rows).to_have_count(6)
        if shots:
            shoot(tab, shots, "ranking", part.locator(".lb-votes"))
            shoot(tab, shots, "cells", part.locator(".lb-grid-frame"))
        part.get_by_label("Whose votes").select_option(label="Mine")
        expect(part.locator(".lb-votes")).to_contain_text("1 vote so far.")
        part.get_by_role("button", name=f"Take out the votes of {name}").click()
        expect(part.locator(".lb-votes")).to_contain_text("count no more.")
        part.get_by_role("button", name="Undo").last.click()
        expect(part.locator(".lb-votes")).to_contain_text("count again.")
        assert tab.title() != "bad"
        assert len(read_votes(grid).ballots()) == 2
