from __future__ import annotations

import torch

from lorabake.engine.families.prompts import Conditioning
from lorabake.train.remembered import Remembered


def test_captions_are_encoded_once_as_long_as_there_is_room() -> None:
    asked: list[str] = []

    def encode(caption: str) -> Conditioning:
        asked.append(caption)
        return Conditioning(torch.full((1, 4, 8), float(len(asked))), torch.zeros(1, 8))

    one = 4 * (4 * 8 + 8)
    remembered = Remembered(encode, limit=2 * one)
    first = remembered("a")
    remembered("b")
    assert remembered("a") is first
    remembered("c")  # b was not asked for longest
    assert remembered("a") is first
    remembered("b")
    assert asked == ["a", "b", "c", "b"]


def test_one_caption_is_kept_however_long_it_is() -> None:
    remembered = Remembered(
        lambda _: Conditioning(torch.zeros(1, 99, 9), torch.zeros(1, 9)), limit=1
    )
    assert remembered("a") is remembered("a")
