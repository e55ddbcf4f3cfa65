"""LoRA files: the bytes, the hashes, the notes, and what happens when something is wrong."""

from __future__ import annotations

import hashlib
import json
import struct
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open

from lorabake.core.caption import Caption
from lorabake.core.dataset import Concept, Dataset, DatasetImage
from lorabake.core.errors import ModelFileError, TrainingError
from lorabake.engine.base_hash import identify_base
from lorabake.engine.lora_file import inspect_lora, model_hash, read_lora, save_lora
from lorabake.engine.lora_metadata import Progress, lora_metadata, tag_frequency
from lorabake.recipe.plan import make_plan
from lorabake.recipe.recipe import Recipe, recipe_from_mapping, recipe_to_mapping

torch.set_num_threads(1)

# Written down from files of the kohya trainers; readers look for these.
ALWAYS = [
    "ss_session_id",
    "ss_training_started_at",
    "ss_training_finished_at",
    "ss_output_name",
    "ss_learning_rate",
    "ss_text_encoder_lr",
    "ss_unet_lr",
    "ss_num_train_images",
    "ss_num_validation_images",
    "ss_num_reg_images",
    "ss_num_batches_per_epoch",
    "ss_num_epochs",
    "ss_epoch",
    "ss_steps",
    "ss_max_train_steps",
    "ss_lr_warmup_steps",
    "ss_lr_scheduler",
    "ss_gradient_checkpointing",
    "ss_gradient_accumulation_steps",
    "ss_network_module",
    "ss_network_dim",
    "ss_network_alpha",
    "ss_network_dropout",
    "ss_network_args",
    "ss_mixed_precision",
    "ss_full_fp16",
    "ss_v2",
    "ss_base_model_version",
    "ss_clip_skip",
    "ss_max_token_length",
    "ss_cache_latents",
    "ss_seed",
    "ss_lowram",
    "ss_noise_offset",
    "ss_noise_offset_random_strength",
    "ss_multires_noise_iterations",
    "ss_multires_noise_discount",
    "ss_adaptive_noise_scale",
    "ss_ip_noise_gamma",
    "ss_ip_noise_gamma_random_strength",
    "ss_zero_terminal_snr",
    "ss_min_snr_gamma",
    "ss_scale_weight_norms",
    "ss_debiased_estimation",
    "ss_loss_type",
    "ss_huber_schedule",
    "ss_huber_scale",
    "ss_huber_c",
    "ss_prior_loss_weight",
    "ss_optimizer",
    "ss_max_grad_norm",
    "ss_caption_dropout_rate",
    "ss_caption_dropout_every_n_epochs",
    "ss_caption_tag_dropout_rate",
    "ss_face_crop_aug_range",
    "ss_training_comment",
    "ss_sd_scripts_commit_hash",
    "ss_fp8_base",
    "ss_fp8_base_unet",
    "ss_validation_seed",
    "ss_validation_split",
    "ss_max_validation_steps",
    "ss_validate_every_n_epochs",
    "ss_validate_every_n_steps",
    "ss_resize_interpolation",
    "ss_sd_model_name",
    "ss_sd_model_hash",
    "ss_new_sd_model_hash",
    "ss_vae_name",
    "ss_vae_hash",
    "ss_new_vae_hash",
    "ss_datasets",
    "ss_batch_size_per_device",
    "ss_total_batch_size",
    "ss_resolution",
    "ss_color_aug",
    "ss_flip_aug",
    "ss_random_crop",
    "ss_shuffle_caption",
    "ss_enable_bucket",
    "ss_bucket_no_upscale",
    "ss_min_bucket_reso",
    "ss_max_bucket_reso",
    "ss_keep_tokens",
    "ss_reg_dataset_dirs",
    "ss_bucket_info",
    "ss_tag_frequency",
    "ss_dataset_dirs",
]


def lora(layers: int = 3, dtype: torch.dtype = torch.float16, up: float = 0.1) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(1)
    tensors: dict[str, Any] = {}
    for number in range(layers):
        name = f"lora_unet_input_blocks_4_1_transformer_blocks_{number}_attn1_to_q"
        tensors[f"{name}.alpha"] = torch.tensor(2.0, dtype=dtype)
        down = torch.randn(4, 32, generator=generator)
        tensors[f"{name}.lora_down.weight"] = down.to(dtype)
        tensors[f"{name}.lora_up.weight"] = (torch.randn(48, 4, generator=generator) * up).to(dtype)
    return tensors


def dataset(root: Path) -> Dataset:
    def image(number: int, *tags: str) -> DatasetImage:
        path = root / "secret-home" / f"{number}.png"
        return DatasetImage(path, 512, 768, "0" * 64, Caption(tags), True)

    kafka = Concept(
        "kafka",
        root / "secret-home" / "5_kafka",
        5,
        "kafka",
        (image(1, "kafka", "1girl", "solo"), image(2, "kafka", "1girl"), image(3, "kafka", "猫")),
    )
    return Dataset(root, (kafka,))


def notes(tmp_path: Path, **changes: Any) -> dict[str, str]:
    base = tmp_path / "secret-home" / "pony.safetensors"
    base.parent.mkdir(exist_ok=True)
    base.write_bytes(bytes(range(256)) * 5000)
    mapping = recipe_to_mapping(Recipe())
    mapping["model"]["base"] = str(base)
    for key, value in changes.items():
        group, name = key.split("__")
        mapping[group][name] = value
    recipe = recipe_from_mapping(mapping)
    data = dataset(tmp_path)
    return lora_metadata(
        recipe_to_mapping(recipe),
        name="hsr_kafka",
        plan=make_plan(data, recipe).to_mapping(),
        dataset=data,
        base=identify_base(base),
        progress=Progress(
            epoch=7, step=56, started=1.7e9, finished=1.7e9 + 60, session=42, loss=0.123
        ),
    )


def test_a_file_is_what_the_safetensors_library_reads(tmp_path: Path) -> None:
    tensors, path = lora(), tmp_path / "a-01.safetensors"
    saved = save_lora(path, tensors, {"ss_output_name": "a", "modelspec.title": "猫"})
    with safe_open(path, framework="pt") as file:
        assert sorted(file.keys()) == sorted(tensors)
        for name, tensor in tensors.items():
            assert torch.equal(file.get_tensor(name), tensor)
        assert file.metadata()["modelspec.title"] == "猫"
    again = read_lora(path)
    assert all(torch.equal(again[name], tensor) for name, tensor in tensors.items())
    assert saved.layers == 3
    assert saved.warning == ""
    assert list(tmp_path.iterdir()) == [path]


def test_hashes_are_those_that_others_compute(tmp_path: Path) -> None:
    """Straight from the bytes of the file, without lorabake's own reader."""
    path = tmp_path / "a-01.safetensors"
    tensors = lora(1, torch.float32)
    big = "lora_unet_input_blocks_4_1_proj_in"
    tensors[f"{big}.lora_down.weight"] = torch.arange(4.0 * 100_000).view(4, -1)
    tensors[f"{big}.lora_up.weight"] = torch.ones(8, 4)
    ss, spec = {"ss_output_name": "a", "ss_seed": "1"}, {"modelspec.title": "a" * 500}
    saved = save_lora(path, tensors, {**ss, **spec})
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    body, header = data[8 + length :], json.loads(data[8 : 8 + length])
    assert (8 + length) % 8 == 0
    written = header["__metadata__"]
    assert written["sshs_model_hash"] == hashlib.sha256(body).hexdigest() == saved.model_hash
    assert model_hash(path) == saved.model_hash
    # the legacy hash is taken from a file that has the ss_ notes only
    plain = {"__metadata__": ss, **{k: v for k, v in header.items() if k != "__metadata__"}}
    text = json.dumps(plain, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    buffer = struct.pack("<Q", len(text)) + text + body
    assert len(buffer) > 0x110000
    legacy = hashlib.sha256(buffer[0x100000:0x110000]).hexdigest()[:8]
    assert written["sshs_legacy_hash"] == legacy


def test_the_hash_depends_on_the_weights_alone(tmp_path: Path) -> None:
    one = save_lora(tmp_path / "a.safetensors", lora(), {"ss_seed": "1"})
    two = save_lora(tmp_path / "b.safetensors", dict(reversed(lora().items())), {"x": "yz"})
    other = save_lora(tmp_path / "c.safetensors", lora(up=0.2), {"ss_seed": "1"})
    assert one.model_hash == two.model_hash != other.model_hash
    short = inspect_lora(tmp_path / "a.safetensors")["hashes"]["legacy_stored"]
    assert short == hashlib.sha256(b"").hexdigest()[:8]  # too short for it, as everyone has it


def test_weights_that_are_no_numbers_are_not_saved(tmp_path: Path) -> None:
    tensors = lora()
    next(iter(t for n, t in tensors.items() if "up" in n))[0, 0] = float("nan")
    with pytest.raises(TrainingError, match="run away"):
        save_lora(tmp_path / "a.safetensors", tensors, {})
    assert list(tmp_path.iterdir()) == []


def test_a_lora_that_learned_nothing_is_said_to(tmp_path: Path) -> None:
    assert "learned nothing" in save_lora(tmp_path / "a.safetensors", lora(up=0), {}).warning


def test_a_disk_that_gives_back_something_else_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lorabake.engine import lora_file

    real = lora_file.model_hash

    def flips_a_bit(path: Path) -> str:
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)
        return real(path)

    monkeypatch.setattr(lora_file, "model_hash", flips_a_bit)
    with pytest.raises(ModelFileError, match="does not read back"):
        save_lora(tmp_path / "a.safetensors", lora(), {})


def test_how_strong_a_lora_is(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    tensors = lora(2, torch.float32)
    square = 0.0
    for name, tensor in tensors.items():
        if name.endswith("lora_up.weight"):
            down = tensors[name.replace("lora_up", "lora_down")]
            square += float(np.sum((2 / 4 * tensor.numpy() @ down.numpy()) ** 2))
    assert save_lora(path, tensors, {}).norm == pytest.approx(square**0.5, rel=1e-6)


def test_looking_into_a_file(tmp_path: Path) -> None:
    path = tmp_path / "hsr_kafka-07.safetensors"
    tensors = lora()
    conv = "lora_unet_input_blocks_1_0_in_layers_2"
    tensors[f"{conv}.alpha"] = torch.tensor(1.0).half()
    tensors[f"{conv}.lora_down.weight"] = torch.ones(2, 8, 3, 3).half()
    tensors[f"{conv}.lora_up.weight"] = torch.ones(8, 2, 1, 1).half()
    save_lora(path, tensors, notes(tmp_path))
    found = json.loads(json.dumps(inspect_lora(path)))
    assert found["family"] == "sdxl"
    assert found["network"] == "LoCon"
    assert (found["rank"], found["alpha"], found["conv_rank"]) == (4, 2, 2)
    assert found["layers"] == {"unet": 4, "text_encoder_1": 0, "text_encoder_2": 0}
    assert found["keys"] == 12
    assert found["dtype"] == "F16"
    assert found["finite"] is True
    assert found["norm"] > 0
    assert found["hashes"]["matches"] is True
    assert found["trigger"] == "kafka"
    assert found["metadata"]["ss_output_name"] == "hsr_kafka"


@pytest.mark.parametrize("content", [b"", b"<html>", b"\x10\0\0\0\0\0\0\0{}"])
def test_what_is_no_lora_is_refused_in_a_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(ModelFileError):
        read_lora(path)
    with pytest.raises(ModelFileError):
        inspect_lora(path)


def test_a_whole_model_is_no_lora(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    path = tmp_path / "x.safetensors"
    save_file({"model.diffusion_model.out.2.weight": torch.ones(2)}, path)
    with pytest.raises(ModelFileError, match="no LoRA"):
        read_lora(path)


def test_every_note_is_there_and_is_text(tmp_path: Path) -> None:
    metadata = notes(tmp_path)
    assert [key for key in ALWAYS if key not in metadata] == []
    assert all(type(text) is str for text in metadata.values())
    assert metadata["ss_base_model_version"] == "sdxl_base_v1-0"
    assert metadata["ss_epoch"] == "7"
    assert metadata["ss_network_dim"] == "8"
    assert metadata["ss_network_alpha"] == "4.0"
    assert float(metadata["ss_training_started_at"]) == 1.7e9
    assert metadata["ss_optimizer"] == "pytorch_optimizer.optimizer.came.CAME()"
    assert metadata["modelspec.architecture"] == "stable-diffusion-xl-v1-base/lora"
    assert metadata["modelspec.trigger_phrase"] == "kafka"
    assert metadata["modelspec.prediction_type"] == "epsilon"
    assert metadata["modelspec.date"] == "2023-11-14T22:14:20Z"
    assert "[network]" in metadata["lorabake.recipe"]


def test_tags_folders_and_buckets_as_web_uis_read_them(tmp_path: Path) -> None:
    metadata = notes(tmp_path)
    counts = json.loads(metadata["ss_tag_frequency"])
    assert counts == {"5_kafka": {"kafka": 3, "1girl": 2, "solo": 1, "猫": 1}}
    assert json.loads(metadata["ss_dataset_dirs"]) == {"5_kafka": {"n_repeats": 5, "img_count": 3}}
    buckets = json.loads(metadata["ss_bucket_info"])["buckets"]
    assert sum(bucket["count"] for bucket in buckets.values()) == 15
    (described,) = json.loads(metadata["ss_datasets"])
    assert described["subsets"][0]["num_repeats"] == 5


def test_no_path_of_this_computer_leaves_it(tmp_path: Path) -> None:
    metadata = notes(tmp_path)
    everything = json.dumps(metadata, ensure_ascii=False)
    assert "secret-home" not in everything
    assert str(tmp_path) not in everything
    assert metadata["ss_sd_model_name"] == "pony.safetensors"
    assert 'base = "pony.safetensors"' in metadata["lorabake.recipe"]


def test_conv_settings_are_noted(tmp_path: Path) -> None:
    assert json.loads(notes(tmp_path)["ss_network_args"]) == {}
    with_conv = notes(tmp_path, network__conv_dim=8, network__conv_alpha=4.0)
    assert json.loads(with_conv["ss_network_args"]) == {"conv_dim": "8", "conv_alpha": "4.0"}


def test_endless_tag_lists_are_cut_at_the_rare_end(tmp_path: Path) -> None:
    tags = tuple(f"a rather long and rare tag number {n}" for n in range(40_000))
    image = DatasetImage(tmp_path / "1.png", 64, 64, "", Caption(("common", *tags)), True)
    plain = DatasetImage(tmp_path / "2.png", 64, 64, "", Caption(("common",)), True)
    concept = Concept("x", tmp_path / "1_x", 1, "x", (image, plain))
    counts = tag_frequency(Dataset(tmp_path, (concept,)))
    assert counts["1_x"]["common"] == 2
    assert 1000 < len(counts["1_x"]) < 20_000


def test_the_base_models_hashes(tmp_path: Path) -> None:
    base, cache = tmp_path / "pony.safetensors", tmp_path / "cache"
    base.write_bytes(bytes(range(256)) * 5000)
    data = base.read_bytes()
    identity = identify_base(base, cache)
    assert identity.name == "pony.safetensors"
    assert identity.sha256 == hashlib.sha256(data).hexdigest()
    assert identity.legacy == hashlib.sha256(data[0x100000:0x110000]).hexdigest()[:8]
    assert identify_base(base, cache) == identity
    base.write_bytes(data + b"!")
    assert identify_base(base, cache).sha256 != identity.sha256
    (cache / "base-hashes.json").write_text("{broken", encoding="utf-8")
    assert identify_base(base, cache).sha256 == hashlib.sha256(data + b"!").hexdigest()
    folder = tmp_path / "tiny"
    (folder / "unet").mkdir(parents=True)
    (folder / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"weights")
    assert identify_base(folder).sha256 == hashlib.sha256(b"weights").hexdigest()


def test_saving_a_full_size_file_is_quick(tmp_path: Path) -> None:
    """986 layers, 57 MB: well under a second of a free processor."""
    tensors = {}
    for number in range(986):
        name = f"lora_unet_output_blocks_0_1_transformer_blocks_{number}_attn1_to_q"
        tensors[f"{name}.alpha"] = torch.tensor(4.0).half()
        tensors[f"{name}.lora_down.weight"] = torch.full((8, 1300), 0.1).half()
        tensors[f"{name}.lora_up.weight"] = torch.full((2300, 8), 0.1).half()
    start = time.process_time()  # of this process alone: the machine may be busy
    saved = save_lora(tmp_path / "a.safetensors", tensors, {"ss_seed": "1"})
    assert saved.mib == pytest.approx(54.3, abs=1)
    assert time.process_time() - start < 3
