"""Model files for tests of the shelf: real headers of real kinds, and hardly any data."""

from __future__ import annotations

import json
from pathlib import Path

Shapes = dict[str, tuple[int, ...]]

VAE: Shapes = {
    "decoder.conv_in.weight": (8, 4, 3, 3),
    "encoder.conv_in.weight": (8, 3, 3, 3),
    "decoder.conv_out.weight": (3, 8, 3, 3),
}
UPSCALER: Shapes = {
    "model.0.weight": (8, 3, 3, 3),
    "model.1.sub.0.RDB1.conv1.0.weight": (8, 8, 3, 3),
}
LORA: Shapes = {
    "lora_unet_down_blocks_1_attentions_0_proj_in.lora_down.weight": (4, 64),
    "lora_unet_down_blocks_1_attentions_0_proj_in.lora_up.weight": (64, 4),
    "lora_unet_down_blocks_1_attentions_0_proj_in.alpha": (),
}
FLUX: Shapes = {"double_blocks.0.img_attn.qkv.weight": (24, 8)}
TAGS = b"tag_id,name,category,count\n9999999,general,9,807858\n"
ONNX = b"\x08\x07" + b"not much of a network" * 10


def safetensors(tensors: Shapes, fill: int = 0, **metadata: str) -> bytes:
    """The bytes of a file with these fp16 tensors."""
    entries: dict[str, object] = {"__metadata__": metadata} if metadata else {}
    end = 0
    for name, shape in tensors.items():
        size = 2
        for side in shape:
            size *= side
        entries[name] = {"dtype": "F16", "shape": list(shape), "data_offsets": [end, end + size]}
        end += size
    header = json.dumps(entries).encode()
    return len(header).to_bytes(8, "little") + header + bytes([fill]) * end


def write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def write_tagger(folder: Path) -> Path:
    write(folder / "model.onnx", ONNX)
    write(folder / "selected_tags.csv", TAGS)
    return folder
