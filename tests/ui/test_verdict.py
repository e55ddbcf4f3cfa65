"""What the page is told of a grid's verdict."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lorabake.core.events import EventWriter
from lorabake.core.queue import Queue
from lorabake.core.run import Run
from lorabake.core.settings import from_mapping
from lorabake.core.workspace import Workspace
from lorabake.grid.ballot import VOTES, Pair, add_pair
from lorabake.grid.job import GridRequest, prepare_grid
from lorabake.grid.verdict.asked import FOLDER, KIND
from lorabake.grid.verdict.record import RESULT, write_verdict
from lorabake.recipe.models import SHIPPED
from lorabake.ui.place import open_place
from lorabake.ui.verdict import lb_measure, lb_verdict
from tests.grid.test_verdict import evidence
from tests.ui.browsing import make_project

SENTENCE = "Epoch 2 at weight 1.0"


def make_measured_grid(root: Path) -> Path:
    """The folder of a grid of three epochs by three weights in a new workspace; its files are empty."""
    run = make_project(root, "kafka", {"a": "kafka"}).create_run("first")
    for epoch in (1, 2, 3):
        (run.folder / f"a-{epoch:02d}.safetensors").write_bytes(b"")
    setup = {
        "name": "a",
        "base": str(SHIPPED["practice"]),
        "vae": "",
        "cache": str(root / ".cache"),
    }
    (run.folder / "setup.json").write_text(json.dumps(setup))
    run.recipe_path.write_text('title = "x"\n')
    asked = {"prompt": "ohwx", "weights": "0, 0.8, 1.0", "size": "64x64"}
    return prepare_grid(Run(run.folder), from_mapping(GridRequest, asked))


@pytest.fixture
def grid(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = make_measured_grid(workspace)
    monkeypatch.setattr("lorabake.core.jobs.ensure_runner", lambda *_, **__: False)
    open_place(Workspace.open(workspace))
    return folder


def about(grid: Path, **more: Any) -> dict[str, Any]:
    return lb_verdict({"project": "kafka", "run": "first", "grid": grid.name, **more})


def test_before_it_is_measured_it_says_what_it_would_do(grid: Path) -> None:
    answer = about(grid)
    assert (answer["why"], answer["record"], answer["state"]) == ("", None, "new")
    assert answer["plan"].startswith("6 cells: the loss of up to 24 pictures in each, and 72 small")
    assert answer["seconds"] is None


def test_how_long_it_takes_follows_from_the_pictures_of_the_grid(grid: Path) -> None:
    with EventWriter(grid / "events.jsonl") as events:
        events.write("plan", rows=3, columns=3, total=9)
        for epoch in (1, 2, 3):
            for weight in (0.0, 0.8, 1.0):
                events.write("cell", epoch=epoch, weight=weight, path=f"{epoch}-{weight}.png")
        events.write("finished", seconds=14.0)
    # 7 different pictures in 14 s at 20 steps, each of which asks the U-Net twice: 0.05 s a question
    questions = 7 * 24 * 4 + 2 * 12 * 72
    assert about(grid)["seconds"] == pytest.approx(questions * 0.05)


def test_measuring_is_a_job_of_its_own(grid: Path, workspace: Path) -> None:
    assert lb_measure({"project": "kafka", "run": "first", "grid": grid.name}) == {}
    answer = about(grid)
    assert answer["state"] == "queued"
    assert answer["place"] == f"projects/kafka/runs/first/grid/{grid.name}/{FOLDER}"
    job = json.loads((grid / FOLDER / "job.json").read_text())
    assert job["kind"] == KIND
    assert not (grid / "job.json").exists()  # the grid's own job is another
    assert (
        lb_measure({"project": "kafka", "run": "first", "grid": grid.name}) == {}
    )  # twice is once
    queue = Queue(Workspace.open(workspace))
    with queue.change() as state:  # a crash between writing the job and the queue
        state.waiting.clear()
    queue.recover()
    assert queue.read().waiting == [answer["place"]]


def test_a_verdict_is_sent_once(grid: Path) -> None:
    write_verdict(grid, evidence(lambda epoch, weight: 1 - 0.2 * weight * (epoch == 2)), done=True)
    answer = about(grid)
    assert answer["record"]["sentence"].startswith(SENTENCE)
    assert about(grid, stamp=answer["stamp"])["record"] is None
    (grid / RESULT).write_text("{", encoding="utf-8")  # damaged: as if there were none
    assert about(grid)["record"] is None


def test_votes_say_whether_they_agree(grid: Path) -> None:
    """As far as they are sure. The proposal itself stays what was measured."""
    write_verdict(grid, evidence(lambda epoch, weight: 1 - 0.2 * weight * (epoch == 2)), done=True)
    assert about(grid)["votes"] == ""
    names = [f"a-{epoch:02d}_{weight}.png" for epoch in (1, 2, 3) for weight in (0.8, 1.0)]

    def vote_for(best: str) -> str:
        for other in names:
            for _ in range(6 * (other != best)):
                add_pair(grid, Pair(best, other, "left"))
        return str(about(grid)["votes"])

    assert vote_for("a-02_1.0.png") == "Your votes agree."
    (grid / VOTES).unlink()
    assert vote_for("a-03_0.8.png") == "Your votes prefer epoch 3 at weight 0.8: trust your eyes."
    assert about(grid)["record"]["verdict"]["epoch"] == 2
