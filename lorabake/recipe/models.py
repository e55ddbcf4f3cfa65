"""Models by name: the shipped one, those of the workspace's models folder, those on the shelf.

A recipe holds names. They are looked up here, so that nothing from a page or a settings file can
name a place on the disk.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lorabake.core.errors import ModelFileError
from lorabake.core.limits import limits
from lorabake.core.registry import unknown_name
from lorabake.core.workspace import Workspace
from lorabake.engine.shelf import ShelfModel, find_models, remembered_models

SHIPPED = {"practice": Path(__file__).resolve().parents[1] / "practice" / "model"}
"""Models that come with the program: small enough for a plain CPU, and loaded like any other."""

# What may lie in the models folder as well, and is never offered as a base model.
_OTHER = {"vae", "upscaler", "tagger", "lora", "controlnet", "adapter", "textual inversion"}


@dataclass(frozen=True)
class BaseModel:
    """A model that a recipe can name: a base model, or a VAE."""

    name: str
    label: str
    path: Path


def base_models(workspace: Workspace) -> list[BaseModel]:
    """The shipped models, then those of the models folder, then what the shelf found elsewhere.

    Looks into the models folder, and for the rest remembers what the shelf saw last.
    """
    shelf = remembered_models(workspace, kinds=None)
    other = {model.path for model in shelf if model.kind in _OTHER}
    own = [model for model in _own(workspace) if model.path not in other]
    found = (model for model in shelf if model.is_base)
    return [*_shipped(), *own, *_elsewhere(own, found)]


def vae_models(workspace: Workspace) -> list[BaseModel]:
    """The VAEs that the shelf saw last, by name."""
    return list(_elsewhere([], remembered_models(workspace, kinds=("vae",))))


def resolve_base(workspace: Workspace, name: str, *, paths_allowed: bool = False) -> Path:
    """The file or diffusers folder behind a name.

    paths_allowed: the command line may name any path, and waits while the shelf is looked through;
    the page may not, because its words can come from a share link.
    """
    if not name:
        raise ModelFileError(
            "No base model is chosen. Put a .safetensors checkpoint into the models folder "
            f"({workspace.models_dir}) and choose it under Preparing the oven, or take “practice”."
        )
    limits().require_model(name)
    found = _named(_all(workspace), name)
    if found is None and paths_allowed:
        if _exists(Path(name)):
            return Path(name).resolve()
        find_models(workspace)
        found = _named(_all(workspace), name)
    if found is not None:
        return found
    names = tuple(model.name for model in base_models(workspace))
    raise ModelFileError(
        unknown_name("base model", name, names)
        + f" More can be put into the models folder ({workspace.models_dir})."
    )


def resolve_vae(workspace: Workspace, name: str, *, paths_allowed: bool = False) -> Path | None:
    """The external VAE behind a name; None when the base model's own is used."""
    return resolve_base(workspace, name, paths_allowed=paths_allowed) if name else None


def _shipped() -> list[BaseModel]:
    return [BaseModel("practice", "Practice oven (64 px, any computer)", SHIPPED["practice"])]


def _own(workspace: Workspace) -> list[BaseModel]:
    """What lies in the models folder itself, whether it was looked into or not."""
    folder = workspace.models_dir
    found = (
        sorted(folder.iterdir(), key=lambda path: path.name.casefold()) if folder.is_dir() else []
    )
    return [BaseModel(path.name, path.stem, path) for path in found if _looks_like_model(path)]


def _elsewhere(own: Iterable[BaseModel], found: Iterable[ShelfModel]) -> Iterable[BaseModel]:
    paths = {model.path for model in own}
    for model in found:
        if model.path not in paths:
            stem = model.name.removesuffix(".safetensors")
            yield BaseModel(model.name, f"{stem} · {model.where}", model.path)


def _all(workspace: Workspace) -> list[BaseModel]:
    own = _own(workspace)
    shelf = remembered_models(workspace, kinds=("checkpoint", "vae"))
    return [*_shipped(), *own, *_elsewhere(own, shelf)]


def _named(models: Iterable[BaseModel], name: str) -> Path | None:
    """By its full name, else by its name without the ending; the first of several."""
    by_name: dict[str, Path] = {}
    by_stem: dict[str, Path] = {}
    for model in models:
        by_name.setdefault(model.name, model.path)
        by_stem.setdefault(model.name.removesuffix(".safetensors"), model.path)
    return by_name.get(name) or by_stem.get(name)


def _looks_like_model(path: Path) -> bool:
    if path.name.startswith("."):
        return False
    return path.suffix.lower() == ".safetensors" or (path / "model_index.json").is_file()


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name that is too long for the disk, say
        return False
