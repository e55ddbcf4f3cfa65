"""What is closed to a helper or a viewer does not look as if it were open, in two browsers at one link."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="playwright is not installed") if not os.environ.get(
    "LORABAKE_REQUIRE_BROWSER"
) else None

from playwright.sync_api import Browser, BrowserContext, Locator, expect  # noqa: E402
from playwright.sync_api import Page as Tab  # noqa: E402

from tests.ui import invited  # noqa: E402
from tests.ui.browsing import make_project, open_section, visit, watched  # noqa: E402
from tests.ui.conftest import running_page  # noqa: E402
from tests.ui.invited import Parts  # noqa: E402

pytestmark = pytest.mark.browser

PROGRAM = Path(__file__).with_name("shared_page.py")
OWNERS = "Only the owner of this machine may do this"
LOOKING = "You are here to look; a helper may do this"
SECTIONS = (
    *("project", "duplicates", "curating", "improving", "tagging", "processing", "editor"),
    *("concepts", "oven", "baking", "ready"),
)


def come_in(context: BrowserContext, parts: Parts, url: str, role: str) -> Tab:
    tab = context.new_page()
    tab.goto(url)
    tab.get_by_label("Your name").fill("Mika")
    tab.get_by_label("Code").fill(parts.ask("lb_link_code", role=role)["code"])
    tab.get_by_role("button", name="Come in").click()
    tab.locator(".lb-section > button.open").first.wait_for()
    expect(tab.locator(".lb-help-strip")).to_contain_text("Mika")
    return tab


def is_closed(control: Locator, why: str) -> None:
    expect(control).to_be_disabled()
    expect(control).to_have_attribute("title", why)


def walk(tab: Tab) -> tuple[Locator, Locator]:
    """Through all sections; (a picture's keep button, the field for a new tag)."""
    for section in SECTIONS:
        open_section(tab, section)
        if section in ("curating", "editor"):
            tab.locator(f"#sec-{section} .lb-cell").first.click()
    return tab.locator("#sec-curating .lb-keep"), tab.get_by_label("Add a tag", exact=True)


def unlike_its_right(tab: Tab, closed: dict[str, list[str]]) -> list[str]:
    """Controls that look open and are not, or the other way round."""
    found = tab.evaluate(
        """(closed) => {
          const why = new Map(Object.entries(closed).flatMap(([text, names]) => names.map((name) => [name, text])));
          return [...document.querySelectorAll("[data-needs]")].flatMap((node) =>
            (node.matches("button, input, select, textarea") ? [node] : [...node.querySelectorAll("button, input, select, textarea")])
              .filter((one) => one.closest("[data-needs]") === node)
              .filter((one) => (why.get(node.dataset.needs) || "") !== (one.disabled && [...why.values()].includes(one.title) ? one.title : ""))
              .map((one) => `${node.dataset.needs}: ${one.outerHTML.slice(0, 120)}`));
        }""",
        closed,
    )
    return list(found)


def test_each_sees_what_they_may_do(browser: Browser, tmp_path: Path) -> None:
    project = make_project(tmp_path / "workspace", "hsr", {"a": "kafka", "b": "kafka, solo"})
    project.write_settings({"preset": "practice"})
    with running_page(tmp_path / "workspace", program=PROGRAM) as page:
        parts = Parts(page)
        url = parts.open()
        with browser.new_context() as context:
            helper = come_in(context, parts, url, "helper")
            keep, add = walk(helper)
            is_closed(keep, OWNERS)
            is_closed(helper.locator("button", has_text="Load settings…"), OWNERS)
            expect(add).to_be_enabled()
            expect(helper.locator("#lb-preset")).to_be_enabled()
            expect(helper.locator("#lb-bake")).to_be_enabled()  # to propose it
            closed = invited.helper(parts, url).ask(parts, "lb_here")["closed"]
            assert unlike_its_right(helper, closed) == []

        with browser.new_context() as context:
            viewer = come_in(context, parts, url, "viewer")
            keep, add = walk(viewer)
            is_closed(keep, OWNERS)
            is_closed(add, LOOKING)
            is_closed(viewer.locator("#lb-preset"), LOOKING)
            is_closed(viewer.locator("#lb-bake"), LOOKING)
            expect(viewer.locator("button", has_text="Next →")).to_be_enabled()
            # The parts enable their buttons again whenever something changes.
            viewer.evaluate("document.querySelector('#lb-bake').disabled = false")
            is_closed(viewer.locator("#lb-bake"), LOOKING)
            closed = invited.helper(parts, url, "viewer").ask(parts, "lb_here")["closed"]
            assert unlike_its_right(viewer, closed) == []

        with watched(browser) as (context, _):
            owner = visit(context, page.address)
            keep, add = walk(owner)
            expect(keep).to_be_enabled()
            expect(add).to_be_enabled()
            assert owner.locator(f"[title='{OWNERS}'], [title='{LOOKING}']").count() == 0
