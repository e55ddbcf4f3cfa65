"""Who the base model is: the name and hashes that LoRA files and pictures carry."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lorabake.core.errors import WorkspaceError
from lorabake.core.files import atomic_write_json, read_json, sha256_of

CACHE_NAME = "base-hashes.json"
_LEGACY_START, _LEGACY_LENGTH = 0x100000, 0x10000


@dataclass(frozen=True)
class BaseIdentity:
    """name: of the file or folder, never its path. legacy: 8 digits. sha256: 64 digits."""

    name: str
    legacy: str
    sha256: str


def identify_base(base: Path, cache_dir: Path | None = None) -> BaseIdentity:
    """Name and hashes of a checkpoint; of a diffusers folder, those of its U-Net's file.

    The full hash of a large checkpoint takes a while, so it is remembered in `cache_dir` for the
    same place, size and time.
    """
    file = weights_file(base)
    sha256 = known_hash(file, cache_dir) or sha256_of(file)
    remember_hash(file, sha256, cache_dir)
    return BaseIdentity(base.name, _legacy(file), sha256)


def known_hash(file: Path, cache_dir: Path | None) -> str | None:
    """The full hash of a file, if it was worked out before and the file has not changed since."""
    return hash_memory(cache_dir)(file)


def hash_memory(cache_dir: Path | None) -> Callable[[Path], str | None]:
    """`known_hash` for many files, with one look at what is remembered."""
    known = _read(cache_dir)

    def recall(file: Path) -> str | None:
        try:
            return known.get(_key(file)) if known else None
        except OSError:
            return None

    return recall


def remember_hash(file: Path, sha256: str, cache_dir: Path | None) -> None:
    """Keep a hash that is known for certain; only a memory, so a full disk is no error."""
    known = _read(cache_dir)
    if cache_dir is not None and known.get(_key(file)) != sha256:
        with suppress(OSError, WorkspaceError):
            cache_dir.mkdir(parents=True, exist_ok=True)
            atomic_write_json(cache_dir / CACHE_NAME, known | {_key(file): sha256})


def weights_file(base: Path) -> Path:
    """The file that stands for a model: itself, or the U-Net in a diffusers folder."""
    if not base.is_dir():
        return base
    found = sorted(
        (base / "unet").glob("*.safetensors"), key=lambda path: (len(path.name), path.name)
    )
    return found[0] if found else base / "unet" / "diffusion_pytorch_model.safetensors"


def _key(file: Path) -> str:
    stamp = file.stat()
    return f"{file.resolve()}|{stamp.st_size}|{stamp.st_mtime_ns}"


def _legacy(file: Path) -> str:
    with file.open("rb") as data:
        data.seek(_LEGACY_START)
        return hashlib.sha256(data.read(_LEGACY_LENGTH)).hexdigest()[:8]


def _read(cache_dir: Path | None) -> dict[str, str]:
    if cache_dir is not None:
        with suppress(OSError, WorkspaceError, json.JSONDecodeError):
            value = read_json(cache_dir / CACHE_NAME)
            if isinstance(value, dict):
                return {str(k): str(v) for k, v in value.items()}
    return {}
