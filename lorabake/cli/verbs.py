"""The verbs about bakes and grids."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from lorabake.cli.common import (
    AsJson,
    Changes,
    RecipeName,
    WorkspaceDir,
    answer,
    app,
    changes_of,
    stop_on_ctrl_c,
)
from lorabake.core.errors import LorabakeError
from lorabake.core.workspace import Workspace


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _changes(pairs: list[str] | None) -> dict[str, str]:
    return changes_of(pairs, "--set", "network_dim=16")


@app.command()
def doctor(workspace: WorkspaceDir = None, as_json: AsJson = False) -> None:
    """Look at this computer: what works, what is missing, how to get it."""
    from lorabake.engine.doctor import examine

    found = examine(Workspace.open(workspace).root)
    answer(
        found,
        as_json,
        lambda: [
            f"{found['device']['label']} · torch {found['torch']} · Python {found['python']}",
            *(f"{problem['level']}: {problem['text']}" for problem in found["problems"]),
            "Everything needed is here." if found["ok"] else "Some things are missing; see above.",
        ],
    )
    if not found["ok"]:
        sys.exit(1)


@app.command()
def sample(folder: Path, as_json: AsJson = False) -> None:
    """Write the sample project's pictures and captions into a folder."""
    from lorabake.core.files import atomic_write_bytes
    from lorabake.practice import SAMPLE_DIR

    images = []
    for source in sorted(path for path in SAMPLE_DIR.rglob("*") if path.is_file()):
        target = folder / source.relative_to(SAMPLE_DIR)
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():  # captions may have been edited since the last time
            atomic_write_bytes(target, source.read_bytes())
        if target.suffix == ".png":
            images.append(str(target))
    answer(
        {"images": images},
        as_json,
        lambda: [f"{len(images)} pictures with captions are in {folder}."],
    )


@app.command()
def plan(
    dataset_dir: Path,
    recipe: RecipeName = "practice",
    changes: Changes = None,
    workspace: WorkspaceDir = None,
    as_json: AsJson = False,
) -> None:
    """Count what a bake will be, to the step, before it starts."""
    from lorabake.core.dataset import scan_dataset
    from lorabake.recipe.calculator import calculate
    from lorabake.recipe.checks import check_dataset, check_recipe
    from lorabake.recipe.memory import estimate_mib
    from lorabake.recipe.models import resolve_base
    from lorabake.recipe.plan import learning_rates
    from lorabake.recipe.presets import load_recipe

    chosen = load_recipe(recipe, _changes(changes))
    space = Workspace.open(workspace)
    dataset = scan_dataset(
        dataset_dir, index=space.index, caption_extension=chosen.captions.caption_extension
    )
    base = None
    warnings: list[dict[str, Any]] = [
        {"level": problem.level, "text": problem.sentence} for problem in dataset.problems
    ]
    try:
        base = resolve_base(space, chosen.model.base, paths_allowed=True)
    except LorabakeError as error:
        warnings.append({"level": "stop", "text": str(error)})
    remarks = [*check_recipe(chosen, base), *check_dataset(dataset, chosen)]
    warnings += [remark.to_mapping() for remark in remarks]
    sums = calculate(dataset, chosen)
    counted = sums.plan
    result = counted.to_mapping() | {
        "file_mib": round(sums.files.each, 2),
        "table": {"label": sums.table.label, "nearest": sums.row.sentence, "steps": sums.by_table},
        "notes": list(sums.notes),
        "learning_rates": learning_rates(counted, chosen),
        "memory_mib": estimate_mib(chosen, base),
        "warnings": warnings,
    }
    answer(
        result,
        as_json,
        lambda: [
            f"{counted.images} pictures, T = {counted.seen_per_epoch}, {counted.epochs} epochs",
            *(
                f"  {b.width} × {b.height} px: {b.images} pictures, {b.batches} batches"
                for b in counted.buckets
            ),
            f"{counted.steps_per_epoch} steps an epoch, {counted.total_steps} steps in all, "
            f"{counted.files} files of {sums.files.each:.1f} MiB",
            f"The guide's table ({sums.table.label}): {sums.row.sentence}",
            *sums.notes,
            *(f"{warning['level']}: {warning['text']}" for warning in warnings),
        ],
    )


@app.command()
def train(
    dataset_dir: Path,
    name: Annotated[
        str, typer.Option("--name", help="Of the LoRA: NAME-01.safetensors …")
    ] = "my_lora",
    recipe: RecipeName = "practice",
    changes: Changes = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Run folder (default: runs/NAME in the workspace).")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a run that was cut off.")
    ] = False,
    workspace: WorkspaceDir = None,
    as_json: AsJson = False,
) -> None:
    """Bake a LoRA from a folder of captioned pictures."""
    from lorabake.core.dataset import scan_dataset
    from lorabake.core.run import Run
    from lorabake.recipe.presets import load_recipe
    from lorabake.train.prepare import prepare_run
    from lorabake.train.sitting import bake

    space = Workspace.open(workspace)
    folder = (out or space.root / "runs" / name).absolute()
    run = Run(folder)
    if not resume:
        chosen = load_recipe(recipe, _changes(changes))
        dataset = scan_dataset(
            dataset_dir, index=space.index, caption_extension=chosen.captions.caption_extension
        )
        for problem in dataset.problems:
            _tell(f"{problem.level}: {problem.sentence}")
        run = prepare_run(space, folder, dataset, chosen, name=name, paths_allowed=True)
    result = bake(run, resume=resume, tell=_tell, should_stop=_stop_on_ctrl_c())
    answer(
        {"run": str(folder), **result},
        as_json,
        lambda: [
            f"{result['steps']} steps in {result['seconds']:.0f} s; "
            f"{len(result['checkpoints'])} files in {folder}"
        ],
    )


@app.command()
def inspect(file: Path, as_json: AsJson = False) -> None:
    """Say what a .safetensors file is: family, network, rank, hashes, metadata."""
    from lorabake.engine.inspect import inspect_file

    found = inspect_file(file)
    answer(
        found,
        as_json,
        lambda: [f"{key}: {value}" for key, value in found.items() if key != "metadata"],
    )


def _stop_on_ctrl_c() -> Callable[[], bool]:
    return stop_on_ctrl_c("Finishing this step and saving. Press Ctrl+C again to leave at once.")
