"""What holds for every kind of network on a model: files, states, grids, dropout, where it begins."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from lorabake.core.errors import ModelFileError, RecipeError
from lorabake.engine.lora_file import inspect_lora, read_lora, save_lora
from lorabake.engine.networks import NetworkSettings, attach, shortcuts
from lorabake.engine.networks.attaching import network_for
from lorabake.engine.networks.checks import require_sound
from lorabake.engine.networks.dropout import uniform
from lorabake.engine.networks.norms import delta_norms
from lorabake.engine.networks.notes import network_notes
from lorabake.engine.networks.switch import LoraSwitch
from tests.engine.tiny_networks import (
    NETWORKS,
    file_of,
    moved,
    render,
    settings,
    tiny_model,
    unet_input,
)

torch.set_num_threads(1)

KINDS = list(NETWORKS)
DROPOUT = {
    "lora": {"network_dropout": 0.3, "rank_dropout": 0.2, "module_dropout": 0.1},
    "locon": {"network_dropout": 0.3, "rank_dropout": 0.2, "module_dropout": 0.1},
    "glora": {"network_dropout": 0.3, "rank_dropout": 0.2, "module_dropout": 0.1},
}


# --- on the model


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("family", ["sdxl", "sd15"])
def test_a_fresh_network_changes_nothing_and_learns(kind: str, family: str) -> None:
    model = tiny_model(family)
    before = render(model)
    network = attach(model, settings(kind), seed=7)
    assert torch.equal(render(model), before)
    assert {p.dtype for p in network.parameters()} == {torch.float32}
    model.unet(**unet_input(1, family)).sample.square().mean().backward()
    for name, layer in network.layers.items():
        if name.startswith("lora_unet_"):
            gradients = [p.grad for p in layer.trained().values()]
            assert all(g is not None and g.isfinite().all() for g in gradients), name
            assert any(g is not None and g.any() for g in gradients), name
    network.detach()
    assert torch.equal(render(model), before)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("base", [torch.float32, torch.bfloat16])
def test_checkpointing_and_autocast_change_no_gradient(kind: str, base: torch.dtype) -> None:
    """With dropout, which is drawn again in the recomputation, and dropped the same."""
    found = []
    for checkpointing in (False, True):
        model = tiny_model("sdxl")
        model.unet.to(base).train()
        chances = DROPOUT.get(kind, {"rank_dropout": 0.2, "module_dropout": 0.1})
        network = moved(attach(model, settings(kind, train_text_encoder=False, **chances), seed=1))
        if checkpointing:
            model.unet.enable_gradient_checkpointing()
        network.begin_batch(3, 11)
        with torch.autocast("cpu", torch.bfloat16, enabled=base == torch.bfloat16):
            model.unet(**unet_input(2)).sample.float().square().mean().backward()
        network.end_batch()
        found.append([p.grad for p in network.parameters()])
    for plain, again in zip(*found, strict=True):
        if plain is None or again is None:
            assert plain is again  # skipped by module dropout
        else:
            assert plain.isfinite().all()
            assert torch.equal(plain, again)


def test_the_text_encoders_and_the_layers_can_be_chosen() -> None:
    def prefixes(**changes: Any) -> set[str]:
        names = attach(tiny_model("sdxl"), settings(**changes)).layers
        return {name.split("_")[1] for name in names}

    assert prefixes() == {"unet", "te1", "te2"}
    assert prefixes(train_text_encoder=False) == {"unet"}
    assert prefixes(train_unet=False) == {"te1", "te2"}

    def endings(**changes: Any) -> str:
        return " ".join(attach(tiny_model("sdxl"), settings(**changes)).layers)

    attention = endings(target_layers="attn")
    assert "attn2_to_out_0" in attention
    assert "self_attn_q_proj" in attention
    assert not any(each in attention for each in ("ff_net", "proj_in", "mlp", "in_layers"))
    both = endings(target_layers="attn-mlp")
    assert all(each in both for each in ("ff_net_2", "proj_in", "mlp_fc1"))
    assert "in_layers" not in both
    full = endings(target_layers="full")
    assert all(each in full for each in ("in_layers_2", "_op", "ff_net_2"))
    assert endings(type="locon") == full
    glora = attach(tiny_model("sd15"), settings("glora")).layers
    assert not any("proj_in" in name or "resnets" in name for name in glora)


# --- files


def shapes(state: dict[str, Tensor], layer: str) -> dict[str, tuple[int, ...]]:
    return {
        key.removeprefix(f"{layer}."): tuple(tensor.shape)
        for key, tensor in state.items()
        if key.startswith(f"{layer}.")
    }


KEY = "lora_unet_middle_block_1_transformer_blocks_0_attn2_to_k"  # 64 × 32
CONV = "lora_unet_input_blocks_1_0_in_layers_2"  # 32 × 32 × 3 × 3


def test_every_kind_is_written_as_other_programs_read_it() -> None:
    """Names and shapes of LyCORIS and the kohya trainers; alpha is a scalar of the file's dtype."""
    lora = {"lora_down.weight": (4, 32), "lora_up.weight": (64, 4), "alpha": ()}
    assert shapes(file_of("lora"), KEY) == lora
    assert shapes(file_of("dora"), KEY) == {**lora, "dora_scale": (1, 32)}
    assert shapes(file_of("dora by rows"), KEY) == {**lora, "dora_scale": (64, 1)}
    assert shapes(file_of("dora locon"), CONV) == {
        "lora_down.weight": (3, 32, 3, 3),
        "lora_up.weight": (32, 3, 1, 1),
        "dora_scale": (1, 32, 1, 1),
        "alpha": (),
    }
    loha = file_of("loha")
    a, b = (64, 4), (4, 32)
    names = {"hada_w1_a": a, "hada_w1_b": b, "hada_w2_a": a, "hada_w2_b": b, "alpha": ()}
    assert shapes(loha, KEY) == names
    assert shapes(loha, CONV)["hada_w1_b"] == (2, 32 * 9)
    lokr = file_of("lokr")
    assert shapes(lokr, KEY) == {
        "lokr_w1": (8, 4), "lokr_w2_a": (8, 1), "lokr_w2_b": (1, 8), "alpha": (),
    }  # fmt: skip
    assert shapes(lokr, CONV)["lokr_w2_b"] == (1, 8 * 9)
    assert shapes(file_of("lokr whole"), KEY)["lokr_w2"] == (8, 8)
    assert shapes(file_of("lokr both"), KEY)["lokr_w1_a"] == (8, 1)
    glora = file_of("glora")
    assert shapes(glora, KEY) == {
        "a1.weight": (4, 32), "a2.weight": (32, 4), "b1.weight": (4, 32), "b2.weight": (64, 4),
        "alpha": (),
    }  # fmt: skip
    assert {float(t) for key, t in glora.items() if key.endswith(".alpha")} == {4.0}  # = rank
    for kind in KINDS:
        state = moved(attach(tiny_model("sdxl"), settings(kind))).file_state()
        assert {t.dtype for t in state.values()} == {torch.float16}
        assert list(state) == sorted(state)


@pytest.mark.parametrize("kind", KINDS)
def test_files_and_states_come_back(kind: str) -> None:
    network = moved(attach(tiny_model("sdxl"), settings(kind)))
    state = network.file_state(torch.float32)
    again = network_for(tiny_model("sdxl"), state).file_state(torch.float32)
    assert again.keys() == state.keys()
    assert all(torch.equal(again[key], value) for key, value in state.items())
    exact = network.train_state()
    other = attach(tiny_model("sdxl"), settings(kind), seed=99)
    other.load_train_state(exact)
    loaded = other.train_state()
    assert loaded.keys() == exact.keys()
    assert all(torch.equal(loaded[key], value) for key, value in exact.items())
    with pytest.raises(ModelFileError, match="another recipe"):
        attach(tiny_model("sdxl"), settings("lora", network_dim=3)).load_train_state(exact)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_is_checked_and_described(kind: str, tmp_path: Path) -> None:
    network = attach(tiny_model("sdxl"), settings(kind))
    path = tmp_path / "a.safetensors"
    saved = save_lora(path, network.file_state(), {})
    assert "learned nothing" in saved.warning
    moved(network)
    saved = save_lora(path, network.file_state(torch.float32), {})
    assert saved.warning == ""
    assert saved.layers == len(network.layers)
    about = json.loads(json.dumps(inspect_lora(path)))
    labels = {"lo": "LoHa" if kind == "loha" else "LoKr", "do": "DoRA", "gl": "GLoRA"}
    expected = {"lora": "LoRA", "locon": "LoCon"}.get(kind, labels[kind[:2]])
    assert about["network"] == expected
    assert about["family"] == "sdxl"
    assert about["finite"] is True
    assert about["hashes"]["matches"] is True
    if kind != "lokr whole":
        rank = settings(kind).network_dim
        assert rank in (about["rank"] if isinstance(about["rank"], list) else [about["rank"]])


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "glora" and "dora" not in kind])
def test_norms_of_a_file_are_those_of_its_layers(kind: str) -> None:
    network = moved(attach(tiny_model("sdxl"), settings(kind)))
    norms = delta_norms(network.file_state(torch.float32))
    for name, layer in network.layers.items():
        assert norms[name] == pytest.approx(float(layer.delta().norm()), rel=1e-4)


def test_both_layouts_of_a_glora_are_read() -> None:
    model = tiny_model("sdxl")
    state = file_of("glora")
    swap = {"a1": "a2", "a2": "a1", "b1": "b2", "b2": "b1"}
    new = {}
    for key, tensor in state.items():
        layer, _, rest = key.partition(".")
        if rest == "alpha":
            new[key] = torch.tensor(2.0)  # half the rank: the others as if not folded in
        else:
            double = 2 if rest in ("a2.weight", "b2.weight") else 1
            new[f"{layer}.{swap[rest[:2]]}.weight"] = tensor * double
    pictures = []
    for each in (state, new):
        with LoraSwitch(model) as switch:
            switch.load_state(each)
            pictures.append(render(model))
    torch.testing.assert_close(pictures[0], pictures[1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_what_does_not_fit_is_refused_in_a_sentence(kind: str) -> None:
    """And the model stays as it was, so that the next file may be tried on it."""
    model, state = tiny_model("sdxl"), file_of(kind)
    before = render(model)
    key = next(key for key in sorted(state) if not key.endswith(".alpha"))
    broken: dict[str, Tensor | None] = {
        "cut": state[key].flatten()[:-1],
        "scalar": torch.tensor(1.0),
        "whole numbers": torch.ones(state[key].shape, dtype=torch.int64),
        "empty": state[key][:0],
    }
    if "dora" not in kind:  # which is a LoRA without it
        broken["missing"] = None
    for name, value in broken.items():
        given = {k: t for k, t in state.items() if k != key}
        if value is not None:
            given[key] = value
        with pytest.raises(ModelFileError):
            network_for(model, given)
        assert torch.equal(render(model), before), name
    alpha = key.partition(".")[0] + ".alpha"
    for value in (torch.ones(2), torch.tensor(float("nan"))):
        with pytest.raises(ModelFileError, match="alpha"):
            network_for(model, {**state, alpha: value})
    network_for(model, state)
    assert not torch.equal(render(model), before)


# --- grids


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("family", "merge"), [("sdxl", False), ("sdxl", True), ("sd15", True)])
def test_a_row_of_weights_is_what_each_weight_gives_alone(
    kind: str, family: str, merge: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shortcuts, "MOST_MERGED", 2**28 if merge else 0)
    monkeypatch.setattr(shortcuts, "LARGE_MAP", 16)
    model, state = tiny_model(family), file_of(kind, family)
    weights = [0.0, 0.5, 0.8, 1.0]
    with LoraSwitch(model) as switch:
        switch.load_state(state)
        switch.set_weights(weights)
        together = render(model, batch=2 * len(weights))
        singly = []
        for weight in weights:
            switch.set_weights([weight])
            singly.append(render(model))
    network = network_for(model, state)
    for index, weight in enumerate(weights * 2):
        network.set_weight(weight)
        alone = render(model)
        torch.testing.assert_close(together[index : index + 1], alone, rtol=1e-3, atol=2e-4)
        torch.testing.assert_close(singly[index % 4], alone, rtol=1e-3, atol=2e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_the_next_file_of_a_kind_takes_the_place_of_the_one_before(kind: str) -> None:
    model = tiny_model("sdxl")
    states = [file_of(kind, seed=seed) for seed in (1, 2)]
    with LoraSwitch(model) as switch:
        switch.load_state(states[0])
        first, layers = render(model), switch.network and switch.network.layers
        switch.load_state(states[1])
        second = render(model)
        assert switch.network is not None
        assert switch.network.layers is layers
    with LoraSwitch(model) as switch:
        switch.load_state(states[1])
        torch.testing.assert_close(render(model), second)
    assert not torch.allclose(first, second, atol=1e-3)


# --- dropout


def dropped(kind: str, batch: int = 4, number: int = 3, **chances: float) -> tuple[Any, Any]:
    model = tiny_model("sdxl")
    network = moved(attach(model, settings(kind, train_text_encoder=False, **chances)))
    network.begin_batch(9, number)
    return model, network


@pytest.mark.parametrize("kind", KINDS)
def test_dropout_is_the_same_for_any_cutting_of_the_batch(kind: str) -> None:
    chances = DROPOUT.get(kind, {"rank_dropout": 0.3, "module_dropout": 0.1})
    model, network = dropped(kind, **chances)
    whole = render(model, 4)
    assert torch.equal(render(model, 4), whole)
    pieces = []
    for first in (0, 2):
        network.begin_batch(9, 3, first)
        pieces.append(render(model, 2))
    torch.testing.assert_close(torch.cat(pieces), whole, rtol=1e-4, atol=1e-5)
    network.begin_batch(9, 4)
    assert not torch.allclose(render(model, 4), whole, atol=1e-3)
    network.end_batch()
    quiet = render(model, 4)
    assert not torch.allclose(quiet, whole, atol=1e-3)
    assert torch.allclose(quiet[:1], quiet[1:2], atol=1e-5)  # equal inputs, and nothing dropped


def test_each_picture_has_masks_of_its_own_and_all_captions_share_one() -> None:
    model = tiny_model("sdxl")
    network = moved(attach(model, settings(network_dropout=0.4)))
    network.begin_batch(9, 3)
    pictures = render(model, 3)  # of equal inputs
    assert not torch.allclose(pictures[0], pictures[1], atol=1e-3)
    ids = torch.tensor([[49406, 5, 6, 7] + [49407] * 73]).expand(3, -1)
    with torch.inference_mode():
        said = model.text_encoder(ids).last_hidden_state
    torch.testing.assert_close(said[0], said[2])


@pytest.mark.parametrize("chance", ["network_dropout", "rank_dropout"])
def test_on_average_dropout_changes_nothing(chance: str) -> None:
    """Scaled up by 1/(1−p), as in the kohya trainers."""
    network = moved(attach(tiny_model("sdxl"), settings(network_dim=16, **{chance: 0.25})))
    layer = network.layers[KEY]
    x = torch.randn(1, 5, 32, generator=torch.Generator().manual_seed(1)).expand(400, -1, -1)
    plain = layer.compute(x[:1]) - layer.base_layer(x[:1])
    network.begin_batch(1, 1)
    each = (layer.compute(x) - layer.base_layer(x)).detach()
    assert each.std(0).mean() > 0.1 * plain.detach().abs().mean()
    error = (each.mean(0) - plain[0]).norm() / plain.norm()
    assert error < 0.08
    assert torch.equal(each, (layer.compute(x) - layer.base_layer(x)).detach())


def test_rank_dropout_leaves_out_whole_ranks_of_a_picture() -> None:
    network = attach(tiny_model("sdxl"), settings(rank_dropout=0.5, network_alpha=4))
    layer = network.layers[KEY]
    with torch.no_grad():  # four ranks that can be told apart in the answer
        layer.get_parameter("up").copy_(torch.eye(64, 4))
        layer.get_parameter("down").fill_(1.0)
    network.begin_batch(1, 1)
    x = torch.ones(200, 3, 32)
    found = (layer.compute(x) - layer.base_layer(x)).detach()[:, :, :4]  # (200, 3, 4)
    assert torch.equal(found[:, 0], found[:, 2])  # the same for every token
    left = found[:, 0].round().unique().tolist()
    assert left == [0.0, 64.0]  # 32 ones, doubled
    assert 0.4 < float((found[:, 0] > 1).float().mean()) < 0.6


def test_module_dropout_leaves_out_layers_for_a_batch() -> None:
    network = moved(attach(tiny_model("sdxl"), settings(module_dropout=0.3)))
    left_out = []
    for number in range(12):
        network.begin_batch(2, number)
        left_out.append([not layer.acts for layer in network.layers.values()])
    assert 0.25 < sum(map(sum, left_out)) / (12 * len(network.layers)) < 0.35
    assert left_out[0] != left_out[1]
    network.end_batch()
    assert all(layer.acts for layer in network.layers.values())


def test_the_numbers_behind_the_masks_are_uniform_and_unrelated() -> None:
    keys = list(range(64))
    values = uniform(keys, 4096, torch.device("cpu")).double()
    assert 0 <= values.min() < 1e-4
    assert 1 - 1e-4 < values.max() < 1
    counts = torch.histc(values.float(), 16, 0, 1)
    assert (counts / counts.mean() - 1).abs().max() < 0.05
    centred = values - values.mean(1, keepdim=True)
    correlation = (centred @ centred.T) / centred.square().sum(1)
    assert (correlation - torch.eye(64)).abs().max() < 0.1
    neighbours = (centred[:, 1:] * centred[:, :-1]).mean() / centred.square().mean()
    assert abs(float(neighbours)) < 0.01
    # SplitMix64's own first numbers for seed 1, so that a bake goes on with the same masks for ever
    first = [0x910A2DEC89025CC1, 0xBEEB8DA1658EEC67, 0xF893A2EEFB32555E]
    expected = [(number >> 40) / 2**24 for number in first]
    assert uniform([1], 3, torch.device("cpu"))[0].tolist() == expected


# --- where it begins


@pytest.mark.parametrize("kind", KINDS)
def test_a_bake_can_go_on_from_a_file(kind: str, tmp_path: Path) -> None:
    """With the recipe's own alpha, and with the file's dims: both render as the file at first."""
    path = tmp_path / "a.safetensors"
    save_lora(path, file_of(kind), {})
    model = tiny_model("sdxl")
    with LoraSwitch(model) as switch:
        switch.load(path)
        expected = render(model)
    for changes in ({"network_alpha": 1.5}, {"network_dim": 3, "dim_from_weights": True}):
        if kind == "lokr whole" and "network_dim" in changes:
            continue  # any dim makes a LoKr whole there
        model = tiny_model("sdxl")
        network = attach(model, settings(kind, **changes), weights=path)
        torch.testing.assert_close(render(model), expected, rtol=1e-3, atol=1e-4)
        assert all(p.requires_grad for p in network.parameters())


def test_what_to_go_on_from_must_be_of_the_same_kind(tmp_path: Path) -> None:
    path = tmp_path / "hers.safetensors"
    save_lora(path, file_of("loha"), {})
    with pytest.raises(RecipeError, match="is a LoHa, and the recipe trains a DoRA"):
        attach(tiny_model("sdxl"), settings("dora"), weights=path)
    save_lora(path, file_of("lora"), {})
    with pytest.raises(RecipeError, match="has dim 4 and the recipe 8"):
        attach(tiny_model("sdxl"), settings("lora", network_dim=8), weights=path)
    with pytest.raises(ModelFileError, match="another kind of model"):
        attach(tiny_model("sd15"), settings("lora"), weights=path)
    only_text = {k: t for k, t in file_of("lora").items() if "_te" in k}
    save_lora(path, only_text, {})
    for changes in ({}, {"dim_from_weights": True}):
        with pytest.raises(RecipeError, match=r"hers.safetensors has n"):
            attach(tiny_model("sdxl"), settings(train_text_encoder=False, **changes), weights=path)
    network = attach(tiny_model("sdxl"), settings(), weights=path)
    assert any(name.startswith("lora_unet") for name in network.layers)
    assert read_lora(path).keys() == only_text.keys()


def test_norms_can_be_kept_below_a_limit() -> None:
    network = moved(attach(tiny_model("sdxl"), settings("loha")))
    norms = delta_norms(network.file_state(torch.float32))
    limit = sorted(norms.values())[len(norms) // 2]
    above = sum(norm > limit for norm in norms.values())
    assert network.scale_weight_norms(limit) == above > 10
    after = delta_norms(network.file_state(torch.float32))
    assert max(after.values()) <= limit * 1.0001
    assert all(after[k] == pytest.approx(v, rel=1e-4) for k, v in norms.items() if v < limit)
    with pytest.raises(RecipeError, match="not defined for a GLoRA"):
        attach(tiny_model("sdxl"), settings("glora")).scale_weight_norms(1.0)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"type": "loha", "dora": True}, "switch of LoRA and LoCon"),
        ({"type": "loha", "network_dropout": 0.1}, "not defined for a LoHa"),
        ({"dora": True, "network_dropout": 0.1}, "not defined for a DoRA"),
        ({"type": "glora", "conv_dim": 4}, "linear layers only"),
        ({"type": "glora", "target_layers": "full"}, "linear layers only"),
        ({"train_unet": False, "train_text_encoder": False}, "Nothing would be trained"),
    ],
)
def test_settings_that_contradict_each_other(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(RecipeError, match=says):
        require_sound(settings(**changes))
    with pytest.raises(RecipeError, match=says):
        attach(tiny_model("sdxl"), settings(**changes))
    with pytest.raises(RecipeError, match="Scale weight norms"):
        require_sound(settings("glora"), scale_weight_norms=1.0)


def test_what_a_file_says_of_its_network() -> None:
    plain = network_notes(NetworkSettings(network_dim=16, network_alpha=8.0))
    assert plain == {
        "ss_network_module": "networks.lora",
        "ss_network_dim": "16",
        "ss_network_alpha": "8.0",
        "ss_network_args": "{}",
    }
    conv = network_notes(settings("locon"))
    assert conv["ss_network_module"] == "networks.lora"
    assert json.loads(conv["ss_network_args"]) == {"conv_dim": "3", "conv_alpha": "1"}
    dora = network_notes(settings("dora", rank_dropout=0.1))
    assert dora["ss_network_module"] == "lycoris.kohya"
    assert json.loads(dora["ss_network_args"]) == {
        "algo": "lora", "preset": "attn-mlp", "dora_wd": "True", "wd_on_output": "False",
        "rank_dropout": "0.1",
    }  # fmt: skip
    lokr = json.loads(network_notes(settings("lokr both"))["ss_network_args"])
    assert lokr["algo"] == "lokr"
    assert lokr["factor"] == "-1"
    assert lokr["decompose_both"] == "True"
    attention = network_notes(settings("glora", target_layers="attn"))["ss_network_args"]
    assert json.loads(attention) == {"algo": "glora", "preset": "attn-only"}
