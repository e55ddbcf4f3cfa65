"""Adding one's own: files, folders, archives – as one step, whatever they hold."""

from __future__ import annotations

import stat
import struct
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from lorabake.collect.own import Added, add_own
from lorabake.core.dataset import scan_dataset
from lorabake.core.errors import DatasetError
from lorabake.core.history import open_history
from lorabake.core.sources import Sources
from lorabake.core.workspace import Workspace
from tests.collect.test_generated import A1111, png
from tests.hostile import NAMED, hostile_folder

COLOURS = ("red", "green", "blue", "white", "black", "grey", "pink", "cyan")


@pytest.fixture
def space(workspace: Path) -> Workspace:
    space = Workspace.open(workspace)
    space.create_project("kafka")
    return space


def picture(path: Path, number: int = 0, size: int = 40) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (size, size + number // 8), COLOURS[number % 8]).save(path)
    return path


def add(space: Workspace, *sources: Path, folder: str = "kafka", **more: object) -> Added:
    return add_own(space, "kafka", sources, folder, repeats=5, **more)  # type: ignore[arg-type]


def files(space: Workspace) -> list[str]:
    root = space.project("kafka").dataset_dir
    return sorted(p.relative_to(root).as_posix() for p in root.glob("[!.]*/*"))


def test_a_folder_comes_in_with_its_captions_as_one_step(space: Workspace, tmp_path: Path) -> None:
    source = tmp_path / "mine"
    picture(source / "1.png").with_suffix(".txt").write_text("kafka, smile")
    picture(source / "more" / "1.png", 1)
    picture(source / "2.png", 2).rename(source / "2.jpg")  # says JPEG, is PNG
    (source / "notes.md").write_text("hello")
    (source / "lost.txt").write_text("of no picture")
    added = add(space, source)
    assert files(space) == ["5_kafka/1-2.png", "5_kafka/1.png", "5_kafka/1.txt", "5_kafka/2.png"]
    assert {name for name, _ in added.skipped} == {"notes.md", "lost.txt"}
    assert (source / "1.png").exists()
    open_history(space.project("kafka").dataset_dir).undo()
    assert files(space) == []
    open_history(space.project("kafka").dataset_dir).redo()
    assert len(files(space)) == 4


def test_what_is_here_does_not_come_twice(space: Workspace, tmp_path: Path) -> None:
    one = picture(tmp_path / "a.png")
    twin = tmp_path / "b.png"
    twin.write_bytes(one.read_bytes())
    assert len(add(space, one, twin).saved) == 1
    again = add(space, twin)
    assert again.saved == ()
    assert "here already" in again.skipped[0][1]


def test_a_generated_picture_brings_its_prompt_and_is_marked(
    space: Workspace, tmp_path: Path
) -> None:
    made = png(tmp_path / "a.png", parameters=A1111)
    mine = picture(tmp_path / "b.png", 2)
    added = add(space, made, mine)
    assert added.generated == 1
    root = space.project("kafka").dataset_dir
    caption = (root / "5_kafka" / "a.txt").read_text()
    assert caption == "kafka (hsr), long hair, smile, second line\n"
    assert sorted(Sources.open(root).names().values()) == ["generated", "own"]


def test_a_caption_of_mine_wins_over_the_prompt(space: Workspace, tmp_path: Path) -> None:
    made = png(tmp_path / "a.png", parameters=A1111)
    made.with_suffix(".txt").write_text("my words")
    add(space, made, made.with_suffix(".txt"))
    root = space.project("kafka").dataset_dir
    assert (root / "5_kafka" / "a.txt").read_text() == "my words"


def test_a_zip_comes_in_with_its_folders(space: Workspace, tmp_path: Path) -> None:
    archive = tmp_path / "set.zip"
    with zipfile.ZipFile(archive, "w") as out:
        out.write(picture(tmp_path / "x.png"), "a/1.png")
        out.writestr("a/1.txt", "kafka, one")
        out.write(picture(tmp_path / "y.png", 1), "b/1.png")
        out.writestr("b/1.txt", "kafka, two")
        out.write(picture(tmp_path / "z.png", 2), "../../evil.png")
        out.write(picture(tmp_path / "w.png", 3), "C:\\windows\\con.png")
        out.writestr("__MACOSX/._1.png", b"x")
        out.writestr("run.exe", b"MZ")
    added = add(space, archive)
    assert len(added.saved) == 4
    assert [name for name, _ in added.skipped] == ["run.exe"]
    root = space.project("kafka").dataset_dir
    texts = {path.read_text() for path in (root / "5_kafka").glob("*.txt")}
    assert texts == {"kafka, one", "kafka, two"}
    assert not [path for path in tmp_path.rglob("evil.png") if root not in path.parents]


def test_hostile_archives_cost_a_sentence(space: Workspace, tmp_path: Path) -> None:
    good = picture(tmp_path / "good.png")
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("zeros.png", bytes(60_000_000))
    crowd = tmp_path / "crowd.zip"
    with zipfile.ZipFile(crowd, "w") as out:
        for number in range(20_001):
            out.writestr(f"{number}.txt", b"")
    link = tmp_path / "link.zip"
    with zipfile.ZipFile(link, "w") as out:
        entry = zipfile.ZipInfo("passwd.png")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        out.writestr(entry, "/etc/passwd")
    broken = tmp_path / "broken.zip"
    broken.write_bytes(b"PK\3\4 this is not one")
    cut = tmp_path / "cut.zip"
    with zipfile.ZipFile(cut, "w") as out:
        out.write(good, "1.png")
    data = bytearray(cut.read_bytes())
    data[60:90] = bytes(30)
    cut.write_bytes(data)
    lying = tmp_path / "lying.zip"
    with zipfile.ZipFile(lying, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("1.png", bytes(3_000_000))
    data = bytearray(lying.read_bytes())
    at = data.rfind(b"PK\1\2")
    data[at + 24 : at + 28] = struct.pack("<I", 100)  # says that it unpacks to 100 bytes
    lying.write_bytes(data)
    added = add(space, bomb, crowd, link, broken, cut, lying, good)
    assert added.saved == ("5_kafka/good.png",)
    reasons = " ".join(reason for _, reason in added.skipped)
    for words in ("a hundred times", "20,000", "is a link", "no zip archive", "damaged"):
        assert words in reasons
    assert not list(space.project("kafka").dataset_dir.glob(".made/*/*"))


def test_bad_files_are_named(space: Workspace, tmp_path: Path) -> None:
    source = tmp_path / "bad"
    good = picture(source / "good 😀.png")
    (source / "empty.png").touch()
    (source / "cut.png").write_bytes(good.read_bytes()[:60])
    (source / "page.jpg").write_bytes(b"<!DOCTYPE html><html>login</html>")
    (source / f"{'n' * 240}.png").write_bytes(picture(tmp_path / "n.png", 1).read_bytes())
    (source / "NUL.png").write_bytes(picture(tmp_path / "r.png", 2).read_bytes())
    Path(source / "link.png").symlink_to("/etc/passwd")
    added = add(space, source)
    assert len(added.saved) == 3
    assert {name for name, _ in added.skipped} == {"empty.png", "cut.png", "page.jpg", "link.png"}


def test_nothing_at_all_is_no_step(space: Workspace, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    assert add(space, tmp_path / "a.txt").outcome.operation is None
    with pytest.raises(DatasetError, match="Repeats"):
        add_own(space, "kafka", [tmp_path], "new", repeats=0)


@pytest.mark.parametrize("packed", [False, True])
def test_a_hundred_bad_files(space: Workspace, tmp_path: Path, packed: bool) -> None:
    source = tmp_path / "bad"
    met = hostile_folder(source)
    if packed:
        archive = tmp_path / "bad.zip"
        with zipfile.ZipFile(archive, "w") as out:
            for path in source.iterdir():
                if path.is_file() and not path.is_symlink() and "\udcff" not in path.name:
                    out.write(path, path.name)
            met = {name: how for name, how in met.items() if name in out.namelist()}
    added = add(space, archive if packed else source)
    told = "\n".join(f"{name}: {reason}" for name, reason in added.skipped)
    assert not [name for name, how in met.items() if how == NAMED and name[:40] not in told]
    assert len(added.saved) >= 20
    assert all("\n" not in reason for _, reason in added.skipped)
    root = space.project("kafka").dataset_dir
    assert not [problem for problem in scan_dataset(root).problems if problem.level == "error"]
