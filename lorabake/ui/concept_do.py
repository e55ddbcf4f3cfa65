"""What "Concepts, styles, outfits" does with pictures and folders: sorting, new folders, names, undo."""

from __future__ import annotations

import errno
from typing import Any

from lorabake.concepts.balancing import Applied, take_back
from lorabake.concepts.sorting import (
    PILE,
    assign,
    folder_for,
    one_tag,
    set_repeats,
    set_trigger,
)
from lorabake.core.caption import parse_caption, with_tags
from lorabake.core.dataset import split_concept_name
from lorabake.core.errors import DatasetError
from lorabake.core.history import Operation, Outcome, open_history
from lorabake.core.names import name_key, shown
from lorabake.core.tags import tag_key
from lorabake.core.workspace import Project
from lorabake.ui.answers import answered, number, text
from lorabake.ui.collection import Picture as ShelfPicture
from lorabake.ui.concept_view import (
    MAX_IDS,
    card_of,
    cards,
    look,
    named,
    remember,
    remember_folders,
    remembered,
    said,
)
from lorabake.ui.place import place
from lorabake.ui.together import change_together, known_ids
from lorabake.ui.words import plural

MAX_NAME = 200


@answered("own")
def lb_concept_assign(data: dict[str, Any]) -> dict[str, Any]:
    """{project, ids, folder: "" for the pile} → {title, changed, skipped, pictures}."""
    project = place().project(data.get("project"))
    pictures = named(project, known_ids(data, MAX_IDS))
    folder = text(data, "folder", limit=MAX_NAME)
    if folder != PILE:
        card_of(project, folder)
    outcome = assign(project.dataset_dir, pictures, folder)
    return {**said(project, outcome), "pictures": len(pictures)}


@answered("own")
def lb_concept_folder(data: dict[str, Any]) -> dict[str, Any]:
    """{project, trigger, ids} → {folder, title, changed, skipped, pictures}: a new folder, with pictures."""
    project = place().project(data.get("project"))
    root, trigger = project.dataset_dir, one_tag(text(data, "trigger", limit=MAX_NAME))
    ids = known_ids(data, MAX_IDS)
    pictures = named(project, ids) if ids else []
    folder = folder_for(root, trigger)
    remember_folders(project, [trigger])
    (root / folder).mkdir(exist_ok=True)
    outcome = assign(root, pictures, folder) if pictures else Outcome(None)
    return {**said(project, outcome), "folder": folder, "pictures": len(pictures)}


@answered("own")
def lb_concept_remove(data: dict[str, Any]) -> dict[str, Any]:
    """{project, folder}: take away a folder without anything in it."""
    project = place().project(data.get("project"))
    card = card_of(project, text(data, "folder", limit=MAX_NAME))
    try:
        (project.dataset_dir / card.folder).rmdir()
    except OSError as error:
        why = "it is not empty" if error.errno == errno.ENOTEMPTY else str(error.strerror)
        raise DatasetError(f"{shown(card.folder)} could not be removed: {why}.") from error
    place().forget(project.name)
    return {}


@answered("edit")
def lb_concept_repeats(data: dict[str, Any]) -> dict[str, Any]:
    """{project, folder, repeats} → {folder}: the number in front of its name."""
    project = place().project(data.get("project"))
    card = card_of(project, text(data, "folder", limit=MAX_NAME))
    repeats = number(data, "repeats", otherwise=0, low=0, high=10**6)
    renamed = set_repeats(project.dataset_dir / card.folder, repeats)
    place().forget(project.name)
    return {"folder": renamed.name}


@answered("own")
def lb_concept_rename(data: dict[str, Any]) -> dict[str, Any]:
    """{project, folder, trigger} → {folder, changed}: another trigger, in its captions too."""
    project = place().project(data.get("project"))
    card = card_of(project, text(data, "folder", limit=MAX_NAME))
    trigger = one_tag(text(data, "trigger", limit=MAX_NAME))
    seen = look(project).sorting
    for other in cards(project, seen):
        if other.folder != card.folder and name_key(other.trigger) == name_key(trigger):
            raise DatasetError(
                f"There is already a folder for {shown(trigger)}. Move the pictures together instead."
            )
    order = [one.trigger for one in cards(project, seen)]
    renamed = set_trigger(project.dataset_dir / card.folder, trigger)
    remember(project, order=[trigger if one == card.trigger else one for one in order])
    place().forget(project.name)
    return {
        "folder": renamed.name,
        "changed": _retriggered(project, renamed.name, card.trigger, trigger),
    }


def _retriggered(project: Project, folder: str, old: str, new: str) -> int:
    """Captions that had the old trigger have the new one in its place; how many."""
    shelf = place().shelf(project.name)
    ids = [one.id for one in shelf.pictures if one.folder == folder]

    def change(_: ShelfPicture, caption: str) -> str:
        tags = parse_caption(caption).tags
        if all(tag_key(tag) != tag_key(old) for tag in tags):
            return caption
        return with_tags(caption, [new if tag_key(tag) == tag_key(old) else tag for tag in tags])

    def title(longer: int, others: int) -> str:
        return f"{shown(old)} is {shown(new)} in {plural(longer + others, 'caption')}"

    return len(change_together(project, ids, change, title).changed)


# --- undo and redo --------------------------------------------------------------------------------


@answered("own")
def lb_concept_undo(data: dict[str, Any]) -> dict[str, Any]:
    """{project} → as `said`. Undoing a balance brings the folders' repeats back as well."""
    project = place().project(data.get("project"))
    history = open_history(project.dataset_dir)
    applied = balanced(project)
    if applied is not None and _is_newest(applied.set_aside.operation, history.can_undo):
        return said(project, take_back(project.dataset_dir, applied))
    return said(project, history.undo())


@answered("own")
def lb_concept_redo(data: dict[str, Any]) -> dict[str, Any]:
    """{project} → as `said`; a balance that is done again sets the repeats again."""
    project = place().project(data.get("project"))
    root, history = project.dataset_dir, open_history(project.dataset_dir)
    applied, next_one = balanced(project), history.can_redo
    outcome = history.redo()
    if applied is not None and _is_newest(applied.set_aside.operation, next_one):
        for old, new in applied.renamed.items():
            repeats, _ = split_concept_name(new)
            if repeats and (root / old).is_dir():
                set_repeats(root / old, repeats)
    return said(project, outcome)


@answered("own")
def lb_concept_unbalance(data: dict[str, Any]) -> dict[str, Any]:
    """{project} → as `said`: takes the last balance back, also when it only changed repeats."""
    project = place().project(data.get("project"))
    applied = balanced(project)
    if applied is None:
        raise DatasetError("There is no balance to take back.")
    return said(project, take_back(project.dataset_dir, applied))


def keep_balanced(project: Project, applied: Applied) -> None:
    """Remember what was done, so that it can be taken back after a restart too."""
    operation = applied.set_aside.operation
    record = {"operation": operation.id if operation else None, "renamed": dict(applied.renamed)}
    remember(project, balanced=record)


def balanced(project: Project) -> Applied | None:
    record = remembered(project).balanced
    if record is None or not isinstance(record.get("renamed"), dict):
        return None
    renamed = {str(old): str(new) for old, new in record["renamed"].items()}
    wanted = record.get("operation")
    if wanted is None:
        return Applied(renamed, Outcome(None))
    for operation in open_history(project.dataset_dir).operations():
        if operation.id == wanted:
            return Applied(renamed, Outcome(operation))
    return None


def _is_newest(operation: Operation | None, newest: Operation | None) -> bool:
    return operation is not None and newest is not None and operation.id == newest.id


CALLS = (
    lb_concept_assign,
    lb_concept_folder,
    lb_concept_remove,
    lb_concept_repeats,
    lb_concept_rename,
    lb_concept_undo,
    lb_concept_redo,
    lb_concept_unbalance,
)
