"""Preparing the oven and Baking in a real browser: settings of others, the filter, a bake to watch."""

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

from lorabake.core.workspace import Workspace  # noqa: E402
from lorabake.practice import SAMPLE_DIR  # noqa: E402
from lorabake.recipe.presets import compose  # noqa: E402
from lorabake.ui.chosen import read_chosen, write_chosen  # noqa: E402
from tests.ui.browsing import BAKE, make_project, open_section, visit, watched  # noqa: E402
from tests.ui.conftest import running_page  # noqa: E402
from tests.ui.test_exchanging import LETS, SECRET  # noqa: E402

pytestmark = pytest.mark.browser


def test_settings_of_another_trainer_are_looked_at_and_used(
    browser: Browser, tmp_path: Path
) -> None:
    root, file = tmp_path / "workspace", tmp_path / "mine ${window.hacked=1}.toml"
    project = make_project(root, "kafka", {"a": "kafka, one", "b": "kafka, two"})
    file.write_text(LETS, encoding="utf-8")
    with running_page(root) as page, watched(browser) as (context, _):
        tab = visit(context, page.address)
        open_section(tab, "oven")
        dim = tab.get_by_label("Network dim", exact=True)
        expect(dim).to_have_value("8")
        tab.locator("#lb-load-files").set_input_files(file)
        found = tab.get_by_role("region", name="Settings in a file")
        expect(found).to_contain_text("settings of LoRA Easy Training Scripts")
        expect(found.locator("tr", has_text="Network dim")).to_contain_text("24")
        expect(found).to_contain_text("xformers")
        expect(found).not_to_contain_text(SECRET)
        found.get_by_role("button", name="Leave everything").click()
        expect(found).to_be_hidden()
        expect(dim).to_have_value("8")

        tab.locator("#lb-load-files").set_input_files(file)
        found.get_by_role("button", name="Use these settings").click()
        expect(dim).to_have_value("24")
        expect(tab.locator("#lb-preset")).to_have_value("pdxl")
        expect(tab.locator("#lb-choice .lb-tone-ok")).to_contain_text("with")
        expect(tab.locator("#lb-calculator").get_by_label("Repeats of kafka")).to_have_value("7")

        tab.get_by_role("searchbox", name="Find a setting").fill("network dim")
        expect(tab.locator("#set-network-network_dim.lb-changed")).to_be_visible()
        expect(tab.locator("#set-general-epochs")).to_be_hidden()
        tab.get_by_role("button", name="Network dim: back to the preset's value").click()
        expect(dim).to_have_value("8")
        expect(tab.locator("#set-network-network_dim.lb-changed")).to_have_count(0)
        dim.fill("much")
        dim.press("Enter")
        expect(tab.locator("#set-network-network_dim .lb-error")).to_contain_text("whole number")
        dim.fill("12")
        dim.press("Enter")
        expect(tab.locator("#set-network-network_dim .lb-error")).to_be_hidden()

        tab.get_by_role("checkbox", name="DoRA", exact=True).first.click()
        expect(tab.locator(".lb-overlay.lb-on")).to_contain_text("LoRA → LoCon")
        tab.get_by_role("button", name="Undo").click()
        expect(tab.locator(".lb-overlay.lb-on")).to_have_count(0)
        tab.get_by_text("Save settings as…").click()
        with tab.expect_download() as saved:
            tab.get_by_role("link", name="LoRA Easy Training Scripts").click()
        assert "network_dim = 12" in saved.value.path().read_text(encoding="utf-8")

        tab.get_by_text("Model shelf", exact=True).click()
        expect(
            tab.get_by_role("button", name=re.compile("^Download Illustrious XL"))
        ).to_be_visible()
        key = tab.locator("#lb-key-civitai")
        tab.get_by_text("Keys for sites that want one").click()
        assert key.get_attribute("type") == "password"
        assert tab.evaluate("window.hacked") is None
    chosen = read_chosen(Workspace.open(root).project(project.name))
    assert chosen.recipe.network.network_dim == 12


def leave(tab: Tab) -> str:
    """The tab goes behind another one; what its title says then."""
    hidden = "Object.defineProperty(document, 'hidden', { value: true, configurable: true })"
    return str(tab.evaluate(f"() => {{ {hidden}; return document.title; }}"))


def come_back(tab: Tab) -> None:
    tab.evaluate("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")


def test_a_bake_with_validation_and_samples_is_stopped_and_goes_on(
    browser: Browser, tmp_path: Path
) -> None:
    """All of it by mouse, on the practice model."""
    root = tmp_path / "workspace"
    project = Workspace.open(root).create_sample_project(SAMPLE_DIR)
    changes = {
        "general.epochs": 2,
        "validation.validation_split": 0.1,
        "sample.sample_every_n_epochs": 1,
        "sample.sample_prompts": "ohwx, <b>one</b> --s 4 --d 1\nohwx, ${window.hacked=1} --s 4 --d 2",
    }
    write_chosen(project, "practice", (), compose("practice", (), changes))
    with running_page(root) as page, watched(browser) as (context, _):
        tab = visit(context, page.address)
        open_section(tab, "oven")
        expect(tab.locator("#lb-plan")).to_contain_text("held out")
        open_section(tab, "baking")
        tab.locator("#lb-bake:enabled").click()
        line = tab.locator("#lb-baking .lb-progress-line")
        expect(line).to_contain_text("step", timeout=BAKE)
        tab.get_by_role("button", name="Stop after this step").click()
        expect(line).to_contain_text("Stopped at step", timeout=BAKE)
        tab.locator("#lb-oven-open").click()
        oven = tab.get_by_role("region", name="Oven", exact=True)
        oven.get_by_role("button", name="Resume: practice").click()
        expect(oven).to_contain_text(re.compile(r"step \d+ of \d+"), timeout=BAKE)
        expect(tab).to_have_title(re.compile(r"^\d+ % · lorabake$"), timeout=BAKE)
        title = leave(tab)
        tab.wait_for_function("title => document.title !== title", arg=title, timeout=BAKE)
        come_back(tab)
        tab.keyboard.press("Escape")
        expect(line).to_contain_text("Done: 2 epochs", timeout=BAKE)

        expect(tab.locator("#lb-baking .lb-held-dot")).to_have_count(2)
        expect(tab.locator("#lb-baking .lb-key-held")).to_be_visible()
        samples = tab.locator("#lb-baking .lb-sample")
        expect(samples).to_have_count(4)
        expect(tab.locator("#lb-baking .lb-strip-epoch")).to_have_text(["Epoch 2", "Epoch 1"])
        samples.first.click()
        large = tab.locator(".lb-sample-large")
        expect(large).to_be_visible()
        tab.wait_for_function("document.querySelector('.lb-sample-large').naturalWidth > 0")
        expect(tab.locator(".lb-sample-box .lb-prompt")).to_have_text("ohwx, <b>one</b>")
        tab.keyboard.press("ArrowDown")
        expect(tab.locator(".lb-sample-box b")).to_have_text("Epoch 1")
        tab.keyboard.press("ArrowRight")
        expect(tab.locator(".lb-sample-box .lb-prompt")).to_have_text("ohwx, ${window.hacked=1}")
        tab.keyboard.press("Escape")
        expect(large).to_be_hidden()
        assert tab.evaluate("window.hacked") is None
