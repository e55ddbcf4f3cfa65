"""The road from bare pictures to finished captions, in one sitting and in a real browser.

The tagger writes, the batch tidies up, the editor corrects; after each stage the bytes on disk are
compared with what they must be.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="playwright is not installed") if not os.environ.get(
    "LORABAKE_REQUIRE_BROWSER"
) else None

from playwright.sync_api import Browser, expect  # noqa: E402  (after the reason to skip)
from playwright.sync_api import Page as Tab  # noqa: E402

from lorabake.core.files import sha256_of  # noqa: E402
from lorabake.core.workspace import Project, Workspace  # noqa: E402
from lorabake.practice import SAMPLE_DIR  # noqa: E402
from tests.ui.browsing import BAKE, open_section, visit, watched  # noqa: E402
from tests.ui.conftest import running_page  # noqa: E402
from tests.ui.inspecting import add_box, chips, read, until  # noqa: E402

pytestmark = pytest.mark.browser


def bare_sample(root: Path) -> Project:
    """The sample's pictures as a download leaves them: odd names, no captions."""
    project = Workspace.open(root).create_sample_project(SAMPLE_DIR)
    for number, picture in enumerate(sorted(project.dataset_dir.rglob("*.png")), 1):
        picture.with_suffix(".txt").unlink()
        picture.rename(picture.with_name(f"Pixiv {number * 7} (p{number % 3}).png"))
    return project


def captions(project: Project) -> dict[str, bytes]:
    return {path.stem: path.read_bytes() for path in project.dataset_dir.rglob("*.txt")}


def tags(text: bytes) -> list[str]:
    return text.decode("utf-8").split(", ")


def pictures(project: Project) -> dict[str, str]:
    """Name → digest of what is in it."""
    return {path.name: sha256_of(path) for path in project.dataset_dir.rglob("*.png")}


def test_from_bare_pictures_to_finished_captions(browser: Browser, tmp_path: Path) -> None:
    root = tmp_path / "workspace"
    project = bare_sample(root)
    with running_page(root) as page, watched(browser) as (context, _):
        tab = visit(context, page.address)
        generated = generate(tab, project)
        processed = process(tab, project, generated)
        edited = edit(tab, project, processed)
        answered = answer(tab, project, edited)
        rename(tab, project, answered)


def generate(tab: Tab, project: Project) -> dict[str, bytes]:
    """The practice tagger looks once; the threshold moves without another run; captions are written."""
    open_section(tab, "tagging")
    panel = tab.locator("#lb-tagging")
    expect(panel.get_by_role("radio", name="Practice tagger")).to_be_checked()
    panel.get_by_role("button", name="Look first").click()
    told = panel.locator(".lb-gen-sum")
    expect(told).to_contain_text("into 24 captions", timeout=BAKE)
    runs = sorted(project.root.glob("jobs/*"))
    at_guides = told.inner_text()
    slider = panel.get_by_role("slider", name="Threshold", exact=True)
    slider.focus()
    for _ in range(6):
        tab.keyboard.press("PageUp")
    expect(told).not_to_have_text(at_guides)
    assert count_in(told.inner_text()) < count_in(at_guides)
    for _ in range(6):
        tab.keyboard.press("PageDown")
    expect(told).to_have_text(at_guides)
    assert sorted(project.root.glob("jobs/*")) == runs
    assert captions(project) == {}, "looking writes nothing"
    panel.get_by_role("button", name="Write tags into 24 captions").click()
    expect(panel.locator(".lb-gen-do .lb-tone-ok")).to_contain_text("into 24 captions.")
    written = captions(project)
    assert len(written) == 24
    assert sum(len(tags(text)) for text in written.values()) == count_in(at_guides)
    for text in written.values():
        assert {"1girl", "solo", "striped scarf"} <= set(tags(text))
    return written


def count_in(sentence: str) -> int:
    found = re.search(r"[\d,]+(?= tags)", sentence)
    assert found, sentence
    return int(found[0].replace(",", ""))


def process(tab: Tab, project: Project, before: dict[str, bytes]) -> dict[str, bytes]:
    """A trigger in front and a tag less: seen, done, undone byte for byte, and done again."""
    open_section(tab, "processing")
    panel = tab.locator("#lb-processing")
    panel.get_by_label("Tags to add", exact=True).fill("ohwx")
    panel.get_by_label("Tags to remove", exact=True).fill("striped scarf")
    tab.keyboard.press("Tab")
    expect(tab.locator(".lb-process-summary")).to_have_text("24 of 24 captions would change.")
    first = tab.locator(".lb-diff-row").first
    expect(first.locator(".lb-tag-added")).to_contain_text("ohwx")
    expect(first.locator(".lb-tag-removed s")).to_have_text("striped scarf")
    assert captions(project) == before, "looking writes nothing"
    tab.locator("#lb-process-apply").click()
    done = tab.locator(".lb-process-done")
    expect(done).to_contain_text("Changed 24 captions.")
    wanted = {
        stem: ", ".join(["ohwx", *(tag for tag in tags(text) if tag != "striped scarf")]).encode()
        for stem, text in before.items()
    }
    assert captions(project) == wanted
    tab.locator("#lb-process-undo").click()
    expect(done).to_contain_text("Undone")
    assert captions(project) == before
    tab.locator("#lb-process-redo").click()
    expect(done).to_contain_text("Done again")
    assert captions(project) == wanted
    return wanted


def edit(tab: Tab, project: Project, before: dict[str, bytes]) -> dict[str, bytes]:
    """One caption by keyboard: to the gallery, to a picture, a tag by completion, one deleted."""
    open_section(tab, "editor")
    tab.locator("#lb-editor .lb-cell").first.wait_for()
    tab.keyboard.press("g")
    tab.keyboard.press("Home")
    tab.keyboard.press("ArrowRight")
    read(tab)
    stem = tab.locator("#lb-editor .lb-name b").inner_text().removesuffix(".png")
    assert chips(tab) == tags(before[stem])
    tab.keyboard.press("a")
    expect(add_box(tab)).to_be_focused()
    tab.keyboard.type("multicolored h")
    tab.locator(".lb-completion-row").first.wait_for()
    assert "multicolored hair" in tags(before[stem])
    tab.keyboard.press("Escape")
    tab.keyboard.press("Control+a")
    tab.keyboard.type("cat e")  # of the list: no caption has it
    row = tab.locator(".lb-completion-row").first
    expect(row).to_contain_text("cat ears")
    taken = row.locator(".lb-completion-tag").inner_text()
    tab.keyboard.press("Tab")
    wanted = {**before, stem: b", ".join([before[stem], taken.encode()])}
    until(tab, lambda: captions(project) == wanted)
    return wanted


def answer(tab: Tab, project: Project, before: dict[str, bytes]) -> dict[str, bytes]:
    """The yes/no sheet: no for the first two pictures that have the tag, yes for the third."""
    tab.locator("#lb-editor .lb-tag-name", has_text="blush").first.or_(
        tab.locator("#lb-editor .lb-tag-name", has_text="solo").first
    ).first.click()
    tab.keyboard.press("y")
    sheet = tab.locator("dialog.lb-sheet")
    expect(sheet.locator(".lb-sheet-counts")).to_contain_text("yes")
    tag = sheet.get_by_label("The tag to look through").input_value()
    has = [stem for stem in ordered(before) if tag in tags(before[stem])]
    expect(sheet.locator(".lb-sheet-counts")).to_have_text(f"{len(has)} yes · {24 - len(has)} no")
    first, second, third = ordered(before)[:3]
    for key in ("n", "n", "y"):
        tab.keyboard.press(key)
    expect(sheet.locator(".lb-save")).to_contain_text("✓ Saved")
    wanted = dict(before)
    for stem in (first, second):
        wanted[stem] = ", ".join(one for one in tags(before[stem]) if one != tag).encode()
    if tag not in tags(before[third]):
        wanted[third] = before[third] + f", {tag}".encode()
    until(tab, lambda: captions(project) == wanted)
    tab.keyboard.press("Escape")
    expect(sheet).not_to_be_visible()
    return wanted


def rename(tab: Tab, project: Project, before: dict[str, bytes]) -> None:
    """Pictures and captions in ascending order: every caption stays with its picture; then undone."""
    was = pictures(project)
    open_section(tab, "processing")
    panel = tab.locator("#lb-processing")
    for label in ("Tags to add", "Tags to remove"):
        panel.get_by_label(label, exact=True).fill("")
    panel.get_by_role("checkbox", name="Rename images and captions in ascending order").check()
    apply = tab.locator("#lb-process-apply")
    expect(apply).to_have_text("Rename 24 pictures")
    apply.click()
    expect(tab.locator(".lb-process-done")).to_contain_text("24 pictures")
    now = pictures(project)
    assert sorted(now) == [f"{number:02d}.png" for number in range(1, 25)]
    by_digest = {digest: Path(name).stem for name, digest in was.items()}
    assert captions(project) == {
        Path(name).stem: before[by_digest[digest]] for name, digest in now.items()
    }
    assert [by_digest[now[name]] for name in sorted(now)] == ordered(before)
    tab.locator("#lb-process-undo").click()
    expect(tab.locator(".lb-process-done")).to_contain_text("Undone")
    assert pictures(project) == was
    assert captions(project) == before


def ordered(stems: dict[str, bytes]) -> list[str]:
    """As a person counts: "Pixiv 7" before "Pixiv 14"."""
    return sorted(stems, key=lambda stem: int(stem.split()[1]))
