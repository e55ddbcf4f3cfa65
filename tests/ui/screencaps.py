"""A project of pictures as an old recording would have them: some small, some grey, some blurred."""

from __future__ import annotations

from PIL import Image, ImageFilter
from playwright.sync_api import Page as Tab

from lorabake.core.workspace import Workspace
from lorabake.practice import SAMPLE_DIR

NAME = "screencaps"
BLURRED = (1, 9)


def make_screencaps(workspace: Workspace) -> None:
    """Of the sample's pictures, for a recipe of 256 px; unless it is there."""
    if NAME in workspace.projects():
        return
    project = workspace.create_project(NAME)
    folder = project.dataset_dir / "1_ohwx"
    folder.mkdir(parents=True)
    for number, path in enumerate(sorted((SAMPLE_DIR / "5_ohwx").glob("*.png"))[:16]):
        picture = Image.open(path).convert("RGB")
        if number < 8:  # limited range, as of a recording
            picture = picture.point([round(40 + 0.62 * value) for value in range(256)] * 3)
        if number in BLURRED:
            picture = picture.filter(ImageFilter.GaussianBlur(3))
        elif number % 4 < 3:
            picture = picture.resize((150 + 6 * number, 150 + 6 * number), Image.Resampling.BOX)
        picture.save(folder / path.name)
    changes = {"general.resolution": 256, "bucket.max_bucket_reso": 512}
    project.write_settings({"preset": "practice", "changes": changes})


def mend_screencaps(tab: Tab) -> None:
    """Show that project with another contrast, and one of its pictures close up."""
    tab.evaluate(f"localStorage.setItem('lorabake:project', JSON.stringify('{NAME}'))")
    tab.reload()
    tab.locator("#sec-improving > button.label-wrap.open").wait_for()
    panel = tab.locator("#lb-improving")
    panel.locator(".lb-imp-sum", has_text="2 blurred").wait_for()
    panel.get_by_label("Change the contrast").check()
    panel.locator(".lb-cell").nth(2).click()
    panel.get_by_role("button", name="Close up").click()
    panel.locator(".lb-gen-sum", has_text="another contrast").wait_for()
    panel.locator(".lb-imp-head b", has_text="03.png").wait_for()
    panel.locator(".lb-imp-cover").wait_for(state="hidden")
    tab.wait_for_timeout(500)  # the curve of the scene
