"""Captions go through the steps of the guide's trainer, in its order."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from math import floor
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorabake.core.training_caption import Moment, training_caption, with_choices_made
from lorabake.recipe.settings import CaptionSettings

PLAIN = CaptionSettings(keep_tokens=0, shuffle_caption=False)
TAGS = "kafka, 1girl, solo, red hair, smile, hat, long ears, coat"


def said(text: str | list[str], seed: int = 1, when: Moment | None = None, **rules: Any) -> str:
    lines = [text] if isinstance(text, str) else text
    settings = replace(PLAIN, **rules)
    return training_caption(lines, settings, rng=Random(seed), when=when or Moment())


def test_nothing_changes_without_settings() -> None:
    assert said(TAGS) == TAGS
    assert said([]) == ""


def test_prefix_and_suffix_are_joined_with_a_space_and_no_comma() -> None:
    assert said("a, b", caption_prefix="score_9,", caption_suffix="x, y") == "score_9, a, b x, y"
    assert said("a, b", caption_prefix="zeta") == "zeta a, b"
    assert said("a, b", caption_prefix="zeta", keep_tokens=1, shuffle_caption=True) == "zeta a, b"


def test_all_words_are_dropped_prefix_too() -> None:
    rules = {"caption_dropout_rate": 0.3, "caption_prefix": "masterpiece"}
    silent = sum(said(TAGS, seed, **rules) == "" for seed in range(2000))
    assert 0.26 < silent / 2000 < 0.34
    assert all(said(TAGS, seed, caption_dropout_rate=1.0) == "" for seed in range(9))


def test_each_nth_epoch_is_without_words() -> None:
    spoken = [
        bool(said(TAGS, when=Moment(epoch=epoch), caption_dropout_every_n_epochs=3))
        for epoch in range(1, 8)
    ]
    assert spoken == [True, True, False, True, True, False, True]


def test_wildcards_are_off_unless_asked_for() -> None:
    lines = ["{red|blue} hair", "second"]
    assert {said(lines, seed) for seed in range(20)} == {"{red|blue} hair"}
    found = Counter(said(lines, seed, enable_wildcard=True) for seed in range(400))
    assert set(found) == {"red hair", "blue hair", "second"}
    assert 150 < found["second"] < 250
    assert with_choices_made("{{a|b}} {c|d}", lambda options: options[-1]) == "{a|b} d"
    assert said("{a, b|c, d}", enable_wildcard=True) in ("a, b", "c, d")


def test_prefix_stands_before_whichever_line_is_chosen() -> None:
    texts = {
        said(["a", "b"], seed, enable_wildcard=True, caption_prefix="zeta") for seed in range(20)
    }
    assert texts == {"zeta a", "zeta b"}


@pytest.mark.parametrize(
    ("text", "front", "end"),
    [
        ("a, b ||| c, d, e", ["a", "b"], []),
        ("a ||| c, d, e ||| y, z", ["a"], ["y", "z"]),
        ("|||c, d, e|||z", [], ["z"]),
        ("a, b, c, d, e", ["a"], []),  # none in the text: keep_tokens counts
    ],
)
def test_the_separator_and_the_fixed_suffix(text: str, front: list[str], end: list[str]) -> None:
    orders = set()
    for seed in range(40):
        words = said(
            text, seed, keep_tokens=1, keep_tokens_separator="|||", shuffle_caption=True
        ).split(", ")
        assert words[: len(front)] == front
        assert words[len(words) - len(end) :] == end
        orders.add(tuple(words))
    assert len(orders) > 4
    assert "|||" not in said(text, keep_tokens_separator="|||"), "never reaches the text encoder"


def test_token_warmup_uses_more_and_more_of_the_front() -> None:
    lengths = [
        len(said(TAGS, when=Moment(step), token_warmup_min=2, token_warmup_step=10).split(", "))
        for step in range(12)
    ]
    assert lengths == [floor(step * ((8 - 2) / 10)) + 2 for step in range(10)] + [8, 8]
    half = [
        said(TAGS, when=Moment(step, 100), token_warmup_step=0.5).count(",") + 1
        for step in (0, 25, 49, 50)
    ]
    assert half == [1, 4, 7, 8]
    kept = said(TAGS, keep_tokens=3, token_warmup_step=10, token_warmup_min=1)
    assert kept == "kafka, 1girl, solo, red hair", "kept tags are not counted"


def test_tags_are_dropped_one_by_one_behind_the_kept() -> None:
    counts: Counter[str] = Counter()
    for seed in range(1000):
        words = said(TAGS, seed, keep_tokens=2, caption_tag_dropout_rate=0.25).split(", ")
        assert words[:2] == ["kafka", "1girl"]
        assert words == [tag for tag in TAGS.split(", ") if tag in words], "the order stays"
        counts.update(words)
    assert all(690 < counts[tag] < 810 for tag in TAGS.split(", ")[2:])


def described(text: str, rules: CaptionSettings, rng: Random, when: Moment) -> str:
    """§4.11 from top to bottom."""
    if rules.caption_prefix:
        text = rules.caption_prefix + " " + text
    if rules.caption_suffix:
        text = text + " " + rules.caption_suffix
    if rules.caption_dropout_rate > 0 and rng.random() < rules.caption_dropout_rate:
        return ""
    every = rules.caption_dropout_every_n_epochs
    if every and when.epoch % every == 0:
        return ""
    tags = [tag.strip() for tag in text.split(",")]
    fixed, free = tags[: rules.keep_tokens], tags[rules.keep_tokens :]
    until = rules.token_warmup_step
    if until < 1:
        until = floor(until * when.total_steps)
    if until and when.step < until:
        grown = floor(when.step * ((len(free) - rules.token_warmup_min) / until))
        free = free[: grown + rules.token_warmup_min]
    if rules.shuffle_caption:
        rng.shuffle(free)
    if rules.caption_tag_dropout_rate > 0:
        free = [tag for tag in free if rng.random() >= rules.caption_tag_dropout_rate]
    return ", ".join(fixed + free)


@given(
    st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=12),
    st.builds(
        CaptionSettings,
        keep_tokens=st.integers(0, 4),
        shuffle_caption=st.booleans(),
        caption_prefix=st.sampled_from(["", "masterpiece,", "by zeta"]),
        caption_suffix=st.sampled_from(["", "end", ", x, y"]),
        caption_dropout_rate=st.sampled_from([0.0, 0.2]),
        caption_dropout_every_n_epochs=st.sampled_from([0, 3]),
        caption_tag_dropout_rate=st.sampled_from([0.0, 0.3]),
        token_warmup_min=st.integers(1, 5),
        token_warmup_step=st.sampled_from([0.0, 0.5, 7.0]),
    ),
    st.integers(0, 20),
    st.integers(0, 1000),
)
def test_all_together_in_the_described_order(
    tags: list[str], rules: CaptionSettings, step: int, seed: int
) -> None:
    when = Moment(step, 20, step // 5 + 1)
    text = ", ".join(tags)
    expected = described(text, rules, Random(seed), when)
    assert training_caption([text], rules, rng=Random(seed), when=when) == expected


def test_the_default_draws_what_it_always_drew() -> None:
    """Only the shuffle takes from the generator, so that finished files can be baked again."""
    front, *others = TAGS.split(", ")
    rng = Random(5)
    rng.shuffle(others)
    assert said(TAGS, 5, keep_tokens=1, shuffle_caption=True) == ", ".join([front, *others])
