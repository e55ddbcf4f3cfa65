"""Which tags there are, how often, and which go together."""

from __future__ import annotations

import pytest

from lorabake.captions.stats import bleeds_with, cloud, frequency, ids_with
from tests.captions.making import TAGS, items

TEXTS = items(
    "kafka, 1girl, long hair, saber (fate)",
    "kafka, 1girl, Long_Hair, red dress, rose",
    "kafka, long hair, red dress, rose, rose",
    "kafka, smile, highres",
    "",
)


def test_tags_are_counted_by_picture_and_shown_as_mostly_written():
    found = frequency(TEXTS, TAGS)
    assert [(one.tag, one.count) for one in found[:3]] == [
        ("kafka", 4),
        ("long hair", 3),
        ("1girl", 2),
    ]
    by_tag = {one.tag: one for one in found}
    assert by_tag["rose"].count == 2
    assert by_tag["saber (fate)"].category == "character"
    assert by_tag["rose"].category == ""
    assert frequency([]) == []


def test_the_images_that_have_a_tag():
    assert ids_with(TEXTS, "long_hair") == [f"5_kafka/{n}.png" for n in (0, 1, 2)]
    assert ids_with(TEXTS, "hair") == []


def test_tags_that_stand_together_bleed():
    found = bleeds_with(TEXTS, "Red_Dress")
    assert (found[0].tag, found[0].together, found[0].share) == ("rose", 2, 1.0)
    assert found[0].lift == pytest.approx(5 / 2)
    kafka = next(one for one in found if one.tag == "kafka")
    assert kafka.lift == pytest.approx(5 / 4)
    assert found.index(kafka) > 0
    assert "red dress" not in {one.tag for one in found}
    assert len(bleeds_with(TEXTS, "red dress", 1)) == 1
    assert bleeds_with(TEXTS, "never") == []


def test_a_cloud_by_category():
    found = cloud(TEXTS, TAGS)
    assert set(found) == {"general", "character", "meta", ""}
    sizes = {one.tag: one.size for shown in found.values() for one in shown}
    assert sizes["kafka"] == 1.0
    assert sizes["smile"] == 0.0
    assert 0 < sizes["long hair"] < 1
    assert [one.tag for one in found[""]] == ["kafka", "long hair", "red dress", "rose", "smile"]
    assert [one.tag for one in cloud(TEXTS, TAGS, limit=1)[""]] == ["kafka"]
    assert cloud([], TAGS) == {}
