"""The tokenizers have the ids of the real ones."""

import pytest

from lorabake.engine.clip_tokenizer import END, MAX_TOKENS, tokenizer_g, tokenizer_l


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("1girl, blonde hair", [272, 1611, 267, 10711, 2225]),
        ("ohwx", [47993]),
        ("a  CAT", [320, 2368]),
        ("", []),
    ],
)
def test_known_ids(text: str, ids: list[int]) -> None:
    for tokenizer in (tokenizer_l(), tokenizer_g()):
        assert tokenizer(text).input_ids == [49406, *ids, 49407]


def test_whole_vocabulary() -> None:
    assert len(tokenizer_l()) == len(tokenizer_g()) == 49408


def test_the_second_one_pads_with_id_0() -> None:
    padded = [
        tokenizer("hat", padding="max_length", truncation=True).input_ids
        for tokenizer in (tokenizer_l(), tokenizer_g())
    ]
    assert [len(ids) for ids in padded] == [MAX_TOKENS, MAX_TOKENS]
    assert [ids[-1] for ids in padded] == [49407, 0]
    assert tokenizer_l().pad_token == END


def test_any_script_survives() -> None:
    text = "日本 é ☃"
    ids = tokenizer_l()(text).input_ids
    assert tokenizer_l().decode(ids, skip_special_tokens=True).replace(" ", "") == "日本é☃"


def test_they_are_built_once() -> None:
    assert tokenizer_l() is tokenizer_l()
