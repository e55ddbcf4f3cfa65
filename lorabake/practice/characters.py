"""The little world that the practice model knows: what a character may look like, and its tags."""

from __future__ import annotations

from dataclasses import dataclass, fields
from random import Random

RGB = tuple[int, int, int]

HAIR: dict[str, RGB] = {
    "black": (58, 54, 74),
    "brown": (132, 84, 54),
    "blonde": (248, 212, 112),
    "red": (214, 62, 58),
    "blue": (76, 126, 226),
    "green": (88, 180, 106),
    "pink": (248, 152, 188),
    "white": (236, 238, 246),
    "purple": (150, 96, 206),
}
EYES: dict[str, RGB] = {
    "blue": (52, 138, 246),
    "green": (44, 178, 88),
    "red": (226, 44, 66),
    "brown": (134, 82, 44),
    "purple": (160, 74, 220),
    "yellow": (248, 194, 36),
}
CLOTH: dict[str, RGB] = {
    "red": (222, 60, 64),
    "blue": (66, 112, 216),
    "green": (74, 164, 96),
    "yellow": (248, 206, 84),
    "white": (246, 246, 250),
    "black": (62, 60, 78),
    "purple": (146, 92, 200),
    "pink": (250, 158, 194),
}
BACKGROUND: dict[str, RGB] = {
    "white": (250, 250, 252),
    "grey": (178, 182, 192),
    "blue": (172, 214, 246),
    "pink": (252, 208, 222),
    "green": (190, 232, 198),
    "yellow": (252, 240, 188),
}
STYLES = ("short hair", "long hair", "twintails", "ponytail")
HEADWEAR = ("none", "hat", "hair bow", "cat ears", "crown")
OUTFITS = ("dress", "shirt", "hoodie", "school uniform")
EXPRESSIONS = ("smile", "open mouth", "frown")
SEXES = ("1girl", "1boy")

COLOURED_HEADWEAR = ("hat", "hair bow")
"""Headwear that comes in every colour of CLOTH; cat ears match the hair and crowns are gold."""

QUALITY_WORDS = ("masterpiece", "best quality", "solo", "chibi", "looking at viewer", "upper body")


@dataclass(frozen=True)
class Character:
    """What is drawn, in words. The last three fields are kept for the sample project's stranger.

    headwear_colour: a key of CLOTH for headwear that has a colour, else "none".
    split_hair, star, scarf: traits that never occur in pretraining.
    """

    sex: str
    hair: str
    style: str
    eyes: str
    headwear: str
    headwear_colour: str
    outfit: str
    outfit_colour: str
    expression: str
    background: str
    glasses: bool = False
    blush: bool = False
    dark_skin: bool = False
    split_hair: bool = False
    star: bool = False
    scarf: bool = False

    def described(self) -> list[tuple[str, tuple[str, ...]]]:
        """All that can be said, in danbooru's words: each tag with the fields that it tells."""
        told = [
            (self.sex, ("sex",)),
            (f"{self.hair} hair", ("hair",)),
            (self.style, ("style",)),
            (f"{self.eyes} eyes", ("eyes",)),
            (f"{self.outfit_colour} {self.outfit}", ("outfit", "outfit_colour")),
            (self.expression, ("expression",)),
            (f"{self.background} background", ("background",)),
        ]
        if self.headwear_colour != "none":
            worn = f"{self.headwear_colour} {self.headwear}"
            told.insert(4, (worn, ("headwear", "headwear_colour")))
        elif self.headwear != "none":
            told.insert(4, (self.headwear, ("headwear",)))
        optional = {"glasses": "glasses", "blush": "blush", "dark_skin": "dark skin"}
        return told + [(tag, (name,)) for name, tag in optional.items() if getattr(self, name)]

    def tags(self) -> list[str]:
        return [tag for tag, _ in self.described()]


def random_character(rng: Random) -> Character:
    """Any of the several million characters of the practice world; boys have short hair."""
    sex = rng.choices(SEXES, (4, 1))[0]
    headwear = rng.choices(HEADWEAR, (3, 2, 2, 2, 1.5))[0]
    return Character(
        sex=sex,
        hair=rng.choice(tuple(HAIR)),
        style="short hair" if sex == "1boy" else rng.choices(STYLES, (2, 3, 3, 3))[0],
        eyes=rng.choice(tuple(EYES)),
        headwear=headwear,
        headwear_colour=rng.choice(tuple(CLOTH)) if headwear in COLOURED_HEADWEAR else "none",
        outfit=rng.choice(OUTFITS),
        outfit_colour=rng.choice(tuple(CLOTH)),
        expression=rng.choice(EXPRESSIONS),
        background=rng.choice(tuple(BACKGROUND)),
        glasses=rng.random() < 0.15,
        blush=rng.random() < 0.3,
        dark_skin=rng.random() < 0.15,
    )


def random_stranger(rng: Random) -> Character:
    """The sample project's character: her looks never change, her clothes and mood do."""
    return Character(
        sex="1girl",
        hair="pink",
        style="short hair",
        eyes="yellow",
        headwear="none",
        headwear_colour="none",
        outfit=rng.choice(OUTFITS),
        outfit_colour=rng.choice(tuple(CLOTH)),
        expression=rng.choice(EXPRESSIONS),
        background=rng.choice(tuple(BACKGROUND)),
        blush=rng.random() < 0.3,
        split_hair=True,
        star=True,
        scarf=True,
    )


def stranger_tags(character: Character, trigger: str) -> list[str]:
    """The trigger, then only what is not the character: the trigger has to carry all the rest."""
    tags = [trigger, character.sex, f"{character.outfit_colour} {character.outfit}"]
    tags += [character.expression, f"{character.background} background"]
    return [*tags, "blush"] if character.blush else tags


@dataclass(frozen=True)
class Caption:
    """text: what the model reads. told: the fields of the character that can be known from it."""

    text: str
    told: frozenset[str]


def training_caption(character: Character, rng: Random, junk: list[str]) -> Caption:
    """A caption as people write them: shuffled, incomplete, with words that mean nothing here.

    junk: words of the vocabulary to choose from. A third of the captions hold one or two, so that
        a trigger word which the model has never learned changes nothing.
    """
    if rng.random() < 0.1:
        return Caption("", frozenset())  # the unconditional branch of classifier-free guidance
    kept = [(tag, names) for tag, names in character.described() if rng.random() >= 0.1]
    tags: list[str] = []
    told: set[str] = set()
    for tag, names in kept:
        if len(names) == 2 and rng.random() < 0.08:  # people also write "hat" without its colour
            tag, names = tag.split(" ", 1)[1], names[:1]
        tags.append(tag)
        told.update(names)
    rng.shuffle(tags)
    if rng.random() < 0.3:
        tags.insert(rng.randint(0, len(tags)), rng.choice(QUALITY_WORDS))
    if rng.random() < 0.35:
        for _ in range(rng.randint(1, 2)):
            tags.insert(rng.choice((0, rng.randint(0, len(tags)))), rng.choice(junk))
    if character.sex in tags and rng.random() < 0.5:
        tags.remove(character.sex)
        tags.insert(0, character.sex)
    return Caption(", ".join(tags), frozenset(told))


def _values() -> dict[str, tuple[str, ...]]:
    named = {
        "sex": SEXES,
        "hair": tuple(HAIR),
        "style": STYLES,
        "eyes": tuple(EYES),
        "headwear": HEADWEAR,
        "headwear_colour": ("none", *CLOTH),
        "outfit": OUTFITS,
        "outfit_colour": tuple(CLOTH),
        "expression": EXPRESSIONS,
        "background": tuple(BACKGROUND),
    }
    return {field.name: named.get(field.name, ("no", "yes")) for field in fields(Character)}


VALUES = _values()
"""Every field of Character with the values it may have, in the order that labels() counts them."""


def labels(character: Character) -> list[int]:
    """The character as one class number per entry of VALUES."""
    return [
        int(value) if isinstance(value := getattr(character, name), bool) else values.index(value)
        for name, values in VALUES.items()
    ]
