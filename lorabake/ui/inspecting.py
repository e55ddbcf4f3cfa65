"""What the right side of the editor asks: one picture with its tags, saved, undone, and looked through.

`CALLS` and `SCRIPTS` are what the editor's part needs for `makeInspector` (parts/inspector.js).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from lorabake.captions.editing import Saved, redo_picture, save_text, undo_picture
from lorabake.core.caption import StaleCaption, caption_path, parse_caption, read_caption
from lorabake.core.errors import DatasetError
from lorabake.core.index import Index
from lorabake.core.origins import Origins
from lorabake.core.tags import tag_key
from lorabake.core.vocabulary import open_vocabulary
from lorabake.core.workspace import Project
from lorabake.tag.apply import says, tagger_keys
from lorabake.tag.difference import difference
from lorabake.tag.scores import labels_of
from lorabake.ui.answers import answered, text
from lorabake.ui.collection import Picture
from lorabake.ui.place import place
from lorabake.ui.sheets import lb_sheet, lb_toggle
from lorabake.ui.tag_choice import read_tagging
from lorabake.ui.vocabulary import lb_complete, lb_tokens, lb_wiki

MAX_CAPTION = 200_000  # characters; core refuses what is too long for a caption
MAX_ID = 1000
MAX_SAID = 60  # tags of each side


@answered("look")
def lb_open(data: dict[str, Any]) -> dict[str, Any]:
    """{project, id} → {text, hash, note, tags: [[tag, category, origin]]}, as it is on disk now.

    Saving needs the hash. tags: of the line that is trained, in its order.
    """
    return _opened(*_picture(data))


@answered("edit")
def lb_save(data: dict[str, Any]) -> dict[str, Any]:
    """{project, id, text, base_hash, typing} → {hash, tags}, or {conflict, hash}: what is there.

    typing: one of many saves while somebody types, which are undone together.
    """
    project, picture = _picture(data)
    before = picture.tags
    try:
        saved = save_text(
            project.dataset_dir,
            picture.path,
            text(data, "text", limit=MAX_CAPTION),
            text(data, "base_hash", limit=100),
            extension=place().caption_extension(project),
            typing=data.get("typing") is True,
        )
    except StaleCaption as stale:
        return {"conflict": stale.disk_text, "hash": stale.disk_hash}
    place().caption_saved(project.name, picture)
    _claim(project, picture, before, parse_caption(saved.text).tags)
    return {"hash": saved.hash, "tags": _described(project, picture, saved.text)}


@answered("edit")
def lb_undo_picture(data: dict[str, Any]) -> dict[str, Any]:
    """{project, id} → as `lb_open`, with the newest step of this picture's caption taken back.

    {nothing: true} when there is no such step.
    """
    project, picture = _picture(data)
    extension = place().caption_extension(project)
    return _stepped(
        project, picture, undo_picture(project.dataset_dir, picture.path, extension=extension)
    )


@answered("edit")
def lb_redo_picture(data: dict[str, Any]) -> dict[str, Any]:
    """The reverse of `lb_undo_picture`."""
    project, picture = _picture(data)
    extension = place().caption_extension(project)
    return _stepped(
        project, picture, redo_picture(project.dataset_dir, picture.path, extension=extension)
    )


@answered("look")
def lb_says(data: dict[str, Any]) -> dict[str, Any]:
    """{project, id} → {known, missing: [[tag, category, probability]], doubted: [tag]}.

    missing: the tagger says them, the caption has not; doubted: the reverse. known: false when no
    tagger has looked at the picture yet. With the settings of "Generate tags"; nothing is run.
    """
    project, picture = _picture(data)
    index, workspace = place().index, place().workspace
    settings = read_tagging(project)
    picked = says(index, [picture.sha], settings, workspace=workspace).get(picture.sha)
    if picked is None:
        return {"known": False, "missing": [], "doubted": []}
    # Under the main tag's name, so that an alias is not doubted and said to be missing at once.
    canonical = open_vocabulary(workspace).canonical
    main = {canonical(tag): tag for tag in picture.tags if tag_key(tag) != _trigger(picture)}
    knows = _known_tags(index, tagger_keys(index, settings, workspace))
    missing, doubted = difference(list(main), picked, knows=knows)
    present = set(map(tag_key, picture.tags))
    rows = [
        [one.name, one.category, round(one.probability, 3)]
        for one in sorted(missing, key=lambda one: -one.probability)
        if one.key not in present
    ]
    return {
        "known": True,
        "missing": rows[:MAX_SAID],
        "doubted": [main[tag] for tag in doubted][:MAX_SAID],
    }


CALLS = (
    *(lb_open, lb_save, lb_undo_picture, lb_redo_picture, lb_says, lb_sheet, lb_toggle),
    *(lb_complete, lb_tokens, lb_wiki),
)
SCRIPTS = (
    *("completion", "drafts", "chips", "preview", "wiki", "says", "sheet", "keys"),
    *("inspector_pieces", "inspector"),
)


def _stepped(project: Project, picture: Picture, saved: Saved | None) -> dict[str, Any]:
    if saved is None:
        return {"nothing": True}
    place().caption_saved(project.name, picture)
    return _opened(project, picture)


def _opened(project: Project, picture: Picture) -> dict[str, Any]:
    file = read_caption(caption_path(picture.path, place().caption_extension(project)))
    return {
        "text": file.text,
        "hash": file.hash,
        "note": file.note,
        "tags": _described(project, picture, file.text),
    }


def _described(project: Project, picture: Picture, caption: str) -> list[list[str]]:
    """[tag, category, origin] for each tag of the line that is trained."""
    tags = parse_caption(caption).tags
    origins = Origins.open(project.dataset_dir).of(picture.sha, tags)
    category = open_vocabulary(place().workspace).category
    trigger = _trigger(picture)
    return [
        [tag, "trigger" if tag_key(tag) == trigger else category(tag), origin]
        for tag, origin in zip(tags, origins, strict=True)
    ]


def _claim(
    project: Project, picture: Picture, before: tuple[str, ...], after: tuple[str, ...]
) -> None:
    """What a person adds is theirs, even if a tagger had written it once: it is not replaced again."""
    had = set(map(tag_key, before))
    added = [tag for tag in after if tag_key(tag) not in had]
    origins = Origins.open(project.dataset_dir)
    theirs = zip(added, origins.of(picture.sha, added), strict=True)
    if others := [tag for tag, origin in theirs if origin != "you"]:
        origins.record(picture.sha, others, "you")


@lru_cache(maxsize=8)
def _known_tags(index: Index, taggers: tuple[str, ...]) -> frozenset[str]:
    """Keys of all tags that these taggers can say."""
    return frozenset(tag_key(label.name) for key in taggers for label in labels_of(index, key))


def _trigger(picture: Picture) -> str:
    """The key of its folder's trigger."""
    return tag_key(picture.trigger)


def _picture(data: dict[str, Any]) -> tuple[Project, Picture]:
    """The project and the picture of an id; ids are looked up, never made into a path."""
    project = place().project(data.get("project"))
    picture = place().shelf(project.name).by_id.get(text(data, "id", limit=MAX_ID))
    if picture is None:
        raise DatasetError("This picture is no longer there. Reload the page to see what is.")
    return project, picture
