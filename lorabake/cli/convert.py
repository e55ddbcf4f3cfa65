"""The verb for recipes in and out."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from lorabake.cli.common import AsJson, answer, app
from lorabake.core.errors import RecipeError


class Format(StrEnum):
    """What to write."""

    LORABAKE = "lorabake"
    LETS = "lets"
    SD_SCRIPTS = "sd-scripts"


@app.command()
def convert(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A TOML file or a finished LoRA.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The TOML file to write.")],
    to: Annotated[Format, typer.Option("--to", help="Whose file to write.")] = Format.LORABAKE,
    dataset_config: Annotated[
        Path | None, typer.Option("--dataset-config", help="The second file of an sd-scripts pair.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Turn settings of other trainers, or of a finished LoRA, into a recipe and back.

    For sd-scripts two files are written: OUT, and the one about the folders beside it.
    """
    from lorabake.core.files import atomic_write_text
    from lorabake.recipe.exchange import cautions, read_settings, write_lets, write_sd_scripts
    from lorabake.recipe.presets import recipe_to_toml

    if target.suffix.lower() != ".toml":
        raise RecipeError(f"{target.name} must end in .toml. Give the new file such a name.")
    found = read_settings(source, dataset=dataset_config)
    warned: list[str] = []
    if to is Format.LORABAKE:
        texts = {target: recipe_to_toml(found.recipe)}
    elif to is Format.LETS:
        texts = {target: write_lets(found.recipe, found.folders)}
        warned = cautions(found.recipe, "lets", found.folders)
    else:
        config, dataset = write_sd_scripts(found.recipe, found.folders)
        texts = {target: config, target.with_name(f"{target.stem}-dataset.toml"): dataset}
        warned = cautions(found.recipe, "sd-scripts", found.folders)
    given = {path.resolve() for path in (source, dataset_config) if path}
    for path in texts:
        if path.resolve() in given:
            raise RecipeError(
                f"{path.name} would be overwritten. Choose another name for the new file."
            )
    try:
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            atomic_write_text(path, text)
    except OSError as error:
        reason = error.strerror or "the disk refused"
        raise RecipeError(
            f"{target.name} cannot be written there: {reason}. Choose another place."
        ) from None
    told = [*found.summary(), *warned, *(f"Written: {path}" for path in texts)]
    result = {
        "source": found.source,
        "warnings": [*found.warnings, *warned],
        "not_honoured": found.not_honoured,
        "written": [str(path) for path in texts],
    }
    answer(result, as_json, lambda: told)
