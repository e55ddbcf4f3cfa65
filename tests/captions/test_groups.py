"""Tags that exclude each other: found, and one of them kept."""

from __future__ import annotations

from collections import Counter

import pytest

from lorabake.captions.groups import find_conflicts, groups, parse_consolidate
from lorabake.captions.process import preview
from lorabake.captions.settings import FieldError, ProcessSettings
from lorabake.core.tags import tag_key
from tests.captions.making import after, afters, item, items, looked, whys


def test_every_group_is_sound():
    tags = Counter(tag_key(tag) for group in groups() for tag in group.tags)
    assert [tag for tag, count in tags.items() if count > 1] == []
    for group in groups():
        assert len(group.values) > 1, group.name
        assert all(group.values), group.name
        assert not group.unless & {tag_key(tag) for tag in group.tags}, group.name
    assert {group.name for group in groups()} >= {
        "hair color",
        "hair length",
        "eye color",
        "breast size",
    }


def test_two_hair_colours_are_a_conflict():
    found = find_conflicts(items("brown hair, Blonde_Hair, blue eyes", "brown hair, blue eyes"))
    assert [(one.id, one.group, one.tags) for one in found] == [
        ("5_kafka/0.png", "hair color", ("brown hair", "Blonde_Hair"))
    ]
    assert find_conflicts(items("brown hair, blonde hair"), ["eye color"]) == []


@pytest.mark.parametrize(
    "text",
    [
        "brown hair, blonde hair, multicolored hair",
        "brown hair, blonde hair, Two-Tone Hair",
        "blue eyes, red eyes, heterochromia",
        "blue eyes, red eyes, 2girls",
        "brown hair, blonde hair, 1girl, 1boy",
        "long hair, very long hair, absurdly long hair",  # one value in three words
        "light blue hair, blue hair",
        "blue background, blue eyes, blue skin",
    ],
)
def test_exceptions(text):
    assert find_conflicts(items(text)) == []


def test_the_commonest_of_the_concept_is_kept():
    texts = ["brown hair", "brown hair", "blonde hair, brown hair", "blonde hair"]
    other = [item("blonde hair", f"{n}.png", concept="2_b", trigger="b") for n in range(9)]
    found = preview([*items(*texts), *other], ProcessSettings(consolidate="hair color"))
    assert [(change.id, change.after) for change in found.changes] == [
        ("5_kafka/2.png", "brown hair")
    ]
    assert whys(found) == [("blonde hair", "brown hair is the commonest hair colour in its folder")]


def test_the_commonest_is_counted_over_all_pictures_when_only_some_are_changed():
    everything = items("blonde hair, brown hair", "brown hair", "brown hair")
    found = preview(everything[:1], ProcessSettings(consolidate="all"), all_items=everything)
    assert afters(found) == {"0.png": "brown hair"}


def test_the_value_asked_for_is_kept_with_all_its_words():
    text = "light blue hair, brown hair, blue hair, x"
    assert after(text, consolidate="Hair Colour = blue hair") == "light blue hair, blue hair, x"
    # Where it is not among them, the choice goes on as without it.
    assert after("red hair, brown hair", consolidate="hair color = blue hair") == "red hair"


def test_the_taggers_most_probable_is_kept():
    scores = {"5_kafka/0.png": {"brown_hair": 0.4, "blonde_hair": 0.9}}
    texts = items("brown hair, blonde hair", "brown hair")
    wanted = ProcessSettings(consolidate="all", consolidate_by="probable")
    assert afters(preview(texts, wanted, scores=scores)) == {"0.png": "blonde hair"}
    told = preview(texts, wanted)
    assert afters(told) == {"0.png": "brown hair"}
    assert any("has not looked at these pictures" in one for one in told.warnings)


def test_the_first_is_kept():
    assert (
        after("blonde hair, brown hair", consolidate="all", consolidate_by="first") == "blonde hair"
    )


def test_a_protected_value_is_kept():
    found = looked(
        "blonde hair, brown hair, brown hair 2", consolidate="all", keep_tags="brown hair"
    )
    assert afters(found)["0.png"] == "brown hair, brown hair 2"


def test_only_the_groups_asked_for():
    text = "blonde hair, brown hair, red eyes, blue eyes"
    assert after(text, consolidate="eye color") == "blonde hair, brown hair, red eyes"
    assert after(text, consolidate="eye color, hair color") == "blonde hair, red eyes"


def test_what_is_typed():
    assert parse_consolidate("all").keys() == {group.name for group in groups()}
    typed = parse_consolidate("all\nhair color = pink hair")
    assert typed["hair color"] is not None
    assert typed["eye color"] is None
    for wrong in ("hair colours of all", "hair color = blue eyes", "= a"):
        with pytest.raises(FieldError) as told:
            parse_consolidate(wrong)
        assert told.value.field == "consolidate"
