"""The verb that hands a finished file over."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from lorabake.cli.common import AsJson, answer, app, run_at


@app.command()
def export(
    run_dir: Path,
    epoch: Annotated[int, typer.Option("--epoch", help="Whose file to take.")],
    weight: Annotated[float, typer.Option("--weight", help="At which it works best.")],
    to: Annotated[
        Path, typer.Option("--to", metavar="DIR", help="Where your web UI looks for LoRAs.")
    ],
    name: Annotated[str, typer.Option("--name", help="Of the file (default: the bake's).")] = "",
    trigger: Annotated[
        str, typer.Option("--trigger", help="Trigger words (default: those of the bake).")
    ] = "",
    trim: Annotated[
        bool, typer.Option("--trim", help="Leave recipe and tags out of the file.")
    ] = False,
    resize: Annotated[
        str,
        typer.Option("--resize", metavar="R", help="A rank such as 8, or a share such as 0.98."),
    ] = "",
    merge_with: Annotated[
        str,
        typer.Option(
            "--merge-with", metavar="E:SHARE", help="Average with another epoch, such as 5:0.4."
        ),
    ] = "",
    card: Annotated[
        bool, typer.Option("--card", help="Also write NAME.md, a draft of the model's page.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Copy the chosen epoch as NAME.safetensors, with what web UIs show beside it.

    NAME.json has trigger words and weight, NAME.png is the grid's picture. Nothing is written over.
    """
    from dataclasses import replace

    from lorabake.core.settings import checked, setting_fields
    from lorabake.grid.handover.choice import choose
    from lorabake.grid.handover.make import hand_over
    from lorabake.grid.handover.settings import KEEP, TRIM, HandoverSettings

    specs = {spec.name: spec for spec in setting_fields(HandoverSettings)}
    choice = choose(run_at(run_dir), epoch, checked(specs["weight"], weight))
    suggested = choice.suggested()
    settings = replace(
        suggested,
        name=checked(specs["name"], name) or suggested.name,
        trigger=checked(specs["trigger"], trigger) or suggested.trigger,
        training_notes=TRIM if trim else KEEP,
        resize=checked(specs["resize"], resize),
        merge_with=checked(specs["merge_with"], merge_with),
    )
    done = hand_over(
        choice,
        settings,
        to.absolute(),
        card=card,
        tell=lambda text: print(text, file=sys.stderr, flush=True),
    )
    answer(
        done.to_mapping(),
        as_json,
        lambda: [*(f"Written: {placed.path}" for placed in done.files), *done.said],
    )
