"""Cuts and painted-over pictures taken into the data set: one step each, the original kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lorabake.core.caption import caption_path, parse_caption, read_caption
from lorabake.core.carry import carry
from lorabake.core.concept_settings import read_concept_settings
from lorabake.core.dataset import DatasetImage, find_masks
from lorabake.core.errors import DatasetError, RecipeError
from lorabake.core.files import atomic_write_bytes, disk_full_as_sentence, sha256_of
from lorabake.core.history import Outcome
from lorabake.core.image import load_alpha, load_rgb
from lorabake.core.names import shown
from lorabake.core.pictures import Made, add_pictures, made_folder, replace_pictures
from lorabake.curate.crop import MAX_BOXES, Box, checked, cut

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CAPTIONS = (".txt", ".caption")
ORIGIN = "curating"


def apply_crops(
    root: Path,
    image: DatasetImage,
    boxes: Sequence[Box],
    *,
    keep_original: bool,
    change_tags: Callable[[tuple[str, ...]], tuple[str, ...]] | None = None,
) -> Outcome:
    """Cut the boxes out as pictures of the same folder, as one step.

    Each gets the caption, and where its tags came from; change_tags: what of the tags it gets
    (see `tags_of_cut`). keep_original: otherwise it goes to `.originals/`, with its caption.
    """
    if not boxes:
        raise DatasetError("There is no box to cut out. Draw one over the picture first.")
    if len(boxes) > MAX_BOXES:
        raise DatasetError(f"One picture has at most {MAX_BOXES} boxes. Remove some.")
    size = (image.width, image.height)
    wanted = [checked(box, size) for box in boxes]
    pixels = layers(image.path)
    if pixels.shape[:2] != (image.height, image.width):
        raise DatasetError(
            f"{shown(image.path.name)} was changed by another program since it was looked at. "
            "Look at the folder again."
        )
    home, mask = made_folder(root), mask_of(root, image.path)
    mask_pixels = load_rgb(mask) if mask is not None else None
    if mask_pixels is not None and mask_pixels.shape[:2] != pixels.shape[:2]:
        mask_pixels = None  # made for another size; cutting it would be guessing
    folder = folder_of(root, image.path)
    made = []
    for number, box in enumerate(wanted, start=1):
        picture = home / f"{number:02}.png"
        write_png(picture, cut(pixels, box))
        cut_mask = None
        if mask_pixels is not None:
            cut_mask = home / "masks" / picture.name
            cut_mask.parent.mkdir(exist_ok=True)
            write_png(cut_mask, cut(mask_pixels, box))
        captions = _captions(image.path, picture, change_tags)
        made.append(Made(picture, folder, image.path.stem, captions, mask=cut_mask))
        carry(root, image, sha256_of(picture))
    count = "1 cut" if len(made) == 1 else f"{len(made)} cuts"
    title = f"{count} of {image.path.name}"
    return add_pictures(
        root, made, title, origin=ORIGIN, instead_of=() if keep_original else (image.path,)
    )


def tags_of_cut(tags: tuple[str, ...]) -> tuple[str, ...]:
    """Tags without those that a cut of one view makes wrong, such as `multiple views`."""
    from lorabake.core.tags import tag_key
    from lorabake.curate.flags import VIEW_TAGS

    return tuple(tag for tag in tags if tag_key(tag) not in VIEW_TAGS)


def replace_pixels(
    root: Path, image: DatasetImage, pixels: NDArray[np.uint8], title: str
) -> Outcome:
    """Put changed pixels (H, W, 3 or 4) of the same size in the picture's place, as one step."""
    made = made_folder(root) / "painted.png"  # a long name would have no room for a temporary one
    write_png(made, pixels)
    carry(root, image, sha256_of(made))
    return replace_pictures(root, [(image.path, made)], title, origin=ORIGIN)


def layers(path: Path) -> NDArray[np.uint8]:
    """The pixels, upright: (H, W, 3), or (H, W, 4) when parts are transparent."""
    import numpy as np

    rgb, alpha = load_rgb(path), load_alpha(path)
    if alpha.min() == 255:
        return rgb.copy()
    # `load_rgb` has laid it on white; take the white off again, or edges would be whitened twice.
    solid = alpha[:, :, None].astype(np.float32) / 255
    bare = (rgb - 255 * (1 - solid)) / np.maximum(solid, 1 / 255)
    bare = np.where(solid > 0, bare.round().clip(0, 255), 255).astype(np.uint8)
    return np.concatenate((bare, alpha[:, :, None]), axis=2)


def write_png(path: Path, pixels: NDArray[Any]) -> None:
    """pixels: (H, W, 3 or 4) uint8; without metadata."""
    from io import BytesIO

    from PIL import Image

    written = BytesIO()
    Image.fromarray(pixels).save(written, "PNG", compress_level=4)
    with disk_full_as_sentence(path):
        atomic_write_bytes(path, written.getvalue())


def folder_of(root: Path, path: Path) -> str:
    """The concept folder's name; "" for a picture that lies in the data set itself."""
    folder = path.parent.absolute().relative_to(root.absolute()).as_posix()
    return "" if folder == "." else folder


def mask_of(root: Path, path: Path) -> Path | None:
    """The picture's mask, when it has one that lies in this data set."""
    if path.parent.absolute() == root.absolute():
        return None
    try:
        masks = find_masks(path.parent, read_concept_settings(path.parent))
    except (RecipeError, OSError):
        return None
    if masks is None or not masks.absolute().is_relative_to(root.absolute()):
        return None
    return next((one for one in sorted(masks.glob("*.png")) if one.stem == path.stem), None)


def _captions(
    source: Path,
    picture: Path,
    change_tags: Callable[[tuple[str, ...]], tuple[str, ...]] | None,
) -> list[Path]:
    """Copies of the caption files, under the cut's name."""
    copies = []
    for suffix in CAPTIONS:
        found = read_caption(caption_path(source, suffix))
        if not found.exists:
            continue
        raw = found.raw or b""
        tags = parse_caption(found.text).tags
        if change_tags is not None and (changed := change_tags(tags)) != tags:
            raw = ", ".join(changed).encode()
        copy = caption_path(picture, suffix)
        atomic_write_bytes(copy, raw)
        copies.append(copy)
    return copies
