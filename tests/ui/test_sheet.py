"""The yes/no sheet in a real browser: one tag over all pictures, by key and by click."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="playwright is not installed") if not os.environ.get(
    "LORABAKE_REQUIRE_BROWSER"
) else None

from playwright.sync_api import Browser, expect  # noqa: E402  (after the reason to skip)

from lorabake.captions.editing import history_of  # noqa: E402
from lorabake.core.workspace import Workspace  # noqa: E402
from tests.ui.browsing import make_project, watched  # noqa: E402
from tests.ui.conftest import Page, start_page  # noqa: E402
from tests.ui.inspecting import (  # noqa: E402
    chip,
    expect_chips,
    let_tagger_say,
    open_editor,
    texts,
    until,
)

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page(editor_page: Page) -> Page:
    return editor_page


def test_yes_and_no_by_key_are_one_step(browser: Browser, page: Page) -> None:
    captions = {f"{n:02d}": "kafka, smile" if n % 2 else "kafka" for n in range(8)}
    project = make_project(page.workspace, "keys", captions)
    with watched(browser) as (context, _):
        tab = open_editor(context, page.address, "keys")
        tab.locator("#lb-editor .lb-cell").nth(1).click()
        chip(tab, "smile").click()
        tab.keyboard.press("y")
        sheet = tab.locator("dialog.lb-sheet")
        expect(sheet.locator(".lb-sheet-counts")).to_have_text("4 yes · 4 no")
        for key in ("y", "n", "y", " ", "ArrowRight", " "):  # 00 yes, 01 no, 02 yes, 03 no, 04 yes
            tab.keyboard.press(key)
        expect(sheet.locator(".lb-sheet-counts")).to_have_text("5 yes · 3 no")
        expect(sheet.locator(".lb-save")).to_have_text("✓ Saved in 5 captions")
        has = {name for name, text in texts(project).items() if "smile" in text}
        assert has == {"00", "02", "04", "05", "07"}
        step = history_of(project.dataset_dir).can_undo
        assert step is not None
        assert step.title == 'Added "smile" to 3 captions, removed it from 2'
        tab.keyboard.press("Control+z")
        expect(sheet.locator(".lb-sheet-counts")).to_have_text("4 yes · 4 no")
        assert texts(project) == captions
        tab.keyboard.press("Control+Shift+z")
        expect(sheet.locator(".lb-sheet-counts")).to_have_text("5 yes · 3 no")
        tab.keyboard.press("Escape")
        expect(sheet).not_to_be_visible()
        expect_chips(tab, "kafka")  # of the picture that is shown, which lost the tag


def test_another_tag_by_completion_and_a_click(browser: Browser, page: Page) -> None:
    project = make_project(page.workspace, "click", {"a": "kafka, smile", "b": "kafka", "c": ""})
    with watched(browser) as (context, _):
        tab = open_editor(context, page.address, "click")
        tab.keyboard.press("y")
        sheet = tab.locator("dialog.lb-sheet")
        tab.keyboard.type("smi")
        tab.locator(".lb-completion-row").first.click()  # the list is within reach of the dialog
        expect(sheet.locator(".lb-sheet-counts")).to_have_text("1 yes · 2 no")
        sheet.locator(".lb-cell").nth(1).click()
        sheet.get_by_label("Which pictures").select_option("no")
        expect(sheet.locator(".lb-cell")).to_have_count(1)
        sheet.locator(".lb-cell").first.click()
        expect(sheet.locator(".lb-sheet-counts")).to_have_text("3 yes · 0 no")
        sheet.get_by_role("button", name="Close").click()
        wanted = {"a": "kafka, smile", "b": "kafka, smile", "c": "smile"}
        until(tab, lambda: texts(project) == wanted)


def test_where_the_tagger_differs(browser: Browser, page: Page) -> None:
    names = ("a", "b", "c", "d")
    project = make_project(
        page.workspace, "tagger", {name: "hat" if name < "c" else "kafka" for name in names}
    )
    sure = {"a.png": {"hat": 0.97}, "c.png": {"hat": 0.81}, "d.png": {"hat": 0.2}}
    let_tagger_say(Workspace.open(page.workspace), project, sure, ["hat", "cape"])
    with watched(browser) as (context, _):
        tab = open_editor(context, page.address, "tagger")
        chip(tab, "hat").click()
        tab.keyboard.press("y")
        sheet = tab.locator("dialog.lb-sheet")
        foot = sheet.locator(".lb-sheet-foot span")
        expect(foot).to_have_text(["tagger: 97 %", "tagger: no", "tagger: 81 %", "tagger: 20 %"])
        sheet.get_by_label("Which pictures").select_option("differs")
        expect(foot).to_have_text(["tagger: no", "tagger: 81 %"])


def test_switches_outlive_a_killed_server(browser: Browser, tmp_path: Path) -> None:
    root = tmp_path / "workspace"
    project = make_project(root, "p", {"a": "kafka", "b": "kafka", "c": "kafka, hat"})
    page = start_page(root)
    with watched(browser) as (context, wrong):
        tab = open_editor(context, page.address)
        tab.keyboard.press("y")
        tab.keyboard.type("hat")
        tab.keyboard.press("Enter")
        counts = tab.locator("dialog.lb-sheet .lb-sheet-counts")
        expect(counts).to_have_text("1 yes · 2 no")
        page.process.kill()
        page.process.wait()
        tab.keyboard.press("y")
        tab.keyboard.press("y")
        tab.keyboard.press("n")
        expect(tab.locator("dialog.lb-sheet .lb-save")).to_contain_text("kept in this browser")
        tab.goto("about:blank")
        wrong.clear()  # the browser has complained about the lost connection
        page = start_page(root, port=page.port)
        try:
            tab = open_editor(context, page.address, first=False)
            wanted = {"a": "kafka, hat", "b": "kafka, hat", "c": "kafka"}
            until(tab, lambda: texts(project) == wanted)
            wrong.clear()
        finally:
            page.stop()


def test_hundreds_of_pictures_stay_light(browser: Browser, page: Page) -> None:
    make_project(page.workspace, "many", {f"{n:04d}": "kafka" for n in range(600)})
    with watched(browser) as (context, _):
        tab = open_editor(context, page.address, "many")
        chip(tab, "kafka").click()
        tab.keyboard.press("y")
        counts = tab.locator("dialog.lb-sheet .lb-sheet-counts")
        expect(counts).to_have_text("600 yes · 0 no")
        assert tab.locator("dialog.lb-sheet .lb-cell").count() < 120
        # The editor and the sheet over it; a node for each picture of both would be thousands.
        assert tab.evaluate("document.querySelectorAll('*').length") < 2000
        tab.keyboard.press("End")
        tab.keyboard.press(" ")
        expect(counts).to_have_text("599 yes · 1 no")
