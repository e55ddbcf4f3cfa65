"""The Oven and the first LoRA: what the header and the list under the next step are told."""

from __future__ import annotations

from pathlib import Path

from lorabake.core import jobs
from lorabake.core.files import atomic_write_json
from lorabake.core.worker import job_process
from lorabake.core.workspace import Workspace
from lorabake.grid.handover.job import KIND, RECORD
from lorabake.practice import SAMPLE_DIR
from lorabake.ui import drawer
from lorabake.ui.place import open_place
from lorabake.ui.tour import STEPS, tour
from tests.ui.evening import make_evening


def test_what_ended_lately_comes_with_its_result(tmp_path: Path) -> None:
    make_evening(tmp_path / "workspace")
    workspace = Workspace.open(tmp_path / "workspace")
    open_place(workspace)
    rows = drawer.lb_drawer({})["jobs"]
    told = [(row["kind"], row["title"], row["state"], row["result"]) for row in rows]
    assert told == [
        ("grid", "grid of kafka", "finished", "12 pictures."),
        ("train", "kafka", "finished", "3 files to choose from."),
        ("train", "kafka-2", "failed", ""),
    ]
    assert rows[2]["text"] == "The disk is full. Free 2 GB and press Resume."
    assert {row["project"] for row in rows} == {"kafka"}
    queue = jobs.jobs(workspace)
    assert [drawer.outcome(view) for view in queue] == [
        "done, 12 pictures.",
        "done, 3 files to choose from.",
        "could not be finished",
    ]


def test_the_header_is_told_what_runs_waits_and_ended_last(tmp_path: Path) -> None:
    project = make_evening(tmp_path / "workspace")
    workspace = Workspace.open(tmp_path / "workspace")
    before = drawer.oven_news(jobs.jobs(workspace))
    assert (before["running"], before["waiting"]) == (False, 0)
    assert before["ended"]["text"] == "grid of kafka: done, 12 pictures."
    jobs.resume(workspace, project.run("kafka-2").folder, start=False)
    waits = drawer.oven_news(jobs.jobs(workspace))
    assert waits == before | {"waiting": 1}
    jobs.request_stop(workspace, project.run("kafka-2").folder)  # taken out of the queue
    ended = drawer.oven_news(jobs.jobs(workspace))["ended"]
    assert ended["text"] == "kafka-2: was stopped"
    assert ended["key"] != before["ended"]["key"]
    assert drawer.oven_news([]) == {"running": False, "waiting": 0, "ended": None}


def test_the_first_lora_is_followed_in_the_sample_project_only(tmp_path: Path) -> None:
    workspace = Workspace.open(tmp_path / "workspace")
    assert tour(workspace, "") == []  # nobody has begun
    project = workspace.create_sample_project(SAMPLE_DIR)
    assert tour(workspace, "") is None
    assert tour(workspace, project.name) == ["sample"]
    run = project.create_run("practice")
    run.recipe_path.write_text("", encoding="utf-8")
    with job_process(run.folder, heavy=False):
        assert tour(workspace, project.name) == ["sample"]  # while it bakes
    assert tour(workspace, project.name) == ["sample", "bake"]
    (run.grid_dir / "first").mkdir(parents=True)
    assert tour(workspace, project.name) == ["sample", "bake", "grid"]
    used = project.create_job(KIND)
    atomic_write_json(used.folder / RECORD, {"format": 1})
    assert tour(workspace, project.name) == ["sample", "bake", "grid"]  # not yet written
    with job_process(used.folder, kind=KIND, heavy=False):
        pass
    assert tour(workspace, project.name) == list(STEPS)
    own = workspace.create_project("kafka")
    assert tour(workspace, own.name) is None
