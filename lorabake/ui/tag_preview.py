"""What a threshold would do: from stored probabilities, so that moving it runs no tagger."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lorabake.core.caption import CaptionFile, caption_path
from lorabake.core.origins import Origins
from lorabake.core.tags import tag_key
from lorabake.core.vocabulary import open_vocabulary
from lorabake.core.workspace import Project
from lorabake.tag.apply import Reader, TagChange, TagPreview, caption_of, preview_tags, says
from lorabake.tag.select import Picked
from lorabake.tag.settings import LOWEST, TagSettings
from lorabake.ui.answers import answered, number
from lorabake.ui.place import of_place, place
from lorabake.ui.tag_choice import differences, picture_ids, settings_of

EXAMPLES = 6  # pictures at a time
NEAR = 0.12  # how far below its threshold a tag is still shown, as one that nearly came
MAX_NEAR = 4  # of one picture
MAX_CHIPS = 120  # of one picture
MAX_CURVE = 1500  # pictures that the curve is drawn from
MAX_COUNTED = 60  # tags in the list of what the tagger says
STEPS = tuple(step / 100 for step in range(round(LOWEST * 100), 100))  # thresholds of the curve


@answered("look")
def lb_tag_examples(data: dict[str, Any]) -> dict[str, Any]:
    """A few pictures with the tags that they would have; `start` walks through all of them."""
    project = place().project(data.get("project"))
    settings = settings_of(project, data)
    ids = picture_ids(project, data)
    start = number(data, "start", otherwise=0, low=0, high=10**6)
    shown = spread(ids, EXAMPLES, start)
    changes = {change.id: change for change in preview(project, settings, shown).changes}
    near = nearly(project, settings, [changes[name] for name in shown if name in changes])
    return {
        "examples": [
            example(project, changes[name], near.get(changes[name].sha, []))
            for name in shown
            if name in changes
        ],
        "others": max(0, len(ids) - EXAMPLES),
    }


@answered("look")
def lb_tag_count(data: dict[str, Any]) -> dict[str, Any]:
    """What writing would change in all of the pictures, to the last tag."""
    project = place().project(data.get("project"))
    settings = settings_of(project, data)
    ids = picture_ids(project, data)
    found = full_preview(project, settings, ids)
    return {"pictures": len(ids), **counts(found)}


@answered("look")
def lb_tag_curve(data: dict[str, Any]) -> dict[str, Any]:
    """Tags in a picture, on average, at every threshold: [threshold, general, characters]."""
    project = place().project(data.get("project"))
    settings = replace(
        settings_of(project, data),
        threshold=LOWEST,
        character_threshold=LOWEST,
        max_tags=0,
        general_mcut=False,
        character_mcut=False,
        tag_thresholds={},
        rating="off",
    )
    pictures = place().shelf(project.name).by_id
    ids = picture_ids(project, data)
    shas = [pictures[name].sha for name in spread(ids, MAX_CURVE, 0) if name in pictures]
    said = says(place().index, shas, settings, workspace=place().workspace)
    return {"points": curve(list(said.values())), "of": len(said), "pictures": len(ids)}


def curve(said: Sequence[Sequence[Picked]]) -> list[tuple[float, float, float]]:
    """[threshold, general, characters] per picture, from what the tagger says of each from 0.05 up."""
    if not said:
        return []
    sure = {
        category: sorted(
            one.probability for tags in said for one in tags if one.category == category
        )
        for category in ("general", "character")
    }

    def above(category: str, threshold: float) -> float:
        listed = sure[category]
        return (len(listed) - bisect_left(listed, threshold)) / len(said)

    return [(step, above("general", step), above("character", step)) for step in STEPS]


def counts(found: TagPreview) -> dict[str, Any]:
    """Sums over a preview. adds, removes: tags of captions, counted by key."""
    adds = removes = 0
    sizes = []
    for change in found.changes:
        before, after = set(map(tag_key, change.before)), set(map(tag_key, change.after))
        adds += len(after - before)
        removes += len(before - after)
        sizes.append(len(after))
    return {
        "scored": len(found.changes),
        "missing": len(found.missing),
        "changed": len(found.changed),
        "adds": adds,
        "removes": removes,
        "fewest": min(sizes, default=0),
        "most": max(sizes, default=0),
        "average": sum(sizes) / len(sizes) if sizes else 0.0,
        "empty": sum(not size for size in sizes),
        "tags": [[one.tag, one.category, one.pictures] for one in found.counted[:MAX_COUNTED]],
        "more": max(0, len(found.counted) - MAX_COUNTED),
    }


def preview(
    project: Project, settings: TagSettings, ids: Sequence[str], read: Reader | None = None
) -> TagPreview:
    """What becomes of some captions; nothing is run."""
    return preview_tags(
        place().shelf(project.name).dataset,
        place().index,
        settings,
        ids,
        open_vocabulary(place().workspace) if settings.aliases else None,
        workspace=place().workspace,
        extension=place().caption_extension(project),
        read=read,
    )


class _Captions:
    """The captions of one version of a project, each read once: a threshold does not change them.

    What is not noticed yet does no harm: each is written only over what was read.
    """

    def __init__(self) -> None:
        self._key: tuple[Any, ...] | None = None
        self._known: dict[Path, CaptionFile | None] = {}

    def of(self, key: tuple[Any, ...]) -> Reader:
        """A reader for this version; forgets those of others."""
        if key != self._key:
            self._key, self._known = key, {}
        return self._read

    def _read(self, image: Path, extension: str) -> CaptionFile | None:
        path = caption_path(image, extension)
        if path not in self._known:
            self._known[path] = caption_of(image, extension)
        return self._known[path]


class _Kept:
    """The last full preview, because the page asks for its sums and for its differences."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._key: tuple[Any, ...] | None = None
        self._preview = TagPreview()
        self._captions = _Captions()

    def of(self, project: Project, settings: TagSettings, ids: Sequence[str]) -> TagPreview:
        with self._lock:
            version = place().dataset_version(project.name)
            key = (project.root, version, repr(differences(settings)), tuple(ids))
            # While pictures are still without probabilities, a tagger may be at work on them.
            if key != self._key or self._preview.missing:
                read = self._captions.of((project.root, version))
                self._preview = preview(project, settings, ids, read)
                self._key = key
            return self._preview


_kept = of_place(_Kept)


def full_preview(project: Project, settings: TagSettings, ids: Sequence[str]) -> TagPreview:
    """The same for all pictures, kept until a setting or a caption changes."""
    return _kept.of(project, settings, ids)


def spread(ids: Sequence[str], count: int, start: int) -> list[str]:
    """Some of the ids, evenly spread over all of them; another start gives others."""
    if len(ids) <= count:
        return list(ids)
    step = len(ids) / count
    first = start * max(1, round(step / 3))
    return list(dict.fromkeys(ids[(first + int(i * step)) % len(ids)] for i in range(count)))


def nearly(
    project: Project, settings: TagSettings, changes: Sequence[TagChange]
) -> dict[str, list[Picked]]:
    """What the tagger nearly says of each picture (by sha256): a little below the thresholds."""
    wider = replace(
        settings,
        threshold=max(LOWEST, settings.threshold - NEAR),
        character_threshold=max(LOWEST, settings.character_threshold - NEAR),
        max_tags=0,
    )
    said = says(place().index, [c.sha for c in changes], wider, workspace=place().workspace)
    near = {}
    for change in changes:
        known = {tag_key(tag) for tag in (*change.before, *change.after)}
        known |= {picked.key for picked in change.picked}
        below = [one for one in said.get(change.sha, ()) if one.key not in known]
        near[change.sha] = sorted(below, key=lambda one: -one.probability)[:MAX_NEAR]
    return near


def example(project: Project, change: TagChange, near: Sequence[Picked]) -> dict[str, Any]:
    """One picture: its tags as [tag, category, origin, state, probability or None].

    state: "new", "kept", "gone" (would leave the caption) or "near" (would come with a lower
    threshold).
    """
    category = categories(project, change)
    sure = {picked.key: picked.probability for picked in change.picked}
    before = {tag_key(tag) for tag in change.before}
    after = {tag_key(tag) for tag in change.after}
    chips: list[tuple[str, str, str, str, float | None]] = [
        (
            tag,
            category(tag),
            origin,
            "kept" if tag_key(tag) in before else "new",
            sure.get(tag_key(tag)),
        )
        for tag, origin in zip(change.after, change.origins, strict=True)
    ]
    left = {tag_key(tag): tag for tag in change.before if tag_key(tag) not in after}
    gone = list(left.values())
    whose = Origins.open(project.dataset_dir).of(change.sha, gone)
    chips += [
        (tag, category(tag), origin, "gone", sure.get(tag_key(tag)))
        for tag, origin in zip(gone, whose, strict=True)
    ]
    chips += [(one.name, one.category, "tagger", "near", one.probability) for one in near]
    return {
        "id": change.id,
        "sha": change.sha,
        "name": change.image.name,
        "tags": len(change.after),
        "chips": chips[:MAX_CHIPS],
    }


def categories(project: Project, change: TagChange) -> Any:
    """The category of a tag of this picture: its concept's trigger, the tagger's word, the list's."""
    said = {picked.key: picked.category for picked in change.picked}
    vocabulary = open_vocabulary(place().workspace)
    folder = change.id.partition("/")[0]
    triggers = {
        tag_key(concept.trigger)
        for concept in place().shelf(project.name).dataset.concepts
        if concept.folder.name == folder and concept.trigger
    }

    def of(tag: str) -> str:
        key = tag_key(tag)
        return "trigger" if key in triggers else said.get(key) or vocabulary.category(tag)

    return of
