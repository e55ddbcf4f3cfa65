"""Triggers in front of captions, shown before they are written; and what will bleed, with what to do."""

from __future__ import annotations

from typing import Any

from lorabake.concepts.bleed import Bleed, bleeds
from lorabake.concepts.pile import Sorting
from lorabake.concepts.sorting import triggered, write_triggers
from lorabake.core.caption import parse_caption, with_tags
from lorabake.core.dataset import Concept
from lorabake.core.errors import DatasetError
from lorabake.core.names import shown
from lorabake.core.tags import tag_key
from lorabake.core.vocabulary import open_vocabulary
from lorabake.core.workspace import Project
from lorabake.tag.seen import tags_seen
from lorabake.ui.answers import answered, text
from lorabake.ui.collection import Picture as ShelfPicture
from lorabake.ui.concept_view import in_card_order, look
from lorabake.ui.editing import told
from lorabake.ui.place import of_place, place
from lorabake.ui.together import change_together
from lorabake.ui.words import plural

EXAMPLES = 2  # captions of a folder that are shown
LACKING = "bleed.lacking"


@answered("look")
def lb_concept_triggers(data: dict[str, Any]) -> dict[str, Any]:
    """{project} → {folders: [{folder, trigger, captions, changing, examples}], changing, bleeds}.

    examples: [{name, sha, gone, trigger, rest}], captions as they would be. bleeds: [{id, folder,
    text, why, tags, count}].
    """
    project = place().project(data.get("project"))
    seen = look(project)
    concepts = trained(seen.sorting)
    others = {tag_key(one.trigger) for one in concepts}
    order = in_card_order(project, seen.sorting)
    concepts.sort(key=lambda one: order.index(one.folder.name))
    folders = [_folder(one, others) for one in concepts]
    return {
        "folders": folders,
        "changing": sum(one["changing"] for one in folders),
        "bleeds": [
            {"id": one.id, "folder": one.folder, "text": one.text, "why": one.why}
            | {"tags": list(one.tags), "count": len(one.pictures)}
            for one in _bleeds(project)
        ],
    }


@answered("edit")
def lb_concept_write(data: dict[str, Any]) -> dict[str, Any]:
    """{project} → what `told` says: each folder's trigger in front of its captions, as one step."""
    project = place().project(data.get("project"))
    triggers = {one: one.trigger for one in trained(look(project).sorting)}
    extension = place().caption_extension(project)
    return told(project.name, write_triggers(project.dataset_dir, triggers, extension=extension))


@answered("edit")
def lb_concept_name(data: dict[str, Any]) -> dict[str, Any]:
    """{project, folder} → {title, changed, skipped}: the tags its pictures show, into their captions."""
    project = place().project(data.get("project"))
    folder = text(data, "folder", limit=200)
    warning = next(
        (one for one in _bleeds(project) if (one.id, one.folder) == (LACKING, folder)), None
    )
    if warning is None:
        raise DatasetError("These tags are in the captions by now. Look at the warnings again.")

    def change(_: ShelfPicture, caption: str) -> str:
        tags = parse_caption(caption).tags
        had = set(map(tag_key, tags))
        missing = [tag for tag in warning.tags if tag_key(tag) not in had]
        return with_tags(caption, [*tags, *missing]) if missing else caption

    def title(longer: int, others: int) -> str:
        return f"{shown(', '.join(warning.tags))} in {plural(longer + others, 'caption')}"

    step = change_together(project, warning.pictures, change, title)
    return {
        "title": step.title,
        "changed": len(step.changed),
        "skipped": [list(pair) for pair in step.skipped],
    }


def trained(sorting: Sorting) -> list[Concept]:
    """The folders that are learned: all but those for regularisation."""
    return [one for one in sorting.concepts if not one.is_reg]


def _folder(concept: Concept, others: set[str]) -> dict[str, Any]:
    changing = [
        (image, after)
        for image in concept.images
        if (after := triggered(image.caption.tags, concept.trigger, others)) != image.caption.tags
    ]
    return {
        "folder": concept.folder.name,
        "trigger": concept.trigger,
        "captions": len(concept.images),
        "changing": len(changing),
        "examples": [
            {
                "name": image.path.name,
                "sha": image.sha256,
                "gone": [tag for tag in image.caption.tags if tag not in after],
                "trigger": after[0],
                "rest": ", ".join(after[1:]),
            }
            for image, after in changing[:EXAMPLES]
        ],
    }


_known: dict[str, tuple[int, list[Bleed]]] = of_place(dict)


def _bleeds(project: Project) -> list[Bleed]:
    """Looked for again only when pictures or captions changed."""
    seen = look(project)
    known = _known.get(project.name)
    if known is None or known[0] != seen.number:
        tags = tags_seen(place().index, [one.sha256 for one in seen.sorting.pictures])
        vocabulary = open_vocabulary(place().workspace)
        known = (seen.number, bleeds(seen.sorting, vocabulary=vocabulary, seen=tags))
        _known[project.name] = known
    return known[1]


CALLS = (lb_concept_triggers, lb_concept_write, lb_concept_name)
