"""A project as a download leaves it: some pictures twice, one with several views, one signed."""

from __future__ import annotations

import re

from PIL import Image, ImageDraw, ImageEnhance, ImageOps
from playwright.sync_api import Page as Tab

from lorabake.core.workspace import Workspace
from lorabake.practice import SAMPLE_DIR

NAME = "downloaded"


def make_twins(workspace: Workspace) -> None:
    """Of the sample's pictures at 512 px, for a recipe of 512 px; unless it is there."""
    if NAME in workspace.projects():
        return
    project = workspace.create_project(NAME)
    folder = project.dataset_dir / "1_ohwx"
    folder.mkdir(parents=True)
    pictures = []
    for path in sorted((SAMPLE_DIR / "5_ohwx").glob("*.png"))[:16]:
        picture = Image.open(path).convert("RGB").resize((512, 512), Image.Resampling.LANCZOS)
        picture.save(folder / path.name)
        (folder / path.name).with_suffix(".txt").write_bytes(path.with_suffix(".txt").read_bytes())
        pictures.append(picture)
    pictures[2].save(folder / "repost.jpg", quality=55)
    pictures[2].resize((300, 300)).save(folder / "preview.png")
    ImageOps.mirror(pictures[5]).save(folder / "flipped.png")
    ImageEnhance.Color(pictures[7]).enhance(0).save(folder / "grey.png")
    pictures[9].crop((20, 20, 492, 500)).save(folder / "cut.png")
    views = Image.new("RGB", (1200, 512), "white")
    for number, at in ((1, 0), (4, 400), (8, 800)):
        figure = pictures[number].crop((90, 100, 420, 512))
        views.paste(figure, (at + 35, 60))
    views.save(folder / "views.png")
    (folder / "views.txt").write_text("ohwx, multiple views", encoding="utf-8")
    signed = pictures[11].copy()
    ImageDraw.Draw(signed).text((400, 480), "a program", fill=(40, 40, 40))
    signed.save(folder / "signed.png")
    (folder / "signed.txt").write_text("ohwx, signature", encoding="utf-8")
    changes = {"general.resolution": 512, "bucket.max_bucket_reso": 1024}
    project.write_settings({"preset": "practice", "changes": changes})


def _open(tab: Tab, section: str) -> None:
    tab.evaluate(f"localStorage.setItem('lorabake:project', JSON.stringify('{NAME}'))")
    tab.reload()
    tab.locator(f"#sec-{section} > button.label-wrap.open").wait_for()


def find_twins(tab: Tab) -> None:
    """Scan, and lay a recompressed copy beside the picture that is kept."""
    _open(tab, "duplicates")
    panel = tab.locator("#lb-duplicates")
    panel.get_by_role("button", name=re.compile("Find duplicates|Scan again")).click()
    lines = panel.locator(".lb-dup-list [role=option]")
    lines.filter(has_text="repost.jpg").click()
    panel.get_by_role("button", name="Keep this one").first.wait_for()


def cut_views(tab: Tab) -> None:
    """Choose the picture with several views, and have boxes proposed."""
    _open(tab, "curating")
    tab.get_by_role("listbox", name="Pictures to curate").focus()
    tab.keyboard.press("End")
    tab.locator("#lb-curating .lb-name b", has_text="views.png").wait_for()
    tab.get_by_role("button", name="Cut the views apart").click()
    tab.locator(".lb-boxes li").nth(2).wait_for()
