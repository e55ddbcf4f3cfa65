"""The calculator, advice and the look ahead in the real page, by mouse and keyboard."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api")
from playwright.sync_api import Browser, expect

from lorabake.core.workspace import Workspace
from lorabake.recipe.presets import compose
from lorabake.ui.chosen import read_chosen, write_chosen
from tests.ui.browsing import make_project, open_section, visit, watched
from tests.ui.conftest import running_page

pytestmark = pytest.mark.browser


def test_numbers_advice_rates_and_captions(browser: Browser, tmp_path: Path) -> None:
    root = tmp_path / "workspace"
    captions = {f"{n}": f"kafka, <b>{n}</b>, ${{window.hacked=1}}, dress, hat" for n in range(6)}
    project = make_project(root, "kafka", captions)
    changes = {"captions.keep_tokens": 0, "optimizer.lr_scheduler": "rex_annealing_warm_restarts"}
    changes |= {"optimizer.lr_scheduler_num_cycles": 2}
    write_chosen(project, "illustrious", (), compose("illustrious", (), changes))

    def on_disk() -> tuple[list[str], int]:
        general = read_chosen(Workspace.open(root).project("kafka")).recipe.general
        return sorted(p.name for p in project.dataset_dir.glob("[0-9]*")), general.epochs

    with running_page(root) as page, watched(browser) as (context, _):
        tab = visit(context, page.address)
        open_section(tab, "oven")
        plan = tab.locator("#lb-plan")
        total = plan.locator(".lb-figure", has_text="steps in total")
        expect(total).to_contain_text("60")
        expect(plan.locator(".lb-figure", has_text="time")).to_contain_text("not known")
        expect(plan.locator(".lb-row-dot")).to_have_count(6)

        # Cells: typed, seen at once, on the disk nothing yet
        repeats = tab.locator("#lb-calculator").get_by_label("Repeats of kafka")
        repeats.click()
        tab.keyboard.type("4")
        expect(plan.locator(".lb-figure", has_text="seen per epoch")).to_contain_text("24")
        expect(total).to_contain_text("120")
        expect(plan.locator(".lb-here-dot")).to_have_attribute(
            "aria-label", re.compile("120 steps")
        )
        tab.keyboard.press("Enter")
        expect(plan.get_by_label("Epochs", exact=True)).to_be_focused()
        tab.keyboard.type("0")
        expect(plan.locator(".lb-calculator [aria-invalid=true]")).to_have_count(1)
        tab.keyboard.press("Escape")
        expect(plan.get_by_label("Epochs", exact=True)).to_have_value("10")
        assert on_disk() == (["2_kafka"], 10)

        # Backwards, and used
        plan.get_by_label("Total steps wanted").fill("84")
        plan.locator(".lb-way").get_by_role("button", name="7 epochs", exact=True).click()
        expect(total).to_contain_text("84")
        bar = plan.get_by_role("region", name="What if")
        expect(bar).to_contain_text("Epochs 10 → 7")
        expect(bar).to_contain_text("Folder 2_kafka → 4_kafka")
        bar.get_by_role("button", name="Use these numbers").click()
        expect(plan.locator(".lb-tone-ok")).to_contain_text("2_kafka is 4_kafka now")
        expect(bar).to_be_hidden()
        expect(tab.locator("#set-general-epochs.lb-changed")).to_be_visible()
        assert on_disk() == (["4_kafka"], 7)
        plan.get_by_role("button", name="Undo").click()
        expect(plan.locator(".lb-tone-ok")).to_contain_text("old repeats again")
        expect(repeats).to_have_value("2")
        assert on_disk() == (["2_kafka"], 10)

        # Advice: its reason, its click, the count in the title
        head = tab.locator("#sec-oven > button")
        expect(head).to_contain_text(re.compile(r"\d to look at"))
        loose = plan.locator(".lb-advice li", has_text="Every caption begins with")
        loose.get_by_text("Why").click()
        expect(loose).to_contain_text("Keep tokens is set to at least 1")
        loose.get_by_role("button", name="Set Keep tokens to 1").click()
        expect(loose).to_have_count(0)
        expect(tab.get_by_label("Keep tokens (tags)", exact=True)).to_have_value("1")

        # Rates and captions before the bake
        expect(plan.locator(".lb-rate-unet")).to_have_count(1)
        expect(plan.locator(".lb-restart")).to_have_count(1)
        expect(plan.locator(".lb-rate-chart .lb-plot-readout")).to_contain_text("1 restart")
        plan.get_by_text("Captions as the trainer will see them").click()
        looks = plan.locator(".lb-look")
        expect(looks).to_have_count(6)
        assert all(text.startswith("kafka, ") for text in looks.all_inner_texts())
        assert len(set(looks.all_inner_texts())) > 1
        expect(looks.first.locator(".lb-piece-kept")).to_have_text("kafka")
        plan.get_by_role("button", name="Next picture").click()
        expect(looks.first).to_contain_text("<b>1</b>")
        assert tab.evaluate("window.hacked") is None
