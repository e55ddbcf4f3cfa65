"""From probabilities to tags: thresholds, MCut, kaomoji, order. Every formula stated here anew."""

import numpy as np
import pytest

from lorabake.core.errors import RecipeError
from lorabake.core.settings import from_mapping, to_mapping
from lorabake.core.tags import KAOMOJI
from lorabake.tag.labels import Label
from lorabake.tag.select import mcut, select
from lorabake.tag.settings import TagSettings

LABELS = (
    Label("general", "rating"),
    Label("explicit", "rating"),
    Label("long_hair", "general"),
    Label("smile", "general"),
    Label("blue_eyes", "general"),
    Label("kafka_(honkai:_star_rail)", "character"),
    Label("himeko", "character"),
)
SURE = np.array([0.6, 0.3, 0.31, 0.9, 0.29, 0.86, 0.5], dtype=np.float32)


def names(settings: TagSettings, sure: np.ndarray = SURE) -> list[str]:
    return [one.name for one in select(LABELS, sure, settings)]


def test_thresholds_of_general_tags_and_characters_are_apart():
    """ "general and character thresholds separate"; general by falling probability, then characters."""
    assert names(TagSettings()) == ["smile", "long hair", "kafka (honkai: star rail)"]
    assert names(TagSettings(character_threshold=0.5))[-1] == "himeko"
    assert names(TagSettings(threshold=0.05))[:3] == ["smile", "long hair", "blue eyes"]


def test_a_tag_exactly_at_the_threshold_is_said():
    sure = np.array([0, 0, 0.3, 0, 0, 0, 0], dtype=np.float32)
    assert names(TagSettings(threshold=0.3), sure) == ["long hair"]


@pytest.mark.parametrize("face", sorted(KAOMOJI))
def test_kaomoji_keep_their_underscores(face):
    labels = (Label(face, "general"), Label("long_hair", "general"))
    picked = select(labels, np.array([0.9, 0.8], dtype=np.float32), TagSettings())
    assert [one.name for one in picked] == [face, "long hair"]


def test_spelling_is_a_choice():
    settings = TagSettings(underscores=True, escape_brackets=True)
    assert names(settings)[-1] == r"kafka_\(honkai:_star_rail\)"


def test_rating_is_the_likeliest_of_its_kind_and_only_on_request():
    assert "general" not in names(TagSettings())
    assert names(TagSettings(rating="first"))[0] == "general"
    assert names(TagSettings(rating="last"))[-1] == "general"
    assert "general" not in names(TagSettings(rating="last", exclude="general"))


def test_excluded_tags_are_blind_to_spelling():
    assert "long hair" not in names(TagSettings(exclude="Long_Hair, watermark"))


def test_single_thresholds_go_before_the_common_one():
    settings = from_mapping(TagSettings, {"tag_thresholds": {"Smile": "0.95", "blue_eyes": 0.2}})
    assert names(settings) == ["long hair", "blue eyes", "kafka (honkai: star rail)"]


@pytest.mark.parametrize("value", ["many", float("nan"), -1, True, None, [0.5]])
def test_a_single_threshold_that_is_no_number_is_refused(value):
    with pytest.raises(RecipeError, match="threshold of smile"):
        names(TagSettings(tag_thresholds={"smile": value}))


def test_mcut_cuts_in_the_middle_of_the_widest_gap():
    values = np.array([0.2, 0.95, 0.9, 0.25], dtype=np.float32)
    falling = sorted(map(float, values), reverse=True)
    gaps = [(a - b, (a + b) / 2) for a, b in zip(falling, [*falling[1:], 0.0], strict=True)]
    assert mcut(values) == pytest.approx(max(gaps)[1])
    assert mcut(np.array([], dtype=np.float32)) == 1.0


def test_mcut_of_general_tags_and_of_characters():
    """0.9 | 0.31 0.29 and 0.86 | 0.5 with nothing kept below: the gap to zero is the widest there."""
    assert names(TagSettings(general_mcut=True)) == ["smile", "kafka (honkai: star rail)"]
    both = names(TagSettings(general_mcut=True, character_mcut=True))
    assert both == ["smile", "kafka (honkai: star rail)", "himeko"]


def test_mcut_of_characters_is_never_below_015():
    sure = np.array([0, 0, 0, 0, 0, 0.12, 0.02], dtype=np.float32)
    assert names(TagSettings(character_mcut=True), sure) == []


def test_orders_and_limits():
    assert names(TagSettings(order="alphabetical", threshold=0.05))[:3] == [
        *("blue eyes", "long hair", "smile")
    ]
    assert names(TagSettings(order="list"))[:2] == ["long hair", "smile"]
    assert names(TagSettings(characters_first=True))[0] == "kafka (honkai: star rail)"
    assert names(TagSettings(max_tags=2)) == ["smile", "kafka (honkai: star rail)"]


def test_a_name_that_cannot_stand_in_a_caption_is_never_said():
    labels = (Label("", "general"), Label("hat", "general"))
    picked = select(labels, np.array([1.0, 0.9], dtype=np.float32), TagSettings())
    assert [one.name for one in picked] == ["hat"]


def test_settings_travel_as_a_table():
    settings = TagSettings(threshold=0.4, merge="replace", tag_thresholds={"smile": 0.5})
    assert from_mapping(TagSettings, to_mapping(settings)) == settings
    with pytest.raises(RecipeError, match="Threshold"):
        from_mapping(TagSettings, {"threshold": 0.01})
