"""Everything in the editor by keyboard, and nothing by accident."""

from __future__ import annotations

import os

import pytest

pytest.importorskip("playwright", reason="playwright is not installed") if not os.environ.get(
    "LORABAKE_REQUIRE_BROWSER"
) else None

from playwright.sync_api import Browser, expect  # noqa: E402  (after the reason to skip)
from playwright.sync_api import Page as Tab  # noqa: E402

from tests.ui.browsing import make_project, open_section, watched  # noqa: E402
from tests.ui.conftest import Page  # noqa: E402
from tests.ui.inspecting import (  # noqa: E402
    add_box,
    expect_chips,
    open_editor,
    read,
    texts,
    until,
)

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page(editor_page: Page) -> Page:
    return editor_page


def name(tab: Tab) -> str:
    return tab.locator("#lb-editor .lb-name b").inner_text()


def test_one_caption_is_written_without_the_mouse(browser: Browser, page: Page) -> None:
    """From the gallery to the next untagged picture, tag by tag, and back."""
    captions = {"a": "kafka, smile", "b": "kafka, long hair", "c": "", "d": "kafka", "e": ""}
    project = make_project(page.workspace, "flow", captions)
    with watched(browser) as (context, _):
        tab = open_editor(context, page.address, "flow", first=False)
        tab.keyboard.press("g")
        tab.keyboard.press("ArrowRight")
        expect(tab.locator("#lb-editor .lb-name b")).to_have_text("a.png")
        tab.keyboard.press("Control+j")
        expect(tab.locator("#lb-editor .lb-name b")).to_have_text("c.png")
        tab.keyboard.press("a")
        expect(add_box(tab)).to_be_focused()
        tab.keyboard.type("kafka, ")
        tab.keyboard.type("long")
        tab.locator(".lb-completion-row").first.wait_for()
        tab.keyboard.press("Tab")  # takes the first suggestion, and what stood before it
        expect_chips(tab, "kafka", "long hair")
        tab.keyboard.type("hat")
        tab.keyboard.press("Control+j")  # adds what is typed, and goes on
        expect(tab.locator("#lb-editor .lb-name b")).to_have_text("e.png")
        tab.keyboard.type("cape")
        tab.keyboard.press("Enter")
        tab.keyboard.press("Alt+ArrowUp")
        expect(tab.locator("#lb-editor .lb-name b")).to_have_text("d.png")
        read(tab)
        tab.keyboard.press("Escape")  # to the gallery
        tab.keyboard.press("t")
        tab.keyboard.press("Delete")
        expect_chips(tab)
        expect(add_box(tab)).to_be_focused()
        wanted = {**captions, "c": "kafka, long hair, hat", "e": "cape", "d": ""}
        until(tab, lambda: texts(project) == wanted)


def test_single_letters_act_only_where_nothing_is_typed(browser: Browser, page: Page) -> None:
    project = make_project(page.workspace, "letters", {"a": "kafka", "b": "kafka", "c": ""})
    letters = "ateghiy/?+-0n"
    with watched(browser) as (context, _):
        tab = open_editor(context, page.address, "letters")
        add_box(tab).click()
        tab.keyboard.type(letters)
        expect(add_box(tab)).to_have_value(letters)
        tab.keyboard.press("Control+a")
        tab.keyboard.press("Delete")
        tab.get_by_role("button", name="Text", exact=True).click()
        box = tab.get_by_role("textbox", name="Caption")
        box.press("End")
        tab.keyboard.type(letters)
        expect(box).to_have_value(f"kafka{letters}")
        search = tab.get_by_role("searchbox", name="Filter the pictures")
        search.click()
        tab.keyboard.type("kafka")
        expect(search).to_have_value("kafka")
        assert tab.locator("dialog[open]").count() == 0
        until(tab, lambda: texts(project)["a"] == f"kafka{letters}")
        assert texts(project)["b"] == "kafka"


def test_keys_sleep_while_another_section_is_open(browser: Browser, page: Page) -> None:
    make_project(page.workspace, "asleep", {"a": "kafka", "b": "kafka"})
    with watched(browser) as (context, _):
        tab = open_editor(context, page.address, "asleep")
        assert name(tab) == "a.png"
        open_section(tab, "project")
        for key in ("ArrowRight", "y", "Control+j", "Control+z", "h"):
            tab.keyboard.press(key)
        tab.wait_for_timeout(300)
        assert tab.locator("dialog[open]").count() == 0
        tab.keyboard.press("?")  # the page's own help, not the editor's
        expect(tab.get_by_role("dialog", name="Help")).to_be_visible()
        tab.keyboard.press("Escape")
        open_section(tab, "editor")
        expect(tab.locator("#lb-editor .lb-name b")).to_have_text("a.png")
        expect(tab.locator("#lb-editor .lb-large-frame")).not_to_have_class("lb-hidden-picture")


def test_the_list_of_keys_and_what_it_says(browser: Browser, page: Page) -> None:
    project = make_project(page.workspace, "list", {"a": "kafka, hat", "b": "kafka", "c": "kafka"})
    with watched(browser) as (context, _):
        tab = open_editor(context, page.address, "list")
        tab.keyboard.press("?")
        keys = tab.get_by_role("dialog", name="Keys of the editor")
        expect(keys).to_contain_text("next picture without a caption")
        assert tab.locator("dialog[open]").count() == 1
        tab.keyboard.press("ArrowRight")  # nothing acts behind it
        tab.keyboard.press("Escape")
        assert name(tab) == "a.png"
        tab.keyboard.press("ArrowRight")
        expect(tab.locator("#lb-editor .lb-name b")).to_have_text("b.png")
        expect(tab.locator("#lb-editor .lb-tag-name")).to_have_count(1)
        tab.keyboard.press("h")
        expect(tab.get_by_role("button", name="Show the picture")).to_be_visible()
        tab.keyboard.press("h")
        tab.keyboard.press("+")
        expect(tab.locator("#lb-editor .lb-zoom-amount")).to_have_text("125 %")
        tab.keyboard.press("0")
        tab.keyboard.press("e")
        expect(tab.get_by_role("textbox", name="Caption")).to_be_focused()
        tab.keyboard.press("Escape")
        tab.keyboard.press("e")
        tab.keyboard.press("Escape")
        tab.keyboard.press("t")
        tab.keyboard.press("i")
        wiki = tab.get_by_role("region", name="What this tag means")
        expect(wiki).to_contain_text("The wiki was not reached.")
        expect(wiki.get_by_role("link", name="Read it on Danbooru")).to_be_in_viewport()
        tab.keyboard.press("i")
        expect(wiki).to_be_hidden()
        tab.keyboard.press("Escape")
        tab.keyboard.press("Escape")
        tab.keyboard.press("/")
        search = tab.get_by_role("searchbox", name="Filter the pictures")
        expect(search).to_be_focused()
        search.press("Escape")
        tab.keyboard.press("Control+a")
        expect(tab.locator("#lb-editor")).to_contain_text("3 selected")
        tab.keyboard.press("Escape")
        expect(tab.locator("#lb-editor")).not_to_contain_text("3 selected")
        assert texts(project) == {"a": "kafka, hat", "b": "kafka", "c": "kafka"}


def test_undo_in_the_gallery_is_of_the_last_step_wherever_it_was(
    browser: Browser, page: Page
) -> None:
    project = make_project(page.workspace, "undo", {"a": "kafka, hat", "b": "kafka, cape"})
    with watched(browser) as (context, _):
        tab = open_editor(context, page.address, "undo")
        tab.get_by_role("button", name="Delete hat").click()
        until(tab, lambda: texts(project)["a"] == "kafka")
        tab.locator("#lb-editor .lb-cell").nth(1).click()
        read(tab)
        expect_chips(tab, "kafka", "cape")
        tab.keyboard.press("Control+z")  # the keyboard is in the gallery
        until(tab, lambda: texts(project)["a"] == "kafka, hat")
        assert texts(project)["b"] == "kafka, cape"
        tab.keyboard.press("Control+y")
        until(tab, lambda: texts(project)["a"] == "kafka")


def test_walking_faster_than_anything_is_read(browser: Browser, page: Page) -> None:
    """A held arrow key: the last picture is shown with its own caption, and no other."""
    make_project(page.workspace, "held", {f"{n:03d}": f"tag {n}" for n in range(60)})
    with watched(browser) as (context, _):
        tab = open_editor(context, page.address, "held")
        for _ in range(45):
            tab.keyboard.press("ArrowRight")
        expect(tab.locator("#lb-editor .lb-name b")).to_have_text("045.png")
        expect_chips(tab, "tag 45")
