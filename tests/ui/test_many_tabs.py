"""Twelve tabs of one browser: each opens, and what is typed in the last reaches the disk and the first."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="playwright is not installed") if not os.environ.get(
    "LORABAKE_REQUIRE_BROWSER"
) else None

from playwright.sync_api import Browser, expect  # noqa: E402

from tests.ui.browsing import make_project, open_section, visit, watched  # noqa: E402
from tests.ui.conftest import running_page  # noqa: E402

pytestmark = pytest.mark.browser
TABS = 12


def test_twelve_tabs_stay_usable(browser: Browser, tmp_path: Path) -> None:
    """A browser keeps six connections to an address; a tab that held one for good would block the seventh."""
    project = make_project(tmp_path / "workspace", "kafka", {"a": "1girl", "b": "solo"})
    with running_page(tmp_path / "workspace") as page, watched(browser) as (context, _):
        tabs = [visit(context, page.address) for _ in range(TABS)]
        first, last = tabs[0], tabs[-1]
        last.bring_to_front()
        open_section(last, "editor")
        last.locator('#lb-editor .lb-cell:has(img[alt="a.png"])').click()
        box = last.get_by_label("Add a tag", exact=True)
        box.fill("smile")
        box.press("Enter")
        expect(last.locator("#lb-editor .lb-inspector .lb-save")).to_contain_text("Saved")
        assert (project.dataset_dir / "2_kafka" / "a.txt").read_text("utf-8") == "1girl, smile"
        first.bring_to_front()
        open_section(first, "editor")
        first.locator('#lb-editor .lb-cell:has(img[alt="a.png"])').click()
        expect(first.locator("#lb-editor .lb-tags-view .lb-tag-name > span")).to_have_text(
            ["1girl", "smile"]
        )
