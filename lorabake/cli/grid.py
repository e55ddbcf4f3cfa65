"""`grid`: the same picture for several epochs, weights or anything else, from the saved files."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from lorabake.cli.common import AsJson, WorkspaceDir, answer, app, stop_on_ctrl_c
from lorabake.cli.measuring import measured, measured_lines
from lorabake.core.errors import GridError
from lorabake.core.workspace import Workspace


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _stop_on_ctrl_c() -> Callable[[], bool]:
    return stop_on_ctrl_c("Finishing this step and saving. Press Ctrl+C again to leave at once.")


@app.command()
def grid(
    run_dir: Path,
    prompt: Annotated[
        str, typer.Option("--prompt", help="What to draw, with your trigger word.")
    ] = "",
    negative: Annotated[str, typer.Option("--negative", help="What not to draw.")] = "",
    epochs: Annotated[str, typer.Option("--epochs", help="7-10 or 7,10; empty: all.")] = "",
    weights: Annotated[
        str, typer.Option("--weights", help="0.5-1.0(+0.1) or 0.6,0.8,1")
    ] = "0, 0.6, 0.8, 1.0",
    x: Annotated[
        str,
        typer.Option(
            "--x",
            metavar="TYPE=VALUES",
            help="As in X/Y/Z plot, instead of --epochs and --weights: epoch, weight, Prompt S/R, "
            "seed, prompt, sampler, steps, CFG scale, size, clip skip, base model, block weights.",
        ),
    ] = "",
    y: Annotated[str, typer.Option("--y", metavar="TYPE=VALUES")] = "",
    z: Annotated[
        str, typer.Option("--z", metavar="TYPE=VALUES", help="One sheet for each value.")
    ] = "",
    seed: Annotated[
        int, typer.Option("--seed", help="With --x, --y, --z also -1: any, told in each picture.")
    ] = 1,
    vary_seeds: Annotated[
        str,
        typer.Option(
            "--vary-seeds",
            metavar="X|Y|Z",
            help="One letter or several: pictures along it get the next seeds.",
        ),
    ] = "",
    keep_random: Annotated[
        bool,
        typer.Option(
            "--keep-random", help="With --seed -1: any seed for each picture, not for all."
        ),
    ] = False,
    steps: Annotated[int, typer.Option("--steps")] = 20,
    cfg: Annotated[float, typer.Option("--cfg")] = 5.0,
    sampler: Annotated[str, typer.Option("--sampler")] = "Euler a",
    size: Annotated[
        str, typer.Option("--size", metavar="WIDTHxHEIGHT", help="Default: as it was trained.")
    ] = "",
    clip_skip: Annotated[
        int, typer.Option("--clip-skip", help="With --x, --y, --z; 0: as it was trained.")
    ] = 0,
    margin: Annotated[
        int, typer.Option("--margin", help="px between cells, with --x, --y, --z.")
    ] = 0,
    sub_grids: Annotated[
        bool, typer.Option("--sub-grids", help="Also a sheet of its own for each value of --z.")
    ] = False,
    html: Annotated[
        bool,
        typer.Option("--html", help="Also one HTML file with all pictures, to be sent around."),
    ] = False,
    measure: Annotated[
        bool,
        typer.Option(
            "--measure",
            help="Also propose epoch and weight, with what speaks for them. Takes longer.",
        ),
    ] = False,
    workspace: WorkspaceDir = None,
    as_json: AsJson = False,
) -> None:
    """Render epochs by weights at a fixed seed, or any axes, from the saved files."""
    from lorabake.core.run import Run
    from lorabake.grid.sitting import prepare, render_here, write_subgrids

    asked: dict[str, Any] = {
        "prompt": prompt,
        "negative": negative,
        "seed": seed,
        "steps": steps,
        "cfg": cfg,
        "sampler": sampler,
        "size": size,
    }
    if sub_grids and not z:
        raise GridError("--sub-grids makes a sheet for each value of --z. Give --z some.")
    if x or y or z:
        asked |= {"x": x, "y": y, "z": z, "clip_skip": clip_skip, "margin": margin}
        asked |= {"vary_seeds": vary_seeds, "keep_random": keep_random}
    else:
        asked |= {"epochs": epochs, "weights": weights}
        if clip_skip or margin or vary_seeds or keep_random:
            raise GridError(
                "--clip-skip, --margin, --vary-seeds and --keep-random go with --x, --y and --z. "
                "Give an axis."
            )
    run = Run(run_dir.absolute())
    folder = prepare(run, asked, lambda: Workspace.open(workspace), _tell)
    should_stop = _stop_on_ctrl_c()
    result = render_here(folder, tell=_tell, should_stop=should_stop)
    if measure:
        result |= measured(folder, Workspace.open(workspace), _tell, should_stop)
    errors = [cell.get("error", "") for cell in result["cells"]]
    if sub_grids:
        result["sub_grids"] = [str(path) for path in write_subgrids(folder, errors)]
    if html:
        from lorabake.grid.page import write_page

        result["html"] = str(write_page(folder, errors))
    answer(
        result,
        as_json,
        lambda: [
            f"{len(result['cells'])} pictures; the sheet is {result['sheet']}",
            *(f"A sheet of its own is {path}" for path in result.get("sub_grids", [])),
            *([f"The page to send around is {result['html']}"] if html else []),
            *measured_lines(result),
        ],
    )
