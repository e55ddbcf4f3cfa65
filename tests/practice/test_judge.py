"""The judge is tested on fresh drawings, as they are and through the VAE; never on samples."""

from random import Random

import pytest

from lorabake.engine.families.sdxl import load_model
from lorabake.practice import MODEL_DIR
from lorabake.practice.characters import VALUES, Character, random_character, random_stranger
from lorabake.practice.judge import (
    JUDGE_FILE,
    TRAITS,
    drawn,
    judge_character,
    load_judge,
    through_vae,
)

COUNT = 240
LEAST = {"outfit": 0.95, "expression": 0.95, "sex": 0.95, "eyes": 0.95}


@pytest.fixture(scope="module")
def lessons() -> tuple[list[Character], list[dict[str, str]], list[dict[str, str]]]:
    """Characters, and the judge's answers to their drawings as drawn and through the VAE."""
    people = [judge_character(Random(f"test:{i}")) for i in range(COUNT)]
    pixels = drawn(people, "test")
    vae = load_model(MODEL_DIR).vae
    judge = load_judge()
    return people, judge.answers(pixels), judge.answers(through_vae(vae, pixels))


def test_it_is_small() -> None:
    assert JUDGE_FILE.stat().st_size <= 1_000_000


@pytest.mark.parametrize("name", [name for name in VALUES if name not in TRAITS])
def test_it_sees_what_is_drawn(lessons, name: str) -> None:
    people, clean, blurred = lessons
    for answers in (clean, blurred):
        pairs = [
            (getattr(person, name), answer[name])
            for person, answer in zip(people, answers, strict=True)
            if name != "hair" or not person.split_hair  # two colours: neither is wrong
        ]
        right = sum(_word(wanted) == seen for wanted, seen in pairs) / len(pairs)
        assert right >= LEAST.get(name, 0.97), (name, right)


def _word(value: object) -> str:
    return ("no", "yes")[value] if isinstance(value, bool) else str(value)


@pytest.mark.parametrize("name", TRAITS)
def test_it_sees_the_traits_of_the_stranger(lessons, name: str) -> None:
    people, clean, blurred = lessons
    for answers in (clean, blurred):
        pairs = list(zip([getattr(p, name) for p in people], answers, strict=True))
        there = [answer[name] == "yes" for is_drawn, answer in pairs if is_drawn]
        elsewhere = [answer[name] == "yes" for is_drawn, answer in pairs if not is_drawn]
        assert sum(there) / len(there) >= 0.95
        assert sum(elsewhere) / len(elsewhere) <= 0.02


def test_it_finds_the_stranger_and_nobody_else() -> None:
    judge = load_judge()
    hers = judge.answers(drawn([random_stranger(Random(i)) for i in range(60)], "hers"))
    others = judge.answers(drawn([random_character(Random(i)) for i in range(120)], "others"))
    found = [all(answer[name] == "yes" for name in TRAITS) for answer in hers]
    mistaken = [any(answer[name] == "yes" for name in TRAITS) for answer in others]
    assert sum(found) / len(found) >= 0.95
    assert sum(mistaken) / len(mistaken) <= 0.03
