"""Several taggers' words become one."""

import numpy as np
import pytest

from lorabake.tag.combine import Combined
from lorabake.tag.labels import Label
from lorabake.tag.scores import Scores, sparse
from lorabake.tag.settings import TagSettings

FIRST = (Label("general", "rating"), Label("smile", "general"), Label("long_hair", "general"))
SECOND = (
    *(Label("explicit", "rating"), Label("long hair", "general"), Label("smile", "general")),
    *(Label("hat", "general"), Label("kafka", "character")),
)


def scores(*values: float) -> Scores:
    return sparse(np.array(values, dtype=np.float32))


SAID = (scores(0.9, 0.5, 0.2), scores(0.4, 0.6, 0.02, 0.7, 0.9))


def combined(how: str, **settings) -> dict[str, float]:
    picked = Combined([FIRST, SECOND], TagSettings(combine=how, **settings))(SAID)
    return {one.name: round(one.probability, 3) for one in picked}


def test_union_has_what_any_says_with_the_highest_probability():
    assert combined("union") == {"hat": 0.7, "long hair": 0.6, "smile": 0.5, "kafka": 0.9}


def test_intersection_has_what_all_say_who_know_the_tag():
    assert combined("intersection") == {"hat": 0.7, "kafka": 0.9}
    assert combined("intersection", threshold=0.05) == {
        "hat": 0.7, "long hair": 0.6, "kafka": 0.9
    }  # fmt: skip


def test_mean_is_over_those_who_know_the_tag():
    assert combined("mean") == {"hat": 0.7, "long hair": 0.4, "kafka": 0.9}
    assert combined("mean", threshold=0.25)["smile"] == pytest.approx((0.5 + 0.02) / 2, abs=1e-3)


def test_rating_is_of_all_together():
    assert next(iter(combined("union", rating="first"))) == "general"


def test_one_tagger_alone_is_left_as_it_is():
    one = Combined([FIRST], TagSettings(threshold=0.1))
    assert [picked.name for picked in one(SAID[:1])] == ["smile", "long hair"]


def test_probability_of_one_tag():
    both = Combined([FIRST, SECOND], TagSettings())
    assert both.probability(SAID, "long_hair") == pytest.approx(0.4)
    assert both.probability(SAID, "hat") == pytest.approx(0.7)
    assert both.probability(SAID, "nowhere") is None
    assert both.knows >= {"smile", "long_hair", "hat", "kafka"}


@pytest.mark.parametrize("how", ["union", "intersection", "mean"])
@pytest.mark.parametrize("threshold", [0.05, 0.3, 0.55, 0.65])
def test_general_probabilities_agree_with_what_is_said(how, threshold):
    settings = TagSettings(combine=how, threshold=threshold, exclude="hat")
    both = Combined([FIRST, SECOND], settings)
    said = [one for one in both(SAID) if one.category == "general"]
    assert (both.general(SAID) >= np.float32(threshold)).sum() == len(said)
