"""Tokens counted for the page are the tokens that training sees."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lorabake.engine.clip_tokenizer import tokenizer_g, tokenizer_l
from lorabake.engine.families.prompts import chunks_needed
from lorabake.engine.token_count import CHUNK, count_many, count_tokens

ODD = [
    "", " ", "1girl, long hair", "Kafka \\(honkai: star rail\\)", "^_^, >_<, @_@", "don't it's WE'LL",
    "naïve café ÅÄÖ ß İ", "a\u0301b", "日本語 タグ, 1girl", "👩‍👩‍👧 🐈", "<|endoftext|> x <|startoftext|>", "a  b\n\tc",
    "\ufeffx", "1234567890", "word" * 200, "\u200b", "x" * 3000,
]  # fmt: skip


def trained(text: str) -> int:
    """As the training's tokenizer has it, start and end left out."""
    first, second = (
        len(tokenizer(text).input_ids) - 2 for tokenizer in (tokenizer_l(), tokenizer_g())
    )
    assert first == second
    return first


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("text", ODD)
def test_counts_as_training_does(text: str) -> None:
    assert count_tokens(text).tokens == trained(text)
    assert count_many([text]) == [trained(text)]


@given(st.text(max_size=80))
@settings(max_examples=150)
def test_counts_any_text_as_training_does(text: str) -> None:
    assert count_tokens(text).tokens == count_many([text])[0] == trained(text)


@pytest.mark.parametrize("count", [0, 1, 74, 75, 76, 150, 151, 400])
def test_chunks_are_those_of_the_encoder(count: int) -> None:
    text = " ".join(["cat"] * count)
    found = count_tokens(text)
    assert found.tokens == count
    assert found.chunks == chunks_needed([text], tokenizer_l())


def test_a_boundary_stands_where_the_next_chunk_begins() -> None:
    text = ", ".join(f"tag{number}" for number in range(60))
    found = count_tokens(text)
    assert len(found.boundaries) == found.chunks - 1
    for number, at in enumerate(found.boundaries, start=1):
        assert count_tokens(text[:at]).tokens == CHUNK * number
    assert list(found.boundaries) == sorted(set(found.boundaries))


def test_many_captions_in_the_order_they_were_asked() -> None:
    texts = ["cat cat", "cat", "cat cat", ""]
    assert count_many(texts) == [2, 1, 2, 0]
    assert count_many([]) == []


def test_known_captions_cost_nothing() -> None:
    texts = [f"cat {number}, " * 20 for number in range(3000)]
    count_many(texts)
    start = time.thread_time()
    count_many(texts)
    assert time.thread_time() - start < 0.1


def test_neither_torch_nor_transformers_is_loaded() -> None:
    code = (
        "import sys; from lorabake.engine.token_count import count_tokens\n"
        "assert count_tokens('1girl, long hair').tokens == 5\n"
        "assert not {'torch', 'transformers'} & set(sys.modules), 'slow to load'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
