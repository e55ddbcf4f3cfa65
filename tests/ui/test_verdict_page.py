"""The verdict above a grid in a browser: the sentence, the heat map without colours, folded reasons."""

from __future__ import annotations

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

from lorabake.grid.verdict.record import write_verdict  # noqa: E402
from tests.grid.test_verdict import burnt_evidence  # noqa: E402
from tests.ui.browsing import chromium, open_section, visit, watched  # noqa: E402
from tests.ui.conftest import running_page  # noqa: E402
from tests.ui.test_verdict import make_measured_grid  # noqa: E402


def walk_the_map(tab: Tab, verdict: Locator) -> None:
    """A cell of the map leads to its picture in the grid, by mouse and by keys."""
    grid = tab.locator("#lb-ready .lb-cells")
    ringed = grid.locator(".lb-ringed")
    verdict.get_by_role("button", name=re.compile("^epoch 3, weight 0.8, ")).click()
    expect(ringed).to_have_attribute("aria-label", re.compile("^epoch 3 · weight 0.8"))
    expect(ringed).to_be_focused()
    expect(ringed).to_be_in_viewport()
    verdict.get_by_role("button", name=re.compile("^epoch 1, weight 0.8, ")).focus()
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    expect(ringed).to_have_attribute("aria-label", re.compile("^epoch 1 · weight 1"))
    expect(ringed).to_be_focused()
    tab.keyboard.press("ArrowLeft")  # and on from there
    expect(ringed).to_have_attribute("aria-label", re.compile("^epoch 1 · weight 0.8"))


def test_what_is_proposed_and_why(tmp_path: Path) -> None:
    root = tmp_path / "workspace"
    grid = make_measured_grid(root)
    write_verdict(grid, burnt_evidence(), done=True)
    with (
        running_page(root) as page,
        chromium(CHROMIUM) as browser,
        watched(browser) as (context, _),
    ):
        tab = visit(context, page.address)
        open_section(tab, "ready")
        verdict = tab.get_by_role("region", name="Verdict")
        expect(verdict.locator(".lb-verdict-sentence")).to_contain_text("Epoch 2 at weight 1.0:")
        expect(verdict.get_by_role("columnheader")).to_have_text(
            ["plain base", "weight 0.8", "weight 1.0"]
        )
        chosen = verdict.get_by_role("row", name="epoch 2").locator("td").last
        expect(
            chosen.get_by_role("button", name=re.compile("^epoch 2, weight 1.0, .*proposed"))
        ).to_be_visible()
        walk_the_map(tab, verdict)

        verdict.get_by_label("Show").select_option(label="Saturation")
        burnt = verdict.get_by_role("row", name="epoch 3").locator("td").last
        expect(burnt).to_contain_text("‼")
        said = burnt.get_by_role("button", name=re.compile(r"a plain sign of overcooking"))
        expect(said).to_be_visible()
        expect(verdict.locator(".lb-verdict-legend")).to_contain_text("Deeper is more overcooked")

        hint = verdict.get_by_role("listitem").filter(has_text="Signs of overcooking")
        reason = hint.get_by_text("thresholds are ours", exact=False).first
        expect(reason).to_be_hidden()
        hint.locator("summary").click()
        expect(reason).to_be_visible()
        # with a tagger that came since, say
        expect(verdict.get_by_role("button", name="Measure again")).to_be_visible()
        for width, scheme in ((1280, "light"), (390, "dark"), (1280, "dark"), (390, "light")):
            tab.set_viewport_size({"width": width, "height": 900})
            tab.emulate_media(color_scheme=scheme)
            assert tab.evaluate("document.documentElement.scrollWidth") <= width
            if shots := os.environ.get("LORABAKE_SHOTS"):
                verdict.screenshot(path=f"{shots}/verdict-{width}-{scheme}.png")
