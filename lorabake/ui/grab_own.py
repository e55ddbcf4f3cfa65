"""Adding pictures of one's own to a project: uploaded files, folders and zip archives."""

from __future__ import annotations

import shutil
from typing import Any

from lorabake.collect.own import Added, add_own
from lorabake.core.errors import DatasetError
from lorabake.core.workspace import Project
from lorabake.recipe.share import (
    CHECKLIST,
    MOST_GENERATED,
    generated_pictures,
    generated_share,
)
from lorabake.ui.answers import answered, number, text
from lorabake.ui.place import place
from lorabake.ui.uploads import batch_folder
from lorabake.ui.words import plural

MAX_BATCHES = 2000  # folders of one drop
MAX_NAMED = 200  # files that were left out, named one by one
MAX_REVIEWED = 500  # generated pictures that can be looked at one by one


@answered("upload")
def lb_grab_own(data: dict[str, Any]) -> dict[str, Any]:
    """Take what was uploaded into a concept as one step. batches: one for each folder of the drop."""
    project = place().project(data.get("project"))
    listed = data.get("batches")
    named = listed[:MAX_BATCHES] if isinstance(listed, list) else []
    batches = [batch_folder(str(one)) for one in named]
    try:
        here = [batch for batch in batches if batch.is_dir()]
        if not here:
            raise DatasetError("Nothing arrived. Choose the pictures once more.")
        folder = text(data, "folder", limit=200).strip()
        if not folder:
            raise DatasetError("Choose the folder first that the pictures go into.")
        added = add_own(
            place().workspace,
            project.name,
            here,
            folder,
            repeats=number(data, "repeats", otherwise=1, low=1, high=1000),
            extension=place().caption_extension(project),
            prompts=data.get("prompts") is not False,
        )
    finally:
        for batch in batches:
            shutil.rmtree(batch, ignore_errors=True)
        place().forget(project.name)
    return added_view(added, folder, project)


def added_view(added: Added, folder: str, project: Project) -> dict[str, Any]:
    """What came in, how to take it back, and what was left out."""
    return {
        "said": added_text(added, folder),
        "saved": len(added.saved),
        "generated": added.generated,
        "share": share_text(project) if added.generated else "",
        "review": _painted(added, project) if added.generated else [],
        "checklist": [[check.name, check.label, check.help] for check in CHECKLIST],
        "operation": added.outcome.operation.id if added.outcome.operation else None,
        "skipped": [sentence for _, sentence in added.skipped[:MAX_NAMED]],
        "left_out": len(added.skipped),
    }


def _painted(added: Added, project: Project) -> list[list[str]]:
    """[id, sha256, name] of those that a model painted, to be looked at one by one."""
    shelf = place().shelf(project.name)
    painted = generated_pictures(shelf.dataset)
    new = [shelf.by_id[id] for id in added.saved if id in shelf.by_id]
    found = [one for one in new if one.sha in painted][:MAX_REVIEWED]
    return [[one.id, one.sha, one.path.name] for one in found]


def share_text(project: Project) -> str:
    """How much of an epoch a model painted, and whether that is much."""
    share = generated_share(place().shelf(project.name).dataset)
    said = f"Generated pictures are {share.percent:.0f} % of what an epoch shows"
    if share.is_over():
        return (
            f"{said}, more than {MOST_GENERATED} %: keep the best of them, or lower their repeats."
        )
    return f"{said}."


def added_text(added: Added, folder: str) -> str:
    """ "Added 12 pictures to kafka; 3 of them were painted by a model." """
    count = len(added.saved)
    if not count:
        return "No picture was added."
    said = f"Added {plural(count, 'picture')} to {folder}"
    if added.generated == count:
        return f"{said}, all of them AI-generated."
    return f"{said}, {added.generated:,} of them AI-generated." if added.generated else f"{said}."
