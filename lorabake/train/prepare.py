"""A run folder before its first step: the recipe, the frozen dataset, and where things lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lorabake import __version__
from lorabake.core.dataset import Dataset
from lorabake.core.errors import JobError, ModelFileError, TrainingError, WorkspaceError
from lorabake.core.files import atomic_write_json, atomic_write_text, read_json
from lorabake.core.manifest import freeze, thaw
from lorabake.core.names import is_safe_name, safe_name
from lorabake.core.run import Run
from lorabake.core.toml import read_toml
from lorabake.core.workspace import Workspace
from lorabake.recipe.checks import check_dataset, check_recipe, refuse_impossible
from lorabake.recipe.models import resolve_base, resolve_vae
from lorabake.recipe.plan import Plan, make_plan
from lorabake.recipe.presets import recipe_to_toml
from lorabake.recipe.recipe import Recipe, recipe_from_mapping

SETUP = "setup.json"


@dataclass(frozen=True)
class Setup:
    """What a bake needs to know, read back from its run folder.

    name: of the LoRA, in front of `-01.safetensors`. cache: where latents are kept.
    weights: a LoRA file to go on from.
    """

    name: str
    recipe: Recipe
    dataset: Dataset
    plan: Plan
    base: Path
    vae: Path | None
    cache: Path
    weights: Path | None = None


def prepare_run(
    workspace: Workspace,
    folder: Path,
    dataset: Dataset,
    recipe: Recipe,
    *,
    name: str,
    paths_allowed: bool = False,
) -> Run:
    """Write the folder of a new run, and refuse what could not be baked.

    Raises RecipeError, DatasetError or ModelFileError with what to change, before anything is
    written; JobError when the folder already holds a run.
    """
    name = safe_name(name)
    base = resolve_base(workspace, recipe.model.base, paths_allowed=paths_allowed)
    vae = resolve_vae(workspace, recipe.model.vae, paths_allowed=paths_allowed)
    weights = _start_from(workspace, folder, recipe, paths_allowed=paths_allowed)
    refuse_impossible([*check_recipe(recipe, base), *check_dataset(dataset, recipe)])
    run = Run(folder)
    if run.recipe_path.exists():
        raise JobError(
            f"There is already a run in {folder.name}. Choose another name, or resume that one."
        )
    folder.mkdir(parents=True, exist_ok=True)
    atomic_write_json(run.manifest_path, freeze(dataset))
    paths = {"base": base, "vae": vae or "", "weights": weights or "", "cache": workspace.cache_dir}
    places = {key: str(path) for key, path in paths.items()}
    atomic_write_json(folder / SETUP, {"name": name, "lorabake": __version__, **places})
    atomic_write_text(run.recipe_path, recipe_to_toml(recipe))  # last: its presence makes it a run
    return run


def load_setup(run: Run) -> Setup:
    """Read a run folder; raises TrainingError when it is not one."""
    try:
        recipe = recipe_from_mapping(read_toml(run.recipe_path))
        manifest: Any = read_json(run.manifest_path, limit=256 * 1024**2)
        about: Any = read_json(run.folder / SETUP)
        dataset = thaw(manifest)
        base, vae, cache = Path(about["base"]), about["vae"], Path(about["cache"])
        weights = about.get("weights", "")
        name = safe_name(about["name"])
    except (OSError, WorkspaceError, KeyError, TypeError, ValueError) as error:
        raise TrainingError(
            f"{run.folder.name} is not a run that can be baked ({error}). Start a new one."
        ) from error
    plan = make_plan(dataset, recipe)
    return Setup(
        name,
        recipe,
        dataset,
        plan,
        base,
        Path(vae) if vae else None,
        cache,
        Path(weights) if weights else None,
    )


def _start_from(
    workspace: Workspace, folder: Path, recipe: Recipe, *, paths_allowed: bool
) -> Path | None:
    """The LoRA file that `network_weights` names: RUN/FILE of the same project, a file in the models
    folder, or on the command line any path. None when the bake begins with nothing."""
    name = recipe.network.network_weights
    if not name:
        return None
    run, _, file = name.replace("\\", "/").rpartition("/")
    for place in (folder.parent / run if run else folder.parent, workspace.models_dir):
        if is_safe_name(file) and (not run or is_safe_name(run)):
            path = place / file
            if path.suffix == ".safetensors" and path.is_file():
                return path
    if paths_allowed and Path(name).is_file():
        return Path(name).resolve()
    raise ModelFileError(
        f"There is no LoRA {name[:80]!r} to start from. Write RUN/FILE.safetensors of this project, "
        f"or put the file into the models folder ({workspace.models_dir})."
    )
