"""From a search to pictures with captions, on boards of this machine: job, verb, update, bad days."""

from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lorabake.collect.accounts import save_account
from lorabake.collect.job import GrabView, Query, grab_view, start_grab
from lorabake.collect.search import PostFilters, Search
from lorabake.collect.settings import CollectSettings
from lorabake.collect.sitting import work
from lorabake.collect.update import to_update, update_grab
from lorabake.core.errors import JobError
from lorabake.core.jobs import JobView
from lorabake.core.sources import Sources
from lorabake.core.worker import run_job
from lorabake.core.workspace import Workspace
from tests.collect.board import Board, Entry, entries, running

KEY = "k3yth4tst4ys"
KAFKA = "kafka_(honkai:_star_rail)"


@pytest.fixture
def boards(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[dict[str, Board]]:
    """Gelbooru, which wants a key, and Danbooru, which has two of the same pictures."""
    monkeypatch.setenv("LORABAKE_ALLOW_LOCAL_HTTP", "1")
    monkeypatch.setenv("LORABAKE_CONFIG", str(tmp_path / "config"))
    with ExitStack() as stack:
        some = {
            "gelbooru": Board("gelbooru", entries(4), key=KEY),
            "danbooru": Board("danbooru", entries(2), max_tags=2),
        }
        for board in some.values():
            stack.enter_context(running(board))
        save_account("gelbooru", f"&api_key={KEY}&user_id=12")
        addresses = {name: board.address for name, board in some.items()}
        monkeypatch.setenv("LORABAKE_BOARDS", json.dumps(addresses))
        yield some


@pytest.fixture
def space(workspace: Path) -> Workspace:
    space = Workspace.open(workspace)
    space.create_project("kafka")
    return space


def query(*sites: str, text: str = f"solo {KAFKA}") -> Query:
    return Query(sites=sites or ("gelbooru",), text=text, filters=PostFilters())


def grabbed(space: Workspace, asked: Query, **more: Any) -> GrabView:
    job = start_grab(space, "kafka", "kafka", query=asked, start=False, **more)
    return finished(job)


def finished(job: JobView) -> GrabView:
    assert run_job(job.folder, lambda one: work(one, print), kind="grab", heavy=False) == 0
    return grab_view(replace(job, status=job.run.status()))


def names(space: Workspace) -> list[str]:
    return sorted(path.name for path in (space.project("kafka").dataset_dir / "1_kafka").iterdir())


def test_several_boards_bring_each_picture_once(boards: dict[str, Board], space: Workspace) -> None:
    view = grabbed(space, query("gelbooru", "danbooru"))
    assert (view.total, view.saved, view.skipped) == (4, 4, ())
    found = names(space)
    assert len(found) == 8
    assert {name.partition("_")[0] for name in found} == {"gelbooru"}
    root = space.project("kafka").dataset_dir
    caption = (root / "1_kafka" / "gelbooru_1.txt").read_text()
    # Gelbooru does not say what kind its tags are of, and there is no tag list here.
    assert caption == (
        "1girl, solo, pose 1, kafka (honkai: star rail), honkai: star rail, artist 1\n"
    )
    # By the first site's name, with the tags of both.
    sources = Sources.open(root)
    assert sources.has_post("gelbooru", 1)
    assert not sources.has_post("danbooru", 1)


def test_a_board_that_knows_kinds_of_tags(boards: dict[str, Board], space: Workspace) -> None:
    grabbed(space, query("danbooru"), settings=CollectSettings(categories="artist, character"))
    root = space.project("kafka").dataset_dir
    caption = (root / "1_kafka" / "danbooru_2.txt").read_text()
    assert caption == "artist 2, kafka (honkai: star rail)\n"


def test_no_key_ends_up_in_any_file(boards: dict[str, Board], space: Workspace) -> None:
    grabbed(space, query())
    board = boards["gelbooru"]
    assert any(KEY in request for request in board.requests)
    assert {agent.partition("/")[0] for agent in board.agents} == {"lorabake"}
    assert set(board.referers) == {"https://gelbooru.com/"}  # its files want it
    for path in space.root.rglob("*"):
        if path.is_file():
            assert KEY.encode() not in path.read_bytes(), path


def test_an_update_brings_what_is_new_and_only_that(
    boards: dict[str, Board], space: Workspace
) -> None:
    grabbed(space, query(), settings=CollectSettings(rating="first"))
    (asked,) = to_update(space.project("kafka"))
    assert (asked.text, dict(asked.last)) == (f"solo {KAFKA}", {"gelbooru": 4})
    boards["gelbooru"].posts += entries(6)[4:]
    boards["gelbooru"].posts.append(Entry(7, {"general": ("1girl", "solo")}))
    boards["gelbooru"].requests.clear()
    (job,) = update_grab(space, "kafka", start=False)
    view = finished(job)
    assert (view.total, view.saved) == (2, 2)
    assert "gelbooru_6.png" in names(space)
    root = space.project("kafka").dataset_dir
    assert (root / "1_kafka" / "gelbooru_6.txt").read_text().startswith("general, 1girl")
    assert len([one for one in boards["gelbooru"].requests if "/files/" in one]) == 2
    (asked,) = to_update(space.project("kafka"))
    assert dict(asked.last) == {"gelbooru": 6}
    (job,) = update_grab(space, "kafka", start=False)
    assert finished(job).total == 0


def test_an_update_of_nothing_says_so(space: Workspace) -> None:
    with pytest.raises(JobError, match="Search first"):
        update_grab(space, "kafka", start=False)


@pytest.mark.parametrize(
    ("misdeed", "words"),
    [
        ("html", "web page"),
        ("wrong md5", "hash differs"),
        ("loop", "without end"),
        ("private", "address"),
        ("zeros", "larger than 1 MiB"),
    ],
)
def test_a_bad_day_costs_one_sentence_and_no_memory(
    boards: dict[str, Board], space: Workspace, misdeed: str, words: str
) -> None:
    posts = list(Search(space, ["gelbooru"], KAFKA).iterate(1))
    boards["gelbooru"].misdeed = misdeed
    small = CollectSettings(largest=1)
    job = start_grab(space, "kafka", "kafka", posts=posts, settings=small, start=False)
    tracemalloc.start()
    try:
        view = finished(job)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert view.saved == 0
    ((key, reason),) = view.skipped
    assert key == "gelbooru 4"
    assert words in reason
    assert peak < 16 * 2**20
    assert not list(space.project("kafka").dataset_dir.glob(".made/*/*"))


def test_a_board_that_does_not_answer_leaves_the_others(
    boards: dict[str, Board], space: Workspace
) -> None:
    boards["gelbooru"].misdeed = "blocked"
    view = grabbed(space, query("gelbooru", "danbooru"))
    assert view.saved == 2
    assert any("Gelbooru" in note for note in view.notes)


def test_never_explicit_on_a_space(
    boards: dict[str, Board], space: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = entries(2)
    boards["gelbooru"].posts = [some[0], *entries(2, rating="explicit")[1:]]
    monkeypatch.setenv("SPACE_ID", "somebody/space")
    everything = query(text="solo rating:general rating:explicit")
    assert grabbed(space, everything).saved == 1
    monkeypatch.delenv("SPACE_ID")
    assert grabbed(space, everything).saved == 1  # the other one


def test_never_minors_whatever_the_request_says(boards: dict[str, Board], space: Workspace) -> None:
    (post,) = Search(space, ["gelbooru"], f"{KAFKA}").iterate(1)
    bad = replace(post, tags={"general": ("solo", "loli")})
    job = start_grab(space, "kafka", "kafka", posts=[bad], start=False)
    view = finished(job)
    assert view.saved == 0
    assert "never fetched" in view.skipped[0][1]


def test_the_verb(boards: dict[str, Board], workspace: Path, tmp_path: Path) -> None:
    def call(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "lorabake", "grab", *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
        )

    into = tmp_path / "out"
    done = call("gelbooru", "solo", KAFKA, "--into", into, "--limit", 2, "--json")
    told = json.loads(done.stdout)
    assert [Path(path).name for path in told["saved"]] == ["gelbooru_4.png", "gelbooru_3.png"]
    assert told["skipped"] == []
    assert (into / "gelbooru_4.txt").read_text().startswith("1girl, solo")
    done = call("gelbooru", KAFKA, "--into", into, "--limit", 3, "--set", "rating=last", "--json")
    told = json.loads(done.stdout)
    assert [Path(path).name for path in told["saved"]] == ["gelbooru_2.png"]
    assert {one["id"] for one in told["skipped"]} == {"gelbooru 4", "gelbooru 3"}
    assert len(Sources.open(into).names()) == 3
    done = call("geelbooru", "solo", "--into", into)
    assert done.returncode == 1
    assert "Did you mean 'gelbooru'" in done.stderr
    assert KEY not in done.stdout + done.stderr
