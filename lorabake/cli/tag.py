"""The verb `tag`: a tagger looks at pictures, and its words become captions."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from lorabake.cli.common import AsJson, WorkspaceDir, answer, app, changes_of, stop_on_ctrl_c
from lorabake.core.names import shown
from lorabake.core.settings import from_mapping
from lorabake.core.workspace import Workspace
from lorabake.tag.settings import TagSettings

_STOPPING = "Finishing these pictures. Press Ctrl+C again to leave at once."
_SHOWN = 20  # pictures in the answer for a person


@app.command()
def tag(
    folder: Annotated[Path, typer.Argument(metavar="DIR")],
    tagger: Annotated[
        list[str] | None,
        typer.Option(
            "--tagger",
            metavar="NAME|FOLDER",
            help="Default: the best one here. Several: once each.",
        ),
    ] = None,
    threshold: Annotated[float | None, typer.Option("--threshold", help="Default: 0.3.")] = None,
    character_threshold: Annotated[
        float | None, typer.Option("--character-threshold", help="Default: 0.85; the guide's: 0.3.")
    ] = None,
    merge: Annotated[
        str | None, typer.Option("--merge", help="union, append, intersection or replace.")
    ] = None,
    exclude: Annotated[str | None, typer.Option("--exclude", help="Tags never to write.")] = None,
    tag_threshold: Annotated[
        list[str] | None,
        typer.Option("--tag-threshold", metavar="TAG=NUMBER", help="The threshold of one tag."),
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Change one setting, such as rating=first."
        ),
    ] = None,
    extension: Annotated[str, typer.Option("--extension", help=".txt or .caption.")] = ".txt",
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda, …")] = "auto",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing.")] = False,
    workspace: WorkspaceDir = None,
    as_json: AsJson = False,
) -> None:
    """Tag the pictures of a folder; what a tagger has said once is kept, so that the next time is quick."""
    asked: dict[str, Any] = {
        "threshold": threshold,
        "character_threshold": character_threshold,
        "merge": merge,
        "exclude": exclude,
        "tag_thresholds": changes_of(tag_threshold, "--tag-threshold", "smile=0.6"),
    }
    given = {name: value for name, value in asked.items() if value not in (None, {})}
    settings = from_mapping(TagSettings, {**changes_of(changes, "--set", "rating=first"), **given})
    result = _tagged(
        Workspace.open(workspace), folder, settings, tagger or [], extension, device, dry_run
    )
    answer(result, as_json, lambda: _lines(result, dry_run=dry_run))


def _tagged(
    space: Workspace,
    folder: Path,
    settings: TagSettings,
    named: list[str],
    extension: str,
    device: str,
    dry_run: bool,
) -> dict[str, Any]:
    from lorabake.core.dataset import scan_dataset
    from lorabake.tag.job import caption_extension
    from lorabake.tag.select import single_thresholds
    from lorabake.tag.sitting import Sitting, written
    from lorabake.tag.taggers import chosen_names, resolve_tagger

    names = named or chosen_names(space, settings.taggers)
    for name in names:  # before the pictures are looked through
        resolve_tagger(space, name, paths_allowed=True)
    single_thresholds(settings)
    ending = caption_extension(extension)
    dataset = scan_dataset(folder.absolute(), index=space.index, caption_extension=ending)
    sitting = Sitting(
        space, dataset, settings, names, None, ending, device=device, paths_allowed=True
    )
    keys, scored = sitting.score(
        tell=_tell, on_progress=_progress, should_stop=stop_on_ctrl_c(_STOPPING)
    )
    preview = sitting.preview(keys)
    images = [
        {
            "path": _text(change.image),
            "tags": list(change.after),
            "before": list(change.before),
            "probabilities": {one.name: round(one.probability, 4) for one in change.picked},
        }
        for change in preview.changes
    ]
    done = {"written": 0, "tags": 0, "skipped": []} if dry_run else written(sitting, preview)
    return {
        "images": images,
        "scored": scored.done,
        "failed": [{"path": _text(path), "reason": text} for path, text in scored.failed],
        "would_write": len(preview.changed),
        **done,
    }


def _lines(result: dict[str, Any], *, dry_run: bool) -> list[str]:
    images = result["images"]
    lines = [
        f"{shown(Path(one['path']).name)}: {', '.join(one['tags'])}" for one in images[:_SHOWN]
    ]
    if len(images) > _SHOWN:
        lines.append(f"… and {len(images) - _SHOWN} more")
    lines += [failed["reason"] for failed in result["failed"]]
    lines += [f"{path}: {why}" for path, why in result["skipped"]]
    if dry_run:
        lines.append(f"{result['would_write']} captions would change; nothing was written.")
    else:
        lines.append(
            f"Wrote {result['tags']} tags into {result['written']} captions. "
            "`captions DIR --undo` takes them back."
        )
    return lines


def _text(path: Path) -> str:
    """A name of an old system may hold bytes that are no text; JSON cannot."""
    return os.fsencode(path).decode("utf-8", "replace")


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        end = "\n" if done == total else ""
        print(f"\r{done} of {total}", end=end, file=sys.stderr, flush=True)
