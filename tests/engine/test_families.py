"""Loading SDXL models: every layout gives the same model, and bad files are told apart."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from lorabake.core.errors import ModelFileError
from lorabake.engine.families import sdxl, shapes
from lorabake.engine.families.loading import _build
from lorabake.engine.families.model import Model
from tests import tiny


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same tiny model twice: "folder" and "file"."""
    here = tmp_path_factory.mktemp("models")
    return {"folder": tiny.tiny_sdxl_folder(here), "file": tiny.tiny_sdxl_single_file(here)}


@pytest.fixture(scope="module")
def model(places: dict[str, Path]) -> Model:
    return sdxl.load_model(places["folder"])


@pytest.fixture(scope="module")
def full_size() -> dict[str, Any]:
    """SDXL's four networks in their real size, without memory behind them."""
    return {part: _build(part, shapes.shipped_config(part)) for part in sdxl.PARTS}


def forward(model: Model) -> dict[str, torch.Tensor]:
    """One pass through everything, with fixed inputs."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.rand(2, 3, 32, 32, generator=generator) * 2 - 1
    sizes = [(32, 32)] * 2
    with torch.no_grad():
        conditioning = model.encode_prompts(["1girl, solo", "red hat, " * 40], 225)
        mean, std = model.encode_images(pixels)
        latents = model.scale_latents(mean)
        ids = model.time_ids(sizes, [(0, 0)] * 2, sizes)
        noise = model.predict(latents, torch.tensor([10, 900]), conditioning, ids)
        pictures = model.decode_latents(latents)
    return {
        "context": conditioning.context,
        "pooled": conditioning.pooled,
        "mean": mean,
        "std": std,
        "noise": noise,
        "pictures": pictures,
    }


# --- the layouts ---------------------------------------------------------------------------------


def test_single_file_and_folder_are_twins(places: dict[str, Path], model: Model) -> None:
    twin = sdxl.load_model(places["file"])
    for part in sdxl.PARTS:
        assert_equal(twin.parts[part].state_dict(), model.parts[part].state_dict())
    ours, theirs = forward(model), forward(twin)
    assert_equal(ours, theirs)
    assert ours["noise"].shape == (2, 4, 8, 8)
    assert ours["pictures"].shape == (2, 3, 32, 32)
    assert model.pixel_multiple == sdxl.model_pixel_multiple(places["file"]) == 16


def test_diffusers_reads_the_same_from_the_file(places: dict[str, Path], model: Model) -> None:
    """Its converter is written by others, so that both being wrong alike is unlikely."""
    from diffusers.loaders.single_file_utils import (
        convert_ldm_clip_checkpoint,
        convert_ldm_unet_checkpoint,
        convert_ldm_vae_checkpoint,
        convert_open_clip_checkpoint,
    )

    tensors = load_file(places["file"])
    converted = {
        "unet": convert_ldm_unet_checkpoint(dict(tensors), dict(model.unet.config)),
        "vae": convert_ldm_vae_checkpoint(dict(tensors), dict(model.vae.config)),
        "text_encoder": convert_ldm_clip_checkpoint(dict(tensors)),
        "text_encoder_2": convert_open_clip_checkpoint(
            model.text_encoder_2, dict(tensors), prefix="conditioner.embedders.1.model."
        ),
    }
    for part, theirs in converted.items():
        ours = model.parts[part].state_dict()
        plain = {key.removeprefix("text_model."): value for key, value in theirs.items()}
        for key, value in ours.items():
            other = plain[key.removeprefix("text_model.")]
            assert torch.equal(value, other.reshape(value.shape)), f"{part}: {key}"


def test_the_real_size_has_diffusers_names(full_size: dict[str, Any]) -> None:
    from diffusers.loaders.single_file_utils import (
        convert_ldm_unet_checkpoint,
        convert_ldm_vae_checkpoint,
    )

    tensors = tiny.sgm_tensors(full_size)
    for part, convert in (
        ("unet", convert_ldm_unet_checkpoint),
        ("vae", convert_ldm_vae_checkpoint),
    ):
        ours = full_size[part].state_dict()
        theirs = convert(dict(tensors), dict(full_size[part].config))
        assert {key: value.numel() for key, value in theirs.items()} == {
            key: value.numel() for key, value in ours.items()
        }


def test_names_that_are_known_from_checkpoints(full_size: dict[str, Any]) -> None:
    """Facts about `sd_xl_base_1.0.safetensors`, not derived from our tables."""
    shapes_by_name = {name: tuple(t.shape) for name, t in tiny.sgm_tensors(full_size).items()}
    known = {
        "model.diffusion_model.input_blocks.0.0.weight": (320, 4, 3, 3),
        "model.diffusion_model.input_blocks.3.0.op.weight": (320, 320, 3, 3),
        "model.diffusion_model.input_blocks.4.0.skip_connection.weight": (640, 320, 1, 1),
        "model.diffusion_model.input_blocks.7.1.transformer_blocks.9.attn2.to_k.weight": (1280, 2048),
        "model.diffusion_model.middle_block.1.proj_in.weight": (1280, 1280),
        "model.diffusion_model.output_blocks.2.2.conv.weight": (1280, 1280, 3, 3),
        "model.diffusion_model.output_blocks.8.0.in_layers.2.weight": (320, 640, 3, 3),
        "model.diffusion_model.label_emb.0.0.weight": (1280, 2816),
        "model.diffusion_model.out.2.weight": (4, 320, 3, 3),
        "conditioner.embedders.0.transformer.text_model.encoder.layers.11.mlp.fc1.weight": (3072, 768),
        "conditioner.embedders.1.model.transformer.resblocks.31.attn.in_proj_weight": (3840, 1280),
        "conditioner.embedders.1.model.positional_embedding": (77, 1280),
        "conditioner.embedders.1.model.text_projection": (1280, 1280),
        "first_stage_model.encoder.down.2.downsample.conv.weight": (512, 512, 3, 3),
        "first_stage_model.decoder.up.0.block.0.nin_shortcut.weight": (128, 256, 1, 1),
        "first_stage_model.decoder.mid.attn_1.q.weight": (512, 512, 1, 1),
        "first_stage_model.quant_conv.weight": (8, 8, 1, 1),
    }  # fmt: skip
    assert {name: shapes_by_name.get(name) for name in known} == known
    counts = [sum(name.startswith(p) for name in shapes_by_name) for p in ("model.", "first_stage")]
    assert counts == [1680, 248]


def test_configs_read_off_the_real_size_are_the_shipped_ones(full_size: dict[str, Any]) -> None:
    header = tiny.header_of(tiny.sgm_tensors(full_size))
    for part in (*sdxl.PARTS, "scheduler"):
        assert shapes.part_config(header, part, "x") == shapes.shipped_config(part)


def test_a_full_lora_has_722_and_72_and_192_modules(full_size: dict[str, Any]) -> None:
    """ "On a full-size SDXL layout the file has 722 + 72 + 192 modules"."""
    unet = full_size["unet"]
    names = sdxl.sgm_names(unet.config)
    linears = [
        names[path]
        for path, layer in unet.named_modules()
        if isinstance(layer, torch.nn.Linear) and ".attentions." in path
    ]
    assert len(set(linears)) == 722
    assert "input_blocks_4_1_transformer_blocks_0_attn1_to_q" in linears
    assert "middle_block_1_proj_out" in linears
    for part, count in (("text_encoder", 72), ("text_encoder_2", 192)):
        found = {
            sdxl.text_model_name(path)
            for path, layer in full_size[part].named_modules()
            if isinstance(layer, torch.nn.Linear) and ".layers." in f".{path}"
        }
        assert len(found) == count
        assert "text_model_encoder_layers_0_self_attn_q_proj" in found
    every = {path for path, layer in unet.named_modules() if hasattr(layer, "weight")}
    assert every <= names.keys()
    assert len({names[path] for path in every}) == len(every)
    assert {
        "input_blocks_1_0_in_layers_2", "input_blocks_1_0_emb_layers_1",
        "input_blocks_4_0_skip_connection", "input_blocks_3_0_op", "output_blocks_2_2_conv",
    } <= set(names.values())  # fmt: skip


# --- folders as others write them ----------------------------------------------------------------


def test_folder_with_the_file_names_of_the_hub(places: dict[str, Path], tmp_path: Path) -> None:
    """fp16 variants, shards behind an index, and `text_model.` before a text encoder's names."""
    folder = Path(shutil.copytree(places["folder"], tmp_path / "model"))
    plain = sdxl.load_model(folder)

    unet = folder / "unet" / "diffusion_pytorch_model.safetensors"
    unet.rename(unet.with_name("diffusion_pytorch_model.fp16.safetensors"))

    vae = folder / "vae" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(vae)
    shards: dict[str, dict[str, torch.Tensor]] = {"a.safetensors": {}, "b.safetensors": {}}
    for number, (name, tensor) in enumerate(tensors.items()):
        old = name.replace(".to_q.", ".query.").replace(".to_out.0.", ".proj_attn.")
        shards[sorted(shards)[number % 2]][old] = tensor
    for name, part in shards.items():
        save_file(part, vae.parent / name)
    index = {"weight_map": {key: name for name, part in shards.items() for key in part}}
    vae.with_name(f"{vae.name}.index.json").write_text(json.dumps(index), encoding="utf-8")
    vae.unlink()

    text = folder / "text_encoder" / "model.safetensors"
    save_file({f"text_model.{name}": t for name, t in load_file(text).items()}, text)

    loaded = sdxl.load_model(folder)
    for part in sdxl.PARTS:
        assert_equal(loaded.parts[part].state_dict(), plain.parts[part].state_dict())


def test_only_asked_for_parts_are_loaded(places: dict[str, Path]) -> None:
    model = sdxl.load_model(places["file"], parts=("unet", "vae"))
    assert not model.has("text_encoder")
    assert model.has("vae")
    model.free("vae")
    assert not model.has("vae")
    assert model.vae_factor == 4


def test_dtypes(places: dict[str, Path]) -> None:
    model = sdxl.load_model(places["file"], dtype=torch.bfloat16)
    assert {p.dtype for p in model.unet.parameters()} == {torch.bfloat16}
    assert {p.dtype for p in model.vae.parameters()} == {torch.float32}
    assert not any(p.requires_grad for part in model.parts.values() for p in part.parameters())
    made = forward(model)
    assert made["noise"].dtype == made["pictures"].dtype == torch.float32
    assert model.time_ids([(1216, 832)], [(0, 0)], [(1216, 832)]).tolist()[0][0] == 1216


def test_writing_to_a_weight_leaves_the_file_alone(places: dict[str, Path], tmp_path: Path) -> None:
    path = Path(shutil.copy(places["file"], tmp_path / "copy.safetensors"))
    before = path.read_bytes()
    model = sdxl.load_model(path, parts=("unet",))
    with torch.no_grad():
        for parameter in model.unet.parameters():
            parameter.add_(1)
    assert path.read_bytes() == before


def test_tensors_that_lie_at_odd_places(places: dict[str, Path], tmp_path: Path) -> None:
    data = places["file"].read_bytes()
    end = 8 + int.from_bytes(data[:8], "little")
    path = tmp_path / "odd.safetensors"
    path.write_bytes((end - 7).to_bytes(8, "little") + data[8:end] + b" " + data[end:])
    weights = sdxl.load_model(path, parts=("unet",)).unet.state_dict()
    assert_equal(weights, tiny.tiny_modules()["unet"].state_dict())
    assert all(tensor.data_ptr() % 4 == 0 for tensor in weights.values())


# --- VAEs from elsewhere -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def vaes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One other VAE in every form in which they are handed around."""
    here = tmp_path_factory.mktemp("vaes")
    vae = tiny.tiny_modules(seed=5)["vae"]
    vae.save_pretrained(here / "folder")
    told = {"lorabake.config": json.dumps(tiny.TINY_SDXL)}
    tensors = tiny.sgm_tensors({"vae": vae})
    bare = {name.removeprefix("first_stage_model."): tensor for name, tensor in tensors.items()}
    save_file(bare, here / "bare.safetensors", metadata=told)
    save_file(tensors, here / "prefixed.safetensors", metadata=told)
    save_file(dict(vae.state_dict()), here / "diffusers.safetensors", metadata=told)
    return {path.stem: path for path in here.iterdir()}


@pytest.mark.parametrize("form", ["folder", "bare", "prefixed", "diffusers"])
def test_another_vae(places: dict[str, Path], vaes: dict[str, Path], form: str) -> None:
    model = sdxl.load_model(places["file"], vae=vaes[form], parts=("vae",))
    assert_equal(model.vae.state_dict(), tiny.tiny_modules(seed=5)["vae"].state_dict())
    assert model.configs["vae"]["scaling_factor"] == 0.5


def test_a_vae_that_is_none(places: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "notes.safetensors"
    save_file({"a": torch.zeros(3)}, path)
    with pytest.raises(ModelFileError, match=r"notes\.safetensors is not a VAE for SDXL"):
        sdxl.load_model(places["file"], vae=path)


# --- conditioning --------------------------------------------------------------------------------


def test_noise_schedule_is_stable_diffusions(model: Model) -> None:
    from diffusers import DDPMScheduler

    theirs = DDPMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
    assert torch.allclose(model.alphas_cumprod, theirs.alphas_cumprod, rtol=2e-6, atol=0)


def test_checkpointing_changes_no_gradient(places: dict[str, Path]) -> None:
    gradients = []
    for saving in (False, True):
        model = sdxl.load_model(places["folder"])
        if saving:
            model.enable_gradient_checkpointing()
            assert not model.encode_prompts(["1girl"], 225).context.requires_grad
        trained = [
            model.unet.down_blocks[1].attentions[0].transformer_blocks[0].attn2.to_k.weight,
            model.text_encoder.encoder.layers[0].mlp.fc1.weight,
            model.text_encoder_2.text_model.encoder.layers[0].mlp.fc1.weight,
        ]
        for parameter in trained:
            parameter.requires_grad_(True)
        latents = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(1))
        ids = model.time_ids([(32, 32)], [(0, 0)], [(32, 32)])
        conditioning = model.encode_prompts(["1girl"], 225)
        model.predict(latents, torch.tensor([500]), conditioning, ids).square().mean().backward()
        gradients.append([parameter.grad.clone() for parameter in trained])
        assert all(gradient.abs().sum() > 0 for gradient in gradients[-1])
    for plain, saved in zip(*gradients, strict=True):
        assert torch.allclose(plain, saved, rtol=1e-4, atol=1e-9)


# --- bad models ----------------------------------------------------------------------------------


def spoiled(path: Path, into: Path, **changes: torch.Tensor | None) -> Path:
    """A copy of a file with some tensors replaced, or left out (None)."""
    tensors = load_file(path)
    for part, tensor in changes.items():
        for name in [name for name in tensors if part in name]:
            if tensor is None:
                del tensors[name]
            else:
                tensors[name] = tensor
    save_file(tensors, into, metadata={"lorabake.config": json.dumps(tiny.TINY_SDXL)})
    return into


def test_a_file_without_some_of_its_tensors(places: dict[str, Path], tmp_path: Path) -> None:
    path = spoiled(places["file"], tmp_path / "half.safetensors", time_embed=None)
    with pytest.raises(ModelFileError, match=r"half\.safetensors lacks a part .*time_embed"):
        sdxl.load_model(path)


def test_a_file_without_its_vae(
    places: dict[str, Path], vaes: dict[str, Path], tmp_path: Path
) -> None:
    path = spoiled(places["file"], tmp_path / "novae.safetensors", first_stage_model=None)
    with pytest.raises(ModelFileError, match="VAE"):
        sdxl.load_model(path)
    assert sdxl.load_model(path, vae=vaes["bare"]).has("vae")


def test_tensors_that_do_not_fit_together(places: dict[str, Path], tmp_path: Path) -> None:
    changes = {"middle_block.0.in_layers.2.weight": torch.zeros(64, 64, 1, 1)}
    path = spoiled(places["file"], tmp_path / "odd.safetensors", **changes)
    with pytest.raises(ModelFileError, match="does not fit together"):
        sdxl.load_model(path)


@pytest.mark.parametrize(
    ("file", "change", "sentence"),
    [
        ("unet/config.json", {"layers_per_block": 10**9}, "impossible size"),
        ("unet/config.json", {"block_out_channels": [32, 31, 64]}, "unet has settings"),
        (
            "unet/config.json",
            {"_class_name": "FluxTransformer2DModel"},
            "not an SD 1.5 or SDXL model",
        ),
        ("unet/config.json", {"cross_attention_dim": 31}, "text encoders used with"),
        ("text_encoder/config.json", {"num_attention_heads": 3}, "text_encoder has settings"),
        ("vae/config.json", {"latent_channels": 16}, "VAE used with"),
        ("vae/config.json", {"scaling_factor": "much"}, "scaling_factor"),
        ("vae/config.json", {"scaling_factor": 0}, "scaling_factor"),
        ("vae/config.json", {"block_out_channels": None}, "does not say its block_out_channels"),
        ("unet/config.json", {"cross_attention_dim": "x"}, "does not say its cross_attention_dim"),
        ("unet/config.json", {"addition_time_embed_dim": None}, "text encoders used with"),
        ("scheduler/scheduler_config.json", {"beta_end": "x"}, "noise schedule"),
        ("scheduler/scheduler_config.json", {"beta_schedule": "linear"}, "noise schedule"),
    ],
)
def test_folders_with_strange_settings(
    places: dict[str, Path], tmp_path: Path, file: str, change: dict[str, Any], sentence: str
) -> None:
    folder = Path(shutil.copytree(places["folder"], tmp_path / "model"))
    config = json.loads((folder / file).read_text(encoding="utf-8"))
    (folder / file).write_text(json.dumps(config | change), encoding="utf-8")
    with pytest.raises(ModelFileError, match=sentence):
        sdxl.load_model(folder)


def test_a_folder_with_pickles_only(places: dict[str, Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(places["folder"], tmp_path / "model"))
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(ModelFileError, match=r"\.bin only"):
        sdxl.load_model(folder)


# --- cost ----------------------------------------------------------------------------------------


def test_the_descriptor_needs_no_torch() -> None:
    code = (
        "import sys, lorabake.engine.families.sdxl, lorabake.engine.identify\n"
        "sys.exit(any(name in sys.modules for name in ('torch', 'diffusers', 'transformers')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A checkpoint of about 300 MB in fp16, all zeros."""
    config = tiny.TINY_SDXL["unet"] | {
        "block_out_channels": [128, 512, 512],
        "attention_head_dim": [2, 8, 8],
        "transformer_layers_per_block": [1, 2, 3],
    }
    modules = tiny.tiny_modules() | {"unet": _build("unet", config)}
    path = tmp_path_factory.mktemp("large") / "large.safetensors"
    told = {"lorabake.config": json.dumps(tiny.TINY_SDXL | {"unet": config})}
    tiny.write_zeros(path, tiny.sgm_tensors(modules), told)
    yield path
    path.unlink()


def memory(line: str) -> int:
    """Bytes of this process: "VmRSS" now, "VmHWM" at most since the last reset."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return next(int(row.split()[1]) for row in status.splitlines() if row.startswith(line)) * 1024


@pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="needs Linux's /proc")
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.bfloat16])
def test_weights_are_never_held_twice(large: Path, dtype: torch.dtype) -> None:
    """Loading needs the memory of the weights in the wanted dtype, and little more."""
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    before = memory("VmRSS")
    model = sdxl.load_model(large, dtype=dtype)
    peak = memory("VmHWM") - before
    weights = [parameter for part in model.parts.values() for parameter in part.parameters()]
    size = sum(parameter.nbytes for parameter in weights)
    assert size > 250e6
    assert peak <= 1.3 * size
    if dtype == torch.float16:
        assert peak <= 0.2 * size  # the file itself is the weights; few were even read


def assert_equal(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> None:
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        assert torch.equal(tensor, theirs[name]), name
