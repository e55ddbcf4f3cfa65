"""Stars and votes on the pictures of a grid: two at a time without their labels, the ranking, friends' votes."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lorabake.core.errors import GridError
from lorabake.grid.ballot import (
    MAX_FRIEND_FILE,
    Votes,
    add_friend,
    add_pair,
    read_votes,
    set_star,
    take_out,
    undo_pair,
    voter_of,
)
from lorabake.grid.board import Board
from lorabake.grid.duels import field_of, roughly
from lorabake.grid.votes import Ranking, checked_pair, standing, suggested
from lorabake.ui.answers import answered, text
from lorabake.ui.grids import grid_folder, open_grid, spot_of
from lorabake.ui.roles import who
from lorabake.ui.words import plural

EVERYBODY, ONESELF = "all", "own"


@dataclass(frozen=True)
class _Asked:
    """The grid a call is about. there: its pictures that are rendered."""

    folder: Path
    board: Board
    there: frozenset[str]


@answered("look")
def lb_votes(data: dict[str, Any]) -> dict[str, Any]:
    """{project, run, grid, voter} → stars, votes and what they say.

    voter: "all", "own", or one of the friends. stars: names of the pictures with a star of one's own;
    starred: [[label, count]] over all who gave any. possible: two pictures can be compared; why: what is
    in the way. ranking rows: [label, share, low, high, chance, shown, neither], shares from 0 to 1.
    """
    asked = _asked(data)
    return _view(asked, read_votes(asked.folder), text(data, "voter", limit=60))


@answered("edit")
def lb_star(data: dict[str, Any]) -> dict[str, Any]:
    """{…, name, on} → as `lb_votes`, with the star given or taken."""
    asked = _asked(data)
    name = spot_of(asked.folder, text(data, "name", limit=300)).name
    if name not in asked.there:
        raise GridError("This picture is not rendered yet. Wait for it.")
    votes = set_star(asked.folder, name, data.get("on") is True, person=who().name)
    return _view(asked, votes, text(data, "voter", limit=60))


@answered("look")
def lb_duel(data: dict[str, Any]) -> dict[str, Any]:
    """{…} → {left, right, …}: the next two pictures, and how far the votes are."""
    asked = _asked(data)
    votes = read_votes(asked.folder)
    return _duel(asked, votes, _next(asked, votes))


@answered("edit")
def lb_duel_vote(data: dict[str, Any]) -> dict[str, Any]:
    """{…, left, right, verdict: left|right|tie|neither} → as `lb_duel`, of the next two."""
    asked = _asked(data)
    left, right, verdict = (text(data, key, limit=300) for key in ("left", "right", "verdict"))
    pair = checked_pair(asked.board, left, right, verdict)
    votes = add_pair(asked.folder, pair, person=who().name)
    return _duel(asked, votes, _next(asked, votes))


@answered("edit")
def lb_duel_undo(data: dict[str, Any]) -> dict[str, Any]:
    """{…} → as `lb_duel`, of the two whose vote was taken back."""
    asked = _asked(data)
    votes, pair = undo_pair(asked.folder, person=who().name)
    shown = {pair.left, pair.right} <= asked.there
    return _duel(asked, votes, (pair.left, pair.right) if shown else _next(asked, votes))


@answered("edit")
def lb_friend(data: dict[str, Any]) -> dict[str, Any]:
    """{…, text} → as `lb_votes`, with the votes of the file a friend sent back; `added`: whose."""
    asked = _asked(data)
    names = [spot.name for spot in asked.board.spots]
    told = text(data, "text", limit=MAX_FRIEND_FILE + 1)
    votes, friend, left_out = add_friend(asked.folder, told, names)
    count = len(friend.ballot.pairs) + len(friend.ballot.stars)
    missing = (
        f" {plural(left_out, 'vote')} on pictures that are not here left out." if left_out else ""
    )
    return {
        **_view(asked, votes, EVERYBODY),
        "said": f"Added {plural(count, 'vote')} of {friend.name}.{missing}",
        "added": friend.voter,
    }


@answered("edit")
def lb_friend_out(data: dict[str, Any]) -> dict[str, Any]:
    """{…, friend, back} → as `lb_votes`, without the votes of one friend, or with them again."""
    asked = _asked(data)
    voter, back = text(data, "friend", limit=60), data.get("back") is True
    before = read_votes(asked.folder)
    votes = take_out(asked.folder, voter, back=back)
    name = next(one.name for one in before.friends if one.voter == voter)
    said = f"The votes of {name} {'count again' if back else 'count no more'}."
    return {**_view(asked, votes, EVERYBODY), "said": said}


CALLS = (lb_votes, lb_star, lb_duel, lb_duel_vote, lb_duel_undo, lb_friend, lb_friend_out)


def _asked(data: dict[str, Any]) -> _Asked:
    folder = grid_folder(data)
    board = open_grid(folder).board
    there = frozenset(spot.name for spot in board.spots if (folder / spot.name).is_file())
    return _Asked(folder, board, there)


def _next(asked: _Asked, votes: Votes) -> tuple[str, str] | None:
    return suggested(asked.board, votes, asked.there, random.Random())


def _duel(asked: _Asked, votes: Votes, pair: tuple[str, str] | None) -> dict[str, Any]:
    if pair is None:
        raise GridError(_why(asked))
    now = standing(asked.board, votes)
    return {
        "left": pair[0],
        "right": pair[1],
        "own": len(votes.of(who().name).pairs),
        "votes": now.votes,
        "more": now.more,
        "enough": now.enough,
        "sentence": now.sentence,
    }


def _view(asked: _Asked, votes: Votes, voter: str) -> dict[str, Any]:
    counting = votes.counting
    chosen = voter if voter in counting else None
    own = votes.of(who().name)
    now = standing(asked.board, votes, voter=voter_of(who().name) if voter == ONESELF else chosen)
    label = open_grid(asked.folder).label
    stars = Counter(star for ballot in votes.ballots() for star in ballot.stars)
    spots = [(spot, stars[spot.name]) for spot in asked.board.spots if stars[spot.name]]
    why = _why(asked)
    return {
        "stars": list(own.stars),
        "starred": [
            [label(spot), count] for spot, count in sorted(spots, key=lambda pair: -pair[1])
        ],
        "counts": dict(stars),
        "own": len(own.pairs),
        "possible": not why,
        "why": why,
        "usual": roughly(len(field_of(asked.board).candidates)),
        "voter": voter if chosen or voter == ONESELF else EVERYBODY,
        "friends": [
            [one.voter, one.name, len(one.ballot.pairs), len(one.ballot.stars)]
            for one in counting.values()
        ],
        "votes": now.votes,
        "enough": now.enough,
        "sentence": now.sentence,
        "rankings": [_ranking(ranking) for ranking in now.rankings],
    }


def _ranking(ranking: Ranking) -> dict[str, Any]:
    return {
        "axis": ranking.axis,
        "rows": [
            [
                row.label,
                *(round(value, 4) for value in (row.wins.share, row.wins.low, row.wins.high)),
                round(row.chance, 4),
                row.shown,
                row.neither,
            ]
            for row in ranking.rows
        ],
    }


def _why(asked: _Asked) -> str:
    """What keeps pictures from being compared, or ""."""
    field = field_of(asked.board)
    if len(field.candidates) < 2:
        return (
            "Nothing in this grid can be put side by side: its pictures differ in seed or prompt only, "
            "or have no LoRA. Stars tell which you like."
        )
    if field.pairs(asked.there):
        return ""
    if field.pairs({spot.name for spot in asked.board.spots}):
        return "Two pictures at least must be rendered first."
    return "No two pictures share prompt and seed, so none can be put side by side. Stars tell which you like."
