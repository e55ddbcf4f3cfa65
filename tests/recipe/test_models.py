"""Base models are found by name; a path is for the command line only."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from lorabake.core.errors import ModelFileError
from lorabake.core.workspace import Workspace
from lorabake.engine.shelf import add_folder, find_models
from lorabake.recipe.models import SHIPPED, base_models, resolve_base, resolve_vae, vae_models
from tests.engine.shelves import VAE, safetensors, write


@pytest.fixture
def space(workspace: Path) -> Workspace:
    space = Workspace.open(workspace)
    space.models_dir.mkdir(parents=True, exist_ok=True)
    (space.models_dir / "ponyXL.safetensors").touch()
    (space.models_dir / "notes.txt").touch()
    (space.models_dir / ".hidden.safetensors").touch()
    (space.models_dir / "folder").mkdir()
    (space.models_dir / "diffused").mkdir()
    (space.models_dir / "diffused" / "model_index.json").write_text(json.dumps({}), "utf-8")
    return space


def test_models_of_the_workspace_are_listed_behind_the_practice_oven(space: Workspace) -> None:
    names = [model.name for model in base_models(space)]
    assert names == ["practice", "diffused", "ponyXL.safetensors"]


def test_a_model_is_found_by_its_name_with_or_without_its_ending(space: Workspace) -> None:
    path = space.models_dir / "ponyXL.safetensors"
    assert resolve_base(space, "ponyXL.safetensors") == resolve_base(space, "ponyXL") == path
    assert resolve_base(space, "diffused") == space.models_dir / "diffused"
    assert resolve_base(space, "practice").parts[-3:] == ("lorabake", "practice", "model")


def test_a_path_is_refused_where_only_names_are_allowed(space: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    path.touch()
    inside = str(space.models_dir / "ponyXL.safetensors")
    for name in (str(path), inside, "../models/ponyXL.safetensors", "/etc/passwd", "."):
        with pytest.raises(ModelFileError, match="There is no base model called"):
            resolve_base(space, name)
    assert resolve_base(space, str(path), paths_allowed=True) == path


@pytest.mark.parametrize("name", ["ponyxl", "x" * 5000, "a\0b", "none/there"])
def test_an_unknown_name_is_refused_with_what_there_is(space: Workspace, name: str) -> None:
    for paths_allowed in (False, True):
        with pytest.raises(ModelFileError) as refused:
            resolve_base(space, name, paths_allowed=paths_allowed)
        assert "There are: practice, diffused, ponyXL.safetensors." in str(refused.value)
        assert str(space.models_dir) in str(refused.value)


def test_no_name_says_where_to_put_a_checkpoint(space: Workspace) -> None:
    with pytest.raises(ModelFileError, match="No base model is chosen") as refused:
        resolve_base(space, "")
    assert str(space.models_dir) in str(refused.value)


def test_no_external_vae_is_the_models_own(space: Workspace) -> None:
    assert resolve_vae(space, "") is None
    assert resolve_vae(space, "ponyXL") == space.models_dir / "ponyXL.safetensors"


# --- models that lie elsewhere -------------------------------------------------------------------


@pytest.fixture
def comfy(space: Workspace, tmp_path: Path) -> Path:
    """A checkpoint in another program's folder, and a VAE in each."""
    folder = tmp_path / "ComfyUI"
    checkpoints = folder / "models" / "checkpoints"
    checkpoints.mkdir(parents=True)
    shutil.copytree(SHIPPED["practice"], checkpoints / "tiny")
    write(folder / "models" / "vae" / "sdxl.safetensors", safetensors(VAE))
    write(space.models_dir / "sdxl.safetensors", safetensors(VAE, fill=1))
    add_folder(space, folder)
    return folder


def test_models_elsewhere_are_used_where_they_lie(space: Workspace, comfy: Path) -> None:
    find_models(space)
    offered = {model.name: model.label for model in base_models(space)}
    assert offered["tiny"] == "tiny · ComfyUI"
    assert "sdxl.safetensors" not in offered, "a VAE is not offered as a base model"
    assert resolve_base(space, "tiny") == comfy / "models" / "checkpoints" / "tiny"
    names = {model.name: model.path for model in vae_models(space)}
    assert names == {
        "sdxl.safetensors": space.models_dir / "sdxl.safetensors",
        "sdxl.safetensors (ComfyUI)": comfy / "models" / "vae" / "sdxl.safetensors",
    }
    for name, path in names.items():
        assert resolve_vae(space, name) == path


def test_the_page_does_not_look_through_the_disk(space: Workspace, comfy: Path) -> None:
    """A name nobody knows comes with every keystroke; only the command line waits for a look."""
    with pytest.raises(ModelFileError):
        resolve_base(space, "tiny")
    assert not (space.cache_dir / "shelf.json").exists()
    assert resolve_base(space, "tiny", paths_allowed=True).name == "tiny"
    assert resolve_base(space, "tiny").name == "tiny"


def test_a_model_of_the_workspace_keeps_its_name(space: Workspace, comfy: Path) -> None:
    find_models(space)
    (space.models_dir / "tiny").mkdir()
    (space.models_dir / "tiny" / "model_index.json").write_text("{}", "utf-8")
    assert resolve_base(space, "tiny") == space.models_dir / "tiny"
