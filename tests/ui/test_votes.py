"""What the page asks about votes, by its calls: stars, two at a time, undo, friends' files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lorabake.core.history import close_history
from lorabake.core.workspace import Project, Workspace
from lorabake.ui import votes
from lorabake.ui.answers import BUG
from lorabake.ui.place import open_place
from lorabake.ui.roles import Person, present
from tests.ui.browsing import make_project
from tests.ui.test_bake_again import make_grid

CELL = "kafka-02_0.8.png"
MIA = "ab" * 12


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    root = tmp_path_factory.mktemp("votes") / "workspace"
    made = make_project(root, "kafka", {"1": "ohwx, hat"})
    make_grid(made)
    open_place(Workspace.open(root))
    yield made
    close_history(made.dataset_dir)


@pytest.fixture
def folder(project: Project) -> Iterator[Path]:
    """The grid's; without votes before and after."""
    found = project.run("kafka").grid_dir / "first"
    yield found
    (found / "votes.json").unlink(missing_ok=True)


def call(function: Callable[[Any], dict[str, Any]], **data: Any) -> dict[str, Any]:
    answer = function({"project": "kafka", "run": "kafka", "grid": "first", **data})
    assert answer.get("error") != BUG
    return answer


def test_stars_are_given_and_taken(folder: Path) -> None:
    about = call(votes.lb_star, name=CELL, on=True)
    assert about["stars"] == [CELL]
    assert about["starred"] == [["epoch 2 · weight 0.8", 1]]
    assert about["possible"]
    assert call(votes.lb_votes)["counts"] == {CELL: 1}
    assert call(votes.lb_star, name=CELL, on=False)["stars"] == []
    assert "not rendered yet" in call(votes.lb_star, name="kafka-03_1.0.png", on=True)["error"]
    assert "no such picture" in call(votes.lb_star, name="../grid.json", on=True)["error"]


def test_two_at_a_time_and_back(folder: Path) -> None:
    now = call(votes.lb_duel)
    assert (now["own"], now["votes"], now["enough"]) == (0, 0, False)
    after = call(votes.lb_duel_vote, left=now["left"], right=now["right"], verdict="left")
    assert (after["own"], after["votes"]) == (1, 1)
    assert {after["left"], after["right"]} != {now["left"], now["right"]}
    assert after["sentence"].startswith("After 1 vote ")
    back = call(votes.lb_duel_undo)
    assert (back["left"], back["right"], back["own"]) == (now["left"], now["right"], 0)
    assert "no vote" in call(votes.lb_duel_undo)["error"]
    for wrong in ({"verdict": "both"}, {"left": "x"}, {"left": now["right"]}):
        data = {"left": now["left"], "right": now["right"], "verdict": "left", **wrong}
        assert "cannot be compared" in call(votes.lb_duel_vote, **data)["error"]
    assert not json.loads((folder / "votes.json").read_text())["own"]["pairs"]


def test_a_friends_file_counts_until_it_is_taken_out(folder: Path) -> None:
    name = "<img src=x onerror=alert(1)>"
    pairs = [[CELL, "kafka-01_0.8.png", "left"], [CELL, "gone.png", "left"]]
    record = {"format": "lorabake votes", "grid": "first", "voter": MIA, "name": name}
    text = json.dumps({**record, "stars": [CELL], "pairs": pairs})
    about = call(votes.lb_friend, text=text)
    assert about["said"] == (
        f"Added 2 votes of {name}. 1 vote on pictures that are not here left out."
    )
    assert about["friends"] == [[MIA, name, 1, 1]]
    assert call(votes.lb_votes, voter=MIA)["votes"] == 1
    assert call(votes.lb_votes, voter="own")["votes"] == 0
    epochs = call(votes.lb_votes, voter="nobody")["rankings"][0]
    assert epochs["axis"] == "Epoch"
    assert [row[0] for row in epochs["rows"]] == ["epoch 2", "epoch 3", "epoch 1"]
    out = call(votes.lb_friend_out, friend=about["added"])
    assert (out["said"], out["friends"]) == (f"The votes of {name} count no more.", [])
    assert call(votes.lb_friend_out, friend=MIA, back=True)["votes"] == 1
    assert "error" in call(votes.lb_friend, text=text.replace('"first"', '"second"'))


def test_who_was_let_in_votes_under_their_own_name(folder: Path) -> None:
    """A helper's star and votes stand beside the owner's, and their undo takes back their own."""
    now = call(votes.lb_duel)
    pair = {"left": now["left"], "right": now["right"]}
    call(votes.lb_duel_vote, **pair, verdict="left")
    with present(Person("helper", "Tom")):
        assert call(votes.lb_star, name=CELL, on=True)["stars"] == [CELL]
        assert call(votes.lb_duel_vote, **pair, verdict="right")["own"] == 1
        assert call(votes.lb_votes, voter="own")["votes"] == 1
        assert call(votes.lb_duel_undo)["own"] == 0
        assert "no vote" in call(votes.lb_duel_undo)["error"]
    about = call(votes.lb_votes)
    assert (about["own"], about["stars"], about["counts"]) == (1, [], {CELL: 1})
    assert [row[1:] for row in about["friends"]] == [["Tom", 0, 1]]
    with present(Person("viewer", "Eve")):
        assert "here to look" in call(votes.lb_star, name=CELL, on=True)["error"]


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)
KEYS = ["name", "on", "left", "right", "verdict", "text", "friend", "back", "voter", "grid", "run"]


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.dictionaries(st.sampled_from(KEYS), JUNK, max_size=5))
def test_whatever_is_sent_costs_a_sentence(folder: Path, data: dict[str, Any]) -> None:
    for function in votes.CALLS:
        call(function, **data)
