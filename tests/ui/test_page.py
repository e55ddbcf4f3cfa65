"""The page in a real browser: open the sample project, bake, watch, reload, render, look closely."""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright", reason="playwright is not installed") if not os.environ.get(
    "LORABAKE_REQUIRE_BROWSER"
) else None

from PIL import Image  # noqa: E402  (after the reason to skip)
from playwright.sync_api import Browser, expect  # noqa: E402
from playwright.sync_api import Page as Tab  # noqa: E402

from lorabake.core.workspace import Workspace  # noqa: E402
from tests.ui.browsing import BAKE, make_project, open_section, visit, watched  # noqa: E402
from tests.ui.conftest import Page, running_page  # noqa: E402
from tests.ui.deciding import as_diffusers_takes_it, measure, use, vote  # noqa: E402

pytestmark = pytest.mark.browser


def test_from_the_sample_project_to_a_file_for_the_web_ui(browser: Browser, tmp_path: Path) -> None:
    """The whole way with mouse and keyboard, on the practice model, reloaded in the middle."""
    with running_page(tmp_path / "workspace") as page, watched(browser) as (context, _):
        context.add_init_script(AWAY)
        tab = visit(context, page.address)
        steps = tab.get_by_role("region", name="Your first LoRA")
        expect(steps.locator("[aria-current=step]")).to_have_text("○Sample project")
        tab.locator("#lb-next").get_by_role("button", name="Open the sample project").click()
        expect(tab.locator("#sec-project > button")).to_contain_text("24 pictures")
        expect(steps.locator("[aria-current=step]")).to_have_text("○Bake")

        before = clicks(tab)
        tab.locator("#lb-oven-open").click()
        tab.get_by_label("Tell me when a job ends").check()
        tab.keyboard.press("Escape")
        open_section(tab, "oven")
        repeats = tab.locator("#lb-calculator").get_by_label("Repeats of ohwx")
        expect(repeats).to_have_value("5")
        repeats.click()
        tab.keyboard.press("Control+a")
        tab.keyboard.type("3")
        tab.keyboard.press("Enter")
        expect(tab.locator("#lb-plan")).to_contain_text("72")
        tab.locator("#lb-plan").get_by_role("button", name="Use these numbers").click()
        expect(tab.locator("#lb-plan")).to_contain_text("5_ohwx is 3_ohwx now")
        epochs = tab.locator("#set-general-epochs input")
        epochs.click()
        tab.keyboard.press("Control+a")
        tab.keyboard.type("3")
        tab.keyboard.press("Tab")
        expect(tab.locator("#lb-plan")).to_contain_text(re.compile(r"54\s*steps in total"))
        expect(tab.locator("#set-general-epochs.lb-changed")).to_be_visible()

        start = tab.locator("#lb-next").get_by_role("button", name="Bake 3 epochs")
        detour = clicks(tab) - before  # what a newcomer leaves as it is
        start.focus()
        tab.keyboard.press("Enter")
        tab.locator("#sec-baking > button.open").wait_for()
        line = tab.locator("#lb-baking .lb-progress-line")
        expect(line).to_contain_text(re.compile(r"Epoch 1 of 3 · step \d+ of 54"), timeout=BAKE)
        expect(tab.locator("#lb-baking .lb-average")).to_have_count(1)
        expect(tab).to_have_title(re.compile(r"^\d+ % · lorabake$"))

        tab.reload()
        expect(line).to_contain_text(
            re.compile(r"Epoch \d of 3 · step \d+ of 54|Done: 3 epochs"), timeout=BAKE
        )
        expect(line).to_contain_text("Done: 3 epochs, 54 steps", timeout=BAKE)
        expect(tab.locator("#lb-baking .lb-file")).to_have_count(3)
        points = tab.locator("#lb-baking .lb-average").get_attribute("points") or ""
        assert len(points.split()) == 54
        expect(tab.locator("#sec-baking > button")).to_contain_text("practice is done")

        tab.locator("#lb-next").get_by_role("button", name="See which epoch works best").click()
        expect(tab.locator("#lb-grid-prompt")).to_have_value(re.compile("^ohwx, "))
        render = tab.locator("#lb-render")
        expect(render).to_have_text("Render 12 pictures")
        render.click()
        cells = tab.locator("#lb-ready .lb-grid-cell img")
        expect(cells).to_have_count(12, timeout=BAKE)
        expect(tab.locator("#lb-ready .lb-progress-line")).to_contain_text(
            "12 pictures.", timeout=BAKE
        )
        tab.wait_for_function(
            "[...document.querySelectorAll('#lb-ready .lb-grid-cell img')].every(i => i.naturalWidth)"
        )

        tab.get_by_role("button", name="epoch 2 · weight 0.6", exact=True).click()
        caption = tab.locator(".lb-lightbox-caption")
        expect(caption).to_have_text("epoch 2 · weight 0.6")
        tab.wait_for_function("document.querySelector('.lb-lightbox-picture').naturalWidth > 0")
        tab.keyboard.press("ArrowRight")
        expect(caption).to_have_text("epoch 2 · weight 0.8")
        tab.keyboard.press("ArrowDown")
        expect(caption).to_have_text("epoch 3 · weight 0.8")
        tab.keyboard.down(" ")
        expect(caption).to_have_text("epoch 3 · weight 0")
        tab.keyboard.up(" ")
        expect(caption).to_have_text("epoch 3 · weight 0.8")
        tab.keyboard.press("Escape")
        expect(tab.locator(".lb-lightbox")).not_to_be_visible()
        with context.expect_page() as opened:
            tab.get_by_role("link", name="Open the sheet as PNG").click()
        assert "/lorabake/sheet/practice/practice/" in opened.value.url

        tab.bring_to_front()
        expect(tab).to_have_title("lorabake")
        expect(steps.locator("[aria-current=step]")).to_have_text("○Use this one")
        told = tab.evaluate("window.told")
        assert [text for text in told if text.endswith(": done, 12 pictures.")]
        # Left are "Use this one" and "Write practice.safetensors"; see test_handover.
        assert clicks(tab) - detour + 2 <= 10
        steps.get_by_role("button", name="Hide the list").click()
        expect(steps).to_be_hidden()

        vote(tab, "epoch 3 · weight 0.8")
        measure(tab, epochs=3)
        file = use(tab, "epoch 3 · weight 0.8", tmp_path / "workspace/outputs")
    sidecar = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
    assert (sidecar["activation text"], sidecar["preferred weight"]) == ("ohwx", 0.8)
    with Image.open(file.with_suffix(".png")) as preview:
        assert "<lora:" in preview.info["parameters"]
    taken = as_diffusers_takes_it(file)
    assert (taken["left"], taken["layers"]) == ([], taken["in_file"])


# A browser that may show messages, in a window that somebody has left; and a count of clicks.
AWAY = """
  window.told = [];
  window.Notification = class {
    static get permission() { return sessionStorage.may || 'default'; }
    static async requestPermission() { return (sessionStorage.may = 'granted'); }
    constructor(title, { body }) { window.told.push(body); }
  };
  document.hasFocus = () => false;
  addEventListener('click', (event) => {
    if (event.isTrusted) sessionStorage.clicks = Number(sessionStorage.clicks || 0) + 1;
  }, true);
"""


def clicks(tab: Tab) -> int:
    return int(tab.evaluate("Number(sessionStorage.clicks)"))


def test_a_picture_of_the_project_opens_in_the_editor(browser: Browser, tmp_path: Path) -> None:
    """By mouse and by keyboard; and what is chosen above the pictures becomes the editor's filter."""
    root = tmp_path / "workspace"
    captions = {f"{n:02d}": "" if n % 5 == 4 else f"kafka, tag {n}" for n in range(12)}
    project = make_project(root, "kafka", captions)
    with running_page(root) as page, watched(browser) as (context, _):
        tab = visit(context, page.address)
        cells = tab.locator("#lb-images .lb-cell")
        expect(cells).to_have_count(12)
        expect(tab.locator("#lb-images .lb-flag:visible")).to_have_count(2)
        cells.nth(7).click()
        tab.locator("#sec-editor > button.open").wait_for()
        expect(tab.locator("#lb-editor .lb-name b")).to_have_text("07.png")
        expect(tab.locator("#lb-editor .lb-tag-name span")).to_have_text(["kafka", "tag 7"])

        caption = project.dataset_dir / "2_kafka" / "04.txt"
        caption.write_text("kafka", encoding="utf-8")  # while the project's section is closed
        open_section(tab, "project")
        expect(tab.locator("#lb-images .lb-flag:visible")).to_have_count(1)
        tab.get_by_role("listbox", name="Pictures of the project").focus()
        tab.keyboard.press("End")
        tab.keyboard.press("ArrowUp")
        expect(tab.locator("#sec-project > button.open")).to_be_visible()  # looking opens nothing
        tab.keyboard.press("End")
        tab.keyboard.press("Enter")
        tab.locator("#sec-editor > button.open").wait_for()
        expect(tab.locator("#lb-editor .lb-name b")).to_have_text("11.png")

        open_section(tab, "project")
        tab.locator("#lb-images").get_by_label("Which pictures").select_option("Without a caption")
        expect(cells).to_have_count(1)
        tab.get_by_role("button", name="Edit these").click()
        expect(tab.locator("#lb-editor-filter")).to_have_value("NOT has:caption")
        expect(tab.locator("#lb-editor .lb-cell")).to_have_count(1)
        open_section(tab, "project")
        tab.locator("#lb-images").get_by_label("Which pictures").select_option("2_kafka")
        tab.get_by_role("button", name="Edit these").click()
        expect(tab.locator("#lb-editor .lb-cell")).to_have_count(12)


def test_many_pictures_stay_light(browser: Browser, tmp_path: Path) -> None:
    """Only the rows that can be seen are in the document."""
    root = tmp_path / "workspace"
    make_project(root, "many", {f"{n:04d}": f"tag {n}" for n in range(400)})
    with running_page(root) as page, watched(browser) as (context, _):
        tab = visit(context, page.address)
        expect(tab.locator("#lb-images")).to_contain_text("400 pictures")
        tab.locator("#lb-images .lb-cell").first.wait_for()
        assert tab.locator("#lb-images .lb-cell").count() < 100
        assert tab.evaluate("document.querySelectorAll('*').length") < 1500
        tab.locator("#lb-images .lb-view").focus()
        tab.keyboard.press("End")
        expect(tab.locator("#lb-images .lb-cell.lb-active")).to_have_attribute(
            "title", re.compile("^0399.png")
        )
        assert tab.locator("#lb-images .lb-cell").count() < 100


def test_pictures_are_taken_in_with_what_was_left_out(browser: Browser, tmp_path: Path) -> None:
    root = tmp_path / "workspace"
    source = make_project(tmp_path / "elsewhere", "x", {"a": "tag a", "b": "tag b"}).dataset_dir
    broken = tmp_path / "page.png"
    broken.write_text("<html>no picture</html>", encoding="utf-8")
    files = [*sorted((source / "2_kafka").iterdir()), broken]
    with running_page(root) as page, watched(browser) as (context, _):
        tab = visit(context, page.address)
        tab.locator("#lb-new-project textarea, #lb-new-project input").first.click()
        tab.keyboard.type("hsr_kafka")
        tab.keyboard.press("Enter")
        expect(tab.locator("#lb-next")).to_contain_text("hsr_kafka has no pictures yet")
        tab.locator(".lb-part-folders input[type=file]").first.set_input_files(files)
        name = tab.get_by_role("combobox", name="Folder")
        name.click()
        tab.keyboard.type("kafka")
        tab.get_by_role("button", name="Add 3 pictures").click()
        report = tab.locator(".lb-report").first
        expect(report).to_contain_text("Added 2 pictures to 1_kafka.")
        expect(report).to_contain_text("page.png")
        expect(tab.locator("#sec-project > button")).to_contain_text("2 pictures")
        dataset = Workspace.open(root).project("hsr_kafka").dataset_dir
        assert (dataset / "1_kafka" / "a.txt").read_text(encoding="utf-8") == "tag a"


@pytest.mark.parametrize("width", [390, 1280, 1920])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_section_fits_the_window(
    browser: Browser, filled: Page, width: int, scheme: str
) -> None:
    options = {"viewport": {"width": width, "height": 844}, "color_scheme": scheme}
    with watched(browser, **options) as (context, _):
        tab = visit(context, filled.address)
        dark = tab.evaluate("document.body.classList.contains('dark')")
        assert dark == (scheme == "dark")
        for section in ("project", "editor", "concepts", "oven", "baking", "ready"):
            open_section(tab, section)
            assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth"), section
            if width < 640:
                assert tab.evaluate(SMALL_TARGETS, f"#sec-{section}") == []


SMALL_TARGETS = """(section) => [...document.querySelectorAll(
    `${section} button, ${section} select, ${section} summary, #lb-header button, #lb-next button`)]
  .filter((node) => node.offsetParent)
  .map((node) => [node.textContent.trim().slice(0, 30), Math.round(node.getBoundingClientRect().height)])
  .filter(([, height]) => height < 44)"""


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    root = tmp_path_factory.mktemp("filled") / "workspace"
    make_project(root, "kafka", {f"{n:02d}": f"kafka, tag {n}" for n in range(9)})
    with running_page(root) as running:
        yield running


def test_theme_and_section_are_remembered(browser: Browser, filled: Page) -> None:
    with watched(browser, color_scheme="light") as (context, _):
        tab = visit(context, filled.address)
        tab.get_by_role("button", name="Dark theme").click()
        open_section(tab, "baking")
        tab.reload()
        tab.locator("#sec-baking > button.open").wait_for()
        assert tab.evaluate("document.body.classList.contains('dark')")
        tab.get_by_role("button", name="Light theme").click()
        assert not tab.evaluate("document.body.classList.contains('dark')")
        assert tab.locator(".lb-section > button.open").count() == 1


def test_nothing_is_fetched_from_elsewhere(browser: Browser, tmp_path: Path) -> None:
    """Neither by the browser (watched) nor by the server: its proxy here is a trap."""
    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.setblocking(False)
        proxy = f"http://127.0.0.1:{trap.getsockname()[1]}"
        names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
        root = tmp_path / "workspace"
        make_project(root, "kafka", {"a": "tag"})
        trapped: dict[str, Any] = dict.fromkeys(names, proxy)
        with running_page(root, **trapped) as page:
            with watched(browser) as (context, _):
                tab = visit(context, page.address)
                for section in ("oven", "baking", "ready", "project"):
                    open_section(tab, section)
                expect(tab.locator("#lb-images .lb-cell img")).to_have_count(1)
            with pytest.raises(BlockingIOError):
                trap.accept()
