"""A download as a job: its own process, paused, killed, gone on with, undone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lorabake.collect.job import (
    GrabView,
    concept_folder,
    grab_view,
    grabs,
    pause_grab,
    read_posts,
    read_request,
    resume_grab,
    start_grab,
)
from lorabake.collect.post import Post
from lorabake.collect.settings import CollectSettings
from lorabake.collect.sitting import work
from lorabake.core import jobs
from lorabake.core.errors import JobError, LorabakeError
from lorabake.core.history import open_history
from lorabake.core.jobs import JobView
from lorabake.core.origins import Origins
from lorabake.core.sources import Sources
from lorabake.core.worker import run_job
from lorabake.core.workspace import Workspace
from tests.collect.test_download import picture, put
from tests.engine.hub_server import Site, serving


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("LORABAKE_ALLOW_LOCAL_HTTP", "1")
    with serving() as site:
        monkeypatch.setenv("LORABAKE_BOARDS", json.dumps({"gelbooru": site.files}))
        yield site


@pytest.fixture
def space(workspace: Path) -> Workspace:
    space = Workspace.open(workspace)
    space.create_project("kafka")
    return space


def posts(site: Site, count: int) -> list[Post]:
    return [put(site, number, picture(number)) for number in range(1, count + 1)]


def process(job: JobView) -> subprocess.Popen[bytes]:
    """As the queue starts it."""
    return subprocess.Popen([sys.executable, "-m", "lorabake.collect", str(job.folder)])


def done(job: JobView) -> int:
    """The same in this process, which is quicker."""
    return run_job(job.folder, lambda job: work(job, print), kind="grab", heavy=False)


def until(true: Callable[[], object], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.02)


def now(space: Workspace) -> GrabView:
    (view,) = grabs(space, "kafka")
    return view


def files(space: Workspace) -> list[str]:
    root = space.project("kafka").dataset_dir
    return sorted(path.relative_to(root).as_posix() for path in root.glob("[!.]*/*.png"))


def test_posts_become_one_step_with_captions_and_sources(site: Site, space: Workspace) -> None:
    some = posts(site, 4)
    site.contents["3"] = b"<html>sign in</html>"
    job = start_grab(space, "kafka", "kafka", repeats=5, posts=some)  # through the queue
    until(lambda: now(space).job.status.is_over)
    view = now(space)
    assert view.job.status.state == "finished", view.job.log_tail()
    assert (view.total, view.done, view.saved) == (4, 4, 3)
    assert [key for key, _ in view.skipped] == ["gelbooru 3"]
    assert files(space) == [f"5_kafka/gelbooru_{number}.png" for number in (1, 2, 4)]
    root = space.project("kafka").dataset_dir
    sources, origins = Sources.open(root), Origins.open(root)
    shas = {view.sha256: view.key for view in _saved(job)}
    for sha in shas:
        source = sources.of(sha)
        assert source is not None
        assert source.tags["artist"] == ("somebody",)
        assert origins.of(sha, ["long hair", "mine"]) == ["board", "you"]
        assert origins.by(sha, "long hair") == "Gelbooru"
    history = open_history(root)
    assert view.operation == history.operations()[0].id
    assert [step.title for step in history.operations()] == ["Download 3 pictures into 5_kafka"]
    history.undo()
    assert files(space) == []
    assert not list((root / "5_kafka").iterdir())
    history.redo()
    assert len(files(space)) == 3


def _saved(job: JobView) -> list:
    from lorabake.collect.job import entries

    return [entry for entry in entries(job) if entry.is_saved]


def test_paused_is_taken_in_and_gone_on_with(site: Site, space: Workspace) -> None:
    site.chunk, site.pause = 2000, 0.02
    job = start_grab(space, "kafka", "kafka", posts=posts(site, 8), start=False)
    child = process(job)
    until(lambda: grab_view(job).saved >= 2)
    (job.folder / "stop").touch()
    assert child.wait(20) == 130
    assert 2 <= len(files(space)) < 8
    assert (view := grab_view(job)).total == 8
    assert view.operation is not None
    assert view.done == len(files(space))
    assert jobs.job(space, job.place).status.state == "stopped"
    before = len(site.gets("/plain/"))
    (job.folder / "stop").unlink()
    site.pause = 0
    assert done(job) == 0
    assert len(files(space)) == 8
    assert len({request.path for request in site.gets("/plain/")[before:]}) <= 8 - 2
    root = space.project("kafka").dataset_dir
    assert len(open_history(root).operations()) == 2


def test_killed_it_goes_on_where_it_was(site: Site, space: Workspace) -> None:
    site.chunk, site.pause = 2000, 0.02
    job = start_grab(space, "kafka", "kafka", posts=posts(site, 8), start=False)
    child = process(job)
    until(lambda: grab_view(job).saved >= 3)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert files(space) == [], "half a download is not in the data set"
    assert jobs.job(space, job.place).status.state == "interrupted"
    saved = grab_view(job).saved
    site.requests.clear()
    site.pause = 0
    assert done(job) == 0
    assert len(files(space)) == 8
    # by picture: one that had arrived but for its check is asked for once more
    assert len({request.path for request in site.gets("/plain/")}) <= 8 - saved
    root = space.project("kafka").dataset_dir
    assert len(open_history(root).operations()) == 1


def test_killed_after_the_step_it_still_knows_the_sources(site: Site, space: Workspace) -> None:
    job = start_grab(space, "kafka", "kafka", posts=posts(site, 2), start=False)
    assert done(job) == 0
    root = space.project("kafka").dataset_dir
    Sources.open(root).path.unlink()  # as if it had died between the two
    assert done(job) == 0
    assert len(files(space)) == 2
    assert len(Sources.open(root).names()) == 2


def test_a_board_that_is_down_fails_in_a_sentence_and_can_be_resumed(
    site: Site, space: Workspace
) -> None:
    some = posts(site, 5)
    site.misbehave("very busy", times=3)
    job = start_grab(space, "kafka", "kafka", posts=some)
    until(lambda: now(space).job.status.is_over)
    status = now(space).job.status
    assert "left alone" in status.text
    assert status.can_resume
    resume_grab(space, job)
    until(lambda: now(space).job.status.is_over)
    assert len(files(space)) == 5


def test_what_was_deleted_does_not_come_back(site: Site, space: Workspace) -> None:
    some = posts(site, 2)
    assert done(start_grab(space, "kafka", "kafka", posts=some, start=False)) == 0
    root = space.project("kafka").dataset_dir
    open_history(root).undo()
    second = start_grab(space, "kafka", "kafka", posts=some, start=False)
    assert done(second) == 0
    assert files(space) == []
    assert all("was fetched before" in reason for _, reason in grab_view(second).skipped)
    again = CollectSettings(again=True)
    third = start_grab(space, "kafka", "kafka", posts=some, settings=again, start=False)
    assert done(third) == 0
    assert len(files(space)) == 2


def test_a_request_says_what_is_wrong_with_it(site: Site, space: Workspace) -> None:
    for wrong in ({}, {"posts": []}, {"posts": posts(site, 1), "repeats": 0}):
        with pytest.raises(LorabakeError):
            start_grab(space, "kafka", "new", **wrong, start=False)
    with pytest.raises(LorabakeError):
        start_grab(
            space, "kafka", "new", posts=posts(site, 1), settings=CollectSettings(categories="x")
        )
    job = start_grab(space, "kafka", "new", posts=posts(site, 1), start=False)
    assert read_posts(job.folder) == posts(site, 1)
    (job.folder / "grab.json").write_text('{"folder": "../x"}')
    with pytest.raises(JobError, match="no download"):
        read_request(job.folder)
    pause_grab(space, job)  # one that waits leaves the queue at once
    assert jobs.job(space, job.place).status.state == "stopped"


def test_a_concept_is_found_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "7_kafka").mkdir()
    assert concept_folder(tmp_path, "kafka") == "7_kafka"
    assert concept_folder(tmp_path, "5_Kafka", 3) == "7_kafka"
    assert concept_folder(tmp_path, "7_kafka") == "7_kafka"
    assert concept_folder(tmp_path, "shirt", 3) == "3_shirt"
    assert concept_folder(tmp_path, "2_shirt", 3) == "2_shirt"
