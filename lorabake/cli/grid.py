"""`grid`: the same picture for several epochs, weights or anything else, from the saved files."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from lorabake.cli.common import AsJson, WorkspaceDir, answer, app, run_at, stop_on_ctrl_c
from lorabake.cli.measuring import measured, measured_lines
from lorabake.core.errors import GridError
from lorabake.core.workspace import Workspace

Prompt = Annotated[str, typer.Option("--prompt", help="What to draw, with your trigger word.")]
Negative = Annotated[str, typer.Option("--negative", help="What not to draw.")]
Epochs = Annotated[str, typer.Option("--epochs", help="7-10 or 7,10; empty: all.")]
Weights = Annotated[str, typer.Option("--weights", help="0.5-1.0(+0.1) or 0.6,0.8,1")]
X = Annotated[
    str,
    typer.Option(
        "--x",
        metavar="TYPE=VALUES",
        help="As in X/Y/Z plot, instead of --epochs and --weights: epoch, weight, Prompt S/R, "
        "seed, prompt, sampler, steps, CFG scale, size, clip skip, base model, block weights.",
    ),
]
Y = Annotated[str, typer.Option("--y", metavar="TYPE=VALUES")]
Z = Annotated[str, typer.Option("--z", metavar="TYPE=VALUES", help="One sheet for each value.")]
Seed = Annotated[
    int, typer.Option("--seed", help="With --x, --y, --z also -1: any, told in each picture.")
]
VarySeeds = Annotated[
    str,
    typer.Option(
        "--vary-seeds",
        metavar="X|Y|Z",
        help="One letter or several: pictures along it get the next seeds.",
    ),
]
KeepRandom = Annotated[
    bool,
    typer.Option("--keep-random", help="With --seed -1: any seed for each picture, not for all."),
]
Steps = Annotated[int, typer.Option("--steps")]
Cfg = Annotated[float, typer.Option("--cfg")]
Sampler = Annotated[str, typer.Option("--sampler")]
Size = Annotated[
    str, typer.Option("--size", metavar="WIDTHxHEIGHT", help="Default: as it was trained.")
]
ClipSkip = Annotated[
    int, typer.Option("--clip-skip", help="With --x, --y, --z; 0: as it was trained.")
]
Margin = Annotated[int, typer.Option("--margin", help="px between cells, with --x, --y, --z.")]
SubGrids = Annotated[
    bool, typer.Option("--sub-grids", help="Also a sheet of its own for each value of --z.")
]
Html = Annotated[
    bool, typer.Option("--html", help="Also one HTML file with all pictures, to be sent around.")
]
Measure = Annotated[
    bool,
    typer.Option(
        "--measure",
        help="Also propose epoch and weight, with what speaks for them. Takes longer.",
    ),
]


@app.command()
def grid(
    run_dir: Path,
    prompt: Prompt = "",
    negative: Negative = "",
    epochs: Epochs = "",
    weights: Weights = "0, 0.6, 0.8, 1.0",
    x: X = "",
    y: Y = "",
    z: Z = "",
    seed: Seed = 1,
    vary_seeds: VarySeeds = "",
    keep_random: KeepRandom = False,
    steps: Steps = 20,
    cfg: Cfg = 5.0,
    sampler: Sampler = "Euler a",
    size: Size = "",
    clip_skip: ClipSkip = 0,
    margin: Margin = 0,
    sub_grids: SubGrids = False,
    html: Html = False,
    measure: Measure = False,
    workspace: WorkspaceDir = None,
    as_json: AsJson = False,
) -> None:
    """Render epochs by weights at a fixed seed, or any axes, from the saved files."""
    from lorabake.grid.sitting import prepare, render_here

    both = {
        "prompt": prompt, "negative": negative, "seed": seed, "steps": steps, "cfg": cfg,
        "sampler": sampler, "size": size,
    }  # fmt: skip
    plain = {"epochs": epochs, "weights": weights}
    more = {
        "clip_skip": clip_skip, "margin": margin, "vary_seeds": vary_seeds, "keep_random": keep_random,
    }  # fmt: skip
    asked = both | _way({"x": x, "y": y, "z": z}, plain, more, sub_grids)
    folder = prepare(run_at(run_dir), asked, lambda: Workspace.open(workspace), _tell)
    should_stop = _stop_on_ctrl_c()
    result = render_here(folder, tell=_tell, should_stop=should_stop)
    if measure:
        result |= measured(folder, Workspace.open(workspace), _tell, should_stop)
    result |= _written(folder, sub_grids=sub_grids, html=html)
    answer(result, as_json, lambda: _lines(result))


def _way(
    axes: dict[str, Any], plain: dict[str, Any], more: dict[str, Any], sub_grids: bool
) -> dict[str, Any]:
    """What is asked beside what both ways share: any axes, or epochs by weights."""
    if sub_grids and not axes["z"]:
        raise GridError("--sub-grids makes a sheet for each value of --z. Give --z some.")
    if any(axes.values()):
        return axes | more
    if any(more.values()):
        options = ", ".join(f"--{name.replace('_', '-')}" for name in more)
        raise GridError(f"{options} go with --x, --y and --z. Give an axis.")
    return plain


def _written(folder: Path, *, sub_grids: bool, html: bool) -> dict[str, Any]:
    """What is made of the pictures on wish."""
    from lorabake.grid.page import write_page
    from lorabake.grid.sitting import write_subgrids

    made: dict[str, Any] = {}
    if sub_grids:
        made["sub_grids"] = [str(path) for path in write_subgrids(folder)]
    if html:
        made["html"] = str(write_page(folder))
    return made


def _lines(result: dict[str, Any]) -> list[str]:
    lines = [f"{len(result['cells'])} pictures; the sheet is {result['sheet']}"]
    lines += [f"A sheet of its own is {path}" for path in result.get("sub_grids", [])]
    if "html" in result:
        lines.append(f"The page to send around is {result['html']}")
    lines += measured_lines(result)
    return lines


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _stop_on_ctrl_c() -> Callable[[], bool]:
    return stop_on_ctrl_c("Finishing this step and saving. Press Ctrl+C again to leave at once.")
