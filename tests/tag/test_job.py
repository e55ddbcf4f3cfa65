"""Tagging as a job of the queue: real processes, stopped, killed, gone on with."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lorabake.core.errors import DatasetError, JobError, ModelFileError, RecipeError
from lorabake.core.events import read_events
from lorabake.core.history import open_history
from lorabake.core.jobs import JobView, ensure_runner, request_stop, resume
from lorabake.core.lock import MACHINE_LOCK_VARIABLE, machine_lock
from lorabake.core.status import read_process
from lorabake.core.workspace import Project, Workspace
from lorabake.tag.job import REQUEST, start_tagging, tagging_of
from lorabake.tag.settings import TagSettings
from tests.tag.models import write_picture, write_tagger

COLOURS = TagSettings(taggers="colours")
LONG = 60.0  # seconds


@pytest.fixture
def project(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv(MACHINE_LOCK_VARIABLE, str(tmp_path / "heavy.lock"))
    home = workspace.create_project("kafka")
    for number in range(8):
        write_picture(home.dataset_dir / "3_kafka" / f"{number}.png", (250, number, 0), "kafka")
    return home


def until(true: Callable[[], Any]) -> Any:
    end = time.monotonic() + LONG
    while not (found := true()):
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)
    return found


def over(workspace: Workspace) -> JobView:
    def ended() -> JobView | None:
        view = tagging_of(workspace, "kafka")
        return view if view and view.status.is_over else None

    return until(ended)


def last_event(view: JobView) -> dict[str, Any]:
    return dict(read_events(view.run.events_path)[0][-1].data)


def caption(project: Project, number: int = 0) -> str:
    return (project.dataset_dir / "3_kafka" / f"{number}.txt").read_text(encoding="utf-8")


def test_a_project_is_tagged_and_the_step_can_be_undone(workspace, project):
    view = start_tagging(workspace, "kafka", COLOURS)
    assert (view.kind, view.project) == ("tag", "kafka")
    done = over(workspace)
    assert done.status.state == "finished", done.log_tail()
    assert (done.status.step, done.status.steps) == (8, 8)
    told = last_event(done)
    assert (told["pictures"], told["scored"], told["written"], told["tags"]) == (8, 8, 8, 24)
    assert caption(project) == "kafka, red theme, ^_^, smile (object)"
    history = open_history(project.dataset_dir)
    assert history.operations()[0].id == told["operation"]
    history.undo()
    assert caption(project) == "kafka"


def test_only_scoring_writes_nothing_and_is_not_done_twice(workspace, project):
    start_tagging(workspace, "kafka", COLOURS, write=False)
    assert last_event(over(workspace))["scored"] == 8
    assert caption(project) == "kafka"
    start_tagging(workspace, "kafka", COLOURS, ["3_kafka/3.png"])
    told = last_event(over(workspace))
    assert (told["scored"], told["written"]) == (0, 1)
    assert caption(project) == "kafka"
    assert caption(project, 3).startswith("kafka, red theme")


def test_stopped_and_killed_taggings_go_on_where_they_were(workspace, project):
    """Stopped while it waits for the computer, killed while it works; every picture is tagged once."""
    heavy = machine_lock()
    assert heavy.acquire()
    view = start_tagging(workspace, "kafka", COLOURS)
    until(lambda: (process := read_process(view.run)) and process.is_alive)
    request_stop(workspace, view.folder)
    assert over(workspace).status.state == "stopped"
    resume(workspace, view.folder)
    until(lambda: (process := read_process(view.run)) and process.attempt == 2)
    os.kill(read_process(view.run).pid, signal.SIGKILL)
    assert over(workspace).status.state == "interrupted"
    heavy.release()
    resume(workspace, view.folder)
    done = over(workspace)
    assert done.status.state == "finished", done.log_tail()
    assert caption(project, 7) == "kafka, red theme, ^_^, smile (object)"


def test_a_picture_that_cannot_be_read_is_told(workspace, project):
    bad = project.dataset_dir / "3_kafka" / "bad.png"
    bad.write_bytes((project.dataset_dir / "3_kafka" / "0.png").read_bytes()[:70])
    start_tagging(workspace, "kafka", COLOURS)
    done = over(workspace)
    assert done.status.state == "finished", done.log_tail()
    assert last_event(done)["pictures"] == 8


def test_what_would_fail_later_is_refused_at_once(workspace, project):
    with pytest.raises(ModelFileError, match="models get wd-vit-tagger-v3"):
        start_tagging(workspace, "kafka", TagSettings(taggers="vit"))
    with pytest.raises(ModelFileError, match="no tagger called"):
        start_tagging(workspace, "kafka", TagSettings(taggers="/etc"))
    with pytest.raises(RecipeError, match="threshold of smile"):
        start_tagging(workspace, "kafka", TagSettings(tag_thresholds={"smile": "x"}))
    with pytest.raises(DatasetError, match="No pictures are chosen"):
        start_tagging(workspace, "kafka", COLOURS, [])
    with pytest.raises(DatasetError, match="Captions end with"):
        start_tagging(workspace, "kafka", COLOURS, extension="/../x")
    assert project.jobs() == []


def test_one_tagging_of_a_project_at_a_time(workspace, project):
    start_tagging(workspace, "kafka", COLOURS, start=False)
    with pytest.raises(JobError, match="is being tagged already"):
        start_tagging(workspace, "kafka", COLOURS, start=False)


def test_old_taggings_do_not_pile_up(workspace, project):
    for _ in range(14):
        start_tagging(workspace, "kafka", COLOURS, start=False)
        view = tagging_of(workspace, "kafka")
        request_stop(workspace, view.folder)
    assert 10 <= len(project.jobs()) <= 12
    assert project.jobs()[-1].name == "tag-14"


def test_a_tagger_that_is_gone_when_its_turn_comes_is_a_sentence(workspace, project):
    view = start_tagging(workspace, "kafka", COLOURS, start=False)
    (workspace.models_dir / "colours" / "model.onnx").write_bytes(b"cut off")
    ensure_runner(workspace)
    done = over(workspace)
    assert done.status.state == "failed"
    assert "cannot be opened as an ONNX model" in done.status.text
    write_tagger(workspace.models_dir / "colours")
    resume(workspace, view.folder)
    assert over(workspace).status.state == "finished"


@pytest.mark.parametrize("text", ["", "{}", '{"settings": {"threshold": 9}}', "[1]"])
def test_a_damaged_request_is_a_sentence(workspace, project, text):
    view = start_tagging(workspace, "kafka", COLOURS, start=False)
    (view.folder / REQUEST).write_text(text, encoding="utf-8")
    ensure_runner(workspace)
    done = over(workspace)
    assert done.status.state == "failed"
    assert "is no tagging" in done.status.text


def test_a_job_that_was_asked_for_but_not_queued_is_found_again(workspace, project):
    view = start_tagging(workspace, "kafka", COLOURS, start=False)
    (workspace.queue_dir / "queue.json").unlink()
    ensure_runner(workspace, at_start=True)
    assert over(workspace).place == view.place
