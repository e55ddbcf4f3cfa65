"""The verb `captions`: process tags of a whole folder, with a preview, an undo and a redo."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from lorabake.captions.settings import ProcessSettings
from lorabake.cli.common import AsJson, WorkspaceDir, answer, app, changes_of
from lorabake.core.errors import DatasetError, RecipeError
from lorabake.core.names import shown
from lorabake.core.settings import from_mapping, to_mapping
from lorabake.core.workspace import Workspace

TITLE = "Process tags"
_EXTENSIONS = (".txt", ".caption")
_SHOWN = 20  # captions in the answer for a person

Texts = list[str] | None


@app.command()
def captions(
    folder: Annotated[Path, typer.Argument(metavar="DIR")],
    add: Annotated[Texts, typer.Option("--add", help="Tags in front, such as a trigger.")] = None,
    remove: Annotated[Texts, typer.Option("--remove", help="Tags to take out: a,b")] = None,
    exchange: Annotated[
        Texts, typer.Option("--replace", metavar="OLD=NEW", help="One tag by another.")
    ] = None,
    recipe: Annotated[
        str | None, typer.Option("--recipe", metavar="NAME|FILE", help="A saved set of operations.")
    ] = None,
    changes: Annotated[
        Texts,
        typer.Option("--set", metavar="KEY=VALUE", help="One setting, such as sort=category."),
    ] = None,
    only: Annotated[
        str | None, typer.Option("--filter", metavar="EXPR", help="Only pictures that match.")
    ] = None,
    rename: Annotated[
        bool, typer.Option("--rename", help="Rename images and captions to 1, 2, 3 …")
    ] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Undo what was done last.")] = False,
    redo: Annotated[bool, typer.Option("--redo", help="Do again what was undone last.")] = False,
    extension: Annotated[str, typer.Option("--extension", help=".txt or .caption.")] = ".txt",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing.")] = False,
    workspace: WorkspaceDir = None,
    as_json: AsJson = False,
) -> None:
    """Change the captions of a folder: add, remove and replace tags, clean up, sort, rename."""
    asked = [add, remove, exchange, recipe, changes]
    if undo or redo:
        if (undo and redo) or rename or dry_run or only or any(asked):
            raise typer.BadParameter("--undo and --redo stand alone.")
        result = _turned(_existing(folder), undo=undo)
    else:
        space = Workspace.open(workspace)
        settings = _settings(space, recipe, add, remove, exchange, changes)
        if rename:
            settings = replace(settings, rename=True)
        process = any(asked)
        if not process and not settings.rename:
            raise typer.BadParameter(
                "Say what to do: --add, --remove, --replace, --set, --rename …"
            )
        result = _done(space, folder, settings, only, extension, dry_run=dry_run, process=process)
    answer(result, as_json, lambda: _lines(result, dry_run=dry_run))


def _settings(
    space: Workspace, recipe: str | None, add: Texts, remove: Texts, exchange: Texts, changes: Texts
) -> ProcessSettings:
    """A saved set, then what --set says, then the options of their own added to it."""
    base = to_mapping(_saved(space, recipe)) if recipe else {}
    base |= changes_of(changes, "--set", "sort=category")
    for name, texts, between in (
        ("tags_to_add", add, ", "),
        ("tags_to_remove", remove, ", "),
        ("replace", exchange, "\n"),
    ):
        if texts:
            base[name] = between.join(filter(None, [str(base.get(name, "")), *texts]))
    return from_mapping(ProcessSettings, base)


def _saved(space: Workspace, recipe: str) -> ProcessSettings:
    from lorabake.captions.recipes import load_recipe, read_recipe, recipe_names

    path = Path(recipe)
    if path.suffix.lower() == ".toml" and path.stem not in recipe_names(space):
        return read_recipe(path)
    return load_recipe(space, recipe)


def _existing(folder: Path) -> Path:
    if not folder.is_dir():
        raise DatasetError(f"There is no folder {folder}. Choose the folder your pictures are in.")
    return folder.absolute()


def _done(
    space: Workspace,
    folder: Path,
    settings: ProcessSettings,
    only: str | None,
    extension: str,
    *,
    dry_run: bool,
    process: bool,
) -> dict[str, Any]:
    from lorabake.captions.facts import ids_matching
    from lorabake.captions.process import Preview, apply, items_of, preview
    from lorabake.core.dataset import scan_dataset
    from lorabake.core.vocabulary import open_vocabulary

    if extension not in _EXTENSIONS:
        raise RecipeError(f"Captions end with {' or '.join(_EXTENSIONS)}, not {extension!r}.")
    if only and settings.rename:
        raise typer.BadParameter("--rename numbers whole folders; leave --filter out.")
    root = _existing(folder)
    dataset = scan_dataset(root, index=space.index, caption_extension=extension)
    everything = items_of(dataset, extension=extension)
    ids = ids_matching(dataset, only) if only else None
    items = [item for item in everything if ids is None or item.id in ids]
    seen = Preview()
    if process:
        seen = preview(items, settings, open_vocabulary(space), all_items=everything)
    skipped: Sequence[tuple[str, str]] = ()
    if not dry_run and seen.changes:
        skipped = apply(root, items, seen, TITLE).skipped
    left_out = {path for path, _ in skipped}
    paths = {item.id: item.path for item in items}
    changed = [
        {
            "path": _text(paths[change.id]),
            "before": change.before,
            "after": change.after,
            "reasons": [
                {"tag": reason.tag, "operation": reason.operation, "why": reason.why}
                for reason in change.reasons
            ],
        }
        for change in seen.changes
        if paths[change.id].relative_to(root).as_posix() not in left_out
    ]
    renamed, not_renamed = _renamed(root, dataset, settings, dry_run=dry_run)
    return {
        "looked": len(items),
        "changed": changed,
        "counts": dict(seen.counts),
        "renamed": renamed,
        "skipped": [{"path": path, "reason": why} for path, why in (*skipped, *not_renamed)],
        "warnings": list(seen.warnings),
        "written": 0 if dry_run else len(changed),
    }


def _renamed(
    root: Path, dataset: Any, settings: ProcessSettings, *, dry_run: bool
) -> tuple[list[dict[str, str]], tuple[tuple[str, str], ...]]:
    from lorabake.captions.rename import plan_rename, rename_ascending

    if not settings.rename:
        return [], ()
    order: Any = settings.rename_order
    moves = plan_rename(dataset, start=settings.rename_start, order=order)
    outcome = None
    if moves and not dry_run:
        outcome = rename_ascending(root, dataset, start=settings.rename_start, order=order)
    names = [{"from": _text(move.source), "to": _text(move.target)} for move in moves]
    return names, outcome.skipped if outcome else ()


def _turned(root: Path, *, undo: bool) -> dict[str, Any]:
    from lorabake.core.history import open_history

    history = open_history(root)
    outcome = history.undo() if undo else history.redo()
    return {
        "undone" if undo else "redone": outcome.operation.title if outcome.operation else None,
        "changed": [{"path": _text(root / path)} for path in outcome.changed],
        "renamed": [],
        "skipped": [{"path": path, "reason": why} for path, why in outcome.skipped],
    }


def _lines(result: dict[str, Any], *, dry_run: bool) -> list[str]:
    changed, renamed = result["changed"], result["renamed"]
    lines = []
    for one in changed[:_SHOWN] if "written" in result else ():
        lines.append(f"{shown(Path(one['path']).name)}")
        lines += [f"  - {one['before']}", f"  + {one['after']}"]
    if "written" in result and len(changed) > _SHOWN:
        lines.append(f"… and {len(changed) - _SHOWN} more")
    lines += [f"{shown(one['from'])} → {shown(one['to'])}" for one in renamed[:_SHOWN]]
    if len(renamed) > _SHOWN:
        lines.append(f"… and {len(renamed) - _SHOWN} more")
    lines += [f"{shown(one['path'])}: {one['reason']}" for one in result["skipped"]]
    lines += result.get("warnings", [])
    return [*lines, _summary(result, dry_run=dry_run)]


def _summary(result: dict[str, Any], *, dry_run: bool) -> str:
    changed, renamed = len(result["changed"]), len(result["renamed"])
    for key, word in (("undone", "Undone"), ("redone", "Done again")):
        if key in result:
            return f"{word}: {result[key]} ({_count(changed, 'file')})."
    what = f"{_count(changed, 'caption')} of {result['looked']}"
    what += f" and {_count(renamed, 'name')}" if renamed else ""
    if dry_run:
        return f"{what} would change; nothing was written."
    return f"{what} changed. `captions DIR --undo` takes the last step back."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _text(path: Path | str) -> str:
    """A name of an old system may hold bytes that are no text; JSON cannot."""
    return os.fsencode(path).decode("utf-8", "replace")
