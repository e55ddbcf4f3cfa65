"""Files render as trained: what each program makes of them against the network's own forward.

The difference is measured against what the network changes, not against the whole picture.
"""

from __future__ import annotations

import copy
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

from lorabake.engine.families.model import Model
from lorabake.engine.lora_file import read_lora, save_lora
from lorabake.engine.networks import NetworkSettings, attach
from lorabake.engine.networks.attaching import network_for
from lorabake.engine.networks.file_keys import layers_of
from lorabake.engine.networks.network import LayeredNetwork
from lorabake.engine.networks.targets import find_targets, part_of
from tests.engine.consumers import a1111, comfyui, diffusers_peft, forge
from tests.tiny import TINY_SDXL, tiny_modules

torch.set_num_threads(1)

NETWORKS = {
    "lora": {"type": "lora"},
    "locon": {"type": "locon", "conv_dim": 3, "conv_alpha": 1},
    "dora": {"type": "lora", "dora": True},
    "dora locon": {"type": "locon", "dora": True, "conv_dim": 3, "conv_alpha": 1},
    "dora by rows": {"type": "lora", "dora": True, "wd_on_output": True},
    "loha": {"type": "loha", "conv_dim": 2},
    "lokr": {"type": "lokr", "network_dim": 1, "conv_dim": 1},
    "lokr both": {"type": "lokr", "network_dim": 1, "decompose_both": True},
    "lokr whole": {"type": "lokr", "network_dim": 64},
    "glora": {"type": "glora"},
}
# Where a program itself is wrong, by how much at least; everything else must be right.
WRONG = {
    ("dora by rows", "a1111"): 0.3,
    ("dora by rows", "comfyui"): 0.02,
    ("dora by rows", "forge"): 0.02,
}
MERGERS = {"a1111": a1111, "forge": forge, "comfyui": comfyui}
SD15_UNET = {
    **{k: v for k, v in TINY_SDXL["unet"].items() if not k.startswith(("addition", "projection"))},
    "use_linear_projection": False,
}


@cache
def parts_of(family: str) -> dict[str, Any]:
    parts = tiny_modules()
    if family == "sd15":
        from diffusers import UNet2DConditionModel

        parts.pop("text_encoder_2")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            parts["unet"] = UNet2DConditionModel.from_config(SD15_UNET).eval()
    return parts


def tiny_model(family: str) -> Any:
    """SDXL, or what SD 1.5 has otherwise: one text encoder, and 1×1 convolutions."""
    return Model(
        parts=copy.deepcopy(parts_of(family)),
        configs={**TINY_SDXL, "unet": TINY_SDXL["unet"] if family == "sdxl" else SD15_UNET},
        tokenizer=None,  # type: ignore[arg-type]
        tokenizer_2=None,  # type: ignore[arg-type]
        scheduler_config=TINY_SDXL["scheduler"],
        base_path=Path("tiny"),
        device=torch.device("cpu"),
        dtype=torch.float32,
        family=family,
    )


def answers(model: Any) -> list[Tensor]:
    """What the U-Net and each text encoder say."""
    generator = torch.Generator().manual_seed(3)
    extra = {
        "text_embeds": torch.randn(2, 16, generator=generator),
        "time_ids": torch.tensor([[32.0, 32, 0, 0, 32, 32]]).expand(2, 6),
    }
    ids = torch.tensor([[49406, 5, 6, 7] + [49407] * 73])
    with torch.inference_mode():
        said = [
            model.unet(
                torch.randn(2, 4, 8, 8, generator=generator),
                torch.tensor([400, 30]),
                torch.randn(2, 77, 32, generator=generator),
                added_cond_kwargs=extra if model.family == "sdxl" else None,
            ).sample
        ]
        for part in ("text_encoder", "text_encoder_2"):
            if model.has(part):
                said.append(getattr(model, part)(ids).last_hidden_state)
    return said


def trained(model: Any, kind: str) -> LayeredNetwork:
    """A network as after some training: every parameter moved."""
    options: dict[str, Any] = {"network_dim": 4, "network_alpha": 2, **NETWORKS[kind]}
    network = attach(model, NetworkSettings(**options), seed=4)
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.1)
    return network


def merge(model: Any, state: dict[str, Tensor], program: ModuleType, m: float) -> None:
    targets = {target.name: target for target in find_targets(model, conv=True)}
    for name, layer in layers_of(state).items():
        part = part_of(model, targets[name].part)
        assert part is not None
        weight: Any = part.get_submodule(targets[name].path).weight
        with torch.no_grad():
            weight.copy_(program.merged(layer, weight.detach(), m))


def difference(found: list[Tensor], wanted: list[Tensor], base: list[Tensor]) -> list[float]:
    """‖found − wanted‖ / ‖wanted − base‖ of each part that the network changes."""
    return [
        float((a - b).norm() / (b - c).norm())
        for a, b, c in zip(found, wanted, base, strict=True)
        if not torch.equal(b, c)
    ]


@pytest.mark.parametrize("kind", list(NETWORKS))
@pytest.mark.parametrize("family", ["sdxl", "sd15"])
def test_programs_that_merge_render_what_was_trained(
    kind: str, family: str, tmp_path: Path
) -> None:
    model = tiny_model(family)
    base = answers(model)
    network = trained(model, kind)
    path = tmp_path / "a.safetensors"
    save_lora(path, network.file_state(torch.float32), {})
    state = read_lora(path)
    for m in (1.0, 0.7):
        network.set_weight(m)
        wanted = answers(model)
        for name, program in MERGERS.items():
            other = tiny_model(family)
            merge(other, state, program, m)
            found = difference(answers(other), wanted, base)
            assert len(found) == len(base), "every part was to be changed"
            if least := WRONG.get((kind, name)):
                assert min(found) > least, (name, m, found)
            else:
                assert max(found) <= 1e-3, (name, m, found)


@pytest.mark.parametrize("kind", list(NETWORKS))
@pytest.mark.parametrize("family", ["sdxl", "sd15"])
def test_a_half_precision_file_renders_the_same_to_its_rounding(kind: str, family: str) -> None:
    """fp16, the usual dtype of files: its eleven bits are all that is lost."""
    model = tiny_model(family)
    base = answers(model)
    network = trained(model, kind)
    wanted, state = answers(model), network.file_state(torch.float16)
    network.detach()
    network_for(model, state)
    assert max(difference(answers(model), wanted, base)) < 1e-2


@pytest.mark.parametrize("family", ["sdxl", "sd15"])
@pytest.mark.parametrize("kind", ["lora", "locon"])
@pytest.mark.filterwarnings("ignore")
def test_diffusers_renders_loras_as_trained(kind: str, family: str) -> None:
    model = tiny_model(family)
    base = answers(model)[:1]
    network = trained(model, kind)
    state = network.file_state(torch.float32)
    for m in (1.0, 0.7):
        network.set_weight(m)
        wanted = answers(model)[:1]
        other = tiny_model(family)
        diffusers_peft.put_on_unet(other.unet, state, m, sdxl=family == "sdxl")
        assert max(difference(answers(other)[:1], wanted, base)) <= 1e-3


@pytest.mark.parametrize("kind", ["dora", "dora by rows"])
@pytest.mark.filterwarnings("ignore")
def test_diffusers_renders_a_dora_as_if_it_were_a_lora(kind: str) -> None:
    """A deviation of diffusers: it drops `dora_scale` with a warning, so pictures differ."""
    model = tiny_model("sdxl")
    base = answers(model)[:1]
    network = trained(model, kind)
    wanted, state = answers(model)[:1], network.file_state(torch.float32)
    network.detach()
    network_for(model, {key: t for key, t in state.items() if "dora_scale" not in key})
    as_lora = answers(model)[:1]
    other = tiny_model("sdxl")
    diffusers_peft.put_on_unet(other.unet, state, 1.0, sdxl=True)
    assert max(difference(answers(other)[:1], as_lora, base)) <= 1e-3
    assert min(difference(answers(other)[:1], wanted, base)) > 0.05


@pytest.mark.parametrize("kind", ["loha", "lokr", "glora"])
@pytest.mark.filterwarnings("ignore")
def test_diffusers_refuses_the_other_kinds(kind: str) -> None:
    """A deviation of diffusers: it renders none of them, and says so."""
    state = trained(tiny_model("sdxl"), kind).file_state(torch.float32)
    other = tiny_model("sdxl")
    with pytest.raises(ValueError):
        diffusers_peft.put_on_unet(other.unet, state, 1.0, sdxl=True)
