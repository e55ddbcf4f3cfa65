"""Where taggers lie on this computer: on the model shelf, or where the user points to."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from lorabake.core.errors import ModelFileError
from lorabake.core.home import expanded
from lorabake.core.names import shown
from lorabake.core.vocabulary import remember_tagger_lists
from lorabake.core.workspace import Workspace
from lorabake.engine.shelf import ShelfModel, find_models, remembered_models, tag_list_of
from lorabake.engine.shelf.find import memory_path
from lorabake.tag.taggers.tagger import TaggerFiles

_OWNER = "smilingwolf_"  # kohya's scripts put it before the name of the folder


def taggers_here(workspace: Workspace, *, look: bool = False) -> list[TaggerFiles]:
    """Every tagger on the shelf, under its name there; quick.

    look: through all folders, and not from memory. The first time of all it is done anyway.
    """
    memory = memory_path(workspace)
    if look or not memory.exists():
        found = [one for model in find_models(workspace) if (one := _files(model)) is not None]
        remember_tagger_lists(workspace, [one.tags for one in found])
        return found
    stat = memory.stat()
    known = _remembered(workspace, (stat.st_mtime_ns, stat.st_size))
    return [one for one in known if one.model.is_file()]


@lru_cache(maxsize=4)
def _remembered(workspace: Workspace, _stamp: tuple[int, int]) -> tuple[TaggerFiles, ...]:
    models = remembered_models(workspace, kinds=("tagger",))
    found = tuple(one for model in models if (one := _files(model)) is not None)
    remember_tagger_lists(workspace, [one.tags for one in found])
    return found


def find_by_name(workspace: Workspace, names: Sequence[str]) -> TaggerFiles | None:
    """The first tagger on the shelf that goes by one of these names."""
    wanted = {_plain(name) for name in names}
    return next((one for one in taggers_here(workspace) if _plain(one.name) in wanted), None)


def files_at(path: Path) -> TaggerFiles:
    """A tagger in a folder, or an .onnx file with its list; ModelFileError when it is none."""
    path = expanded(path).absolute()
    model = path / "model.onnx" if path.is_dir() else path
    tags = tag_list_of(path)
    if path.is_dir() and tags is None:
        models = sorted(path.glob("*.onnx"))
        if len(models) == 1:
            return files_at(models[0])
    if not model.is_file() or model.suffix.lower() != ".onnx" or tags is None:
        raise ModelFileError(
            f"{shown(path.name)} is no tagger: it needs model.onnx and its list selected_tags.csv "
            "in one folder."
        )
    return TaggerFiles(path.name if path.is_dir() else path.stem, model, tags, str(path.parent))


def _files(model: ShelfModel) -> TaggerFiles | None:
    tags = tag_list_of(model.path)
    if tags is None:
        return None
    onnx = model.path / "model.onnx" if model.path.is_dir() else model.path
    return TaggerFiles(model.name, onnx, tags, model.where)


def _plain(name: str) -> str:
    """`SmilingWolf_wd-vit-tagger-v3 (ComfyUI)` → `wd-vit-tagger-v3`."""
    return name.partition(" (")[0].casefold().removeprefix(_OWNER)
