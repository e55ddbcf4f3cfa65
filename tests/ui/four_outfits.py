"""The guide's example for the calculator: one character, four outfits, shown as often as each other."""

from __future__ import annotations

from playwright.sync_api import Page as Tab

from lorabake.core.workspace import Workspace
from lorabake.recipe.presets import compose
from lorabake.ui.chosen import write_chosen
from tests.concepts.outfits import outfit

NAME = "four outfits"
FOLDERS = {"5_zetadef": 20, "3_zetasummer": 33, "1_zetadark": 100, "2_zetahalloween": 50}


def make_outfits(workspace: Workspace) -> None:
    """The folders as the guide leaves them, for Illustrious; unless they are there."""
    if NAME in workspace.projects():
        return
    project = workspace.create_project(NAME)
    for folder, count in FOLDERS.items():
        name = folder.partition("_")[2]
        outfit(project.dataset_dir / folder, name, count, trigger=True, size=(832, 1216))
    write_chosen(project, "illustrious", (), compose("illustrious"))


def try_epochs(tab: Tab) -> None:
    """Show that project with another number of epochs tried, and the ways to 1000 steps."""
    tab.evaluate(f"localStorage.setItem('lorabake:project', JSON.stringify('{NAME}'))")
    tab.reload()
    plan = tab.locator("#lb-plan")
    plan.locator(".lb-figure b", has_text="399").wait_for()
    plan.get_by_label("Epochs", exact=True).fill("5")
    plan.get_by_label("Total steps wanted").fill("1200")
    plan.get_by_label("Total steps wanted").blur()
    plan.locator(".lb-way").first.wait_for()
