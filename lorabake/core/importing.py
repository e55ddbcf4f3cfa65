"""Bringing somebody's pictures and captions into a project: always copies, never moves."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lorabake.core.caption import caption_path, read_caption
from lorabake.core.errors import DatasetError, ImageError, WorkspaceError
from lorabake.core.files import atomic_writer
from lorabake.core.image import ImageInfo, is_picture_name, probe_many
from lorabake.core.limits import limits
from lorabake.core.lock import folder_lock
from lorabake.core.names import name_key, natural_key, shown, slug

MAX_FILES = 20_000


@dataclass(frozen=True)
class ImportReport:
    """saved: the new picture files. skipped: (name, one sentence) for everything left out."""

    saved: tuple[Path, ...]
    skipped: tuple[tuple[str, str], ...]


@dataclass
class _Import:
    target: Path
    captions: dict[str, Path]
    saved: list[Path] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)

    def skip(self, path: Path, sentence: str) -> None:
        self.skipped.append((path.name, sentence))

    def picture(self, path: Path, info: ImageInfo, taken: dict[str, Path]) -> None:
        try:
            limits().require_pixels(shown(path.name), info.width, info.height)
        except WorkspaceError as error:
            return self.skip(path, str(error))
        name = slug(path.stem) + path.suffix.lower()
        twin = taken.get(name_key(Path(name).stem))
        if twin is not None:
            text = (
                f"{shown(path.name)} was not added: {shown(twin.name)} is already there under this name. "
                "Rename one of the two."
            )
            return self.skip(path, text)
        target = self.target / name
        self.caption(path, target)
        with atomic_writer(target, expected=path.stat().st_size) as temporary:
            shutil.copyfile(path, temporary)
        taken[name_key(target.stem)] = target
        return self.saved.append(target)

    def caption(self, image: Path, target: Path) -> None:
        """Before its picture, so that a picture is never seen without its caption."""
        source = self.captions.get(name_key(image.stem), caption_path(image))
        if source.is_symlink() or not source.is_file():
            return None
        try:
            read_caption(source)
        except DatasetError as error:
            return self.skip(source, str(error))
        written = caption_path(target)
        if written.exists() and written.read_bytes() != source.read_bytes():
            text = (
                f"{shown(written.name)} was already there and was kept: compare the two captions."
            )
            return self.skip(source, text)
        with atomic_writer(written) as temporary:
            shutil.copyfile(source, temporary)
        return None


def import_images(sources: Path | Iterable[Path], target: Path) -> ImportReport:
    """Copy pictures (files, or all of a folder) with their captions into the folder `target`.

    Only what can be decoded to its last pixel comes in. Of a killed import, whole pictures stay.
    """
    offered = _files(sources)
    files = [path for path in offered if not path.is_symlink()]
    pictures = [path for path in files if is_picture_name(path.name)]
    captions = {name_key(path.stem): path for path in files if path.suffix.lower() == ".txt"}
    work = _Import(target, captions)
    stems = {name_key(path.stem) for path in pictures}
    for path in offered:
        if path.is_symlink():
            work.skip(path, f"{shown(path.name)} is a link, and links are not followed.")
    for path in files:
        if path not in pictures and name_key(path.stem) not in stems:
            work.skip(path, _not_a_picture(path))
    with folder_lock(target):
        taken = {
            name_key(path.stem): path for path in target.iterdir() if is_picture_name(path.name)
        }
        for path, info in zip(pictures, probe_many(pictures, thorough=True), strict=True):
            if isinstance(info, ImageError):
                work.skip(path, str(info))
            else:
                work.picture(path, info, taken)
    return ImportReport(tuple(work.saved), tuple(work.skipped))


def _files(sources: Path | Iterable[Path]) -> Sequence[Path]:
    chosen = [sources] if isinstance(sources, Path) else list(sources)
    found: list[Path] = []
    for path in chosen:
        if path.is_dir():
            inside = (
                one for one in path.iterdir() if one.is_file() and not one.name.startswith(".")
            )
            found.extend(sorted(inside, key=lambda one: natural_key(one.name)))
        elif path.exists():
            found.append(path)
        else:
            raise WorkspaceError(f"There is no {path}. Choose a file or folder that exists.")
    if len(found) > MAX_FILES:
        raise WorkspaceError(f"These are {len(found)} files; add at most {MAX_FILES} at once.")
    return found


def _not_a_picture(path: Path) -> str:
    if path.suffix.lower() == ".txt":
        return f"{shown(path.name)} belongs to no picture: add it together with its picture."
    return f"{shown(path.name)} was not added: only pictures (PNG, JPEG, WebP …) and captions (.txt) are."
