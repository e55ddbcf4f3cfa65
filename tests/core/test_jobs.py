"""The queue, with real processes and real kills."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from lorabake.core import jobs as jobs_module
from lorabake.core.errors import JobError, LorabakeError, Stopped, TrainingError, WorkspaceError
from lorabake.core.events import read_events
from lorabake.core.files import FAULT_VARIABLE, restore
from lorabake.core.jobs import (
    enqueue,
    ensure_runner,
    job_process,
    jobs,
    move,
    remove,
    request_stop,
    resume,
)
from lorabake.core.lock import MACHINE_LOCK_VARIABLE, FileLock, is_locked
from lorabake.core.queue import Queue
from lorabake.core.run import Run
from lorabake.core.status import read_process
from lorabake.core.worker import EXIT_BUSY
from lorabake.core.workspace import Project, Workspace

KINDS = {"tiny": "tests.core.tiny_worker"}
LONG = 60.0  # seconds until a test gives up; the machine may be busy


@pytest.fixture(autouse=True)
def own_oven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs_module, "OVEN", "tests.core.tiny_oven")
    monkeypatch.setenv(MACHINE_LOCK_VARIABLE, str(tmp_path / "heavy.lock"))


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    workspace = Workspace.open(tmp_path / "workspace")
    workspace.create_project("kafka")
    yield workspace
    for process in processes_of(workspace):
        with suppress(ProcessLookupError):  # it was just leaving by itself
            os.kill(process, signal.SIGKILL)
    until(lambda: not processes_of(workspace))


def processes_of(workspace: Workspace) -> list[int]:
    """Runners and workers of this workspace (Linux)."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line = (entry / "cmdline").read_bytes().decode(errors="replace")
            zombie = (entry / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[
                0
            ] == "Z"
        except OSError:
            continue
        if str(workspace.root) in line and "tests.core.tiny" in line and not zombie:
            found.append(int(entry.name))
    return found


def until(true: Callable[[], Any], *, seconds: float = LONG) -> Any:
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)
    return found


def prepare(workspace: Workspace, name: str, **wish: Any) -> Run:
    run = workspace.project("kafka").create_run(name)
    (run.folder / "do.json").write_text(json.dumps(wish), encoding="utf-8")
    return run


def put(workspace: Workspace, run: Run, *, start: bool = True) -> None:
    enqueue(workspace, "tiny", run.folder, kinds=KINDS, start=start)


def state(run: Run) -> str:
    return run.status().state


def last_words(run: Run) -> list[str]:
    return [event.type for event in read_events(run.events_path)[0] if event.is_last_word]


def pid_of(run: Run) -> int:
    process = until(lambda: read_process(run))
    return int(process.pid)


def runner_pid(workspace: Workspace) -> int:
    def find() -> int | None:
        for pid in processes_of(workspace):
            if b"tiny_oven" in Path(f"/proc/{pid}/cmdline").read_bytes():
                return pid
        return None

    return int(until(find))


def test_jobs_are_worked_off_in_order_one_at_a_time(workspace: Workspace) -> None:
    runs = [prepare(workspace, f"bake-{number}", steps=2) for number in range(3)]
    for run in runs:
        put(workspace, run, start=False)
    move(workspace, runs[2].folder, 0)
    assert [view.title for view in jobs(workspace)] == ["bake-2", "bake-0", "bake-1"]
    assert [view.position for view in jobs(workspace)] == [0, 1, 2]
    assert {state(run) for run in runs} == {"queued"}
    assert ensure_runner(workspace)
    until(lambda: all(state(run) == "finished" for run in runs))
    order = (runs[0].folder.parent / "order.txt").read_text(encoding="utf-8").split()
    assert order == ["bake-2", "bake-0", "bake-1"]
    until(lambda: not is_locked(Queue(workspace).runner_lock))
    assert not processes_of(workspace) or until(lambda: not processes_of(workspace))
    assert [view.title for view in jobs(workspace)] == ["bake-1", "bake-0", "bake-2"]
    for run in runs:
        assert last_words(run) == ["finished"]
        assert run.status().step == run.status().steps == 2


def test_a_running_job_shows_its_progress_and_survives_the_app(workspace: Workspace) -> None:
    run = prepare(workspace, "bake", steps=400, pause=0.02)
    script = (
        "import sys; from pathlib import Path; from lorabake.core import jobs; "
        "from lorabake.core.workspace import Workspace; jobs.OVEN = 'tests.core.tiny_oven'; "
        "jobs.enqueue(Workspace.open(Path(sys.argv[1])), 'tiny', Path(sys.argv[2]), kinds={'tiny': ''}); "
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    )
    app = subprocess.run(
        [sys.executable, "-c", script, str(workspace.root), str(run.folder)],
        check=False,
        timeout=LONG,
    )
    assert app.returncode == -signal.SIGKILL
    status = until(lambda: (found := run.status()).step >= 3 and found)
    assert status.state == "running"
    assert status.steps == 400
    assert status.loss_average == 0.25
    assert status.seconds_left > 0
    assert os.getsid(pid_of(run)) == pid_of(run), "a session of its own"
    with pytest.raises(WorkspaceError, match="Stop it"):
        workspace.project("kafka").delete_run("bake")
    with pytest.raises(JobError, match="already in the queue"):
        put(workspace, run)
    request_stop(workspace, run.folder)
    until(lambda: state(run) == "stopped")
    assert last_words(run) == ["stopped"]


def test_a_stopped_job_can_be_resumed(workspace: Workspace) -> None:
    run = prepare(workspace, "bake", steps=30, pause=0.03)
    put(workspace, run)
    until(lambda: run.status().step >= 3)
    request_stop(workspace, run.folder)
    until(lambda: state(run) == "stopped")
    resume(workspace, run.folder, kinds=KINDS)
    assert not run.stop_path.exists()
    until(lambda: state(run) == "finished")
    assert last_words(run) == ["stopped", "finished"]
    finished = read_events(run.events_path)[0][-1]
    assert finished.data["first"] > 3
    with pytest.raises(JobError, match="nothing to resume"):
        resume(workspace, run.folder, kinds=KINDS)
    with pytest.raises(JobError, match="nothing to stop"):
        request_stop(workspace, run.folder)


def test_kill_9_of_a_job_interrupts_it_and_the_next_one_starts(workspace: Workspace) -> None:
    first = prepare(workspace, "first", steps=500, pause=0.02)
    second = prepare(workspace, "second", steps=1)
    put(workspace, first)
    put(workspace, second)
    until(lambda: first.status().step >= 2)
    os.kill(pid_of(first), signal.SIGKILL)
    until(lambda: state(second) == "finished")
    assert state(first) == "interrupted"
    assert "Resume" in first.status().text
    (first.folder / "do.json").write_text('{"steps": 5}', encoding="utf-8")
    resume(workspace, first.folder, kinds=KINDS)
    until(lambda: state(first) == "finished")


def test_kill_9_of_the_runner_loses_nothing(workspace: Workspace) -> None:
    first = prepare(workspace, "first", steps=10_000, pause=0.02)
    second = prepare(workspace, "second", steps=1)
    put(workspace, first, start=False)  # else a second runner may stand by for a second
    put(workspace, second)
    until(lambda: first.status().step >= 2)
    os.kill(runner_pid(workspace), signal.SIGKILL)
    until(lambda: not is_locked(Queue(workspace).runner_lock))
    assert state(first) == "running"
    assert state(second) == "queued"
    assert ensure_runner(workspace)
    runner_pid(workspace)
    request_stop(workspace, first.folder)
    until(lambda: state(second) == "finished")
    assert state(first) == "stopped"
    order = (first.folder.parent / "order.txt").read_text(encoding="utf-8").split()
    assert order == ["first", "second"], "the new runner waited for the job it found"


@pytest.mark.parametrize("point", ["oven_taken", "oven_started", "oven_recorded"])
def test_a_runner_that_dies_at_any_point_is_replaced(
    workspace: Workspace, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = prepare(workspace, "bake", steps=10, pause=0.02, slow_start=0.3)
    put(workspace, run, start=False)
    monkeypatch.setenv(FAULT_VARIABLE, point)
    ensure_runner(workspace)
    until(lambda: jobs_module._runners[-1].poll() is not None)
    assert jobs_module._runners[-1].returncode == 137
    monkeypatch.delenv(FAULT_VARIABLE)
    until(lambda: ensure_runner(workspace) or state(run) == "finished")
    until(lambda: state(run) == "finished")
    until(lambda: not processes_of(workspace))
    assert last_words(run) == ["finished"]
    order = (run.folder.parent / "order.txt").read_text(encoding="utf-8").split()
    assert order == ["bake"], "worked on once"


def test_a_job_cut_off_on_its_way_into_the_queue_is_found_again(workspace: Workspace) -> None:
    run = prepare(workspace, "bake", steps=1)
    script = (
        "import sys; from pathlib import Path; from lorabake.core import jobs; "
        "from lorabake.core.workspace import Workspace; "
        "jobs.enqueue(Workspace.open(Path(sys.argv[1])), 'tiny', Path(sys.argv[2]), kinds={'tiny': ''}); "
    )
    app = subprocess.run(
        [sys.executable, "-c", script, str(workspace.root), str(run.folder)],
        env={**os.environ, FAULT_VARIABLE: "job_written"},
        check=False,
        timeout=LONG,
    )
    assert app.returncode == 137
    assert jobs(workspace) == []
    ensure_runner(workspace, at_start=True)
    until(lambda: state(run) == "finished")


def test_a_damaged_queue_is_put_aside_and_rebuilt(workspace: Workspace) -> None:
    run = prepare(workspace, "bake", steps=1)
    put(workspace, run, start=False)
    Queue(workspace).path.write_bytes(b'{"waiting": [')
    assert jobs(workspace) == []
    ensure_runner(workspace, at_start=True)
    until(lambda: state(run) == "finished")


def test_queue_entries_from_elsewhere_are_ignored(workspace: Workspace, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "job.json").write_text("{}", encoding="utf-8")
    places = [
        "../../outside",
        str(outside),
        "projects/../../outside",
        "projects",
        7,
        None,
        "projects/kafka/runs/no",
    ]
    Queue(workspace).path.write_text(
        json.dumps({"waiting": places, "active": "/etc"}), encoding="utf-8"
    )
    assert jobs(workspace) == []


def test_a_job_file_cannot_name_a_module(workspace: Workspace) -> None:
    run = prepare(workspace, "bake")
    put(workspace, run, start=False)
    record = json.loads(run.job_path.read_text(encoding="utf-8"))
    run.job_path.write_text(json.dumps(record | {"kind": "this"}), encoding="utf-8")
    ensure_runner(workspace)
    until(lambda: state(run) == "failed")
    assert "damaged" in run.status().text
    with pytest.raises(JobError, match="no kind of job"):
        enqueue(workspace, "os", run.folder)


def test_a_job_that_fails_says_its_sentence(workspace: Workspace) -> None:
    mistake = prepare(workspace, "mistake", fail_at=1)
    bug = prepare(workspace, "bug", bug_at=1)
    early = prepare(workspace, "early", die_early=True)
    silent = prepare(workspace, "silent", exit_at=1, code=7)
    oom = prepare(workspace, "oom", exit_at=1, code=137)
    for run in (mistake, bug, early, silent, oom):
        put(workspace, run)
    until(lambda: state(oom) == "interrupted" and not Queue(workspace).read().active)
    assert [state(run) for run in (mistake, bug, early, silent)] == ["failed"] * 4
    assert mistake.status().text == "The loss is not a number. Lower the learning rate."
    assert "ZeroDivisionError: a bug" in bug.status().details
    assert "ZeroDivisionError" not in bug.status().text
    assert "no such card" in early.status().details
    views = {view.title: view for view in jobs(workspace)}
    assert "no such card" in views["early"].log_tail()
    assert all(len(last_words(run)) == 1 for run in (mistake, bug, early, silent))


@pytest.mark.parametrize(("wish", "least"), [({"deaf": True}, 1.5), ({"ignore_stop": True}, 3.0)])
def test_who_does_not_hear_stop_is_ended(workspace: Workspace, wish: Any, least: float) -> None:
    """Stop file, then terminate, then kill."""
    run = prepare(workspace, "bake", steps=10_000, pause=0.02, **wish)
    put(workspace, run)
    until(lambda: run.status().step >= 1)
    asked = time.time()
    request_stop(workspace, run.folder)
    assert until(lambda: run.status().stopping_for) > 0
    until(lambda: state(run) == "stopped" and last_words(run))
    assert time.time() - asked >= least - 0.1
    assert last_words(run) == ["stopped"]


def test_stop_is_pressed_on_also_for_a_job_whose_runner_died(workspace: Workspace) -> None:
    run = prepare(workspace, "bake", steps=10_000, pause=0.02, ignore_stop=True)
    put(workspace, run)
    until(lambda: run.status().step >= 1)
    os.kill(runner_pid(workspace), signal.SIGKILL)
    until(lambda: not is_locked(Queue(workspace).runner_lock))
    request_stop(workspace, run.folder)
    until(lambda: state(run) == "stopped" and not jobs(workspace)[0].is_waiting)
    until(lambda: Queue(workspace).read().active is None)


def test_a_waiting_job_can_be_stopped_or_removed(workspace: Workspace) -> None:
    fresh, stopped = prepare(workspace, "fresh"), prepare(workspace, "stopped", steps=1)
    for run in (fresh, stopped):
        put(workspace, run, start=False)
    request_stop(workspace, stopped.folder)
    assert state(stopped) == "stopped"
    entry = remove(workspace, fresh.folder)
    assert entry is not None
    assert not fresh.folder.exists()
    assert [view.title for view in jobs(workspace)] == ["stopped"]
    restore(entry)
    assert fresh.folder.exists()
    resume(workspace, stopped.folder, kinds=KINDS, start=False)
    assert remove(workspace, stopped.folder) is None, "it has run before, so its files stay"
    assert state(stopped) == "stopped"
    assert remove(workspace, stopped.folder) is None
    assert [view.title for view in jobs(workspace)] == []


def test_two_workspaces_bake_one_after_the_other(tmp_path: Path, workspace: Workspace) -> None:
    run = prepare(workspace, "bake", steps=1)
    lock = FileLock(tmp_path / "heavy.lock")
    assert lock.acquire()
    put(workspace, run)
    until(lambda: run.status().phase == "waiting")
    lock.release()
    until(lambda: state(run) == "finished")


def test_an_id_that_was_used_again_is_not_our_job(workspace: Workspace) -> None:
    run = prepare(workspace, "bake")
    put(workspace, run, start=False)
    with job_process(run.folder):
        assert state(run) == "running"
        record = json.loads(run.process_path.read_text(encoding="utf-8"))
        record["pid_started"] = "1"
        run.process_path.write_text(json.dumps(record), encoding="utf-8")
        assert state(run) == "interrupted"


def test_a_forked_child_does_not_keep_the_lock(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "lock")
    assert lock.acquire()
    child = os.fork()
    if not child:
        time.sleep(30)
        os._exit(0)
    lock.release()
    assert not is_locked(tmp_path / "lock")
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def test_a_process_started_by_hand_is_a_job_too(tmp_path: Path) -> None:
    run = Run(tmp_path)
    for error, word in (
        (TrainingError("no"), "failed"),
        (Stopped("yes"), "stopped"),
        (OSError("bug"), "failed"),
    ):
        run.stop_path.touch()
        with pytest.raises(type(error)), job_process(tmp_path) as job:  # noqa: PT012
            assert not job.should_stop(), "an old wish to stop is over"
            raise error
        assert state(run) == word
    with job_process(tmp_path) as job:
        job.result["lora"] = "kafka-10.safetensors"
        with pytest.raises(LorabakeError, match="already working"), job_process(tmp_path):
            pass
    assert state(run) == "finished"


def test_a_second_process_for_the_same_attempt_goes_away(workspace: Workspace) -> None:
    run = prepare(workspace, "bake", steps=1)
    put(workspace, run)
    until(lambda: state(run) == "finished")
    again = subprocess.run(
        [sys.executable, "-m", "tests.core.tiny_worker", str(run.folder)],
        env={**os.environ, "LORABAKE_ATTEMPT": "1"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        check=False,
        timeout=LONG,
    )
    assert again.returncode == EXIT_BUSY
    assert last_words(run) == ["finished"]


def test_kills_at_random_moments_leave_every_job_with_one_end(workspace: Workspace) -> None:
    """Runner or worker, whichever comes by; afterwards every job ends, and is worked on alone."""
    dice = random.Random(4)
    runs = [prepare(workspace, f"bake-{number}", steps=6, pause=0.02) for number in range(4)]
    for run in runs:
        put(workspace, run)
    for _ in range(10):
        time.sleep(dice.random() * 0.4)
        for pid in processes_of(workspace)[: dice.randint(1, 2)]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        ensure_runner(workspace)
        for run in runs:
            if state(run) in ("interrupted", "failed"):
                queue = Queue(workspace).read()
                if Queue(workspace).place(run.folder) not in (*queue.waiting, queue.active):
                    resume(workspace, run.folder, kinds=KINDS)

    def ended() -> bool:
        ensure_runner(workspace)
        return all(run.status().is_over for run in runs)

    until(ended)
    until(lambda: not processes_of(workspace) and Queue(workspace).read().active is None)
    assert Queue(workspace).read().waiting == []
    assert {state(run) for run in runs} <= {"finished", "interrupted", "failed"}
    assert any(state(run) == "finished" for run in runs)


def test_a_job_outside_of_the_workspace_cannot_wait_in_its_queue(
    workspace: Workspace, tmp_path: Path
) -> None:
    with pytest.raises(WorkspaceError, match="outside"):
        enqueue(workspace, "tiny", tmp_path, kinds=KINDS)
    project: Project = workspace.project("kafka")
    with pytest.raises(JobError, match="Prepare"):
        enqueue(workspace, "tiny", project.runs_dir / "nothing", kinds=KINDS)
