"""Filling networks with the tensors of safetensors files, without a second copy in memory.

A network is first built without memory for its weights (on torch's "meta" device). A tensor whose
dtype is already right then *is* the mapped file, read from disk when first used; others are
converted one at a time, and the pages they were read from are given back.
"""

from __future__ import annotations

import mmap
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lorabake.core.errors import ModelFileError
from lorabake.engine.checkpoint_file import Header, read_header

TORCH_DTYPES = {
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F32": torch.float32,
    "F64": torch.float64,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "I64": torch.int64,
    "I32": torch.int32,
}

# Where a weight comes from: the file's tensor, and what to do with it to make it the weight.
Source = tuple[str, Callable[[Tensor], Tensor] | None]


class TensorFile:
    """The tensors of one safetensors file, mapped into memory; nothing is read until it is used."""

    def __init__(self, path: Path, header: Header | None = None) -> None:
        assert sys.byteorder == "little", "safetensors files are little-endian"
        self.path = path
        self.header = header or read_header(path)
        with path.open("rb") as file:
            # Private pages: writing to a weight must never write to the user's file.
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)

    def __contains__(self, name: str) -> bool:
        return name in self.header.tensors

    def view(self, name: str) -> Tensor:
        """The tensor as it lies in the file."""
        info = self.header.tensors[name]
        if info.dtype not in TORCH_DTYPES:
            raise ModelFileError(
                f"{self.path.name} keeps {name} as {info.dtype}, which is not a form for weights. "
                "Get the fp16 or bf16 version of this model."
            )
        dtype = TORCH_DTYPES[info.dtype]
        count = (info.end - info.start) // dtype.itemsize
        if count == 0:
            return torch.empty(info.shape, dtype=dtype)
        flat = torch.frombuffer(
            self._map, dtype=dtype, count=count, offset=self.header.data_start + info.start
        )
        return flat.reshape(info.shape)

    def forget(self, name: str) -> None:
        """Give back the memory through which a tensor was read; it can be read again."""
        info = self.header.tensors[name]
        start = self.header.data_start + info.start
        first = start - start % mmap.PAGESIZE
        if hasattr(mmap, "MADV_DONTNEED"):  # not on Windows, which gives back by itself
            with suppress(OSError):
                self._map.madvise(
                    mmap.MADV_DONTNEED, first, self.header.data_start + info.end - first
                )


def empty(build: Callable[[], nn.Module]) -> nn.Module:
    """Build a network that has shapes but no memory behind its weights yet."""
    with torch.device("meta"):
        return build()


def fill(
    module: nn.Module,
    files: Iterable[TensorFile],
    sources: Mapping[str, Source],
    *,
    device: str | torch.device,
    dtype: torch.dtype,
) -> nn.Module:
    """Give an `empty` network its weights and make it ready to use, frozen.

    sources: for each weight of the network, the tensor in one of the files.
    Raises ModelFileError when a tensor is missing or has another shape.
    """
    holders = {name: file for file in files for name in file.header.tensors}
    state: dict[str, Tensor] = {}
    for key, wanted in module.state_dict().items():
        name, change = sources[key]
        if name not in holders:
            raise ModelFileError(
                f"{_names(files)} lacks a part of the model ({name}). Get the complete file."
            )
        state[key] = _read(holders[name], name, change, wanted.shape, device=device, dtype=dtype)
    module.load_state_dict(state, strict=True, assign=True)
    for part in module.modules():
        _make_buffers(part, device)
    return module.requires_grad_(False).eval()


def _read(
    file: TensorFile,
    name: str,
    change: Callable[[Tensor], Tensor] | None,
    shape: torch.Size,
    *,
    device: str | torch.device,
    dtype: torch.dtype,
) -> Tensor:
    raw = file.view(name)
    tensor = change(raw) if change else raw
    if tensor.shape != shape:
        raise ModelFileError(
            f"{file.path.name} does not fit together: {name} has the shape {tuple(raw.shape)} "
            f"where {tuple(shape)} is needed. Get another copy of this model."
        )
    made = tensor.to(device=device, dtype=dtype).contiguous()
    if made.data_ptr() % made.itemsize:
        made = made.clone()  # a header of odd length leaves tensors where some kernels fail
    if made.untyped_storage().data_ptr() != raw.untyped_storage().data_ptr():
        file.forget(name)
    return made


def _make_buffers(module: nn.Module, device: str | torch.device) -> None:
    """Recompute what a network derives from its own sizes and therefore no file holds."""
    for name, buffer in list(module.named_buffers(recurse=False)):
        if not buffer.is_meta:
            continue
        assert name == "position_ids", f"do not know how to make {name}"
        positions: Any = torch.arange(buffer.shape[-1], device=device).expand(buffer.shape)
        module.register_buffer(name, positions, persistent=False)


def _names(files: Iterable[TensorFile]) -> str:
    return " and ".join(dict.fromkeys(file.path.name for file in files)) or "The folder"
