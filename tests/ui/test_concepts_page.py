"""The guide's four outfits in a real browser: from an unsorted folder to a plan that is ready to bake."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import pytest

pytest.importorskip("playwright", reason="playwright is not installed") if not os.environ.get(
    "LORABAKE_REQUIRE_BROWSER"
) else None

from playwright.sync_api import Locator, expect  # noqa: E402  (after the reason to skip)
from playwright.sync_api import Page as Tab  # noqa: E402

from lorabake.core.workspace import Project, Workspace  # noqa: E402
from tests.concepts.outfits import outfit  # noqa: E402
from tests.ui.browsing import chromium, open_section, visit, watched  # noqa: E402
from tests.ui.conftest import Page  # noqa: E402
from tests.ui.inspecting import until  # noqa: E402

pytestmark = pytest.mark.browser

COUNTS = {"zetadef": 23, "zetasummer": 49, "zetadark": 100, "zetahalloween": 79}
KEPT = {"5_zetadef": 20, "3_zetasummer": 33, "1_zetadark": 100, "2_zetahalloween": 50}


@pytest.fixture(scope="module")
def project(page: Page) -> Project:
    """251 small drawings with captions, and no folder."""
    found = Workspace.open(page.workspace).create_project("zeta")
    for name, count in COUNTS.items():
        outfit(found.dataset_dir, name, count, size=(24, 32))
    found.write_settings({"preset": "illustrious"})
    return found


@pytest.fixture(scope="module")
def tab(chromium_path: str, page: Page, project: Project) -> Iterator[Tab]:
    with chromium(chromium_path) as browser, watched(browser) as (context, _):
        tab = visit(context, page.address)
        open_section(tab, "concepts")
        expect(panel(tab).locator(".lb-con-sum")).to_have_text("251 pictures, in no folder yet.")
        yield tab


def panel(tab: Tab) -> Locator:
    return tab.locator("#lb-concepts")


def button(tab: Tab, name: str | re.Pattern[str]) -> Locator:
    return panel(tab).get_by_role("button", name=name)


def card(tab: Tab, name: str) -> Locator:
    return panel(tab).locator(".lb-con-card").filter(has=tab.locator(f'b:text-is("{name}")'))


def status(tab: Tab) -> Locator:
    return panel(tab).locator(".lb-editor-count")


def news(tab: Tab) -> Locator:
    return panel(tab).locator(".lb-curate-news")


def rows(tab: Tab) -> list[list[str]]:
    """The table of "Balance", with repeats as they would be."""
    table = panel(tab).locator(".lb-con-balance tbody tr")
    return [
        [cell.split("→")[-1].strip() for cell in row.locator("th, td").all_inner_texts()]
        for row in table.all()
    ]


def counts(project: Project) -> dict[str, int]:
    root = project.dataset_dir
    return {name: len(list((root / name).glob("*.png"))) for name in project.concepts()}


def find(tab: Tab, expression: str, found: str) -> None:
    panel(tab).get_by_role("combobox", name="Filter the pictures to sort").fill(expression)
    expect(status(tab)).to_contain_text(found)


def test_the_guides_four_outfits(tab: Tab, project: Project) -> None:
    choose(tab)
    sort_by_filter(tab)
    sort_by_hand(tab, project)
    sort_by_groups(tab, project)
    write_triggers(tab, project)
    balance(tab, project)
    into_the_oven(tab)


def choose(tab: Tab) -> None:
    """Choosing shows what changes and why, and changes nothing by itself."""
    changes = panel(tab).locator(".lb-con-changes")
    panel(tab).get_by_role("radio", name=re.compile("^Style")).check()
    expect(changes).to_contain_text("Set Keep tokens to 0")
    expect(changes.get_by_role("checkbox")).not_to_be_checked()
    button(tab, re.compile(r"^Change \d settings")).click()
    expect(panel(tab).locator(".lb-con-subject")).to_contain_text("settings changed.")
    expect(changes).to_contain_text("Your settings suit it already")
    panel(tab).locator(".lb-con-subject").get_by_role("button", name="Undo").click()
    expect(panel(tab).locator(".lb-con-subject")).to_contain_text("as they were before")
    panel(tab).get_by_role("radio", name=re.compile("^Outfit set")).check()
    expect(changes).to_contain_text("An activation tag for each outfit")


def sort_by_filter(tab: Tab) -> None:
    panel(tab).get_by_role("combobox", name="Filter the pictures to sort").press_sequentially(
        "red d"
    )
    tab.get_by_role("option", name=re.compile("^red dress")).click()
    expect(status(tab)).to_contain_text("23 of 251 pictures")
    tab.keyboard.press("Enter")
    expect(status(tab)).to_contain_text("23 selected")
    panel(tab).get_by_label("Trigger of a new folder").fill("zetadef")
    button(tab, "New folder with 23 pictures").click()
    expect(card(tab, "zetadef")).to_contain_text("23 pictures")
    expect(news(tab)).to_contain_text("1_zetadef is there, with 23 pictures.")
    find(tab, "", "228 of 251 pictures")


def sort_by_hand(tab: Tab, project: Project) -> None:
    """Three by clicking and the key, one by dragging, the rest by Ctrl+A; one of them is undone."""
    panel(tab).get_by_label("Trigger of a new folder").fill("zetasummer")
    button(tab, "New folder").click()
    expect(card(tab, "zetasummer")).to_contain_text("0 pictures")
    find(tab, "tag:sarong", "49 of 251 pictures")
    cells = panel(tab).locator(".lb-con-left .lb-cell")
    cells.nth(0).click()
    cells.nth(2).click(modifiers=["Shift"])
    tab.keyboard.press("2")
    expect(card(tab, "zetasummer")).to_contain_text("3 pictures")
    until(tab, lambda: counts(project).get("1_zetasummer") == 3)
    cells.nth(1).drag_to(card(tab, "zetasummer"))
    expect(card(tab, "zetasummer")).to_contain_text("4 pictures")
    until(tab, lambda: counts(project).get("1_zetasummer") == 4)
    panel(tab).get_by_role("listbox", name="Pictures to sort").focus()
    tab.keyboard.press("Control+z")
    expect(card(tab, "zetasummer")).to_contain_text("3 pictures")
    tab.keyboard.press("Control+a")
    expect(status(tab)).to_contain_text("46 selected")
    tab.keyboard.press("2")
    expect(card(tab, "zetasummer")).to_contain_text("49 pictures")
    until(tab, lambda: counts(project).get("1_zetasummer") == 49)
    find(tab, "", "179 of 251 pictures")


def sort_by_groups(tab: Tab, project: Project) -> None:
    button(tab, "Suggest groups for 179 pictures").click()
    groups = panel(tab).locator(".lb-con-group")
    expect(groups).to_have_count(2)
    expect(groups.nth(0)).to_contain_text("100 pictures, told by black boots")
    expect(groups.nth(1)).to_contain_text("witch hat")
    for number, name in enumerate(("zetadark", "zetahalloween")):
        groups.nth(number).get_by_role("textbox").fill(name)
    button(tab, "Take over 179 pictures in 2 groups").click()
    expect(panel(tab).locator(".lb-con-sum")).to_have_text("251 pictures: 251 in 4 folders.")
    expect(groups).to_have_count(0)
    assert counts(project) == {f"1_{name}": count for name, count in COUNTS.items()}


def write_triggers(tab: Tab, project: Project) -> None:
    panel(tab).locator(".lb-con-plan summary").first.click()
    expect(panel(tab).locator(".lb-con-examples").first).to_contain_text("zetadef, 1girl")
    button(tab, "Write the triggers into 251 captions").click()
    expect(panel(tab).locator(".lb-con-plan")).to_contain_text("Every caption begins with")
    caption = next((project.dataset_dir / "1_zetadark").glob("*.txt"))
    assert caption.read_text(encoding="utf-8").startswith("zetadark, 1girl")


def balance(tab: Tab, project: Project) -> None:
    """“Delete 3 images in the folder for outfit #1, 16 images in #2, and 29 images in #4.”"""
    expect(panel(tab).locator(".lb-con-balance tfoot")).to_contain_text("399")
    assert rows(tab) == [
        ["zetadef", "23", "20", "5", "100"],
        ["zetasummer", "49", "33", "3", "99"],
        ["zetadark", "100", "100", "1", "100"],
        ["zetahalloween", "79", "50", "2", "100"],
    ]
    families = panel(tab).locator(".lb-con-family")
    expect(families.nth(0)).to_contain_text("NAI 1.510 epochs")
    expect(families.nth(1)).to_contain_text("Illustrious5 epochs")
    button(tab, "Fewest pictures lost").click()
    expect(button(tab, "Set 29 pictures aside")).to_be_visible()
    button(tab, "Repeats only").click()
    expect(panel(tab).locator(".lb-con-result")).to_contain_text("% apart")
    button(tab, "As the guide does").click()

    expect(panel(tab).get_by_text("Looking closer for")).to_be_hidden()
    first = panel(tab).locator(".lb-con-gone").first
    spared = first.get_by_role("button").first.get_attribute("aria-label") or ""
    first.get_by_role("button", name=spared).click()
    expect(first.get_by_role("button", name=spared)).to_have_count(0)
    expect(first.locator("li")).to_have_count(3)
    button(tab, "Back to the proposal").click()
    expect(first.get_by_role("button", name=spared)).to_have_count(1)

    apply = button(tab, "Set 48 pictures aside and change the repeats of 3 folders")
    apply.click()
    expect(news(tab)).to_contain_text("48 pictures set aside, repeats of 3 folders changed.")
    expect(tab.locator("#sec-concepts .lb-state")).to_have_text("4 folders, T = 399")
    assert counts(project) == KEPT
    news(tab).get_by_role("button", name="Undo").click()
    expect(news(tab)).to_contain_text("Undone")
    expect(tab.locator("#sec-concepts .lb-state")).to_have_text("4 folders, T = 251")
    assert counts(project) == {f"1_{name}": count for name, count in COUNTS.items()}
    apply.click()
    expect(tab.locator("#sec-concepts .lb-state")).to_have_text("4 folders, T = 399")
    assert counts(project) == KEPT


def into_the_oven(tab: Tab) -> None:
    button(tab, "Bake 5 epochs instead of 10").click()
    expect(news(tab)).to_contain_text("The recipe has 5 epochs now.")
    open_section(tab, "oven")
    expect(tab.locator("#lb-plan")).to_contain_text("399")
    expect(tab.locator("#lb-plan")).to_contain_text(re.compile(r"5\s*epochs"))
