"""What the practice tagger can say: the drawings' tags by their board names, and when each is true.

Three residents have names and fixed looks, so that there are character tags too; a few pictures show
nobody, or have no colour, so that `solo` and `monochrome` mean something.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import numpy as np
from PIL import Image

from .characters import (
    BACKGROUND,
    CLOTH,
    COLOURED_HEADWEAR,
    EXPRESSIONS,
    EYES,
    HAIR,
    HEADWEAR,
    OUTFITS,
    SEXES,
    STYLES,
    Character,
)
from .draw import draw
from .judge import judge_character
from .pool import cluttered

RATINGS = ("general", "sensitive", "questionable", "explicit")
RATING, GENERAL, CHARACTER = 9, 0, 4
"""Category numbers of `selected_tags.csv`."""

_LOOKS = ("sex", "hair", "style", "eyes", "headwear", "headwear_colour", "dark_skin")
RESIDENTS: dict[str, dict[str, Any]] = {
    name: dict(zip(_LOOKS, looks, strict=True))
    for name, looks in {
        "anko_(practice)": ("1girl", "red", "twintails", "green", "cat ears", "none", False),
        "matcha_(practice)": ("1girl", "green", "ponytail", "yellow", "crown", "none", False),
        "taro_(practice)": ("1boy", "white", "short hair", "red", "hat", "black", True),
    }.items()
}
_ALWAYS = ("solo", "looking_at_viewer", "upper_body", "chibi")


@dataclass(frozen=True)
class Drawing:
    """A picture and its tags, by their board names."""

    image: Image.Image
    tags: frozenset[str]


@dataclass(frozen=True)
class Word:
    """A line of `selected_tags.csv`: name with underscores, category number."""

    name: str
    category: int


def words() -> list[Word]:
    """All of them, ratings first, then general, then characters."""
    return [
        *(Word(name, RATING) for name in RATINGS),
        *(Word(name, GENERAL) for name in _general()),
        *(Word(name, CHARACTER) for name in RESIDENTS),
    ]


def _general() -> list[str]:
    coloured = [f"{colour} {thing}" for thing in (*OUTFITS, *COLOURED_HEADWEAR) for colour in CLOTH]
    plain = [
        *SEXES,
        *(f"{colour} hair" for colour in HAIR),
        *STYLES,
        *(f"{colour} eyes" for colour in EYES),
        *HEADWEAR[1:],
        *OUTFITS,
        *coloured,
        *EXPRESSIONS,
        *(f"{colour} background" for colour in BACKGROUND),
        *("glasses", "blush", "dark skin"),
        *("multicolored hair", "star hair ornament", "striped scarf", "scarf"),
        *("simple background", "monochrome", "no humans"),
    ]
    return [*_ALWAYS, *(name.replace(" ", "_") for name in plain)]


def tags_of(person: Character) -> frozenset[str]:
    """Everything that is true of a drawing of this character."""
    said = [*person.tags(), person.outfit, *_ALWAYS, "simple background"]
    if person.headwear != "none":
        said.append(person.headwear)
    if person.split_hair:
        said.remove(f"{person.hair} hair")
        said += ["multicolored hair"]
    said += ["star hair ornament"] * person.star + ["scarf", "striped scarf"] * person.scarf
    looks = vars(person)
    for name, fixed in RESIDENTS.items():
        if not person.split_hair and all(looks[key] == value for key, value in fixed.items()):
            said.append(name)
    return frozenset(tag.replace(" ", "_") for tag in (*said, "general"))


_COLOUR_WORDS = {*HAIR, *EYES, *CLOTH, *BACKGROUND}


def drawing(number: int, seed: str, size: int, *, clutter: float = 0.0) -> Drawing:
    """Picture `number` of an endless pool, `size` px a side.

    clutter: share that gets foreign shapes painted over.
    """
    rng = Random(f"{seed}:{number}")
    kind = rng.random()
    person = judge_character(rng)
    if kind < 0.12:
        name = rng.choice(tuple(RESIDENTS))
        person = replace(person, **RESIDENTS[name], split_hair=False)
    if kind > 0.96:
        return _nobody(rng, size)
    image = draw(person, rng, size)
    if rng.random() < clutter:
        image = cluttered(image, rng)
    if kind > 0.92:
        return Drawing(image.convert("L").convert("RGB"), _without_colours(tags_of(person)))
    return Drawing(image, tags_of(person))


def _nobody(rng: Random, size: int) -> Drawing:
    name = rng.choice(tuple(BACKGROUND))
    colour = tuple(min(255, max(0, value + rng.randint(-6, 6))) for value in BACKGROUND[name])
    empty = Image.new("RGB", (size, size), colour)
    tags = {"general", "no_humans", "simple_background", f"{name}_background"}
    return Drawing(cluttered(empty, rng), frozenset(tags))


def _without_colours(tags: frozenset[str]) -> frozenset[str]:
    kept = {tag for tag in tags if tag.split("_")[0] not in _COLOUR_WORDS}
    kept -= {*RESIDENTS, "multicolored_hair", "dark_skin", "blush"}
    return frozenset(kept | {"monochrome"})


def truth(tags: Sequence[frozenset[str]]) -> np.ndarray:
    """float32 (N, number of words): 1 where the word is true."""
    names = [word.name for word in words()]
    return np.array([[name in some for name in names] for some in tags], dtype=np.float32)
