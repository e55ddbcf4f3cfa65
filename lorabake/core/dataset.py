"""A dataset: concept folders named `5_kafka`, their pictures and captions, and all that is wrong."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from dataclasses import replace as replace_fields
from pathlib import Path
from typing import Literal

from lorabake.core.caption import Caption, caption_lines, read_caption
from lorabake.core.concept_settings import (
    FILE_NAME,
    MASK_FOLDER,
    ConceptSettings,
    read_concept_settings,
)
from lorabake.core.errors import DatasetError, ImageError, RecipeError
from lorabake.core.files import replace, sync_folder
from lorabake.core.history import open_history
from lorabake.core.image import (
    NOTES_TO_ACT_ON,
    ImageInfo,
    is_picture_name,
    probe_many,
    sentences,
)
from lorabake.core.index import Index
from lorabake.core.links import leads_out, link_sentence
from lorabake.core.names import name_key, natural_key, safe_name, shown

MAX_REPEATS = 1000
_MASKS_BESIDE = "_mask"  # behind a concept folder's name: its masks, beside it
_CONCEPT_NAME = re.compile(r"([0-9]{1,4})_(.+)", re.S)
# Pictures to a person, but not to us: named, so that nobody wonders where they went.
_UNREADABLE_SUFFIXES = (
    *(".tif", ".tiff", ".heic", ".heif", ".jxl", ".psd", ".svg", ".ico", ".tga", ".jp2"),
    *(".mp4", ".webm", ".mkv", ".zip", ".rar", ".7z", ".cbz", ".part", ".crdownload", ".download"),
)

Level = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Problem:
    """One thing about one file or folder.

    level: "error" – this one is left out; "warning" – used, but look at it; "note" – only to know.
    of_caption: it is about what a caption file says, and another caption may settle it.
    """

    path: Path
    sentence: str
    level: Level
    of_caption: bool = False


@dataclass(frozen=True)
class DatasetImage:
    """A picture to train on. width, height: px, upright; sha256: of the file's bytes.

    more_lines: of its caption file, for wildcards.
    """

    path: Path
    width: int
    height: int
    sha256: str
    caption: Caption
    has_caption: bool
    more_lines: tuple[str, ...] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        """The caption and its other lines; () without a caption."""
        return (self.caption.text, *self.more_lines) if self.caption.tags else ()


@dataclass(frozen=True)
class Concept:
    """A folder of pictures, shown `repeats` times an epoch. trigger: the text after `N_`.

    settings: what its concept.toml says. masks: the folder of its masks, if it has one.
    """

    name: str
    folder: Path
    repeats: int
    trigger: str
    images: tuple[DatasetImage, ...]
    settings: ConceptSettings = field(default_factory=ConceptSettings)
    masks: Path | None = None

    @property
    def is_reg(self) -> bool:
        """Regularisation: shown as often as the training pictures together."""
        return self.settings.is_reg


@dataclass(frozen=True)
class Dataset:
    root: Path
    concepts: tuple[Concept, ...]
    problems: tuple[Problem, ...] = ()

    @property
    def images(self) -> tuple[DatasetImage, ...]:
        return tuple(image for concept in self.concepts for image in concept.images)

    @property
    def seen_per_epoch(self) -> int:
        """Training pictures shown in one epoch, repeats counted: the guide's T."""
        return sum(
            concept.repeats * len(concept.images) for concept in self.concepts if not concept.is_reg
        )


def split_concept_name(name: str) -> tuple[int | None, str]:
    """`5_kafka` → (5, "kafka"); a name without a number → (None, the name)."""
    match = _CONCEPT_NAME.fullmatch(name)
    if match and 1 <= int(match[1]) <= MAX_REPEATS:
        return int(match[1]), match[2].strip()
    return None, name


def scan_dataset(
    folder: Path, *, index: Index | None = None, caption_extension: str = ".txt"
) -> Dataset:
    """Look at a folder of pictures, or at a folder of such folders.

    Whatever cannot be trained on is named in `problems`; nothing is left out silently. The order
    is the same on every machine.
    """
    if not folder.is_dir():
        raise DatasetError(f"There is no folder {folder}. Choose the folder your pictures are in.")
    problems: list[Problem] = []
    scan = _Scan(index, caption_extension, problems)
    concepts = [scan.concept(path) for path in _concept_folders(folder, problems)]
    filled = tuple(concept for concept in concepts if concept.images)
    if not filled:
        text = f"{shown(folder.name)} has no pictures to train on. Put some into it (PNG, JPEG or WebP)."
        problems.append(Problem(folder, text, "error"))
    return Dataset(folder, filled, tuple(problems))


def with_caption(
    image: DatasetImage, extension: str = ".txt"
) -> tuple[DatasetImage, tuple[Problem, ...]]:
    """The picture with the caption that its file holds now, and what is wrong with that file."""
    path = image.path.with_suffix(extension)
    problems: tuple[Problem, ...] = ()
    try:
        found = read_caption(path)
    except DatasetError as error:
        bare = replace_fields(image, caption=Caption(), has_caption=False, more_lines=())
        return bare, (Problem(path, str(error), "warning", True),)
    lines = caption_lines(found.text)
    if not lines:
        what = "is empty" if found.exists else "is missing"
        text = f"The caption of {shown(image.path.name)} {what}: write its tags into {shown(path.name)}."
        problems = (Problem(image.path, text, "warning", True),)
    elif found.note:
        problems = (Problem(path, found.note, "warning", True),)
    tags = Caption(tuple(lines[0].split(", "))) if lines else Caption()  # tidied, so this is exact
    return (
        replace_fields(image, caption=tags, has_caption=bool(lines), more_lines=lines[1:]),
        problems,
    )


def set_repeats(concept_folder: Path, repeats: int) -> Path:
    """Rename `5_kafka` to `7_kafka` in one step; the new folder."""
    _, trigger = split_concept_name(concept_folder.name)
    return _renamed(concept_folder, concept_folder_name(trigger, repeats))


def set_trigger(concept_folder: Path, trigger: str) -> Path:
    """Rename `5_kafka` to `5_zeta` in one step; the new folder. Captions stay as they are."""
    repeats, _ = split_concept_name(concept_folder.name)
    return _renamed(concept_folder, concept_folder_name(trigger, repeats or 1))


def concept_folder_name(trigger: str, repeats: int = 1) -> str:
    """`5_kafka`, as it may stand on a disk; DatasetError or BadName for what cannot."""
    if not 1 <= repeats <= MAX_REPEATS:
        raise DatasetError(f"Repeats can be from 1 to {MAX_REPEATS}, not {repeats}.")
    if not trigger.strip():
        raise DatasetError("The trigger is empty. Type at least one letter or digit.")
    return safe_name(f"{repeats}_{trigger.strip()}")


def _renamed(folder: Path, name: str) -> Path:
    renamed = folder.with_name(name)
    if renamed == folder:
        return folder
    for path in folder.parent.iterdir():
        if name_key(path.name) == name_key(name) and path != folder:
            raise DatasetError(
                f"There is already a folder {shown(name)}. Move the pictures together, or rename one."
            )
    beside = folder.with_name(f"{folder.name}{_MASKS_BESIDE}")
    replace(folder, renamed)
    history = open_history(renamed.parent)
    history.folder_renamed(folder.name, renamed.name)
    masks = renamed.with_name(f"{name}{_MASKS_BESIDE}")
    if beside.is_dir() and not masks.exists():
        replace(beside, masks)
        history.folder_renamed(beside.name, masks.name)
    sync_folder(renamed.parent)
    return renamed


@dataclass(frozen=True)
class _Scan:
    index: Index | None
    caption_extension: str
    problems: list[Problem]

    def concept(self, folder: Path) -> Concept:
        repeats, trigger = split_concept_name(folder.name)
        settings = self._settings(folder)
        masks = find_masks(folder, settings)
        paths = self._one_per_stem(self._pictures(folder, masks))
        infos = self.index.probe_many(paths) if self.index else probe_many(paths)
        images = []
        for path, info in zip(paths, infos, strict=True):
            if isinstance(info, ImageError):
                self._say(path, str(info), "error")
            else:
                images.append(self._image(path, info))
        self._twins(images)
        return Concept(folder.name, folder, repeats or 1, trigger, tuple(images), settings, masks)

    def _settings(self, folder: Path) -> ConceptSettings:
        try:
            if leads_out(folder / FILE_NAME):
                raise RecipeError(link_sentence(folder / FILE_NAME))
            return read_concept_settings(folder)
        except RecipeError as error:
            text = f"{shown(folder.name)} is used without its own settings. {error}"
            self._say(folder / FILE_NAME, text, "warning")
            return ConceptSettings()

    def _pictures(self, folder: Path, masks: Path | None) -> list[Path]:
        pictures, captions = [], []
        for path in _listed(folder):
            suffix = path.suffix.lower()
            if leads_out(path):
                self._say(path, link_sentence(path), "error")
            elif path.is_dir():
                if path != masks and _has_pictures(path):
                    self._say(path, _nested(path), "warning")
            elif is_picture_name(path.name):
                pictures.append(path)
            elif suffix in _UNREADABLE_SUFFIXES:
                self._say(
                    path, f"{shown(path.name)} is left out: save it as PNG, JPEG or WebP.", "error"
                )
            elif suffix == self.caption_extension:
                captions.append(path)
        stems = {name_key(path.stem) for path in pictures}
        for path in captions:
            if name_key(path.stem) not in stems:
                text = f"{shown(path.name)} belongs to no picture: give it the name of its picture, or delete it."
                self._say(path, text, "warning")
        return pictures

    def _one_per_stem(self, paths: list[Path]) -> list[Path]:
        first: dict[str, Path] = {}
        for path in paths:
            earlier = first.setdefault(name_key(path.stem), path)
            if earlier is not path:
                text = (
                    f"{shown(path.name)} is left out, because {shown(earlier.name)} has the same name "
                    "and so the same caption: rename one of the two."
                )
                self._say(path, text, "error")
        return list(first.values())

    def _image(self, path: Path, info: ImageInfo) -> DatasetImage:
        for note, text in zip(info.notes, sentences(path, info.notes), strict=True):
            self._say(path, text, "warning" if note in NOTES_TO_ACT_ON else "note")
        bare = DatasetImage(path, info.width, info.height, info.sha256, Caption(), False)
        image, problems = with_caption(bare, self.caption_extension)
        self.problems.extend(problems)
        return image

    def _twins(self, images: list[DatasetImage]) -> None:
        first: dict[str, Path] = {}
        for image in images:
            earlier = first.setdefault(image.sha256, image.path)
            if earlier is not image.path:
                text = f"{shown(image.path.name)} is the same picture as {shown(earlier.name)}: delete one."
                self._say(image.path, text, "warning")

    def _say(self, path: Path, sentence: str, level: Level) -> None:
        self.problems.append(Problem(path, sentence, level))


def _concept_folders(folder: Path, problems: list[Problem]) -> list[Path]:
    """The folder itself when pictures lie in it, else those below."""
    inside = []
    for path in _listed(folder):
        if leads_out(path):
            problems.append(Problem(path, link_sentence(path), "error"))
        else:
            inside.append(path)
    below = _without_masks([path for path in inside if path.is_dir()])
    numbered = [path for path in below if split_concept_name(path.name)[0]]
    loose = [path for path in inside if path.is_file() and is_picture_name(path.name)]
    if loose and not numbered:
        return [folder]
    for path in loose:
        text = f"{shown(path.name)} lies beside the concept folders, so it is left out: move it into one."
        problems.append(Problem(path, text, "error"))
    if not below:
        return [folder]
    for path in below:
        if path not in numbered and _has_pictures(path):
            name = shown(path.name)
            text = f"The folder {name} has no number in front, so it counts once: rename it to 5_{name} for 5 repeats."
            problems.append(Problem(path, text, "warning"))
    return below


def find_masks(folder: Path, settings: ConceptSettings) -> Path | None:
    """The folder that holds a concept's masks: the one it names, `masks` inside, or NAME_mask."""
    if settings.mask_folder:
        places = [folder / settings.mask_folder, folder.parent / settings.mask_folder]
    else:
        places = [folder / MASK_FOLDER, folder.with_name(f"{folder.name}{_MASKS_BESIDE}")]
    usable = (place for place in places if place.is_dir() and place != folder)
    return next((place for place in usable if not leads_out(place)), None)


def _without_masks(folders: list[Path]) -> list[Path]:
    """Folders below a dataset, without those that hold the masks of another."""
    masks = set()
    for folder in folders:
        with suppress(RecipeError):  # named when the folder itself is looked at
            masks.add(find_masks(folder, read_concept_settings(folder)))
    return [folder for folder in folders if folder not in masks]


def _listed(folder: Path) -> list[Path]:
    """What lies in a folder, in natural order; hidden things are none of ours."""
    try:
        paths = [path for path in folder.iterdir() if not path.name.startswith((".", "__MACOSX"))]
    except OSError as error:
        raise DatasetError(
            f"The folder {folder} cannot be read ({error.strerror}). Look at its permissions."
        ) from error
    return sorted(paths, key=lambda path: natural_key(path.name))


def _has_pictures(folder: Path) -> bool:
    try:
        return any(is_picture_name(path.name) for path in folder.rglob("*"))
    except OSError:
        return False


def _nested(folder: Path) -> str:
    return (
        f"The folder {shown(folder.name)} lies inside {shown(folder.parent.name)}, where folders are "
        "not looked into: move its pictures one level up."
    )
