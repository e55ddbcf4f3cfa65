"""Captions to tokens and vectors, as kohya's trainer makes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from lorabake.engine.clip_tokenizer import tokenizer_g, tokenizer_l
from lorabake.engine.families import prompts
from lorabake.engine.families.model import Model
from lorabake.engine.families.sdxl import load_model
from tests.tiny import tiny_sdxl_folder

START, END, PAD_G = 49406, 49407, 0
HAIR = [272, 1611, 267, 10711, 2225]  # "1girl, blonde hair"
CAT = 2368  # "cat", one token


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load_model(
        tiny_sdxl_folder(tmp_path_factory.mktemp("models")),
        parts=("text_encoder", "text_encoder_2"),
    )


def cats(count: int) -> str:
    return " ".join(["cat"] * count)


def rows(caption: str, tokenizer: Any, chunks: int) -> list[list[int]]:
    return prompts.token_chunks([caption], tokenizer, chunks)[0].tolist()


def test_short_caption_in_three_chunks() -> None:
    first = rows("1girl, blonde hair", tokenizer_l(), 3)
    assert first == [[START, *HAIR, *[END] * 71], *[[START, *[END] * 76]] * 2]
    second = rows("1girl, blonde hair", tokenizer_g(), 3)
    empty = [START, END, *[PAD_G] * 75]
    assert second == [[START, *HAIR, END, *[PAD_G] * 70], empty, empty]


def test_no_caption() -> None:
    assert rows("", tokenizer_l(), 1) == [[START, *[END] * 76]]
    assert rows("", tokenizer_g(), 1) == [[START, END, *[PAD_G] * 75]]


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (74, [[START, *[CAT] * 74, END, PAD_G], [START, END, *[PAD_G] * 75]]),
        (75, [[START, *[CAT] * 75, END], [START, END, *[PAD_G] * 75]]),
        (76, [[START, *[CAT] * 75, END], [START, CAT, END, *[PAD_G] * 74]]),
        (150, [[START, *[CAT] * 75, END]] * 2),
        (400, [[START, *[CAT] * 75, END]] * 2),
    ],
)
def test_where_a_long_caption_is_cut(count: int, expected: list[list[int]]) -> None:
    assert rows(cats(count), tokenizer_g(), 2) == expected


@pytest.mark.parametrize(("count", "chunks"), [(0, 1), (75, 1), (76, 2), (150, 2), (151, 3)])
def test_as_many_chunks_as_needed(model: Model, count: int, chunks: int) -> None:
    assert prompts.chunks_needed(["cat", cats(count)], tokenizer_g()) == chunks
    assert model.encode_prompts(["cat", cats(count)]).context.shape == (2, 75 * chunks + 2, 32)


@pytest.mark.parametrize(("length", "vectors"), [(75, 77), (150, 152), (225, 227)])
def test_225_tokens_are_227_vectors(model: Model, length: int, vectors: int) -> None:
    encoded = model.encode_prompts(["1girl", cats(90)], length)
    assert encoded.context.shape == (2, vectors, 32)
    assert encoded.pooled.shape == (2, 16)


def test_vectors_are_those_of_the_plain_way(model: Model) -> None:
    """Every chunk through the encoders, none shared: the last layer but one, joined."""
    captions = ["1girl, blonde hair", cats(100), ""]
    encoded = model.encode_prompts(captions, 225)
    for row, caption in enumerate(captions):
        states = []
        pooled = None
        for tokenizer, encoder in (
            (model.tokenizer, model.text_encoder),
            (model.tokenizer_2, model.text_encoder_2),
        ):
            ids = prompts.token_chunks([caption], tokenizer, 3)[0]
            output = encoder(ids, output_hidden_states=True)
            vectors = output.hidden_states[-2]
            middle = [vectors[0, 1:76], vectors[1, 1:76], vectors[2, 1:76]]
            states.append(torch.cat([vectors[0, :1], *middle, vectors[2, 76:]]))
            pooled = getattr(output, "text_embeds", None)
        assert torch.allclose(encoded.context[row], torch.cat(states, dim=-1), atol=1e-5)
        assert pooled is not None
        assert torch.allclose(encoded.pooled[row], pooled[0], atol=1e-5)


def test_75_tokens_are_what_diffusers_makes_of_them(model: Model) -> None:
    from diffusers import StableDiffusionXLPipeline

    pipeline = StableDiffusionXLPipeline(
        text_encoder=model.text_encoder,
        text_encoder_2=model.text_encoder_2,
        tokenizer=model.tokenizer,
        tokenizer_2=model.tokenizer_2,
        **dict.fromkeys(("unet", "vae", "scheduler")),
    )
    captions = ["1girl, blonde hair, looking at viewer", "solo"]
    theirs = pipeline.encode_prompt(captions, device="cpu", do_classifier_free_guidance=False)
    ours = model.encode_prompts(captions)
    assert torch.allclose(ours.context, theirs[0], atol=1e-5)
    assert torch.allclose(ours.pooled, theirs[2], atol=1e-5)


def test_an_empty_chunk_runs_once(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    forward = model.text_encoder.forward

    def counting(ids: torch.Tensor, **options: Any) -> Any:
        seen.append(len(ids))
        return forward(ids, **options)

    monkeypatch.setattr(model.text_encoder, "forward", counting)
    model.encode_prompts(["1girl", "1boy", "1girl"], 225)
    assert seen == [3]  # two captions and one empty chunk instead of nine


def test_gradients_flow_into_both_encoders(tmp_path: Path) -> None:
    model = load_model(tiny_sdxl_folder(tmp_path), parts=("text_encoder", "text_encoder_2"))
    for encoder in (model.text_encoder, model.text_encoder_2):
        encoder.requires_grad_(True)
    encoded = model.encode_prompts(["1girl", "solo"], 225)
    encoded.context.sum().backward(retain_graph=True)
    first = model.text_encoder.encoder.layers[0].mlp.fc1.weight.grad
    assert first.abs().sum() > 0
    encoded.pooled.sum().backward()
    assert model.text_encoder_2.text_projection.weight.grad.abs().sum() > 0
    # The last layer serves only the pooled vector of the second encoder.
    assert model.text_encoder.encoder.layers[-1].mlp.fc1.weight.grad is None
    assert model.text_encoder_2.text_model.encoder.layers[-1].mlp.fc1.weight.grad is not None
