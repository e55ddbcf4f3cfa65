"""One step of the history over the captions of several pictures, each read when it is changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from lorabake.captions.editing import Edit, save_many
from lorabake.core.caption import caption_path, parse_caption, read_caption
from lorabake.core.errors import DatasetError
from lorabake.core.origins import Origins
from lorabake.core.tags import tag_key
from lorabake.core.workspace import Project
from lorabake.ui.collection import Picture
from lorabake.ui.place import place


@dataclass(frozen=True)
class Step:
    """What was done. changed: ids of the pictures; skipped: (id or file, sentence)."""

    title: str
    changed: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...]


def change_together(
    project: Project,
    ids: Iterable[str],
    change: Callable[[Picture, str], str],
    title: Callable[[int, int], str],
) -> Step:
    """Give each picture the caption that `change(picture, caption)` returns.

    Only what that changes is written, so no other edit can be lost. title(longer, others): how many
    captions get more tags, and how many do not. Tags that a person adds so are theirs.
    """
    skipped: list[tuple[str, str]] = []
    planned = list(_planned(project, ids, change, skipped))
    if not planned:
        return Step("", (), tuple(skipped))
    longer = sum(bool(one.added) for one in planned)
    named = title(longer, len(planned) - longer)
    extension = place().caption_extension(project)
    edits = [one.edit for one in planned]
    outcome = save_many(project.dataset_dir, edits, named, extension=extension)
    place().captions_changed(project.name, outcome.changed)
    of_path = {one.path: one for one in planned}
    changed = [of_path[path] for path in outcome.changed if path in of_path]
    _claim(project, {one.picture.sha: one.added for one in changed if one.added})
    for path, sentence in outcome.skipped:
        skipped.append((of_path[path].picture.id if path in of_path else path, sentence))
    return Step(named, tuple(one.picture.id for one in changed), tuple(skipped))


@dataclass(frozen=True)
class _Planned:
    """path: of the caption below the data set; added: tags that it had not."""

    picture: Picture
    path: str
    edit: Edit
    added: list[str]


def _planned(
    project: Project,
    ids: Iterable[str],
    change: Callable[[Picture, str], str],
    skipped: list[tuple[str, str]],
) -> Iterator[_Planned]:
    """What will be written; `skipped` takes what cannot be read."""
    by_id = place().shelf(project.name).by_id
    extension = place().caption_extension(project)
    for id in ids:
        picture = by_id.get(id)
        if picture is None:
            skipped.append((id, f"{id} is no longer there."))
            continue
        path = caption_path(picture.path, extension)
        try:
            file = read_caption(path)
        except DatasetError as error:
            skipped.append((id, str(error)))
            continue
        after = change(picture, file.text)
        if after != file.text:
            place_below = path.relative_to(project.dataset_dir).as_posix()
            edit = Edit(picture.path, after, file.hash)
            yield _Planned(picture, place_below, edit, _new_tags(file.text, after))


def _new_tags(before: str, after: str) -> list[str]:
    had = set(map(tag_key, parse_caption(before).tags))
    return [tag for tag in parse_caption(after).tags if tag_key(tag) not in had]


def _claim(project: Project, added: dict[str, list[str]]) -> None:
    """What a person adds is theirs, even if a tagger had written it once: it is not replaced again."""
    origins = Origins.open(project.dataset_dir)
    others = {
        sha: tags
        for sha, tags in added.items()
        if any(one != "you" for one in origins.of(sha, tags))
    }
    if others:
        origins.record_many(others, "you")


def known_ids(data: dict[str, object], limit: int) -> Sequence[str]:
    """The ids a page sent, each once."""
    listed = data.get("ids")
    texts = (one for one in (listed if isinstance(listed, list) else ())[:limit])
    return list(dict.fromkeys(one for one in texts if isinstance(one, str)))
