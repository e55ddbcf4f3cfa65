"""A history after kills, power cuts and several writers at once: real processes, really killed."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lorabake.core.files import FAULT_VARIABLE
from lorabake.core.history import History, Move, Write
from tests.core.history_model import START, Model, play
from tests.core.history_runs import files

REPOSITORY = Path(__file__).parents[2]
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="forks")

WRITE = """
import sys; from pathlib import Path
from lorabake.core.history import History, Move, Write
root, what, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
history, names = History(root), [f"5_a/{number}.txt" for number in range(count)]
if what == "write":
    history.do(what, [Write(name, b"old", b"new") for name in names])
elif what == "move":
    history.do(what, [Move(a, b) for a, b in zip(names, names[1:] + names[:1])])
else:
    getattr(history, what)()
"""


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder in memory where there is one: hundreds of kills must not wait for a disk."""
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if os.access(shared, os.W_OK) else None) as folder:
        yield Path(folder)


def run_killed(root: Path, what: str, count: int, fault: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WRITE, str(root), what, str(count)],
        env={**os.environ, FAULT_VARIABLE: fault, "PYTHONPATH": str(REPOSITORY)},
        check=False,
        timeout=60,
    )
    assert done.returncode == 137


def make(root: Path, count: int) -> dict[str, bytes]:
    (root / "5_a").mkdir(parents=True)
    for number in range(count):
        (root / "5_a" / f"{number}.txt").write_bytes(b"old")
    return files(root)


@pytest.mark.parametrize("count", [3, 50])
@pytest.mark.parametrize("point", ["journaled", "file_2", "replaced"])
def test_a_step_that_was_begun_is_completed(tmp_path: Path, point: str, count: int) -> None:
    root = tmp_path / "dataset"
    before = make(root, count)
    run_killed(root, "write", count, f"history_{point}")
    history = History(root)
    history.complete()
    assert set(files(root).values()) == {b"new"}
    run_killed(root, "undo", count, f"history_{point}")
    history.complete()
    assert files(root) == before
    run_killed(root, "redo", count, f"history_{point}")
    assert History(root).undo().skipped == ()
    assert files(root) == before
    assert not [path for path in root.rglob("*.tmp") if path.is_file()]


@pytest.mark.parametrize(
    "point", ["journaled", "aside_2", "aside", "placed_0", "placed_2", "placed"]
)
def test_renaming_that_was_begun_is_completed(tmp_path: Path, point: str) -> None:
    root = tmp_path / "dataset"
    make(root, 4)
    for number in range(4):
        (root / "5_a" / f"{number}.txt").write_bytes(b"%d" % number)
    before = files(root)
    run_killed(root, "move", 4, f"history_{point}")
    history = History(root)
    history.complete()
    after = files(root)
    assert after == {f"5_a/{(number + 1) % 4}.txt": b"%d" % number for number in range(4)}
    assert [path.name for path in root.rglob(".lorabake-*")] == []
    run_killed(root, "undo", 4, f"history_{point}")
    history.complete()
    assert files(root) == before
    assert history.redo().skipped == ()
    assert files(root) == after


def test_before_the_journal_nothing_has_happened(tmp_path: Path) -> None:
    """What a writer that died left aside is swept by the next one."""
    root = tmp_path / "dataset"
    before = make(root, 3)
    dead = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    (root / "5_a" / f".0.{dead}-aabbccdd.tmp").write_bytes(b"half")
    (root / ".lorabake" / f".new.{dead}-aabbccdd.tmp").mkdir(parents=True)
    history = History(root)
    history.complete()
    assert files(root) == before
    history.do("x", [Write("5_a/0.txt", b"old", b"new")])
    assert [path.name for path in root.rglob("*.tmp")] == []


@pytest.mark.parametrize("torn", [b"", b"\0\0\0", b"n", b"ne\0"])
def test_files_torn_by_a_power_cut_are_whole_again(tmp_path: Path, torn: bytes) -> None:
    root = tmp_path / "dataset"
    make(root, 3)
    run_killed(root, "write", 3, "history_replaced")
    (root / "5_a" / "1.txt").write_bytes(torn)
    (root / "5_a" / "2.txt").write_bytes(b"by another program")
    history = History(root)
    history.complete()
    assert list(files(root).values()).count(b"new") == 2
    assert (root / "5_a" / "2.txt").read_bytes() == b"by another program"
    assert [path for path, _ in history.undo().skipped] == ["5_a/2.txt"]


def test_a_name_taken_during_the_crash_is_not_overwritten(tmp_path: Path) -> None:
    root = tmp_path / "dataset"
    make(root, 2)
    (root / "5_a" / "0.txt").write_bytes(b"0")
    (root / "5_a" / "1.txt").write_bytes(b"1")
    run_killed(root, "move", 2, "history_aside")
    (root / "5_a" / "1.txt").write_bytes(b"somebody else's")
    History(root).complete()
    now = files(root)
    assert now["5_a/1.txt"] == b"somebody else's"
    assert now["5_a/0.txt"] == b"1"
    assert sorted(now.values()) == [b"0", b"1", b"somebody else's"]


TAGS = """
import sys; from pathlib import Path
from lorabake.core.history import History, StaleChange, Write
root, who, done = Path(sys.argv[1]), sys.argv[2], 0
history, path = History(root), Path(sys.argv[1]) / "5_a" / "0.txt"
while done < 15:
    now = path.read_bytes()
    try:
        history.do("x", [Write("5_a/0.txt", now, now + f", {who}{done}".encode())])
        done += 1
    except StaleChange:
        pass
"""


def test_processes_and_threads_take_turns(memory: Path) -> None:
    """Each adds its tags, and begins again when somebody else was faster; nothing is lost."""
    make(memory, 1)
    others = [
        subprocess.Popen([sys.executable, "-c", TAGS, str(memory), who], cwd=REPOSITORY)
        for who in "ab"
    ]
    history = History(memory)

    def add(who: str) -> None:
        path, done = memory / "5_a" / "0.txt", 0
        while done < 15:
            now = path.read_bytes()
            change = Write("5_a/0.txt", now, now + f", {who}{done}".encode())
            done += len(history.do("x", [change], strict=False).changed)

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(add, "cd"))
    assert [other.wait(60) for other in others] == [0, 0]
    tags = files(memory)["5_a/0.txt"].decode().split(", ")
    assert sorted(tags[1:]) == sorted(f"{who}{number}" for who in "abcd" for number in range(15))
    assert len(history.operations(limit=100)) == 60
    while history.can_undo:
        assert history.undo().skipped == ()
    assert files(memory) == {"5_a/0.txt": b"old"}


@pytest.mark.parametrize("first", range(0, 400, 100))
def test_random_operations_do_what_the_model_does(memory: Path, first: int) -> None:
    """And all of them undone, every byte is where it was."""
    for seed in range(first, first + 100):
        root = memory / str(seed)
        for name, data in START.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(data)
        history, model, dice = History(root), Model(), random.Random(seed)
        for _ in range(12):
            outcome = play(model, dice)(history)
            assert (files(root), outcome.skipped) == (model.files, ()), f"seed {seed}"
        while history.can_undo:
            history.undo()
        assert files(root) == START, f"seed {seed}"
        history.close()


def lost(folder: Path, first: int, count: int) -> list[str]:
    """Sequences of operations, each killed in the middle; what two processes say was lost."""
    half = count // 2
    runs = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.core.history_runs", str(folder), str(start), str(half)],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for start in (first, first + half)
    ]
    said = [run.communicate(timeout=1800)[0] for run in runs]
    killed = sum(int(text.rpartition("killed ")[2]) for text in said)
    assert killed > count / 3, "too few were really killed"
    return [text for text in said if "seed" in text]


@POSIX
def test_a_thousand_sequences_killed_in_the_middle_lose_nothing(memory: Path) -> None:
    assert lost(memory, 0, 1000) == []


@POSIX
@pytest.mark.slow
def test_twenty_thousand_sequences_killed_in_the_middle_lose_nothing(memory: Path) -> None:
    assert lost(memory, 10_000, 20_000) == []


def test_a_project_that_was_moved_takes_its_history_along(tmp_path: Path) -> None:
    root = tmp_path / "dataset"
    before = make(root, 2)
    history = History(root)
    history.do("x", [Write("5_a/0.txt", b"old", b"new"), Write("5_a/1.txt", b"old", b"new")])
    history.do("y", [Move("5_a/0.txt", "5_a/9.txt")])
    history.close()
    shutil.move(root, tmp_path / "elsewhere")
    moved = History(tmp_path / "elsewhere")
    moved.undo()
    moved.undo()
    assert files(tmp_path / "elsewhere") == before
