"""Generate tags in a real browser, with the practice tagger: look, move, write, undo, compare."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="playwright is not installed") if not os.environ.get(
    "LORABAKE_REQUIRE_BROWSER"
) else None

from playwright.sync_api import Browser, Locator, expect  # noqa: E402  (after the reason to skip)
from playwright.sync_api import Page as Tab  # noqa: E402

from lorabake.core.workspace import Project, Workspace  # noqa: E402
from lorabake.practice import SAMPLE_DIR  # noqa: E402
from tests.ui.browsing import BAKE, open_section, visit, watched  # noqa: E402
from tests.ui.conftest import Page, running_page  # noqa: E402

pytestmark = pytest.mark.browser


def sample(root: Path, *, captions: dict[str, str], name: str = "practice") -> Project:
    """The sample project with these captions only, by the file's stem."""
    project = Workspace.open(root).create_sample_project(SAMPLE_DIR, name)
    for path in project.dataset_dir.rglob("*.txt"):
        if path.stem in captions:
            path.write_bytes(captions[path.stem].encode())
        else:
            path.unlink()
    return project


def written(project: Project) -> dict[str, bytes]:
    return {path.stem: path.read_bytes() for path in project.dataset_dir.rglob("*.txt")}


def set_slider(tab: Tab, label: str, value: str) -> None:
    """Move it as a hand does: it goes on telling, then it is let go."""
    slider = tab.locator("#lb-tagging").get_by_role("slider", name=label, exact=True)
    slider.evaluate(
        """(node, value) => { node.value = value;
        node.dispatchEvent(new Event('input', { bubbles: true }));
        node.dispatchEvent(new Event('change', { bubbles: true })); }""",
        value,
    )


def chip(tab: Tab, tag: str, state: str) -> Locator:
    return tab.locator(f'.lb-gen-picture .lb-chip-{state}[data-tag="{tag}"]')


def test_look_move_write_undo(browser: Browser, page: Page) -> None:
    project = sample(page.workspace, captions={"02": "ohwx, my own words"})
    before = written(project)
    with watched(browser) as (context, _):
        tab = visit(context, page.address)
        bar = tab.locator("#lb-next")
        open_section(tab, "tagging")
        panel = tab.locator("#lb-tagging")
        expect(panel.locator(".lb-gen-nothing")).to_be_visible()
        expect(panel.get_by_role("radio", name="Practice tagger")).to_be_checked()
        panel.get_by_role("button", name="Look first").click()
        expect(panel.locator(".lb-gen-picture").first).to_be_visible(timeout=BAKE)
        expect(panel.locator(".lb-gen-nothing")).to_be_hidden()
        assert written(project) == before
        sentence = panel.locator(".lb-gen-sum")
        expect(sentence).to_contain_text("into 24 captions and removes none")
        expect(chip(tab, "1girl", "new").first).to_be_visible()
        expect(panel.get_by_role("button", name="Write tags into 24 captions")).to_be_enabled()
        jobs = sorted(project.root.glob("jobs/*"))
        assert len(jobs) == 1

        first = sentence.inner_text()
        set_slider(tab, "Threshold", "1")
        expect(sentence).not_to_have_text(first)
        expect(panel.locator(".lb-gen-readout")).to_contain_text("At 1.00:")
        set_slider(tab, "Threshold", "0.3")
        expect(sentence).to_have_text(first)
        chip(tab, "1girl", "new").first.click()
        panel.get_by_role("button", name="Never write this tag").click()
        expect(panel.get_by_label("Never write", exact=True)).to_have_value("1girl")
        expect(chip(tab, "1girl", "new")).to_have_count(0)
        assert sorted(project.root.glob("jobs/*")) == jobs  # nothing was run for any of this

        panel.get_by_role("button", name="Write tags into 24 captions").click()
        done = panel.locator(".lb-gen-do .lb-tone-ok")
        expect(done).to_contain_text(re.compile(r"Wrote [\d,]+ tags into 24 captions\."))
        texts = written(project)
        assert len(texts) == 24
        assert texts["02"].startswith(b"ohwx, my own words, ")
        assert not any(b"1girl" in text for text in texts.values())
        assert all(b"looking at viewer" in text for text in texts.values())
        expect(tab.locator("#sec-tagging .lb-state")).to_have_text("24 of 24 tagged")
        expect(bar).not_to_contain_text("no captions")
        expect(panel.get_by_role("button", name="Nothing to write")).to_be_disabled()

        done.get_by_role("button", name="Undo").click()
        expect(done).to_contain_text("24 captions as before")
        assert written(project) == before
        done.get_by_role("button", name="Redo").click()
        expect(done).to_contain_text("done again")
        assert written(project) == texts

        tab.reload()  # the section that was open opens by itself
        tab.locator("#sec-tagging > button.label-wrap.open").wait_for()
        expect(panel.get_by_label("Never write", exact=True)).to_have_value("1girl")
        expect(panel.get_by_role("button", name="Nothing to write")).to_be_disabled()
        assert tab.evaluate("window.hacked") is None


def test_differences_are_taken_over_tag_by_tag(browser: Browser, tmp_path: Path) -> None:
    """Text of captions is never taken for anything else."""
    root = tmp_path / "workspace"
    evil = "ohwx, <img src=x onerror=window.hacked=1>, ${window.hacked=1}, hat"
    project = sample(root, captions={"01": evil, "02": "ohwx, 1girl"})
    with running_page(root) as page, watched(browser) as (context, _):
        tab = visit(context, page.address)
        tab.locator("#lb-next").get_by_role("button", name="Bake").wait_for()
        open_section(tab, "tagging")
        panel = tab.locator("#lb-tagging")
        panel.get_by_label("Which pictures").select_option("bare")
        expect(panel.get_by_role("button", name="Generate tags for 22 pictures")).to_be_enabled()
        panel.get_by_role("button", name="Generate tags for 22 pictures").click()
        done = panel.locator(".lb-gen-do .lb-tone-ok")
        expect(done).to_contain_text("into 22 captions.", timeout=BAKE)
        assert written(project)["01"] == evil.encode()

        panel.get_by_role("button", name="Look first").click()
        expect(panel.get_by_role("button", name="Write tags into 2 captions")).to_be_visible(
            timeout=BAKE
        )
        panel.get_by_text("Compare the captions with the tagger").click()
        says = panel.get_by_role("region", name="The tagger says, you have not")
        row = says.locator('.lb-gen-row[data-tag="solo"]')
        row.locator("summary .lb-tagchip").click()
        row.get_by_role("button", name="Add solo: 01.png").click()
        expect(done).to_contain_text("Add solo: 1 caption changed.")
        assert written(project)["01"] == evil.encode() + b", solo"
        row.get_by_role("button", name="Add solo: 1 picture").click()
        expect(row).to_have_count(0)
        assert written(project)["02"] == b"ohwx, 1girl, solo"
        says.get_by_role("button", name=re.compile("^Add all")).click()
        expect(says).to_contain_text("Every tag that the tagger says is in the captions.")
        assert written(project)["01"].startswith(evil.encode())
        assert tab.evaluate("window.hacked") is None


def test_by_keyboard_and_on_a_phone(browser: Browser, page: Page) -> None:
    sample(page.workspace, captions={}, name="phone")
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
    with watched(browser, **phone) as (context, _):
        context.add_init_script(
            "if (location.hostname) localStorage.setItem('lorabake:project', '\"phone\"')"
        )
        tab = visit(context, page.address)
        tab.locator("#lb-next").get_by_role("button", name="Generate tags").click()
        panel = tab.locator("#lb-tagging")
        picture, look = (
            panel.locator(".lb-gen-picture"),
            panel.get_by_role("button", name="Look first"),
        )
        picture.or_(look).first.wait_for()
        if look.is_visible():  # the tagger may have looked at the same pictures already
            look.click()
        expect(picture.first).to_be_visible(timeout=BAKE)
        number = panel.get_by_role("spinbutton", name="Threshold", exact=True)
        number.fill("7")
        number.press("Tab")
        expect(panel.locator(".lb-unfit .lb-error")).to_contain_text("from 0.05 to 1")
        number.fill("0.4")
        number.press("Tab")
        expect(panel.locator(".lb-unfit")).to_have_count(0)
        slider = panel.get_by_role("slider", name="Threshold", exact=True)
        expect(slider).to_have_value("0.4")
        slider.focus()
        slider.press("ArrowRight")
        expect(number).to_have_value("0.41")
        panel.get_by_role("button", name="Back to the usual values").click()
        expect(slider).to_have_value("0.3")
        small = panel.locator("button:visible, input:visible, select:visible").evaluate_all(
            """nodes => nodes.filter((node) => {
              if (!node.isConnected) return false;  // drawn anew since it was found
              const box = node.getBoundingClientRect();
              const grown = getComputedStyle(node, '::before');
              const more = grown.position === 'absolute' ? -2 * parseFloat(grown.top) : 0;
              const label = node.closest('label') || (node.labels && node.labels[0]);
              const height = Math.max(box.height + more, label ? label.getBoundingClientRect().height : 0);
              return height < 43.5;
            }).map((node) => node.outerHTML.slice(0, 120))"""
        )
        assert not small
        assert tab.evaluate("document.documentElement.scrollWidth") <= 390
