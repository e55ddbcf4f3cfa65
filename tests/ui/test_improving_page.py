"""Improving the quality in a real browser: chosen, tried on a part, done through spandrel, undone."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="playwright is not installed") if not os.environ.get(
    "LORABAKE_REQUIRE_BROWSER"
) else None

from PIL import Image, ImageFilter  # noqa: E402  (after the reason to skip)
from playwright.sync_api import Browser, Locator, expect  # noqa: E402
from playwright.sync_api import Page as Tab  # noqa: E402

from lorabake.core.workspace import Project, Workspace  # noqa: E402
from tests.enhance.models import drawing, save_pth, tiny_esrgan  # noqa: E402
from tests.ui.browsing import BAKE, open_section, visit, watched  # noqa: E402
from tests.ui.conftest import Page  # noqa: E402

pytestmark = pytest.mark.browser

EVIL = "<img src=x onerror=window.hacked=1>"  # a name like any other
PIXEL = """node => { const [x, y] = [node.width - 5, node.height - 5];
return [...node.getContext('2d').getImageData(x, y, 1, 1).data].slice(0, 3); }"""


@pytest.fixture(scope="module")
def project(page: Page) -> Project:
    """256 px: one picture too small, one blurred, six good ones."""
    project = Workspace.open(page.workspace).create_project("kafka")
    folder = project.dataset_dir / "2_kafka"
    folder.mkdir(parents=True)
    Image.fromarray(drawing(120, 128, seed=1)).save(folder / f"{EVIL}.png")
    soft = Image.fromarray(drawing(300, 300, seed=2)).filter(ImageFilter.GaussianBlur(4))
    soft.save(folder / "soft.png")
    for number in range(6):
        Image.fromarray(drawing(300, 320, seed=10 + number)).save(folder / f"good{number}.png")
    changes = {"general.resolution": 256, "bucket.max_bucket_reso": 512}
    project.write_settings({"preset": "practice", "changes": changes})
    return project


def cell(panel: Locator, name: str) -> Locator:
    return panel.locator(f'.lb-cell[aria-label^="{name}"]')


def chosen(panel: Locator) -> Locator:
    return panel.locator(".lb-imp-which .lb-editor-count")


def done(panel: Locator) -> Locator:
    return panel.locator(".lb-imp-do .lb-tone-ok")


def pixel(panel: Locator) -> list[int]:
    found: list[int] = panel.locator(".lb-imp-canvas").evaluate(PIXEL)
    return found


def expect_pixel(tab: Tab, condition: str) -> None:
    """Wait until the text "red,green,blue" of it is like that."""
    tab.wait_for_function(f"({PIXEL})(document.querySelector('.lb-imp-canvas')).join(){condition}")


def loaded(tab: Tab) -> None:
    """Wait for the small pictures: one whose file is replaced meanwhile would not be found."""
    tab.wait_for_function("[...document.images].every((i) => i.complete || !i.offsetParent)")


def opened(tab: Tab, *, reload: bool = False) -> Locator:
    """The section; reload: the page opens it by itself again."""
    if reload:
        tab.reload()
        tab.locator("#sec-improving > button.label-wrap.open").wait_for()
    else:
        open_section(tab, "improving")
    panel = tab.locator("#lb-improving")
    expect(panel.locator(".lb-imp-sum").first).to_have_text(
        "8 pictures: 1 too small for its bucket, 1 blurred."
    )
    return panel


def test_on_a_phone(browser: Browser, page: Page, project: Project) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
    with watched(browser, **phone) as (context, _):
        tab = visit(context, page.address)
        panel = opened(tab)
        panel.get_by_label("Change the contrast").check()
        panel.get_by_text("Where models come from").click()
        number = panel.get_by_role("spinbutton", name="Gamma")
        number.fill("9")
        number.press("Tab")
        expect(panel.locator(".lb-unfit .lb-error")).to_contain_text("from 0.5 to 2")
        panel.get_by_role("button", name="Back to the usual values").click()
        expect(panel.locator(".lb-unfit")).to_have_count(0)
        panel.get_by_label("Model files").set_input_files(
            {"name": "a.ckpt", "mimeType": "", "buffer": b"x"}
        )
        expect(panel.locator(".lb-imp-models .lb-tone-warn")).to_contain_text("is no model")
        panel.get_by_label("Change the contrast").check()
        small = panel.locator("button:visible, input:visible, select:visible").evaluate_all(
            """nodes => nodes.filter((node) => {
              const box = node.getBoundingClientRect();
              const label = node.closest('label') || (node.labels && node.labels[0]);
              return Math.max(box.height, label ? label.getBoundingClientRect().height : 0) < 43.5;
            }).map((node) => node.outerHTML.slice(0, 120))"""
        )
        assert not small
        assert tab.evaluate("document.documentElement.scrollWidth") <= 390
        panel.get_by_role("button", name="Back to the usual values").click()
        expect(panel.get_by_label("Change the contrast")).not_to_be_checked()


def test_chosen_tried_done_and_undone(
    browser: Browser, page: Page, project: Project, tmp_path: Path
) -> None:
    small = project.dataset_dir / "2_kafka" / f"{EVIL}.png"
    before = small.read_bytes()
    model = save_pth(tiny_esrgan(2), tmp_path / "2x-Tiny.pth")
    with watched(browser) as (context, _):
        tab = visit(context, page.address)
        panel = opened(tab)
        expect(chosen(panel)).to_have_text("2 of 8 pictures chosen")
        expect(panel.locator(".lb-reasons")).to_contain_text("do not fill its bucket")
        expect(panel.locator(".lb-imp-head b")).to_have_text(f"{EVIL}.png")
        expect(panel.get_by_role("button", name="Improve 1 picture")).to_be_enabled()

        # Others, by mouse and by keys; the choice survives a reload.
        panel.get_by_role("button", name=re.compile("^All")).click()
        cell(panel, "good1").locator(".lb-imp-tick").click()
        expect(chosen(panel)).to_have_text("3 of 8 pictures chosen")
        tab.keyboard.press("ArrowRight")
        expect(panel.locator(".lb-imp-head b")).to_have_text("good2.png")
        tab.keyboard.press("Space")
        expect(chosen(panel)).to_have_text("4 of 8 pictures chosen")
        tab.keyboard.press("Space")
        panel = opened(tab, reload=True)
        expect(chosen(panel)).to_have_text("3 of 8 pictures chosen")
        panel.get_by_role("button", name="Choose those that need it").click()

        # A model is dropped, chosen by itself, and tried on a part of the picture.
        panel.get_by_label("Model files").set_input_files(model)
        expect(panel.get_by_label("Upscaler")).to_have_value("2x-Tiny.pth")
        expect(panel.get_by_text("2x-Tiny.pth is here now")).to_be_visible()
        what = panel.locator(".lb-gen-sum")
        expect(what).to_contain_text("1 becomes larger, from 120 × 128 to", timeout=BAKE)
        expect(what).to_contain_text(re.compile(r"about \d+ s · about [\d.]+ MB"), timeout=BAKE)
        expect(panel.locator(".lb-imp-words")).to_have_text("")
        whole = pixel(panel)
        panel.get_by_role("spinbutton", name="Strength", exact=True).fill("0")
        tab.keyboard.press("Tab")
        expect(panel.get_by_role("slider", name="Strength", exact=True)).to_have_value("0")
        expect_pixel(tab, f"!== '{','.join(map(str, whole))}'")
        panel.get_by_role("button", name="Back to the usual values").click()
        expect(panel.get_by_role("slider", name="Strength", exact=True)).to_have_value("1")

        # Contrast follows the hand, without a process.
        panel.get_by_label("Change the contrast").check()
        expect(panel.get_by_role("button", name="Whole picture")).to_have_attribute(
            "aria-pressed", "true"
        )
        panel.get_by_role("slider", name="Saturation").fill("0")
        expect_pixel(tab, ".split(',').every((value, _, [red]) => value === red)")  # grey
        edge = panel.get_by_role("slider", name="Where before ends and after begins")
        edge.fill("100")
        r, g, b = pixel(panel)  # all of it is before
        assert not r == g == b
        panel.get_by_role("button", name="Back to the usual values").click()
        expect(panel.get_by_label("Change the contrast")).not_to_be_checked()

        loaded(tab)
        panel.get_by_role("button", name="Improve 2 pictures").click()
        expect(done(panel)).to_contain_text("Improved 2 pictures.", timeout=BAKE)
        with Image.open(small) as picture:
            assert min(picture.size) >= 192
        expect(panel.locator(".lb-imp-sum").first).to_contain_text("none too small")
        expect(chosen(panel)).to_have_text("0 of 8 pictures chosen")  # never twice by itself
        loaded(tab)
        done(panel).get_by_role("button", name="Undo").click()
        expect(done(panel)).to_contain_text("Undone: 2 originals came back.")
        assert small.read_bytes() == before
        expect(chosen(panel)).to_have_text("2 of 8 pictures chosen")
        loaded(tab)
        panel = opened(tab, reload=True)
        loaded(tab)
        done(panel).get_by_role("button", name="Redo").click()
        expect(panel.locator(".lb-imp-sum").first).to_contain_text("none too small")
        assert small.read_bytes() != before
        assert tab.evaluate("window.hacked") is None
