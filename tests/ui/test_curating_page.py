"""Curating in a real browser: decided by keys, cut apart, painted over, and all of it undone."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="playwright is not installed") if not os.environ.get(
    "LORABAKE_REQUIRE_BROWSER"
) else None

import numpy as np  # noqa: E402  (after the reason to skip)
from PIL import Image, ImageDraw, ImageFilter  # noqa: E402
from playwright.sync_api import Locator, expect  # noqa: E402
from playwright.sync_api import Page as Tab  # noqa: E402

from lorabake.core.files import sha256_of  # noqa: E402
from lorabake.core.marks import read_marks  # noqa: E402
from lorabake.core.workspace import Project, Workspace  # noqa: E402
from tests.ui.browsing import chromium, open_section, visit, watched  # noqa: E402
from tests.ui.conftest import Page  # noqa: E402
from tests.ui.inspecting import until  # noqa: E402

pytestmark = pytest.mark.browser

NAMES = ["bars", "blurred", "grey", "plain1", "plain2", "plain3", "plain4", "signed", "views"]
SIGNATURE = (150, 216, 196, 230)  # px in signed.png


def draw(number: int) -> Image.Image:
    """A sharp figure, 200 × 240 px."""
    picture = Image.new("RGB", (200, 240), (200, 220, 230 - number))
    figure(ImageDraw.Draw(picture), 100, (180, 60 + 10 * number, 90))
    return picture


def figure(pen: ImageDraw.ImageDraw, x: int, colour: tuple[int, int, int]) -> None:
    pen.ellipse((x - 30, 20, x + 30, 90), fill=colour, outline=(20, 20, 20), width=2)
    pen.polygon([(x - 30, 200), (x, 80), (x + 30, 200)], fill=(60, 60, 160), outline=(20, 20, 20))


@pytest.fixture(scope="module")
def project(page: Page) -> Project:
    found = Workspace.open(page.workspace).create_project("kafka")
    folder = found.dataset_dir / "2_kafka"
    folder.mkdir(parents=True)
    for number in range(1, 5):
        draw(number).save(folder / f"plain{number}.png")
        (folder / f"plain{number}.txt").write_text("kafka, solo, from side", encoding="utf-8")
    draw(5).filter(ImageFilter.GaussianBlur(4)).save(folder / "blurred.png")
    draw(6).convert("L").convert("RGB").save(folder / "grey.png")
    barred = draw(7)
    ImageDraw.Draw(barred).rectangle((0, 0, 200, 30), fill=(0, 0, 0))
    ImageDraw.Draw(barred).rectangle((0, 210, 200, 240), fill=(0, 0, 0))
    barred.save(folder / "bars.png")
    signed = draw(8)
    ImageDraw.Draw(signed).rectangle(SIGNATURE, fill=(240, 0, 240))
    signed.save(folder / "signed.png")
    (folder / "signed.txt").write_text("kafka, signature", encoding="utf-8")
    several = Image.new("RGB", (600, 300), (255, 255, 255))
    for x in (100, 300, 500):
        figure(ImageDraw.Draw(several), x, (180, x // 3, 90))
    several.save(folder / "views.png")
    (folder / "views.txt").write_text("kafka, multiple views", encoding="utf-8")
    return found


@pytest.fixture(scope="module")
def shared(chromium_path: str, page: Page, project: Project) -> Iterator[Tab]:
    """One tab with the section open and every picture measured."""
    with chromium(chromium_path) as browser, watched(browser) as (context, _):
        tab = visit(context, page.address)
        open_section(tab, "curating")
        expect(chip(tab, "Bars")).to_be_visible()
        yield tab


@pytest.fixture
def tab(shared: Tab) -> Tab:
    """Everything shown, nothing limited, looking at the first picture."""
    shared.keyboard.press("Escape")
    chip(shared, "All").click()
    gallery(shared).focus()
    shared.keyboard.press("Home")
    return shared


def gallery(tab: Tab) -> Locator:
    return tab.get_by_role("listbox", name="Pictures to curate")


def chip(tab: Tab, name: str) -> Locator:
    return tab.locator(".lb-curate-chip").filter(has_text=re.compile(rf"^(★ )?{name}\d"))


def status(tab: Tab) -> Locator:
    return tab.locator("#lb-curating .lb-editor-count")


def chosen(tab: Tab) -> Locator:
    return tab.locator("#lb-curating .lb-name b")


def news(tab: Tab) -> Locator:
    return tab.locator("#lb-curating .lb-curate-news")


def stage(tab: Tab) -> Locator:
    return tab.locator("#lb-curating .lb-stage")


def choose(tab: Tab, name: str) -> None:
    tab.locator(f'#lb-curating .lb-cell[title^="{name}.png"]').click()
    expect(chosen(tab)).to_have_text(f"{name}.png")


def undo(tab: Tab) -> None:
    tab.locator("#lb-curating .lb-editor-steps button").first.click()
    expect(news(tab)).to_contain_text("Undone")


def pictures(project: Project) -> list[str]:
    return sorted(path.stem for path in (project.dataset_dir / "2_kafka").glob("*.png"))


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB")).astype(int)


def drag(tab: Tab, start: tuple[float, float], end: tuple[float, float]) -> None:
    """From one point to another, in px of the picture that is shown."""
    picture = tab.locator("#lb-curating .lb-stage-picture")
    stage(tab).scroll_into_view_if_needed()
    box = picture.bounding_box()
    assert box is not None
    scale = box["width"] / tab.evaluate(
        "document.querySelector('#lb-curating .lb-stage-picture').naturalWidth"
    )
    points = [(box["x"] + x * scale, box["y"] + y * scale) for x, y in (start, end)]
    tab.mouse.move(*points[0])
    tab.mouse.down()
    tab.mouse.move(*points[1], steps=5)
    tab.mouse.up()


# --- looking and deciding ----------------------------------------------------------------------------


def test_flags_have_reasons_and_find_their_pictures(tab: Tab) -> None:
    for flag, name, reason in [
        ("Bars", "bars", "Flat bars take"),
        ("Without colours", "grey", "no colours"),
        ("Signature", "signed", "It is signed (signature)"),
        ("Multiple views", "views", "several views"),
        ("Blurred", "blurred", "Its edges are"),
    ]:
        chip(tab, flag).click()
        expect(status(tab)).to_have_text("1 of 9 pictures")
        choose(tab, name)
        expect(tab.locator("#lb-curating .lb-reasons")).to_contain_text(reason)
    chip(tab, "All").click()
    expect(status(tab)).to_have_text("9 pictures")
    box = tab.get_by_role("searchbox", name="Filter the pictures to curate")
    box.fill("tag:solo AND name:plain*")
    expect(status(tab)).to_have_text("4 of 9 pictures")
    box.fill("tag:(")
    expect(tab.locator("#lb-curating-wrong")).to_be_visible()
    box.fill("")
    expect(status(tab)).to_have_text("9 pictures")
    order = tab.get_by_role("combobox", name="Order of the gallery")
    order.select_option("Most blurred first")
    expect(tab.locator('#lb-curating .lb-cell[data-index="0"]')).to_have_attribute(
        "title", re.compile("blurred")
    )
    order.select_option("By folder")
    limits = tab.get_by_role("button", name="Limits", exact=True)
    limits.click()
    sharpest = tab.get_by_role("slider", name="Width of edges (blur), at least")
    sharpest.fill("990")
    expect(status(tab)).to_have_text("1 of 9 pictures")
    tab.get_by_role("button", name="No limits").click()
    expect(status(tab)).to_have_text("9 pictures")
    limits.click()


def test_what_is_missing_is_counted(tab: Tab) -> None:
    missing = tab.locator("#lb-curating .lb-missing")
    expect(missing.locator("summary")).to_contain_text("from behind (0 of 2)")
    expect(missing.locator("summary")).not_to_contain_text("from side")
    missing.locator("summary").click()
    expect(missing.get_by_role("meter", name="from side")).to_have_attribute("aria-valuenow", "2")
    expect(missing).to_contain_text("There is no picture from behind")
    expect(missing).to_contain_text("no tags and cannot be counted")
    missing.locator("summary").click()


def test_keys_keep_bin_and_star_and_undo_brings_all_back(tab: Tab, project: Project) -> None:
    """bars is kept, blurred goes, grey gets a star; three undos later all is as it was."""
    folder = project.dataset_dir / "2_kafka"
    sha = {name: sha256_of(folder / f"{name}.png") for name in ("bars", "grey")}
    expect(chosen(tab)).to_have_text("bars.png")
    tab.keyboard.press("k")
    expect(chosen(tab)).to_have_text("blurred.png")
    tab.keyboard.press("x")
    expect(chosen(tab)).to_have_text("grey.png")
    tab.keyboard.press("s")
    expect(news(tab)).to_contain_text("grey.png starred")
    expect(chip(tab, "Kept")).to_contain_text("1")
    expect(chip(tab, "Starred")).to_contain_text("1")
    expect(status(tab)).to_have_text("8 pictures")
    assert read_marks(project.dataset_dir, "kept") == {sha["bars"]: 1}
    assert read_marks(project.dataset_dir, "stars") == {sha["grey"]: 1}
    assert "blurred" not in pictures(project)
    tab.reload()
    tab.locator("#lb-curating .lb-cell").first.wait_for()
    expect(chip(tab, "Starred")).to_contain_text("1")
    for left in ("Star grey.png", "Move blurred.png to the bin", "Keep bars.png"):
        undo(tab)
        expect(news(tab)).to_contain_text(left)
    assert pictures(project) == NAMES
    assert not read_marks(project.dataset_dir, "kept")
    expect(status(tab)).to_have_text("9 pictures")
    expect(chip(tab, "Kept")).to_have_count(0)


def test_several_at_once_are_one_step(tab: Tab, project: Project) -> None:
    choose(tab, "plain1")
    for _ in range(3):
        tab.keyboard.press("Shift+ArrowRight")
    expect(status(tab)).to_contain_text("4 selected")
    tab.get_by_role("button", name="Move 4 to the bin").click()
    expect(news(tab)).to_contain_text("4 pictures moved to the bin")
    expect(status(tab)).to_have_text("5 pictures")
    until(tab, lambda: "plain1" not in pictures(project))
    assert not (project.dataset_dir / "2_kafka" / "plain1.txt").exists()
    news(tab).get_by_role("button", name="Undo").click()
    expect(status(tab)).to_have_text("9 pictures")
    assert pictures(project) == NAMES
    assert (project.dataset_dir / "2_kafka" / "plain1.txt").exists()


# --- cutting -----------------------------------------------------------------------------------------


def test_several_views_are_cut_apart_with_their_tags(tab: Tab, project: Project) -> None:
    folder = project.dataset_dir / "2_kafka"
    choose(tab, "views")
    tab.get_by_role("button", name="Cut the views apart").click()
    expect(tab.locator(".lb-boxes li")).to_have_count(3)
    tab.get_by_role("button", name="Cut out 3 pictures").click()
    expect(news(tab)).to_contain_text("3 pictures cut out of views.png")
    expect(status(tab)).to_have_text("11 pictures")
    cuts = sorted(set(pictures(project)) - set(NAMES) | {"views"})
    assert len(cuts) == 3
    for name in cuts:
        assert Image.open(folder / f"{name}.png").width < 200
        assert (folder / f"{name}.txt").read_text(encoding="utf-8").strip() == "kafka"
    undo(tab)
    expect(status(tab)).to_have_text("9 pictures")
    assert Image.open(folder / "views.png").size == (600, 300)
    assert (folder / "views.txt").read_text(encoding="utf-8") == "kafka, multiple views"


def test_a_box_is_drawn_snapped_nudged_turned_and_kept(tab: Tab, project: Project) -> None:
    choose(tab, "plain2")
    tab.keyboard.press("c")
    shape = tab.get_by_role("combobox", name="Shape of the boxes")
    expect(shape.locator("option")).not_to_have_count(0)
    shape.select_option("Free")
    drag(tab, (40, 20), (140, 180))
    row = tab.locator(".lb-boxes li")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("trained at")
    first = _size(row)
    assert abs(first[0] - 100) <= 3
    assert abs(first[1] - 160) <= 3
    stage(tab).focus()
    tab.keyboard.press("Alt+Shift+ArrowRight")
    assert _size(row) == (first[0] + 10, first[1])
    tab.keyboard.press("r")
    expect(row).to_contain_text(f"{first[1]} × {first[0] + 10} px")
    tab.keyboard.press("r")
    shape.select_option(index=2)  # the squarest of the recipe
    until(tab, lambda: len(set(_size(row))) == 1)
    expect(chip(tab, "With boxes")).to_contain_text("2")  # an undone cut keeps its boxes
    kept = tab.get_by_role("checkbox", name="Leave the original in the folder, too")
    kept.check()
    tab.get_by_role("button", name="Cut out 1 picture").click()
    expect(status(tab)).to_have_text("10 pictures")
    [cut] = set(pictures(project)) - set(NAMES)
    wide, high = Image.open(project.dataset_dir / "2_kafka" / f"{cut}.png").size
    assert wide == high
    undo(tab)
    expect(status(tab)).to_have_text("9 pictures")
    choose(tab, "plain2")
    tab.keyboard.press("c")  # the list of boxes is still there
    expect(row).to_have_count(1)
    kept.uncheck()
    stage(tab).focus()
    tab.keyboard.press("Delete")
    expect(row).to_have_count(0)
    expect(chip(tab, "With boxes")).to_contain_text("1")
    assert pictures(project) == NAMES  # Del took the box, not the picture


def _size(row: Locator) -> tuple[int, int]:
    found = re.search(r"(\d+) × (\d+) px", row.locator("span").first.inner_text())
    assert found is not None
    return int(found[1]), int(found[2])


# --- painting over -----------------------------------------------------------------------------------


def test_a_signature_is_painted_over_after_it_was_looked_at(tab: Tab, project: Project) -> None:
    path = project.dataset_dir / "2_kafka" / "signed.png"
    before = pixels(path)
    choose(tab, "signed")
    tab.get_by_role("button", name="Paint it over").click()
    tab.get_by_role("group", name="Mark with").get_by_role("button", name="Box").click()
    drag(tab, (SIGNATURE[0] - 3, SIGNATURE[1] - 3), (SIGNATURE[2] + 3, SIGNATURE[3] + 3))
    after = tab.locator("#lb-curating .lb-stage-after")
    expect(after).to_be_visible()
    tab.wait_for_function("document.querySelector('.lb-stage-after').naturalWidth > 0")
    expect(tab.get_by_role("slider", name="How much of the result is shown")).to_be_visible()
    assert (pixels(path) == before).all()  # only looked at
    tab.get_by_role("button", name="Paint it over").click()
    expect(news(tab)).to_contain_text("Painted over signed.png")
    now = pixels(path)
    left, top, right, bottom = SIGNATURE
    assert abs(now[top:bottom, left:right] - (200, 220, 222)).max() < 12  # the background
    assert (now[:200] == before[:200]).all()
    undo(tab)
    until(tab, lambda: (pixels(path) == before).all())


def test_zooming_keeps_what_is_under_the_pointer(tab: Tab) -> None:
    choose(tab, "plain3")
    percent = tab.locator("#lb-curating .lb-stage-percent")
    fitted = percent.inner_text()
    tab.keyboard.press("1")
    expect(percent).to_have_text("100 %")
    tab.keyboard.press("+")
    expect(percent).to_have_text("125 %")
    tab.keyboard.press("0")
    expect(percent).to_have_text(fitted)
