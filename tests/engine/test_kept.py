"""The empty chunk is encoded once while an encoder is frozen, and anew whenever it could differ."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from lorabake.engine.families import load_model
from lorabake.engine.families.model import Model
from lorabake.engine.networks import attach
from lorabake.engine.networks.settings import NetworkSettings
from tests.tiny import tiny_sd15_folder

SHORT, LONG = "1girl", ", ".join(["red hat"] * 40)


@pytest.fixture
def model(tmp_path: Path) -> Model:
    return load_model(tiny_sd15_folder(tmp_path), parts=("unet", "text_encoder"))


@pytest.fixture
def chunks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many chunks went through an encoder, call by call."""
    from transformers import CLIPTextModel

    seen: list[int] = []
    forward: Callable[..., Any] = CLIPTextModel.forward

    def counting(self: Any, ids: torch.Tensor, **options: Any) -> Any:
        seen.append(len(ids))
        return forward(self, ids, **options)

    monkeypatch.setattr(CLIPTextModel, "forward", counting)
    return seen


def encode(model: Model, text: str = SHORT, skip: int = 2) -> torch.Tensor:
    return model.encode_prompts([text], 225, clip_skip=skip).context


def test_it_runs_once_for_all_captions(model: Model, chunks: list[int]) -> None:
    first = encode(model)
    for text in (SHORT, LONG, "solo", ""):
        encode(model, text)
    assert chunks == [1, 1, 1, 2, 1]  # the empty one, then what each caption has of its own
    assert torch.equal(encode(model), first)
    assert not first.requires_grad


def test_each_way_of_asking_has_its_own(model: Model, chunks: list[int]) -> None:
    plain = encode(model)
    last = encode(model, skip=1)
    with torch.autocast("cpu", torch.bfloat16):
        rough = encode(model)
    assert chunks == [1, 1] * 3
    assert (plain - last).abs().max() > 0.01
    assert 0 < (plain - rough).abs().max() < 0.2


def test_it_is_the_same_as_without_memory(model: Model) -> None:
    for text in (SHORT, LONG, ""):
        kept = encode(model, text)
        model.text_encoder.requires_grad_(True)
        assert torch.allclose(kept, encode(model, text), atol=1e-6)
        model.text_encoder.requires_grad_(False)


def written_to(model: Model) -> None:
    with torch.no_grad():
        model.text_encoder.encoder.layers[0].mlp.fc1.weight.mul_(3)


def given_other_weights(model: Model) -> None:
    layer = model.text_encoder.encoder.layers[0].mlp.fc1
    layer.weight = torch.nn.Parameter(layer.weight * 3, requires_grad=False)


def hooked(model: Model) -> None:
    layer = model.text_encoder.encoder.layers[0].mlp.fc1
    layer.register_forward_hook(lambda _module, _inputs, output: output * 3)


def wrapped(model: Model) -> None:
    layer = model.text_encoder.encoder.layers[0].mlp.fc1
    forward = layer.forward
    layer.forward = lambda x: forward(x) * 3


def with_a_lora(model: Model) -> None:
    settings = NetworkSettings(network_dim=4, train_unet=False)
    network = attach(model, settings, 1)
    with torch.no_grad():
        for parameter in network.parameters():
            torch.nn.init.normal_(parameter, generator=torch.Generator().manual_seed(1))


def with_a_frozen_lora(model: Model) -> None:
    with_a_lora(model)
    model.text_encoder.requires_grad_(False)


@pytest.mark.parametrize(
    "change",
    [written_to, given_other_weights, hooked, wrapped, with_a_lora, with_a_frozen_lora],
)
def test_it_cannot_go_stale(model: Model, change: Callable[[Model], None]) -> None:
    before = encode(model)
    change(model)
    after = encode(model)
    fresh = copy.copy(model)  # the same encoder without any memory
    object.__setattr__(fresh, "_kept", type(model._kept)())
    assert torch.allclose(after, encode(fresh), atol=1e-6)
    # rows 76 on are those of the empty chunks
    assert (before[:, 100:] - after[:, 100:]).abs().max() > 1e-3


def test_a_lora_that_is_taken_off_leaves_what_was_before(model: Model) -> None:
    before = encode(model)
    network = attach(model, NetworkSettings(network_dim=4), 1)
    assert encode(model).requires_grad
    network.detach()
    model.text_encoder.requires_grad_(False)
    assert torch.equal(encode(model), before)


def test_trained_encoders_keep_nothing(model: Model, chunks: list[int]) -> None:
    model.text_encoder.requires_grad_(True)
    for _ in range(3):
        encode(model).sum().backward()
    assert chunks == [2, 2, 2]


def test_copies_and_freed_encoders(model: Model, chunks: list[int]) -> None:
    encode(model)
    twin = copy.deepcopy(model)
    assert torch.equal(encode(twin), encode(model))
    model.free("text_encoder")
    assert len(model._kept._seen) == 0
