"""Reading what a `.safetensors` file says about itself, without torch and without trusting it.

Model files come from strangers. The header is read and checked here, by hand and within limits,
before any library sees the file; what is not as it should be becomes one sentence.
"""

from __future__ import annotations

import json
import math
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from lorabake.core.errors import ModelFileError

MAX_HEADER_BYTES = 16 * 2**20
MAX_METADATA_BYTES = 2**20
MAX_TENSORS = 20_000
MAX_DIMENSIONS = 8
PICKLES = (".ckpt", ".pt", ".pth", ".bin", ".pkl")

# Bytes of one element, by the name that the format uses.
DTYPE_BYTES = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1,
    "U16": 2, "I16": 2, "F16": 2, "BF16": 2,
    "U32": 4, "I32": 4, "F32": 4,
    "U64": 8, "I64": 8, "F64": 8,
}  # fmt: skip

# How files begin that are often found under the wrong name, and what they are then.
_IMPOSTORS: tuple[tuple[bytes, str], ...] = (
    (b"<", "is a web page of {size}, not a model: the download needs a login or the link has expired. Download it again while logged in"),
    (b"version https://git-lfs", "is only a pointer of {size} to a large file. Download the file itself"),
    (b"PK\x03\x04", "is a zip or pickle file under another name, which is not opened because it can run programs. Get the .safetensors version"),
    (b"\x80\x02", "is a pickle file under another name, which is not opened because it can run programs. Get the .safetensors version"),
    (b"GGUF", "is a GGUF file, which is for running models, not for training. Get the .safetensors version"),
    (b"\x89PNG", "is a picture, not a model. Choose another file"),
    (b"\xff\xd8\xff", "is a picture, not a model. Choose another file"),
    (b"{", "is a text of {size}, not a model: perhaps the error message of the site it came from. Download it again"),
)  # fmt: skip


@dataclass(frozen=True)
class TensorInfo:
    """One tensor of a file; `start` and `end` are bytes counted from the first tensor."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


@dataclass(frozen=True)
class Header:
    """What a safetensors file holds. `data_start`: bytes before the first tensor."""

    tensors: Mapping[str, TensorInfo]
    metadata: Mapping[str, str]
    data_start: int
    file_bytes: int

    def shape(self, name: str) -> tuple[int, ...] | None:
        """The shape of a tensor, or None when the file has no such tensor."""
        info = self.tensors.get(name)
        return info.shape if info else None


def read_header(path: Path) -> Header:
    """The checked header of a safetensors file.

    Raises ModelFileError, in one sentence, for what is missing, a pickle, an impostor, cut short,
    or written to do harm. Reads the header and nothing else.
    """
    refuse_pickle(path)
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            length = _header_length(file.read(32), path.name, size)
            file.seek(8)
            raw = file.read(length)
    except FileNotFoundError:
        raise ModelFileError(f"{path.name} is not there any more. Choose another file.") from None
    except IsADirectoryError:
        raise ModelFileError(f"{path.name} is a folder, not a model file.") from None
    except OSError as error:
        raise ModelFileError(
            f"{path.name} could not be read ({error.strerror}). Check the disk and its permissions."
        ) from None
    entries = _parse(raw, path.name)
    metadata = _metadata(entries.pop("__metadata__", {}), path.name)
    if len(entries) > MAX_TENSORS:
        raise _damaged(path.name, f"it lists {len(entries)} tensors, more than any real model")
    tensors = {name: _tensor(name, value, path.name) for name, value in entries.items()}
    _check_layout(tensors, 8 + len(raw), size, path.name)
    return Header(tensors, metadata, 8 + len(raw), size)


def refuse_pickle(path: Path) -> None:
    """Raise for the kinds of file that can run programs when they are opened."""
    if path.suffix.lower() in PICKLES:
        raise ModelFileError(
            f"{path.name} is a {path.suffix} file, which can hide a program that runs when it is "
            "opened, so lorabake never opens one. Get the .safetensors version of this model."
        )


def size_text(count: int) -> str:
    """A number of bytes as people write it: "512 bytes", "6.5 MiB", "6.46 GiB"."""
    if count < 1024:
        return f"{count} bytes"
    if count < 2**20:
        return f"{count / 1024:.0f} KiB"
    if count < 2**30:
        return f"{count / 2**20:.1f} MiB"
    return f"{count / 2**30:.2f} GiB"


def _header_length(start: bytes, name: str, size: int) -> int:
    """The header's length, checked before anything of that size is read."""
    if not start:
        raise ModelFileError(f"{name} is empty. Download it again.")
    for beginning, what in _IMPOSTORS:
        if start.startswith(beginning) and not start[8:].startswith(b"{"):
            raise ModelFileError(f"{name} {what.format(size=size_text(size))}.")
    if len(start) < 9:
        raise _cut_short(name, size)
    length = int(struct.unpack("<Q", start[:8])[0])
    if start[8:9] != b"{":
        raise ModelFileError(f"{name} is not a safetensors file. Choose another file.")
    if length > MAX_HEADER_BYTES:
        raise _damaged(name, f"its list of tensors claims to be {length:,} bytes long")
    if 8 + length > size:
        raise _cut_short(name, size)
    return length


def _parse(raw: bytes, name: str) -> dict[str, Any]:
    """The header's JSON object; a key given twice is refused, as readers disagree on its meaning."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            raise _damaged(name, "it lists the same tensor twice")
        return made

    try:
        parsed = json.loads(raw.decode("utf-8"), object_pairs_hook=unique)
    except (ValueError, RecursionError):
        raise _damaged(name, "its list of tensors cannot be read") from None
    if not isinstance(parsed, dict):
        raise _damaged(name, "its list of tensors cannot be read")
    return parsed


def _metadata(value: Any, name: str) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise _damaged(name, "its notes are not plain text")
    if sum(len(key) + len(text) for key, text in value.items()) > MAX_METADATA_BYTES:
        raise _damaged(name, f"its notes are longer than {size_text(MAX_METADATA_BYTES)}")
    return value


def _tensor(name: str, value: Any, file_name: str) -> TensorInfo:
    if not isinstance(value, dict):
        raise _damaged(file_name, f"tensor {name[:80]!r} is not described properly")
    dtype, shape, offsets = value.get("dtype"), value.get("shape"), value.get("data_offsets")
    if not isinstance(dtype, str) or dtype not in DTYPE_BYTES:
        raise ModelFileError(
            f"{file_name} keeps its numbers in a form that lorabake cannot read "
            f"({str(dtype)[:20]}). Get the fp16 or bf16 version of this model."
        )
    if not (_counts(shape) and _counts(offsets) and len(offsets) == 2):
        raise _damaged(file_name, f"tensor {name[:80]!r} is not described properly")
    if len(shape) > MAX_DIMENSIONS or (
        math.prod(shape) * DTYPE_BYTES[dtype] != offsets[1] - offsets[0]
    ):
        raise _damaged(file_name, f"tensor {name[:80]!r} has an impossible size")
    return TensorInfo(dtype, tuple(shape), offsets[0], offsets[1])


def _counts(value: Any) -> TypeGuard[list[int]]:
    """Whether this is a list of numbers that can be sizes. (True and False are ints to Python.)"""
    return isinstance(value, list) and all(type(item) is int and item >= 0 for item in value)


def _check_layout(tensors: Mapping[str, TensorInfo], data_start: int, size: int, name: str) -> None:
    """Tensors lie one behind the other, without gaps, to the end of the file."""
    position = 0
    for info in sorted(tensors.values(), key=lambda info: (info.start, info.end)):
        if info.start != position:
            raise _damaged(name, "its tensors overlap or leave gaps")
        position = info.end
    if data_start + position > size:
        raise _cut_short(name, size, data_start + position)
    if data_start + position < size:
        raise _damaged(name, f"{size - data_start - position:,} bytes follow its last tensor")


def _cut_short(name: str, size: int, full: int | None = None) -> ModelFileError:
    of = f"{size_text(size)} of {size_text(full)} are" if full else f"only {size_text(size)} are"
    return ModelFileError(
        f"{name} is cut short ({of} there): the download did not finish. Download it again."
    )


def _damaged(name: str, why: str) -> ModelFileError:
    return ModelFileError(
        f"{name} is damaged or was made to do harm ({why}), so it is not opened. "
        "Download it again from a source that you trust."
    )
