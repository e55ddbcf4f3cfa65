"""One picture in the editor, in a real browser: chips, text, saving, and that nothing typed is lost."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="playwright is not installed") if not os.environ.get(
    "LORABAKE_REQUIRE_BROWSER"
) else None

from playwright.sync_api import Browser, expect  # noqa: E402  (after the reason to skip)

from lorabake.core.workspace import Workspace  # noqa: E402
from tests.ui.browsing import make_project, watched  # noqa: E402
from tests.ui.conftest import Page, start_page  # noqa: E402
from tests.ui.inspecting import (  # noqa: E402
    add_box,
    chip,
    expect_chips,
    let_tagger_say,
    open_editor,
    read,
    saved,
    texts,
    until,
)

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page(editor_page: Page) -> Page:
    return editor_page


def test_tags_are_added_moved_renamed_and_deleted(browser: Browser, page: Page) -> None:
    """By keyboard, by mouse and with the chip's tools; the bytes on disk are what the chips say."""
    project = make_project(
        page.workspace,
        "tags_are_added_moved_ren",
        {"a": "kafka, smile, hat", "b": "kafka, long hair"},
    )
    with watched(browser) as (context, _):
        tab = open_editor(context, page.address, "tags_are_added_moved_ren")
        expect_chips(tab, "kafka", "smile", "hat")
        add_box(tab).click()
        tab.keyboard.type("lon")
        tab.locator(".lb-completion-row").first.wait_for()  # of the data set's own tags
        tab.keyboard.press("ArrowDown")
        tab.keyboard.press("Enter")
        expect_chips(tab, "kafka", "smile", "hat", "long hair")
        expect(saved(tab)).to_contain_text("✓ Saved")
        assert texts(project)["a"] == "kafka, smile, hat, long hair"

        tab.keyboard.type("red eyes, Smile, blush")  # several at once, one of them there already
        tab.keyboard.press("Enter")
        expect_chips(tab, "kafka", "smile", "hat", "long hair", "red eyes", "blush")
        tab.keyboard.press("Backspace")  # from the empty box to the last tag
        tab.keyboard.press("Alt+Home")
        expect_chips(tab, "blush", "kafka", "smile", "hat", "long hair", "red eyes")
        tab.keyboard.press("ArrowRight")
        tab.keyboard.press("Alt+ArrowLeft")
        expect_chips(tab, "kafka", "blush", "smile", "hat", "long hair", "red eyes")
        tab.keyboard.press("End")
        tab.keyboard.press("Delete")
        expect_chips(tab, "kafka", "blush", "smile", "hat", "long hair")
        tab.keyboard.press("F2")
        tab.keyboard.press("Control+a")
        tab.keyboard.type("very long hair, ponytail")
        tab.keyboard.press("Escape")  # the suggestions, if there are any
        field = tab.locator("#lb-editor .lb-tag-field")
        if field.count() == 0:  # there were none, so the first Esc was for the field
            tab.keyboard.press("F2")
            tab.keyboard.press("Control+a")
            tab.keyboard.type("very long hair, ponytail")
        tab.keyboard.press("Enter")
        tags = ["kafka", "blush", "smile", "hat", "very long hair", "ponytail"]
        expect_chips(tab, *tags)

        tab.get_by_role("button", name="Delete smile").click()
        chip(tab, "hat").click()
        tab.get_by_role("toolbar", name="For the chosen tag").get_by_text("To front").click()
        expect_chips(tab, "hat", "kafka", "blush", "very long hair", "ponytail")
        chip(tab, "ponytail").drag_to(chip(tab, "kafka"), target_position={"x": 2, "y": 8})
        expect_chips(tab, "hat", "ponytail", "kafka", "blush", "very long hair")
        wanted = "hat, ponytail, kafka, blush, very long hair"
        until(tab, lambda: texts(project)["a"] == wanted)
        assert texts(project)["b"] == "kafka, long hair"


def test_each_step_of_one_caption_can_be_taken_back(browser: Browser, page: Page) -> None:
    project = make_project(page.workspace, "each_step_of_one_caption", {"a": "kafka, smile, hat"})
    with watched(browser) as (context, _):
        tab = open_editor(context, page.address, "each_step_of_one_caption")
        tab.get_by_role("button", name="Delete smile").click()
        expect(saved(tab)).to_contain_text("✓ Saved")
        tab.get_by_role("button", name="Delete kafka").click()
        expect_chips(tab, "hat")
        tab.keyboard.press("Control+z")
        expect_chips(tab, "kafka", "hat")
        tab.keyboard.press("Control+z")
        expect_chips(tab, "kafka", "smile", "hat")
        assert texts(project)["a"] == "kafka, smile, hat"
        tab.keyboard.press("Control+z")
        expect(saved(tab)).to_have_text("There is nothing to undo in this caption.")
        tab.keyboard.press("Control+Shift+z")
        expect_chips(tab, "kafka", "hat")
        add_box(tab).click()
        tab.keyboard.press("Control+y")  # in the empty box, too
        expect_chips(tab, "hat")
        until(tab, lambda: texts(project)["a"] == "hat")


def test_what_is_typed_lands_on_the_picture_it_was_typed_at(browser: Browser, page: Page) -> None:
    """Tags and text, walking on at once: faster than anything is read or saved."""
    project = make_project(
        page.workspace, "what_is_typed_lands_on_t", {f"{n:02d}": f"old {n}" for n in range(16)}
    )
    with watched(browser) as (context, _):
        tab = open_editor(context, page.address, "what_is_typed_lands_on_t")
        add_box(tab).click()
        for number in range(8):
            tab.keyboard.type(f"new {number}")
            tab.keyboard.press("Control+Enter")
        tab.get_by_role("button", name="Text", exact=True).click()
        box = tab.get_by_role("textbox", name="Caption")
        for number in range(8, 16):
            expect(box).to_have_value(f"old {number}")
            box.press("End")
            tab.keyboard.type(f", new {number}")
            tab.keyboard.press("Control+Enter")
        wanted = {f"{n:02d}": f"old {n}, new {n}" for n in range(16)}
        until(tab, lambda: texts(project) == wanted)


def test_clicking_wildly_mixes_nothing_up(browser: Browser, page: Page) -> None:
    """Chips are deleted while other pictures are clicked, in one go and without any waiting."""
    names = [f"{n:02d}" for n in range(10)]
    project = make_project(
        page.workspace,
        "clicking_wildly_mixes_no",
        {name: f"tag {name}, drop, last" for name in names},
    )
    with watched(browser) as (context, _):
        tab = open_editor(context, page.address, "clicking_wildly_mixes_no")
        for number in range(10):
            tab.evaluate(
                """(n) => { document.querySelectorAll('#lb-editor .lb-cell')[n].click(); }""",
                number,
            )
            read(tab)
            tab.evaluate(
                """(n) => {
                  document.querySelector('#lb-editor .lb-tag-x[aria-label="Delete drop"]').click();
                  document.querySelectorAll('#lb-editor .lb-cell')[(n * 7 + 3) % 10].click();
                  document.querySelectorAll('#lb-editor .lb-cell')[n].click();
                }""",
                number,
            )
        wanted = {name: f"tag {name}, last" for name in names}
        until(tab, lambda: texts(project) == wanted)


def test_a_word_that_was_not_added_yet_waits_at_its_picture(browser: Browser, page: Page) -> None:
    project = make_project(page.workspace, "a_word_that_was_not_adde", {"a": "one", "b": "two"})
    with watched(browser) as (context, _):
        tab = open_editor(context, page.address, "a_word_that_was_not_adde")
        add_box(tab).click()
        tab.keyboard.type("red ey")
        tab.locator("#lb-editor .lb-cell").nth(1).click()
        expect_chips(tab, "two")
        expect(add_box(tab)).to_have_value("")
        expect(tab.locator(".lb-elsewhere")).to_contain_text("“red ey” was typed at a.png")
        tab.locator("#lb-editor .lb-cell").first.click()
        expect(add_box(tab)).to_have_value("red ey")
        tab.locator("#lb-editor .lb-cell").nth(1).click()
        tab.get_by_role("button", name="Add it there").click()
        until(tab, lambda: texts(project) == {"a": "one, red ey", "b": "two"})
        tab.locator("#lb-editor .lb-cell").first.click()
        expect(add_box(tab)).to_have_value("")


def test_a_killed_server_costs_no_letter(browser: Browser, tmp_path: Path) -> None:
    """Killed in the middle of a word, with another word in the box for adding; then restarted."""
    root = tmp_path / "workspace"
    project = make_project(root, "p", {"a": "first", "b": "second"})
    page = start_page(root)
    with watched(browser) as (context, wrong):
        tab = open_editor(context, page.address)
        tab.get_by_role("button", name="Text", exact=True).click()
        box = tab.get_by_role("textbox", name="Caption")
        expect(box).to_have_value("first")
        tab.locator("#lb-editor .lb-cell").nth(1).click()
        expect(box).to_have_value("second")
        box.press("End")
        tab.keyboard.type(", written wh")
        kill(page)
        tab.keyboard.type("ile it died")
        expect(saved(tab)).to_contain_text("It is kept in this browser and tried again.")
        tab.get_by_role("button", name="Tags", exact=True).click()
        tab.keyboard.type("a half wor")
        page = start_page(root, port=page.port)
        try:
            tab.goto("about:blank")  # as after a crash of the browser: only its memory is left
            tab.close()
            tab = open_editor(context, page.address, first=False)
            read(tab)  # the picture that was chosen last
            expect_chips(tab, "second", "written while it died")
            expect(add_box(tab)).to_have_value("a half wor")
            wanted = {"a": "first", "b": "second, written while it died"}
            until(tab, lambda: texts(project) == wanted)
            wrong.clear()  # the browser has complained about the lost connection
        finally:
            page.stop()


def test_captions_left_while_the_server_was_gone_are_saved_when_it_is_back(
    browser: Browser, tmp_path: Path
) -> None:
    root = tmp_path / "workspace"
    names = ("a", "b", "c", "d")
    project = make_project(root, "p", {name: f"tag {name}" for name in names})
    page = start_page(root)
    with watched(browser) as (context, wrong):
        tab = open_editor(context, page.address)
        for _ in names:  # so that each is read before the server goes
            expect(tab.locator("#lb-editor .lb-tags:not(.lb-waiting)")).to_be_visible()
            tab.keyboard.press("Alt+ArrowDown")
        tab.locator("#lb-editor .lb-cell").first.click()
        read(tab)
        kill(page)
        add_box(tab).click()
        tab.keyboard.type("offline")
        tab.keyboard.press("Enter")
        expect(saved(tab)).to_contain_text("It is kept in this browser and tried again.")
        tab.locator("#lb-editor .lb-cell").nth(2).click()  # cannot be read now
        add_box(tab).click()
        tab.keyboard.type("typed blindly")
        tab.keyboard.press("Enter")
        tab.wait_for_timeout(300)
        page = start_page(root, port=page.port)
        try:
            wanted = {name: f"tag {name}" for name in names}
            wanted |= {"a": "tag a, offline"}
            until(tab, lambda: texts(project)["a"] == wanted["a"], seconds=60)
            if not tab.locator("#lb-editor").is_visible():  # the page has read itself anew
                tab = open_editor(context, page.address, first=False)
            tab.locator("#lb-editor .lb-cell").nth(2).click()
            read(tab)
            # It waits to be added, or it was added while the page came back and is being saved.
            added = lambda: "typed blindly" in texts(project)["c"]  # noqa: E731
            until(tab, lambda: added() or add_box(tab).input_value() == "typed blindly", seconds=60)
            if not added():
                add_box(tab).press("Enter")
            wanted |= {"c": "tag c, typed blindly"}
            until(tab, lambda: texts(project) == wanted, seconds=60)
            expect(tab.locator("#lb-editor .lb-editor-news")).to_be_empty()  # nobody changed any
            wrong.clear()
        finally:
            page.stop()


def kill(page: Page) -> None:
    page.process.kill()
    page.process.wait()


def test_another_window_and_another_program_are_never_overwritten(
    browser: Browser, page: Page
) -> None:
    project = make_project(page.workspace, "windows", {"a": "kafka, smile"})
    caption = project.dataset_dir / "2_kafka" / "a.txt"
    with watched(browser) as (context, _):
        one = open_editor(context, page.address, "windows")
        two = open_editor(context, page.address, "windows")
        expect_chips(two, "kafka", "smile")
        box = one.get_by_role("textbox", name="Caption")
        one.get_by_role("button", name="Text", exact=True).click()
        expect(box).to_have_value("kafka, smile")
        box.press("End")
        one.keyboard.type(", hat")
        caption.write_text("kafka, from a program", encoding="utf-8")  # before it is saved
        conflict = one.locator("#lb-editor .lb-conflict")
        expect(conflict).to_contain_text("kafka, smile, hat")
        expect(conflict).to_contain_text("from a program")
        assert caption.read_text(encoding="utf-8") == "kafka, from a program"
        conflict.get_by_role("button", name="Take the one on disk").click()
        expect(box).to_have_value("kafka, from a program")

        box.press("End")
        one.keyboard.type(", boots")
        caption.write_text("kafka, cape", encoding="utf-8")
        conflict.get_by_role("button", name=re.compile("^Keep both")).click()
        until(one, lambda: texts(project)["a"] == "kafka, from a program, boots, cape")
        # The second window has been told meanwhile, and shows what is there.
        expect_chips(two, "kafka", "from a program", "boots", "cape")
        two.get_by_role("button", name="Delete cape").click()
        until(two, lambda: texts(project)["a"] == "kafka, from a program, boots")
        expect(box).to_have_value("kafka, from a program, boots")


def test_tokens_are_counted_and_the_chunks_shown(browser: Browser, page: Page) -> None:
    tags = [f"tag number {n}" for n in range(30)]
    make_project(page.workspace, "tokens_are_counted_and_t", {"a": ", ".join(tags), "b": "kafka"})
    with watched(browser) as (context, _):
        tab = open_editor(context, page.address, "tokens_are_counted_and_t")
        count = tab.locator("#lb-editor .lb-tokens")
        expect(count).to_have_text(re.compile(r"^1\d\d / 150 tokens · 2 chunks$"))
        mark = tab.locator("#lb-editor .lb-tags > .lb-chunk")
        expect(mark).to_have_count(1)
        index = tab.evaluate(
            """() => [...document.querySelector('#lb-editor .lb-tags').children]
                     .findIndex((node) => node.classList.contains('lb-chunk'))"""
        )
        assert 10 < index < 25, "in front of the chip in which token 76 is"
        tab.get_by_role("button", name="Text", exact=True).click()
        expect(tab.locator("#lb-editor .lb-raw-mirror .lb-raw-chunk")).to_have_count(1)
        tab.get_by_role("button", name="Next →").click()
        expect(count).to_have_text(re.compile(r"^\d / 75 tokens · 1 chunk$"))


def test_what_the_tagger_says_is_added_with_a_click(browser: Browser, page: Page) -> None:
    project = make_project(page.workspace, "what_the_tagger_says_is", {"a": "kafka, smile"})
    let_tagger_say(
        Workspace.open(page.workspace),
        project,
        {"a.png": {"hat": 0.93, "cape": 0.7}},
        ["smile", "hat", "cape"],
    )
    with watched(browser) as (context, _):
        tab = open_editor(context, page.address, "what_the_tagger_says_is")
        row = tab.locator("#lb-editor .lb-says")
        expect(row).to_contain_text("93 %")
        row.get_by_role("button", name="Add hat, 93 %").click()
        expect_chips(tab, "kafka", "smile", "hat")
        expect(row).not_to_contain_text("+ hat")
        row.get_by_role("button", name="Delete smile").click()
        expect_chips(tab, "kafka", "hat")
        until(tab, lambda: texts(project)["a"] == "kafka, hat")


def test_the_picture_is_enlarged_moved_and_hidden(browser: Browser, page: Page) -> None:
    make_project(page.workspace, "the_picture_is_enlarged", {"a": "kafka", "b": "kafka"})
    with watched(browser) as (context, _):
        tab = open_editor(context, page.address, "the_picture_is_enlarged")
        frame = tab.locator("#lb-editor .lb-large-frame")
        frame.hover()
        tab.mouse.wheel(0, -400)
        expect(frame).to_have_class(re.compile("lb-zoomed"))
        box = frame.bounding_box()
        assert box is not None
        before = tab.locator("#lb-editor .lb-large").get_attribute("style")
        tab.mouse.move(box["x"] + 100, box["y"] + 100)
        tab.mouse.down()
        tab.mouse.move(box["x"] + 140, box["y"] + 120, steps=4)
        tab.mouse.up()
        expect(tab.locator("#lb-editor .lb-large")).not_to_have_attribute("style", before or "")
        frame.dblclick()
        expect(frame).not_to_have_class(re.compile("lb-zoomed"))
        tab.get_by_role("button", name="Hide", exact=True).click()
        expect(frame).to_have_class(re.compile("lb-hidden-picture"))
        tab.get_by_role("button", name="Next →").click()
        expect(frame).to_have_class(re.compile("lb-hidden-picture"))  # it stays hidden
        tab.get_by_role("button", name="Show the picture").click()
        expect(frame).not_to_have_class(re.compile("lb-hidden-picture"))


def test_a_finger_moves_a_tag(browser: Browser, page: Page) -> None:
    """On a phone: hold, then drag; everything can be hit and nothing is cut off."""
    project = make_project(page.workspace, "a_finger_moves_a_tag", {"a": "kafka, smile, hat"})
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    with watched(browser, **phone) as (context, _):
        tab = open_editor(context, page.address, "a_finger_moves_a_tag")
        expect_chips(tab, "kafka", "smile", "hat")
        expect(tab.locator("#lb-editor .lb-tokens")).not_to_be_empty()  # then chips are drawn anew
        chip(tab, "hat").scroll_into_view_if_needed()
        start, end = chip(tab, "hat").bounding_box(), chip(tab, "kafka").bounding_box()
        assert start
        assert end
        client = context.new_cdp_session(tab)

        def touch(kind: str, x: float, y: float) -> None:
            points = [] if kind == "touchEnd" else [{"x": x, "y": y}]
            client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        touch("touchStart", start["x"] + 12, start["y"] + 20)
        expect(tab.locator("#lb-editor .lb-dragged")).to_have_count(1)  # held long enough
        for part in (0.3, 0.6, 1.0):
            x = start["x"] + (end["x"] + 2 - start["x"]) * part
            touch("touchMove", x, start["y"] + 20 + (end["y"] - start["y"]) * part)
            tab.wait_for_timeout(30)
        touch("touchEnd", 0, 0)
        expect_chips(tab, "hat", "kafka", "smile")
        until(tab, lambda: texts(project)["a"] == "hat, kafka, smile")
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
        small = tab.evaluate(
            """() => [...document.querySelectorAll('#lb-editor .lb-inspector button')]
              .filter((node) => node.offsetParent && node.getBoundingClientRect().height < 44)
              .map((node) => node.textContent)"""
        )
        assert small == []
