"""A project of the guide's four outfits, one character in each; some sorted, the others on the pile."""

from __future__ import annotations

from random import Random

from playwright.sync_api import Page as Tab

from lorabake.core.workspace import Workspace
from lorabake.practice.characters import Character
from lorabake.practice.draw import draw

NAME = "zeta-outfits"
SIZE = 160  # px
# Trigger: how many pictures, what is worn (on the head first), and where they lie.
OUTFITS = {
    "zetadef": (23, ("crown", "none", "school uniform", "red"), "1_zetadef"),
    "zetasummer": (49, ("hat", "yellow", "dress", "white"), "1_zetasummer"),
    "zetadark": (100, ("none", "none", "hoodie", "black"), ""),
    "zetahalloween": (79, ("hat", "black", "shirt", "purple"), ""),
}


def make_wardrobe(workspace: Workspace) -> None:
    """251 drawings with captions; unless they are there."""
    if NAME in workspace.projects():
        return
    project = workspace.create_project(NAME)
    rng = Random("outfits")
    for trigger, (count, worn, folder) in OUTFITS.items():
        place = project.dataset_dir / folder
        place.mkdir(parents=True, exist_ok=True)
        for number in range(count):
            character = Character(
                *("1girl", "blonde", "long hair", "blue", *worn),
                rng.choice(("smile", "frown", "open mouth")),
                rng.choice(("white", "green", "pink", "grey")),
            )
            path = place / f"{trigger}-{number:03}.png"
            draw(character, rng, SIZE).save(path)
            path.with_suffix(".txt").write_text(", ".join(character.tags()), encoding="utf-8")
    order = {"subject": "outfits", "order": ["zetadef", "zetasummer"]}
    project.write_settings({"preset": "illustrious", "concepts": order})


def suggest_groups(tab: Tab) -> None:
    """Show that project, with groups suggested for what is on the pile."""
    tab.evaluate(f"localStorage.setItem('lorabake:project', JSON.stringify('{NAME}'))")
    tab.reload()
    tab.locator("#sec-concepts > button.label-wrap.open").wait_for()
    panel = tab.locator("#lb-concepts")
    panel.get_by_role("button", name="Suggest groups for 179 pictures").click()
    groups = panel.locator(".lb-con-group .lb-input")
    for number, trigger in enumerate(("zetadark", "zetahalloween")):
        groups.nth(number).fill(trigger)
    panel.locator(".lb-con-left .lb-cell").nth(1).click()
    panel.locator(".lb-con-left .lb-cell").nth(4).click(modifiers=["Shift"])
