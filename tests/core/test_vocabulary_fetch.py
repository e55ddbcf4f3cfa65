"""The newest lists from Danbooru: whole or not at all, and nothing that came is asked for twice."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lorabake.core.errors import NetworkError, Stopped
from lorabake.core.files import FAULT_VARIABLE
from lorabake.core.http import USER_AGENT, Web
from lorabake.core.vocabulary import fetch as fetching
from lorabake.core.vocabulary import job, open_vocabulary, tag_lists_dir
from lorabake.core.vocabulary.fetch import SITE_VARIABLE, fetch_lists
from lorabake.core.vocabulary.job import FetchView, fetch_state, start_fetch, stop_fetch
from lorabake.core.vocabulary.lists import read_implications, read_tag_list
from lorabake.core.vocabulary.places import FETCHED_IMPLICATIONS, FETCHED_TAGS, load_lists
from lorabake.core.workspace import Workspace
from tests.core.danbooru_server import Board, danbooru

TAGS = 2500 - 250 - 25 + 2  # without those of few posts and the deprecated, of which two are both


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> Iterator[Board]:
    monkeypatch.setenv("LORABAKE_ALLOW_LOCAL_HTTP", "1")
    with danbooru() as board:
        board.fill()
        monkeypatch.setenv(SITE_VARIABLE, board.address)
        yield board
        for child in job._children:
            child.wait(20)


@pytest.fixture
def space(workspace: Path) -> Workspace:
    return Workspace.open(workspace)


@pytest.fixture
def web() -> Web:
    return Web(timeout=(2.0, 2.0), backoff=0.01)


def pages(board: Board) -> list[tuple[str, str]]:
    return [(path, params["page"]) for path, params in board.asked]


def test_everything_comes_in_pages(board: Board, space: Workspace, web: Web) -> None:
    said: list[tuple[str, float, int]] = []
    fetched = fetch_lists(web, space, lambda *told: said.append(told))
    assert fetched.tags == TAGS
    assert fetched.implications == 300
    # 3 pages of tags, 2 of aliases, 1 of implications, and one empty page behind each
    assert len(board.asked) == 9
    assert [share for _, share, _ in said] == sorted(share for _, share, _ in said)
    assert {kind for kind, _, _ in said} == {"tags", "aliases", "implications"}
    assert said[-1][1] > 0.99


def test_what_came_is_what_completion_uses(board: Board, space: Workspace, web: Web) -> None:
    fetch_lists(web, space)
    vocabulary = open_vocabulary(space)
    assert vocabulary.size == TAGS
    assert vocabulary.count("Tag2499") == 2499 * 30
    assert vocabulary.category("tag3") == "character"
    assert vocabulary.canonical("old7") == "tag7"
    assert not vocabulary.has("old50")  # the alias was deleted
    assert not vocabulary.has("tag10")  # too few posts
    assert not vocabulary.has("tag97")  # deprecated
    assert vocabulary.implied("tag4") == {"tag3", "tag2", "tag1"}
    assert {info.origin for info in load_lists(space).lists} == {"danbooru"}
    entries = read_tag_list(tag_lists_dir(space) / FETCHED_TAGS).entries
    assert [entry.count for entry in entries] == sorted((e.count for e in entries), reverse=True)


def test_it_says_who_it_is_and_asks_only_for_what_it_needs(
    board: Board, space: Workspace, web: Web
) -> None:
    fetch_lists(web, space)
    _, params = board.asked[0]
    assert USER_AGENT.startswith("lorabake/")
    assert params["only"] == "id,name,category,post_count,is_deprecated"
    assert params["limit"] == "1000"
    assert params["search[post_count]"] == ">=25"


def test_busy_board_is_asked_again(board: Board, space: Workspace, web: Web) -> None:
    board.plans = ["busy", "timeout", "", "timeout"]
    assert fetch_lists(web, space).tags == TAGS


@pytest.mark.parametrize("plan", ["page", "other", "same"])
def test_other_answers_are_refused_and_the_old_list_stays(
    board: Board, space: Workspace, web: Web, plan: str
) -> None:
    folder = tag_lists_dir(space)
    folder.mkdir()
    (folder / FETCHED_TAGS).write_text("hat,0,5,\n", encoding="utf-8")
    board.plans = ["", "", plan]
    with pytest.raises(NetworkError):
        fetch_lists(web, space)
    assert (folder / FETCHED_TAGS).read_text(encoding="utf-8") == "hat,0,5,\n"
    assert fetch_lists(web, space).tags == TAGS


def test_stopped_and_gone_on_with(board: Board, space: Workspace, web: Web) -> None:
    with pytest.raises(Stopped):
        fetch_lists(web, space, should_stop=lambda: len(board.asked) == 5)
    assert not (tag_lists_dir(space) / FETCHED_TAGS).exists()
    fetched = fetch_lists(web, space)
    assert fetched.tags == TAGS
    assert len(pages(board)) == len(set(pages(board))) == 9


def test_killed_at_any_answer_and_gone_on_with(board: Board, space: Workspace, web: Web) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from lorabake.core.http import Web; from lorabake.core.workspace import Workspace\n"
        "from lorabake.core.vocabulary.fetch import fetch_lists\n"
        "fetch_lists(Web(), Workspace.open(Path(sys.argv[1])))"
    )
    command = [sys.executable, "-c", code, str(space.root)]
    environment = {**os.environ, FAULT_VARIABLE: "tag_page"}
    for killed in range(1, 4):
        done = subprocess.run(command, env=environment, check=False, capture_output=True)
        assert done.returncode == 137
        assert len(board.asked) == killed
    part = fetching.parts_dir(space) / "tags.jsonl"
    with part.open("ab") as file:  # the power went off in the middle of a line
        file.write(b'[12,"ta')
    assert fetch_lists(web, space).tags == TAGS
    assert len(set(pages(board))) == 9


def test_what_is_too_old_is_not_gone_on_with(
    board: Board, space: Workspace, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Stopped):
        fetch_lists(web, space, should_stop=lambda: len(board.asked) == 2)
    monkeypatch.setattr(fetching, "MAX_AGE", 0.0)
    board.asked.clear()
    fetch_lists(web, space)
    assert len(board.asked) == 9


def test_records_without_sense_are_left_out(board: Board, space: Workspace, web: Web) -> None:
    board.records["/tags.json"] += [
        {"id": 9001, "name": "a,b", "post_count": 99, "category": 0},
        {"id": 9002, "name": "x" * 900, "post_count": 99, "category": 0},
        {"id": 9003, "name": 7, "post_count": 99, "category": 0},
        {"id": 9004, "name": "new\nline", "post_count": 99, "category": 0},
        {"id": 9005, "name": 'don\'t_say_"lazy"', "post_count": 99, "category": 0},
    ]
    assert fetch_lists(web, space).tags == TAGS + 1
    assert open_vocabulary(space).has('don\'t say "lazy"')
    assert read_tag_list(tag_lists_dir(space) / FETCHED_TAGS).skipped == 0
    assert read_implications(tag_lists_dir(space) / FETCHED_IMPLICATIONS).skipped == 0


# --- as a job --------------------------------------------------------------------------------------


def wait(space: Workspace, state: str, seconds: float = 60.0) -> FetchView:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        view = fetch_state(space)
        if view.state == state:
            return view
        assert view.is_active, view
        time.sleep(0.05)
    raise AssertionError(fetch_state(space))


def test_job_stops_and_goes_on_and_says_how_far(
    board: Board, space: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fetch_state(space) == FetchView("none")
    board.before_answer = lambda number: stop_fetch(space) if number == 3 else None
    start_fetch(space)
    start_fetch(space)  # a second press changes nothing
    stopped = wait(space, "stopped")
    assert 0 < stopped.share < 0.6
    assert stopped.kind == "tags"
    board.before_answer = None
    start_fetch(space)
    wait(space, "finished")
    assert len(set(pages(board))) == 9
    assert open_vocabulary(space).size == TAGS


def test_job_that_fails_says_why(board: Board, space: Workspace) -> None:
    board.plans = ["other"]
    start_fetch(space)
    assert "expected form" in wait(space, "failed").error
