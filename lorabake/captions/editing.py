"""Saving captions that somebody edited: never over what another window or program wrote."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lorabake.core.caption import (
    CaptionFile,
    StaleCaption,
    caption_path,
    clean_text,
    encode_like,
    read_caption,
    text_hash,
)
from lorabake.core.errors import DatasetError
from lorabake.core.history import (
    History,
    NothingToUndo,
    Outcome,
    StaleChange,
    Write,
    open_history,
)
from lorabake.core.names import shown


@dataclass(frozen=True)
class Saved:
    """A caption as it is on disk now. hash: for the next save."""

    text: str
    hash: str


@dataclass(frozen=True)
class Edit:
    """A new text for the caption of a picture. base_hash: of the text that was edited."""

    image: Path
    text: str
    base_hash: str


def save_text(
    root: Path,
    image: Path,
    text: str,
    base_hash: str,
    *,
    extension: str = ".txt",
    typing: bool = False,
) -> Saved:
    """Save one caption as a step; StaleCaption when the file is no longer what `base_hash` says.

    When somebody else wrote the very same, that is no conflict. typing: one of many saves while
    somebody types, which are undone together.
    """
    path = caption_path(image, extension)
    file = read_caption(path)
    wanted = clean_text(text)
    write = _write(root, path, file, wanted, base_hash)
    if write is not None:
        try:
            done = open_history(root).do(f"Edit {shown(path.name)}", [write], typing=typing)
        except StaleChange:
            now = read_caption(path)
            if now.raw == file.raw:
                raise  # not changed: it cannot be written
            if now.text != wanted:
                raise StaleCaption(path, disk_text=now.text, my_text=wanted) from None
        else:
            for _, sentence in done.skipped:
                raise DatasetError(sentence)
    return Saved(wanted, text_hash(wanted))


def save_many(
    root: Path,
    edits: Sequence[Edit],
    title: str,
    origin: str = "edit",
    *,
    extension: str = ".txt",
) -> Outcome:
    """Save several captions as one step; those that changed meanwhile are skipped and told."""
    writes, skipped = [], []
    for path, edit in {caption_path(edit.image, extension): edit for edit in edits}.items():
        try:
            write = _write(root, path, read_caption(path), clean_text(edit.text), edit.base_hash)
        except DatasetError as error:
            skipped.append((place_below(root, path), str(error)))
        else:
            writes += [write] if write is not None else []
    done = open_history(root).do(title, writes, origin=origin, strict=False)
    return Outcome(done.operation, done.changed, (*skipped, *done.skipped))


def undo_picture(root: Path, image: Path, *, extension: str = ".txt") -> Saved | None:
    """Undo the newest step of this picture's caption; None when there is none.

    DatasetError when another program changed the caption since: it stays as it is.
    """
    return _turned(root, caption_path(image, extension), History.undo_path)


def redo_picture(root: Path, image: Path, *, extension: str = ".txt") -> Saved | None:
    """Do again what was undone last in this picture's caption; None when there is nothing."""
    return _turned(root, caption_path(image, extension), History.redo_path)


def history_of(root: Path) -> History:
    return open_history(root)


def place_below(root: Path, path: Path) -> str:
    """The path as the history names it: `5_kafka/a.txt`."""
    try:
        return path.absolute().relative_to(root.absolute()).as_posix()
    except ValueError:
        raise DatasetError(f"{shown(path.name)} is no file of this data set.") from None


def _write(root: Path, path: Path, file: CaptionFile, wanted: str, base: str) -> Write | None:
    """The change that saving makes; None when the file says the same already."""
    if file.text == wanted:
        return None
    if file.hash != base:
        raise StaleCaption(path, disk_text=file.text, my_text=wanted)
    return Write(place_below(root, path), file.raw, encode_like(file.raw, wanted))


def _turned(root: Path, path: Path, turn: Callable[[History, str], Outcome]) -> Saved | None:
    try:
        done = turn(open_history(root), place_below(root, path))
    except NothingToUndo:
        return None
    for _, sentence in done.skipped:
        raise DatasetError(sentence)
    file = read_caption(path)
    return Saved(file.text, file.hash)
