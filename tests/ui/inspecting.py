"""What the tests of the editor's right side share: the open editor, its captions, a tagger's word."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import BrowserContext, Locator, expect
from playwright.sync_api import Page as Tab

from lorabake.core.files import sha256_of
from lorabake.core.workspace import Project, Workspace
from lorabake.tag.scores import pack
from tests.ui.browsing import open_section, visit

TAGGER = "colours"


def open_editor(
    context: BrowserContext, address: str, project: str = "", *, first: bool = True
) -> Tab:
    """A tab with the editor open and, if wanted, its first picture chosen and read.

    project: which one of the workspace, as a browser that was here before remembers it.
    """
    if project:
        name = json.dumps(json.dumps(project))
        context.add_init_script(
            f"if (location.hostname) localStorage.setItem('lorabake:project', {name})"
        )
    tab = visit(context, address)
    open_section(tab, "editor")
    tab.locator("#lb-editor .lb-cell").first.wait_for()
    if first:
        tab.locator("#lb-editor .lb-cell").first.click()
        read(tab)
    return tab


def read(tab: Tab) -> None:
    """Wait until the caption of the chosen picture is shown."""
    tab.locator("#lb-editor .lb-tags:not(.lb-waiting)").wait_for(state="attached")


def add_box(tab: Tab) -> Locator:
    return tab.get_by_role("combobox", name="Add a tag")


def chips(tab: Tab) -> list[str]:
    return tab.locator("#lb-editor .lb-tag-name span").all_inner_texts()


def chip(tab: Tab, tag: str) -> Locator:
    return tab.locator("#lb-editor .lb-tag-name").filter(
        has=tab.locator(f"span:text-is({json_text(tag)})")
    )


def json_text(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def expect_chips(tab: Tab, *tags: str) -> None:
    expect(tab.locator("#lb-editor .lb-tag-name span")).to_have_text(list(tags))


def saved(tab: Tab) -> Locator:
    """The line that says how saving goes."""
    return tab.locator("#lb-editor .lb-inspector > .lb-save")


def texts(project: Project, folder: str = "2_kafka") -> dict[str, str]:
    """The captions on disk by the name of their picture."""
    paths = sorted((project.dataset_dir / folder).glob("*.txt"))
    return {path.stem: path.read_text(encoding="utf-8").removesuffix("\n") for path in paths}


def until(tab: Tab, done: Callable[[], object], seconds: float = 30) -> None:
    """Wait for something outside of the page, in steps of the page's own clock."""
    for _ in range(int(seconds / 0.05)):
        if done():
            return
        tab.wait_for_timeout(50)
    assert done()


def let_tagger_say(
    workspace: Workspace, project: Project, sure: dict[str, dict[str, float]], tags: list[str]
) -> None:
    """Probabilities as a tagger leaves them in the index: picture's file name → tag → number."""
    index, key = workspace.index, secrets.token_hex(16)
    index.keep_tagger(key, TAGGER, [(tag, "general") for tag in tags])
    rows: dict[str, Any] = {}
    for path in picture_files(project):
        values = [sure.get(path.name, {}).get(tag, 0.0) for tag in tags]
        rows[sha256_of(path)] = pack(np.array(values, dtype=np.float32))
    assert index.keep_scores(key, rows)
    project.write_settings({**project.read_settings(), "tagging": {"taggers": TAGGER}})


def picture_files(project: Project) -> list[Path]:
    return sorted(project.dataset_dir.glob("*/*.png"))
