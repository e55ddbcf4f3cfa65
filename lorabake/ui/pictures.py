"""What the list of folders asks, and pictures taken in: names in, never paths."""

from __future__ import annotations

import shutil
from typing import Any

from lorabake.core.concept_settings import ConceptSettings, changed_settings
from lorabake.core.dataset import Concept, split_concept_name
from lorabake.core.errors import DatasetError
from lorabake.core.importing import ImportReport
from lorabake.core.settings import setting_fields
from lorabake.core.workspace import Project
from lorabake.ui.answers import answered, number, text
from lorabake.ui.form import shown_text
from lorabake.ui.place import place
from lorabake.ui.uploads import batch_folder

MAX_PROBLEMS = 300
LEVELS = {"error": "bad", "warning": "warn", "note": "info"}


@answered("look")
def lb_folders(data: dict[str, Any]) -> dict[str, Any]:
    """The folders with their counts, and every problem in a sentence."""
    shelf = place().shelf(data.get("project"))
    captioned: dict[str, int] = {}
    for picture in shelf.by_id.values():
        captioned[picture.folder] = captioned.get(picture.folder, 0) + picture.captioned
    folders = [
        {
            "folder": concept.folder.name,
            "name": concept.trigger or concept.name,
            "repeats": concept.repeats,
            "images": len(concept.images),
            "captioned": captioned.get(concept.folder.name, 0),
            "reg": concept.is_reg,
            "own": own_settings(concept),
            "fixed": concept.folder == shelf.dataset.root,
        }
        for concept in shelf.dataset.concepts
    ]
    # An empty project is not a problem; the page already says what to do.
    problems = [
        {"level": LEVELS.get(problem.level, "info"), "text": problem.sentence}
        for problem in shelf.problems[:MAX_PROBLEMS]
        if folders or problem.path != shelf.dataset.root
    ]
    return {"folders": folders, "problems": problems}


@answered("edit")
def lb_repeats(data: dict[str, Any]) -> dict[str, Any]:
    """How often an epoch shows the pictures of one folder."""
    repeats = number(data, "repeats", otherwise=0, low=0, high=10**6)
    place().set_repeats(data.get("project"), {text(data, "folder"): repeats})
    return {}


@answered("edit")
def lb_reg(data: dict[str, Any]) -> dict[str, Any]:
    """Mark a folder as regularisation, or as pictures to learn from."""
    place().set_reg(data.get("project"), text(data, "folder"), data.get("reg") is True)
    return {}


def own_settings(concept: Concept) -> list[str]:
    """What a folder's concept.toml says besides: "Keep tokens 2"."""
    specs = {spec.name: spec for spec in setting_fields(ConceptSettings)}
    changed = changed_settings(concept.settings)
    changed.pop("is_reg", None)
    return [
        f"{specs[name].label} {shown_text(name, specs[name], value)}"
        for name, value in changed.items()
    ]


@answered("upload")
def lb_import(data: dict[str, Any]) -> dict[str, Any]:
    """Take uploaded files into a folder of the project; `notes` say what was left out and why."""
    project = place().project(data.get("project"))
    batch = batch_folder(text(data, "batch", limit=80))
    repeats = number(data, "repeats", otherwise=1, low=1, high=1000)
    if not batch.is_dir():
        raise DatasetError("Nothing arrived. Choose the pictures once more.")
    try:
        folder = _folder_for(project, text(data, "name", limit=200), repeats)
        report = project.import_images(sorted(batch.iterdir()), folder)
    finally:
        shutil.rmtree(batch, ignore_errors=True)
        place().forget(project.name)
    return {"notes": report_notes(report, folder)}


def report_notes(report: ImportReport, folder: str) -> list[tuple[str, str]]:
    """An import in sentences: what was taken, then each thing that was not and why."""
    count = len(report.saved)
    taken = f"Added {count} {'picture' if count == 1 else 'pictures'} to {folder}."
    left = [("warn", sentence) for _, sentence in report.skipped[:MAX_PROBLEMS]]
    if len(report.skipped) > MAX_PROBLEMS:
        left.append(("warn", f"… and {len(report.skipped) - MAX_PROBLEMS} more were left out."))
    return [("ok" if count else "info", taken), *left]


def _folder_for(project: Project, trigger: str, repeats: int) -> str:
    """The concept of that trigger if there is one, whatever its repeats; else a new one."""
    for folder in project.concepts():
        if split_concept_name(folder)[1] == trigger:
            return folder
    return project.create_concept(trigger, repeats).name
