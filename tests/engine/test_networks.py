"""LoRA layers: what they compute, where they sit, and what they are called in a file."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from lorabake.core.errors import ModelFileError, RecipeError
from lorabake.engine.networks import NETWORKS, attach, shortcuts
from lorabake.engine.networks.attaching import network_for
from lorabake.engine.networks.network import LayeredNetwork
from lorabake.engine.networks.settings import NETWORK_TYPES, NetworkSettings
from lorabake.engine.networks.switch import LoraSwitch
from lorabake.engine.networks.targets import Target, find_targets
from tests.engine.tiny_networks import render, tiny_model, unet_input

torch.set_num_threads(1)


def Options(**changes: Any) -> NetworkSettings:
    return NetworkSettings(**{"network_dim": 4, "network_alpha": 2, **changes})


@pytest.fixture
def model() -> Any:
    return tiny_model()


def filled(network: LayeredNetwork, seed: int = 0) -> LayeredNetwork:
    """A network that does something: random up weights."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for layer in network.layers.values():
            layer.up.copy_(torch.randn(layer.up.shape, generator=generator) * 0.3)
    return network


def merged_weight(layer: Any, weight: float) -> torch.Tensor:
    """W + weight · alpha / r · up @ down, as a program that merges would do it."""
    delta = layer.up.flatten(1) @ layer.down.flatten(1) * (weight * layer.alpha / layer.rank)
    base: torch.Tensor = layer.base_layer.weight
    return base + delta.view_as(base)


def merge(network: LayeredNetwork, weight: float) -> None:
    merged = {name: merged_weight(layer, weight) for name, layer in network.layers.items()}
    bases = {name: layer.base_layer for name, layer in network.layers.items()}
    network.detach()
    with torch.no_grad():
        for name, base in bases.items():
            base.weight.copy_(merged[name])


@pytest.mark.parametrize("conv", [0, 3])
def test_a_fresh_lora_changes_nothing(model: Any, conv: int) -> None:
    before = render(model)
    attach(model, Options(conv_dim=conv), seed=7)
    assert torch.equal(render(model), before)


@pytest.mark.parametrize("conv", [0, 3])
@pytest.mark.parametrize("weight", [1.0, 0.6])
def test_the_layers_compute_what_a_merged_model_computes(
    model: Any, conv: int, weight: float
) -> None:
    network = filled(attach(model, Options(conv_dim=conv, conv_alpha=1)))
    base = render(model)
    network.set_weight(weight)
    attached = render(model)
    merge(network, weight)
    assert (attached - render(model)).abs().max() < 1e-4
    assert (attached - base).abs().max() > (1e-3 if weight != 1 else -1)


@pytest.mark.parametrize("conv", [0, 3])
@pytest.mark.parametrize("merge", [False, True])
@pytest.mark.parametrize("large_map", [1, 10**6])
def test_many_weights_in_one_batch_equal_one_by_one(
    model: Any, monkeypatch: pytest.MonkeyPatch, conv: int, merge: bool, large_map: int
) -> None:
    """Every shortcut against the plain way through the layers."""
    monkeypatch.setattr(shortcuts, "MOST_MERGED", 2**28 if merge else 0)
    monkeypatch.setattr(shortcuts, "LARGE_MAP", large_map)
    state = filled(attach(tiny_model(), Options(conv_dim=conv, conv_alpha=1))).file_state()
    weights = [0.0, 0.5, 0.8, 1.0]
    with LoraSwitch(model) as switch:
        switch.load_state(state)
        switch.set_weights(weights)
        together = render(model, batch=2 * len(weights))  # [uncond row, cond row]
        singly = []
        for weight in weights:
            switch.set_weights([weight])
            singly.append(render(model))
    network = network_for(model, state)
    for index, weight in enumerate(weights * 2):
        network.set_weight(weight)
        alone = render(model)
        assert (together[index : index + 1] - alone).abs().max() < 1e-5
        assert (singly[index % 4] - alone).abs().max() < 1e-5


def test_what_layers_remember_is_forgotten_with_the_file(model: Any) -> None:
    """The same prompt, another file or weight: nothing of the answer before may be left."""
    states = [filled(attach(tiny_model(), Options()), seed).file_state() for seed in (1, 2)]
    inputs = unet_input(2)
    pictures = []
    with LoraSwitch(model) as switch, torch.inference_mode():
        for state, weights in (
            (states[0], [0.3, 0.9]),
            (states[1], [0.3, 0.9]),
            (states[1], [0.9, 0.3]),
        ):
            switch.load_state(state)
            switch.set_weights(weights)
            pictures.append([model.unet(**inputs).sample for _ in range(2)])
    for first, again in pictures:
        assert torch.equal(first, again)
    assert not torch.allclose(pictures[0][0], pictures[1][0], atol=1e-4)
    assert torch.allclose(pictures[1][0], pictures[2][0].flip(0), atol=1e-5)


def test_the_weight_counts_in_the_text_encoders_too(model: Any) -> None:
    network = filled(attach(model, Options()))
    ids = torch.tensor([[49406, 5, 6, 7] + [49407] * 73])
    for encoder in (model.text_encoder, model.text_encoder_2):
        said = []
        with torch.inference_mode():
            for weight in (0.0, 0.5, 1.0):
                network.set_weight(weight)
                said.append(encoder(ids).last_hidden_state)
        assert not torch.allclose(said[0], said[1], atol=1e-3)
        assert not torch.allclose(said[1], said[2], atol=1e-3)


def test_weight_zero_is_the_plain_base(model: Any) -> None:
    before = render(model)
    network = filled(attach(model, Options(conv_dim=3)))
    assert not torch.equal(render(model), before)
    network.set_weight(0.0)
    assert torch.equal(render(model), before)
    network.detach()
    assert torch.equal(render(model), before)


def test_the_lora_stays_fp32_on_a_bf16_base(model: Any) -> None:
    model.unet.to(torch.bfloat16)
    network = filled(attach(model, Options(conv_dim=3, train_text_encoder=False)))
    assert {p.dtype for p in network.parameters()} == {torch.float32}
    inputs = unet_input(1)
    inputs["sample"] = inputs["sample"].bfloat16()
    inputs["encoder_hidden_states"] = inputs["encoder_hidden_states"].bfloat16()
    inputs["added_cond_kwargs"]["text_embeds"] = inputs["added_cond_kwargs"][
        "text_embeds"
    ].bfloat16()
    result = model.unet(**inputs).sample
    assert result.dtype == torch.bfloat16
    result.float().square().mean().backward()
    assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in network.parameters())


def test_it_trains_under_autocast(model: Any) -> None:
    network = filled(attach(model, Options(conv_dim=3, train_text_encoder=False)))
    with torch.autocast("cpu", torch.bfloat16):
        model.unet(**unet_input(2)).sample.float().square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def test_gradients_are_those_of_the_formula(model: Any) -> None:
    """The in-place forward against up @ down written out plainly, in double precision."""
    model.unet.double()
    network = filled(attach(model, Options(conv_dim=2, train_text_encoder=False)))
    for layer in network.layers.values():
        layer.double()
    inputs = {k: v.double() if torch.is_tensor(v) else v for k, v in unet_input(1).items()}
    inputs["added_cond_kwargs"] = {k: v.double() for k, v in inputs["added_cond_kwargs"].items()}

    def loss() -> torch.Tensor:
        value: torch.Tensor = model.unet(**inputs).sample.square().mean()
        return value

    loss().backward()
    for name in list(network.layers)[::15]:
        layer = network.layers[name]
        for parameter in (layer.down, layer.up):
            assert parameter.grad is not None
            flat, step = parameter.data.view(-1), 1e-5
            with torch.no_grad():
                flat[0] += step
                above = loss()
                flat[0] -= 2 * step
                below = loss()
                flat[0] += step
            slope = (above - below) / (2 * step)
            assert slope.item() == pytest.approx(
                parameter.grad.view(-1)[0].item(), rel=1e-3, abs=1e-8
            )


def test_only_the_lora_is_trained(model: Any) -> None:
    network = attach(model, Options())
    groups = network.parameter_groups()
    assert set(groups) == {"unet", "text_encoder_1", "text_encoder_2"}
    trainable = {
        id(p)
        for part in (model.unet, model.text_encoder, model.text_encoder_2)
        for p in part.parameters()
        if p.requires_grad
    }
    assert trainable == {id(p) for p in network.parameters()}


def test_training_can_leave_out_the_text_encoders_or_the_unet(model: Any) -> None:
    assert set(attach(model, Options(train_text_encoder=False)).parameter_groups()) == {"unet"}
    only_text = attach(tiny_model(), Options(train_unet=False)).parameter_groups()
    assert set(only_text) == {"text_encoder_1", "text_encoder_2"}
    with pytest.raises(RecipeError, match="Nothing would be trained"):
        attach(tiny_model(), Options(train_unet=False, train_text_encoder=False))


def test_a_layer_starts_the_same_whatever_else_is_trained() -> None:
    one = attach(tiny_model(), Options(), seed=3).file_state(torch.float32)
    two = attach(tiny_model(), Options(conv_dim=2, train_text_encoder=False), seed=3)
    shared = [name for name in two.file_state() if name in one and "lora_down" in name]
    assert len(shared) > 30
    assert all(torch.equal(one[name], two.file_state(torch.float32)[name]) for name in shared)
    other = attach(tiny_model(), Options(), seed=4).file_state(torch.float32)
    assert not torch.equal(one[shared[0]], other[shared[0]])


def test_the_start_is_kaiming_uniform_and_zero(model: Any) -> None:
    network = attach(model, Options(network_dim=64))
    layer = network.layers["lora_te1_text_model_encoder_layers_0_self_attn_q_proj"]
    assert layer.up.count_nonzero() == 0
    bound = 1 / 16**0.5  # 16 inputs
    assert bound * 0.95 < layer.down.abs().max() <= bound


def test_names_and_shapes_are_those_other_programs_read(model: Any) -> None:
    network = attach(model, Options(network_dim=4, conv_dim=3, conv_alpha=1))
    state = network.file_state()
    assert list(state) == sorted(state)
    assert {t.dtype for t in state.values()} == {torch.float16}
    shapes = {name: tuple(t.shape) for name, t in state.items()}
    # one layer per block, so the second level begins at input_blocks_2 here, not at _3
    assert shapes["lora_te2_text_model_encoder_layers_1_mlp_fc1.lora_up.weight"] == (64, 4)
    assert shapes["lora_te1_text_model_encoder_layers_0_self_attn_out_proj.alpha"] == ()
    attention = "lora_unet_middle_block_1_transformer_blocks_0_attn2_to_k"
    assert shapes[attention + ".lora_down.weight"] == (4, 32)
    assert shapes[
        "lora_unet_middle_block_1_transformer_blocks_0_ff_net_0_proj.lora_down.weight"
    ] == (4, 64)
    assert shapes["lora_unet_input_blocks_1_0_in_layers_2.lora_down.weight"] == (3, 32, 3, 3)
    assert shapes["lora_unet_input_blocks_1_0_in_layers_2.lora_up.weight"] == (32, 3, 1, 1)
    assert shapes["lora_unet_input_blocks_1_0_emb_layers_1.lora_down.weight"] == (4, 128)
    assert state[attention + ".alpha"] == 2
    assert state["lora_unet_input_blocks_1_0_in_layers_2.alpha"] == 1
    assert any(name.endswith("_skip_connection.lora_up.weight") for name in state)
    assert any(name.endswith("_op.lora_up.weight") for name in state)


def full_size_sdxl() -> Any:
    """SDXL's own sizes without memory for the weights."""
    from diffusers import UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    def text(width: int, layers: int, heads: int) -> CLIPTextConfig:
        return CLIPTextConfig(
            hidden_size=width, intermediate_size=4 * width, num_hidden_layers=layers,
            num_attention_heads=heads, projection_dim=width,
        )  # fmt: skip

    with torch.device("meta"):
        unet = UNet2DConditionModel(
            sample_size=128,
            block_out_channels=(320, 640, 1280),
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            transformer_layers_per_block=(1, 2, 10),
            attention_head_dim=(5, 10, 20),
            cross_attention_dim=2048,
            use_linear_projection=True,
            addition_embed_type="text_time",
            addition_time_embed_dim=256,
            projection_class_embeddings_input_dim=2816,
        )
        return SimpleNamespace(
            family="sdxl",
            has=lambda _part: True,
            unet=unet,
            text_encoder=CLIPTextModel(text(768, 12, 12)),
            text_encoder_2=CLIPTextModelWithProjection(text(1280, 32, 20)),
        )


def test_the_layers_of_a_full_size_sdxl() -> None:
    """722 + 72 + 192 modules; 788 in the U-Net with convolutions."""
    model = full_size_sdxl()
    targets = find_targets(model)

    def count(prefix: str, of: list[Target]) -> int:
        return sum(target.name.startswith(prefix) for target in of)

    assert [count(p, targets) for p in ("lora_unet_", "lora_te1_", "lora_te2_")] == [722, 72, 192]
    assert count("lora_unet_", find_targets(model, conv=True)) == 788
    names = {target.name for target in find_targets(model, conv=True)}
    assert len(names) == 788 + 72 + 192
    # names as they are in files of the kohya trainers
    for name in (
        "lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q",
        "lora_unet_input_blocks_8_1_transformer_blocks_9_ff_net_2",
        "lora_unet_middle_block_1_proj_in",
        "lora_unet_output_blocks_0_1_transformer_blocks_9_attn2_to_out_0",
        "lora_unet_output_blocks_5_1_proj_out",
        "lora_unet_input_blocks_1_0_in_layers_2",
        "lora_unet_input_blocks_3_0_op",
        "lora_unet_input_blocks_4_0_skip_connection",
        "lora_unet_output_blocks_2_2_conv",
        "lora_unet_output_blocks_8_0_emb_layers_1",
        "lora_unet_middle_block_2_out_layers_3",
        "lora_te1_text_model_encoder_layers_11_mlp_fc2",
        "lora_te2_text_model_encoder_layers_31_self_attn_out_proj",
    ):
        assert name in names, name
    weights = dict.fromkeys(("unet", "text_encoder_1", "text_encoder_2"), 0)
    for target in targets:
        part = {"text_encoder_1": model.text_encoder, "text_encoder_2": model.text_encoder_2}
        layer = part.get(target.part, model.unet).get_submodule(target.path)
        weights[target.part] += layer.in_features + layer.out_features
    # per rank; makes a file of 57.0 MB at dim 8 and fp16
    assert list(weights.values()) == [2_659_840, 165_888, 737_280]


def test_the_training_state_comes_back_to_the_bit(model: Any) -> None:
    network = filled(attach(model, Options(conv_dim=2)))
    state = network.train_state()
    again = attach(tiny_model(), Options(conv_dim=2), seed=99)
    again.load_train_state(state)
    assert all(torch.equal(again.train_state()[name], value) for name, value in state.items())
    assert all(layer.alpha == network.layers[name].alpha for name, layer in again.layers.items())


def test_a_file_without_alpha_has_scale_one(model: Any) -> None:
    state = filled(attach(model, Options())).file_state()
    plain = {name: tensor for name, tensor in state.items() if not name.endswith(".alpha")}
    with LoraSwitch(tiny_model()) as switch:
        switch.load_state(state)
        assert switch.network is not None
        assert {layer.scaling for layer in switch.network.layers.values()} == {0.5}
        switch.load_state(plain)
        assert {layer.scaling for layer in switch.network.layers.values()} == {1.0}


def test_the_switch_swaps_files_in_place_and_leaves_the_base_as_it_was(model: Any) -> None:
    before = render(model)
    states = [
        filled(attach(tiny_model(), Options(conv_dim=3)), seed).file_state(torch.float32)
        for seed in (1, 2)
    ]
    other_rank = filled(attach(tiny_model(), Options(network_dim=2)), 3).file_state(torch.float32)
    fresh = []
    for state in (*states, other_rank):
        with LoraSwitch(model) as switch:
            switch.load_state(state)
            fresh.append(render(model))
        assert torch.equal(render(model), before)
    with LoraSwitch(model) as switch:
        switch.load_state(states[0])
        layers = switch.network and switch.network.layers
        switch.load_state(states[1])
        assert switch.network is not None
        assert switch.network.layers is layers
        assert torch.equal(render(model), fresh[1])
        switch.load_state(other_rank)
        assert torch.equal(render(model), fresh[2])
        assert switch.changes_text


def test_a_lora_of_another_kind_of_model_is_refused(model: Any) -> None:
    state = {
        "lora_unet_double_blocks_0_img_attn_proj.lora_down.weight": torch.ones(4, 8),
        "lora_unet_double_blocks_0_img_attn_proj.lora_up.weight": torch.ones(8, 4),
    }
    with pytest.raises(ModelFileError, match="another kind of model"):
        LoraSwitch(model).load_state(state)
    with pytest.raises(ModelFileError, match="not a LoRA of a known kind"):
        LoraSwitch(model).load_state({"x.oft_blocks": torch.ones(1)})
    with pytest.raises(ModelFileError, match="incomplete"):
        LoraSwitch(model).load_state({"x.hada_w1_a": torch.ones(1)})
    right = attach(tiny_model(), Options()).file_state()
    name = next(name for name in right if name.endswith("lora_up.weight"))
    right[name] = torch.ones(5, 4)
    with pytest.raises(ModelFileError, match="in the LoRA and"):
        LoraSwitch(model).load_state(right)


def test_sd15_keeps_the_names_of_diffusers() -> None:
    names = {target.name for target in find_targets(tiny_model("sd15"), conv=True)}
    assert "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q" in names
    assert "lora_unet_mid_block_resnets_1_time_emb_proj" in names
    assert "lora_te_text_model_encoder_layers_0_mlp_fc1" in names


def test_every_registered_network_can_be_put_on_a_model() -> None:
    assert NETWORKS.names == NETWORK_TYPES
    for entry in NETWORKS:
        assert entry.label
        attach(tiny_model("sd15"), Options(type=entry.name, train_text_encoder=False), 0)


def test_the_list_of_networks_costs_no_torch(tmp_path: Path) -> None:
    import subprocess
    import sys

    code = "import sys, lorabake.engine.networks; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_putting_a_network_on_a_model_costs_no_library_beside_torch() -> None:
    """peft alone takes seconds to import; it is what the tests compare with."""
    import subprocess
    import sys

    code = (
        "import sys, lorabake.engine.networks.attaching, lorabake.engine.networks.switch\n"
        "assert not {'peft', 'lycoris', 'diffusers', 'bitsandbytes'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
