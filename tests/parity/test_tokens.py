"""Token chunks of captions of awkward lengths, against the rules written out plainly.

The rules (kohya's trainer): cut off what is beyond 75, 150 or 225 tokens; every 75 tokens make a
chunk, wrapped in start and end; what is left of a chunk is padded. CLIP-L pads with the end token,
OpenCLIP-G with id 0 behind one end token. Encoded chunks are joined behind one start, before one end.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch

from lorabake.engine.clip_tokenizer import tokenizer_g, tokenizer_l
from lorabake.engine.families import load_model, prompts
from lorabake.engine.families.model import Model
from tests.tiny import tiny_sd15_folder, tiny_sdxl_folder

START, END, CAT, DOG = 49406, 49407, 2368, 1929
LENGTHS = (0, 1, 74, 75, 76, 149, 150, 151, 225, 226, 300)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Model]:
    here = tmp_path_factory.mktemp("models")
    made = {
        "sd15": load_model(tiny_sd15_folder(here), parts=("text_encoder",)),
        "sdxl": load_model(tiny_sdxl_folder(here), parts=("text_encoder", "text_encoder_2")),
    }
    for model in made.values():
        for part in model.parts.values():
            part.double()  # so that another order of sums is no difference
    return made


def caption(length: int) -> tuple[str, list[int]]:
    """Words of one token each, in an order in which a wrong cut shows, and their ids."""
    words = ["dog" if number % 7 == 0 else "cat" for number in range(length)]
    return " ".join(words), [DOG if word == "dog" else CAT for word in words]


def plain_chunks(ids: list[int], count: int, pad: int) -> list[list[int]]:
    """The rules, for one caption."""
    made = []
    for number in range(count):
        text = ids[number * 75 : (number + 1) * 75]
        ended = [START, *text, END]
        made.append(ended + [pad] * (77 - len(ended)))
    return made


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("count", [1, 2, 3])
def test_chunks(length: int, count: int) -> None:
    text, ids = caption(length)
    for tokenizer, pad in ((tokenizer_l(), END), (tokenizer_g(), 0)):
        ours = prompts.token_chunks([text], tokenizer, count)[0].tolist()
        assert ours == plain_chunks(ids, count, pad)


def plain(model: Model, texts: list[list[int]], count: int, skip: int) -> tuple[Any, Any]:
    """Every chunk of every caption through the encoders, padding and all; nothing shared."""
    rows, pooled = [], []
    for ids in texts:
        parts = []
        for name, pad in (("text_encoder", END), ("text_encoder_2", 0)):
            if not model.has(name):
                continue
            encoder = model.parts[name]
            made = [
                encoder(torch.tensor([chunk]), output_hidden_states=True)
                for chunk in plain_chunks(ids, count, pad)
            ]
            states = [one.hidden_states[-skip][0] for one in made]
            if model.family == "sd15":
                states = [encoder.final_layer_norm(state) for state in states]
            middle = [state[1:76] for state in states]
            parts.append(torch.cat([states[0][:1], *middle, states[-1][76:]]))
            if name == "text_encoder_2":
                last = made[0].last_hidden_state[0, min(len(ids), 75) + 1]
                pooled.append(encoder.text_projection(last))
        rows.append(torch.cat(parts, dim=-1))
    return torch.stack(rows), torch.stack(pooled) if pooled else torch.zeros(len(texts), 0)


@pytest.mark.parametrize("family", ["sd15", "sdxl"])
def test_vectors(models: dict[str, Model], family: str) -> None:
    model = models[family]
    texts = [caption(length) for length in (1, 75, 76, 150, 151, 225, 226, 300)]
    skip = 2
    with torch.no_grad():
        ours = model.encode_prompts([text for text, _ in texts], 225, clip_skip=skip)
        context, pooled = plain(model, [ids for _, ids in texts], 3, skip)
    assert ours.context.shape == (8, 227, 16 if family == "sd15" else 32)
    assert torch.allclose(ours.context, context, rtol=0, atol=1e-12)
    assert torch.allclose(ours.pooled.double(), pooled.double(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("family", ["sd15", "sdxl"])
def test_sharing_empty_chunks_changes_no_gradient(models: dict[str, Model], family: str) -> None:
    """A chunk that all captions share collects the gradients of all of them."""
    model = models[family]
    texts = [caption(length) for length in (3, 80, 3, 0)]
    skip = 2
    weigh = torch.Generator().manual_seed(0)

    def gradients(context: Any, pooled: Any) -> dict[str, Any]:
        weigh.manual_seed(0)
        total = (context * torch.randn(context.shape, generator=weigh)).sum()
        total = total + (pooled * torch.randn(pooled.shape, generator=weigh)).sum()
        total.backward()
        found = {}
        for name, part in model.parts.items():
            for key, parameter in part.named_parameters():
                if parameter.grad is not None:
                    found[f"{name}.{key}"] = parameter.grad
                parameter.grad = None
        return found

    for part in model.parts.values():
        part.requires_grad_(True)
    try:
        shared = gradients(*model.encode_prompts([text for text, _ in texts], 225, clip_skip=skip))
        alone = gradients(*plain(model, [ids for _, ids in texts], 3, skip))
    finally:
        for part in model.parts.values():
            part.requires_grad_(False)
    assert shared.keys() == alone.keys()
    assert len(shared) > 20
    for name, gradient in shared.items():
        assert torch.allclose(gradient, alone[name], rtol=1e-9, atol=1e-11), name
        assert gradient.abs().sum() > 0 or "k_proj.bias" in name, name
