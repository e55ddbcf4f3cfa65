"""What "dupeGuru" asks and does: how the scan stands, its groups, marks into the bin and back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lorabake.core.errors import DatasetError
from lorabake.core.history import Outcome, open_history
from lorabake.core.marks import read_marks
from lorabake.core.workspace import Project
from lorabake.duplicates.groups import Group, Member, group
from lorabake.duplicates.mark import delete_marked, never_show
from lorabake.duplicates.settings import DuplicateSettings
from lorabake.ui.answers import answered, number, text
from lorabake.ui.chosen import update_settings
from lorabake.ui.collection import Picture, Shelf
from lorabake.ui.dup_find import Search, searches
from lorabake.ui.place import of_place, place
from lorabake.ui.words import plural

KEY = "duplicates"  # in project.json
PAIRS = "pairs"  # of core.marks
MAX_IDS = 100_000
MAX_TOLD = 50


@answered("look")
def lb_dup(data: dict[str, Any]) -> dict[str, Any]:
    """{project} → how the scan stands, what is chosen, and what undo and redo would do."""
    project = place().project(data.get("project"))
    shelf = place().shelf(project.name)
    history = open_history(project.dataset_dir)
    undo, redo = history.can_undo, history.can_redo
    return {
        "pictures": len(shelf.by_id),
        "folders": [concept.folder.name for concept in shelf.dataset.concepts],
        "version": shelf.version,
        "listing": shelf.listing,
        "scan": _scan_row(searches.of(project.name), shelf),
        "chosen": chosen(project),
        "pairs": len(read_marks(project.dataset_dir, PAIRS)),
        "undo": undo.title if undo else "",
        "redo": redo.title if redo else "",
    }


@answered("start", what="Look for duplicates")
def lb_dup_scan(data: dict[str, Any]) -> dict[str, Any]:
    """Look at every picture; those that were looked at before take no time."""
    project = place().project(data.get("project"))
    shelf = place().shelf(project.name, thorough=True)
    if len(shelf.by_id) < 2:
        raise DatasetError("There is nothing to compare yet. Add pictures first.")
    return {"scan": _scan_row(searches.begin(project.name, shelf), shelf)}


@answered("stop")
def lb_dup_stop(data: dict[str, Any]) -> dict[str, Any]:
    searches.stop(place().project(data.get("project")).name)
    return {}


@answered("edit")
def lb_dup_set(data: dict[str, Any]) -> dict[str, Any]:
    """{project, key, value} of `chosen`; remembered for the project."""
    project = place().project(data.get("project"))
    values = chosen(project)
    key, value = text(data, "key", limit=40), data.get("value")
    if key not in values:
        raise DatasetError("This setting is no longer there. Reload the page.")
    if key == "hardness":
        values[key] = number(data, "value", otherwise=DuplicateSettings().hardness, low=1, high=100)
    elif isinstance(value, type(values[key])):
        values[key] = value[:400] if isinstance(value, str) else value
    update_settings(project, **{KEY: values})
    return {"chosen": values}


def chosen(project: Project) -> dict[str, Any]:
    """What the project remembers; a value that does not fit is the usual one."""
    usual = DuplicateSettings()
    values: dict[str, Any] = {
        "hardness": usual.hardness,
        "prefer_folder": usual.prefer_folder,
        "merge_tags": usual.merge_tags,
    }
    saved = project.read_settings().get(KEY)
    for key, value in (saved if isinstance(saved, dict) else {}).items():
        if key in values and type(value) is type(values[key]):
            values[key] = value
    values["hardness"] = min(100, max(1, values["hardness"]))
    return values


def found_groups(project: str) -> int | None:
    """How many groups of duplicates there are, as they were shown last; None before a scan."""
    return _found.get(project)


_found: dict[str, int] = of_place(dict)  # project → groups of the last answer


# --- groups ------------------------------------------------------------------------------------


@answered("look")
def lb_dup_groups(data: dict[str, Any]) -> dict[str, Any]:
    """{project, hardness, prefer_folder} → {number, groups}, as `_group_row` writes them.

    Those that hold marks first, then variants. Pictures that went since the scan are left out.
    """
    project = place().project(data.get("project"))
    shelf = place().shelf(project.name)
    search = searches.of(project.name)
    if search is None or search.found is None:
        return {"number": 0, "groups": [], "unreadable": []}
    usual = chosen(project)
    hardness = number(data, "hardness", otherwise=usual["hardness"], low=1, high=100)
    preferred = data.get("prefer_folder")
    found = group(
        search.found,
        hardness=hardness,
        ignored_pairs=read_marks(project.dataset_dir, PAIRS),
        prefer_folder=preferred if isinstance(preferred, str) else usual["prefer_folder"],
    )
    rows = [row for one in found.groups if (row := _group_row(one, project, shelf)) is not None]
    _found[project.name] = sum(not row["variant"] for row in rows)
    return {
        "number": search.number,
        "listing": shelf.listing,
        "hardness": hardness,
        "groups": sorted(rows, key=lambda row: row["variant"]),
    }


def _group_row(one: Group, project: Project, shelf: Shelf) -> dict[str, Any] | None:
    """{variant, pictures: the one to keep first}; None when fewer than two are left."""
    there = [
        (member, picture)
        for member in one.members
        if (picture := _picture(member.id, project, shelf)) is not None
    ]
    if len(there) < 2:
        return None
    there.sort(key=lambda pair: pair[0].id != one.keep)
    return {
        "variant": one.variant,
        "pictures": [_member_row(member, picture) for member, picture in there],
    }


def _member_row(member: Member, picture: Picture) -> list[Any]:
    """[id, sha256, name, folder, width, height, bytes, match, kind, reason, marked]"""
    try:
        size = picture.path.stat().st_size
    except OSError:
        size = 0
    return [
        picture.id,
        picture.sha,
        picture.path.name,
        picture.folder,
        picture.width,
        picture.height,
        size,
        member.match,
        member.kind,
        member.reason,
        member.marked,
    ]


def _picture(id: object, project: Project, shelf: Shelf) -> Picture | None:
    """The picture of a scan's id, if it is still there."""
    name = Path(str(id))
    if name.is_absolute() and name.is_relative_to(project.dataset_dir):
        name = name.relative_to(project.dataset_dir)
    return shelf.by_id.get(name.as_posix())


def _scan_row(search: Search | None, shelf: Shelf) -> dict[str, Any] | None:
    if search is None:
        return None
    found = search.found
    bad = list(found.unreadable) if found is not None else []
    return {
        "number": search.number,
        "running": search.running,
        "stopping": search.running and search.stop.is_set(),
        "stopped": not search.running and search.stop.is_set(),
        "done": search.done,
        "total": search.total,
        "left": search.seconds_left,
        "seconds": search.ended - search.begun if search.ended else None,
        "problem": search.problem,
        "over": found is not None,
        "looked": search.looked if found is not None else 0,
        "new": sum(picture.sha not in search.known for picture in shelf.pictures)
        if found is not None
        else 0,
        "unreadable": [[str(path), str(why)] for path, why in bad[:MAX_TOLD]],
        "unreadable_count": len(bad),
    }


# --- doing -------------------------------------------------------------------------------------


@answered("own")
def lb_dup_delete(data: dict[str, Any]) -> dict[str, Any]:
    """{project, twins: [[id, id of the one that is kept]], merge} → what was done."""
    project = place().project(data.get("project"))
    shelf = place().shelf(project.name, thorough=True)
    pairs = _pairs(data, shelf)
    if not pairs:
        raise DatasetError("These pictures are no longer there. They may have been moved.")
    merge = data.get("merge") is True
    outcomes = delete_marked(
        project.dataset_dir,
        {gone.path: kept.path for gone, kept in pairs},
        merge_tags=merge,
        extension=place().caption_extension(project),
    )
    for outcome in outcomes:
        place().captions_changed(project.name, outcome.changed)
    place().forget(project.name)
    left = set(place().shelf(project.name).by_id)
    gone = sum(one.id not in left for one, _ in pairs)
    said = f"{plural(gone, 'picture')} moved to the bin." if gone else "Nothing was moved."
    return {"said": said, **_done(outcomes)}


@answered("own")
def lb_dup_never(data: dict[str, Any]) -> dict[str, Any]:
    """{project, pairs: [[id, id]]}: these are no duplicates; a step that undo takes back."""
    project = place().project(data.get("project"))
    pairs = _pairs(data, place().shelf(project.name), name="pairs")
    if not pairs:
        raise DatasetError("These pictures are no longer there. They may have been moved.")
    outcomes = [never_show(project.dataset_dir, one.sha, other.sha) for one, other in pairs]
    return {"said": "This pair will not be shown again.", **_done(outcomes)}


@answered("own")
def lb_dup_step(data: dict[str, Any]) -> dict[str, Any]:
    """{project, redo, operations}: undo or redo; with `operations`, just those, if they are next."""
    project = place().project(data.get("project"))
    history = open_history(project.dataset_dir)
    redo = data.get("redo") is True
    listed = data.get("operations")
    wanted = (
        {one for one in listed[:10] if isinstance(one, int)} if isinstance(listed, list) else None
    )
    step = history.can_redo if redo else history.can_undo
    if wanted is not None and (step is None or step.id not in wanted):
        raise DatasetError(
            "Something else was done since. Undo that first, with the button beside the marks."
        )
    outcomes = []
    while step is not None or wanted is None:
        outcomes.append(history.redo() if redo else history.undo())
        step = history.can_redo if redo else history.can_undo
        if wanted is None or step is None or step.id not in wanted:
            break
    for outcome in outcomes:
        place().captions_changed(project.name, outcome.changed)
    names = "; ".join(one.operation.title for one in outcomes if one.operation)
    return {"said": f"{'Done again' if redo else 'Undone'}: {names}.", **_done(outcomes)}


def _pairs(
    data: dict[str, Any], shelf: Shelf, name: str = "twins"
) -> list[tuple[Picture, Picture]]:
    """The pictures of [[id, id]]; whatever is not two different ones is left out."""
    listed = data.get(name)
    found = []
    for entry in listed[:MAX_IDS] if isinstance(listed, list) else ():
        if isinstance(entry, list) and len(entry) == 2 and entry[0] != entry[1]:
            one, other = (shelf.by_id.get(id) for id in entry if isinstance(id, str))
            if one is not None and other is not None:
                found.append((one, other))
    return found


def _done(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    skipped = [list(pair) for outcome in outcomes for pair in outcome.skipped]
    return {
        "operations": [one.operation.id for one in outcomes if one.operation],
        "skipped": skipped[:MAX_TOLD],
        "skipped_count": len(skipped),
    }


CALLS = (
    *(lb_dup, lb_dup_scan, lb_dup_stop, lb_dup_set, lb_dup_groups),
    *(lb_dup_delete, lb_dup_never, lb_dup_step),
)
