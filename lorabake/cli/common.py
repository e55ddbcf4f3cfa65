"""What the verbs of the command line share: the program, its usual options, how it answers."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from lorabake.core.errors import RecipeError, WorkspaceError
from lorabake.core.run import Run

app = typer.Typer(
    name="lorabake",
    help="From a folder of captioned pictures to a finished anime LoRA.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
Changes = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change one setting of the recipe."),
]
RecipeName = Annotated[str, typer.Option("--recipe", help="A preset's name or a TOML file.")]
WorkspaceDir = Annotated[
    Path | None,
    typer.Option(
        "--workspace", help="Where projects and models live (default: your user data folder)."
    ),
]


def answer(result: dict[str, Any], as_json: bool, lines: Callable[[], list[str]]) -> None:
    """Print a verb's result: one JSON object, or lines for a person."""
    if as_json:
        print(json.dumps(result, ensure_ascii=False, default=str))
    else:
        print("\n".join(lines()))


def run_at(folder: Path, *, recipe: bool = True) -> Run:
    """The run whose folder was named; WorkspaceError when there is none. recipe: it must have one."""
    run = Run(folder.absolute())
    if not run.folder.is_dir():
        raise WorkspaceError(
            f"There is no folder {run.folder}. Name that of a bake: PROJECT/runs/NAME."
        )
    if recipe and not run.recipe_path.is_file():
        raise WorkspaceError(
            f"{run.folder} is no bake: it has no {run.recipe_path.name}. Name a folder of PROJECT/runs."
        )
    return run


def changes_of(pairs: Iterable[str] | None, option: str, example: str) -> dict[str, str]:
    """KEY=VALUE pairs of an option that may be given several times."""
    changes = {}
    for pair in pairs or ():
        key, equals, value = pair.partition("=")
        if not equals:
            raise RecipeError(
                f"{option} wants KEY=VALUE, for example {option} {example}, not {pair!r}."
            )
        changes[key.strip()] = value.strip()
    return changes


def stop_on_ctrl_c(text: str) -> Callable[[], bool]:
    """Was Ctrl+C pressed? The first time says `text` and lets the work end well; the second leaves."""
    asked = False

    def handle(_signal: int, _frame: object) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        print(text, file=sys.stderr, flush=True)

    signal.signal(signal.SIGINT, handle)
    return lambda: asked
