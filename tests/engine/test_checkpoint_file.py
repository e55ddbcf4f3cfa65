"""Model files from strangers: what each is, and what happens with those made to do harm."""

from __future__ import annotations

import json
import struct
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorabake.core.errors import LorabakeError, ModelFileError
from lorabake.engine.checkpoint_file import read_header, size_text
from lorabake.engine.identify import identify, require_base

SCALAR = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}


def raw(path: Path, header: bytes, data: bytes = b"") -> Path:
    path.write_bytes(struct.pack("<Q", len(header)) + header + data)
    return path


def file_of(
    path: Path, shapes: dict[str, tuple[int, ...]], metadata: dict[str, str] | None = None
) -> Path:
    """A valid fp16 file of these names and shapes, without data: as large as it says, but a hole."""
    entries: dict[str, Any] = {"__metadata__": metadata or {}}
    end = 0
    for name, shape in shapes.items():
        size = 2
        for side in shape:
            size *= side
        entries[name] = {"dtype": "F16", "shape": list(shape), "data_offsets": [end, end + size]}
        end += size
    header = json.dumps(entries).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        file.truncate(8 + len(header) + end)
    return path


# --- reading headers -----------------------------------------------------------------------------


def test_a_good_file(tmp_path: Path) -> None:
    path = file_of(tmp_path / "a.safetensors", {"x": (2, 3), "y": ()}, {"note": "hello"})
    header = read_header(path)
    assert header.shape("x") == (2, 3)
    assert header.shape("y") == ()
    assert header.shape("z") is None
    assert header.metadata == {"note": "hello"}
    assert header.data_start + 14 == header.file_bytes == path.stat().st_size


def entry(**changes: Any) -> bytes:
    return json.dumps({"x": SCALAR | changes}).encode()


@pytest.mark.parametrize(
    ("header", "data", "sentence"),
    [
        (entry(), b"123", "cut short"),
        (entry(), b"12345", "1 bytes follow its last tensor"),
        (entry(shape=[2]), b"1234", "impossible size"),
        (entry(shape=[-1]), b"1234", "not described properly"),
        (entry(shape=[True]), b"1234", "not described properly"),
        (entry(shape=[1.0]), b"1234", "not described properly"),
        (entry(shape=[1] * 9), b"1234", "impossible size"),
        (entry(shape=[2**62, 2**62, 0]), b"1234", "impossible size"),
        (entry(data_offsets=[4, 8]), b"12345678", "overlap or leave gaps"),
        (entry(data_offsets=[0, 4, 8]), b"1234", "not described properly"),
        (entry(dtype="F4_WEIRD"), b"1234", "cannot read"),
        (entry(dtype=["F32"]), b"1234", "cannot read"),
        (json.dumps({"x": SCALAR, "y": SCALAR}).encode(), b"1234", "overlap"),
        (b'{"x":' + entry() + b',"x":' + entry() + b"}", b"1234", "twice"),
        (b'{"x":{"dtype":"F32","dtype":"F16","shape":[1],"data_offsets":[0,4]}}', b"1234", "twice"),
        (b'{"x": 1}', b"", "not described properly"),
        (b'{"__metadata__": {"a": 1}}', b"", "notes are not plain text"),
        (b'{"__metadata__": []}', b"", "notes are not plain text"),
        (json.dumps({"__metadata__": {"a": "x" * (2**20 + 1)}}).encode(), b"", "notes are longer"),
        (b'{"x": ' + b"[" * 100_000 + b"}", b"", "cannot be read"),
        (b'{"x": ' + b"9" * 100_000 + b"}", b"", "cannot be read"),
        (b'{"x": "\xff\xfe"}', b"", "cannot be read"),
        (b"{nonsense}", b"", "cannot be read"),
    ],
)  # fmt: skip
def test_damaged_and_hostile_headers(
    tmp_path: Path, header: bytes, data: bytes, sentence: str
) -> None:
    path = raw(tmp_path / "a.safetensors", header, data)
    with pytest.raises(ModelFileError, match=sentence) as caught:
        read_header(path)
    assert str(caught.value).startswith("a.safetensors ")
    assert len(str(caught.value)) < 300


def test_more_tensors_than_any_model(tmp_path: Path) -> None:
    nothing = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    header = json.dumps({str(number): nothing for number in range(20_001)}).encode()
    with pytest.raises(ModelFileError, match="20001 tensors"):
        read_header(raw(tmp_path / "a.safetensors", header))


@pytest.mark.parametrize("length", [2**24 + 1, 2**40, 2**63, 2**64 - 1])
def test_header_of_absurd_length(tmp_path: Path, length: int) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(struct.pack("<Q", length) + b"{" + b" " * 1000)
    before = time.process_time()
    with pytest.raises(ModelFileError, match="claims to be"):
        read_header(path)
    assert time.process_time() - before < 1


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"\x10\x00", "cut short"),
        (b"<!DOCTYPE html><html>Log in</html>", "is a web page of 34 bytes.*login"),
        (b"<html lang=en>", "web page"),
        (b'{"error": "Unauthorized"}', "error message"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "pointer"),
        (b"PK\x03\x04" + b"archive/data.pkl", "zip or pickle"),
        (b"\x80\x02}q\x00(X\x05\x00\x00\x00model", "pickle"),
        (b"GGUF\x03\x00\x00\x00\x00\x00\x00", "GGUF"),
        (b"\x89PNG\r\n\x1a\n0000000000", "picture"),
        (b"some notes about models", "not a safetensors file"),
        (struct.pack("<Q", 500) + b'{"x":', "cut short"),
    ],
)
def test_files_that_are_something_else(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=sentence):
        read_header(path)


@pytest.mark.parametrize("suffix", [".ckpt", ".pt", ".bin", ".PTH"])
def test_pickles_are_never_opened(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"model{suffix}"  # not even there: the name is enough
    with pytest.raises(ModelFileError, match=r"never opens one\. Get the \.safetensors version"):
        read_header(path)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="not there any more"):
        read_header(tmp_path / "gone.safetensors")
    with pytest.raises(ModelFileError, match="folder without a model"):
        identify(tmp_path)


@given(st.binary(max_size=300))
def test_any_bytes_give_a_sentence_or_a_header(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.safetensors"
    caught = []
    for data in (content, struct.pack("<Q", len(content) + 1) + b"{" + content):
        path.write_bytes(data)
        try:
            identify(path)
        except LorabakeError as error:
            caught.append(str(error))
    assert all(sentence.endswith(".") for sentence in caught)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["x", "dtype", "shape", "data_offsets", "__metadata__"]), inner
            )
        ),
        max_leaves=20,
    )
)
def test_any_json_gives_a_sentence_or_a_header(
    tmp_path_factory: pytest.TempPathFactory, value: Any
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.safetensors"
    raw(path, json.dumps({"x": value}).encode(), b"1234")
    sentence = "."
    try:
        identify(path)
    except LorabakeError as error:
        sentence = str(error)
    assert sentence.endswith(".")


@pytest.mark.parametrize(
    ("count", "text"),
    [(512, "512 bytes"), (2048, "2 KiB"), (int(6.5 * 2**20), "6.5 MiB"), (7 * 2**30, "7.00 GiB")],
)
def test_sizes_as_people_write_them(count: int, text: str) -> None:
    assert size_text(count) == text


# --- saying what a file is -----------------------------------------------------------------------

UNET = "model.diffusion_model."
CROSS = f"{UNET}input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight"
IN = f"{UNET}input_blocks.0.0.weight"
CLIP_L = "conditioner.embedders.0.transformer.text_model.encoder.layers.0.layer_norm1.weight"
CLIP_G = "conditioner.embedders.1.model.transformer.resblocks.0.ln_1.weight"
OLD_TEXT = "cond_stage_model.transformer.encoder.layers.0.layer_norm1.weight"
LDM_TEXT = "cond_stage_model.transformer.text_model.encoder.layers.0.layer_norm1.weight"
SDXL = {IN: (320, 4, 3, 3), CROSS: (640, 2048), CLIP_L: (768,), CLIP_G: (1280,)}
VAE = {"encoder.conv_in.weight": (128, 3, 3, 3), "decoder.conv_in.weight": (512, 4, 3, 3)}
KOHYA = "lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k"
KOHYA_15 = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
PEFT = "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k"

FILES: list[tuple[str, dict[str, tuple[int, ...]], dict[str, str], str, str | None, str]] = [
    ("sdxl", SDXL, {}, "checkpoint", "sdxl", "SDXL checkpoint"),
    ("noob", SDXL | {"v_pred": (1,), "ztsnr": (1,)}, {}, "checkpoint", "sdxl", "SDXL v-prediction checkpoint"),
    ("spec", SDXL, {"modelspec.prediction_type": "v"}, "checkpoint", "sdxl", "SDXL v-prediction checkpoint"),
    ("inpaint", SDXL | {IN: (320, 9, 3, 3)}, {}, "inpainting", "sdxl", "SDXL inpainting checkpoint"),
    ("refiner", {IN: (384, 4, 3, 3), CROSS: (768, 1280), "conditioner.embedders.0.model.ln_final.weight": (1280,)}, {}, "refiner", "sdxl", "SDXL refiner"),
    ("sd15", {IN: (320, 4, 3, 3), CROSS: (640, 768), LDM_TEXT: (768,)}, {}, "checkpoint", "sd15", "SD 1.5 checkpoint"),
    ("nai", {IN: (320, 4, 3, 3), CROSS: (640, 768), OLD_TEXT: (768,), "model_ema.decay": ()}, {}, "checkpoint", "sd15", "SD 1.5 checkpoint"),
    ("sd15-v", {IN: (320, 4, 3, 3), CROSS: (640, 768), LDM_TEXT: (768,), "v_pred": (1,)}, {}, "checkpoint", "sd15", "SD 1.5 v-prediction checkpoint"),
    ("sd15-inpaint", {IN: (320, 9, 3, 3), CROSS: (640, 768), LDM_TEXT: (768,)}, {}, "inpainting", "sd15", "SD 1.5 inpainting checkpoint"),
    ("pix2pix", {IN: (320, 8, 3, 3), CROSS: (640, 768), LDM_TEXT: (768,)}, {}, "inpainting", "sd15", "SD 1.5 checkpoint for editing pictures (InstructPix2Pix)"),
    ("depth", {IN: (320, 5, 3, 3), CROSS: (640, 1024), "cond_stage_model.model.ln_final.weight": (1024,)}, {}, "inpainting", "sd2", "SD 2 checkpoint for pictures with depth"),
    ("unet-15", {IN: (320, 4, 3, 3), CROSS: (640, 768)}, {}, "unet", "sd15", "SD 1.5 U-Net without its text encoders"),
    ("control-15", {IN: (320, 4, 3, 3), CROSS: (640, 768), LDM_TEXT: (768,), "control_model.a": (1,)}, {}, "controlnet", None, "ControlNet"),
    ("sd2", {IN: (320, 4, 3, 3), CROSS: (640, 1024), "cond_stage_model.model.ln_final.weight": (1024,)}, {}, "checkpoint", "sd2", "SD 2 checkpoint"),
    ("unet", {IN: (320, 4, 3, 3), CROSS: (640, 2048)}, {}, "unet", "sdxl", "SDXL U-Net without its text encoders"),
    ("sd3", {f"{UNET}joint_blocks.0.x_block.attn.qkv.weight": (2, 2)}, {}, "checkpoint", "sd3", "SD 3 checkpoint"),
    ("flux", {"double_blocks.0.img_attn.qkv.weight": (2, 2)}, {}, "checkpoint", "flux", "Flux checkpoint"),
    ("anima", {"net.llm_adapter.blocks.0.cross_attn.q_proj.weight": (2, 2)}, {}, "checkpoint", None, "Anima checkpoint"),
    ("z-image", {f"{UNET}noise_refiner.0.attention.k_norm.weight": (2,)}, {}, "checkpoint", None, "Lumina or Z-Image checkpoint"),
    ("qwen", {"txt_norm.weight": (2,), "img_in.weight": (2, 2)}, {}, "checkpoint", None, "Qwen-Image checkpoint"),
    ("motion", {"down_blocks.0.motion_modules.0.temporal_transformer.norm.weight": (320,)}, {}, "adapter", None, "motion module (AnimateDiff)"),
    ("vae", VAE, {}, "vae", None, "VAE"),
    ("prefixed", {f"first_stage_model.{name}": shape for name, shape in VAE.items()}, {}, "vae", None, "VAE"),
    ("flux-vae", VAE | {"decoder.conv_in.weight": (512, 16, 3, 3)}, {}, "vae", None, "VAE for another kind of model (16 channels)"),
    ("kohya", {f"{KOHYA}.lora_down.weight": (8, 2048), f"{KOHYA}.alpha": ()}, {}, "lora", "sdxl", "LoRA (rank 8, for SDXL)"),
    ("kohya-15", {f"{KOHYA_15}.lora_down.weight": (16, 768)}, {}, "lora", "sd15", "LoRA (rank 16, for SD 1.5)"),
    ("te-only", {"lora_te2_text_model_encoder_layers_0_mlp_fc1.lora_down.weight": (4, 1280)}, {}, "lora", "sdxl", "LoRA (rank 4, for SDXL)"),
    ("told", {"lora_unet_a.lora_down.weight": (4, 9)}, {"ss_base_model_version": "sd_v1"}, "lora", "sd15", "LoRA (rank 4, for SD 1.5)"),
    ("peft", {f"{PEFT}.lora_A.weight": (32, 2048), f"{PEFT}.lora_B.weight": (640, 32)}, {}, "lora", "sdxl", "LoRA (rank 32, for SDXL)"),
    ("dora", {f"{KOHYA}.lora_down.weight": (8, 2048), f"{KOHYA}.dora_scale": (1, 2048)}, {}, "lora", "sdxl", "DoRA (rank 8, for SDXL)"),
    ("loha", {f"{KOHYA}.hada_w1_a": (640, 8), f"{KOHYA}.hada_w1_b": (8, 2048)}, {}, "lora", "sdxl", "LoHa (rank 8, for SDXL)"),
    ("lokr", {f"{KOHYA}.lokr_w1": (8, 8), f"{KOHYA}.lokr_w2": (80, 256)}, {}, "lora", "sdxl", "LoKr (for SDXL)"),
    ("full", {f"{KOHYA}.diff": (640, 2048)}, {}, "lora", "sdxl", "full-difference network (for SDXL)"),
    ("flux-lora", {"lora_unet_double_blocks_0_img_attn_qkv.lora_down.weight": (16, 3072)}, {}, "lora", "flux", "LoRA (rank 16, for Flux)"),
    ("control", {"controlnet_cond_embedding.conv_in.weight": (16, 3, 3, 3)}, {}, "controlnet", None, "ControlNet"),
    ("clip", {"text_model.encoder.layers.0.layer_norm1.weight": (768,)}, {}, "text encoder", None, "CLIP text encoder"),
    ("t5", {"encoder.block.0.layer.0.SelfAttention.q.weight": (8, 8)}, {}, "text encoder", None, "T5 text encoder"),
    ("esrgan", {"model.0.weight": (64, 3, 3, 3), "model.1.sub.0.RDB1.conv1.0.weight": (32, 64, 3, 3)}, {}, "upscaler", None, "model for upscaling pictures"),
    ("embedding", {"clip_l": (4, 768), "clip_g": (4, 1280)}, {}, "textual inversion", None, "textual inversion (an embedding)"),
    ("other", {"a.b.c": (3, 3, 3), "d": (2,)}, {}, "unknown", None, "file of a kind that lorabake does not know"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "shapes", "metadata", "kind", "family", "label"), FILES, ids=[row[0] for row in FILES]
)
def test_what_a_file_is(
    tmp_path: Path,
    name: str,
    shapes: dict[str, tuple[int, ...]],
    metadata: dict[str, str],
    kind: str,
    family: str | None,
    label: str,
) -> None:
    path = file_of(tmp_path / f"{name}.safetensors", shapes, metadata)
    info = identify(path)
    assert (info.kind, info.family, info.label) == (kind, family, label)
    assert info.dtype == "fp16"
    if kind == "checkpoint" and family in ("sdxl", "sd15"):
        found = require_base(path)
        assert found.prediction == ("v" if "v-prediction" in label else "epsilon")
        assert found.zero_terminal_snr == ("ztsnr" in shapes)
    else:
        with pytest.raises(ModelFileError, match=rf"^{name}\.safetensors is an? ") as caught:
            require_base(path)
        assert label in str(caught.value)


def test_the_sentence_for_a_lora(tmp_path: Path) -> None:
    path = file_of(tmp_path / "pony_lora.safetensors", {f"{KOHYA}.lora_down.weight": (8, 2048)})
    with pytest.raises(ModelFileError) as caught:
        require_base(path)
    assert str(caught.value) == (
        "pony_lora.safetensors is a LoRA (rank 8, for SDXL), not a base model; "
        "choose the checkpoint it was made for."
    )


def test_the_sentence_for_sd2(tmp_path: Path) -> None:
    shapes = {
        IN: (320, 4, 3, 3),
        CROSS: (640, 1024),
        "cond_stage_model.model.ln_final.weight": (9,),
    }
    path = file_of(tmp_path / "old", shapes)
    with pytest.raises(ModelFileError, match=r"old is an SD 2 checkpoint, which cannot be trained"):
        require_base(path)
    assert require_base(path, "sd15").family == "sd15"  # loading it will say what does not fit


def test_a_lora_stays_one_whatever_the_user_says(tmp_path: Path) -> None:
    path = file_of(tmp_path / "pony_lora", {f"{KOHYA}.lora_down.weight": (8, 2048)})
    with pytest.raises(ModelFileError, match="is a LoRA"):
        require_base(path, "sdxl")


@pytest.mark.parametrize(
    ("name", "told", "kind", "label"),
    [
        ("model_index.json", "StableDiffusion3Pipeline", "checkpoint", "SD 3 checkpoint"),
        ("model_index.json", "FluxPipeline", "checkpoint", "Flux checkpoint"),
        ("config.json", "AutoencoderKL", "vae", "VAE"),
        ("config.json", "ControlNetModel", "controlnet", "ControlNet"),
        ("config.json", "Wonder", "unknown", "Wonder that lorabake cannot use"),
    ],
)
def test_folders_that_are_no_base(
    tmp_path: Path, name: str, told: str, kind: str, label: str
) -> None:
    (tmp_path / name).write_text(json.dumps({"_class_name": told}), encoding="utf-8")
    assert (identify(tmp_path).kind, identify(tmp_path).label) == (kind, label)
    with pytest.raises(ModelFileError, match=label):
        require_base(tmp_path)
