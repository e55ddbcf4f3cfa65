"""Nothing is ever half-written, and deleting can be undone: with real kills and a really full disk."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lorabake.core.errors import DiskFull, WorkspaceError
from lorabake.core.files import (
    FAULT_VARIABLE,
    TrashEntry,
    atomic_write_bytes,
    atomic_write_json,
    atomic_write_text,
    atomic_writer,
    list_trash,
    move_to_trash,
    read_json,
    restore,
    sha256_of,
    sweep_temporaries,
)

ROOT = Path(__file__).parents[2]


def run_killed(script: str, *arguments: Path, fault: str = "") -> int:
    """Run a script in a process of its own that loses its power at the named point."""
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        env={**os.environ, FAULT_VARIABLE: fault, "PYTHONPATH": str(ROOT)},
        check=False,
        timeout=60,
    ).returncode


WRITE = """
import sys; from pathlib import Path; from lorabake.core.files import atomic_write_bytes
atomic_write_bytes(Path(sys.argv[1]), b"new" * 100_000)
"""


@pytest.mark.parametrize("point", ["created", "written", "synced", "replaced", "folder_synced", ""])
def test_a_file_is_old_or_new_wherever_the_writer_dies(tmp_path: Path, point: str) -> None:
    path = tmp_path / "1.txt"
    path.write_bytes(b"old")
    code = run_killed(WRITE, path, fault=point)
    assert code == (137 if point else 0)
    new = point in ("replaced", "folder_synced", "")
    assert path.read_bytes() == (b"new" * 100_000 if new else b"old")
    left = [other.name for other in tmp_path.iterdir() if other != path]
    assert len(left) == (0 if new else 1)
    assert sweep_temporaries(tmp_path) == len(left)
    assert [other.name for other in tmp_path.iterdir()] == ["1.txt"]


def test_the_order_of_the_steps_survives_a_power_cut(tmp_path: Path) -> None:
    """As the kernel sees it: the file is on disk before it gets its name, then the folder is."""
    strace = shutil.which("strace")
    if not strace:
        pytest.skip("needs strace")
    trace = tmp_path / "trace"
    calls = "trace=fsync,fdatasync,rename,renameat,renameat2"
    command = [strace, "-f", "-y", "-o", str(trace), "-e", calls, sys.executable, "-c", WRITE]
    done = subprocess.run(
        [*command, str(tmp_path / "1.txt")],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
        timeout=60,
    )
    if done.returncode:
        pytest.skip("strace is not allowed here")
    lines = trace.read_text(encoding="utf-8").splitlines()
    steps = [line.split(maxsplit=1)[1] for line in lines if str(tmp_path) in line]
    assert [step.partition("(")[0] for step in steps] == ["fsync", "rename", "fsync"]
    assert ".tmp>" in steps[0]
    assert f"{tmp_path}>" in steps[2]


def test_a_failing_writer_leaves_the_old_file_and_no_rest(tmp_path: Path) -> None:
    path = tmp_path / "lora.safetensors"
    path.write_text("old", encoding="utf-8")
    with pytest.raises(ZeroDivisionError), atomic_writer(path) as temporary:  # noqa: PT012
        temporary.write_text("half", encoding="utf-8")
        raise ZeroDivisionError
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_temporaries_of_living_writers_are_kept_for_a_day(tmp_path: Path) -> None:
    living = tmp_path / f".1.txt.{os.getpid()}-abcd.tmp"
    living.touch()
    (tmp_path / ".mine.tmp").touch()
    (tmp_path / "notes.tmp").touch()
    assert sweep_temporaries(tmp_path) == 0
    os.utime(living, (time.time() - 90_000,) * 2)
    assert sweep_temporaries(tmp_path) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == [".mine.tmp", "notes.tmp"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB; needs to be root."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("cannot mount a small disk here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_is_one_sentence_and_keeps_the_old_file(small_disk: Path) -> None:
    path = small_disk / "1.png"
    atomic_write_bytes(path, b"old")
    for size in (900 * 1024, 3 * 1024 * 1024):  # found while writing; known before
        (small_disk / "filler").write_bytes(b"x" * 300 * 1024)
        with pytest.raises(DiskFull, match=r"The disk is full: 1\.png .* Free at least \d+ MiB"):
            atomic_write_bytes(path, b"new" * (size // 3))
        assert path.read_bytes() == b"old"
        assert sorted(other.name for other in small_disk.iterdir()) == ["1.png", "filler"]


LIMITED = """
import resource, sys; from pathlib import Path
from lorabake.core.errors import DiskFull
from lorabake.core.files import atomic_write_bytes
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    atomic_write_bytes(Path(sys.argv[1]), b"new" * 100_000)
except DiskFull as error:
    sys.exit(0 if "disk is full" in str(error) else 1)
sys.exit(2)
"""


def test_a_limit_of_file_sizes_counts_as_a_full_disk(tmp_path: Path) -> None:
    assert resource  # the limit is set in the child
    path = tmp_path / "1.txt"
    path.write_bytes(b"old")
    assert run_killed(LIMITED, path) == 0
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_links_are_not_written_through(tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("precious", encoding="utf-8")
    link = tmp_path / "1.txt"
    link.symlink_to(outside)
    with pytest.raises(WorkspaceError, match="link"):
        atomic_write_text(link, "mine")
    assert outside.read_text(encoding="utf-8") == "precious"


def test_mode_of_a_file_is_kept_and_line_ends_too(tmp_path: Path) -> None:
    path = tmp_path / "1.txt"
    path.touch(mode=0o640)
    atomic_write_text(path, "a\r\nb\n")
    assert path.stat().st_mode & 0o777 == 0o640
    assert path.read_bytes() == b"a\r\nb\n"


def test_json_is_limited_and_damage_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    with pytest.raises(FileNotFoundError):
        read_json(path)
    atomic_write_json(path, {"名前": "kafka"})
    assert read_json(path) == {"名前": "kafka"}
    for damage in (b'{"a":', b"[" * 100_000, b"\xff\xfe\x00", b"9" * 10_000):
        path.write_bytes(damage)
        with pytest.raises(WorkspaceError, match="damaged"):
            read_json(path)
    with pytest.raises(WorkspaceError, match="larger"):
        read_json(path, limit=100)
    with pytest.raises(WorkspaceError, match="larger"):
        atomic_write_json(path, "x" * 200, limit=100)


def test_sha256(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256_of(tmp_path / "a").startswith("ba7816bf")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    project = tmp_path / "project"
    (project / "dataset" / "5_kafka").mkdir(parents=True)
    for name in ("1.png", "1.txt", "2.png"):
        (project / "dataset" / "5_kafka" / name).write_text(name, encoding="utf-8")
    return project


def names(project: Path) -> list[str]:
    return sorted(path.name for path in (project / "dataset" / "5_kafka").iterdir())


def delete(project: Path, *names: str) -> TrashEntry:
    folder = project / "dataset" / "5_kafka"
    return move_to_trash([folder / name for name in names], project / ".trash")


def test_deleting_is_one_step_and_can_be_undone(project: Path) -> None:
    delete(project, "1.png", "1.txt")
    assert names(project) == ["2.png"]
    (entry,) = list_trash(project / ".trash")
    assert [path.name for path in restore(entry)] == ["1.png", "1.txt"]
    assert names(project) == ["1.png", "1.txt", "2.png"]
    assert list_trash(project / ".trash") == []
    whole = move_to_trash(project / "dataset" / "5_kafka", project / ".trash")
    assert not (project / "dataset" / "5_kafka").exists()
    restore(whole)
    assert (project / "dataset" / "5_kafka" / "1.txt").read_text(encoding="utf-8") == "1.txt"


def test_undo_overwrites_nothing(project: Path) -> None:
    entry = delete(project, "1.png", "1.txt")
    new = project / "dataset" / "5_kafka" / "1.txt"
    new.write_text("newer", encoding="utf-8")
    with pytest.raises(WorkspaceError, match=r"1\.txt exists again"):
        restore(entry)
    assert names(project) == ["1.txt", "2.png"]
    new.unlink()
    restore(entry)
    assert names(project) == ["1.png", "1.txt", "2.png"]


def test_undo_still_works_after_the_workspace_was_moved(project: Path) -> None:
    delete(project, "1.png")
    moved = project.rename(project.with_name("elsewhere"))
    restore(list_trash(moved / ".trash")[0])
    assert names(moved) == ["1.png", "1.txt", "2.png"]


DELETE = """
import sys; from pathlib import Path; from lorabake.core.files import move_to_trash
project = Path(sys.argv[1]); folder = project / "dataset" / "5_kafka"
move_to_trash([folder / "1.png", folder / "1.txt"], project / ".trash")
"""
RESTORE = """
import sys; from pathlib import Path; from lorabake.core.files import list_trash, restore
restore(list_trash(Path(sys.argv[1]) / ".trash")[0])
"""


@pytest.mark.parametrize("point", ["trash_entry", "trash_moved"])
def test_a_deletion_cut_off_can_be_undone(project: Path, point: str) -> None:
    assert run_killed(DELETE, project, fault=point) == 137
    for entry in list_trash(project / ".trash"):
        restore(entry)
    assert names(project) == ["1.png", "1.txt", "2.png"]


def test_an_undo_cut_off_can_be_done_again(project: Path) -> None:
    delete(project, "1.png", "1.txt")
    assert run_killed(RESTORE, project, fault="restore_moved") == 137
    restore(list_trash(project / ".trash")[0])
    assert names(project) == ["1.png", "1.txt", "2.png"]


def test_the_trash_takes_and_gives_only_what_is_below_its_project(
    project: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside.txt"
    outside.touch()
    with pytest.raises(WorkspaceError, match="outside"):
        move_to_trash(outside, project / ".trash")
    with pytest.raises(WorkspaceError, match="outside"):
        move_to_trash(project, project / ".trash")
    with pytest.raises(WorkspaceError, match="not there any more"):
        delete(project, "9.png")
    entry = delete(project, "1.png")
    for place in ("../outside2.txt", "/tmp/outside2.txt", "dataset/../../outside2.txt"):
        atomic_write_json(entry.folder / "entry.json", {"deleted": 1.0, "places": [place]})
        assert list_trash(project / ".trash") == []
    (entry.folder / "entry.json").write_text("{", encoding="utf-8")
    assert list_trash(project / ".trash") == []
