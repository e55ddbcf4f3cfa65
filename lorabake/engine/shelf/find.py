"""The model shelf: every model that can be used where it lies, each under a name of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from lorabake.core.errors import LorabakeError, ModelFileError, WorkspaceError
from lorabake.core.files import MIB, atomic_write_json, read_json
from lorabake.core.names import name_key
from lorabake.core.vocabulary.places import TAGGER_LIST, remember_tagger_lists
from lorabake.core.workspace import Workspace
from lorabake.engine.base_hash import hash_memory, identify_base, weights_file
from lorabake.engine.checkpoint_file import refuse_pickle
from lorabake.engine.identify import identify
from lorabake.engine.shelf.look import Candidate, look
from lorabake.engine.shelf.places import places

SHOWN = ("checkpoint", "vae", "upscaler", "tagger", "refused")
TRAINABLE = ("sd15", "sdxl")
_CACHE_NAME = "shelf.json"
_FORMAT = 1
_MAX_CACHE = 64 * MIB
_SHORT = 10  # digits, as the web UIs and Civitai show a hash
_NOT_A_BASE = ("refiner", "inpainting", "unet")


@dataclass(frozen=True)
class ShelfModel:
    """A model on the shelf.

    name: unique, and what a recipe says. kind: "checkpoint", "vae", "upscaler", "tagger" or
    "refused"; "lora" and others when asked for. where: "workspace" or the program it belongs to.
    path: a file, or a folder (diffusers, tagger). size: bytes. problem: why it cannot be used.
    """

    name: str
    kind: str
    family: str | None
    prediction: str | None
    path: Path
    where: str
    size: int
    dtype: str = ""
    zero_terminal_snr: bool = False
    label: str = ""
    problem: str = ""
    sha256: str | None = None

    @property
    def mib(self) -> float:
        return round(self.size / MIB, 1)

    @property
    def short_hash(self) -> str | None:
        """The first digits, as other programs show them; None until `hash_of` was asked."""
        return self.sha256[:_SHORT] if self.sha256 else None

    @property
    def is_base(self) -> bool:
        return self.kind == "checkpoint" and not self.problem


def find_models(
    workspace: Workspace, *, refresh: bool = False, kinds: Container[str] | None = SHOWN
) -> list[ShelfModel]:
    """Look everywhere; files that were looked into before and are unchanged are not opened again.

    refresh: look into all of them again. kinds: what is listed; None for everything.
    """
    memory = {} if refresh else _read_memory(workspace)
    recall = hash_memory(workspace.cache_dir)
    facts: dict[str, dict[str, Any]] = {}
    models = []
    for place in places(workspace):
        for candidate in look(place):
            key = _text(candidate.path)
            stamp = [candidate.size, candidate.mtime_ns, candidate.form]
            told = memory.get(key)
            if not isinstance(told, dict) or told.get("stamp") != stamp:
                told = {"stamp": stamp, **_look_into(candidate)}
            facts[key] = told
            model = _model(candidate, told, recall)
            if model is not None:
                models.append(model)
    models = _with_own_names(models)
    _remember(workspace, facts, models)
    remember_tagger_lists(workspace, map(_tag_list, (m for m in models if m.kind == "tagger")))
    return [model for model in models if kinds is None or model.kind in kinds]


def remembered_models(
    workspace: Workspace, *, kinds: Container[str] | None = SHOWN
) -> list[ShelfModel]:
    """What the last look found and is still there, without looking anywhere; quick."""
    record = _read_cache(workspace)
    models = []
    for told in record.get("models", []):
        with suppress(TypeError, KeyError, OSError, ValueError):
            model = ShelfModel(**{**told, "path": Path(told["path"])})
            if (kinds is None or model.kind in kinds) and model.path.exists():
                models.append(model)
    return models


def memory_path(workspace: Workspace) -> Path:
    """The file that `remembered_models` reads; there is none before the first look."""
    return workspace.cache_dir / _CACHE_NAME


def hash_of(workspace: Workspace, model: ShelfModel) -> str:
    """SHA-256 of a model's file (64 digits): seconds for a checkpoint, then remembered."""
    try:
        return identify_base(_hashed_file(model.path, model.kind), workspace.cache_dir).sha256
    except OSError as error:
        raise ModelFileError(
            f"{model.name} could not be read ({error.strerror}). Look for models again."
        ) from None


def _look_into(candidate: Candidate) -> dict[str, Any]:
    """What a candidate is, from its header alone. Never raises for what a file holds."""
    if candidate.form == "tagger":
        return {"kind": "tagger", "label": "tagger"}
    if candidate.form == "upscaler":
        return {"kind": "upscaler", "label": "model for upscaling pictures"}
    try:
        if candidate.form == "pickle":
            refuse_pickle(candidate.path)
        info = identify(candidate.path)
    except LorabakeError as error:
        return {"kind": "refused", "problem": str(error)}
    except OSError as error:
        return {"kind": "refused", "problem": f"It could not be read ({error.strerror})."}
    told = {
        "kind": info.kind,
        "family": info.family,
        "prediction": info.prediction,
        "zero_terminal_snr": info.zero_terminal_snr,
        "label": info.label,
        "dtype": info.dtype,
    }
    foreign = info.kind == "checkpoint" and info.family not in TRAINABLE
    if info.kind in _NOT_A_BASE or foreign:
        told |= {"problem": f"{info.label}: not something that lorabake can train on."}
    if info.kind in _NOT_A_BASE:
        told |= {"kind": "refused"}
    return told


def _model(
    candidate: Candidate, told: Mapping[str, Any], recall: Callable[[Path], str | None]
) -> ShelfModel | None:
    fields = {name: value for name, value in told.items() if name != "stamp"}
    try:
        model = ShelfModel(
            **{"family": None, "prediction": None, **fields},
            name=candidate.name,
            path=candidate.path.absolute(),
            where=candidate.where,
            size=candidate.size,
        )
    except TypeError:  # a memory that was written by another version
        return None
    if model.kind == "refused":
        return model
    return replace(model, sha256=recall(_hashed_file(model.path, model.kind)))


def _hashed_file(path: Path, kind: str) -> Path:
    if kind == "tagger":
        return path / "model.onnx" if path.is_dir() else path
    return weights_file(path)


def _with_own_names(models: Iterable[ShelfModel]) -> list[ShelfModel]:
    """The first of a name keeps it; the next says where it is: "anime.safetensors (ComfyUI)"."""
    taken: set[str] = set()
    named = []
    for model in models:
        name, number = model.name, 1
        while name_key(name) in taken:
            again = "" if number == 1 else f" {number}"
            name, number = f"{model.name} ({model.where}{again})", number + 1
        taken.add(name_key(name))
        named.append(replace(model, name=name))
    return named


def _read_memory(workspace: Workspace) -> dict[str, dict[str, Any]]:
    facts = _read_cache(workspace).get("facts")
    return facts if isinstance(facts, dict) else {}


def _read_cache(workspace: Workspace) -> dict[str, Any]:
    with suppress(OSError, WorkspaceError):
        record = read_json(memory_path(workspace), limit=_MAX_CACHE)
        if isinstance(record, dict) and record.get("format") == _FORMAT:
            return record
    return {}


def _remember(workspace: Workspace, facts: Mapping[str, Any], models: Iterable[ShelfModel]) -> None:
    listed = [{**asdict(model), "path": _text(model.path)} for model in models]
    record = {"format": _FORMAT, "facts": dict(facts), "models": listed}
    with suppress(OSError, WorkspaceError):  # only a memory
        atomic_write_json(memory_path(workspace), record, limit=_MAX_CACHE)


def _tag_list(tagger: ShelfModel) -> Path:
    """The list of tags that a tagger comes with: in its folder, or beside its file."""
    path = tagger.path
    return path.with_suffix(".csv") if path.suffix == ".onnx" else path / TAGGER_LIST


def _text(path: Path) -> str:
    """A path as JSON can hold it; bytes of old systems survive as lone surrogates."""
    return os.fspath(path.absolute())
