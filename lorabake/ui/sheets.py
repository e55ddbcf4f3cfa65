"""The yes/no sheet: one tag over all pictures, and switching it in many of them as one step."""

from __future__ import annotations

from functools import partial
from typing import Any

from lorabake.core.caption import parse_caption, with_tags
from lorabake.core.errors import DatasetError
from lorabake.core.tags import tag_key
from lorabake.core.vocabulary import open_vocabulary
from lorabake.tag.apply import probabilities
from lorabake.ui.answers import answered, text
from lorabake.ui.collection import Picture, cached_key
from lorabake.ui.place import place
from lorabake.ui.tag_choice import read_tagging
from lorabake.ui.together import change_together
from lorabake.ui.words import plural

MAX_TAG = 300  # characters
MAX_CHANGES = 100_000
MAX_TOLD = 20  # files that were left out, told one by one
UNSURE = 0.01  # below this, the tagger does not see it at all


@answered("look")
def lb_sheet(data: dict[str, Any]) -> dict[str, Any]:
    """{project, tag} → {has: ids, says: {id: probability}, known, category}.

    known: whether a tagger that knows the tag has looked at the pictures.
    """
    project, tag = place().project(data.get("project")), _tag(data)
    pictures = place().shelf(project.name).pictures
    key = tag_key(tag)
    sure = probabilities(
        place().index,
        [picture.sha for picture in pictures],
        tag,
        read_tagging(project),
        workspace=place().workspace,
    )
    seen = ((picture.id, sure.get(picture.sha, 0.0)) for picture in pictures)
    return {
        "has": [p.id for p in pictures if any(cached_key(one) == key for one in p.tags)],
        "says": {id: round(value, 3) for id, value in seen if value >= UNSURE},
        "known": bool(sure),
        "category": open_vocabulary(place().workspace).category(tag),
    }


@answered("edit")
def lb_toggle(data: dict[str, Any]) -> dict[str, Any]:
    """{project, tag, changes: [[id, has]]} → {changed: ids, skipped: [[id, sentence]], title}.

    One step of the history. Each caption is read now and only this tag of it changed, so that no
    other edit can be lost.
    """
    project, tag = place().project(data.get("project")), _tag(data)
    wishes, key = dict(_changes(data)), tag_key(tag)

    def change(picture: Picture, caption: str) -> str:
        return toggled(caption, tag, wishes[picture.id], front=tag_key(picture.trigger) == key)

    step = change_together(project, wishes, change, partial(_title, tag))
    return {
        "changed": list(step.changed),
        "skipped": [list(pair) for pair in step.skipped[:MAX_TOLD]],
        "title": step.title,
    }


def toggled(caption: str, tag: str, has: bool, *, front: bool = False) -> str:
    """The caption with this tag at its end or front, or without it; any spelling is the same."""
    tags, key = parse_caption(caption).tags, tag_key(tag)
    if any(tag_key(one) == key for one in tags) == has:
        return caption
    if not has:
        return with_tags(caption, [one for one in tags if tag_key(one) != key])
    return with_tags(caption, [tag, *tags] if front else [*tags, tag])


def _title(tag: str, added: int, removed: int) -> str:
    """As the history names the step: `Added "smile" to 5 captions, removed it from 2`."""
    if not removed:
        return f'Added "{tag}" to {plural(added, "caption")}'
    if not added:
        return f'Removed "{tag}" from {plural(removed, "caption")}'
    return f'Added "{tag}" to {plural(added, "caption")}, removed it from {removed}'


def _tag(data: dict[str, Any]) -> str:
    """One tag, as it will stand in captions."""
    tag = " ".join(text(data, "tag", limit=MAX_TAG + 1).replace("\0", "").split())
    if not tag or "," in tag or len(tag) > MAX_TAG:
        raise DatasetError("Write one tag, without a comma.")
    return tag


def _changes(data: dict[str, Any]) -> list[tuple[str, bool]]:
    """The last wish for each picture; whatever is not [id, true or false] is left out."""
    listed = data.get("changes")
    wishes: dict[str, bool] = {}
    for entry in listed[:MAX_CHANGES] if isinstance(listed, list) else ():
        if isinstance(entry, list) and len(entry) == 2:
            id, wanted = entry
            if isinstance(id, str) and isinstance(wanted, bool):
                wishes[id] = wanted
    return list(wishes.items())
