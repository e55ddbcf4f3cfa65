"""A LoRA's weight block by block, beside files whose other layers were set to zero by hand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from lorabake.engine.families.shapes import shipped_config
from lorabake.engine.lora_file import save_lora
from lorabake.engine.networks import shortcuts
from lorabake.engine.networks.attaching import network_for
from lorabake.engine.networks.blocks import (
    BASE,
    BLOCKS,
    LISTS,
    PRESETS,
    BlockWeights,
    block_weights,
    blocks_of,
)
from lorabake.engine.networks.lowrank import first_ranks
from lorabake.engine.networks.merged import MergedLoras, Strength
from lorabake.engine.networks.switch import LoraSwitch
from tests.engine.tiny_networks import answers, file_of, render, tiny_model

torch.set_num_threads(1)


def block_by_hand(layer: str, family: str) -> str:
    """From a layer's name in a file, for the tiny models, whose levels have one layer each."""
    if not layer.startswith("lora_unet_"):
        return BASE
    if "_mid_block_" in layer or "_middle_block_" in layer:
        return "MID"
    if family == "sdxl":
        found = re.match(r"lora_unet_(in|out)put_blocks_(\d+)_", layer)
        assert found
        return f"{found[1].upper()}{int(found[2]):02d}"
    found = re.match(r"lora_unet_(down|up)_blocks_(\d)_(\w+?)_(\d)", layer)
    assert found
    level, kind, index = int(found[2]), found[3], int(found[4])
    if found[1] == "down":
        return f"IN{2 * level + (2 if kind == 'downsamplers' else 1 + index):02d}"
    return f"OUT{2 * level + (1 if kind == 'upsamplers' else index):02d}"


def scaled_by_hand(
    state: dict[str, Tensor], family: str, numbers: dict[str, float]
) -> dict[str, Tensor]:
    """The file with every layer's `up` multiplied by the number of its block."""
    return {
        key: tensor * numbers.get(block_by_hand(key.partition(".")[0], family), 0.0)
        if "lora_up" in key
        else tensor
        for key, tensor in state.items()
    }


@pytest.mark.parametrize(
    ("family", "few", "every", "known"),
    [
        (
            "sd15", 17, 26,
            {"down_blocks.0.attentions.0.proj_in": "IN01",
             "down_blocks.2.attentions.1.proj_in": "IN08",
             "down_blocks.0.downsamplers.0.conv": "IN03",
             "mid_block.attentions.0.proj_in": "MID",
             "up_blocks.1.attentions.0.proj_in": "OUT03",
             "up_blocks.3.attentions.2.proj_in": "OUT11"},
        ),
        (
            "sdxl", 12, 20,
            {"down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q": "IN04",
             "down_blocks.2.attentions.1.transformer_blocks.9.ff.net.2": "IN08",
             "up_blocks.0.attentions.0.proj_out": "OUT00",
             "up_blocks.1.attentions.2.proj_out": "OUT05",
             "up_blocks.2.resnets.2.conv1": "OUT08"},
        ),
    ],
)  # fmt: skip
def test_every_number_has_its_block(
    family: str, few: int, every: int, known: dict[str, str]
) -> None:
    """The lists name the blocks with attentions, and all of them, of the model they are for."""
    places = blocks_of(shipped_config("unet", family))
    assert {path: places[path] for path in known} == known
    attentions = {block for path, block in places.items() if ".attentions." in path}
    assert attentions == set(LISTS[few]) - {BASE}
    assert set(places.values()) - {""} == set(LISTS[every]) - {BASE}
    assert places["conv_out"] == places["time_embedding.linear_1"] == ""


def test_presets_are_the_documented_numbers() -> None:
    named = {
        name: [weights.numbers[BLOCKS.index(block)] for block in LISTS[17]]
        for name, weights in PRESETS.items()
    }
    for text in (
        "ALL:1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1", "INS:1,1,1,1,0,0,0,0,0,0,0,0,0,0,0,0,0",
        "IND:1,0,0,0,1,1,1,0,0,0,0,0,0,0,0,0,0", "INALL:1,1,1,1,1,1,1,0,0,0,0,0,0,0,0,0,0",
        "MIDD:1,0,0,0,1,1,1,1,1,1,1,1,0,0,0,0,0", "OUTD:1,0,0,0,0,0,0,0,1,1,1,1,0,0,0,0,0",
        "OUTS:1,0,0,0,0,0,0,0,0,0,0,0,1,1,1,1,1", "OUTALL:1,0,0,0,0,0,0,0,1,1,1,1,1,1,1,1,1",
        "NONE:0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0", "IN02:0,0,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0",
    ):  # fmt: skip
        name, _, numbers = text.partition(":")
        assert named[name] == [float(number) for number in numbers.split(",")], name
    assert PRESETS["ALL"].of("IN00") == 0, "a block that a list leaves out"
    assert PRESETS["NONE"].of("") == 1, "a layer in no block"


@pytest.mark.parametrize("family", ["sd15", "sdxl"])
def test_one_block_alone_is_the_file_without_the_others(family: str, tmp_path: Path) -> None:
    """Merged into the weights: ΔW of that block to the last bit, and nothing anywhere else."""
    state = file_of("locon", family)
    path = tmp_path / "a.safetensors"
    save_lora(path, state, {})
    present = {block_by_hand(key.partition(".")[0], family) for key in state}
    assert {"IN01", "MID", "OUT02", BASE} <= present
    for block in ("IN01", "MID", "OUT02", BASE):
        weights = PRESETS[block]
        model, by_hand = tiny_model(family), tiny_model(family)
        MergedLoras(model).put([Strength(path, weights.base, 1.0, weights)])
        alone = tmp_path / f"{block}.safetensors"
        save_lora(alone, scaled_by_hand(state, family, {block: 1.0}), {})
        MergedLoras(by_hand).put([Strength(alone, 1.0, 1.0)])
        for part in model.parts:
            own, other = (getattr(each, part).state_dict() for each in (model, by_hand))
            assert all(torch.equal(own[key], other[key]) for key in own), (block, part)


@pytest.mark.parametrize("family", ["sd15", "sdxl"])
@pytest.mark.parametrize("merge", [True, False])
def test_a_row_of_differing_blocks(
    family: str, merge: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each picture of a batch is what a file with scaled layers gives alone, whichever shortcut."""
    monkeypatch.setattr(shortcuts, "MOST_MERGED", 2**28 if merge else 0)
    numbers = {20: [1, 0, 1, 0.5, 1, 1, 0, 0, 0, 0, -0.5, 1, 1, 0, 1, 0, 1, 1, 1, 1]}
    written = block_weights(numbers[20])
    row: list[tuple[float, BlockWeights | None]] = [
        (0.8, None), (0.8, written), (1.0, PRESETS["MID"]), (0.5, PRESETS["OUTALL"]), (1, PRESETS["NONE"]),
    ]  # fmt: skip
    model, state = tiny_model(family), file_of("locon", family)
    with LoraSwitch(model) as switch:
        switch.load_state(state)
        switch.set_weights([weight for weight, _ in row], [blocks for _, blocks in row])
        together = render(model, batch=2 * len(row))
        singly = []
        for weight, blocks in row:
            switch.set_weights([weight], [blocks])
            singly.append(render(model))
        switch.set_weights([0.8])
        assert (render(model) - singly[0]).abs().max() < 1e-6, "nothing is left of the blocks"
    for index, (weight, blocks) in enumerate(row):
        each = {name: 1.0 if blocks is None else blocks.of(name) for name in BLOCKS}
        plain = tiny_model(family)
        network_for(plain, scaled_by_hand(state, family, each)).set_weight(weight)
        expected = render(plain)
        for place in (index, index + len(row)):
            assert (together[place : place + 1] - expected).abs().max() < 1e-5
        assert (singly[index] - expected).abs().max() < 1e-5
    assert (singly[1] - singly[2]).abs().max() > 1e-3


@pytest.mark.parametrize("kind", ["dora", "loha", "lokr", "glora"])
def test_other_kinds_of_networks(kind: str) -> None:
    """ΔW of a block times its number; at one block alone, all others are the base's."""
    model, state = tiny_model(), file_of(kind)
    base = render(model)
    with LoraSwitch(model) as switch:
        switch.load_state(state)
        switch.set_weights([1.0], [PRESETS["MID"]])
        alone = render(model)
    rest = {key: value for key, value in state.items() if key.startswith("lora_unet_middle_block_")}
    network_for(model, rest)
    assert (alone - render(model)).abs().max() < 1e-5
    assert (alone - base).abs().max() > 1e-4


def test_the_first_ranks_alone() -> None:
    """`dyn=2`: ΔW = alpha ÷ dim · up[:, :2] down[:2], dim being that of the whole file."""
    state = file_of("locon")
    cut = first_ranks(state, 2)
    names = {key.partition(".")[0] for key in state}
    for name in names:
        down, up = state[f"{name}.lora_down.weight"], state[f"{name}.lora_up.weight"]
        wanted = state[f"{name}.alpha"] / len(down) * up.flatten(1)[:, :2] @ down.flatten(1)[:2]
        down, up = cut[f"{name}.lora_down.weight"], cut[f"{name}.lora_up.weight"]
        assert len(down) == 2
        made = cut[f"{name}.alpha"] / len(down) * up.flatten(1) @ down.flatten(1)
        assert torch.allclose(made, wanted, atol=1e-6)
    model = tiny_model()
    network_for(model, cut)
    assert any(
        (a - b).abs().max() > 1e-4 for a, b in zip(answers(model), whole(state), strict=True)
    )
    assert first_ranks(state, 99).keys() == state.keys()
    assert first_ranks(file_of("loha"), 1).keys() == file_of("loha").keys()


def whole(state: dict[str, Tensor]) -> Any:
    model = tiny_model()
    network_for(model, state)
    return answers(model)
