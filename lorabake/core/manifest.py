"""dataset.json: a dataset as JSON, so that a run knows for ever what it was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lorabake.core.caption import parse_caption
from lorabake.core.concept_settings import changed_settings, concept_settings_from
from lorabake.core.dataset import MAX_REPEATS, Concept, Dataset, DatasetImage
from lorabake.core.errors import DatasetError, RecipeError
from lorabake.core.names import shown


def freeze(dataset: Dataset) -> dict[str, Any]:
    """The dataset as plain values; paths inside it are relative to its root."""
    return {
        "format": 1,
        "root": str(dataset.root.absolute()),
        "concepts": [
            {
                "name": concept.name,
                "folder": _below(concept.folder, dataset.root),
                "repeats": concept.repeats,
                "trigger": concept.trigger,
                "settings": changed_settings(concept.settings),
                "masks": _below(concept.masks, dataset.root) if concept.masks else None,
                "images": [_freeze_image(image, concept.folder) for image in concept.images],
            }
            for concept in dataset.concepts
        ],
    }


def thaw(frozen: Mapping[str, Any]) -> Dataset:
    """A dataset from `freeze`; DatasetError when somebody's hands were in the file."""
    try:
        if frozen["format"] != 1:
            raise ValueError("a newer format")
        root = Path(str(frozen["root"]))
        concepts = tuple(_thaw_concept(item, root) for item in frozen["concepts"])
    except (KeyError, TypeError, ValueError, AttributeError, RecipeError) as error:
        why = shown(str(error), 200)
        raise DatasetError(
            f"The list of pictures of this run (dataset.json) is damaged: {why}. Prepare the run anew."
        ) from error
    return Dataset(root, concepts)


def _freeze_image(image: DatasetImage, folder: Path) -> dict[str, Any]:
    return {
        "path": _below(image.path, folder),
        "width": image.width,
        "height": image.height,
        "sha256": image.sha256,
        "caption": image.caption.text,
        "has_caption": image.has_caption,
        **({"more_lines": list(image.more_lines)} if image.more_lines else {}),
    }


def _below(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def _thaw_concept(item: Mapping[str, Any], root: Path) -> Concept:
    folder = _inside(root, item["folder"])
    images = tuple(_thaw_image(image, folder) for image in item["images"])
    repeats = _whole(item["repeats"], MAX_REPEATS)
    masks = item.get("masks")
    return Concept(
        str(item["name"]),
        folder,
        repeats,
        str(item["trigger"]),
        images,
        concept_settings_from(item.get("settings", {})),
        _inside(root, masks) if masks else None,
    )


def _thaw_image(item: Mapping[str, Any], folder: Path) -> DatasetImage:
    return DatasetImage(
        path=_inside(folder, item["path"]),
        width=_whole(item["width"], 16_384),
        height=_whole(item["height"], 16_384),
        sha256=str(item["sha256"]),
        caption=parse_caption(str(item["caption"])),
        has_caption=bool(item["has_caption"]),
        more_lines=tuple(str(line) for line in item.get("more_lines", ())),
    )


def _inside(root: Path, place: object) -> Path:
    relative = Path(str(place))
    if relative.is_absolute() or ".." in relative.parts:
        raise ValueError(f"{shown(str(place))} leads out of its folder")
    return root / relative


def _whole(value: object, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise ValueError(f"{value!r} is not a number from 1 to {most}")
    return value
