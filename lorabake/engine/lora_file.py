"""LoRA files: written once, opened again and checked; read with care; looked into.

The format is safetensors with the names of the kohya trainers. Two hashes go into the file itself,
by which web UIs and model sites know it again; both are of bytes that do not contain them.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lorabake.core.errors import ModelFileError, TrainingError
from lorabake.core.files import atomic_writer
from lorabake.engine.checkpoint_file import read_header
from lorabake.engine.networks.file_keys import (
    LABELS,
    LORA,
    is_network,
    kind_of,
    layers_of,
    weighty,
)
from lorabake.engine.networks.norms import delta_norms, is_wide, rank_of

if TYPE_CHECKING:
    from torch import Tensor

MAX_BYTES = 4 * 2**30  # far above any LoRA; it is read into memory as a whole
_LEGACY_START, _LEGACY_LENGTH = 0x100000, 0x10000
_DTYPE_NAMES = {"float32": "F32", "float16": "F16", "bfloat16": "BF16"}


@dataclass(frozen=True)
class SavedLora:
    """What was written and found to be right when read again.

    norm: ‖ΔW‖ over all layers, how far the LoRA moves the model at weight 1.
    warning: a sentence when the file is sound and still of no use, else "".
    """

    path: Path
    model_hash: str
    layers: int
    mib: float
    norm: float
    warning: str = ""


def save_lora(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> SavedLora:
    """Writes a LoRA file whole or not at all, then opens it again and checks it.

    The hashes are added to the metadata here. Raises TrainingError when the weights are not
    numbers, ModelFileError when the disk gives back something else than was written.
    """
    _require_finite(tensors, path.name)
    body, entries = _layout(tensors)
    plain = {key: text for key, text in metadata.items() if key.startswith("ss_")}
    hashes = {
        "sshs_model_hash": hashlib.sha256(body).hexdigest(),
        "sshs_legacy_hash": legacy_hash(
            _header(entries, plain) + body[: _LEGACY_START + _LEGACY_LENGTH]
        ),
    }
    header = _header(entries, {**metadata, **hashes})
    size = len(header) + len(body)
    with atomic_writer(path, expected=size) as temporary, temporary.open("wb") as file:
        file.write(header)
        file.write(body)
    return _check(path, tensors, hashes["sshs_model_hash"])


def read_lora(path: Path) -> dict[str, Tensor]:
    """The tensors of a LoRA file, on the CPU, by their names in the file."""
    from safetensors.torch import load

    header = read_header(path)
    if header.file_bytes > MAX_BYTES:
        raise ModelFileError(f"{path.name} is too large for a LoRA. Is it a whole model?")
    if not is_network(header.tensors):
        raise ModelFileError(f"{path.name} holds no LoRA that can be loaded. Choose another file.")
    return dict(load(path.read_bytes()))


def read_metadata(path: Path) -> dict[str, str]:
    """The notes in a file's header. Needs no torch."""
    return dict(read_header(path).metadata)


def model_hash(path: Path) -> str:
    """SHA-256 of everything behind the header (`sshs_model_hash`, "AutoV3")."""
    start = read_header(path).data_start
    with path.open("rb") as file:
        file.seek(start)
        return hashlib.file_digest(file, "sha256").hexdigest()


def legacy_hash(data: bytes) -> str:
    """The first 8 digits of the SHA-256 of 64 KiB that begin 1 MiB into the file.

    Of a file that is shorter there is nothing to hash: e3b0c442, as every other program says.
    """
    part = data[_LEGACY_START : _LEGACY_START + _LEGACY_LENGTH]
    return hashlib.sha256(part).hexdigest()[:8]


def inspect_lora(path: Path) -> dict[str, Any]:
    """What a LoRA file is, as plain values: family, network, ranks, hashes, notes, how strong."""
    header = read_header(path)
    tensors = read_lora(path)
    norms = delta_norms(tensors)
    layers = weighty(layers_of(tensors))
    names = set(norms)
    finite = all(bool(tensor.isfinite().all()) for tensor in tensors.values())
    total = math.sqrt(sum(norm * norm for norm in norms.values())) if finite else None
    stored, real = header.metadata.get("sshs_model_hash"), model_hash(path)
    return {
        "kind": "lora",
        "name": path.name,
        "mib": round(header.file_bytes / 2**20, 3),
        "family": _family(names),
        "base_model": header.metadata.get("ss_sd_model_name"),
        "network": _network_kind(layers),
        "rank": _common(rank_of(layer) for layer in layers.values() if not is_wide(layer)),
        "conv_rank": _common(rank_of(layer) for layer in layers.values() if is_wide(layer)),
        "alpha": _common(
            float(layer["alpha"])
            for layer in layers.values()
            if "alpha" in layer and not is_wide(layer)
        ),
        "dtype": _common(info.dtype for info in header.tensors.values()),
        "keys": len(tensors),
        "layers": {
            "unet": sum(name.startswith("lora_unet_") for name in names),
            "text_encoder_1": sum(name.startswith(("lora_te1_", "lora_te_")) for name in names),
            "text_encoder_2": sum(name.startswith("lora_te2_") for name in names),
        },
        "finite": finite,
        "norm": total,
        "trigger": header.metadata.get("modelspec.trigger_phrase"),
        "hashes": {
            "model": real,
            "model_stored": stored,
            "legacy_stored": header.metadata.get("sshs_legacy_hash"),
            "matches": stored == real if stored else None,
        },
        "metadata": dict(sorted(header.metadata.items())),
    }


def _layout(tensors: Mapping[str, Tensor]) -> tuple[bytes, dict[str, Any]]:
    """The bytes of all tensors, one behind the other by name, and where each lies."""
    entries: dict[str, Any] = {}
    pieces: list[bytes] = []
    position = 0
    for name, tensor in sorted(tensors.items()):
        piece = _bytes(tensor)
        entries[name] = {
            "dtype": _DTYPE_NAMES[str(tensor.dtype).removeprefix("torch.")],
            "shape": list(tensor.shape),
            "data_offsets": [position, position + len(piece)],
        }
        pieces.append(piece)
        position += len(piece)
    return b"".join(pieces), entries


def _bytes(tensor: Tensor) -> bytes:
    import torch

    flat = tensor.detach().cpu().contiguous().view(-1)
    return flat.view(torch.uint8).numpy().tobytes()


def _header(entries: Mapping[str, Any], metadata: Mapping[str, str]) -> bytes:
    """Length and JSON of a safetensors header, filled up with spaces to 8 bytes."""
    value = {"__metadata__": dict(sorted(metadata.items())), **entries}
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def _require_finite(tensors: Mapping[str, Tensor], name: str) -> None:
    if any(not bool(tensor.isfinite().all()) for tensor in tensors.values()):
        raise TrainingError(
            f"{name} was not saved: some weights are no longer numbers, so the training has run away. "
            "Take an earlier epoch, and try again with a lower learning rate."
        )


def _check(path: Path, tensors: Mapping[str, Tensor], expected: str) -> SavedLora:
    """Opens the file as anyone else would and compares it with what was to be written."""
    header = read_header(path)
    found = {name: info.shape for name, info in header.tensors.items()}
    wanted = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if found != wanted or model_hash(path) != expected:
        raise ModelFileError(
            f"{path.name} does not read back as it was written: the disk may be failing. "
            "Save to another disk."
        )
    norms = delta_norms(tensors)
    norm = math.sqrt(sum(value * value for value in norms.values()))
    warning = ""
    if norm == 0:
        warning = (
            f"{path.name} learned nothing: it changes the model by exactly 0. "
            "Raise the learning rate, or train longer."
        )
    return SavedLora(path, expected, len(norms), header.file_bytes / 2**20, norm, warning)


def _common(values: Any) -> Any:
    """The one value that all have; a sorted list when they differ; None when there is none."""
    distinct = sorted(set(values) - {None})
    return distinct[0] if len(distinct) == 1 else distinct or None


def _family(names: set[str]) -> str | None:
    if any(name.startswith(("lora_te1_", "lora_unet_input_blocks_")) for name in names):
        return "sdxl"
    if any(name.startswith(("lora_te_", "lora_unet_down_blocks_")) for name in names):
        return "sd15"
    return None


def _network_kind(layers: Mapping[str, Mapping[str, Tensor]]) -> str:
    """ "LoRA", "LoCon", "DoRA" …; of a file of several kinds all of them."""
    labels = set()
    for name, layer in layers.items():
        kind = kind_of(name, layer)
        labels.add("LoCon" if kind == LORA and is_wide(layer) else LABELS[kind])
    if "LoCon" in labels:
        labels.discard("LoRA")  # its linear layers
    return ", ".join(sorted(labels))
