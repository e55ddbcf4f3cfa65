"""The verb `duplicates`: which pictures are there twice, and the bin for those that need not stay."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from lorabake.cli.common import AsJson, WorkspaceDir, answer, app, stop_on_ctrl_c
from lorabake.core.workspace import Workspace
from lorabake.duplicates.settings import DuplicateSettings

_STOPPING = "Stopping. What was looked at is kept. Press Ctrl+C again to leave at once."
_SHOWN = 20  # groups in the answer for a person
_USUAL = DuplicateSettings()


@app.command()
def duplicates(
    folder: Annotated[Path, typer.Argument(metavar="DIR")],
    hardness: Annotated[
        int,
        typer.Option(
            "--hardness",
            help="How alike two pictures must be, as in dupeGuru: lower finds more and errs more.",
            min=1,
            max=100,
        ),
    ] = _USUAL.hardness,
    prefer_folder: Annotated[
        str,
        typer.Option("--prefer-folder", help="Its pictures are kept first, such as 5_kafka."),
    ] = _USUAL.prefer_folder,
    apply: Annotated[
        bool,
        typer.Option("--apply", help="Move all but one of each group to the bin; no variants."),
    ] = False,
    merge_tags: Annotated[
        bool,
        typer.Option("--merge-tags", help="Add the tags of what goes to what stays, with --apply."),
    ] = _USUAL.merge_tags,
    extension: Annotated[
        str, typer.Option("--caption-extension", help="Of the captions.")
    ] = ".txt",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list, also with --apply.")
    ] = False,
    workspace: WorkspaceDir = None,
    as_json: AsJson = False,
) -> None:
    """Find pictures that are there twice. Without --apply they are only listed."""
    result = _found(
        Workspace.open(workspace), folder.absolute(), hardness, prefer_folder, extension
    )
    if apply and not dry_run:
        result |= _moved(folder.absolute(), result["groups"], merge_tags, extension)
    for one in result["groups"]:
        one["keep"] = _text(one["keep"])
        for member in one["members"]:
            member["path"] = _text(member["path"])
    answer(result, as_json, lambda: _lines(result))


def _found(
    space: Workspace, root: Path, hardness: int, prefer_folder: str, extension: str
) -> dict[str, Any]:
    from lorabake.core.dataset import scan_dataset
    from lorabake.core.marks import read_marks
    from lorabake.duplicates.groups import group
    from lorabake.duplicates.mark import PAIRS
    from lorabake.duplicates.scan import scan_duplicates

    dataset = scan_dataset(root, index=space.index, caption_extension=extension)
    scan = scan_duplicates(
        space.index, dataset.images, _tell, should_stop=stop_on_ctrl_c(_STOPPING)
    )
    groups = group(
        scan,
        hardness=hardness,
        ignored_pairs=read_marks(root, PAIRS),
        prefer_folder=prefer_folder,
    ).groups
    bad = {str(one.path): one.sentence for one in dataset.problems if one.level == "error"}
    return {
        "images": len(dataset.images),
        "groups": [
            {
                "keep": one.keep,
                "variant": one.variant,
                "members": [
                    {
                        "path": member.id,
                        "match": member.match,
                        "kind": member.kind,
                        "reason": member.reason,
                        "marked": member.marked,
                    }
                    for member in one.members
                ],
            }
            for one in groups
        ],
        "unreadable": [
            {"path": _text(path), "reason": why}
            for path, why in (bad | dict(scan.unreadable)).items()
        ],
    }


def _moved(
    root: Path, groups: list[dict[str, Any]], merge_tags: bool, extension: str
) -> dict[str, Any]:
    from lorabake.duplicates.mark import delete_marked

    twins = {
        Path(member["path"]): Path(one["keep"])
        for one in groups
        for member in one["members"]
        if member["marked"]
    }
    outcomes = delete_marked(root, twins, merge_tags=merge_tags, extension=extension)
    skipped = [pair for outcome in outcomes for pair in outcome.skipped]
    return {
        "moved": sum(not path.exists() for path in twins),
        "skipped": [{"path": path, "reason": why} for path, why in skipped],
    }


def _lines(result: dict[str, Any]) -> list[str]:
    lines: list[str] = []
    for one in result["groups"][:_SHOWN]:
        lines.append(f"{'variants' if one['variant'] else 'keep'}: {one['keep']}")
        for member in one["members"]:
            if member["path"] != one["keep"]:
                match = "" if member["match"] is None else f"{member['match']} % "
                lines.append(f"  {member['path']}: {match}{member['kind']}, {member['reason']}")
    left = len(result["groups"]) - _SHOWN
    lines += [f"… and {left} more groups"] if left > 0 else []
    lines += [one["reason"] for one in result["unreadable"]]
    lines += [f"{one['path']}: {one['reason']}" for one in result.get("skipped", ())]
    marked = sum(member["marked"] for one in result["groups"] for member in one["members"])
    if "moved" in result:
        done = f"Moved {_count(result['moved'])} to the bin"
        return [*lines, f"{done}; `captions DIR --undo` takes it back."]
    if not marked:
        return [*lines, f"No duplicates among {_count(result['images'])}."]
    return [
        *lines,
        f"{_count(marked)} of {result['images']} could go; --apply moves them to the bin.",
    ]


def _count(number: int) -> str:
    return "1 picture" if number == 1 else f"{number} pictures"


def _text(path: str | Path) -> str:
    """A name of an old system may hold bytes that are no text; JSON cannot."""
    return os.fsencode(path).decode("utf-8", "replace")


def _tell(done: int, total: int) -> None:
    if sys.stderr.isatty():
        end = "\n" if done == total else ""
        print(f"\r\x1b[K{done} of {total}", end=end, file=sys.stderr, flush=True)
