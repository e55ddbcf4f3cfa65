"""What the votes on a grid say: which epoch, which weight, which picture, and whether that is sure yet.

`best` is for whoever wants one answer, `standing` for the whole table, `suggested` for the next two.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lorabake.core.errors import GridError
from lorabake.grid.ballot import Ballot, Pair, Verdict, Votes, read_votes
from lorabake.grid.board import Board
from lorabake.grid.duels import Field, field_of, next_pair, roughly
from lorabake.grid.ranking import (
    SURE,
    Interval,
    Outcome,
    Strengths,
    chances,
    fit,
    likeness,
    wilson,
    wins,
)
from lorabake.grid.xyz import open_board

SHARES: dict[Verdict, float] = {"left": 1.0, "right": 0.0, "tie": 0.5, "neither": 0.5}
MOST_MORE = 150  # votes; who would need more than these is equally good for all that can be seen
CLOSE = 3  # so many can be named in a sentence
_ONE_SIDED = 1.645  # z of 95 %


@dataclass(frozen=True)
class Ranked:
    """One row of a ranking. names: of its pictures; wins: against another one, drawn by chance.

    chance: that it is the best of all. shown: in how many comparisons it was with another of its
    kind; won: those it won, ties counted half; neither: how often both were called bad. stars: share
    of its pictures that have one, over all who starred anything.
    """

    label: str
    names: tuple[str, ...]
    epoch: int | None
    weight: float | None
    wins: Interval
    chance: float
    shown: int
    won: float
    neither: int
    stars: int
    starred: Interval


@dataclass(frozen=True)
class Ranking:
    """axis: its name, or "" where each row is one picture. rows: the best first.

    told: it in words, "epoch 8 beats the others with 97 %". sure: the first is the best with 95 %.
    more: votes until then, roughly; None when that cannot be said, as of two that are equally good.
    """

    axis: str
    rows: tuple[Ranked, ...]
    told: str
    sure: bool
    more: int | None


@dataclass(frozen=True)
class Standing:
    """votes: comparisons that count. rankings: by epoch, by weight, by whatever else differs, by picture."""

    votes: int
    rankings: tuple[Ranking, ...]

    @property
    def enough(self) -> bool:
        return bool(self.rankings) and all(ranking.sure for ranking in self._decided)

    @property
    def more(self) -> int | None:
        """Until all of them are sure; None when that cannot be said."""
        waits = [ranking.more for ranking in self._decided if not ranking.sure]
        return max((wait for wait in waits if wait is not None), default=None if waits else 0)

    @property
    def sentence(self) -> str:
        """All that a person wants to know; "" where nothing can be compared."""
        if not self.rankings:
            return ""
        if not self.votes:
            return f"No votes yet. About {self.more} tell which is best."
        first, *others = (ranking.told for ranking in self._decided)
        told = [f"After {self.votes} vote{'' if self.votes == 1 else 's'} {first}."]
        told += [f"{other[:1].upper()}{other[1:]}." for other in others]
        if not self.enough:
            told.append(
                f"About {self.more} more may tell." if self.more else "They may be equally good."
            )
        return " ".join(told)

    @property
    def _decided(self) -> tuple[Ranking, ...]:
        """What a person wants to know: epoch and weight. A single picture only where there is no axis."""
        axes = tuple(ranking for ranking in self.rankings if ranking.axis)
        return axes or self.rankings

    def to_mapping(self) -> dict[str, Any]:
        return {
            "votes": self.votes,
            "enough": self.enough,
            "more": self.more,
            "sentence": self.sentence,
            "rankings": [asdict(ranking) for ranking in self.rankings],
        }


def best(folder: Path, *, voter: str | None = None) -> list[Ranked]:
    """The pictures of a grid, the best first, as far as anybody voted; [] without a vote.

    Each is one epoch at one weight, drawn for several seeds or prompts where the grid has those.
    voter: as in `Votes.ballots`.
    """
    tally = _tally(field_of(open_board(folder)), read_votes(folder).ballots(voter))
    voted = tally.pairs or any(ballot.stars for ballot in tally.ballots)
    if not voted or not tally.field.candidates:
        return []
    return list(_ranking(tally, axis=None).rows)


def standing(board: Board, votes: Votes, *, voter: str | None = None) -> Standing:
    """All rankings; none when no two pictures of the grid can be compared."""
    field = field_of(board)
    if len(field.candidates) < 2:
        return Standing(0, ())
    tally = _tally(field, votes.ballots(voter))
    axes = [_ranking(tally, axis=number) for number in range(len(field.axes))]
    # Where only one thing differs, its values are the pictures.
    if not any(len(ranking.rows) == len(field.candidates) for ranking in axes):
        axes.append(_ranking(tally, axis=None))
    return Standing(len(tally.pairs), tuple(axes))


def suggested(
    board: Board, votes: Votes, there: Collection[str], source: random.Random
) -> tuple[str, str] | None:
    """The next two pictures to put side by side. there: names of those that are rendered."""
    field = field_of(board)
    if len(field.candidates) < 2:
        return None
    cast = [pair for ballot in votes.ballots() for pair in ballot.pairs]
    shown = [(pair.left, pair.right) for pair in sorted(cast, key=lambda pair: pair.at)]
    return next_pair(field, there, _tally(field, votes.ballots()).strengths, shown, source)


def checked_pair(board: Board, left: str, right: str, verdict: str) -> Pair:
    """A vote as the page sends it; GridError for pictures that are not compared with each other."""
    if verdict not in SHARES or not field_of(board).comparable(left, right):
        raise GridError("These two pictures cannot be compared. Refresh the page.")
    return Pair(left, right, verdict)


# --- rankings -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Tally:
    """pairs: (left, right, verdict) of all votes that count, by candidate."""

    field: Field
    ballots: Sequence[Ballot]
    pairs: Sequence[tuple[int, int, Verdict]]
    strengths: Strengths


def _tally(field: Field, ballots: Sequence[Ballot]) -> _Tally:
    """Votes on pictures that are gone or cannot be compared do not count."""
    pairs = []
    for pair in (pair for ballot in ballots for pair in ballot.pairs):
        left, right = field.place(pair.left), field.place(pair.right)
        if left is not None and right is not None and field.comparable(pair.left, pair.right):
            pairs.append((left, right, pair.verdict))
    outcomes = [Outcome(left, right, SHARES[verdict]) for left, right, verdict in pairs]
    strengths = fit(outcomes, likeness([one.values for one in field.candidates]))
    return _Tally(field, ballots, pairs, strengths)


def _ranking(tally: _Tally, *, axis: int | None) -> Ranking:
    """Of candidates, or of the values of one axis, each as strong as its candidates on average."""
    candidates = tally.field.candidates
    grouped: dict[int | str, list[int]] = {}
    for number, one in enumerate(candidates):
        grouped.setdefault(number if axis is None else one.values[axis], []).append(number)
    groups = list(grouped.values())
    labels = [
        candidates[members[0]].label if axis is None else str(value)
        for value, members in grouped.items()
    ]
    pooled = tally.strengths.pooled(groups)
    rows = _rows(tally, groups, labels, pooled)
    order = sorted(
        range(len(rows)), key=lambda row: (-pooled.mean[row], -rows[row].starred.share, row)
    )
    ranked = tuple(rows[row] for row in order)
    votes, count = len(tally.pairs), len(candidates)
    sure = bool(votes) and ranked[0].chance >= SURE
    more = 0 if sure else _more(pooled, order, votes, count)
    name = "" if axis is None else tally.field.axes[axis]
    return Ranking(name, ranked, _told(ranked), sure, more)


def _rows(
    tally: _Tally, groups: list[list[int]], labels: list[str], pooled: Strengths
) -> list[Ranked]:
    """What was said of each group of candidates, in the groups' order."""
    group_of = {place: number for number, members in enumerate(groups) for place in members}
    shown, neither, won = Counter[int](), Counter[int](), [0.0] * len(groups)
    for left, right, verdict in tally.pairs:
        one, other = group_of[left], group_of[right]
        if verdict == "neither":
            neither.update({one, other})
        if one != other:
            shown.update((one, other))
            won[one] += SHARES[verdict]
            won[other] += 1 - SHARES[verdict]
    voters = [ballot for ballot in tally.ballots if ballot.stars]
    starred = Counter(star for ballot in voters for star in ballot.stars)
    rows = []
    intervals, best_of = wins(pooled), chances(pooled)
    for number, places in enumerate(groups):
        members = [tally.field.candidates[place] for place in places]
        names = tuple(name for one in members for name in one.names.values())
        stars = sum(starred[name] for name in names)
        rows.append(
            Ranked(
                label=labels[number],
                names=names,
                epoch=_same([one.epoch for one in members]),
                weight=_same([one.weight for one in members]),
                wins=intervals[number],
                chance=float(best_of[number]),
                shown=shown[number],
                won=won[number],
                neither=neither[number],
                stars=stars,
                starred=wilson(stars, len(voters) * len(names)),
            )
        )
    return rows


def _same(values: list[Any]) -> Any:
    return values[0] if len(set(values)) == 1 else None


def _more(pooled: Strengths, order: list[int], votes: int, count: int) -> int | None:
    """Votes until the first is sure: what is usual; later as their spread falls with the square root
    of their number, since early strengths are mostly the prior's."""
    if votes < roughly(count):
        return roughly(count) - votes
    if len(order) < 2:
        return 0
    first, second = order[:2]
    gap = float(pooled.mean[first] - pooled.mean[second])
    covariance = pooled.covariance
    spread = float(
        covariance[first, first] + covariance[second, second] - 2 * covariance[first, second]
    )
    wanted = votes * (_ONE_SIDED**2 * spread / gap**2 - 1) if gap else math.inf
    return max(math.ceil(wanted), 1) if wanted <= MOST_MORE else None


# --- words ----------------------------------------------------------------------------------------


def _told(rows: tuple[Ranked, ...]) -> str:
    first = rows[0]
    if first.chance >= SURE:
        return f"{first.label} beats the others with {_percent(first.chance)}"
    close = [row.label for row in _contenders(rows)]
    if len(close) <= CLOSE:
        return f"{', '.join(close[:-1])} and {close[-1]} cannot be told apart yet"
    return f"{first.label} leads, but {len(close) - 1} others may be better"


def _contenders(rows: tuple[Ranked, ...]) -> list[Ranked]:
    """The fewest that hold the best with 95 %, in the order of the ranking."""
    likely = sorted(rows, key=lambda row: -row.chance)
    held, taken = 0.0, set()
    for row in likely:
        held += row.chance
        taken.add(row.label)
        if held >= SURE and len(taken) > 1:
            break
    return [row for row in rows if row.label in taken]


def _percent(share: float) -> str:
    return "more than 99 %" if share >= 0.995 else f"{100 * share:.0f} %"
