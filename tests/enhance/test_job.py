"""Improving as a job: real processes, progress, stopped, killed, gone on with, undone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lorabake.core.dataset import scan_dataset
from lorabake.core.errors import DatasetError, JobError, ModelFileError, RecipeError
from lorabake.core.events import read_events
from lorabake.core.history import close_history, open_history
from lorabake.core.image import load_rgb
from lorabake.core.jobs import JobView, request_stop
from lorabake.core.origins import Origins
from lorabake.core.sources import Source, Sources
from lorabake.core.worker import run_job
from lorabake.core.workspace import Project, Workspace
from lorabake.enhance.estimate import Pace, about, keep_pace, pace_of, paces, seconds_for
from lorabake.enhance.job import REQUEST, enhancing_of, read_request, start_enhance
from lorabake.enhance.ledger import FILE
from lorabake.enhance.models import resolve_upscaler
from lorabake.enhance.needs import standard_buckets
from lorabake.enhance.settings import EnhanceSettings
from lorabake.enhance.sitting import work
from tests.enhance.conftest import write
from tests.enhance.models import drawing

TWICE = EnhanceSettings(upscaler="2x-Tiny", fit="factor", factor=2.0)
LANCZOS = EnhanceSettings(fit="factor", factor=2.0)
LONG = 60.0  # seconds


def pictures(project: Project) -> list[tuple[str, str]]:
    root = project.dataset_dir
    return [
        (image.path.relative_to(root).as_posix(), image.sha256)
        for image in scan_dataset(root).images
    ]


def begun(space: Workspace, project: Project, settings: EnhanceSettings = TWICE) -> JobView:
    chosen = pictures(project)
    return start_enhance(space, project.name, settings, chosen, standard_buckets(256), start=False)


def done(job: JobView) -> int:
    """As the queue's process does it, in this one, which is quicker."""
    return run_job(job.folder, lambda job: work(job, print), kind="enhance", heavy=False)


def process(job: JobView) -> subprocess.Popen[bytes]:
    """As the queue starts it."""
    return subprocess.Popen(
        [sys.executable, "-m", "lorabake.enhance", str(job.folder)], stderr=subprocess.DEVNULL
    )


def events(job: JobView) -> list[tuple[str, dict[str, Any]]]:
    return [(event.type, dict(event.data)) for event in read_events(job.run.events_path)[0]]


def last(job: JobView) -> tuple[str, dict[str, Any]]:
    return events(job)[-1]


def content(root: Path) -> dict[str, bytes]:
    """The data set as a person sees it, without what is hidden."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(root).parts)
    }


def sizes(project: Project) -> set[tuple[int, int]]:
    return {(image.width, image.height) for image in scan_dataset(project.dataset_dir).images}


def until(true: Callable[[], Any]) -> Any:
    end = time.monotonic() + LONG
    while not (found := true()):
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.01)
    return found


def test_a_project_is_improved_and_one_undo_brings_all_back_byte_for_byte(
    space: Workspace, project: Project
) -> None:
    """Only the training copy is replaced; captions and what is known of the picture stay."""
    root = project.dataset_dir
    before, chosen = content(root), pictures(project)
    sha = chosen[0][1]
    Origins.open(root).record(sha, ["smile"], "tagger", "wd")
    Sources.open(root).record(Source(sha256=sha, site="safebooru", id=7))
    job = begun(space, project)
    assert done(job) == 0
    kind, told = last(job)
    assert kind == "finished"
    assert (told["pictures"], told["improved"], told["unchanged"], told["skipped"]) == (4, 4, 0, [])
    assert told["written"] == [name for name, _ in chosen]
    assert sizes(project) == {(192, 256)}
    after = content(root)
    assert {name for name in after if after[name] != before[name]} == {name for name, _ in chosen}
    (image,) = [one for one in scan_dataset(root).images if one.path.name == "0.png"]
    assert image.caption.tags == ("kafka", "solo", "smile")
    assert Origins.open(root).of(image.sha256, ["smile"]) == ["tagger"]
    source = Sources.open(root).of(image.sha256)
    assert source is not None
    assert (source.site, source.id) == ("safebooru", 7)
    close_history(root)  # as after a restart
    operation = open_history(root).operations()[0]
    assert (operation.id, operation.title) == (told["operation"], "Upscale 4 pictures")
    open_history(root).undo()
    assert content(root) == before
    open_history(root).redo()
    assert content(root) == after


def test_progress_is_told_tile_by_tile(space: Workspace, project: Project, capfd) -> None:  # type: ignore[no-untyped-def]
    write(project.dataset_dir / "3_kafka" / "large.png", drawing(300, 280))
    job = begun(space, project)
    assert done(job) == 0
    told = events(job)
    plan = next(data for kind, data in told if kind == "plan")
    steps = [data["step"] for kind, data in told if kind == "step"]
    assert plan["steps"] == 4 + 4, "four small pictures, and four tiles of a large one"
    assert steps == sorted(steps)
    assert steps[-1] == 8
    assert [data["name"] for kind, data in told if kind == "phase"][-1] == "improving"
    said = capfd.readouterr().out
    assert "2x-Tiny.safetensors: ESRGAN, 2x, on" in said
    assert "5 pictures: about" in said, "how long it will take, before it begins"
    view = enhancing_of(space, project.name)
    assert view is not None
    assert (view.status.state, view.status.step, view.status.steps) == ("finished", 8, 8)


def test_without_a_model_no_network_is_loaded(space: Workspace, project: Project) -> None:
    job = begun(space, project, LANCZOS)
    code = (
        "import sys; from lorabake.enhance.__main__ import main; code = main();"
        "assert 'torch' not in sys.modules; sys.exit(code)"
    )
    assert (
        subprocess.run([sys.executable, "-c", code, str(job.folder)], check=False).returncode == 0
    )
    assert sizes(project) == {(192, 256)}


def test_stopping_keeps_what_is_ready(space: Workspace, project: Project) -> None:
    root, before = project.dataset_dir, content(project.dataset_dir)
    job = begun(space, project)

    ledger = job.folder / FILE

    def stopped_after_two(job: Any) -> Any:
        job.should_stop = lambda: ledger.exists() and ledger.read_bytes().count(b"\n") == 2
        return work(job, print)

    assert run_job(job.folder, stopped_after_two, kind="enhance", heavy=False) == 130
    told = events(job)
    assert told[-1][0] == "stopped"
    note = next(data for kind, data in told if kind == "note")
    assert note["text"] == "2 of 4 pictures were ready and are kept."
    changed = [name for name, data in content(root).items() if data != before[name]]
    assert changed == ["3_kafka/0.png", "3_kafka/1.png"]
    open_history(root).undo()
    assert content(root) == before


def test_one_that_waits_can_be_stopped_and_leaves_everything(
    space: Workspace, project: Project
) -> None:
    before, job = content(project.dataset_dir), begun(space, project)
    request_stop(space, job.folder)
    view = enhancing_of(space, project.name)
    assert view is not None
    assert view.status.state == "stopped"
    assert content(project.dataset_dir) == before


def test_killed_in_the_middle_it_goes_on_where_it_was(space: Workspace, project: Project) -> None:
    """kill -9 after the first picture: nothing is touched; the next attempt does only the rest."""
    root, before = project.dataset_dir, content(project.dataset_dir)
    for number in range(4, 12):
        write(root / "3_kafka" / f"{number}.png", drawing(96, 128, seed=number))
    before = content(root)
    job = begun(space, project)
    ledger = job.folder / FILE
    killed = process(job)
    until(lambda: ledger.exists() and ledger.read_bytes().count(b"\n") >= 1)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert content(root) == before
    ready = ledger.read_text().splitlines()
    with ledger.open("a") as file:
        file.write('{"picture": "3_kafka/')  # a line that the kill cut off
    made = {line.split('"made": "')[1].split('"')[0] for line in ready}
    stamps = {place: (root / place).stat().st_mtime_ns for place in made}
    assert done(job) == 0
    kind, told = last(job)
    assert (kind, told["improved"], told["skipped"]) == ("finished", 12, [])
    kept = {path.stat().st_mtime_ns for path in (root / "3_kafka").glob("*.png")}
    assert set(stamps.values()) <= kept, "what was ready was not made again"
    open_history(root).undo()
    assert content(root) == before


def test_killed_after_its_last_picture_the_next_attempt_finds_all_done(
    space: Workspace, project: Project
) -> None:
    job = begun(space, project)
    assert done(job) == 0
    after = content(project.dataset_dir)
    assert done(job) == 0
    told = last(job)[1]
    assert (told["improved"], told["unchanged"], told["skipped"]) == (0, 4, [])
    assert content(project.dataset_dir) == after


@pytest.mark.parametrize("moment", ["history_journaled", "history_aside", "history_placed_2"])
def test_killed_while_results_take_their_places_the_step_is_completed(
    space: Workspace, project: Project, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    root, before = project.dataset_dir, content(project.dataset_dir)
    job = begun(space, project, LANCZOS)
    monkeypatch.setenv("LORABAKE_FAULT", moment)
    assert process(job).wait(LONG) == 137
    monkeypatch.delenv("LORABAKE_FAULT")
    close_history(root)
    open_history(root).complete()
    assert sizes(project) == {(192, 256)}
    open_history(root).undo()
    assert content(root) == before


def test_what_changed_meanwhile_is_left_alone_and_named(space: Workspace, project: Project) -> None:
    root = project.dataset_dir
    job = begun(space, project, LANCZOS)
    changed, gone = root / "3_kafka" / "1.png", root / "3_kafka" / "2.png"
    Image.fromarray(drawing(64, 64, seed=99)).save(changed)
    kept = changed.read_bytes()
    gone.unlink()
    assert done(job) == 0
    told = last(job)[1]
    assert told["improved"] == 2
    assert {name for name, _ in told["skipped"]} == {"3_kafka/1.png", "3_kafka/2.png"}
    assert all("left alone" in why for _, why in told["skipped"])
    assert changed.read_bytes() == kept


def test_two_pictures_of_one_name_do_not_spoil_the_others(
    space: Workspace, project: Project
) -> None:
    """0.jpg would become 0.png, which is another picture."""
    root = project.dataset_dir
    Image.fromarray(drawing(96, 128, seed=50)).save(root / "3_kafka" / "0.jpg")
    before = (root / "3_kafka" / "0.png").read_bytes()
    job = begun(space, project, LANCZOS)
    assert done(job) == 0
    told = last(job)[1]
    assert told["improved"] == 3
    ((name, why),) = told["skipped"]
    assert name == "3_kafka/0.jpg"
    assert "0.png has the same name: rename one of the two" in why
    assert (root / "3_kafka" / "0.png").read_bytes() == before


def test_other_endings_become_png_and_come_back(space: Workspace, project: Project) -> None:
    root = project.dataset_dir
    folder = root / "3_kafka"
    Image.fromarray(drawing(96, 128, seed=60)).save(folder / "photo.JPG", "JPEG")
    (folder / "photo.txt").write_text("kafka, photo", encoding="utf-8")
    before = content(root)
    assert done(begun(space, project, LANCZOS)) == 0
    assert not (folder / "photo.JPG").exists()
    assert Image.open(folder / "photo.png").size == (192, 256)
    assert (folder / "photo.txt").read_text(encoding="utf-8") == "kafka, photo"
    open_history(root).undo()
    assert content(root) == before


def test_contrast_alone_changes_only_what_needs_it(space: Workspace, project: Project) -> None:
    """Good pictures are left as they are; frames of a scene get one curve."""
    root = project.dataset_dir
    full = drawing(96, 128, seed=1).copy()
    full[:20, :30], full[20:40, :30] = 0, 255
    for number in range(4):
        write(root / "3_kafka" / f"{number}.png", np.roll(full, number, axis=1))
    frames = [np.roll((full * 0.85 + 16).round().astype(np.uint8), n, axis=1) for n in range(2)]
    for number, frame in enumerate(frames):
        write(root / "5_cap" / f"frame{number}.png", frame)
    settings = EnhanceSettings(upscaler="off", contrast=True, curve=0.0, saturation=1.0)
    job = begun(space, project, settings)
    assert done(job) == 0
    told = last(job)[1]
    assert told["written"] == ["5_cap/frame0.png", "5_cap/frame1.png"]
    assert told["unchanged"] == 4
    one, other = (load_rgb(root / "5_cap" / f"frame{n}.png") for n in range(2))
    assert one.min() <= 2
    assert one.max() >= 253
    assert np.array_equal(np.roll(one, 1, axis=1), other)
    assert open_history(root).operations()[0].title == "Change the contrast of 2 pictures"


def test_what_would_fail_later_is_refused_at_once(space: Workspace, project: Project) -> None:
    chosen = pictures(project)

    def begin(settings: EnhanceSettings, some: list[tuple[str, str]] = chosen) -> JobView:
        return start_enhance(space, project.name, settings, some, start=False)

    with pytest.raises(ModelFileError, match=r"4x-Tiny\.pth"):
        begin(EnhanceSettings(upscaler="4x-Gone"))
    with pytest.raises(ModelFileError):
        begin(EnhanceSettings(upscaler="/etc/passwd"))
    with pytest.raises(RecipeError, match="Nothing is switched on"):
        begin(EnhanceSettings(upscaler="off"))
    with pytest.raises(DatasetError, match="No pictures are chosen"):
        begin(LANCZOS, [])
    assert project.jobs() == []
    begin(LANCZOS)
    with pytest.raises(JobError, match="is being improved already"):
        begin(LANCZOS)


def test_a_model_that_is_gone_or_broken_when_its_turn_comes_is_a_sentence(
    space: Workspace, project: Project
) -> None:
    before, job = content(project.dataset_dir), begun(space, project)
    (space.models_dir / "upscalers" / "2x-Tiny.safetensors").unlink()
    assert done(job) == 1
    kind, told = last(job)
    assert kind == "failed"
    assert "2x-Tiny" in told["text"]
    assert told["details"] == ""
    assert content(project.dataset_dir) == before


def test_a_request_is_read_back_and_damage_is_a_sentence(
    space: Workspace, project: Project
) -> None:
    job = begun(space, project, replace(TWICE, strength=0.5, contrast=True))
    request = read_request(job.folder)
    assert request.settings.strength == 0.5
    assert request.pictures == tuple(pictures(project))
    assert request.buckets == tuple(standard_buckets(256))
    for text in ("", "[]", '{"settings": {"strength": 9}, "pictures": [], "buckets": []}'):
        (job.folder / REQUEST).write_text(text)
        with pytest.raises(JobError, match="is no improvement"):
            read_request(job.folder)


def test_how_long_it_will_take(space: Workspace) -> None:
    """From the pace that a model has shown, kept by the model's file."""
    upscaler = resolve_upscaler(space, "4x-Tiny")
    sizes = [((1000, 1000), (1000, 1000))] * 10
    assert seconds_for(sizes, EnhanceSettings(upscaler="4x-Tiny"), None) is None
    assert pace_of(space, upscaler) is None
    keep_pace(space, upscaler, Pace(4, "ESRGAN", 30.0, 256, "CPU"))
    pace = pace_of(space, upscaler)
    assert pace is not None
    seconds = seconds_for(sizes, EnhanceSettings(upscaler="4x-Tiny"), pace)
    assert seconds is not None
    assert 300 < seconds < 500, "ten megapixels, and what lies in several tiles"
    plain = seconds_for(sizes, LANCZOS, None)
    assert plain is not None
    assert 1 < plain < 30
    assert about(seconds, 10) == f"10 pictures: about {round(seconds / 60)} minutes."
    assert about(0.1, 1) == "1 picture: about 1 s."
    assert about(9000, 2000) == "2,000 pictures: about 2.5 hours."
    os.utime(upscaler.path, ns=(0, 0))
    assert pace_of(space, upscaler) is None, "another file under the same name"
    path = space.cache_dir / "upscalers.json"
    for text in (
        "[]",
        "x",
        '{"a": {"seconds": "1"}, "b": 3, "c": {"scale": 1, "architecture": "E",'
        ' "seconds": 1, "tile": 3, "device": "CPU"}}',
    ):
        path.write_text(text)
        assert paces(space) == {}
