"""Is it ready? with any axes, in a real browser: the guide's Prompt S/R on the practice model."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

pytestmark = pytest.mark.browser
pytest.importorskip("playwright", reason="playwright is not installed") if not os.environ.get(
    "LORABAKE_REQUIRE_BROWSER"
) else None

from playwright.sync_api import Locator, expect  # noqa: E402  (after the reason to skip)
from playwright.sync_api import Page as Tab  # noqa: E402

from lorabake.core.dataset import scan_dataset  # noqa: E402
from lorabake.core.workspace import Project, Workspace  # noqa: E402
from lorabake.engine.families.sdxl import load_model  # noqa: E402
from lorabake.engine.lora_file import save_lora  # noqa: E402
from lorabake.engine.networks import attach  # noqa: E402
from lorabake.engine.networks.settings import NetworkSettings  # noqa: E402
from lorabake.recipe.models import SHIPPED  # noqa: E402
from lorabake.recipe.presets import load_recipe  # noqa: E402
from lorabake.train.prepare import prepare_run  # noqa: E402
from tests.ui.browsing import (  # noqa: E402
    BAKE,
    chromium,
    make_project,
    open_section,
    visit,
    watched,
)
from tests.ui.conftest import Page, running_page  # noqa: E402

COUNT = 8  # pictures of the grid that is stopped: time enough to press a button
SHOTS = ((1280, "light"), (390, "dark"), (390, "light"), (2560, "dark"))


def make_run(root: Path) -> Project:
    """Three epochs on the practice model, whose files are noise; the first one is damaged."""
    torch.set_num_threads(1)
    project = make_project(root, "kafka", {"1": "ohwx, smile, hat", "2": "ohwx, smile"})
    workspace, run = Workspace.open(root), project.create_run("kafka")
    dataset = scan_dataset(project.dataset_dir)
    prepare_run(workspace, run.folder, dataset, load_recipe("practice"), name="kafka")
    network = attach(load_model(SHIPPED["practice"]), NetworkSettings(network_dim=2), 1)
    for epoch in (1, 2, 3):
        generator = torch.Generator().manual_seed(epoch)
        with torch.no_grad():
            for layer in network.layers.values():
                layer.up.copy_(torch.randn(layer.up.shape, generator=generator) * 0.05)
        save_lora(run.folder / f"kafka-{epoch:02d}.safetensors", network.file_state(), {})
    (run.folder / "kafka-01.safetensors").write_bytes(b"<html>login</html>")
    return project


@contextmanager
def any_axes(chromium_path: str, root: Path) -> Iterator[tuple[Page, Tab, Locator]]:
    """The page, a tab with "Is it ready?" open for any axes, and that part of it."""
    with (
        running_page(root) as page,
        chromium(chromium_path) as browser,
        watched(browser) as (context, _),
    ):
        tab = visit(context, page.address)
        open_section(tab, "ready")
        part = tab.locator("#lb-ready")
        part.get_by_role("button", name="Any axes (X/Y/Z)").click()
        yield page, tab, part


def test_the_guides_prompt_s_r(chromium_path: str, tmp_path: Path) -> None:
    """X looks for the epoch, Y for the weight, Z for the seed; what fails says why, also later."""
    run = make_run(tmp_path / "workspace").run("kafka").folder
    with any_axes(chromium_path, tmp_path / "workspace") as (page, tab, part):
        part.get_by_role("button", name="As the guide does it").click()
        prompt = part.locator("#lb-grid-prompt")
        expect(prompt).to_have_value("<lora:kafka-03:1.0>, ohwx, smile, hat")
        x, y, z = (part.locator(f"#lb-axis-{letter}-values") for letter in "xyz")
        expect(x).to_have_value("-03, -02, -01")
        expect(y).to_have_value("1.0>, 0.9>, 0.8>, 0.7>, 0.6>, 0.5>")
        render = part.locator("#lb-render")
        expect(render).to_have_text("Render 18 pictures")

        y.fill("1.0>, 0.5>")
        part.locator("#lb-axis-z").select_option("Sampler")
        part.get_by_role("button", name="Fill").click()
        expect(z).to_have_value(re.compile("^Euler a, Euler, "))
        part.locator("#lb-axis-z").select_option("Seed")
        expect(part).to_contain_text("'Euler a' in the seeds is neither a number nor a range.")
        expect(render).to_be_disabled()
        z.fill("1, 2")
        prompt.fill("<lora:kafka-03:1.0>, ohwx-03, smile")
        expect(part).to_contain_text("Prompt S/R finds '-03' 2 times and replaces all of them.")
        prompt.fill("<lora:kafka-03:1.0>, ohwx, smile")
        part.locator(".lb-request summary").click()
        part.locator("#lb-grid-steps").fill("2")
        expect(render).to_have_text("Render 12 pictures")
        expect(part.locator(".lb-request-known")).to_be_empty()
        render.click()

        line = part.locator(".lb-progress-line")
        missing = "8 of 12 pictures; 4 could not be rendered, their cells say why."
        expect(line).to_have_text(missing, timeout=BAKE)
        expect(part.locator(".lb-cells thead th")).to_have_text(["-03", "-02", "-01"])
        expect(part.locator(".lb-cells tbody th")).to_have_text(["1.0>", "0.5>"])
        pictures, failed = part.locator(".lb-grid-cell img"), part.locator(".lb-cell-failed")
        expect(pictures).to_have_count(4)
        expect(failed).to_have_count(2)
        expect(failed.first).to_contain_text("web page")

        walk(tab)
        look_at(tab)
        tab.reload()
        open_section(tab, "ready")
        expect(failed).to_have_count(2)
        expect(x).to_have_value("-03, -02, -01")
        with tab.expect_download() as download:
            part.get_by_role("button", name="Page for a friend").click()
        assert re.fullmatch(r"kafka .*\.html", download.value.suggested_filename)
        address = part.get_by_role("link", name="Open sheet 1 alone").get_attribute("href")
        status, headers, _ = page.request("GET", str(address))
        assert (status, headers["content-type"]) == (200, "image/png")

        (run / "kafka-01.safetensors").write_bytes((run / "kafka-02.safetensors").read_bytes())
        part.get_by_role("button", name="Try the 4 again").click()
        expect(line).to_contain_text("12 pictures. Click one", timeout=BAKE)
        expect(pictures).to_have_count(6)


def test_stop_and_resume_of_any_axes(chromium_path: str, tmp_path: Path) -> None:
    """A stopped grid keeps its pictures, also over a reload, and Resume renders only the rest."""
    run = make_run(tmp_path / "workspace").run("kafka").folder
    with any_axes(chromium_path, tmp_path / "workspace") as (_, tab, part):
        part.locator("#lb-grid-prompt").fill("<lora:kafka-03:1.0>, ohwx, smile")
        part.locator("#lb-axis-x").select_option("CFG scale")
        part.locator("#lb-axis-x-values").fill(f"1-{COUNT}")  # each is painted by itself
        part.locator("#lb-axis-y").select_option("Nothing")
        part.locator(".lb-request summary").click()
        part.locator("#lb-grid-steps").fill("15")
        render = part.locator("#lb-render")
        expect(render).to_have_text(f"Render {COUNT} pictures")
        render.click()

        line, pictures = part.locator(".lb-progress-line"), part.locator(".lb-grid-cell img")
        expect(line).to_contain_text(re.compile(rf"^[1-9]\d* of {COUNT} "), timeout=BAKE)
        part.get_by_role("button", name="Stop rendering").click()
        stopped = re.compile(rf"^Stopped: [1-9]\d* of {COUNT} pictures\.")
        expect(line).to_have_text(stopped)
        kept = {path: path.stat().st_mtime_ns for path in run.glob("grid/*/1-01-*.png")}
        assert 0 < len(kept) < COUNT
        expect(pictures).to_have_count(len(kept))
        expect(part.get_by_role("button", name="Stop rendering")).to_be_hidden()

        tab.reload()
        open_section(tab, "ready")
        expect(line).to_have_text(f"Stopped: {len(kept)} of {COUNT} pictures.")
        part.get_by_role("button", name="Resume").click()
        expect(line).to_contain_text(f"{COUNT} pictures. Click one", timeout=BAKE)
        expect(pictures).to_have_count(COUNT)
        assert {path: path.stat().st_mtime_ns for path in kept} == kept
        expect(part.get_by_role("button", name="Resume")).to_be_hidden()
        expect(part.get_by_role("link", name="Open the sheet as PNG")).to_be_visible()


def walk(tab: Tab) -> None:
    """Through the large view by keys, over the sheets of Z and onto a picture that failed."""
    part = tab.locator("#lb-ready")
    part.get_by_role("button", name="-02 · 1.0> · Seed: 1", exact=True).click()
    caption = part.locator(".lb-lightbox-caption")
    expect(caption).to_have_text("-02 · 1.0> · Seed: 1")
    for key, words in (
        ("PageDown", "-02 · 1.0> · Seed: 2"),
        ("ArrowDown", "-02 · 0.5> · Seed: 2"),
        ("ArrowRight", "-01 · 0.5> · Seed: 2 could not be rendered"),
    ):
        tab.keyboard.press(key)
        expect(caption).to_have_text(words)
    expect(part.locator(".lb-lightbox-reason")).to_contain_text("web page")
    tab.keyboard.press("ArrowLeft")
    tab.keyboard.down(" ")
    expect(caption).to_have_text("-03 · 0.5> · Seed: 2")
    tab.keyboard.up(" ")
    expect(caption).to_have_text("-02 · 0.5> · Seed: 2")
    tab.keyboard.press("Escape")
    second = part.get_by_role("button", name="Seed: 2", exact=True)
    expect(second).to_have_attribute("aria-pressed", "true")
    expect(
        part.locator(".lb-handover-board").get_by_role("button", name="Use this one")
    ).to_be_enabled()


def look_at(tab: Tab) -> None:
    """For a person who looks: LORABAKE_SHOTS names a folder."""
    if shots := os.environ.get("LORABAKE_SHOTS"):
        for width, scheme in SHOTS:
            tab.set_viewport_size({"width": width, "height": 1000})
            tab.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            tab.locator("#lb-ready").screenshot(path=f"{shots}/xyz-{width}-{scheme}.png")
        tab.set_viewport_size({"width": 1280, "height": 900})
