"""`votes`: what the votes on a run's grids say, and friends' votes taken in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from lorabake.cli.common import AsJson, answer, app, run_at
from lorabake.core.errors import GridError
from lorabake.core.run import Run


@app.command()
def votes(
    run_dir: Path,
    grid: Annotated[
        str, typer.Option("--grid", metavar="NAME", help="Of its folder (default: all grids).")
    ] = "",
    by: Annotated[
        str, typer.Option("--by", help="all, own (the page's), or the name of one friend.")
    ] = "all",
    add: Annotated[
        Path | None,
        typer.Option("--add", metavar="FILE", help="Take in the file a friend sent back first."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Which epoch and weight win in the comparisons of two pictures, how sure that is, and the stars.

    Shares lie between 0 and 1, each with its interval of 95 %; `chance` is that of being the best.
    """
    folders = _grids(run_at(run_dir, recipe=False), grid)
    said = _add(folders, add) if add else ""
    found = [_told(folder, by) for folder in folders]
    answer(
        {"grids": found, **({"said": said} if said else {})},
        as_json,
        lambda: [*([said] if said else []), *(line for one in found for line in _lines(one))],
    )


def _grids(run: Run, name: str) -> list[Path]:
    """The folders of the grids that are meant; GridError when there is none."""
    from lorabake.core.names import natural_key
    from lorabake.grid.job import PLAN
    from lorabake.grid.xyz import XYZ

    home = run.grid_dir
    found = [
        folder
        for folder in (home.iterdir() if home.is_dir() else ())
        if (folder / PLAN).is_file() or (folder / XYZ).is_file()
    ]
    chosen = [folder for folder in found if name in ("", folder.name)]
    if not found:
        raise GridError(f"{run.name} has no grid yet. Render one first: grid RUN_DIR --prompt …")
    if not chosen:
        known = ", ".join(sorted(folder.name for folder in found))
        raise GridError(f"There is no grid {name!r} in {run.name}. There are: {known}.")
    return sorted(chosen, key=lambda folder: natural_key(folder.name))


def _add(folders: list[Path], file: Path) -> str:
    """Into the grid that the file names; what was done."""
    from lorabake.grid.ballot import MAX_FRIEND_FILE, add_friend, grid_of_file
    from lorabake.grid.xyz import open_board

    try:
        with file.open(encoding="utf-8") as opened:
            text = opened.read(MAX_FRIEND_FILE + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise GridError(f"{file.name} cannot be read. Choose the file your friend sent.") from error
    meant = grid_of_file(text)
    folder = next((one for one in folders if one.name == meant), folders[0])
    names = [spot.name for spot in open_board(folder).spots]
    _, friend, left_out = add_friend(folder, text, names)
    count = len(friend.ballot.pairs) + len(friend.ballot.stars)
    missing = f"; {left_out} on pictures that are not here left out" if left_out else ""
    return f"Added {count} votes of {friend.name} to {folder.name}{missing}."


def _told(folder: Path, by: str) -> dict[str, Any]:
    from lorabake.grid.ballot import read_votes
    from lorabake.grid.votes import standing
    from lorabake.grid.xyz import open_board

    found = read_votes(folder)
    friends = {friend.name: friend for friend in found.counting.values()}
    if by not in ("all", "own", *friends):
        known = ", ".join(["all", "own", *friends])
        raise GridError(f"Nobody named {by!r} voted on {folder.name}. There are: {known}.")
    voter = {"all": None, "own": ""}.get(by) if by in ("all", "own") else friends[by].voter
    return {
        "grid": folder.name,
        "by": by,
        "friends": [
            {"name": name, "votes": len(one.ballot.pairs), "stars": len(one.ballot.stars)}
            for name, one in friends.items()
        ],
        **standing(open_board(folder), found, voter=voter).to_mapping(),
    }


def _lines(told: dict[str, Any]) -> list[str]:
    lines = [f"{told['grid']}: {told['sentence'] or 'no two pictures can be compared.'}"]
    for ranking in told["rankings"]:
        lines.append(f"  by {ranking['axis'].lower() or 'picture'}")
        for row in ranking["rows"] if told["votes"] else ():
            wins = row["wins"]
            lines.append(
                f"    {row['label']}: wins {100 * wins['share']:.0f} % "
                f"({100 * wins['low']:.0f}–{100 * wins['high']:.0f}), {row['stars']} stars"
            )
    return lines
