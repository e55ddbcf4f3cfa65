"""What a concept folder wants differently from the recipe: its `concept.toml`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any, TypeVar

from lorabake.core.errors import DatasetError, RecipeError
from lorabake.core.files import atomic_write_text
from lorabake.core.names import shown
from lorabake.core.settings import from_mapping, setting, setting_fields, to_mapping
from lorabake.core.toml import dump_toml, read_toml

FILE_NAME = "concept.toml"
MASK_FOLDER = "masks"
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class ConceptSettings:
    """Settings of one folder. None means: as in the recipe."""

    is_reg: bool = setting(
        False,
        "Regularisation",
        help="Pictures of other things of the same kind, so that only the trigger word learns. "
        "Not in the guide. Shown as often as the training pictures, repeated or limited to "
        "match. Off, they are trained like all others.",
    )
    mask_folder: str = setting(
        "",
        "Mask folder",
        help="Folder of the masks, inside this folder or beside it; empty looks for masks here "
        "and for a folder of this one's name with _mask behind.",
        more=True,
    )
    keep_tokens: int | None = setting(
        None,
        "Keep tokens",
        help="This folder's own number of tags that stay in front; left out, the recipe's. The "
        "guide: at least 1 with a trigger word, 0 without. Too few mix the trigger with "
        "the rest; too many leave little to shuffle.",
        unit="tags",
        minimum=0,
        maximum=200,
    )
    shuffle_caption: bool | None = setting(
        None,
        "Shuffle captions",
        help="Whether this folder's tags come in a new order each time; left out, as in the "
        "recipe. The guide: on. Off, their order is learned too.",
    )
    caption_prefix: str | None = setting(
        None,
        "Caption prefix",
        help="Put in front of this folder's captions with a space; left out, the recipe's. "
        "Empty adds nothing.",
        more=True,
    )
    caption_suffix: str | None = setting(
        None,
        "Caption suffix",
        help="Put behind this folder's captions with a space; left out, the recipe's. Empty "
        "adds nothing.",
        more=True,
    )
    caption_dropout_rate: float | None = setting(
        None,
        "Caption dropout",
        help="How many of this folder's pictures are trained without words; left out, the "
        "recipe's. Not in the guide; 0 is off. Higher weakens trigger and tags.",
        unit="share of pictures",
        minimum=0,
        maximum=1,
        more=True,
    )
    caption_dropout_every_n_epochs: int | None = setting(
        None,
        "Caption dropout every n epochs",
        help="In each n-th epoch this folder has no words; left out, as in the recipe. Not in "
        "the guide; 0 is off. 1 trains it without words throughout; higher does it more "
        "rarely.",
        minimum=0,
        maximum=1000,
        more=True,
    )
    caption_tag_dropout_rate: float | None = setting(
        None,
        "Tag dropout",
        help="Chance of each of this folder's tags behind the kept ones to be left out; if this "
        "is not set, the recipe's. Not in the guide; 0 is off. Too high, and what is seen "
        "sticks to the kept tags.",
        unit="share of tags",
        minimum=0,
        maximum=1,
        more=True,
    )
    token_warmup_min: int | None = setting(
        None,
        "Token warmup from",
        help="How many tags this folder's captions begin with in a token warmup; left out, the "
        "recipe's. Not in the guide; 1 is the slowest start. As many as a caption has, or "
        "more, is no warmup.",
        unit="tags",
        minimum=1,
        maximum=1000,
        more=True,
    )
    token_warmup_step: float | None = setting(
        None,
        "Token warmup",
        help="How long it takes until all of this folder's tags are used; left out, the "
        "recipe's. Not in the guide; 0 is off. Longer than the bake, and the last tags are "
        "never learned.",
        unit="steps",
        minimum=0,
        maximum=1_000_000,
        more=True,
    )
    flip_aug: bool | None = setting(
        None,
        "Flip",
        help="Whether this folder's pictures are mirrored half of the time; left out, as in the "
        "recipe. Not in the guide. Off for characters who look different left and right.",
        more=True,
    )
    color_aug: bool | None = setting(
        None,
        "Colour",
        help="Whether hue and brightness of this folder's pictures vary a little; left out, as "
        "in the recipe. Not in the guide. On, colours are learned less exactly.",
        more=True,
    )
    random_crop: bool | None = setting(
        None,
        "Random crop",
        help="Whether this folder's pictures are cut elsewhere each time; left out, as in the "
        "recipe. Not in the guide. On, none of them can be cached, so steps are slower.",
        more=True,
    )

    def __post_init__(self) -> None:
        place = PurePath(self.mask_folder)
        if place.is_absolute() or ".." in place.parts or "\\" in self.mask_folder:
            raise RecipeError(
                f"The mask folder {shown(self.mask_folder)} must lie inside the concept folder or "
                "beside it. Give its name only."
            )


def concept_settings_from(mapping: dict[str, Any]) -> ConceptSettings:
    """Settings from the pairs of a file; raises RecipeError for anything unknown or unfit."""
    return from_mapping(ConceptSettings, mapping)


def changed_settings(settings: ConceptSettings) -> dict[str, Any]:
    """What differs from the defaults, ready for TOML or JSON."""
    plain = to_mapping(ConceptSettings())
    return {name: v for name, v in to_mapping(settings).items() if v != plain[name]}


def read_concept_settings(folder: Path) -> ConceptSettings:
    """The settings of a concept folder; the defaults when it has none. Raises RecipeError."""
    path = folder / FILE_NAME
    if not path.exists():
        return ConceptSettings()
    return concept_settings_from(read_toml(path))


def write_concept_settings(folder: Path, settings: ConceptSettings) -> None:
    """Write `concept.toml` in one step; without anything to say the file goes away."""
    path, changed = folder / FILE_NAME, changed_settings(settings)
    try:
        if changed:
            atomic_write_text(path, dump_toml(changed))
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise DatasetError(
            f"{shown(folder.name)} cannot be written to ({error.strerror}). Look at its permissions."
        ) from error


def overridden(settings: T, own: ConceptSettings) -> T:
    """A group of the recipe with what the folder says of its own in place."""
    names = {spec.name for spec in setting_fields(type(settings))}  # type: ignore[arg-type]
    wanted = {
        name: value
        for name, value in to_mapping(own).items()
        if name in names and value is not None
    }
    return replace(settings, **wanted) if wanted else settings  # type: ignore[type-var]
