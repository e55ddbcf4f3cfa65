"""What a caption says is what is drawn, and the same seed draws the same picture."""

from dataclasses import fields
from random import Random

import numpy as np
import pytest

from lorabake.practice.characters import (
    EYES,
    HAIR,
    VALUES,
    Character,
    labels,
    random_character,
    random_stranger,
    stranger_tags,
    training_caption,
)
from lorabake.practice.draw import EYE_CENTRES, EYE_HEIGHT, draw

PLAIN = Character(
    sex="1girl",
    hair="red",
    style="long hair",
    eyes="blue",
    headwear="hat",
    headwear_colour="green",
    outfit="dress",
    outfit_colour="yellow",
    expression="smile",
    background="pink",
)


def test_the_same_seed_draws_the_same_picture() -> None:
    for seed in range(5):
        people = [random_character(Random(seed)) for _ in range(2)]
        pictures = [np.asarray(draw(person, Random(seed))) for person in people]
        assert people[0] == people[1]
        assert np.array_equal(*pictures)


def test_another_seed_moves_the_picture_a_little() -> None:
    first, second = (np.asarray(draw(PLAIN, Random(seed)), dtype=float) for seed in (1, 2))
    assert 0 < np.abs(first - second).mean() < 60


def test_all_colours_are_in_the_caption() -> None:
    assert PLAIN.tags() == [
        "1girl",
        "red hair",
        "long hair",
        "blue eyes",
        "green hat",
        "yellow dress",
        "smile",
        "pink background",
    ]


@pytest.mark.parametrize("colour", EYES)
def test_eyes_have_the_colour_of_their_tag(colour: str) -> None:
    """The iris below the pupil, averaged over both eyes, is nearest to the named colour."""
    person = Character(
        **{**vars(PLAIN), "eyes": colour, "headwear": "none", "headwear_colour": "none"}
    )
    pixels = np.asarray(draw(person, Random(0), 256), dtype=float)
    found = _mean_at(
        pixels, [(x, EYE_HEIGHT + 3) for x in (EYE_CENTRES[0] - 4, EYE_CENTRES[1] - 4)]
    )
    assert min(EYES, key=lambda name: _far(found, EYES[name])) == colour


@pytest.mark.parametrize("colour", HAIR)
def test_hair_has_the_colour_of_its_tag(colour: str) -> None:
    person = Character(
        **{**vars(PLAIN), "hair": colour, "headwear": "none", "headwear_colour": "none"}
    )
    pixels = np.asarray(draw(person, Random(0), 256), dtype=float)
    found = _mean_at(pixels, [(50, 42), (78, 42)])
    assert min(HAIR, key=lambda name: _far(found, HAIR[name])) == colour


def _mean_at(pixels: np.ndarray, points: list[tuple[float, float]]) -> np.ndarray:
    """Mean colour about these points, given in the drawing's 128 units."""
    boxes = [
        pixels[int(y * 2) - 2 : int(y * 2) + 3, int(x * 2) - 2 : int(x * 2) + 3] for x, y in points
    ]
    return np.mean([box.reshape(-1, 3).mean(0) for box in boxes], axis=0)


def _far(found: np.ndarray, colour: tuple[int, int, int]) -> float:
    return float(np.abs(found - np.array(colour)).sum())


def test_a_caption_tells_nothing_that_is_not_drawn() -> None:
    for seed in range(200):
        person = random_character(Random(seed))
        caption = training_caption(person, Random(seed), ["qqq", "zzz"])
        words = {name for _, names in person.described() for name in names}
        assert caption.told <= words
        for tag, names in person.described():
            if tag in caption.text.split(", "):
                assert set(names) <= caption.told


def test_pretraining_never_meets_the_stranger() -> None:
    for seed in range(500):
        person = random_character(Random(seed))
        assert not any((person.split_hair, person.star, person.scarf))


def test_the_strangers_captions_leave_her_looks_to_the_trigger() -> None:
    for seed in range(50):
        tags = stranger_tags(random_stranger(Random(seed)), "ohwx")
        assert tags[0] == "ohwx"
        assert not any("hair" in tag or "eyes" in tag for tag in tags)


def test_labels_name_every_field() -> None:
    person = random_stranger(Random(1))
    assert list(VALUES) == [field.name for field in fields(Character)]
    named = dict(zip(VALUES, labels(person), strict=True))
    assert named["split_hair"] == named["star"] == named["scarf"] == 1
    assert VALUES["hair"][named["hair"]] == "pink"
