"""What another tag already says goes, and it is told why."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorabake.captions.redundancy import find_redundant, word_parts
from lorabake.core.vocabulary import Entry, Vocabulary
from tests.captions.making import TAGS, afters, looked, whys


def test_implications_work_over_several_steps():
    found = looked("striped thighhighs, legwear, Thighhighs, 1girl", redundancy="implications")
    assert afters(found) == {"0.png": "striped thighhighs, 1girl"}
    assert set(whys(found)) == {
        ("legwear", "striped thighhighs implies legwear"),
        ("Thighhighs", "striped thighhighs implies Thighhighs"),
    }


def test_a_character_implies_where_it_is_from():
    assert afters(looked("saber (fate), fate (series)", redundancy="implications")) == {
        "0.png": "saber (fate)"
    }


def test_another_name_of_a_tag_that_is_there_goes():
    found = looked("thigh highs, thighhighs, 1girl", redundancy="implications")
    assert afters(found) == {"0.png": "thighhighs, 1girl"}
    assert whys(found) == [("thigh highs", "another name of thighhighs")]
    assert looked("thigh highs, 1girl", redundancy="implications").changes == ()


def test_another_name_is_implied_as_well():
    found = looked("striped thighhighs, thigh highs", redundancy="implications")
    assert afters(found) == {"0.png": "striped thighhighs"}


def test_whole_words():
    found = looked("shirt, white shirt, sweatshirt", redundancy="whole words", vocabulary=None)
    assert afters(found) == {"0.png": "white shirt, sweatshirt"}
    assert whys(found) == [("shirt", "shirt stands in white shirt")]


@pytest.mark.parametrize(
    "text",
    [
        "no bra, bra",
        "cat ears, cat",  # ears of a cat are no cat
        "swimming pool, swimming",
        "spoken blush, blush",
        "on back, back",
        "saber, dark saber",  # people are no words
        "(white shirt), shirt",
        "solo, kafka, focus solo, dark kafka",
    ],
)
def test_words_that_only_look_alike_stay(text):
    assert looked(text, redundancy="whole words").changes == ()


def test_doing_something_somewhere_says_doing_it():
    assert afters(looked("sitting, sitting on chair, chair", redundancy="whole words")) == {
        "0.png": "sitting on chair"
    }


def test_rules_are_chosen():
    text = "shirt, white shirt, thighhighs, striped thighhighs"
    assert afters(looked(text, redundancy="implications"))["0.png"] == text.replace(
        "thighhighs, ", "", 1
    )
    assert afters(looked(text, redundancy="both"))["0.png"] == "white shirt, striped thighhighs"
    assert looked(text, redundancy="off").changes == ()


def test_what_is_to_be_kept_stays():
    text = "thighhighs, striped thighhighs, shirt, white shirt"
    kept = looked(text, redundancy="both", keep_tags="thighhighs", tags_to_emphasise="shirt")
    assert afters(kept) == {"0.png": "shirt, thighhighs, striped thighhighs, white shirt"}


def test_of_a_ring_one_stays():
    left = afters(looked("head of ring, tail of ring", redundancy="implications"))
    assert left == {"0.png": "tail of ring"}


def test_one_caption_by_itself():
    found = find_redundant(["shirt", "white shirt"], None)
    assert [(one.tag, one.because) for one in found] == [("shirt", "white shirt")]


_NAMES = st.sampled_from("abcdef")


@given(
    st.lists(st.tuples(_NAMES, _NAMES), max_size=12),
    st.lists(_NAMES, min_size=1, max_size=6, unique=True),
)
def test_whatever_goes_is_said_by_something_that_stays(implications, tags):
    """Also through chains and rings of implications."""
    vocabulary = Vocabulary([Entry(name) for name in "abcdef"], implications)
    gone = {one.tag for one in find_redundant(tags, vocabulary, rule="implications", kept=())}
    stays = set(tags) - gone
    assert stays
    for tag in gone:
        assert any(tag in vocabulary.implied(other) for other in stays)
    for tag in stays:  # and nothing more could go
        others = stays - {tag}
        assert not any(tag in vocabulary.implied(other) for other in others)


@given(st.text(max_size=60))
def test_word_parts_of_anything_are_shorter_than_it(key):
    assert all(0 < len(part) < len(key) for part in word_parts(key))


def test_the_list_of_the_tests_is_read():
    assert TAGS.implied("striped_thighhighs") == {"thighhighs", "legwear"}
