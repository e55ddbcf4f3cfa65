"""The verb `concepts`: outfits and concepts in folders, balanced, and what will bleed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lorabake.cli.common import AsJson, RecipeName, WorkspaceDir, answer, app, changes_of
from lorabake.core.errors import DatasetError
from lorabake.core.names import shown
from lorabake.core.workspace import Workspace

if TYPE_CHECKING:
    from lorabake.concepts.balancing import Proposal
    from lorabake.concepts.pile import Sorting
    from lorabake.recipe.recipe import Recipe

_SHOWN = 10  # pictures of one folder in the answer for a person


@app.command()
def concepts(
    folder: Annotated[Path, typer.Argument(metavar="DIR")],
    balance: Annotated[
        bool, typer.Option("--balance", help="Show every folder equally often, as in the guide.")
    ] = False,
    tolerance: Annotated[
        float | None,
        typer.Option(
            "--tolerance",
            metavar="0.05",
            help="Lose as few pictures as possible instead, with looks this far apart.",
        ),
    ] = None,
    assign: Annotated[
        list[str] | None,
        typer.Option("--assign", metavar="FOLDER=EXPR", help="Move what a filter finds."),
    ] = None,
    suggest: Annotated[
        bool, typer.Option("--suggest", help="Which of the unsorted pictures belong together.")
    ] = False,
    triggers: Annotated[
        bool, typer.Option("--triggers", help="Put each folder's trigger in front of its captions.")
    ] = False,
    apply: Annotated[
        bool, typer.Option("--apply", help="Do it; without this, nothing is written.")
    ] = False,
    recipe: RecipeName = "illustrious",
    workspace: WorkspaceDir = None,
    as_json: AsJson = False,
) -> None:
    """Look at concept folders, sort pictures into them, and bring them into balance."""
    from lorabake.concepts.pile import look_at
    from lorabake.recipe.presets import load_recipe

    if not folder.is_dir():
        raise DatasetError(f"There is no folder {folder}. Choose the folder your pictures are in.")
    if tolerance is not None and not balance:
        raise typer.BadParameter("--tolerance is for --balance.")
    root, space, chosen = folder.absolute(), Workspace.open(workspace), load_recipe(recipe)
    extension = chosen.captions.caption_extension

    def now() -> Sorting:
        return look_at(root, index=space.index, caption_extension=extension)

    sorting = now()
    moved = _assigned(sorting, changes_of(assign, "--assign", "1_zetadef=tag:dress"), apply=apply)
    if apply and moved:
        sorting = now()
    if apply and triggers:
        _write_triggers(sorting, extension)
        sorting = now()
    proposal = _proposal(sorting, tolerance, chosen) if balance else None
    result = _answer(space, sorting, proposal, chosen) | {"assigned": moved, "applied": apply}
    if suggest:
        result["groups"] = _groups(space, sorting)
    if apply and proposal is not None:
        from lorabake.concepts import balancing

        done = balancing.apply(proposal)
        result["set_aside"] = len(done.set_aside.changed)
    answer(result, as_json, lambda: _lines(result, balance=balance, apply=apply))


def _assigned(sorting: Sorting, wanted: dict[str, str], *, apply: bool) -> list[dict[str, Any]]:
    """Pictures by folder. One that several filters find goes to the first."""
    from lorabake.concepts.sorting import assign_groups, folder_for
    from lorabake.core.dataset import split_concept_name

    taken: set[str] = set()
    groups = {}
    for name, expression in wanted.items():
        repeats, trigger = split_concept_name(name)
        found = [one for one in sorting.matching(expression) if one.id not in taken]
        taken |= {one.id for one in found}
        groups[folder_for(sorting.root, trigger, repeats or 1)] = found
    if apply and groups:
        assign_groups(sorting.root, groups)
    return [
        {"folder": name, "pictures": [one.id for one in found]} for name, found in groups.items()
    ]


def _write_triggers(sorting: Sorting, extension: str) -> None:
    from lorabake.concepts.sorting import write_triggers

    triggers = {one: one.trigger for one in sorting.concepts if not one.is_reg}
    write_triggers(sorting.root, triggers, extension=extension)


def _proposal(sorting: Sorting, tolerance: float | None, recipe: Recipe) -> Proposal:
    from lorabake.concepts.balancing import propose

    return propose(sorting, tolerance=tolerance, resolution=recipe.general.resolution)


def _answer(
    space: Workspace, sorting: Sorting, proposal: Proposal | None, recipe: Recipe
) -> dict[str, Any]:
    from lorabake.concepts.bleed import bleeds
    from lorabake.core.vocabulary import open_vocabulary
    from lorabake.recipe.tables import epochs_for, nearest, table_for
    from lorabake.tag.seen import tags_seen

    trained = [one for one in sorting.concepts if not one.is_reg]
    if proposal is not None:
        told = proposal.to_mapping()
    else:
        told = {
            "concepts": [
                {
                    "folder": one.folder.name,
                    "trigger": one.trigger,
                    "images": len(one.images),
                    "keep": len(one.images),
                    "repeats": one.repeats,
                    "seen": one.repeats * len(one.images),
                }
                for one in trained
            ],
            "T": sum(one.repeats * len(one.images) for one in trained),
        }
    table = table_for(recipe.family, len(trained))
    images = sum(one["keep"] for one in told["concepts"])
    count = images if table.kind == "single" else told["T"]
    seen = tags_seen(space.index, [one.sha256 for one in sorting.pictures])
    return told | {
        "epochs": epochs_for(table, count, told["T"] / images if images else 1),
        "table": {"label": table.label, "nearest": nearest(table, count).sentence},
        "unassigned": len(sorting.pile),
        "bleeds": [
            {"id": one.id, "folder": one.folder, "text": one.text, "tags": list(one.tags)}
            for one in bleeds(sorting, vocabulary=open_vocabulary(space), seen=seen)
        ],
    }


def _groups(space: Workspace, sorting: Sorting) -> list[dict[str, Any]]:
    from lorabake.concepts.cluster import suggest_groups
    from lorabake.concepts.looks import looks_of

    pictures = sorting.pile or sorting.pictures
    found = suggest_groups(pictures, looks_of(pictures, space.index))
    return [{"pictures": list(group.pictures), "tags": list(group.tags)} for group in found.groups]


def _lines(result: dict[str, Any], *, balance: bool, apply: bool) -> list[str]:
    lines = []
    for one in result["concepts"]:
        of = f"{one['keep']} of {one['images']}" if balance else str(one["images"])
        lines.append(f"{shown(one['folder'])}: {of} pictures × {one['repeats']} = {one['seen']}")
        removed = one.get("remove", [])
        lines += [
            f"  set aside: {shown(each['id'])}{' – ' + each['why'] if each['why'] else ''}"
            for each in removed[:_SHOWN]
        ]
        if len(removed) > _SHOWN:
            lines.append(f"  … and {len(removed) - _SHOWN} more")
    lines.append(f"T = {result['T']}, {result['epochs']} epochs ({result['table']['nearest']})")
    if result["unassigned"]:
        lines.append(f"{result['unassigned']} pictures are in no folder yet.")
    for one in result["assigned"]:
        verb = "moved" if apply else "would move"
        lines.append(f"{len(one['pictures'])} pictures {verb} to {shown(one['folder'])}")
    for number, group in enumerate(result.get("groups", []), start=1):
        told = ", ".join(group["tags"]) or "nothing in their tags"
        lines.append(f"group {number}: {len(group['pictures'])} pictures, told by {told}")
    lines += [f"{shown(one['folder'])}: {one['text']}" for one in result["bleeds"]]
    if balance:
        done = f"{result.get('set_aside', 0)} files are in the bin; undo brings them back."
        lines.append(done if apply else "Nothing was written; --apply does it.")
    return lines
