"""The editor's gallery in a real browser: light with thousands, found, sorted, selected, changed together."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import pytest

pytest.importorskip("playwright", reason="playwright is not installed") if not os.environ.get(
    "LORABAKE_REQUIRE_BROWSER"
) else None

from playwright.sync_api import (  # noqa: E402  (after the reason to skip)
    Browser,
    Locator,
    Route,
    expect,
)
from playwright.sync_api import Page as Tab  # noqa: E402

from lorabake.core.workspace import Project  # noqa: E402
from tests.ui.browsing import make_project, watched  # noqa: E402
from tests.ui.conftest import Page  # noqa: E402
from tests.ui.inspecting import (  # noqa: E402
    expect_chips,
    open_editor,
    read,
    texts,
    until,
)

pytestmark = pytest.mark.browser

COUNT = 2000
NODES = 1500  # elements of the whole page
LOADED = """() => {
  const frame = document.querySelector('#lb-editor .lb-view').getBoundingClientRect();
  const images = [...document.querySelectorAll('#lb-editor .lb-cell img')].filter((image) => {
    const at = image.getBoundingClientRect();
    return at.bottom > frame.top && at.top < frame.bottom;
  });
  return images.length >= 8 && images.every((image) => image.complete && image.naturalWidth > 0);
}"""


@pytest.fixture(scope="module")
def page(editor_page: Page) -> Page:
    return editor_page


def caption(number: int) -> str:
    """Every tenth picture has none; every other of the others smiles; one in five has a hat."""
    if number % 10 == 0:
        return ""
    tags = ["kafka", *(["smile"] if number % 2 else []), *(["hat"] if number % 5 == 1 else [])]
    return ", ".join(tags)


@pytest.fixture(scope="module")
def crowd(page: Page) -> Project:
    return make_project(page.workspace, "crowd", {f"{n:04d}": caption(n) for n in range(COUNT)})


@pytest.fixture(scope="module")
def shared(browser: Browser, page: Page, crowd: Project) -> Iterator[Tab]:
    """One tab for all that looks at the two thousand."""
    with watched(browser) as (context, _):
        yield open_editor(context, page.address, crowd.name, first=False)


@pytest.fixture
def tab(shared: Tab) -> Tab:
    """Nothing filtered, sorted or selected; at the top."""
    filter_box(shared).fill("")
    shared.get_by_role("combobox", name="Order").select_option("")
    expect(status(shared)).to_contain_text(re.compile(r"^2,000 pictures"))
    cells(shared).first.wait_for()
    view(shared).focus()
    shared.keyboard.press("Home")
    expect(status(shared)).to_have_text("2,000 pictures")
    read(shared)
    return shared


def view(tab: Tab) -> Locator:
    """What scrolls, and takes the keys."""
    return tab.get_by_role("listbox", name="Pictures", exact=True)


def cells(tab: Tab) -> Locator:
    return tab.locator("#lb-editor .lb-cell")


def cell(tab: Tab, name: str) -> Locator:
    return tab.locator(f'#lb-editor .lb-cell[title="{name}.png"]')


def chosen(tab: Tab) -> Locator:
    """The name of the picture on the right."""
    return tab.locator("#lb-editor .lb-name b")


def filter_box(tab: Tab) -> Locator:
    return tab.get_by_role("searchbox", name="Filter the pictures")


def status(tab: Tab) -> Locator:
    return tab.locator("#lb-editor .lb-editor-count")


def panel(tab: Tab) -> Locator:
    return tab.get_by_role("region", name="The selected pictures")


def news(tab: Tab) -> Locator:
    return tab.locator("#lb-editor .lb-editor-news")


# --- many pictures ---------------------------------------------------------------------------------


def test_two_thousand_pictures_stay_light_while_they_are_scrolled(tab: Tab) -> None:
    """Only what can be seen is in the document, wherever one is; and it is really there."""
    height = tab.evaluate("document.querySelector('#lb-editor .lb-tall').offsetHeight")
    assert height > 20_000
    for share in (0, 0.001, 0.3, 0.31, 0.999, 0.5):
        view(tab).evaluate("(node, to) => { node.scrollTop = to; }", height * share)
        tab.wait_for_function(LOADED)
        assert tab.evaluate("document.querySelectorAll('*').length") <= NODES
        assert cells(tab).count() < 80
    view(tab).hover()
    for _ in range(5):  # as a wheel turns
        tab.mouse.wheel(0, 2500)
        assert tab.evaluate("document.querySelectorAll('*').length") <= NODES
    view(tab).focus()
    tab.keyboard.press("End")
    expect(chosen(tab)).to_have_text("1999.png")
    last = cell(tab, "1999")
    expect(last).to_have_attribute("aria-posinset", "2000")
    expect(last).to_have_attribute("aria-setsize", "2000")
    expect(last).to_have_attribute("aria-selected", "true")


def test_what_is_typed_filters_and_a_mistake_is_one_sentence(tab: Tab) -> None:
    filter_box(tab).click()
    tab.keyboard.type("tag:hat AND NOT smile")
    expect(status(tab)).to_have_text("200 of 2,000 pictures")
    expect(cells(tab).first).to_have_attribute("title", "0006.png")
    tab.keyboard.type(" (")
    wrong = tab.locator("#lb-editor-wrong")
    expect(wrong).to_be_visible()
    expect(filter_box(tab)).to_have_attribute("aria-invalid", "true")
    sentence = wrong.evaluate("(node) => node.firstChild.textContent")
    assert re.fullmatch(r"[A-Z][^.]*\.", sentence), sentence
    expect(status(tab)).to_have_text("200 of 2,000 pictures")  # what was found last stays
    tab.keyboard.press("Backspace")
    tab.keyboard.press("Enter")  # to the pictures that were found
    expect(wrong).to_be_hidden()
    expect(view(tab)).to_be_focused()
    tab.keyboard.press("Home")
    expect(chosen(tab)).to_have_text("0006.png")
    tab.keyboard.press("ArrowRight")
    expect(chosen(tab)).to_have_text("0016.png")

    filter_box(tab).fill("tags:>40")
    expect(cells(tab)).to_have_count(0)
    tab.get_by_role("button", name="Show all pictures").click()
    expect(status(tab)).to_have_text("2,000 pictures")
    tab.get_by_role("button", name="How to filter").click()
    tab.locator(".lb-examples").get_by_role("button", name="NOT has:caption").click()
    expect(status(tab)).to_have_text("200 of 2,000 pictures")
    tab.get_by_role("button", name="How to filter").click()
    filter_box(tab).press("Escape")
    expect(filter_box(tab)).to_have_value("")
    expect(status(tab)).to_have_text("2,000 pictures")


def test_pictures_are_sorted_and_turned_round(tab: Tab) -> None:
    """Equal ones stay in the order of their folders; the chosen one stays in sight."""
    turn = tab.get_by_role("button", name="The other way round")
    for order, leads, leads_turned in [
        ("Without a caption first", (0, 10, 20), (1, 2, 3)),
        ("Most tags first", (1, 11, 21), (0, 10, 20)),
        ("By name", (0, 1, 2), (1999, 1998, 1997)),
    ]:
        tab.get_by_role("combobox", name="Order").select_option(order)
        expect_lead(tab, leads)
        turn.click()
        expect_lead(tab, leads_turned)
        cells(tab).first.click()
        turn.click()
        expect(cell(tab, f"{leads_turned[0]:04d}")).to_be_in_viewport()
        expect_lead(tab, leads)


def expect_lead(tab: Tab, numbers: tuple[int, ...]) -> None:
    """Wait until these are the first pictures; what is scrolled away is not in the document."""
    tab.wait_for_function(
        """(titles) => {
          document.querySelector('#lb-editor .lb-view').scrollTop = 0;
          return titles.every((title, i) =>
            document.querySelector(`#lb-editor .lb-cell[data-index="${i}"]`)?.title === title);
        }""",
        arg=[f"{number:04d}.png" for number in numbers],
    )


def test_the_next_untagged_picture_is_one_key_away(tab: Tab) -> None:
    cell(tab, "0003").click()
    tab.keyboard.press("Control+j")
    expect(chosen(tab)).to_have_text("0010.png")
    tab.get_by_role("button", name="Next untagged").click()
    expect(chosen(tab)).to_have_text("0020.png")
    expect(cell(tab, "0020").locator(".lb-flag")).to_be_visible()
    filter_box(tab).fill("smile")
    expect(status(tab)).to_have_text("1,000 of 2,000 pictures")
    tab.get_by_role("button", name="Next untagged").click()
    expect(news(tab)).to_contain_text("Every picture that is shown has a caption.")


# --- several at once -------------------------------------------------------------------------------


def test_several_are_selected_as_anywhere_else(tab: Tab) -> None:
    cell(tab, "0002").click()
    expect(panel(tab)).to_be_hidden()
    place = cell(tab, "0002").bounding_box()
    cell(tab, "0007").click(modifiers=["Shift"])
    expect(panel(tab)).to_contain_text("6 pictures selected")
    expect(tab.locator("#lb-editor .lb-inspector")).to_be_hidden()
    cell(tab, "0004").click(modifiers=["Control"])
    cell(tab, "0010").click(modifiers=["Meta"])  # ⌘
    expect(panel(tab)).to_contain_text("6 pictures selected")
    selected = tab.locator('#lb-editor .lb-cell[aria-selected="true"]').all()
    names = [node.get_attribute("title") for node in selected]
    assert names == [f"{n:04d}.png" for n in (2, 3, 5, 6, 7, 10)]

    tab.keyboard.press("Control+a")
    expect(status(tab)).to_have_text("2,000 pictures · 2,000 selected")
    assert cell(tab, "0002").bounding_box() == place, "nothing moves under the pointer meanwhile"
    filter_box(tab).fill("tag:hat")  # what is no longer shown is no longer selected
    expect(status(tab)).to_have_text("400 of 2,000 pictures · 400 selected")
    tab.get_by_role("button", name="Select none").first.click()
    expect(status(tab)).to_have_text("400 of 2,000 pictures")

    cells(tab).first.click()
    tab.keyboard.press("Shift+ArrowRight")
    tab.keyboard.press("Shift+ArrowRight")
    expect(panel(tab)).to_contain_text("3 pictures selected")
    tab.keyboard.press("Escape")
    expect(panel(tab)).to_be_hidden()
    tab.get_by_role("button", name="Select", exact=True).click()  # for fingers: no key is needed
    cells(tab).nth(4).click()
    cells(tab).nth(5).click()
    expect(panel(tab)).to_contain_text("3 pictures selected")
    tab.get_by_role("button", name="Select none").first.click()
    expect(panel(tab)).to_be_hidden()


def test_many_captions_change_together_and_back_to_the_byte(tab: Tab, crowd: Project) -> None:
    before, raw = texts(crowd), disk(crowd)
    filter_box(tab).fill("tag:hat OR name:000?.png")
    expect(status(tab)).to_have_text("408 of 2,000 pictures")
    view(tab).focus()
    tab.keyboard.press("Control+a")
    box = panel(tab)
    expect(box).to_contain_text("408 pictures selected")

    field = box.get_by_role("combobox", name="Tags to add")
    field.fill("kafka")
    expect(box).to_contain_text("1 caption will change; 407 have that already.")
    field.fill("hat, boots")
    expect(box).to_contain_text("All 408 captions will change.")
    field.fill("hat")
    expect(box).to_contain_text("8 captions will change; 400 have that already.")
    assert disk(crowd) == raw  # so far it was only said
    field.press("Escape")
    box.get_by_role("button", name="Add to 8").click()
    expect(news(tab)).to_contain_text("Added “hat” to 8 captions.")
    bare_headed = [f"{n:04d}" for n in range(10) if n % 5 != 1]
    added = {name: f"{before[name]}, hat".removeprefix(", ") for name in bare_headed}
    assert texts(crowd) == {**before, **added}
    expect(cell(tab, "0000").locator(".lb-flag")).to_be_hidden()

    box.get_by_role("button", name="smile 204").click()  # what to do with it
    box.get_by_role("combobox", name="Replace smile by").fill("grin")
    tab.keyboard.press("Escape")
    box.get_by_role("button", name="Replace in 204").click()
    expect(news(tab)).to_contain_text("Replaced “smile” by “grin” in 204 captions.")
    assert sum("grin" in text for text in texts(crowd).values()) == 204
    news(tab).get_by_role("button", name="Undo").click()
    expect(news(tab)).to_contain_text("Undone")
    assert texts(crowd) == {**before, **added}

    box.get_by_role("checkbox", name="hat: all have it. Remove it").click()
    expect(news(tab)).to_contain_text("Removed “hat” from 408 captions.")
    assert not any("hat" in text for text in texts(crowd).values())
    for _ in range(2):
        tab.get_by_role("button", name=re.compile("^Undo: ")).click()
        expect(news(tab)).to_contain_text("Undone")
        tab.get_by_role("button", name="Put this message away").click()
    assert disk(crowd) == raw
    expect(cell(tab, "0000").locator(".lb-flag")).to_be_visible()


def disk(project: Project) -> dict[str, bytes]:
    return {path.stem: path.read_bytes() for path in project.dataset_dir.glob("*/*.txt")}


# --- two windows, and other programs ---------------------------------------------------------------


def test_the_second_window_is_told_and_writes_over_nothing(browser: Browser, page: Page) -> None:
    captions = {"a": "kafka, smile", "b": "kafka", "c": ""}
    project = make_project(page.workspace, "second window", captions)
    with watched(browser) as (context, _):
        one = open_editor(context, page.address, "second window")
        two = open_editor(context, page.address, "second window")
        view(two).focus()
        two.keyboard.press("Control+a")
        panel(two).get_by_role("combobox", name="Tags to add").fill("hat")
        expect(panel(two)).to_contain_text("All 3 captions will change.")

        held: list[Route] = []  # the first window's save is on its way while the second writes
        question = re.compile("/component_server")
        one.route(
            question,
            lambda route: (
                held.append(route)
                if "lb_save" in (route.request.post_data or "")
                else route.fallback()
            ),
        )
        one.get_by_role("button", name="Text", exact=True).click()
        box = one.get_by_role("textbox", name="Caption")
        expect(box).to_have_value("kafka, smile")
        box.press("End")
        one.keyboard.type(", boots")
        until(one, lambda: held)
        panel(two).get_by_role("button", name="Add to 3").click()
        expect(news(two)).to_contain_text("Added “hat” to 3 captions.")
        held[0].continue_()
        one.unroute(question)
        conflict = one.locator("#lb-editor .lb-conflict")
        expect(conflict).to_contain_text("kafka, smile, boots")
        expect(conflict).to_contain_text("hat")
        assert texts(project) == {"a": "kafka, smile, hat", "b": "kafka, hat", "c": "hat"}
        expect(news(one)).to_contain_text(
            "captions changed elsewhere, in another window or program"
        )
        conflict.get_by_role("button", name=re.compile("^Keep both")).click()
        until(one, lambda: texts(project)["a"] == "kafka, smile, boots, hat")
        expect(cell(one, "c").locator(".lb-flag")).to_be_hidden()

        # And the other way round: the panel of the second knows what the first has saved.
        expect(panel(two).get_by_role("button", name="boots")).to_be_visible()
        panel(two).get_by_role("checkbox", name=re.compile("^boots: 1 of 3")).click()
        expect(news(two)).to_contain_text("Added “boots” to 2 captions.")
        until(one, lambda: texts(project)["c"] == "hat, boots")
        assert texts(project)["a"] == "kafka, smile, boots, hat"


def test_what_another_program_does_is_noticed_and_told(browser: Browser, page: Page) -> None:
    project = make_project(page.workspace, "programs", {"a": "kafka", "b": "kafka", "c": ""})
    folder = project.dataset_dir / "2_kafka"
    with watched(browser) as (context, _):
        tab = open_editor(context, page.address, "programs")
        expect_chips(tab, "kafka")
        (folder / "a.txt").write_text("kafka, from a script", encoding="utf-8")
        (folder / "b.txt").write_text("", encoding="utf-8")
        (folder / "c.txt").write_text("kafka, hat", encoding="utf-8")
        expect_chips(tab, "kafka", "from a script")
        expect(cell(tab, "b").locator(".lb-flag")).to_be_visible()
        expect(cell(tab, "c").locator(".lb-flag")).to_be_hidden()
        expect(news(tab)).to_contain_text("changed elsewhere")
        tab.get_by_role("button", name="Delete from a script").click()
        until(tab, lambda: texts(project) == {"a": "kafka", "b": "", "c": "kafka, hat"})

        (folder / "b.png").unlink()
        expect(cells(tab)).to_have_count(2)
        expect(news(tab)).to_contain_text("The pictures of this project changed.")
        assert texts(project)["a"] == "kafka"
