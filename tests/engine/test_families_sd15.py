"""SD 1.5 and NAI: every layout gives the same model, and what it answers is what diffusers answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from lorabake.core.errors import ModelFileError
from lorabake.engine.families import load_model, model_pixel_multiple, shapes
from lorabake.engine.families.family import SD15
from lorabake.engine.families.loading import _build
from lorabake.engine.families.model import Model
from lorabake.engine.sample import sample
from tests import tiny

CONFIG = {"lorabake.config": json.dumps(tiny.TINY_SD15)}
TEXT = "cond_stage_model.transformer."


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same tiny model twice: "folder" and "file"."""
    here = tmp_path_factory.mktemp("models")
    return {"folder": tiny.tiny_sd15_folder(here), "file": tiny.tiny_sd15_single_file(here)}


@pytest.fixture(scope="module")
def model(places: dict[str, Path]) -> Model:
    return load_model(places["folder"])


@pytest.fixture(scope="module")
def full_size() -> dict[str, Any]:
    """SD 1.5's networks in their real size, without memory behind them."""
    return {part: _build(part, shapes.shipped_config(part, "sd15")) for part in SD15.parts}


def assert_twins(one: Model, other: Model) -> None:
    assert one.parts.keys() == other.parts.keys()
    for name, part in one.parts.items():
        theirs = other.parts[name].state_dict()
        for key, weight in part.state_dict().items():
            assert torch.equal(weight, theirs[key]), f"{name}: {key}"


def rewritten(places: dict[str, Path], path: Path, change: Any) -> Path:
    """A copy of the single file with other tensors."""
    save_file(change(load_file(places["file"])), path, metadata=CONFIG)
    return path


# --- the layouts ---------------------------------------------------------------------------------


def test_single_file_and_folder_are_twins(places: dict[str, Path], model: Model) -> None:
    twin = load_model(places["file"])
    assert_twins(model, twin)
    assert twin.family == model.family == "sd15"
    assert set(model.parts) == {"unet", "text_encoder", "vae"}
    assert not model.has("text_encoder_2")
    answers = []
    for one in (model, twin):
        generator = torch.Generator().manual_seed(0)
        noisy = torch.randn(2, 4, 8, 8, generator=generator)
        with torch.no_grad():
            encoded = one.encode_prompts(["1girl", "solo, " * 60], 225, clip_skip=2)
            assert one.time_ids([(64, 64)] * 2, [(0, 0)] * 2, [(64, 64)] * 2) is None
            answers.append(one.predict(noisy, torch.tensor([10, 900]), encoded, None))
    assert torch.equal(*answers)
    assert encoded.context.shape == (2, 227, 16)
    assert encoded.pooled.shape == (2, 0)


def without_text_model(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name.replace(f"{TEXT}text_model.", TEXT): each for name, each in tensors.items()}


def half_renamed(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {
        name.replace(f"{TEXT}text_model.encoder", f"{TEXT}encoder"): each
        for name, each in tensors.items()
    }


def with_ballast(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """What the leak of NAI and old trainings carry beside the weights."""
    averaged = {
        "model_ema." + name.removeprefix("model.").replace(".", ""): torch.zeros_like(each)
        for name, each in tensors.items()
        if name.startswith("model.diffusion_model.")
    }
    return {
        **tensors,
        **averaged,
        "model_ema.decay": torch.tensor(0.999),
        "model_ema.num_updates": torch.tensor(5),
        f"{TEXT}text_model.embeddings.position_ids": torch.arange(77.0)[None],
        "alphas_cumprod": torch.ones(1000),
        "betas": torch.ones(1000),
    }


@pytest.mark.parametrize("change", [without_text_model, half_renamed, with_ballast])
def test_files_of_other_times(
    places: dict[str, Path], model: Model, tmp_path: Path, change: Any
) -> None:
    assert_twins(load_model(rewritten(places, tmp_path / "old.safetensors", change)), model)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_files(places: dict[str, Path], tmp_path: Path, dtype: torch.dtype) -> None:
    def halved(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {name: each.to(dtype) for name, each in tensors.items()}

    path = rewritten(places, tmp_path / "half.safetensors", halved)
    model = load_model(path, dtype=dtype)
    expected = load_file(path)["model.diffusion_model.out.2.weight"]
    assert torch.equal(model.unet.conv_out.weight, expected)
    assert {p.dtype for p in model.vae.parameters()} == {torch.float32}


def test_a_file_without_its_vae(places: dict[str, Path], tmp_path: Path) -> None:
    def bare(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {name: t for name, t in tensors.items() if not name.startswith("first_stage")}

    path = rewritten(places, tmp_path / "novae.safetensors", bare)
    with pytest.raises(ModelFileError, match=r"has no VAE inside.*vae-ft-mse"):
        load_model(path)
    vae = tiny.tiny_modules(seed=5, family="sd15")["vae"]
    vae.save_pretrained(tmp_path / "vae")
    loaded = load_model(path, vae=tmp_path / "vae").vae
    assert torch.equal(loaded.decoder.conv_in.weight, vae.decoder.conv_in.weight)


def test_a_vae_of_the_other_family(places: dict[str, Path], tmp_path: Path) -> None:
    vae = tiny.tiny_modules()["vae"]
    vae.register_to_config(scaling_factor=0.13025)  # SDXL's
    vae.save_pretrained(tmp_path / "vae")
    with pytest.raises(ModelFileError, match="belong to another kind of model"):
        load_model(places["file"], vae=tmp_path / "vae")


def test_a_family_that_the_file_is_not(places: dict[str, Path]) -> None:
    with pytest.raises(ModelFileError, match="not a complete SDXL checkpoint"):
        load_model(places["file"], family="sdxl")


# --- the real size -------------------------------------------------------------------------------


def test_configs_read_off_the_real_size_are_the_shipped_ones(full_size: dict[str, Any]) -> None:
    header = tiny.header_of(tiny.sgm_tensors(full_size, "sd15"))
    for part in (*SD15.parts, "scheduler"):
        made = shapes.part_config(header, part, "x", "sd15")
        assert made == shapes.shipped_config(part, "sd15"), part


def test_sides_are_multiples_of_64(full_size: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "full.safetensors"
    tiny.write_zeros(path, tiny.sgm_tensors(full_size, "sd15"), {})
    assert model_pixel_multiple(path) == 64


def test_names_that_are_known_from_checkpoints(full_size: dict[str, Any]) -> None:
    """Facts about `v1-5-pruned-emaonly.safetensors`, not derived from our tables."""
    found = {name: tuple(t.shape) for name, t in tiny.sgm_tensors(full_size, "sd15").items()}
    known = {
        "model.diffusion_model.input_blocks.0.0.weight": (320, 4, 3, 3),
        "model.diffusion_model.input_blocks.1.1.proj_in.weight": (320, 320, 1, 1),
        "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": (320, 768),
        "model.diffusion_model.input_blocks.9.0.op.weight": (1280, 1280, 3, 3),
        "model.diffusion_model.input_blocks.11.0.out_layers.3.weight": (1280, 1280, 3, 3),
        "model.diffusion_model.middle_block.1.proj_out.weight": (1280, 1280, 1, 1),
        "model.diffusion_model.output_blocks.2.1.conv.weight": (1280, 1280, 3, 3),
        "model.diffusion_model.output_blocks.5.2.conv.weight": (1280, 1280, 3, 3),
        "model.diffusion_model.output_blocks.11.1.proj_in.weight": (320, 320, 1, 1),
        "cond_stage_model.transformer.text_model.encoder.layers.11.mlp.fc1.weight": (3072, 768),
        "cond_stage_model.transformer.text_model.final_layer_norm.weight": (768,),
        "first_stage_model.decoder.mid.attn_1.q.weight": (512, 512, 1, 1),
    }
    assert {name: found.get(name) for name in known} == known
    counts = [sum(name.startswith(start) for name in found) for start in ("model.", "first_stage")]
    assert counts == [686, 248]


# --- others' code as an oracle -------------------------------------------------------------------


def test_diffusers_reads_the_same_from_the_file(places: dict[str, Path], model: Model) -> None:
    from diffusers.loaders.single_file_utils import (
        convert_ldm_clip_checkpoint,
        convert_ldm_unet_checkpoint,
        convert_ldm_vae_checkpoint,
    )

    tensors = load_file(places["file"])
    converted = {
        "unet": convert_ldm_unet_checkpoint(dict(tensors), dict(model.unet.config)),
        "vae": convert_ldm_vae_checkpoint(dict(tensors), dict(model.vae.config)),
        "text_encoder": convert_ldm_clip_checkpoint(dict(tensors)),
    }
    for part, theirs in converted.items():
        ours = model.parts[part].state_dict()
        plain = {key.removeprefix("text_model."): value for key, value in theirs.items()}
        for key, value in ours.items():
            other = plain[key.removeprefix("text_model.")]
            assert torch.equal(value, other.reshape(value.shape)), f"{part}: {key}"


def test_the_real_size_has_diffusers_names(full_size: dict[str, Any]) -> None:
    from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint

    tensors = tiny.sgm_tensors(full_size, "sd15")
    theirs = convert_ldm_unet_checkpoint(dict(tensors), dict(full_size["unet"].config))
    ours = full_size["unet"].state_dict()
    assert {name: t.shape for name, t in theirs.items()} == {n: t.shape for n, t in ours.items()}


def test_the_unet_answers_as_diffusers_own(places: dict[str, Path], model: Model) -> None:
    from diffusers import UNet2DConditionModel

    theirs = UNet2DConditionModel.from_pretrained(places["folder"] / "unet").eval()
    generator = torch.Generator().manual_seed(1)
    noisy = torch.randn(2, 4, 8, 8, generator=generator)
    times = torch.tensor([3, 700])
    with torch.no_grad():
        encoded = model.encode_prompts(["1girl", "hat"], clip_skip=2)
        ours = model.predict(noisy, times, encoded, None)
        expected = theirs(noisy, times, encoded.context).sample
    assert torch.equal(ours, expected)


@pytest.mark.parametrize("skip", [1, 2, 3])
def test_clip_skip_is_an_encoder_with_fewer_layers(
    places: dict[str, Path], model: Model, skip: int
) -> None:
    """transformers' own model, without its last layers, ends in the same norm."""
    from transformers import CLIPTextModel

    shorter = CLIPTextModel.from_pretrained(places["folder"] / "text_encoder", torch_dtype="auto")
    del shorter.encoder.layers[len(shorter.encoder.layers) - (skip - 1) :]
    captions = ["1girl, blonde hair, looking at viewer", "solo"]
    ids = model.tokenizer(captions, padding="max_length", max_length=77, return_tensors="pt")
    with torch.no_grad():
        expected = shorter.eval()(ids.input_ids).last_hidden_state
        ours = model.encode_prompts(captions, clip_skip=skip)
    assert torch.allclose(ours.context, expected, atol=1e-5)


def test_plain_prompts_are_those_of_diffusers_pipeline(model: Model) -> None:
    from diffusers import StableDiffusionPipeline

    pipeline = StableDiffusionPipeline(
        text_encoder=model.text_encoder,
        tokenizer=model.tokenizer,
        requires_safety_checker=False,
        **dict.fromkeys(("unet", "vae", "scheduler", "safety_checker", "feature_extractor")),
    )
    captions = ["1girl, blonde hair, looking at viewer", "solo"]
    theirs, _ = pipeline.encode_prompt(captions, "cpu", 1, do_classifier_free_guidance=False)
    assert torch.allclose(model.encode_prompts(captions).context, theirs, atol=1e-5)


def test_clip_skip_matters(model: Model) -> None:
    one, two = (model.encode_prompts(["1girl"], clip_skip=skip).context for skip in (1, 2))
    assert (one - two).abs().max() > 0.01


def test_pictures(model: Model) -> None:
    from lorabake.engine.families.prompts import Conditioning

    both = model.encode_prompts(["blurry", "1girl, solo"], clip_skip=2)
    negative, positive = (Conditioning(*(t[n : n + 1] for t in both)) for n in (0, 1))
    with torch.no_grad():
        made = sample(model, positive, negative, seeds=[1, 2], width=32, height=48, steps=3)
    assert made.shape == (2, 3, 48, 32)
    assert made.isfinite().all()


# --- what the file says and the user overrules ---------------------------------------------------


def test_velocity_and_zero_terminal_snr(places: dict[str, Path], tmp_path: Path) -> None:
    plain = load_model(places["file"], parts=("vae",))
    assert (plain.prediction, plain.zero_terminal_snr) == ("epsilon", False)
    assert float(plain.alphas_cumprod[-1]) == pytest.approx(0.00466, abs=1e-5)

    def marked(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return tensors | {"v_pred": torch.ones(1), "ztsnr": torch.ones(1)}

    path = rewritten(places, tmp_path / "v.safetensors", marked)
    noob = load_model(path, parts=("vae",))
    assert (noob.prediction, noob.zero_terminal_snr) == ("v", True)
    assert float(noob.alphas_cumprod[-1]) == 0
    assert float(noob.alphas_cumprod[0]) == pytest.approx(float(plain.alphas_cumprod[0]))

    overruled = load_model(path, parts=("vae",), prediction="epsilon", zero_terminal_snr="off")
    assert (overruled.prediction, overruled.zero_terminal_snr) == ("epsilon", False)
    assert torch.equal(overruled.alphas_cumprod, plain.alphas_cumprod)
    raised = load_model(places["folder"], parts=("vae",), prediction="v", zero_terminal_snr="on")
    assert (raised.prediction, raised.zero_terminal_snr) == ("v", True)


@pytest.mark.parametrize("told", ["v", "v_prediction", "epsilon"])
def test_what_the_notes_say(tmp_path: Path, told: str) -> None:
    path = tiny.tiny_sd15_single_file(tmp_path, **{"modelspec.prediction_type": told})
    assert load_model(path, parts=()).prediction == ("epsilon" if told == "epsilon" else "v")


def test_what_the_scheduler_says(tmp_path: Path) -> None:
    folder = tiny.tiny_sd15_folder(tmp_path)
    path = folder / "scheduler" / "scheduler_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    told = {"prediction_type": "v_prediction", "rescale_betas_zero_snr": True}
    path.write_text(json.dumps(config | told), encoding="utf-8")
    model = load_model(folder, parts=())
    assert (model.prediction, model.zero_terminal_snr) == ("v", True)
    path.write_text(json.dumps(config | {"prediction_type": "sample"}), encoding="utf-8")
    with pytest.raises(ModelFileError, match=r"neither noise nor velocity \(sample\)"):
        load_model(folder, parts=())
