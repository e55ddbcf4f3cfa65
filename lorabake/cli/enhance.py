"""The verb `enhance`: pictures larger, clearer or with more contrast; the originals are kept."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from lorabake.cli.common import AsJson, WorkspaceDir, answer, app, changes_of, stop_on_ctrl_c
from lorabake.core.errors import RecipeError, Stopped
from lorabake.core.settings import from_mapping
from lorabake.core.workspace import Workspace
from lorabake.enhance.settings import EnhanceSettings

_STOPPING = "Finishing this tile. Press Ctrl+C again to leave at once."
_SHOWN = 20  # pictures in the answer for a person
WHICH = ("all", "needed")


Folder = Annotated[Path, typer.Argument(metavar="DIR")]
Upscaler = Annotated[
    str | None,
    typer.Option(
        "--upscaler",
        metavar="FILE|NAME|lanczos|off",
        help="A .pth or .safetensors that spandrel reads. Default: lanczos, or off with --contrast alone.",
    ),
]
Scale = Annotated[
    float | None,
    typer.Option(
        "--scale",
        help="So many times as large; 1 keeps the size. Default: as its bucket needs.",
    ),
]
Resolution = Annotated[
    int, typer.Option("--resolution", help="Of the buckets, px.", min=64, max=4096)
]
Strength = Annotated[
    float | None, typer.Option("--strength", help="How much of the model: 0 to 1.")
]
Alpha = Annotated[str | None, typer.Option("--alpha", help="Transparent areas: keep or white.")]
Contrast = Annotated[
    bool, typer.Option("--contrast", help="Mend washed-out contrast, as of old screencaps.")
]
Gamma = Annotated[float | None, typer.Option("--gamma", help="With --contrast.")]
Curve = Annotated[float | None, typer.Option("--curve", help="S-curve, with --contrast: 0 to 1.")]
Saturation = Annotated[
    float | None, typer.Option("--saturation", help="With --contrast; 1 changes nothing.")
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change one setting, such as clip=0.5."),
]
Which = Annotated[
    str | None,
    typer.Option(
        "--which",
        help="all, or those needed: too small or blurred. Default: all with --scale or "
        "--contrast, else needed.",
    ),
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu or cuda.")]


@app.command()
def enhance(
    folder: Folder,
    upscaler: Upscaler = None,
    scale: Scale = None,
    resolution: Resolution = 1024,
    strength: Strength = None,
    alpha: Alpha = None,
    contrast: Contrast = False,
    gamma: Gamma = None,
    curve: Curve = None,
    saturation: Saturation = None,
    changes: Set = None,
    which: Which = None,
    device: Device = "auto",
    workspace: WorkspaceDir = None,
    as_json: AsJson = False,
) -> None:
    """Improve the quality of pictures: upscale them, change their contrast, or both."""
    asked: dict[str, Any] = {
        "upscaler": upscaler or ("off" if contrast and scale is None else None),
        "fit": "factor" if scale is not None else None,
        "factor": scale,
        "strength": strength,
        "alpha": alpha,
        "contrast": contrast or None,
        "gamma": gamma,
        "curve": curve,
        "saturation": saturation,
    }
    given = {name: value for name, value in asked.items() if value is not None}
    settings = from_mapping(EnhanceSettings, {**changes_of(changes, "--set", "clip=0.5"), **given})
    wanted = which or ("all" if scale is not None or settings.contrast else "needed")
    if wanted not in WHICH:
        raise RecipeError(f"--which is {' or '.join(WHICH)}, not {wanted!r}.")
    result = _enhanced(Workspace.open(workspace), folder, settings, wanted, resolution, device)
    answer(result, as_json, lambda: _lines(result))


def _enhanced(
    space: Workspace,
    folder: Path,
    settings: EnhanceSettings,
    which: str,
    resolution: int,
    device: str,
) -> dict[str, Any]:
    from lorabake.core.dataset import scan_dataset
    from lorabake.core.errors import DatasetError
    from lorabake.enhance.look import look_many
    from lorabake.enhance.models import resolve_upscaler
    from lorabake.enhance.needs import needs, standard_buckets, usual_blur
    from lorabake.enhance.sitting import Sitting, taken

    if not settings.enlarges and not settings.contrast:
        raise RecipeError("Nothing is asked for. Give --upscaler, --scale or --contrast.")
    if settings.model:  # before the pictures are looked through
        resolve_upscaler(space, settings.model, paths_allowed=True, look=True)
    root, buckets = folder.absolute(), standard_buckets(resolution)
    dataset = scan_dataset(root, index=space.index)
    images = list(dataset.images)
    if not images:
        raise DatasetError(f"There are no pictures in {folder} to improve.")
    unreadable = [
        {"path": _text(problem.path), "reason": problem.sentence}
        for problem in dataset.problems
        if problem.level == "error"
    ]
    if which == "needed":
        looks = look_many(space.index, [(image.sha256, image.path) for image in images]).found
        usual = usual_blur(looks.values())
        images = [
            image
            for image in images
            if needs((image.width, image.height), looks.get(image.sha256), buckets, usual)
        ]
    sitting = Sitting(space, root, images, settings, buckets, paths_allowed=True, device=device)
    stopped = None
    try:
        sitting.run(tell=_tell, on_progress=_progress, should_stop=stop_on_ctrl_c(_STOPPING))
    except Stopped as error:
        stopped = error
    result = taken(sitting, limit=None)
    if stopped is not None:
        _tell(f"{result['improved']} pictures were ready and are kept.")
        raise stopped
    return {
        "written": [_text(root / path) for path in result["written"]],
        "unchanged": len(dataset.images) - result["improved"] - len(result["skipped"]),
        "skipped": [{"path": path, "reason": why} for path, why in result["skipped"]],
        "unreadable": unreadable,
    }


def _lines(result: dict[str, Any]) -> list[str]:
    written = result["written"]
    lines = written[:_SHOWN]
    if len(written) > _SHOWN:
        lines.append(f"… and {len(written) - _SHOWN} more")
    lines += [f"{one['path']}: {one['reason']}" for one in result["skipped"]]
    lines += [one["reason"] for one in result["unreadable"]]
    if not written:
        return [*lines, "Nothing was changed: the pictures are good as they are."]
    count = "1 picture" if len(written) == 1 else f"{len(written)} pictures"
    return [
        *lines,
        f"Improved {count}. The originals are in .originals; `captions DIR --undo` takes it back.",
    ]


def _text(path: Path) -> str:
    """A name of an old system may hold bytes that are no text; JSON cannot."""
    return os.fsencode(path).decode("utf-8", "replace")


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _progress(done: int, total: int, name: str) -> None:
    if sys.stderr.isatty():
        end = "\n" if done == total else ""
        print(f"\r\x1b[K{done} of {total} {name}", end=end, file=sys.stderr, flush=True)
