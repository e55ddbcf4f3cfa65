"""Steps of captions and names: undone and redone, never over what somebody else wrote."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from lorabake.core.author import working_as
from lorabake.core.dataset import set_repeats
from lorabake.core.errors import DatasetError, WorkspaceError
from lorabake.core.history import (
    History,
    Move,
    NothingToUndo,
    StaleChange,
    Write,
    close_history,
    open_history,
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "dataset"
    (folder / "5_kafka").mkdir(parents=True)
    for name in "abc":
        (folder / "5_kafka" / f"{name}.txt").write_bytes(f"kafka, {name}".encode())
    return folder


def tree(root: Path) -> dict[str, bytes]:
    """All files a data set shows, with their bytes."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.relative_to(root).as_posix().startswith(".lorabake/")
    }


def write(root: Path, name: str, after: bytes | None) -> Write:
    """A change of a file from what it is now."""
    path = root / "5_kafka" / name
    return Write(f"5_kafka/{name}", path.read_bytes() if path.exists() else None, after)


def reopened(root: Path) -> History:
    """As another process would find it: nothing in memory."""
    return History(root)


def test_looking_makes_nothing(root: Path) -> None:
    history = open_history(root)
    assert (history.operations(), history.can_undo, history.can_redo) == ([], None, None)
    assert history.version == 0
    assert not (root / ".lorabake").exists()
    with pytest.raises(NothingToUndo):
        history.undo()


def test_a_step_is_undone_and_redone_also_after_a_restart(root: Path) -> None:
    before = tree(root)
    changes = [
        write(root, "a.txt", b"new"),
        write(root, "d.txt", b"made"),
        write(root, "b.txt", None),
    ]
    outcome = open_history(root).do("Three", changes, origin="process")
    after = tree(root)
    assert after == {
        "5_kafka/a.txt": b"new",
        "5_kafka/c.txt": b"kafka, c",
        "5_kafka/d.txt": b"made",
    }
    assert outcome.changed == ("5_kafka/a.txt", "5_kafka/d.txt", "5_kafka/b.txt")
    operation = outcome.operation
    assert operation is not None
    assert (operation.title, operation.origin, operation.count) == ("Three", "process", 3)

    undone = reopened(root).undo()
    assert tree(root) == before
    assert undone.operation is not None
    assert (undone.operation.id, undone.operation.undone) == (operation.id, True)
    again = reopened(root)
    assert again.can_undo is None
    assert again.can_redo is not None
    assert again.can_redo.title == "Three"
    again.redo()
    assert tree(root) == after


def test_steps_are_undone_in_reverse_and_a_new_one_ends_redoing(root: Path) -> None:
    history = open_history(root)
    states = [tree(root)]
    for text in (b"1", b"2", b"3"):
        history.do(text.decode(), [write(root, "a.txt", text)])
        states.append(tree(root))
    assert [operation.title for operation in history.operations()] == ["3", "2", "1"]
    assert [operation.title for operation in history.operations(1)] == ["3"]
    for state in reversed(states[:-1]):
        history.undo()
        assert tree(root) == state
    history.redo()
    assert tree(root) == states[1]
    history.do("other", [write(root, "b.txt", b"other")])
    assert history.can_redo is None
    assert [operation.title for operation in history.operations()] == ["other", "1"]


def test_what_was_changed_meanwhile_stops_a_strict_step(root: Path) -> None:
    before = tree(root)
    changes = [
        Write("5_kafka/a.txt", b"kafka, a", b"mine"),
        Write("5_kafka/b.txt", b"not this", b"mine"),
    ]
    with pytest.raises(StaleChange, match=r"b\.txt was changed by another window or program"):
        open_history(root).do("x", changes)
    assert tree(root) == before
    assert open_history(root).operations() == []

    outcome = open_history(root).do("x", changes, strict=False)
    assert outcome.changed == ("5_kafka/a.txt",)
    assert [path for path, _ in outcome.skipped] == ["5_kafka/b.txt"]
    assert tree(root) == {**before, "5_kafka/a.txt": b"mine"}


def test_nothing_to_change_is_no_step(root: Path) -> None:
    history = open_history(root)
    assert history.do("x", [Write("5_kafka/a.txt", b"same", b"same")]).operation is None
    assert history.do("x", [Move("5_kafka/a.txt", "5_kafka/a.txt")]).operation is None
    # Somebody else wrote just this: no conflict, and nothing to undo.
    assert history.do("x", [Write("5_kafka/a.txt", b"old", b"kafka, a")]).operation is None
    assert history.operations() == []
    with pytest.raises(ValueError, match="two changes"):
        history.do("x", [write(root, "a.txt", b"1"), write(root, "a.txt", b"2")])
    with pytest.raises(ValueError, match="contents or names"):
        history.do("x", [write(root, "a.txt", b"1"), Move("5_kafka/b.txt", "5_kafka/x.txt")])


def test_undo_leaves_what_another_program_wrote(root: Path) -> None:
    history = open_history(root)
    history.do("earlier", [write(root, "c.txt", b"c2")])
    history.do("both", [write(root, "a.txt", b"a2"), write(root, "b.txt", b"b2")])
    (root / "5_kafka" / "a.txt").write_bytes(b"by somebody else")
    outcome = history.undo()
    assert outcome.changed == ("5_kafka/b.txt",)
    ((path, sentence),) = outcome.skipped
    assert path == "5_kafka/a.txt"
    assert "was changed by another window or program, so it was left as it is" in sentence
    assert (root / "5_kafka" / "a.txt").read_bytes() == b"by somebody else"
    # The step does not stand in the way of earlier ones.
    history.undo()
    assert (root / "5_kafka" / "c.txt").read_bytes() == b"kafka, c"
    history.redo()
    assert history.redo().changed == ("5_kafka/b.txt",)


def test_a_file_that_is_gone_is_told(root: Path) -> None:
    history = open_history(root)
    history.do("both", [write(root, "a.txt", b"a2"), write(root, "b.txt", b"b2")])
    (root / "5_kafka" / "a.txt").unlink()
    outcome = history.undo()
    assert outcome.skipped[0][1].startswith("5_kafka/a.txt is not there any more")
    assert not (root / "5_kafka" / "a.txt").exists()


def test_one_file_is_undone_alone(root: Path) -> None:
    history = open_history(root)
    history.do("all", [write(root, f"{name}.txt", b"all") for name in "abc"])
    history.do("a", [write(root, "a.txt", b"a2")])
    history.undo_path("5_kafka/a.txt")
    outcome = history.undo_path("5_kafka/a.txt")
    assert outcome.changed == ("5_kafka/a.txt",)
    assert list(tree(root).values()) == [b"kafka, a", b"all", b"all"]
    with pytest.raises(NothingToUndo, match=r"nothing to undo in 5_kafka/a\.txt"):
        history.undo_path("5_kafka/a.txt")
    # An edit of another file takes nothing away from this one.
    history.do("b", [write(root, "b.txt", b"b2")])
    history.redo_path("5_kafka/a.txt")
    assert tree(root)["5_kafka/a.txt"] == b"all"
    history.redo_path("5_kafka/a.txt")
    assert tree(root)["5_kafka/a.txt"] == b"a2"
    with pytest.raises(NothingToUndo):
        history.redo_path("5_kafka/a.txt")
    # An edit of the file itself does.
    history.undo_path("5_kafka/a.txt")
    history.do("a", [write(root, "a.txt", b"a3")])
    with pytest.raises(NothingToUndo):
        history.redo_path("5_kafka/a.txt")
    while history.can_undo:
        history.undo()
    assert list(tree(root).values()) == [b"kafka, a", b"kafka, b", b"kafka, c"]


def test_typing_is_one_step(root: Path) -> None:
    history = reopened(root)
    for text in (b"k", b"ka", b"kaf"):
        history.do("Edit", [write(root, "a.txt", text)], typing=True)
    assert len(history.operations()) == 1
    history.do("Edit", [write(root, "b.txt", b"b")], typing=True)
    history.do("Edit", [write(root, "a.txt", b"kafk")], typing=True)
    history.do("Add a tag", [write(root, "a.txt", b"kafk, x")])
    history.do("Edit", [write(root, "a.txt", b"kafk, xy")], typing=True)
    assert len(history.operations()) == 5
    history.merge_within = 0.0
    history.do("Edit", [write(root, "a.txt", b"kafk, xyz")], typing=True)
    assert len(history.operations()) == 6
    for _ in range(6):
        history.undo()
    assert tree(root)["5_kafka/a.txt"] == b"kafka, a"
    history.redo()
    assert tree(root)["5_kafka/a.txt"] == b"kaf"


def test_names_go_in_a_circle_and_back(root: Path) -> None:
    before = tree(root)
    names = [f"5_kafka/{name}.txt" for name in "abc"]
    moves = [Move(one, other) for one, other in zip(names, [*names[1:], names[0]], strict=True)]
    outcome = open_history(root).do("Circle", moves, origin="rename")
    assert sorted(outcome.changed) == names
    assert list(tree(root).values()) == [b"kafka, c", b"kafka, a", b"kafka, b"]
    reopened(root).undo()
    assert tree(root) == before
    reopened(root).redo()
    assert list(tree(root).values()) == [b"kafka, c", b"kafka, a", b"kafka, b"]


def test_a_name_that_is_taken_is_not_overwritten(root: Path) -> None:
    before = tree(root)
    moves = [Move("5_kafka/a.txt", "5_kafka/b.txt"), Move("5_kafka/c.txt", "5_kafka/x.txt")]
    with pytest.raises(StaleChange, match=r"There is already 5_kafka/b\.txt"):
        open_history(root).do("x", moves)
    with pytest.raises(StaleChange, match="not there any more"):
        open_history(root).do("x", [Move("5_kafka/z.txt", "5_kafka/y.txt")])
    twins = [Move("5_kafka/a.txt", "5_kafka/X.txt"), Move("5_kafka/c.txt", "5_kafka/x.txt")]
    with pytest.raises(StaleChange, match="name of another file"):
        open_history(root).do("x", twins)
    with pytest.raises(StaleChange, match=r"folder of 5_new/a\.txt is not there"):
        open_history(root).do("x", [Move("5_kafka/a.txt", "5_new/a.txt")])
    assert tree(root) == before
    outcome = open_history(root).do("x", moves, strict=False)
    assert outcome.changed == ("5_kafka/x.txt",)
    # One that cannot leave keeps its place, and so the one that wanted it stays, too.
    chain = [Move("5_kafka/a.txt", "5_kafka/b.txt"), Move("5_kafka/b.txt", "5_kafka/x.txt")]
    assert len(open_history(root).do("x", chain, strict=False).skipped) == 2


def test_a_renamed_back_file_is_not_put_over_a_new_one(root: Path) -> None:
    history = open_history(root)
    history.do(
        "x", [Move("5_kafka/a.txt", "5_kafka/1.txt"), Move("5_kafka/b.txt", "5_kafka/2.txt")]
    )
    (root / "5_kafka" / "a.txt").write_bytes(b"new here")
    outcome = history.undo()
    assert outcome.changed == ("5_kafka/b.txt",)
    assert "There is already 5_kafka/a.txt" in outcome.skipped[0][1]
    assert tree(root)["5_kafka/a.txt"] == b"new here"
    assert tree(root)["5_kafka/1.txt"] == b"kafka, a"


def test_steps_follow_a_file_to_its_new_name(root: Path) -> None:
    history = open_history(root)
    history.do("edit a", [write(root, "a.txt", b"a2")])
    history.do("edit b", [write(root, "b.txt", b"b2")])
    swap = [Move("5_kafka/a.txt", "5_kafka/b.txt"), Move("5_kafka/b.txt", "5_kafka/a.txt")]
    history.do("swap", swap)
    assert history.undo_path("5_kafka/b.txt").changed == ("5_kafka/b.txt",)
    assert tree(root)["5_kafka/b.txt"] == b"kafka, a"
    assert tree(root)["5_kafka/a.txt"] == b"b2"
    history.redo_path("5_kafka/b.txt")
    assert tree(root)["5_kafka/b.txt"] == b"a2"
    for _ in range(3):
        history.undo()
    assert list(tree(root).values()) == [b"kafka, a", b"kafka, b", b"kafka, c"]


def test_a_new_file_under_an_old_name_has_no_past(root: Path) -> None:
    history = open_history(root)
    history.do("edit", [write(root, "a.txt", b"a2")])
    history.do("away", [Move("5_kafka/a.txt", "5_kafka/z.txt")])
    history.do("new", [write(root, "a.txt", b"a2")])
    history.undo_path("5_kafka/a.txt")
    with pytest.raises(NothingToUndo):
        history.undo_path("5_kafka/a.txt")
    assert tree(root)["5_kafka/z.txt"] == b"a2"


def test_steps_follow_a_folder_whose_repeats_change(root: Path) -> None:
    history = open_history(root)
    history.do("edit", [write(root, "a.txt", b"a2")])
    set_repeats(root / "5_kafka", 7)
    assert history.undo_path("7_kafka/a.txt").changed == ("7_kafka/a.txt",)
    assert tree(root)["7_kafka/a.txt"] == b"kafka, a"
    # In a file manager, without a word to us.
    (root / "7_kafka").rename(root / "3_kafka")
    assert history.redo().changed == ("3_kafka/a.txt",)
    assert tree(root)["3_kafka/a.txt"] == b"a2"


@pytest.mark.parametrize(
    "path",
    [
        *("../a.txt", "/etc/passwd", "5_kafka/../../a.txt", "5_kafka/./a.txt", "", "5_kafka/"),
        *(".lorabake/history.sqlite", ".LORABAKE/x", "5_kafka/a\0.txt", "5_kafka//a.txt", ".."),
    ],
)
def test_no_step_leaves_the_data_set(root: Path, path: str) -> None:
    (root.parent / "a.txt").write_bytes(b"outside")
    with pytest.raises(DatasetError, match="is no file of this data set"):
        open_history(root).do("x", [Write(path, b"outside", b"x")])
    with pytest.raises(DatasetError, match="is no file of this data set"):
        open_history(root).do("x", [Move("5_kafka/a.txt", path)])
    assert (root.parent / "a.txt").read_bytes() == b"outside"


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_links_are_not_written_through(root: Path) -> None:
    outside = root.parent / "outside"
    outside.mkdir()
    (outside / "a.txt").write_bytes(b"old")
    (root / "5_link").symlink_to(outside)
    (root / "5_kafka" / "l.txt").symlink_to(outside / "a.txt")
    for path in ("5_link/a.txt", "5_kafka/l.txt"):
        with pytest.raises(DatasetError, match="is a link to another place"):
            open_history(root).do("x", [Write(path, b"old", b"new")])
    os.mkfifo(root / "5_kafka" / "pipe.txt")
    with pytest.raises(DatasetError, match="no ordinary file"):
        open_history(root).do("x", [Write("5_kafka/pipe.txt", b"old", b"new")])
    assert (outside / "a.txt").read_bytes() == b"old"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux takes any bytes as a name")
def test_names_that_are_no_text(root: Path) -> None:
    name = os.fsdecode(b"5_kafka/\xff\xe9.txt")
    history = open_history(root)
    history.do("make", [Write(name, None, b"1")])
    history.do("rename", [Move(name, "5_kafka/ok.txt")])
    history.undo()
    assert (root / name).read_bytes() == b"1"
    history.undo()
    assert not (root / name).exists()


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such bits there")
def test_permissions_stay(root: Path) -> None:
    path = root / "5_kafka" / "a.txt"
    path.chmod(0o640)
    open_history(root).do("x", [write(root, "a.txt", b"new")])
    assert path.stat().st_mode & 0o777 == 0o640


def test_versions_grow_also_with_what_others_do(root: Path) -> None:
    one, other = reopened(root), reopened(root)
    seen = {one.version}
    for number in range(3):
        other.do("x", [write(root, "a.txt", b"%d" % number)])
        assert one.version == other.version
        seen.add(one.version)
    other.undo()
    seen.add(one.version)
    other.undo_path("5_kafka/a.txt")
    seen.add(one.version)
    assert len(seen) == 6
    assert sorted(seen) == [0, *sorted(seen)[1:]]


def test_a_history_that_was_deleted_begins_anew(root: Path) -> None:
    history = open_history(root)
    history.do("x", [write(root, "a.txt", b"1")])
    version = history.version
    shutil.rmtree(root / ".lorabake")
    assert (history.version, history.operations()) == (0, [])
    history.do("y", [write(root, "a.txt", b"2")])
    assert history.version not in (0, version)
    assert [operation.title for operation in open_history(root).operations()] == ["y"]


def test_a_damaged_history_is_put_aside(root: Path) -> None:
    history = open_history(root)
    history.do("x", [write(root, "a.txt", b"1")])
    close_history(root)
    path = root / ".lorabake" / "history.sqlite"
    path.write_bytes(b"this is no database at all" * 400)
    with pytest.raises(WorkspaceError, match="was damaged, so it is begun anew"):
        history.do("y", [write(root, "a.txt", b"2")])
    assert tree(root)["5_kafka/a.txt"] == b"1"
    history.do("y", [write(root, "a.txt", b"2")])
    assert [operation.title for operation in history.operations()] == ["y"]
    assert list(path.parent.glob("history.sqlite.damaged-*"))


def test_a_history_of_a_newer_lorabake_is_left_as_it_is(root: Path) -> None:
    history = open_history(root)
    history.do("x", [write(root, "a.txt", b"1")])
    close_history(root)
    path = root / ".lorabake" / "history.sqlite"
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(WorkspaceError, match="by a newer lorabake"):
        history.do("y", [write(root, "a.txt", b"2")])
    assert tree(root)["5_kafka/a.txt"] == b"1"
    assert not list(path.parent.glob("*.damaged-*"))
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT title FROM operations").fetchall() == [("x",)]


def test_the_oldest_steps_are_forgotten(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lorabake.core.history_steps.BUDGET", 3000)
    monkeypatch.setattr("lorabake.core.history_steps.KEEP", 4)
    history = open_history(root)
    for number in range(12):
        history.do(str(number), [write(root, "a.txt", b"%d" % number * 100)])
    titles = [operation.title for operation in history.operations()]
    assert 4 <= len(titles) < 12
    assert titles == [str(number) for number in range(11, 11 - len(titles), -1)]
    while history.can_undo:
        history.undo()
    assert tree(root)["5_kafka/a.txt"] == b"%d" % (11 - len(titles)) * 100


def test_a_folder_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="There is no folder"):
        open_history(tmp_path / "gone").do("x", [Write("a.txt", None, b"1")])
    (tmp_path / "here").mkdir()
    with pytest.raises(DatasetError, match="could not be written"):
        open_history(tmp_path / "here").do("x", [Write("5_x/a.txt", None, b"1")])
    assert open_history(tmp_path / "here").operations() == []


def test_very_many_files_in_one_step(root: Path) -> None:
    """More than are synced one by one; a folder of their own is gone afterwards."""
    folder = root / "5_kafka"
    for number in range(200):
        (folder / f"{number}.txt").write_bytes(b"old")
    before = tree(root)
    history = open_history(root)
    outcome = history.do("x", [write(root, f"{number}.txt", b"new") for number in range(200)])
    assert len(outcome.changed) == 200
    assert {data for name, data in tree(root).items() if name[8].isdigit()} == {b"new"}
    history.undo()
    assert tree(root) == before
    assert not list((root / ".lorabake").glob("*.tmp"))
    assert sorted(path.name for path in root.iterdir()) == [".lorabake", "5_kafka"]


def test_steps_know_who_did_them_and_older_ones_can_be_undone(root: Path) -> None:
    history = open_history(root)
    with working_as("Mika"):
        history.do("Helped", [write(root, "a.txt", b"helped"), write(root, "b.txt", b"helped")])
    history.do("Mine", [write(root, "b.txt", b"mine")])
    mine, helped = reopened(root).operations()
    assert (helped.author, mine.author) == ("Mika", "")

    outcome = history.undo_step(helped.id)
    assert outcome.changed == ("5_kafka/a.txt",)
    assert [path for path, _ in outcome.skipped] == ["5_kafka/b.txt"]
    assert tree(root)["5_kafka/a.txt"] == b"kafka, a"
    assert tree(root)["5_kafka/b.txt"] == b"mine"
    with pytest.raises(NothingToUndo, match="changed since"):
        history.undo_step(helped.id)

    history.undo()
    assert history.undo_step(helped.id).changed == ("5_kafka/b.txt",)
    assert tree(root)["5_kafka/b.txt"] == b"kafka, b"
    with pytest.raises(NothingToUndo, match="undone already"):
        history.undo_step(helped.id)


def test_two_people_who_type_do_not_share_a_step(root: Path) -> None:
    history = open_history(root)
    history.do("Type", [write(root, "a.txt", b"1")], typing=True)
    with working_as("Mika"):
        history.do("Type", [write(root, "a.txt", b"12")], typing=True)
    assert [one.author for one in history.operations()] == ["Mika", ""]
