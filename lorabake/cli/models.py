"""The verb `models`: what is on the shelf, and getting more."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Annotated

import typer

from lorabake.cli.common import AsJson, WorkspaceDir, answer, app
from lorabake.core.names import shown
from lorabake.core.workspace import Workspace

models = typer.Typer(help="The model shelf: what models are where, and getting more.")
app.add_typer(models, name="models", invoke_without_command=True)


@models.callback()
def show(
    context: typer.Context,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Look into every file again, also unchanged ones.")
    ] = False,
    every_kind: Annotated[
        bool, typer.Option("--all", help="LoRAs, ControlNets and other kinds as well.")
    ] = False,
    workspace: WorkspaceDir = None,
    as_json: AsJson = False,
) -> None:
    """List the models of this computer, and those that can be downloaded."""
    if context.invoked_subcommand:
        return
    from lorabake.engine.shelf import KNOWN, find_models
    from lorabake.engine.shelf.find import SHOWN

    space = Workspace.open(workspace)
    found = find_models(space, refresh=refresh, kinds=None if every_kind else SHOWN)
    result = {
        "models": [
            {
                "name": _text(model.name),
                "kind": model.kind,
                "family": model.family,
                "prediction": model.prediction,
                "path": _text(model.path),
                "mib": model.mib,
                "where": model.where,
                "dtype": model.dtype,
                "zero_terminal_snr": model.zero_terminal_snr,
                "hash": model.short_hash,
                "problem": model.problem,
            }
            for model in found
        ],
        "known": [
            {
                "name": model.name,
                "title": model.title,
                "kind": model.kind,
                "family": model.family,
                "licence": model.licence,
                "page": model.page,
                "mib": model.mib,
                "can_download": model.can_download,
            }
            for model in KNOWN
        ],
    }
    answer(
        result,
        as_json,
        lambda: [
            *(
                f"{model.kind:<10} {shown(model.name, 100)}  "
                f"[{shown(model.problem or model.label, 200)}, {model.mib:,.0f} MiB, {shown(model.where)}]"
                for model in found
            ),
            *([] if found else ["No models were found."]),
            "",
            "To download with `models get NAME`:",
            *(
                f"  {model.name:<26} {model.title} ({model.licence}; {model.page})"
                for model in KNOWN
            ),
        ],
    )


@models.command()
def get(
    name: Annotated[
        str,
        typer.Argument(help="A name of the list, hf:owner/repository/file, or civitai:VERSION."),
    ],
    workspace: WorkspaceDir = None,
    as_json: AsJson = False,
) -> None:
    """Download a model into the models folder; goes on with what an earlier try left."""
    from lorabake.engine.shelf.jobs import prepare_download, run_download

    space = Workspace.open(workspace)
    run = prepare_download(space, name)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, lambda *_: run.stop_path.touch())
    last = -1

    def tell(done: int, total: int | None) -> None:
        nonlocal last
        percent = done * 100 // total if total else -1
        if percent != last and not as_json:
            last = percent
            of = f" of {total / 2**20:,.0f}" if total else ""
            print(f"\r{done / 2**20:,.0f}{of} MiB", end="", file=sys.stderr, flush=True)

    path = run_download(space, run, tell)
    if last >= 0:
        print(file=sys.stderr)
    answer({"path": str(path)}, as_json, lambda: [f"{path.name} is in {path.parent}."])


@models.command("add-folder")
def add_folder(folder: Path, workspace: WorkspaceDir = None, as_json: AsJson = False) -> None:
    """Look through another folder as well: of models, or of a program that has them."""
    from lorabake.engine.shelf import add_folder as add
    from lorabake.engine.shelf import added_folders

    space = Workspace.open(workspace)
    added = add(space, folder)
    answer(
        {"folders": [str(path) for path in added_folders(space)]},
        as_json,
        lambda: [f"{added} is looked through from now on. `models` lists what is in it."],
    )


@models.command("remove-folder")
def remove_folder(folder: Path, workspace: WorkspaceDir = None, as_json: AsJson = False) -> None:
    """Stop looking through a folder; nothing in it is touched."""
    from lorabake.engine.shelf import added_folders
    from lorabake.engine.shelf import remove_folder as remove

    space = Workspace.open(workspace)
    remove(space, folder)
    answer(
        {"folders": [str(path) for path in added_folders(space)]},
        as_json,
        lambda: [f"{folder} is not looked through any more."],
    )


@models.command()
def key(
    service: Annotated[str, typer.Argument(metavar="huggingface|civitai")], as_json: AsJson = False
) -> None:
    """Keep your key for a site, read from standard input (an empty line forgets it)."""
    import getpass

    from lorabake.core.secrets import SERVICES, keys_path, write_key

    if sys.stdin.isatty():
        text = getpass.getpass(f"Key for {SERVICES.get(service, service)}: ")
    else:
        text = sys.stdin.readline(10_000)
    write_key(service, text)
    kept = bool(text.strip())
    answer(
        {"kept": kept},
        as_json,
        lambda: [f"Kept in {keys_path()}, for you alone." if kept else "The key is forgotten."],
    )


def _text(name: str | Path) -> str:
    """A name of an old system may hold bytes that are no text; JSON cannot."""
    return os.fsencode(name).decode("utf-8", "replace")
