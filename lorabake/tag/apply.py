"""From stored probabilities to captions: previews for any threshold, and one undoable write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from lorabake.core.caption import (
    CaptionFile,
    caption_path,
    encode_like,
    read_caption,
    with_tags,
)
from lorabake.core.dataset import Concept, Dataset, DatasetImage
from lorabake.core.errors import DatasetError, ModelFileError
from lorabake.core.history import Outcome, Write, open_history
from lorabake.core.index import Index
from lorabake.core.names import shown
from lorabake.core.origins import Origins
from lorabake.core.tags import tag_key
from lorabake.core.workspace import Workspace
from lorabake.tag.combine import Combined
from lorabake.tag.merge import Aliases, Merger
from lorabake.tag.scores import Scores, labels_of, scores_for
from lorabake.tag.select import Picked
from lorabake.tag.settings import TagSettings

TITLE = "Generate tags"
Reader = Callable[[Path, str], CaptionFile | None]  # (picture, extension) → its caption
_STEPS = 19  # of the curve: 0.05, 0.1, … 0.95


@dataclass(frozen=True, slots=True)
class TagChange:
    """What becomes of one caption. id: `FOLDER/FILE.png`; picked: all that the tagger says.

    origins: of each tag of `after`: "board", "tagger" or "you". text, hash: of the caption file as
    it was read. before == after when nothing changes.
    """

    id: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    picked: tuple[Picked, ...]
    origins: tuple[str, ...]
    image: Path
    sha: str
    text: str
    hash: str


@dataclass(frozen=True)
class TagCount:
    """A tag and in how many pictures the tagger says it."""

    tag: str
    category: str
    pictures: int


@dataclass(frozen=True)
class TagPreview:
    """Every picture that has probabilities, changed or not.

    missing: ids of those that have none, or whose caption cannot be read. taggers: keys. knows:
    keys of all tags that these taggers can say.
    """

    changes: tuple[TagChange, ...] = ()
    counted: tuple[TagCount, ...] = ()
    missing: tuple[str, ...] = ()
    taggers: tuple[str, ...] = ()
    knows: frozenset[str] = frozenset()

    @property
    def changed(self) -> tuple[TagChange, ...]:
        return tuple(change for change in self.changes if change.before != change.after)


def chosen_images(
    dataset: Dataset, ids: Iterable[str] | None = None
) -> Iterator[tuple[str, Concept, DatasetImage]]:
    """(id, concept, picture) of the chosen ones, in the dataset's order; None: of all."""
    wanted = None if ids is None else set(ids)
    for concept in dataset.concepts:
        for image in concept.images:
            id = f"{concept.folder.name}/{image.path.name}"
            if wanted is None or id in wanted:
                yield id, concept, image


def preview_tags(
    dataset: Dataset,
    index: Index,
    settings: TagSettings,
    ids: Sequence[str] | None = None,
    vocabulary: Aliases | None = None,
    *,
    workspace: Workspace | None = None,
    extension: str = ".txt",
    keys: Sequence[str] | None = None,
    read: Reader | None = None,
) -> TagPreview:
    """What the stored probabilities make of the captions with these settings; nothing is run.

    workspace: to find out what the settings' taggers (or "") are on this computer; without it
    they are those of that name whose probabilities were stored last. keys: of the taggers, where
    they are known. read: gives captions that are known already.
    """
    images = list(chosen_images(dataset, ids))
    taggers = tuple(keys) if keys is not None else tagger_keys(index, settings, workspace)
    said = _scores(index, taggers, [image.sha256 for _, _, image in images])
    combined = _combined(index, taggers, settings) if taggers else None
    merger = Merger(settings, vocabulary)
    origins = Origins.open(dataset.root)
    read = read or caption_of
    changes, missing = [], []
    for id, concept, image in images:
        scores = said.get(image.sha256)
        caption = read(image.path, extension)
        if scores is None or combined is None or caption is None:
            missing.append(id)
            continue
        picked = tuple(combined(scores))
        changes.append(_change(id, concept, image, caption, picked, merger, origins))
    return TagPreview(
        tuple(changes),
        count_tags(change.picked for change in changes),
        tuple(missing),
        taggers,
        combined.knows if combined else frozenset(),
    )


def says(
    index: Index,
    shas: Sequence[str],
    settings: TagSettings,
    *,
    workspace: Workspace | None = None,
) -> dict[str, list[Picked]]:
    """What the tagger says of each picture (by sha256); pictures without probabilities are left out."""
    taggers = tagger_keys(index, settings, workspace)
    found = _scores(index, taggers, shas)
    if not found:
        return {}
    combined = _combined(index, taggers, settings)
    return {sha: combined(scores) for sha, scores in found.items()}


def probabilities(
    index: Index,
    shas: Sequence[str],
    tag: str,
    settings: TagSettings,
    *,
    workspace: Workspace | None = None,
) -> dict[str, float]:
    """How sure the tagger is of one tag in each picture; {} when its list has no such tag."""
    taggers = tagger_keys(index, settings, workspace)
    found = _scores(index, taggers, shas)
    if not found:
        return {}
    combined, key = _combined(index, taggers, settings), tag_key(tag)
    sure = {sha: combined.probability(scores, key) for sha, scores in found.items()}
    return {sha: value for sha, value in sure.items() if value is not None}


def threshold_curve(
    dataset: Dataset,
    index: Index,
    settings: TagSettings,
    ids: Sequence[str] | None = None,
    *,
    workspace: Workspace | None = None,
) -> list[tuple[float, float]]:
    """(threshold, general tags per picture) from 0.05 to 0.95 in steps of 0.05."""
    taggers = tagger_keys(index, settings, workspace)
    shas = [image.sha256 for _, _, image in chosen_images(dataset, ids)]
    found = _scores(index, taggers, shas)
    if not found:
        return []
    import numpy as np

    combined = _combined(index, taggers, settings)
    sure = np.concatenate([combined.general(scores) for scores in found.values()])
    steps = [round(0.05 * step, 2) for step in range(1, _STEPS + 1)]
    return [(step, float((sure >= np.float32(step)).sum()) / len(found)) for step in steps]


def tagger_keys(
    index: Index, settings: TagSettings, workspace: Workspace | None = None
) -> tuple[str, ...]:
    """The keys of the settings' taggers; () when none of them was ever used, or one is not here."""
    from lorabake.tag.taggers import chosen_names, tagger_key

    if workspace is not None:
        try:
            names = chosen_names(workspace, settings.taggers)
            found = [tagger_key(workspace, name) for name in names]
            return () if None in found else tuple(dict.fromkeys(filter(None, found)))
        except ModelFileError:  # gone since; what it said may still be there
            pass
    used = index.taggers()
    names = list(filter(None, (name.strip() for name in settings.taggers.split(","))))
    if not names:
        return tuple(key for key, _ in used[:1])
    newest = {name.casefold(): key for key, name in reversed(used)}
    keys = [newest.get(name.casefold()) for name in names]
    return () if None in keys else tuple(dict.fromkeys(key for key in keys if key))


def write_tags(root: Path, preview: TagPreview, *, extension: str = ".txt") -> Outcome:
    """Write the preview's captions as one step of the history, and record where tags are from.

    root: of the dataset. Captions changed since the preview are skipped and told.
    """
    writes, skipped = [], []
    by_path: dict[str, TagChange] = {}
    for change in preview.changed:
        path = caption_path(change.image, extension)
        place = path.relative_to(root).as_posix()
        try:
            file = read_caption(path)
            if file.hash != change.hash:
                raise DatasetError(
                    f"{shown(path.name)} was changed meanwhile, so it was left as it is."
                )
            after = encode_like(file.raw, with_tags(file.text, change.after))
        except DatasetError as error:
            skipped.append((place, str(error)))
            continue
        writes.append(Write(place, file.raw, after))
        by_path[place] = change
    outcome = open_history(root).do(TITLE, writes, origin="tagger", strict=False)
    _record(root, [by_path[path] for path in outcome.changed if path in by_path], preview.taggers)
    return Outcome(outcome.operation, outcome.changed, (*skipped, *outcome.skipped))


def count_tags(pictures: Iterable[Iterable[Picked]]) -> tuple[TagCount, ...]:
    """In how many pictures each tag is said, the most frequent first."""
    counts: Counter[str] = Counter()
    category: dict[str, str] = {}
    for picked in pictures:
        counts.update([one.name for one in picked])
        category.update({one.name: one.category for one in picked})
    rows = [TagCount(name, category[name], count) for name, count in counts.items()]
    return tuple(sorted(rows, key=lambda row: (-row.pictures, row.tag)))


def _change(
    id: str,
    concept: Concept,
    image: DatasetImage,
    caption: CaptionFile,
    picked: tuple[Picked, ...],
    merger: Merger,
    origins: Origins,
) -> TagChange:
    before = caption.caption.tags
    whose = origins.of(image.sha256, before)
    settings = merger.settings
    after = merger(before, picked, settings.merge, trigger=concept.trigger, origins=whose)
    known = {tag_key(tag): origin for tag, origin in zip(before, whose, strict=True)}
    return TagChange(
        id=id,
        before=before,
        after=tuple(after),
        picked=picked,
        origins=tuple([known.get(tag_key(tag), "tagger") for tag in after]),
        image=image.path,
        sha=image.sha256,
        text=caption.text,
        hash=caption.hash,
    )


def _record(root: Path, changes: Sequence[TagChange], taggers: Sequence[str]) -> None:
    """The tags that are new in these captions are the tagger's."""
    new: dict[str, list[str]] = {}
    for change in changes:
        had = set(map(tag_key, change.before))
        tags = [tag for tag in change.after if tag_key(tag) not in had]
        if tags:
            new.setdefault(change.sha, []).extend(tags)
    Origins.open(root).record_many(new, "tagger", by=", ".join(taggers))


def caption_of(image: Path, extension: str) -> CaptionFile | None:
    """None when the file is no text; the dataset's problems say so."""
    try:
        return read_caption(caption_path(image, extension))
    except DatasetError:
        return None


def _scores(
    index: Index, taggers: Sequence[str], shas: Sequence[str]
) -> Mapping[str, tuple[Scores, ...]]:
    """What each of the taggers said, of the pictures that all of them have seen."""
    if not taggers:
        return {}
    found = [scores_for(index, key, shas) for key in taggers]
    complete = [sha for sha in found[0] if all(sha in one for one in found)]
    return {sha: tuple(one[sha] for one in found) for sha in complete}


@lru_cache(maxsize=8)
def _kept(
    index: Index, taggers: tuple[str, ...], settings: str, counts: tuple[int, ...]
) -> list[Combined]:
    """A place for what `_combined` makes; the settings hold a table, so their text is the key."""
    return []


def _combined(index: Index, taggers: Sequence[str], settings: TagSettings) -> Combined:
    """Making one takes a while for long lists, and the page asks again and again."""
    lists = [labels_of(index, key) for key in taggers]
    place = _kept(index, tuple(taggers), repr(settings), tuple(map(len, lists)))
    if not place:
        place.append(Combined(lists, settings))
    return place[0]
