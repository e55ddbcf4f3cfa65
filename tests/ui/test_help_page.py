"""Remote help in two browsers: the owner's on this computer, the friend's at the link."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="playwright is not installed") if not os.environ.get(
    "LORABAKE_REQUIRE_BROWSER"
) else None

from playwright.sync_api import Browser, expect  # noqa: E402  (after the reason to skip)

from tests.ui.browsing import make_project, open_section, visit, watched  # noqa: E402
from tests.ui.conftest import running_page  # noqa: E402
from tests.ui.inspecting import add_box  # noqa: E402

pytestmark = pytest.mark.browser

PROGRAM = Path(__file__).with_name("shared_page.py")


def test_a_friend_helps(browser: Browser, tmp_path: Path) -> None:
    """A code, a caption, no keys, a proposal, a yes, and the end of the visit."""
    project = make_project(tmp_path / "workspace", "hsr", {"a": "kafka", "b": "kafka, solo"})
    project.write_settings({"preset": "practice"})
    with (
        running_page(tmp_path / "workspace", program=PROGRAM) as page,
        watched(browser) as (owners, _),
    ):
        owner = visit(owners, page.address)
        owner.get_by_role("button", name="Let a friend help").click()
        panel = owner.get_by_role("region", name="Let a friend help")
        panel.get_by_role("button", name="Make a link").click()
        url = panel.locator(".lb-help-url").inner_text()
        panel.get_by_role("button", name="Code for a helper").click()
        code = panel.locator(".lb-help-code code").inner_text()

        friends = browser.new_context(viewport={"width": 1280, "height": 900})
        friend = friends.new_page()
        friend.goto(url)
        friend.get_by_label("Your name").fill("Mika")
        friend.get_by_label("Code").fill(code)
        friend.get_by_role("button", name="Come in").click()
        expect(friend.locator(".lb-help-strip")).to_contain_text("You help as Mika")
        expect(panel.locator(".lb-help-list")).to_contain_text("Mika helps")
        expect(friend.get_by_role("button", name="Let a friend help")).to_be_hidden()

        expect(friend.get_by_role("button", name="Create project")).to_be_hidden()
        open_section(friend, "editor")
        friend.locator("#lb-editor .lb-cell").first.click()
        add_box(friend).click()
        friend.keyboard.type("hat")
        friend.keyboard.press("Enter")
        expect(panel).to_contain_text("Mika Edit a.txt")
        caption = project.dataset_dir / "2_kafka" / "a.txt"
        assert caption.read_text(encoding="utf-8") == "kafka, hat"

        open_section(friend, "oven")
        expect(friend.locator("#lb-plan")).to_be_visible()
        expect(friend.locator("#lb-shelf")).to_be_hidden()
        expect(friend.locator("input[type=password]")).to_have_count(0)

        open_section(friend, "baking")
        friend.locator("#lb-bake").click()
        expect(friend.locator(".lb-help-strip")).to_contain_text("Proposed: Bake hsr")
        assert not project.runs()
        expect(panel).to_contain_text("Mika proposes: Bake hsr")
        panel.get_by_role("button", name="Approve").click()
        expect(panel).to_contain_text("begun")
        assert len(project.runs()) == 1

        panel.get_by_role("button", name="End the link").click()
        expect(friend.locator(".lb-help-strip")).to_contain_text("The visit is over")
        expect(panel).to_contain_text("Make a link")
        friends.close()
