"""Votes on the pictures of a grid: kept, undone, brought back by friends, and what they say."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lorabake.core.errors import GridError, LorabakeError, WorkspaceError
from lorabake.core.files import atomic_write_json
from lorabake.grid.axes import Axis
from lorabake.grid.ballot import (
    VOTES,
    Pair,
    add_friend,
    add_pair,
    friendly_name,
    read_friend,
    read_votes,
    set_star,
    take_out,
    undo_pair,
)
from lorabake.grid.duels import field_of, roughly
from lorabake.grid.job import PLAN, GridPlan, Row
from lorabake.grid.shot import Shot
from lorabake.grid.votes import best, checked_pair, standing, suggested
from lorabake.grid.xyz import XYZ, XyzPlan, open_board
from tests.grid.test_page import make_grid as make_xyz
from tests.verbs import answered, refused

EPOCHS, WEIGHTS = (6, 7, 8, 9), (0.0, 0.6, 0.8, 1.0)
MIA = "5f" * 12


def make_grid(root: Path) -> Path:
    """Four epochs by four weights; empty files stand for the pictures."""
    rows = tuple(Row(n, f"kafka-{n:02d}.safetensors", f"{n:064d}") for n in EPOCHS)
    plan = GridPlan("ohwx", "", rows, WEIGHTS, 7, 20, 5.0, "Euler a", 48, 64)
    folder = root / "kafka" / "grid" / "first"
    folder.mkdir(parents=True)
    atomic_write_json(folder / PLAN, {"format": 1, **asdict(plan)})
    for spot in open_board(folder).spots:
        (folder / spot.name).touch()
    return folder


@pytest.fixture
def grid(tmp_path: Path) -> Path:
    return make_grid(tmp_path)


def cell(epoch: int, weight: float) -> str:
    return f"kafka-{epoch:02d}_{weight}.png"


def names(grid: Path) -> set[str]:
    return {spot.name for spot in open_board(grid).spots}


def from_friend(**changes: Any) -> str:
    record = {
        "format": "lorabake votes",
        "grid": "first",
        "voter": MIA,
        "name": "Mia",
        "stars": [cell(8, 0.8)],
        "pairs": [[cell(8, 0.8), cell(7, 0.8), "left"]],
    }
    return json.dumps(record | changes)


def vote_all(
    grid: Path, count: int, judge: Callable[[str, str], str], seed: int = 1
) -> list[tuple[str, str]]:
    """Vote as the page does, with a judge that is given two names; the pairs that were asked."""
    board, source, asked = open_board(grid), random.Random(seed), []
    for _ in range(count):
        pair = suggested(board, read_votes(grid), names(grid), source)
        assert pair is not None
        asked.append(pair)
        add_pair(grid, checked_pair(board, *pair, judge(*pair)))
    return asked


def taste(name: str) -> float:
    """Epoch 8 is best, 9 is overbaked; 0.8 is the best weight."""
    epoch, weight = name.removeprefix("kafka-").removesuffix(".png").split("_")
    return {6: 0.0, 7: 1.2, 8: 3.0, 9: 1.0}[int(epoch)] - 6 * abs(float(weight) - 0.8)


def clear_taste(left: str, right: str) -> str:
    return "left" if taste(left) > taste(right) else "right"


# --- what is compared -----------------------------------------------------------------------------


def test_weight_0_is_left_out_and_the_rest_is_epochs_by_weights(grid: Path) -> None:
    field = field_of(open_board(grid))
    assert field.axes == ("Epoch", "Weight")
    assert [one.label for one in field.candidates][:4] == [
        "epoch 6 · weight 0.6",
        "epoch 6 · weight 0.8",
        "epoch 6 · weight 1",
        "epoch 7 · weight 0.6",
    ]
    assert field.place(cell(8, 0.0)) is None
    assert field.comparable(cell(8, 0.8), cell(7, 1.0))
    assert not field.comparable(cell(8, 0.8), cell(7, 0.0))
    assert not field.comparable(cell(8, 0.8), cell(8, 0.8))
    with pytest.raises(GridError, match="cannot be compared"):
        checked_pair(open_board(grid), cell(8, 0.8), "other.png", "left")


def test_the_guides_prompt_s_r_is_epochs_by_weights_too(tmp_path: Path) -> None:
    """X looks for -03, -02, Y for 1.0>, 0.5>, Z for a seed: four candidates, drawn twice."""
    shot = Shot(
        prompt="<lora:k-03:1.0> 1girl",
        negative="",
        seed=1,
        steps=2,
        cfg=5.0,
        sampler="Euler",
        width=64,
        height=48,
    )
    axes = (
        Axis("Prompt S/R", ("1.0>", "0.5>")),
        Axis("Prompt S/R", ("-03", "-02")),
        Axis("Seed", ("1", "2")),
    )
    files = {name: (f"{name}.safetensors", "") for name in ("k-02", "k-03")}
    folder = tmp_path / "run" / "grid" / "sr"
    folder.mkdir(parents=True)
    for known, labels in (
        (files, ["epoch 3 · weight 1", "epoch 3 · weight 0.5", "epoch 2 · weight 1"]),
        ({}, ["1.0> · -03", "0.5> · -03", "1.0> · -02"]),
    ):
        plan = XyzPlan(shot, axes, ("k-02", "k-03"), known, {})
        atomic_write_json(folder / XYZ, {"format": 1, **asdict(plan)})
        field = field_of(open_board(folder))
        assert [one.label for one in field.candidates][:3] == labels
        assert [len(one.names) for one in field.candidates] == [2] * 4
    assert field.axes == ("Prompt S/R", "Prompt S/R")


def test_only_pictures_of_one_prompt_and_seed_meet(tmp_path: Path) -> None:
    """Two weights, drawn for three seeds and two prompts: two candidates in six scenes."""
    folder = make_xyz(tmp_path)
    board = open_board(folder)
    field = field_of(board)
    assert field.axes == ("Weight",)
    assert [one.label for one in field.candidates] == ["weight 0.5", "weight 1.0"]
    assert [len(one.names) for one in field.candidates] == [6, 6]
    spots = {spot.name: spot for spot in board.spots}
    there = {name for name in spots if (folder / name).is_file()}  # all but one
    seen = Counter[frozenset[str]]()
    source = random.Random(2)
    for _ in range(10):
        pair = suggested(board, read_votes(folder), there, source)
        assert pair is not None
        left, right = spots[pair[0]], spots[pair[1]]
        assert (left.y, left.z) == (right.y, right.z)
        seen[frozenset(pair)] += 1
        add_pair(folder, checked_pair(board, *pair, "tie"))
    assert sorted(seen.values()) == [2] * 5  # every scene that is whole, as often as the others


def test_the_next_two(grid: Path) -> None:
    """Never the same two again, all of them about as often, either side as often, repeatable."""
    asked = vote_all(grid, 60, clear_taste)
    assert all(set(one) != set(other) for one, other in pairwise(asked))
    often = Counter(name for pair in asked for name in pair)
    assert set(often) == {cell(epoch, weight) for epoch in EPOCHS for weight in WEIGHTS[1:]}
    assert max(often.values()) <= 2 * min(often.values()) + 2
    first = sum(left < right for left, right in asked)
    assert 18 <= first <= 42
    (grid / VOTES).unlink()
    assert vote_all(grid, 20, clear_taste) == asked[:20]


def test_two_pictures_are_asked_again_when_there_are_no_others(grid: Path) -> None:
    board, there = open_board(grid), {cell(8, 0.8), cell(7, 0.8), cell(7, 0.0)}
    add_pair(grid, Pair(cell(8, 0.8), cell(7, 0.8), "left"))
    assert set(suggested(board, read_votes(grid), there, random.Random(1)) or ()) == {
        cell(8, 0.8),
        cell(7, 0.8),
    }
    assert suggested(board, read_votes(grid), {cell(8, 0.8)}, random.Random(1)) is None


# --- what they say --------------------------------------------------------------------------------


def test_without_votes_it_says_how_many_it_takes(grid: Path) -> None:
    now = standing(open_board(grid), read_votes(grid))
    assert (now.votes, now.enough, best(grid)) == (0, False, [])
    assert now.sentence == f"No votes yet. About {roughly(12)} tell which is best."


def test_a_clear_taste_is_found_in_the_votes_that_were_promised(grid: Path) -> None:
    vote_all(grid, roughly(12), clear_taste)
    now = standing(open_board(grid), read_votes(grid))
    assert [ranking.axis for ranking in now.rankings] == ["Epoch", "Weight", ""]
    epochs, weights, pictures = now.rankings
    assert epochs.rows[0].label == "epoch 8"
    assert (epochs.rows[0].epoch, epochs.rows[0].weight) == (8, None)
    assert weights.rows[0].label == "weight 0.8"
    assert pictures.rows[0].label == "epoch 8 · weight 0.8"
    assert now.enough
    assert now.sentence.startswith(f"After {roughly(12)} votes epoch 8 beats the others with ")
    assert " %. Weight 0.8 beats the others with " in now.sentence
    assert now.more == 0
    first = best(grid)[0]
    assert (first.epoch, first.weight, first.names) == (8, 0.8, (cell(8, 0.8),))
    assert first.wins.low < first.wins.share < first.wins.high
    assert first.wins.share > 0.8


def test_what_is_alike_is_said_to_be(grid: Path) -> None:
    """8 and 9 win against all others and tie with each other."""

    def judge(left: str, right: str) -> str:
        strong = [name.startswith(("kafka-08", "kafka-09")) for name in (left, right)]
        return "tie" if strong[0] == strong[1] else "left" if strong[0] else "right"

    vote_all(grid, 40, judge)
    epochs = standing(open_board(grid), read_votes(grid)).rankings[0]
    assert not epochs.sure
    assert {row.label for row in epochs.rows[:2]} == {"epoch 8", "epoch 9"}
    assert epochs.told in (
        "epoch 8 and epoch 9 cannot be told apart yet",
        "epoch 9 and epoch 8 cannot be told apart yet",
    )
    assert epochs.more is None


def test_stars_alone_rank_too_and_votes_on_what_is_gone_do_not_count(grid: Path) -> None:
    set_star(grid, cell(7, 0.6), True)
    set_star(grid, cell(8, 1.0), True)
    set_star(grid, cell(8, 1.0), False)
    first = best(grid)[0]
    assert (first.label, first.stars) == ("epoch 7 · weight 0.6", 1)
    add_pair(grid, Pair("gone.png", cell(8, 0.8), "left"))
    add_pair(grid, Pair(cell(8, 0.0), cell(8, 0.8), "left"))
    assert standing(open_board(grid), read_votes(grid)).votes == 0


def test_both_bad_counts_as_a_tie_and_is_told(grid: Path) -> None:
    add_pair(grid, Pair(cell(6, 0.6), cell(9, 1.0), "neither"))
    rows = {row.label: row for row in best(grid)}
    bad = rows["epoch 6 · weight 0.6"]
    assert (bad.neither, bad.shown, bad.won) == (1, 1, 0.5)
    assert bad.wins.share == pytest.approx(0.5)


# --- the file -------------------------------------------------------------------------------------


def test_votes_of_two_tabs_at_once_are_all_there(grid: Path) -> None:
    pairs = [Pair(cell(8, 0.8), cell(7, weight), "left") for weight in WEIGHTS[1:]] * 8
    with ThreadPoolExecutor(6) as tabs:
        list(tabs.map(lambda pair: add_pair(grid, pair), pairs))
        list(tabs.map(lambda epoch: set_star(grid, cell(epoch, 1.0), True), EPOCHS))
    votes = read_votes(grid)
    assert len(votes.own.pairs) == 24
    assert sorted(votes.own.stars) == [cell(epoch, 1.0) for epoch in EPOCHS]
    assert not list(grid.glob(".*"))


def test_undo_takes_back_the_last_one(grid: Path) -> None:
    for weight in (0.6, 1.0):
        add_pair(grid, Pair(cell(8, weight), cell(7, weight), "left"))
    votes, gone = undo_pair(grid)
    assert (gone.left, gone.verdict, gone.at > 0) == (cell(8, 1.0), "left", True)
    assert [pair.left for pair in votes.own.pairs] == [cell(8, 0.6)]
    undo_pair(grid)
    with pytest.raises(GridError, match="no vote to take back"):
        undo_pair(grid)


def test_a_damaged_file_is_said_so_and_left_alone(grid: Path) -> None:
    for text, error in (("{", WorkspaceError), ('{"format": 2}', GridError), ("[]", GridError)):
        (grid / VOTES).write_text(text, encoding="utf-8")
        with pytest.raises(error):
            set_star(grid, cell(8, 1.0), True)
        assert (grid / VOTES).read_text(encoding="utf-8") == text


def junk(numbers: st.SearchStrategy[float]) -> st.SearchStrategy[Any]:
    keys = st.sampled_from(["stars", "pairs", "left", "right", "verdict", "voter", "ballot", "at"])
    return st.recursive(
        st.none() | st.booleans() | st.integers() | numbers | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
        max_leaves=10,
    )


ANY, OURS = junk(st.floats()), junk(st.floats(allow_nan=False, allow_infinity=False))


@settings(max_examples=30, deadline=None)
@given(OURS, OURS)
def test_what_no_page_wrote_never_stops_it(
    tmp_path_factory: pytest.TempPathFactory, own: Any, friends: Any
) -> None:
    folder = tmp_path_factory.mktemp("grid")
    record = {"format": 1, "own": own, "friends": friends}
    (folder / VOTES).write_text(json.dumps(record), encoding="utf-8")
    add_pair(folder, Pair("a.png", "b.png", "tie"))
    assert read_votes(folder).own.pairs[-1].left == "a.png"


# --- friends --------------------------------------------------------------------------------------


def test_a_friends_votes_come_in_once_and_newer_ones_replace_them(grid: Path) -> None:
    votes, friend, left_out = add_friend(grid, from_friend(), names(grid))
    assert (friend.name, left_out, len(votes.ballots())) == ("Mia", 0, 2)
    with pytest.raises(GridError, match="Mia are here already"):
        add_friend(grid, from_friend(), names(grid))
    more = [[cell(8, 0.8), cell(7, 0.8), "left"], [cell(9, 0.8), "gone.png", "left"], "x"]
    votes, _, left_out = add_friend(grid, from_friend(pairs=more, stars=[]), names(grid))
    assert left_out == 2
    assert [len(ballot.pairs) for ballot in votes.ballots(MIA)] == [1]
    assert len(votes.ballots()) == 2
    # Out: the older file counts again; out once more: none; and back in the same order.
    assert take_out(grid, MIA).ballots(MIA)[0].stars == (cell(8, 0.8),)
    assert take_out(grid, MIA).ballots(MIA) == []
    with pytest.raises(GridError):
        take_out(grid, MIA)
    assert take_out(grid, MIA, back=True).ballots(MIA)[0].stars == (cell(8, 0.8),)
    assert take_out(grid, MIA, back=True).ballots(MIA)[0].stars == ()


def test_everybody_one_friend_or_oneself(grid: Path) -> None:
    add_pair(grid, Pair(cell(6, 1.0), cell(9, 1.0), "left"))
    votes, _, _ = add_friend(grid, from_friend(), names(grid))
    board = open_board(grid)
    assert [standing(board, votes, voter=one).votes for one in (None, "", MIA)] == [2, 1, 1]
    assert best(grid, voter=MIA)[0].label == "epoch 8 · weight 0.8"
    assert best(grid, voter="")[0].epoch == 6


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds no votes"),
        ("[" * 100_000, "holds no votes"),
        ('{"format": "other"}', "holds no votes"),
        ("x" * (1024 * 1024 + 1), "too large"),
    ],
)
def test_what_is_no_votes_is_refused(grid: Path, text: str, words: str) -> None:
    with pytest.raises(GridError, match=words):
        add_friend(grid, text, names(grid))
    assert not (grid / VOTES).exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"grid": "other"}, "another grid"),
        ({"voter": "../../x"}, "whose votes"),
        ({"voter": 5}, "whose votes"),
        ({"name": None}, "whose votes"),
        ({"pairs": {}}, "damaged"),
        ({"stars": "x"}, "damaged"),
        ({"pairs": [], "stars": []}, "no vote on a picture"),
        ({"pairs": [["a", "b", "left"]], "stars": [{}]}, "no vote on a picture"),
        ({"pairs": [["a"]] * 5001}, "more votes than anybody"),
    ],
)
def test_a_file_that_is_not_as_our_page_writes_it(
    grid: Path, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(GridError, match=words):
        read_friend(from_friend(**changes), grid.name, names(grid))


@settings(max_examples=30, deadline=None)
@given(st.fixed_dictionaries({}, optional=dict.fromkeys(("stars", "pairs", "name", "voter"), ANY)))
def test_any_file_is_read_or_refused_with_a_sentence(changes: dict[str, Any]) -> None:
    try:
        friend, _ = read_friend(from_friend(**changes), "first", {cell(8, 0.8)})
    except LorabakeError:
        return
    assert set(friend.ballot.stars) <= {cell(8, 0.8)}


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("", "A friend"),
        ("  Mia\n\n Müller ", "Mia Müller"),
        ("\u202egnp.\u0000x\ud800", "gnp. x"),
        ("ab" * 100, "ab" * 20),
        ("<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"),  # shown as text
    ],
)
def test_names_are_one_short_line(told: str, shown: str) -> None:
    assert friendly_name(told) == shown


# --- the command line -----------------------------------------------------------------------------


def test_verb_votes(
    grid: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = grid.parent.parent
    file = tmp_path / "votes.json"
    file.write_text(from_friend(), encoding="utf-8")
    add_pair(grid, Pair(cell(8, 0.6), cell(7, 0.6), "left"))
    told = answered(("votes", run, "--add", file), monkeypatch, capsys)
    assert told["said"] == "Added 2 votes of Mia to first."
    (first,) = told["grids"]
    assert (first["grid"], first["votes"]) == ("first", 2)
    assert first["friends"] == [{"name": "Mia", "votes": 1, "stars": 1}]
    assert [ranking["axis"] for ranking in first["rankings"]] == ["Epoch", "Weight", ""]
    row = first["rankings"][0]["rows"][0]
    assert row["label"] == "epoch 8"
    assert 0.5 < row["wins"]["share"] < row["wins"]["high"] <= 1
    only = answered(("votes", run, "--by", "Mia", "--grid", "first"), monkeypatch, capsys)
    assert only["grids"][0]["votes"] == 1
    for wrong in (("--by", "Tom"), ("--grid", "other"), ("--add", run)):
        code, said = refused(("votes", run, *wrong), monkeypatch, capsys)
        assert (code, said.startswith("lorabake: ")) == (1, True)


def test_verbs_of_a_run_that_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong folder is named as such, not as a bake without files."""
    export = ("--epoch", 1, "--weight", 1, "--to", tmp_path)
    for verb, *more in (("grid",), ("votes",), ("export", *export)):
        code, said = refused((verb, tmp_path / "nowhere", *more), monkeypatch, capsys)
        assert (code, f"There is no folder {tmp_path / 'nowhere'}" in said) == (1, True), said
    for verb, *more in (("grid",), ("export", *export)):
        code, said = refused((verb, tmp_path, *more), monkeypatch, capsys)
        assert (code, f"{tmp_path} is no bake" in said) == (1, True), said
    code, said = refused(("votes", tmp_path), monkeypatch, capsys)
    assert (code, "has no grid yet" in said) == (1, True), said
