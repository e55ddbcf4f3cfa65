"""Pictures of the running page:
python -m tests.ui.screenshots [--workspace DIR] [--into DIR] [--all | --scene ready]

Without a workspace the sample project is opened, baked, rendered and measured in a temporary one first.
`--all` adds every section at three widths in both themes, to look at; the others are for the README.
`--scene ready` takes the picture of the grid alone.
"""

from __future__ import annotations

import argparse
import io
import shutil
import tempfile
import time
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser
from playwright.sync_api import Page as Tab

from lorabake.core import jobs
from lorabake.core.workspace import Workspace
from lorabake.grid.job import GridRequest, prepare_grid
from lorabake.grid.verdict.sitting import measure_here
from lorabake.practice import SAMPLE_DIR
from lorabake.recipe.presets import compose
from lorabake.train.prepare import prepare_run
from lorabake.ui.place import Place
from tests.ui import four_outfits
from tests.ui.browsing import chromium, open_section, visit
from tests.ui.conftest import ROOT, Page, running_page
from tests.ui.grabbing import QUERY, drawn_boards, environment
from tests.ui.screencaps import make_screencaps, mend_screencaps
from tests.ui.twins import cut_views, find_twins, make_twins
from tests.ui.wardrobe import make_wardrobe, suggest_groups

SECTIONS = (
    "project",
    "grabber",
    "duplicates",
    "curating",
    "improving",
    "tagging",
    "processing",
    "editor",
    "concepts",
    "oven",
    "baking",
    "ready",
)
WIDTHS = {390: 844, 1280: 900, 2560: 1440}
# The project with the bake; scenes that are about another one choose it.
REMEMBER = """try { localStorage.getItem("lorabake:project")
  || localStorage.setItem("lorabake:project", '"practice"'); } catch { /* a page of its own */ }"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--workspace", type=Path)
    parser.add_argument("--into", type=Path, default=ROOT / "docs" / "screenshots")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--scene", choices=("ready",))
    options = parser.parse_args()
    options.into.mkdir(parents=True, exist_ok=True)
    browser_path = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), "")
    with tempfile.TemporaryDirectory() as folder:
        root = options.workspace or Path(folder) / "workspace"
        bake_sample(Workspace.open(root))
        if not options.scene:
            make_screencaps(Workspace.open(root))
            make_twins(Workspace.open(root))
            make_wardrobe(Workspace.open(root))
            four_outfits.make_outfits(Workspace.open(root))
        with (
            drawn_boards() as boards,
            running_page(root, **environment(boards, Path(folder) / "config")) as page,
            chromium(browser_path) as browser,
        ):
            if options.scene:
                shoot_ready(browser, page, options.into)
            elif options.all:
                shoot_all(browser, page, options.into)
            else:
                shoot_readme(browser, page, options.into)


def bake_sample(workspace: Workspace) -> None:
    """The sample project with one bake and one measured grid, unless they are there."""
    project = workspace.create_sample_project(SAMPLE_DIR)
    if project.runs():
        return
    dataset = Place(workspace).dataset(project)
    run = project.create_run("practice")
    prompts = [image.caption.text for image in dataset.images[:12:3]]
    recipe = compose(
        "practice",
        (),
        {
            "validation.validation_split": 0.1,
            "sample.sample_every_n_epochs": 2,
            "sample.sample_prompts": "\n".join(f"{prompt} --d 7 --s 12" for prompt in prompts),
        },
    )
    prepare_run(workspace, run.folder, dataset, recipe, name=run.name)
    _finish(workspace, jobs.enqueue(workspace, "train", run.folder, run.name).place)
    prompt = dataset.images[0].caption.text
    folder = prepare_grid(run, GridRequest(prompt=prompt, epochs="2-10 (+2)"))
    _finish(workspace, jobs.enqueue(workspace, "grid", folder, "grid").place)
    measure_here(folder, workspace, tell=print)


def _finish(workspace: Workspace, place: str) -> None:
    while not jobs.job(workspace, place).status.is_over:
        jobs.ensure_runner(workspace)
        time.sleep(1)
    assert jobs.job(workspace, place).status.state == "finished"


def shoot_readme(browser: Browser, page: Page, into: Path) -> None:
    """The bake and its grid side by side, one in each theme; and the two sections before them."""
    left = _tab(browser, page, 860, 1000, "light")
    _show(left, "baking")
    _to_top(left, "#sec-baking")
    right = _tab(browser, page, 860, 1000, "dark")
    _show(right, "ready")
    _to_top(right, "#lb-ready .lb-grid-frame")
    right.wait_for_function(LOADED)
    both = Image.new("RGB", (860 * 2 + 16, 1000), "white")
    for number, tab in enumerate((left, right)):
        both.paste(Image.open(io.BytesIO(tab.screenshot())), (number * (860 + 16), 0))
    _save(both, into / "first-bake.png")
    for section in SECTIONS[:-2]:
        tab = _tab(browser, page, 1280, 1000, "light")
        _show(tab, section)
        _save(Image.open(io.BytesIO(tab.screenshot())), into / f"{section}.png")
    shoot_calculator(browser, page, into)
    shoot_ready(browser, page, into)


def shoot_ready(browser: Browser, page: Page, into: Path) -> None:
    """The grid with what was measured, from its heading on."""
    tab = _tab(browser, page, 1280, 1000, "light")
    _show(tab, "ready")
    _to_top(tab, "#lb-ready .lb-board")
    tab.wait_for_function(LOADED)
    _save(Image.open(io.BytesIO(tab.screenshot())), into / "ready.png")


def shoot_calculator(browser: Browser, page: Page, into: Path) -> None:
    """The guide's four outfits, with other numbers tried."""
    tab = _tab(browser, page, 1280, 1200, "light")
    open_section(tab, "oven")
    four_outfits.try_epochs(tab)
    calculator = tab.locator("#lb-plan .lb-calculator")
    _to_top(tab, "#lb-plan .lb-calculator")
    tab.wait_for_timeout(200)  # the sticky bar finds its place
    box = calculator.bounding_box()
    assert box is not None
    clip = {"x": box["x"] - 16, "y": box["y"]} | {
        "width": box["width"] + 32,
        "height": box["height"] + 12,
    }
    picture = tab.screenshot(clip=clip)
    _save(Image.open(io.BytesIO(picture)), into / "calculator.png")


def _to_top(tab: Tab, place: str) -> None:
    """Scroll until it begins a little below the window's upper edge."""
    tab.locator(place).first.evaluate(
        "node => window.scrollTo(0, node.getBoundingClientRect().top + scrollY - 20)"
    )


def _save(picture: Image.Image, path: Path) -> None:
    """With 256 colours, which a page like ours can live with: a third of the size."""
    picture.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)


def shoot_all(browser: Browser, page: Page, into: Path) -> None:
    for width, height in WIDTHS.items():
        for scheme in ("light", "dark"):
            tab = _tab(browser, page, width, height, scheme)
            for section in SECTIONS:
                _show(tab, section)
                tab.screenshot(path=into / f"{section}-{width}-{scheme}.png", full_page=True)
            tab.context.close()


def _tab(browser: Browser, page: Page, width: int, height: int, scheme: str) -> Tab:
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce",
    )
    context.add_init_script(REMEMBER)
    return visit(context, page.address)


READY = {
    "duplicates": "#lb-dup-find",
    "curating": "#lb-curating .lb-cell img",
    "improving": "#lb-improving .lb-cell img",
    "project": "#lb-images .lb-cell img",
    "grabber": "#lb-grab-query",
    "tagging": "#lb-tagging button",
    "processing": "#lb-processing .lb-process-summary",
    "editor": "#lb-editor .lb-cell img",
    "concepts": "#lb-concepts .lb-cell img",
    "oven": "#lb-plan .lb-figure",
    "baking": "#lb-baking .lb-average",
    "ready": "#lb-ready .lb-grid-cell img >> nth=-1",
}


# Pictures that are scrolled out of sight are not loaded before somebody scrolls.
LOADED = """[...document.images].every((i) => {
  if (i.complete || !i.offsetParent) return true;
  const frame = i.closest('.lb-strip-rows, .lb-grid-frame, .lb-view'), at = i.getBoundingClientRect();
  const seen = (frame || document.documentElement).getBoundingClientRect();
  return at.top > Math.min(seen.bottom, innerHeight) || at.left > Math.min(seen.right, innerWidth);
})"""


def _search_boards(tab: Tab) -> None:
    panel = tab.locator("#lb-grabber")
    panel.get_by_role("checkbox", name="Gelbooru", exact=True).uncheck()
    panel.get_by_role("checkbox", name="Danbooru", exact=True).check()
    panel.locator("#lb-grab-query").fill(QUERY)
    panel.get_by_role("button", name="Search", exact=True).click()
    panel.get_by_role("button", name="Pick this page").click()
    for number in (1, 9):
        panel.locator(".lb-grab-pick").nth(number).click()
    panel.locator(".lb-grab-count", has_text="results").wait_for()


def _look_with_tagger(tab: Tab) -> None:
    look, seen = (
        tab.locator("#lb-tag-look:visible"),
        tab.locator(".lb-gen-sum", has_text="captions"),
    )
    look.or_(seen).first.wait_for()
    if look.is_visible():  # the verdict may have asked the tagger already
        look.click()
    seen.wait_for()


def _fill_operations(tab: Tab) -> None:
    panel = tab.locator("#lb-processing")
    panel.get_by_label("Tags to add", exact=True).fill("masterpiece")
    panel.get_by_label("Tags to remove", exact=True).fill("smile")
    tab.keyboard.press("Tab")
    tab.locator(".lb-diff-row").first.wait_for()


def _choose_picture(tab: Tab) -> None:
    tab.locator("#lb-editor .lb-cell").nth(5).click()
    tab.locator("#lb-editor .lb-tag-name").first.wait_for()


ACTS = {
    "duplicates": find_twins,
    "curating": cut_views,
    "improving": mend_screencaps,
    "grabber": _search_boards,
    "tagging": _look_with_tagger,
    "processing": _fill_operations,
    "editor": _choose_picture,
    "concepts": suggest_groups,
}


# What the picture begins with; without one, the head of the page.
TOPS = {
    "duplicates": "#sec-duplicates",
    "curating": "#sec-curating",
    "improving": "#lb-improving .lb-imp-which",
    "grabber": "#sec-grabber",
    "tagging": "#sec-tagging",
    "processing": "#lb-processing .lb-process-form",
    "editor": "#sec-editor",
    "concepts": "#lb-concepts .lb-editor-tools",
    "oven": "#sec-oven",
}


def _show(tab: Tab, section: str) -> None:
    """Open a section, wait until it has drawn itself, and bring its heading to the top."""
    open_section(tab, section)
    tab.locator(READY[section]).first.wait_for()
    tab.locator("#sec-project .lb-state", has_text="pictures").wait_for()
    if section in ACTS:
        ACTS[section](tab)
    tab.wait_for_function(LOADED)
    tab.evaluate(
        "place => document.querySelector(place).scrollIntoView()", TOPS.get(section, "body")
    )


if __name__ == "__main__":
    main()
