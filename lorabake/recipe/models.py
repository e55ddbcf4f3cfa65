"""Base models by name: the shipped practice model, and what lies in the workspace's models folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lorabake.core.errors import ModelFileError
from lorabake.core.registry import unknown_name
from lorabake.core.workspace import Workspace

SHIPPED = {"practice": Path(__file__).resolve().parents[1] / "practice" / "model"}
"""Models that come with the program: small enough for a plain CPU, and loaded like any other."""


@dataclass(frozen=True)
class BaseModel:
    """A base model a recipe can name."""

    name: str
    label: str
    path: Path


def base_models(workspace: Workspace) -> list[BaseModel]:
    """The shipped models, then those of the workspace's models folder, by name."""
    shipped = [BaseModel("practice", "Practice oven (64 px, any computer)", SHIPPED["practice"])]
    folder = workspace.models_dir
    found = (
        sorted(folder.iterdir(), key=lambda path: path.name.casefold()) if folder.is_dir() else []
    )
    return shipped + [
        BaseModel(path.name, path.stem, path) for path in found if _looks_like_model(path)
    ]


def _looks_like_model(path: Path) -> bool:
    if path.name.startswith("."):
        return False
    return path.suffix.lower() == ".safetensors" or (path / "model_index.json").is_file()


def resolve_base(workspace: Workspace, name: str, *, paths_allowed: bool = False) -> Path:
    """The file or diffusers folder behind a name.

    paths_allowed: the command line may name any path; the page may not, because its words can come
    from a share link.
    """
    if not name:
        raise ModelFileError(
            "No base model is chosen. Put a .safetensors checkpoint into the models folder "
            f"({workspace.models_dir}) and choose it under Preparing the oven, or take “practice”."
        )
    known = {model.name: model.path for model in base_models(workspace)}
    known |= {model.path.stem: model.path for model in base_models(workspace)} | known
    if name in known:
        return known[name]
    if paths_allowed and _exists(Path(name)):
        return Path(name).resolve()
    names = tuple(model.name for model in base_models(workspace))
    raise ModelFileError(
        unknown_name("base model", name, names)
        + f" More can be put into the models folder ({workspace.models_dir})."
    )


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name that is too long for the disk, say
        return False


def resolve_vae(workspace: Workspace, name: str, *, paths_allowed: bool = False) -> Path | None:
    """The external VAE behind a name; None when the base model's own is used."""
    return resolve_base(workspace, name, paths_allowed=paths_allowed) if name else None
