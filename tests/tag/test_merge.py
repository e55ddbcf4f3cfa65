"""Merging: nothing twice, nobody's work lost unasked; what the tagger says and you have not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorabake.core.tags import tag_key
from lorabake.tag.difference import difference
from lorabake.tag.merge import merge
from lorabake.tag.select import Picked
from lorabake.tag.settings import MERGES, TagSettings

SAYS = [
    Picked("smile", "general", 0.9),
    Picked("long hair", "general", 0.8),
    Picked("kafka", "character", 0.7),
]
HAVE = ["hsr_kafka", "my own", "Long_Hair", "hat", "smile"]
WHOSE = ["you", "you", "board", "tagger", "tagger"]


def merged(mode: str, *, have=HAVE, **settings) -> list[str]:
    return merge(
        have, SAYS, mode, settings=TagSettings(**settings), trigger="hsr_kafka", origins=WHOSE
    )


def test_append_keeps_all_and_adds_behind():
    assert merged("append") == [*HAVE, "kafka"]


def test_union_replaces_what_an_earlier_tagging_wrote():
    assert merged("union") == ["hsr_kafka", "my own", "Long_Hair", "smile", "kafka"]


def test_intersection_keeps_what_both_say():
    assert merged("intersection") == ["hsr_kafka", "Long_Hair", "smile"]


def test_replace_keeps_the_trigger():
    assert merged("replace") == ["hsr_kafka", "smile", "long hair", "kafka"]
    assert merged("replace", keep_trigger=False) == ["smile", "long hair", "kafka"]


def test_the_trigger_comes_to_the_front_wherever_it_was():
    assert merged("replace", have=["a", "hsr_kafka"])[0] == "hsr_kafka"


def test_a_trigger_that_is_not_there_is_not_added():
    assert "hsr_kafka" not in merged("union", have=["a"])


def test_the_first_tags_stay_on_request():
    assert merged("replace", keep_first=2)[:2] == ["hsr_kafka", "my own"]


@pytest.mark.parametrize("mode", MERGES)
def test_nothing_becomes_of_an_empty_word(mode):
    assert merge([], [], mode, settings=TagSettings()) == []


class Vocabulary:
    def canonical(self, tag: str) -> str:
        return {"smiling": "smile", "kafka_hsr": "kafka (honkai: star rail)"}.get(tag, tag)


def test_an_alias_is_written_as_its_main_tag_and_never_beside_it():
    picked = [Picked("smiling", "general", 0.9), Picked("kafka_hsr", "character", 0.8)]
    settings = TagSettings(escape_brackets=True)
    new = merge(["smile"], picked, "append", settings=settings, vocabulary=Vocabulary())
    assert new == ["smile", r"kafka \(honkai: star rail\)"]
    plain = TagSettings(aliases=False)
    assert (
        merge(["smile"], picked, "append", settings=plain, vocabulary=Vocabulary())[1] == "smiling"
    )


def test_rating_first_goes_behind_the_trigger():
    picked = [Picked("general", "rating", 0.9), Picked("hat", "general", 0.8)]
    new = merge(
        ["a", "ohwx"], picked, "union", settings=TagSettings(rating="first"), trigger="ohwx"
    )
    assert new == ["ohwx", "general", "a", "hat"]


WORDS = st.lists(
    st.sampled_from(["a", "A", "a_b", "a b", "(a b:1.2)", "c", "d", "ohwx"]), max_size=6
)


@given(have=WORDS, says=WORDS, mode=st.sampled_from(MERGES), first=st.integers(0, 3))
def test_no_tag_is_ever_there_twice_and_doing_it_again_changes_nothing(have, says, mode, first):
    picked = [Picked(word, "general", 0.5) for word in says]
    settings = TagSettings(keep_first=first)
    once = merge(have, picked, mode, settings=settings, trigger="ohwx")
    assert len({tag_key(tag) for tag in once}) == len(once)
    if first == 0:
        assert merge(once, picked, mode, settings=settings, trigger="ohwx") == once
    if mode in ("append", "union"):  # all of it is yours
        assert {tag_key(tag) for tag in have} <= {tag_key(tag) for tag in once}


def test_difference_of_one_picture():
    missing, extra = difference(["smile", "Hat", "unknown"], SAYS, knows={"smile", "hat"})
    assert [one.name for one in missing] == ["long hair", "kafka"]
    assert extra == ["Hat"]  # the tagger's list has no "unknown", so it cannot deny it
