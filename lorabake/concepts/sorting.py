"""Pictures into concept folders, triggers into captions: each a step that can be undone."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from lorabake.concepts.pile import Picture
from lorabake.core.caption import caption_path, encode_like, parse_caption, read_caption, with_tags
from lorabake.core.dataset import (
    Concept,
    concept_folder_name,
    set_repeats,
    set_trigger,
    split_concept_name,
)
from lorabake.core.errors import DatasetError
from lorabake.core.history import Outcome, Write, open_history
from lorabake.core.names import name_key, shown
from lorabake.core.pictures import move_pictures
from lorabake.core.tags import tag_key

ORIGIN = "concepts"
PILE = ""

__all__ = [
    "PILE",
    "assign",
    "assign_groups",
    "folder_for",
    "one_tag",
    "set_repeats",
    "set_trigger",
    "triggered",
    "write_triggers",
]


def folder_for(root: Path, trigger: str, repeats: int = 1) -> str:
    """The folder of a trigger: the one that is there, whatever its repeats, or a new name.

    DatasetError or BadName for what cannot be a folder's name.
    """
    wanted = concept_folder_name(trigger, repeats)
    key = name_key(split_concept_name(wanted)[1])
    for path in sorted(root.iterdir()):
        if path.is_dir() and not path.name.startswith("."):
            number, name = split_concept_name(path.name)
            if number and name_key(name) == key:
                return path.name
    return wanted


def assign(root: Path, pictures: Sequence[Picture], folder: str) -> Outcome:
    """Move pictures into one concept folder; `PILE` takes them out of theirs."""
    return assign_groups(root, {folder: pictures})


def assign_groups(root: Path, groups: Mapping[str, Sequence[Picture]]) -> Outcome:
    """Move pictures into several folders as one step; folder → pictures."""
    count = sum(len(pictures) for pictures in groups.values())
    pictures = "1 picture" if count == 1 else f"{count} pictures"
    if len(groups) == 1:
        (folder,) = groups
        title = f"Move {pictures} to {shown(folder)}" if folder else f"Put {pictures} on the pile"
    else:
        title = f"Sort {pictures} into {len(groups)} folders"
    moves = {folder: [picture.file for picture in some] for folder, some in groups.items()}
    return move_pictures(root, moves, title, origin=ORIGIN)


def write_triggers(
    root: Path, triggers: Mapping[Concept, str], *, extension: str = ".txt"
) -> Outcome:
    """Put each folder's trigger in front of its captions, as one step.

    It is there once; the triggers of the other folders go, because a picture that was sorted anew
    belongs to one. A caption that cannot be read, or changed meanwhile, is skipped and told.
    """
    keys = {tag_key(trigger) for trigger in triggers.values()}
    writes: list[Write] = []
    skipped: list[tuple[str, str]] = []
    for concept, trigger in triggers.items():
        own = one_tag(trigger)
        for image in concept.images:
            path = caption_path(image.path, extension)
            place = path.absolute().relative_to(root.absolute()).as_posix()
            try:
                file = read_caption(path)
                text = _with_trigger(file.text, own, keys)
                if text != file.text:
                    writes.append(Write(place, file.raw, encode_like(file.raw, text)))
            except DatasetError as error:
                skipped.append((place, str(error)))
    count = len(writes)
    captions = "1 caption" if count == 1 else f"{count} captions"
    done = open_history(root).do(f"Triggers in {captions}", writes, origin=ORIGIN, strict=False)
    return Outcome(done.operation, done.changed, (*skipped, *done.skipped))


def one_tag(trigger: str) -> str:
    """A trigger as it is written into captions; DatasetError when it is none."""
    tags = parse_caption(trigger).tags
    if len(tags) != 1:
        raise DatasetError(
            f"A trigger is one tag, without commas, not {shown(trigger) or 'nothing'}. Type one word."
        )
    return tags[0]


def triggered(tags: Sequence[str], trigger: str, others: Collection[str]) -> tuple[str, ...]:
    """A caption's tags with the trigger in front and no other one. others: keys of `tag_key`."""
    own = tag_key(trigger)
    return (trigger, *(tag for tag in tags if tag_key(tag) not in others and tag_key(tag) != own))


def _with_trigger(text: str, trigger: str, others: set[str]) -> str:
    tags = parse_caption(text).tags
    wanted = triggered(tags, trigger, others)
    return text if wanted == tags else with_tags(text, wanted)
