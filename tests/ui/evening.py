"""A project as one evening leaves it: pictures, a bake with samples, one that failed, two grids.

Made of files alone, as the jobs leave them, in a second; nothing is trained.
"""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path

from PIL import Image, ImageDraw

from lorabake.core import jobs
from lorabake.core.errors import DatasetError
from lorabake.core.files import atomic_write_json
from lorabake.core.queue import Queue
from lorabake.core.run import Run
from lorabake.core.worker import job_process
from lorabake.core.workspace import Project, Workspace
from lorabake.grid.job import PLAN, GridPlan, Row
from lorabake.recipe.presets import compose
from lorabake.train.prepare import prepare_run
from lorabake.ui.chosen import write_chosen
from lorabake.ui.place import Place
from tests.ui.browsing import make_project

NAME = "kafka"
EPOCHS, PER_EPOCH = 3, 12
WEIGHTS = (0.0, 0.6, 0.8, 1.0)


def make_evening(root: Path) -> Project:
    captions = {
        f"{n:02d}": f"kafka, 1girl, smile, tag {n}" if n % 4 else "kafka" for n in range(12)
    }
    captions["12"] = ""
    project = make_project(root, NAME, captions)
    workspace = Workspace.open(root)
    write_chosen(project, "practice", (), compose("practice", (), {"general.epochs": EPOCHS}))
    _bake(workspace, project, "kafka-2", fails=True)
    _bake(workspace, project, "kafka")
    _grid(workspace, project.run("kafka"), "first", WEIGHTS)
    return project


def _bake(workspace: Workspace, project: Project, name: str, *, fails: bool = False) -> None:
    recipe = compose("practice", (), {"general.epochs": EPOCHS})
    dataset = Place(workspace).dataset(project)
    run = prepare_run(workspace, project.create_run(name).folder, dataset, recipe, name=name)
    jobs.enqueue(workspace, "train", run.folder, name, start=False)
    try:
        with job_process(run.folder, heavy=False) as job:
            _say(job.events.write, run, EPOCHS - fails)
            if fails:
                raise DatasetError("The disk is full. Free 2 GB and press Resume.")
    except DatasetError:
        pass
    _over(workspace, run)


def _say(write: object, run: Run, epochs: int) -> None:
    assert callable(write)
    write("plan", steps=EPOCHS * PER_EPOCH, steps_per_epoch=PER_EPOCH, epochs=EPOCHS)
    run.previews_dir.mkdir(exist_ok=True)
    for step in range(1, epochs * PER_EPOCH + 1):
        epoch, loss = math.ceil(step / PER_EPOCH), 0.2 + 0.3 / step
        rates = {"unet": 1e-4, "text_encoder_1": 5e-5}
        write("step", step=step, epoch=epoch, loss=loss, loss_average=loss, lr=rates)
        if step % PER_EPOCH == 0:
            file = f"{run.name}-{epoch:02d}.safetensors"
            (run.folder / file).write_bytes(b"")
            write("checkpoint", path=file, epoch=epoch, step=step, loss=loss, mib=1.0)
            write("validation", epoch=epoch, step=step, loss=loss + 0.05, base=0.4)
            _picture(epoch, 0.8).save(run.previews_dir / f"sample-{epoch}.png")
            write("sample", epoch=epoch, step=step, path=f"sample-{epoch}.png", prompt="kafka")


def _grid(workspace: Workspace, run: Run, name: str, weights: tuple[float, ...]) -> None:
    rows = tuple(
        Row(n, f"{run.name}-{n:02d}.safetensors", f"{n:064d}") for n in range(1, EPOCHS + 1)
    )
    plan = GridPlan("kafka, smile", "", rows, weights, 7, 20, 5.0, "Euler a", 48, 64)
    folder = run.grid_dir / name
    folder.mkdir(parents=True)
    atomic_write_json(folder / PLAN, {"format": 1, **asdict(plan)})
    for row in rows:
        for weight in weights:
            _picture(row.epoch, weight).save(folder / plan.cell_name(row, weight))
    jobs.enqueue(workspace, "grid", folder, "grid of kafka", start=False)
    with job_process(folder, kind="grid", heavy=False) as job:
        job.events.write("plan", steps=plan.total)
    _over(workspace, Run(folder))


def _over(workspace: Workspace, run: Run) -> None:
    """What the runner notes when a job's process has gone."""
    queue = Queue(workspace)
    with queue.change() as state:
        place = queue.place(run.folder)
        state.waiting.remove(place)
        state.remember(place)


def _picture(epoch: int, weight: float) -> Image.Image:
    picture = Image.new("RGB", (48, 64), (60 * epoch, round(200 * weight), 90))
    ImageDraw.Draw(picture).ellipse((12, 16, 36, 40), fill=(250, 220, 200))
    return picture
