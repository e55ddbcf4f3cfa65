"""`votes.json` in a grid's folder: stars, and which of two pictures was better, by oneself and friends.

Two tabs may vote at once: every change reads, changes and writes under the folder's lock. Friends'
votes come from the page that was sent around, as a small file that is read here like anything from
outside; each of them is kept whole, so that taking one out, or an older one back, loses nothing.
"""

from __future__ import annotations

import hashlib
import re
import time
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from lorabake.core.errors import GridError, WorkspaceError
from lorabake.core.files import MIB, atomic_write_json, parse_json, read_json
from lorabake.core.lock import folder_lock
from lorabake.grid.job import MAX_CELLS

VOTES = "votes.json"
FRIEND_FORMAT = "lorabake votes"  # of the file that a friend sends back
MAX_PAIRS = 5000  # of one voter
MAX_FRIENDS = 200  # files added
MAX_FRIEND_FILE = MIB  # characters
MAX_NAME = 40  # characters
_MAX_FILE = 64 * MIB
_ID = re.compile(r"[0-9a-f]{8,40}")

Verdict = Literal["left", "right", "tie", "neither"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


@dataclass(frozen=True)
class Pair:
    """Two pictures that were put side by side, by the names of their files. at: s since 1970."""

    left: str
    right: str
    verdict: Verdict
    at: float = 0.0


@dataclass(frozen=True)
class Ballot:
    """What one person said. stars: names of pictures."""

    stars: tuple[str, ...] = ()
    pairs: tuple[Pair, ...] = ()


@dataclass(frozen=True)
class Friend:
    """A file that was added. voter: the same in all files of one person; name: as they call themselves.

    out: it was taken out, and counts no more.
    """

    voter: str
    name: str
    added: float
    ballot: Ballot
    out: bool = False


@dataclass(frozen=True)
class Votes:
    """own: by whoever works here. friends: all files added, the oldest first."""

    own: Ballot = field(default_factory=Ballot)
    friends: tuple[Friend, ...] = ()

    @property
    def counting(self) -> dict[str, Friend]:
        """By voter: of each the newest file that was not taken out."""
        return {friend.voter: friend for friend in self.friends if not friend.out}

    def of(self, person: str) -> Ballot:
        """What somebody said on the page: "" is oneself, else a person who was let in."""
        if not person:
            return self.own
        friend = self.counting.get(voter_of(person))
        return friend.ballot if friend else Ballot()

    def ballots(self, voter: str | None = None) -> list[Ballot]:
        """Of everybody; of one friend; "" is oneself."""
        if voter == "":
            return [self.own]
        if voter is not None:
            return [one.ballot for one in self.counting.values() if one.voter == voter]
        return [self.own, *(one.ballot for one in self.counting.values())]


def voter_of(person: str) -> str:
    """The voter's id of somebody who votes on this page under a name; "" for oneself."""
    digest = hashlib.sha256(person.encode("utf-8", "surrogatepass")).hexdigest()
    return digest[:24] if person else ""


def read_votes(folder: Path) -> Votes:
    """The votes on a grid; WorkspaceError when the file is damaged, which is then left as it is."""
    try:
        record = read_json(folder / VOTES, limit=_MAX_FILE)
    except FileNotFoundError:
        return Votes()
    except OSError as error:
        raise WorkspaceError(
            f"{VOTES} could not be read ({error.strerror}). Look at its permissions."
        ) from error
    if not isinstance(record, dict) or record.get("format") != 1:
        raise GridError(
            f"{VOTES} in {folder.name} was written by a newer lorabake, or is damaged. "
            "Update lorabake, or delete the file."
        )
    listed = record.get("friends")
    friends = map(_kept_friend, listed if isinstance(listed, list) else ())
    return Votes(_ballot(record.get("own")), tuple(filter(None, friends)))


def set_star(folder: Path, name: str, on: bool, *, person: str = "") -> Votes:
    """Star a picture, or take the star away. name: of a picture of this grid; the caller has looked.

    person: who, when it is not the owner of this computer; kept like a friend's file.
    """

    def change(ballot: Ballot) -> Ballot:
        others = tuple(star for star in ballot.stars if star != name)
        return replace(ballot, stars=(*others, name) if on else others)

    return _voted(folder, person, change)


def add_pair(folder: Path, pair: Pair, *, person: str = "") -> Votes:
    """One more comparison; the caller has looked whether its pictures can be compared."""

    def change(ballot: Ballot) -> Ballot:
        if len(ballot.pairs) >= MAX_PAIRS:
            raise GridError(f"There are {MAX_PAIRS} votes on this grid already, which is enough.")
        made = replace(pair, at=pair.at or round(time.time(), 3))
        return replace(ballot, pairs=(*ballot.pairs, made))

    return _voted(folder, person, change)


def undo_pair(folder: Path, *, person: str = "") -> tuple[Votes, Pair]:
    """Take back the last comparison of this person; it is returned. GridError when there is none."""
    gone: list[Pair] = []

    def change(ballot: Ballot) -> Ballot:
        if not ballot.pairs:
            raise GridError("There is no vote to take back.")
        gone.append(ballot.pairs[-1])
        return replace(ballot, pairs=ballot.pairs[:-1])

    return _voted(folder, person, change), gone[0]


def add_friend(folder: Path, text: str, names: Collection[str]) -> tuple[Votes, Friend, int]:
    """Take in the file a friend sent back; with it the friend, and how many of its votes were left out.

    names: of the grid's pictures; votes on others are left out. An older file of the same friend counts
    no more, since a file always holds all votes. GridError for what is no such file, or of another grid.
    """
    friend, left_out = read_friend(text, folder.name, names)

    def change(votes: Votes) -> Votes:
        if len(votes.friends) >= MAX_FRIENDS:
            raise GridError(f"There are {MAX_FRIENDS} files of friends on this grid already.")
        if (before := votes.counting.get(friend.voter)) and before.ballot == friend.ballot:
            raise GridError(f"The votes of {friend.name} are here already.")
        return replace(votes, friends=(*votes.friends, friend))

    return _changed(folder, change), friend, left_out


def take_out(folder: Path, voter: str, *, back: bool = False) -> Votes:
    """Let a friend's newest file count no more, or again; before it counts the one added before it."""

    def change(votes: Votes) -> Votes:
        places = [
            number
            for number, one in enumerate(votes.friends)
            if one.voter == voter and one.out == back
        ]
        if not places:
            raise GridError("These votes are not there any more. Refresh the page.")
        place = places[0] if back else places[-1]
        friends = list(votes.friends)
        friends[place] = replace(friends[place], out=not back)
        return replace(votes, friends=tuple(friends))

    return _changed(folder, change)


def read_friend(text: str, grid: str, names: Collection[str]) -> tuple[Friend, int]:
    """What `page.js` writes: {format, grid, voter, name, stars: […], pairs: [[left, right, verdict]]}."""
    record = _sent(text)
    if record.get("grid") != grid:
        raise GridError(
            "These votes are on another grid. Choose that grid above, or ask your friend to vote on this one."
        )
    voter, name = record.get("voter"), record.get("name")
    stars, pairs = record.get("stars"), record.get("pairs")
    if not isinstance(voter, str) or not _ID.fullmatch(voter) or not isinstance(name, str):
        raise GridError("This file does not say whose votes it holds. Ask for it once more.")
    if not isinstance(stars, list) or not isinstance(pairs, list):
        raise GridError("The votes in this file are damaged. Ask for it once more.")
    if len(stars) > MAX_CELLS or len(pairs) > MAX_PAIRS:
        raise GridError("This file holds more votes than anybody gives. It is left out.")
    known = set(names)
    good_stars = dict.fromkeys(one for one in stars if isinstance(one, str) and one in known)
    made = [_told_pair(one) for one in pairs]
    good = tuple(one for one in made if one and one.left in known and one.right in known)
    ballot = Ballot(tuple(good_stars), good)
    left_out = len(stars) + len(pairs) - len(good_stars) - len(good)
    if not good and not good_stars:
        raise GridError("There is no vote on a picture of this grid in the file.")
    return Friend(voter, friendly_name(name), round(time.time(), 3), ballot), left_out


def grid_of_file(text: str) -> str:
    """The name of the grid that a friend's file is about."""
    return str(_sent(text).get("grid", ""))


def friendly_name(text: str) -> str:
    """A name as it may be shown: one short line without invisible characters."""
    seen = "".join(
        " " if unicodedata.category(letter)[0] in "ZC" else letter for letter in text[:400]
    )
    return " ".join(seen.split())[:MAX_NAME].strip() or "A friend"


def _sent(text: str) -> dict[str, Any]:
    if len(text) > MAX_FRIEND_FILE:
        raise GridError("This file is too large to hold votes. Choose the one your friend sent.")
    try:
        record = parse_json(text.encode("utf-8", "surrogatepass"))
    except ValueError:
        record = None
    if not isinstance(record, dict) or record.get("format") != FRIEND_FORMAT:
        raise GridError("This file holds no votes. Choose the one your friend's page saved.")
    return record


def _voted(folder: Path, person: str, change: Callable[[Ballot], Ballot]) -> Votes:
    def changed(votes: Votes) -> Votes:
        if not person:
            return replace(votes, own=change(votes.own))
        before = votes.counting.get(voter_of(person))
        others = tuple(friend for friend in votes.friends if friend is not before)
        if before is None and len(others) >= MAX_FRIENDS:
            raise GridError(f"{MAX_FRIENDS} people have voted on this grid, which is enough.")
        friend = before or Friend(
            voter_of(person), friendly_name(person), round(time.time(), 3), Ballot()
        )
        made = replace(friend, ballot=change(friend.ballot))
        return replace(votes, friends=(*others, made))

    return _changed(folder, changed)


def _changed(folder: Path, change: Callable[[Votes], Votes]) -> Votes:
    with folder_lock(folder):
        votes = change(read_votes(folder))
        record = {
            "format": 1,
            "own": _recorded(votes.own),
            "friends": [
                {**asdict(friend), "ballot": _recorded(friend.ballot)} for friend in votes.friends
            ],
        }
        atomic_write_json(folder / VOTES, record, limit=_MAX_FILE)
    return votes


def _recorded(ballot: Ballot) -> dict[str, Any]:
    return {"stars": list(ballot.stars), "pairs": [asdict(pair) for pair in ballot.pairs]}


def _kept_friend(record: Any) -> Friend | None:
    if not isinstance(record, Mapping) or not isinstance(record.get("voter"), str):
        return None
    name = record.get("name")
    return Friend(
        record["voter"],
        friendly_name(name if isinstance(name, str) else ""),
        _time(record.get("added")),
        _ballot(record.get("ballot")),
        record.get("out") is True,
    )


def _ballot(record: Any) -> Ballot:
    """What is no vote is left out; what somebody wrote into the file by hand must not stop the page."""
    if not isinstance(record, Mapping):
        return Ballot()
    stars, pairs = record.get("stars"), record.get("pairs")
    return Ballot(
        tuple(dict.fromkeys(one for one in _listed(stars) if isinstance(one, str)))[:MAX_CELLS],
        tuple(filter(None, map(_kept_pair, _listed(pairs))))[:MAX_PAIRS],
    )


def _listed(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list) else ()


def _kept_pair(record: Any) -> Pair | None:
    if not isinstance(record, Mapping):
        return None
    pair = _told_pair([record.get("left"), record.get("right"), record.get("verdict")])
    return replace(pair, at=_time(record.get("at"))) if pair else None


def _time(value: Any) -> float:
    """0 for what is no moment, as after 1e999 or a huge number somebody wrote."""
    return float(value) if isinstance(value, int | float) and 0 <= value < 1e11 else 0.0


def _told_pair(told: Any) -> Pair | None:
    if not isinstance(told, list) or len(told) != 3:
        return None
    left, right, verdict = told
    if not isinstance(left, str) or not isinstance(right, str) or left == right:
        return None
    return Pair(left, right, verdict) if verdict in VERDICTS else None
