"""What is trained, and how the settings change with it: shown first, then made by one button."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from lorabake.concepts.subjects import SUBJECTS, Subject, changes_for
from lorabake.core.errors import DatasetError
from lorabake.core.workspace import Project
from lorabake.recipe.recipe import Recipe, recipe_to_mapping, with_setting
from lorabake.ui.answers import answered, text
from lorabake.ui.chosen import in_order, laid_over, read_chosen, write_chosen
from lorabake.ui.concept_view import remember, remembered
from lorabake.ui.numbers import undo
from lorabake.ui.place import place
from lorabake.ui.planned import change_rows
from lorabake.ui.words import plural

OVERLAYS: Final = frozenset(subject.overlay for subject in SUBJECTS if subject.overlay)
BACK: Final = "As in the preset: an earlier choice here had changed it."


@answered("look")
def lb_concept_subject(data: dict[str, Any]) -> dict[str, Any]:
    """{project, subject: "" for the remembered one} → {subjects, subject, changes, offered}.

    A change: {key, label, before, after, why}; the offered ones are made only where they are asked for.
    """
    project = place().project(data.get("project"))
    name = text(data, "subject", limit=40) or remembered(project).subject
    answer: dict[str, Any] = {
        "subjects": [
            {"name": one.name, "label": one.label, "help": one.help, "captions": one.captions}
            for one in SUBJECTS
        ],
        "subject": name if name in SUBJECTS else "",
        "changes": [],
        "offered": [],
    }
    if name in SUBJECTS:
        before = read_chosen(project).recipe
        _, recipe = _planned(project, SUBJECTS[name], ())
        answer["changes"] = _rows(SUBJECTS[name], before, recipe)
        more = [one.setting for one in changes_for(name, recipe_to_mapping(recipe)) if one.optional]
        _, further = _planned(project, SUBJECTS[name], more)
        answer["offered"] = _rows(SUBJECTS[name], recipe, further)
    return answer


@answered("edit")
def lb_concept_train(data: dict[str, Any]) -> dict[str, Any]:
    """{project, subject, also: [keys of offered changes]} → {said, changed}: one step back undoes it."""
    project = place().project(data.get("project"))
    subject = SUBJECTS[_known(text(data, "subject", limit=40))]
    also = data.get("also")
    wanted = [one for one in also if isinstance(one, str)] if isinstance(also, list) else []
    before = read_chosen(project)
    overlays, recipe = _planned(project, subject, wanted)
    changed = len(change_rows(before.recipe, recipe))
    if changed or overlays != before.overlays:
        write_chosen(project, before.preset, overlays, recipe, undoable=True)
    remember(project, subject=subject.name)
    return {"said": f"{subject.label}: {plural(changed, 'setting')} changed.", "changed": changed}


@answered("edit")
def lb_concept_choose(data: dict[str, Any]) -> dict[str, Any]:
    """{project, subject}: remember what is trained; settings stay."""
    project = place().project(data.get("project"))
    remember(project, subject=_known(text(data, "subject", limit=40)))
    return {}


@answered("edit")
def lb_concept_settings_back(data: dict[str, Any]) -> dict[str, Any]:
    """{project} → {said}: the settings as they were before the last step here or in "Preparing the oven"."""
    return undo(place().project(data.get("project")))


def _known(name: str) -> str:
    if name not in SUBJECTS:
        raise DatasetError("Choose what you are training first.")
    return name


def _planned(
    project: Project, subject: Subject, also: Collection[str]
) -> tuple[tuple[str, ...], Recipe]:
    """Overlays and recipe with the subject's changes; also: those of the offered ones that are wanted."""
    before = read_chosen(project)
    rest = [name for name in before.overlays if name not in OVERLAYS]
    overlays = in_order([*rest, subject.overlay] if subject.overlay else rest)
    recipe = laid_over(before, overlays)
    for one in changes_for(subject.name, recipe_to_mapping(recipe)):
        if not one.optional or one.setting in also:
            recipe = with_setting(recipe, one.setting, one.after)
    return overlays, recipe


def _rows(subject: Subject, before: Recipe, after: Recipe) -> list[dict[str, str]]:
    reasons = {one.setting: one.why for one in subject.changes}
    return [{**row, "why": reasons.get(row["key"], BACK)} for row in change_rows(before, after)]


CALLS = (lb_concept_subject, lb_concept_train, lb_concept_choose, lb_concept_settings_back)
