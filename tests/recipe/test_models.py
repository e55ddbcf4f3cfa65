"""Base models are found by name; a path is for the command line only."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lorabake.core.errors import ModelFileError
from lorabake.core.workspace import Workspace
from lorabake.recipe.models import base_models, resolve_base, resolve_vae


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
