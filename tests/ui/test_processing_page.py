"""Process tags in a real browser: see it, leave some out, do it, restart, undo; hostile captions."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="playwright is not installed") if not os.environ.get(
    "LORABAKE_REQUIRE_BROWSER"
) else None

from playwright.sync_api import Browser, BrowserContext, Locator, expect  # noqa: E402  (after the reason to skip)
from playwright.sync_api import Page as Tab  # noqa: E402

from tests.ui.browsing import make_project, open_section, visit, watched  # noqa: E402
from tests.ui.conftest import Page, start_page  # noqa: E402

pytestmark = pytest.mark.browser


def opened(context: BrowserContext, page: Page, name: str) -> Tab:
    """A tab that shows "Process tags" of a project."""
    kept = {"lorabake:project": json.dumps(name), "lorabake:section": json.dumps("processing")}
    remember = f"for (const [key, value] of Object.entries({json.dumps(kept)}))"
    context.add_init_script(
        f"if (location.protocol === 'http:') {{ {remember} localStorage.setItem(key, value); }}"
    )
    tab = visit(context, page.address)
    tab.locator("#sec-processing > button.open").wait_for()
    return tab


def field(tab: Tab, label: str) -> Locator:
    return tab.locator("#lb-processing").get_by_label(label, exact=True)


def texts(folder: Path) -> dict[str, str]:
    return {
        path.stem: path.read_bytes().decode("utf-8")
        for path in sorted(folder.glob("*.txt"), key=lambda path: path.name)
    }


def test_add_a_trigger_look_leave_one_out_apply_restart_undo_redo(
    browser: Browser, tmp_path: Path
) -> None:
    root = tmp_path / "workspace"
    captions = {"a": "1girl, smile\r\n", "b": "1girl, smile, blush", "c": "1boy"}
    folder = make_project(root, "kafka", captions).dataset_dir / "2_kafka"
    (folder / "a.txt").write_bytes(b"1girl, smile\r\n")
    before = texts(folder)
    page = start_page(root)
    with watched(browser) as (context, wrong):
        tab = visit(context, page.address)
        open_section(tab, "processing")
        field(tab, "Tags to add").fill("ohwx")
        field(tab, "Tags to remove").fill("Smile")
        tab.keyboard.press("Tab")
        summary = tab.locator(".lb-process-summary")
        expect(summary).to_have_text("3 of 3 captions would change.")
        rows = tab.locator(".lb-diff-row")
        expect(rows.nth(0)).to_contain_text("a.png")
        expect(rows.nth(0).locator(".lb-tag-removed s")).to_have_text("smile")
        expect(rows.nth(0).locator(".lb-tag-added")).to_contain_text("ohwx")
        expect(tab.locator("#lb-processing .lb-found").nth(2)).to_have_text("in 2 captions")

        tab.locator(".lb-sum", has_text="smile").get_by_role("button").first.click()
        expect(rows).to_have_count(2)
        tab.get_by_role("button", name="All 3").click()
        expect(rows).to_have_count(3)
        tab.get_by_label("Change b.png").uncheck()
        apply = tab.locator("#lb-process-apply")
        expect(apply).to_have_text("Apply to 2 captions")
        expect(tab.get_by_label("Change b.png")).to_be_focused()
        field(tab, "Tags to emphasise").fill("1girl")  # looked at anew: what was left out stays so
        expect(summary).to_have_text("3 of 3 captions would change.")
        expect(tab.get_by_label("Change b.png")).not_to_be_checked()
        assert texts(folder) == before, "nothing is written by looking"
        apply.click()
        done = tab.locator(".lb-process-done")
        expect(done).to_contain_text("Changed 2 captions.")
        after = {"a": "ohwx, 1girl\r\n", "b": "1girl, smile, blush", "c": "ohwx, 1boy"}
        assert texts(folder) == after
        expect(summary).to_have_text("1 of 3 captions would change.")

        tab.goto("about:blank")
        page.stop()
        wrong.clear()  # the browser has complained about the lost connection
        page = start_page(root, port=page.port)
        try:
            tab.goto(page.address)  # the section that was open opens again
            expect(field(tab, "Tags to add")).to_have_value("ohwx")
            undo = tab.locator("#lb-process-undo")
            expect(undo).to_have_text("Undo: Process tags: add ohwx, remove Smile")
            undo.click()
            expect(done).to_contain_text("Undone")
            assert texts(folder) == before
            tab.locator("#lb-process-redo").click()
            expect(done).to_contain_text("Done again")
            assert texts(folder) == after
            wrong.clear()
        finally:
            page.stop()


def test_a_filter_a_selection_and_what_cannot_be_understood(browser: Browser, page: Page) -> None:
    captions = {f"{n:02d}": "smile" if n % 2 else "frown" for n in range(10)}
    make_project(page.workspace, "filtered", captions)
    with watched(browser) as (context, _):
        tab = opened(context, page, "filtered")
        field(tab, "Tags to add").fill("ohwx")
        summary = tab.locator(".lb-process-summary")
        expect(summary).to_have_text("10 of 10 captions would change.")
        tab.get_by_label("Those a filter finds").check()
        words = tab.locator("#lb-process-filter")
        words.fill("tag:smile")
        expect(summary).to_have_text("5 of 5 captions would change.")
        words.fill("tag:((")
        expect(tab.locator(".lb-scope .lb-error")).to_be_visible()
        expect(tab.locator("#lb-process-apply")).to_be_disabled()
        words.fill("name:no-such")
        expect(summary).to_have_text("This finds no pictures.")
        tab.evaluate(
            "lorabake.tell('selection', {project: 'filtered', ids: ['2_kafka/03.png', '2_kafka/04.png']})"
        )
        tab.get_by_label("The 2 selected in the editor").check()
        expect(summary).to_have_text("2 of 2 captions would change.")

        tab.locator("summary", has_text="Find and replace").click()
        field(tab, "Find (regular expression)").fill("(")
        expect(tab.locator(".lb-unfit .lb-error")).to_be_visible()
        expect(tab.locator("#lb-process-apply")).to_be_disabled()
        field(tab, "Find (regular expression)").fill("^sm")
        expect(tab.locator(".lb-unfit")).to_have_count(0)
        expect(tab.locator("#lb-processing .lb-found", has_text="in 1 caption")).to_be_visible()


def test_sets_of_operations_and_the_way_to_another_project(browser: Browser, page: Page) -> None:
    make_project(page.workspace, "sets", {"a": "1girl, signature"})
    make_project(page.workspace, "zelda", {"a": "1girl, signature, smile"})
    with watched(browser) as (context, _):
        tab = opened(context, page, "sets")
        field(tab, "Tags to remove").fill("signature")
        tab.get_by_role("button", name="Save as…").click()
        tab.get_by_label("Name of the set").fill("Clean up")
        tab.keyboard.press("Enter")
        done = tab.locator(".lb-process-done")
        expect(done).to_contain_text("Saved as Clean up.")
        tab.get_by_role("button", name="Clear all fields").click()
        expect(field(tab, "Tags to remove")).to_have_value("")
        done.get_by_role("button", name="Undo").click()
        expect(field(tab, "Tags to remove")).to_have_value("signature")
        tab.get_by_role("button", name="Clear all fields").click()
        expect(field(tab, "Tags to remove")).to_have_value("")
        tab.get_by_label("Saved set of operations").select_option("Clean up")
        tab.get_by_role("button", name="Load").click()
        expect(field(tab, "Tags to remove")).to_have_value("signature")
        tab.get_by_label("Use these operations in another project").select_option("zelda")
        tab.get_by_role("button", name="Go to zelda").click()
        expect(tab.locator("#lb-project-switcher input")).to_have_value("zelda")
        expect(tab.locator(".lb-process-summary")).to_have_text("1 of 1 caption would change.")
        expect(tab.locator(".lb-diff-row")).to_contain_text("signature")


def test_tags_are_counted_and_lead_to_their_pictures(browser: Browser, page: Page) -> None:
    captions = {f"{n:02d}": "1girl, smile" if n < 3 else '1girl, "odd" tag' for n in range(8)}
    make_project(page.workspace, "counted", captions)
    with watched(browser) as (context, _):
        tab = opened(context, page, "counted")
        rows = tab.locator("#lb-tags .lb-count-row")
        expect(rows).to_have_count(3)
        expect(rows.nth(0)).to_contain_text(re.compile("1girl.*8"))
        tab.get_by_label("Order of the tags").select_option("rare")
        expect(rows.nth(0)).to_contain_text("smile")
        rows.nth(0).get_by_role("button", name="Look at smile").click()
        expect(tab.locator(".lb-bleeds")).to_contain_text("1girl")
        tab.get_by_role("button", name="Remove everywhere…").click()
        expect(field(tab, "Tags to remove")).to_have_value("smile")
        expect(tab.locator(".lb-process-summary")).to_have_text("3 of 8 captions would change.")
        tab.evaluate(
            "lorabake.hear(document.body, 'filter', (x) => { window.asked = x ?? window.asked }, {now: false})"
        )
        rows.nth(1).locator(".lb-count-name").click()
        tab.wait_for_function("window.asked")
        assert tab.evaluate("window.asked") == r'tag:"\"odd\" tag"'
        open_section(tab, "processing")  # the name led to the editor
        tab.get_by_label("Table or cloud").select_option("cloud")
        expect(tab.locator(".lb-cloud-tag")).to_have_count(3)


def test_only_what_can_be_seen_is_in_the_document(browser: Browser, page: Page) -> None:
    captions = {f"{n:03d}": f"1girl, tag {n}, {'x ' * (n % 60)}long" for n in range(400)}
    make_project(page.workspace, "many", captions)
    with watched(browser) as (context, _):
        tab = opened(context, page, "many")
        field(tab, "Tags to add").fill("ohwx")
        rows = tab.locator(".lb-diff-row")
        expect(rows.first).to_be_visible()
        expect(tab.locator(".lb-process-summary")).to_have_text("400 of 400 captions would change.")
        assert rows.count() < 80
        view = tab.locator(".lb-diff-view")
        view.evaluate("node => { node.scrollTop = node.scrollHeight }")
        expect(tab.locator(".lb-diff-row", has_text="399.png")).to_be_visible()
        assert rows.count() < 80
        view.evaluate("node => { node.scrollTop = 0 }")
        expect(tab.locator(".lb-diff-row", has_text="000.png")).to_be_visible()
