"""Pictures taken out of a data set, put in, and replaced: always by renaming, so always undone in one.

Nothing is copied and nothing deleted: a picture that goes lies in `.bin/`, one that was replaced in
`.originals/`, and what was made waits in `.made/` until it is taken in. Scans pass over these.
"""

from __future__ import annotations

import os
import secrets
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lorabake.core.concept_settings import MASK_FOLDER, read_concept_settings
from lorabake.core.dataset import find_masks, split_concept_name
from lorabake.core.errors import DatasetError, RecipeError, WorkspaceError
from lorabake.core.files import disk_full_as_sentence
from lorabake.core.history import Move, Outcome, open_history
from lorabake.core.image import is_picture_name
from lorabake.core.limits import limits
from lorabake.core.names import free_name, name_key, shown, slug

BIN, ORIGINALS, MADE = ".bin", ".originals", ".made"
_MASKS = ".masks"  # below a folder of the bin


@dataclass(frozen=True)
class Made:
    """A result that waits in `.made/` to become a picture of the concept `folder`.

    name: without ending, "" for that of the file. captions: files that get the same name.
    mask: goes into the concept's folder of masks, under the same name.
    """

    picture: Path
    folder: str
    name: str = ""
    captions: Sequence[Path] = ()
    mask: Path | None = None


@dataclass(frozen=True)
class Binned:
    """A picture in the bin. folder: the concept it came from; size in bytes; time: when it went."""

    path: Path
    folder: str
    size: int
    time: float

    @property
    def name(self) -> str:
        return self.path.name


def made_folder(root: Path) -> Path:
    """A fresh folder for results, on the same disk as the data set."""
    folder = root / MADE / f"{time.time_ns():x}{secrets.token_hex(2)}"
    with disk_full_as_sentence(folder):
        _prepare(root, folder)
    return folder


def bin_pictures(root: Path, images: Sequence[Path], title: str, *, origin: str) -> Outcome:
    """Move pictures with their captions and masks into the bin, as one step."""
    work = _Moves(root)
    for image in dict.fromkeys(images):
        place = work.relative(image)
        target = Path(BIN, *place.parts[:-1])
        parts = [(part, target) for part in work.belonging(place)]
        masks = work.masks(place.parent)
        if masks is not None:
            parts += [(part, target / _MASKS) for part in work.of_stem(masks, place.stem)]
        work.together([(place, target), *parts])
    return work.done(title, origin)


def binned(root: Path) -> list[Binned]:
    """What lies in the bin, the last thrown away first."""
    home, found = root / BIN, []
    for path in home.rglob("*") if home.is_dir() and not home.is_symlink() else ():
        if is_picture_name(path.name) and path.parent.name != _MASKS and not path.is_symlink():
            try:
                facts = path.stat()
            except OSError:
                continue
            folder = path.parent.relative_to(home).as_posix()
            found.append(
                Binned(path, "" if folder == "." else folder, facts.st_size, facts.st_ctime)
            )
    return sorted(found, key=lambda one: (-one.time, str(one.path)))


def restore(root: Path, paths: Sequence[Path], title: str = "Restore from the bin") -> Outcome:
    """Move pictures of the bin back to where they were, with captions and masks; one step."""
    work = _Moves(root)
    for path in dict.fromkeys(paths):
        place = work.relative(path)
        if place.parts[0] != BIN:
            raise DatasetError(f"{shown(path.name)} is not in the bin. Look at the bin again.")
        home = work.concept(Path(*place.parts[1:-1]))
        parts = [(part, home) for part in work.belonging(place)]
        masks = work.masks(home) or home / MASK_FOLDER
        stored = work.of_stem(place.parent / _MASKS, place.stem)
        work.together([(place, home), *parts, *((part, masks) for part in stored)])
    return work.done(title, "bin")


def empty_bin(root: Path) -> int:
    """Delete for good what lies in the bin; how many pictures that were. This cannot be undone."""
    limits().require_deleting()
    pictures = len(binned(root))
    home = root / BIN
    for path in sorted(home.rglob("*"), key=lambda one: len(one.parts), reverse=True):
        try:
            # The folders stay: a step that is redone needs them.
            if path.is_symlink() or not path.is_dir():
                path.unlink()
        except OSError as error:
            raise WorkspaceError(
                f"{shown(path.name)} could not be deleted ({error.strerror}). "
                "Close the program that holds it and try again."
            ) from error
    return pictures


def move_pictures(
    root: Path, wanted: Mapping[str, Sequence[Path]], title: str, *, origin: str
) -> Outcome:
    """Move pictures with their captions and masks into concept folders, as one step.

    wanted: name of a folder → pictures; "" is the place beside the concept folders, where pictures
    wait to be sorted. Folders that are not there are made; names that are taken get a number.
    """
    work = _Moves(root)
    for name, images in wanted.items():
        folder = Path(name)
        _require_folder(name)
        for image in dict.fromkeys(images):
            place = work.relative(image)
            if place.parent == folder:
                continue
            parts = [(part, folder) for part in work.belonging(place)]
            masks = work.masks(place.parent) if place.parent.parts else Path(_MASKS)
            if masks is not None:
                home = (work.masks(folder) or folder / MASK_FOLDER) if name else Path(_MASKS)
                parts += [(part, home) for part in work.of_stem(masks, place.stem)]
            work.together([(place, folder), *parts])
    return work.done(title, origin)


def replace_pictures(
    root: Path, pairs: Sequence[tuple[Path, Path]], title: str, *, origin: str
) -> Outcome:
    """Put made pictures in the places of others; these go to `.originals/`. Captions stay.

    The new one keeps the name before the dot, and has its own ending; DatasetError when another
    picture has that name (see `in_the_way`).
    """
    work = _Moves(root)
    for image, made in pairs:
        if (other := in_the_way(image, made.suffix)) is not None:
            raise DatasetError(same_name(image, other))
        place, result = work.relative(image), work.relative(made)
        kept = Path(ORIGINALS, *place.parts[:-1])
        work.move(place, kept / work.free(kept, place.stem, place.suffix))
        work.move(result, place.with_suffix(result.suffix.lower()))
    return work.done(title, origin)


def in_the_way(image: Path, suffix: str) -> Path | None:
    """Another file that has the name which the picture would get with this ending."""
    wanted = image.with_suffix(suffix.lower())
    if not os.path.lexists(wanted) or (wanted.exists() and wanted.samefile(image)):
        return None
    return wanted


def same_name(image: Path, other: Path) -> str:
    """Why a picture is left alone when another one is in the way."""
    return (
        f"{shown(image.name)} was left alone, because {shown(other.name)} has the same name: "
        "rename one of the two."
    )


def add_pictures(
    root: Path,
    made: Sequence[Made],
    title: str,
    *,
    origin: str,
    instead_of: Sequence[Path] = (),
) -> Outcome:
    """Take made pictures with their captions into the data set, under names that are free.

    instead_of: pictures that go to `.originals/` in the same step, with captions and masks; their
    names become free.
    """
    work = _Moves(root)
    for image in dict.fromkeys(instead_of):
        work.put_away(work.relative(image))
    for one in made:
        result, folder = work.relative(one.picture), Path(one.folder)
        _require_folder(one.folder)
        parts = [(work.relative(path), folder) for path in one.captions]
        if one.mask is not None:
            masks = work.masks(folder) or folder / MASK_FOLDER
            parts.append((work.relative(one.mask), masks))
        work.together([(result, folder), *parts], slug(one.name or result.stem))
    return work.done(title, origin)


def _require_folder(name: str) -> None:
    if name and (len(Path(name).parts) != 1 or name.startswith(".")):
        raise DatasetError(f"{shown(name)} is no folder of this data set. Choose one.")


@dataclass
class _Moves:
    """Moves that will be one step; folders are listed once, and names given out are remembered."""

    root: Path
    moves: list[Move] = field(default_factory=list)
    _stems: dict[Path, set[str]] = field(default_factory=dict)
    _files: dict[Path, dict[str, list[Path]]] = field(default_factory=dict)
    _masks: dict[Path, Path | None] = field(default_factory=dict)

    def relative(self, path: Path) -> Path:
        try:
            place = path.absolute().relative_to(self.root.absolute())
        except ValueError:
            place = Path()
        if not place.parts or ".." in place.parts:
            raise DatasetError(f"{shown(path.name)} does not lie in this data set.")
        return place

    def move(self, source: Path, target: Path) -> None:
        _prepare(self.root, self.root / target.parent)
        self.moves.append(Move(source.as_posix(), target.as_posix()))

    def together(self, parts: Sequence[tuple[Path, Path]], wanted: str = "") -> None:
        """Move files into folders under one name before the dot, which is free in all of them."""
        folders = list(dict.fromkeys(folder for _, folder in parts))
        taken = set().union(*(self._taken(folder) for folder in folders))
        stem = free_name(wanted or parts[0][0].stem, taken)
        for source, folder in parts:
            self.move(
                source, folder / f"{stem}{source.suffix.lower() if wanted else source.suffix}"
            )
        for folder in folders:
            self._taken(folder).add(name_key(stem))

    def put_away(self, place: Path) -> None:
        """A picture that others take the place of, with its captions and mask, to `.originals/`."""
        kept = Path(ORIGINALS, *place.parts[:-1])
        parts = [(part, kept) for part in self.belonging(place)]
        masks = self.masks(place.parent)
        if masks is not None:
            parts += [(part, kept / _MASKS) for part in self.of_stem(masks, place.stem)]
        self.together([(place, kept), *parts])
        gone = {place, *(part for part, _ in parts)}
        for folder in (place.parent, masks):
            if folder is not None and gone.issuperset(self.of_stem(folder, place.stem)):
                self._taken(folder).discard(name_key(place.stem))

    def free(self, folder: Path, stem: str, suffix: str) -> str:
        name = free_name(stem, self._taken(folder))
        self._taken(folder).add(name_key(name))
        return f"{name}{suffix}"

    def belonging(self, place: Path) -> list[Path]:
        """Captions and other files of this name; none when another picture shares them."""
        others = [path for path in self.of_stem(place.parent, place.stem) if path != place]
        return [] if any(is_picture_name(path.name) for path in others) else others

    def of_stem(self, folder: Path, stem: str) -> list[Path]:
        if folder not in self._files:
            by_stem: dict[str, list[Path]] = defaultdict(list)
            for path in _listed(self.root / folder):
                if path.is_file() and not path.is_symlink():
                    by_stem[name_key(path.stem)].append(folder / path.name)
            self._files[folder] = by_stem
        return self._files[folder].get(name_key(stem), [])

    def masks(self, folder: Path) -> Path | None:
        if folder not in self._masks:
            found = None
            if folder.parts:
                try:
                    found = find_masks(
                        self.root / folder, read_concept_settings(self.root / folder)
                    )
                except (RecipeError, OSError):
                    found = None
            inside = found is not None and found.absolute().is_relative_to(self.root.absolute())
            self._masks[folder] = self.relative(found) if found and inside else None
        return self._masks[folder]

    def concept(self, folder: Path) -> Path:
        """Where a concept's folder is now: its number may have changed since."""
        if (self.root / folder).is_dir() or not folder.parts:
            return folder
        trigger = split_concept_name(folder.name)[1]
        for path in _listed(self.root):
            if path.is_dir() and split_concept_name(path.name)[1] == trigger:
                return Path(path.name)
        return folder

    def done(self, title: str, origin: str) -> Outcome:
        return open_history(self.root).do(title, self.moves, origin=origin)

    def _taken(self, folder: Path) -> set[str]:
        if folder not in self._stems:
            self._stems[folder] = {name_key(path.stem) for path in _listed(self.root / folder)}
        return self._stems[folder]


def _listed(folder: Path) -> Iterable[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() and not folder.is_symlink() else ()


def _prepare(root: Path, folder: Path) -> None:
    """Make a folder below the data set; links on the way are refused."""
    here = root
    for name in folder.relative_to(root).parts:
        here = here / name
        if here.is_symlink():
            raise DatasetError(
                f"{shown(name)} is a link to another place, and links are not written through. "
                "Put a real folder there."
            )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WorkspaceError(
            f"{folder} could not be made ({error.strerror}). Look at its permissions."
        ) from error
