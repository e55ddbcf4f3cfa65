"""From a search to a clean folder, in one sitting and in a real browser.

The Grabber downloads, dupeGuru finds what was planted, Curating crops, Improving the quality
enlarges; after each stage the files on disk are compared, and in the end all of it is undone.
"""

from __future__ import annotations

import io
import os
import re
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="playwright is not installed") if not os.environ.get(
    "LORABAKE_REQUIRE_BROWSER"
) else None

from PIL import Image, ImageOps  # noqa: E402  (after the reason to skip)
from playwright.sync_api import Browser, expect  # noqa: E402
from playwright.sync_api import Page as Tab  # noqa: E402

from lorabake.core.workspace import Project, Workspace  # noqa: E402
from tests.collect.board import Entry  # noqa: E402
from tests.enhance.models import drawing, save_pth, tiny_esrgan  # noqa: E402
from tests.ui.browsing import BAKE, open_section, visit, watched  # noqa: E402
from tests.ui.conftest import running_page  # noqa: E402
from tests.ui.grabbing import drawn_boards, environment  # noqa: E402

pytestmark = pytest.mark.browser

TAGS = ("solo", "long_hair")
RECOMPRESSED, MIRRORED = 7, 8  # posts that were planted: of 2 and of 3
SMALL = 6


def encoded(picture: Image.Image, form: str = "PNG", **options: int) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def posts() -> list[Entry]:
    """Six drawings, of which one is small; one of them again as a poor JPEG, one mirrored."""
    pictures = {n: Image.fromarray(drawing(280, 300, seed=20 + n)) for n in range(1, 6)}
    pictures[SMALL] = Image.fromarray(drawing(120, 128, seed=29))
    contents = {n: (encoded(picture), "png") for n, picture in pictures.items()}
    contents[RECOMPRESSED] = (encoded(pictures[2], "JPEG", quality=60), "jpg")
    contents[MIRRORED] = (encoded(ImageOps.mirror(pictures[3].resize((210, 225)))), "png")
    return [
        Entry(
            n,
            {"general": (*TAGS, f"pose_{n}"), "character": ("kafka",)},
            size=Image.open(io.BytesIO(content)).size,
            extension=extension,
            content=content,
        )
        for n, (content, extension) in contents.items()
    ]


def files(project: Project) -> dict[str, bytes]:
    folder = project.dataset_dir / "2_kafka"
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.*"))}


def pictures(project: Project) -> set[str]:
    return {name for name in files(project) if not name.endswith(".txt")}


def test_from_a_search_to_a_clean_folder(browser: Browser, tmp_path: Path) -> None:
    workspace = Workspace.open(tmp_path / "workspace")
    project = workspace.create_project("kafka")
    changes = {"general.resolution": 256, "bucket.max_bucket_reso": 512}
    project.write_settings({"preset": "practice", "changes": changes})
    with (
        drawn_boards(posts()) as boards,
        running_page(workspace.root, **environment(boards, tmp_path / "config")) as page,
        watched(browser) as (context, _),
    ):
        tab = visit(context, page.address)
        downloaded = grab(tab, project)
        without_twins(tab, project)
        crop(tab, project)
        improve(tab, project, save_pth(tiny_esrgan(2), tmp_path / "2x-Tiny.pth"))
        undo_all(tab, project, downloaded)


def grab(tab: Tab, project: Project) -> dict[str, bytes]:
    open_section(tab, "grabber")
    panel = tab.locator("#lb-grabber")
    panel.get_by_role("checkbox", name="Gelbooru", exact=True).uncheck()
    panel.get_by_role("checkbox", name="Danbooru", exact=True).check()
    tab.locator("#lb-grab-query").fill("solo kafka")
    tab.keyboard.press("Enter")
    expect(panel.locator(".lb-grab-count")).to_have_text("8 results")
    tab.locator("#lb-grab-folder").fill("kafka")
    tab.locator("#lb-grab-repeats").fill("2")
    tab.locator("#lb-grab-all").click()
    expect(panel.locator(".lb-grab-job").first).to_contain_text("Saved 8 pictures", timeout=BAKE)
    found = files(project)
    assert len(found) == 16, "a caption beside each picture"
    caption = found[f"danbooru_{MIRRORED}.txt"].decode()
    assert caption == f"solo, kafka, long hair, pose {MIRRORED}\n"
    return found


def without_twins(tab: Tab, project: Project) -> None:
    """Both that were planted are found, and the originals are kept, with the tags of both."""
    open_section(tab, "duplicates")
    panel = tab.locator("#lb-duplicates")
    panel.get_by_role("button", name="Find duplicates").click()
    expect(panel.get_by_role("radio", name="Duplicates · 2 groups")).to_be_visible(timeout=BAKE)
    lines = panel.locator(".lb-dup-list [role=option]")
    expect(lines).to_have_count(4)
    expect(lines.filter(has_text="Recompressed")).to_contain_text(f"danbooru_{RECOMPRESSED}.jpg")
    expect(lines.filter(has_text="Mirrored")).to_contain_text(f"danbooru_{MIRRORED}.png")
    slider = panel.get_by_role("slider", name="Filter hardness")
    slider.fill("100")  # nothing is that alike; and back, without another scan
    expect(panel.locator(".lb-dup-none")).to_contain_text("No duplicates at this hardness")
    slider.fill("95")
    expect(lines).to_have_count(4)
    panel.get_by_label("Add the tags of what goes").check()
    panel.get_by_role("button", name="Move 2 to the bin").click()
    expect(panel.locator(".lb-dup-do .lb-tone-ok")).to_contain_text("2 pictures moved to the bin.")
    assert pictures(project) == {f"danbooru_{n}.png" for n in range(1, 7)}
    merged = files(project)["danbooru_3.txt"].decode()
    assert {"pose 3", f"pose {MIRRORED}"} <= set(merged.strip().split(", "))


def crop(tab: Tab, project: Project) -> None:
    """A box is drawn by mouse; what it holds takes the place of the picture, with its tags."""
    open_section(tab, "curating")
    panel = tab.locator("#lb-curating")
    panel.locator('.lb-cell[title^="danbooru_1.png"]').click()
    expect(panel.locator(".lb-name b")).to_have_text("danbooru_1.png")
    tab.keyboard.press("c")
    tab.get_by_role("combobox", name="Shape of the boxes").select_option("Free")
    picture = panel.locator(".lb-stage-picture")
    panel.locator(".lb-stage").scroll_into_view_if_needed()
    box = picture.bounding_box()
    assert box is not None
    tab.mouse.move(box["x"] + 0.1 * box["width"], box["y"] + 0.1 * box["height"])
    tab.mouse.down()
    tab.mouse.move(box["x"] + 0.9 * box["width"], box["y"] + 0.9 * box["height"], steps=5)
    tab.mouse.up()
    expect(tab.locator(".lb-boxes li")).to_have_count(1)
    tab.get_by_role("button", name="Cut out 1 picture").click()
    expect(panel.locator(".lb-curate-news")).to_contain_text("cut out of danbooru_1.png")
    assert len(pictures(project)) == 6
    [cut] = [name for name in pictures(project) if width(project, name) == 224]
    caption = files(project)[f"{Path(cut).stem}.txt"].decode()
    assert {"solo", "kafka", "pose 1"} <= set(caption.strip().split(", "))


def width(project: Project, name: str) -> int:
    """px, to the nearest 4: a mouse points no finer."""
    with Image.open(project.dataset_dir / "2_kafka" / name) as picture:
        return round(picture.width / 4) * 4


def improve(tab: Tab, project: Project, model: Path) -> None:
    """Only what is too small is chosen, and goes through spandrel."""
    open_section(tab, "improving")
    panel = tab.locator("#lb-improving")
    panel.get_by_label("Model files").set_input_files(model)
    expect(panel.get_by_label("Upscaler")).to_have_value("2x-Tiny.pth")
    button = panel.get_by_role("button", name=re.compile(r"^Improve \d+ picture"))
    expect(button).to_be_enabled()
    before = files(project)
    button.click()
    expect(panel.locator(".lb-imp-do .lb-tone-ok")).to_contain_text("Improved", timeout=BAKE)
    small = f"danbooru_{SMALL}.png"
    with Image.open(project.dataset_dir / "2_kafka" / small) as picture:
        assert min(picture.size) > 192
    assert files(project)["danbooru_2.png"] == before["danbooru_2.png"], "large and sharp enough"


def undo_all(tab: Tab, project: Project, downloaded: dict[str, bytes]) -> None:
    """Step by step to the bytes that were downloaded: what was deleted is back."""
    open_section(tab, "duplicates")
    panel = tab.locator("#lb-duplicates")
    news = panel.locator(".lb-dup-do .lb-tone-ok")
    steps = 0
    while files(project) != downloaded and steps < 8:
        steps += 1
        before = news.inner_text() if news.count() else ""
        panel.get_by_role("button", name="↶ Undo").click()
        expect(news).not_to_have_text(before)
        expect(news).to_contain_text("Undone")
    assert files(project) == downloaded
    expect(panel.get_by_text("8 pictures", exact=True)).to_be_visible()
    assert steps >= 3
