"""From a rendered grid to a file for the web UI, as a person does it: stars, votes, numbers, "Use this one"."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import Page as Tab
from playwright.sync_api import expect

from tests.ui.browsing import BAKE

ROOT = Path(__file__).parents[2]


def vote(tab: Tab, cell: str) -> None:
    """A star for a picture, and four votes between two without their labels."""
    part = tab.locator("#lb-ready")
    star = part.get_by_role("button", name=f"Star {cell}")
    star.click()
    expect(star).to_have_attribute("aria-pressed", "true")
    part.get_by_role("button", name="Which is better?").click()
    duel = part.locator("dialog.lb-duel[open]")
    for number, key in enumerate(("ArrowLeft", "ArrowRight", "ArrowRight", "ArrowDown"), 1):
        expect(duel.locator(".lb-duel-side img[src]")).to_have_count(2)
        expect(duel.locator(".lb-duel-side").filter(has_text="epoch")).to_have_count(0)
        tab.keyboard.press(key)
        expect(duel).to_contain_text(re.compile(rf"\b{number} votes?\b"))
    tab.keyboard.press("Escape")
    ranking = part.get_by_role("region", name="Votes")
    expect(ranking.get_by_role("rowheader").first).to_be_visible()


def measure(tab: Tab, epochs: int) -> None:
    """Numbers beside the pictures, until a sentence proposes a picture that the heat map marks."""
    verdict = tab.get_by_role("region", name="Verdict")
    verdict.get_by_role("button", name=re.compile("^Measure")).click()
    sentence = verdict.locator(".lb-verdict-sentence")
    expect(sentence).to_contain_text(re.compile(r"Epoch \d+ at weight \d"), timeout=BAKE)
    expect(verdict.get_by_role("rowheader")).to_have_text(
        [f"epoch {number}" for number in range(1, epochs + 1)]
    )
    expect(verdict.get_by_role("button", name=re.compile("proposed"))).to_be_visible()


def use(tab: Tab, cell: str, folder: Path) -> Path:
    """ "Use this one" for a picture; the file that it wrote."""
    part = tab.locator("#lb-ready")
    part.get_by_role("button", name=cell, exact=True).click()
    part.locator("dialog.lb-lightbox[open]").get_by_role("button", name="Use this one").click()
    part.locator("#lb-handover-name").fill("hsr_kafka")
    part.locator("#lb-handover-write").click()
    expect(part.locator(".lb-handover-board")).to_contain_text(
        f"hsr_kafka.safetensors, hsr_kafka.json, hsr_kafka.png are in {folder}.", timeout=BAKE
    )
    return folder / "hsr_kafka.safetensors"


def as_diffusers_takes_it(file: Path) -> dict[str, Any]:
    """What diffusers' own pipeline used of it, in a process of its own; see the consumer."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.engine.consumers.diffusers_pipeline"]
    done = subprocess.run(
        [*command, str(file)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
