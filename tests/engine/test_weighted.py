"""Prompts as AUTOMATIC1111's web UI reads them, against what its documentation says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from lorabake.core.errors import GridError
from lorabake.engine.clip_tokenizer import tokenizer_g, tokenizer_l
from lorabake.engine.families import load_model
from lorabake.engine.families.emphasis import Piece, weigh
from lorabake.engine.families.model import Model
from lorabake.engine.families.weighted import chunks_of
from tests.tiny import tiny_sd15_folder, tiny_sdxl_folder, tiny_sdxl_single_file

START, END, COMMA, CAT, DOG = 49406, 49407, 267, 2368, 1929


@pytest.mark.parametrize(
    ("prompt", "pieces"),
    [
        ("normal text", [("normal text", 1)]),
        ("an (important) word", [("an ", 1), ("important", 1.1), (" word", 1)]),
        ("(unbalanced", [("unbalanced", 1.1)]),
        (r"\(literal\]", [("(literal]", 1)]),
        ("(unnecessary)(parens)", [("unnecessaryparens", 1.1)]),
        (
            "a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).",
            [("a ", 1), ("house", 1.573), (" ", 1.1), ("on", 1), (" a ", 1.1), ("hill", 0.55),
             (", sun, ", 1.1), ("sky", 1.4641), (".", 1.1)],
        ),
        ("((tag)), [tag]", [("tag", 1.21), (", ", 1), ("tag", 1 / 1.1)]),
        (r"kafka \(hsr\), (a \(b\):1.2)", [("kafka (hsr), ", 1), ("a (b)", 1.2)]),
        ("key: value, 3:4)", [("key: value, 3:4)", 1)]),
        ("", []),
    ],
)  # fmt: skip
def test_weights_are_read_as_documented(prompt: str, pieces: list[tuple[str, float]]) -> None:
    found = weigh(prompt)
    assert [piece.text for piece in found] == [text for text, _ in pieces]
    assert [piece.weight for piece in found] == pytest.approx([weight for _, weight in pieces])


def test_break_and_what_is_refused() -> None:
    assert weigh("a BREAK (b\nBREAK c:1.2)") == [
        Piece("a"), Piece("", breaks=True), Piece("b", 1.2), Piece("", breaks=True), Piece("c", 1.2)
    ]  # fmt: skip
    assert weigh("BREAKFAST") == [Piece("BREAKFAST")]
    for prompt in ("[cat:dog:0.5]", "a [dog:5]", "[cat|dog]", "a cat AND a dog", "(a:1.2.3)"):
        with pytest.raises(GridError, match="prompt"):
            weigh(prompt)


def ids(prompt: str) -> list[tuple[int, ...]]:
    return [chunk.ids for chunk in chunks_of(weigh(prompt), tokenizer_l())]


def test_where_a_prompt_is_cut() -> None:
    """75 tokens; a tag that does not fit moves on when its comma is among the last 20."""
    cats = "cat " * 60
    moved = ids(f"{cats}, {'dog ' * 20}")  # 60 cats, a comma, 14 dogs would fit
    assert moved[0] == (START, *[CAT] * 60, COMMA, *[END] * 14, END)
    assert moved[1][:22] == (START, *[DOG] * 20, END)
    far = ids(f"{'cat ' * 54}, {'dog ' * 30}")  # the comma is 21 tokens from the end
    assert far[0] == (START, *[CAT] * 54, COMMA, *[DOG] * 20, END)
    assert ids("cat " * 75 + ", dog")[1][:4] == (START, COMMA, DOG, END)
    assert len(ids("cat " * 75)) == 1
    assert ids("") == [(START, *[END] * 76)]
    assert [chunk[:2] for chunk in ids("cat BREAK dog")] == [(START, CAT), (START, DOG)]


def by_hand(
    module: Any, rows: list[list[int]], weights: list[list[float]], skip: int, norm: bool
) -> Any:
    """The documented emphasis: times the weight, then back to the chunk's own mean."""
    made = []
    for row, weight in zip(rows, weights, strict=True):
        output = module(torch.tensor([row]), output_hidden_states=True)
        states = output.hidden_states[-skip][0]
        if norm:
            states = getattr(module, "text_model", module).final_layer_norm(states)
        weighed = torch.stack([vector * w for vector, w in zip(states, weight, strict=True)])
        made.append(weighed * float(states.mean()) / float(weighed.mean()))
    return torch.cat(made)


@torch.no_grad()
def test_conditioning_of_both_families(tmp_path: Path) -> None:
    model = load_model(tiny_sdxl_folder(tmp_path), parts=("text_encoder", "text_encoder_2"))
    encoded = model.encode_weighted("cat, (dog:1.5) BREAK [cat]")
    rows = [[START, CAT, COMMA, DOG, END], [START, CAT, END]]
    weights = [[1, 1, 1, 1.5, *[1] * 73], [1, 1 / 1.1, *[1] * 75]]
    parts = []
    for module, pad in ((model.text_encoder, END), (model.text_encoder_2, 0)):
        filled = [row + [pad] * (77 - len(row)) for row in rows]
        parts.append(by_hand(module, filled, weights, 2, False))
    assert encoded.context.shape == (1, 154, 32)
    assert torch.allclose(encoded.context[0], torch.cat(parts, dim=-1), atol=1e-5)
    plain = model.text_encoder_2(torch.tensor([rows[0] + [0] * 72]))
    assert torch.allclose(encoded.pooled, plain.text_embeds, atol=1e-5)  # not weighed

    sd15 = load_model(tiny_sd15_folder(tmp_path), parts=("text_encoder",))
    for skip in (1, 2):
        filled = [row + [END] * (77 - len(row)) for row in rows]
        expected = by_hand(sd15.text_encoder, filled, weights, skip, True)
        found = sd15.encode_weighted("cat, (dog:1.5) BREAK [cat]", skip)
        assert torch.allclose(found.context[0], expected, atol=1e-5)


@torch.no_grad()
def test_plain_prompts_are_those_of_training_and_an_empty_negative_is_silent(
    tmp_path: Path,
) -> None:
    folder = load_model(tiny_sdxl_folder(tmp_path), parts=("text_encoder", "text_encoder_2"))
    file = load_model(tiny_sdxl_single_file(tmp_path), parts=("text_encoder", "text_encoder_2"))
    for ours, theirs in zip(
        folder.encode_weighted("1girl, solo"), folder.encode_prompts(["1girl, solo"]), strict=True
    ):
        assert torch.allclose(ours, theirs, atol=1e-6)
    assert tokenizer_g().pad_token_id == 0

    def silent(model: Model, text: str) -> bool:
        return not any(part.any() for part in model.encode_weighted(text, negative=True))

    assert silent(file, "")
    assert not silent(file, "blurry")
    assert not silent(folder, "")  # its model_index.json says so
    assert file.encode_weighted("").context.any()
