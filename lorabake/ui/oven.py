"""Preparing the oven: preset and overlays, what the bake will be, models, every setting."""

from __future__ import annotations

from typing import Any

from lorabake.ui import exchanging, foreseen, numbers, planned, recipes, shelves
from lorabake.ui.bakes import readiness
from lorabake.ui.chosen import read_chosen
from lorabake.ui.parts import part
from lorabake.ui.place import place
from lorabake.ui.roles import needs
from lorabake.ui.signals import Desk, now

ID = "oven"
TITLE = "Preparing the oven"
GUIDE = (
    "Choose the preset of your base model; its values are the guide's for a card with 12 GB. "
    "Then look at how often your pictures will be seen, and what that makes."
)


def build(desk: Desk) -> None:
    choice = part(
        "choice",
        calls=(
            recipes.lb_choice,
            recipes.lb_preset,
            recipes.lb_overlay,
            recipes.lb_undo,
            exchanging.lb_load,
            exchanging.lb_use,
            exchanging.lb_leave,
            exchanging.lb_cautions,
        ),
        scripts=("changes", "exchange"),
        elem_id="lb-choice",
    )
    plan = part(
        "plan",
        calls=(
            planned.lb_plan,
            numbers.lb_numbers,
            numbers.lb_use_numbers,
            numbers.lb_take,
            foreseen.lb_foreseen,
            recipes.lb_undo,
        ),
        scripts=("changes", "oven_charts", "calculator", "advice", "foreseen"),
        elem_id="lb-plan",
    )
    shelf = part("shelf", calls=shelves.CALLS, elem_id="lb-shelf")
    settings = part("settings", calls=(recipes.lb_settings, recipes.lb_set), elem_id="lb-settings")
    parts = [choice, plan, shelf, settings]
    quiet: dict[str, Any] = {"show_progress": "hidden"}
    desk.project.change(look, desk.project, parts, **quiet)
    desk.dataset.change(look_again, desk.project, plan, **quiet)
    plan.changed(now, None, desk.dataset, **quiet)
    choice.changed(now, None, desk.dataset, **quiet)


@needs("look")
def look(project: str | None) -> tuple[dict[str, str], ...]:
    """Tell the parts which project to show."""
    return (look_again(project),) * 4


@needs("look")
def look_again(project: str | None) -> dict[str, str]:
    """The same for one part, whose project may have changed."""
    return {"project": project or "", "tick": now()}


def state(project: str) -> str:
    """The title's second half: which preset, how much was changed, how much there is to look at."""
    home = place().project(project)
    chosen, looks = read_chosen(home), readiness(home).get("looks", 0)
    told = [chosen.recipe.title]
    told += [f"{len(chosen.changes)} changed"] if chosen.changes else []
    told += [f"{looks} to look at"] if looks else []
    return ", ".join(told)
