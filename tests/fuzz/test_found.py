"""What was found by feeding parsers with nonsense, as small as it got: it stays mended."""

from __future__ import annotations

import io
import json
import struct
import sys
import time
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from lorabake.collect.generated import caption_of_prompt
from lorabake.collect.zips import unpack
from lorabake.core.dataset import scan_dataset
from lorabake.core.errors import (
    BadName,
    DatasetError,
    GridError,
    LorabakeError,
    ModelFileError,
    WorkspaceError,
)
from lorabake.core.events import read_events, read_head, read_tail
from lorabake.core.files import read_json
from lorabake.core.history import StaleChange, Write, open_history
from lorabake.core.manifest import thaw
from lorabake.core.names import natural_key
from lorabake.core.training_caption import with_choices_made
from lorabake.core.workspace import Workspace
from lorabake.engine.checkpoint_file import read_header
from lorabake.engine.families.emphasis import Piece, weigh
from lorabake.engine.shelf.places import _extra_model_paths, add_folder
from lorabake.grid.library import Library
from lorabake.grid.tags import lora_uses
from lorabake.grid.xyz import open_board, read_xyz
from tests.fuzz.parsers import XYZ_PLAN, png
from tests.ui.browsing import make_project


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (caption_of_prompt, "9" * 20_000),
        (caption_of_prompt, " " * 20_000),
        (lambda text: with_choices_made(text, lambda words: words[0]), "{ " * 32_000),
        (weigh, " " * 20_000),
        (weigh, "[" + "|" * 20_000),
    ],
    ids=["digits", "blanks", "wildcards", "blanks in a prompt", "bars in a prompt"],
)
def test_long_runs_of_one_sign_take_no_time(read: Callable[[str], object], text: str) -> None:
    started = time.process_time()
    with suppress(GridError):
        read(text)
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize("prompt", ["(" * 3000, "(a:" + "9" * 400 + ")", "(" * 90 + "a"])
def test_weights_beyond_any_use_are_refused(prompt: str) -> None:
    with pytest.raises(GridError, match=r"brackets|weight"):
        weigh(prompt)


@pytest.mark.parametrize("prompt", [f"<lora:{'a' * 5000}:x:y:z>", f"<lora:{'b' * 5000}:1>" * 2])
def test_sentences_name_no_more_than_a_line(prompt: str) -> None:
    with pytest.raises(GridError) as caught:
        lora_uses(prompt)
    assert len(str(caught.value)) < 300


def test_a_break_takes_the_blanks_around_it() -> None:
    breaks = Piece("", breaks=True)
    assert weigh("a  BREAK\n BREAK b ") == [Piece("a"), breaks, breaks, Piece("b ")]
    assert weigh("BREAKFAST, a") == [Piece("BREAKFAST, a")]


def _archive(name: bytes, change: Callable[[bytes], bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("N.png", png())
    return change(buffer.getvalue().replace(b"N.png", name))


_FUTURE = _archive(b"N.png", lambda data: data.replace(b"PK\1\2\x14\3\x14", b"PK\1\2\x14\3\xff"))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (_FUTURE, "a.zip is no zip archive that can be read"),
        (_archive(b"N.png", lambda data: data[60:]), "N.png is damaged in the archive"),
        (_archive(b"N.png", lambda data: data[:-30]), "a.zip is no zip archive that can be read"),
        (
            _archive(b"N.png", lambda data: data[:30] + b"?" + data[31:]),
            "N.png is damaged in the archive",
        ),
    ],
    ids=["a version of the future", "cut in front", "cut behind", "another name inside"],
)
def test_odd_archives_cost_a_sentence(tmp_path: Path, data: bytes, why: str) -> None:
    """The archive is refused, or the entry is left out with a reason; no file comes of it."""
    got, said = _unpacked(tmp_path, data)
    assert got == []
    assert len(said) == 1
    assert why in said[0]
    assert not any(path.is_file() for path in (tmp_path / "out").rglob("*"))


def test_a_hidden_file_of_the_root_is_passed_over(tmp_path: Path) -> None:
    assert _unpacked(tmp_path, _archive(b"/.png", lambda data: data)) == ([], [])
    assert [*tmp_path.iterdir()] == [tmp_path / "a.zip"]


def _unpacked(folder: Path, data: bytes) -> tuple[list[str], list[str]]:
    """The names that came out of an archive, and what was said of all else."""
    (folder / "a.zip").write_bytes(data)
    said: list[str] = []
    got: list[str] = []
    try:
        for one in unpack(
            folder / "a.zip", folder / "out", lambda name, why: said.append(f"{name}: {why}")
        ):
            got.append(one.name)
    except DatasetError as error:
        said.append(str(error))
    return got, said


def test_an_entry_without_a_name_is_passed_over(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        entry = zipfile.ZipInfo("x")
        entry.filename = ""
        archive.writestr(entry, b"")
        archive.writestr("a.png", png())
    got = list(unpack(tmp_path / "a.zip", tmp_path / "out", lambda name, why: None))
    assert [one.name for one in got] == ["a.png"]


def test_a_home_of_nobody_is_a_folder_that_is_not_there(tmp_path: Path) -> None:
    yaml = tmp_path / "extra_model_paths.yaml"
    for home in ("~nobody-at-all", "~\0"):
        yaml.write_text(f"a:\n  base_path: {home}\n  checkpoints: models\n", encoding="utf-8")
        assert list(_extra_model_paths(yaml)) == []
    with pytest.raises(WorkspaceError, match="There is no folder"):
        add_folder(Workspace.open(tmp_path / "w"), Path("~nobody-at-all/x"))


def test_half_letters_of_strangers_can_be_shown(tmp_path: Path) -> None:
    header = json.dumps({"a": {"dtype": "\ud800", "shape": [], "data_offsets": [0, 0]}}).encode()
    path = tmp_path / "a.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header)
    with pytest.raises(ModelFileError) as caught:
        read_header(path)
    assert "(?)" in str(caught.value)
    assert str(LorabakeError("\udfff")) == "?"


@pytest.mark.parametrize("number", ["Infinity", "NaN", "1e999", "9" * 100])
def test_numbers_that_nothing_holds_are_damage(tmp_path: Path, number: str) -> None:
    for name in ("xyz.json", "a.json"):
        (tmp_path / name).write_text(f'{{"format": 1, "margin": {number}}}', encoding="utf-8")
    with pytest.raises(WorkspaceError, match="is damaged"):
        read_json(tmp_path / "a.json")
    with pytest.raises(GridError, match="is not a grid"):
        read_xyz(tmp_path)


def test_events_of_no_time_or_kind_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text(f'{{"type": "note", "time": {"9" * 400}, "data": {{}}}}\n', encoding="utf-8")
    assert read_events(path)[0] == []
    path.write_text('{"type": [], "time": 1, "data": {}}\n', encoding="utf-8")
    assert read_events(path)[0] == []


def test_a_damaged_list_of_pictures_is_not_quoted_whole() -> None:
    concept = {"name": "x", "folder": "x", "repeats": "x" * 5000, "trigger": "x", "images": []}
    with pytest.raises(DatasetError, match="damaged") as caught:
        thaw({"format": 1, "root": "/data", "concepts": [concept]})
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("offset", [-1, -(10**400), 10**400])
def test_places_in_a_file_that_are_none_are_its_ends(tmp_path: Path, offset: int) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('{"type": "note", "time": 1, "data": {}}\n', encoding="utf-8")
    assert len(read_head(path, offset)) == len(read_tail(path, offset)) == (offset < 0)


@pytest.mark.parametrize(
    "change",
    [
        {"files": {"a": ["00"]}},
        {"axes": [{"kind": "Seed", "values": [], "fixed": False}] * 3},
        {"axes": [{"kind": "Seed", "values": ["nnn"], "fixed": False}] * 3},
    ],
    ids=["a file without a hash", "axes without values", "a seed that is no number"],
)
def test_plans_of_grids_with_holes_are_none(tmp_path: Path, change: dict[str, object]) -> None:
    (tmp_path / "xyz.json").write_text(json.dumps({**XYZ_PLAN, **change}), encoding="utf-8")
    with pytest.raises(GridError, match="is not a grid"):
        open_board(tmp_path)


def test_names_of_thousands_of_digits_have_an_order() -> None:
    assert natural_key("9" * 5000) > natural_key("1" * 5000)


@pytest.mark.parametrize("name", ["2_kafka/\ud800.txt", "\ud800/a.txt"])
def test_half_letters_are_no_file_of_a_data_set(tmp_path: Path, name: str) -> None:
    with pytest.raises(StaleChange, match="is no file of this data set"):
        open_history(tmp_path).do("x", [Write(name, None, b"x")], origin="test")
    assert not [path for path in tmp_path.rglob("*") if path.suffix == ".txt"]


def test_places_of_a_thousand_folders_are_none(tmp_path: Path) -> None:
    with pytest.raises(StaleChange, match=r"cannot be read|Nothing was done"):
        open_history(tmp_path).do("x", [Write("a/" * 3000 + "a.txt", None, b"x")], origin="test")
    with pytest.raises(BadName, match="is not the folder of a job"):
        Workspace.open(tmp_path).job_path("projects/kafka/runs" + "/a" * 3000)


# --- links ------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_links_out_of_a_workspace_are_named_and_not_followed(tmp_path: Path) -> None:
    """Guests see a project's pictures; what lies elsewhere on the disk is none of them."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.png").write_bytes(png())
    (outside / "secret.txt").write_text("secret", encoding="utf-8")
    project = make_project(tmp_path / "w", "kafka", {"a": "kafka", "b": "kafka"})
    folder = project.dataset_dir / "2_kafka"
    (folder / "b.txt").unlink()
    for link, target in (
        ("c.png", "secret.png"),
        ("b.txt", "secret.txt"),
        ("concept.toml", "secret.txt"),
    ):
        (folder / link).symlink_to(outside / target)
    (folder / "d.png").symlink_to("a.png")
    (project.dataset_dir / "3_linked").symlink_to(outside, target_is_directory=True)
    dataset = scan_dataset(project.dataset_dir)
    told = " ".join(problem.sentence for problem in dataset.problems)
    assert [image.path.name for image in dataset.images] == ["a.png", "b.png", "d.png"]
    assert not any("secret" in image.caption.text for image in dataset.images)
    assert all(
        f"{name} is a link" in told for name in ("c.png", "b.txt", "concept.toml", "3_linked")
    )


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_links_of_ones_own_folder_are_followed(tmp_path: Path) -> None:
    """Outside of a workspace a folder is its owner's alone, and may be made of links."""
    pool, folder = tmp_path / "pool", tmp_path / "set" / "2_kafka"
    pool.mkdir()
    folder.mkdir(parents=True)
    (pool / "1.png").write_bytes(png())
    (folder / "a.png").symlink_to(pool / "1.png")
    assert len(scan_dataset(tmp_path / "set").images) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_links_are_neither_imported_nor_taken_for_runs(tmp_path: Path) -> None:
    strange, project = tmp_path / "strange", make_project(tmp_path / "w", "kafka", {"a": "x"})
    strange.mkdir()
    (tmp_path / "key.txt").write_text("secret", encoding="utf-8")
    (strange / "b.png").write_bytes(png())
    (strange / "b.txt").symlink_to(tmp_path / "key.txt")
    (strange / "c.png").symlink_to(strange / "b.png")
    report = project.import_images(strange, "2_kafka")
    assert [path.name for path in report.saved] == ["b.png"]
    assert not (project.dataset_dir / "2_kafka" / "b.txt").exists()
    assert sum("is a link" in why for _, why in report.skipped) == 2
    run = project.create_run("bake")
    (run.folder / "bake-01.safetensors").write_bytes(b"")
    (strange / "other-01.safetensors").write_bytes(b"")
    (project.runs_dir / "linked").symlink_to(strange, target_is_directory=True)
    with pytest.raises(GridError, match="other-01"):
        Library(run).path("other-01")
