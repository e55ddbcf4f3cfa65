"""The index is a cache: whatever happens to it, answers stay right."""

from __future__ import annotations

import io
import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from lorabake.core import index as index_module
from lorabake.core.errors import ImageError
from lorabake.core.index import MIGRATIONS, Index


@pytest.fixture
def index(tmp_path: Path) -> Index:
    return Index(tmp_path / "cache" / "index.sqlite")


def picture(path: Path, size: tuple[int, int] = (40, 20), color: str = "red") -> Path:
    Image.new("RGB", size, color).save(path)
    return path


def test_thumbnails_are_kept_by_content(index: Index, tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png", (600, 300))
    small = index.thumbnail(path)
    assert Image.open(io.BytesIO(small.read_bytes())).size == (256, 128)
    assert index.thumbnail(path) == small
    changed = small.stat().st_mtime_ns
    picture(tmp_path / "b.png", (600, 300))
    assert index.thumbnail(tmp_path / "b.png") == small, "the same picture"
    assert small.stat().st_mtime_ns == changed
    picture(path, (600, 300), "blue")
    assert index.thumbnail(path) != small
    index.close()


def test_bad_pictures_are_not_remembered(index: Index, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.touch()
    with pytest.raises(ImageError, match="empty"):
        index.probe(path)
    picture(path)
    assert index.probe(path).width == 40
    path.unlink()
    with pytest.raises(ImageError, match="not there"):
        index.probe(path)
    index.close()


@pytest.mark.parametrize("damage", ["garbage", "middle", "newer", "empty", "other"])
def test_a_damaged_index_is_begun_anew(index: Index, tmp_path: Path, damage: str) -> None:
    paths = [picture(tmp_path / f"{number}.png", (10 + number, 10)) for number in range(200)]
    index.probe_many(paths)
    index.close()
    if damage == "garbage":
        index.path.write_bytes(os.urandom(20_000))
    elif damage == "middle":
        data = bytearray(index.path.read_bytes())
        data[5000:9000] = b"\xff" * 4000
        index.path.write_bytes(data)
    elif damage == "newer":
        with sqlite3.connect(index.path) as database:
            database.execute("PRAGMA user_version = 99")
        database.close()
    elif damage == "empty":
        index.path.write_bytes(b"")
    else:
        index.path.unlink()
        with sqlite3.connect(index.path) as database:
            database.execute("CREATE TABLE pictures (other)")
        database.close()
    again = Index(index.path)
    assert [info.width for info in again.probe_many(paths) if not isinstance(info, ImageError)] == [
        10 + number for number in range(200)
    ]
    again.close()
    assert sqlite_rows(index.path) == 200
    aside = list(index.path.parent.glob("*.damaged-*"))
    assert len(aside) == (0 if damage == "empty" else 1)


def sqlite_rows(path: Path) -> int:
    database = sqlite3.connect(path)
    try:
        return int(database.execute("SELECT count(*) FROM pictures").fetchone()[0])
    finally:
        database.close()


def test_migrations_are_numbered(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = picture(tmp_path / "a.png")
    index.probe(path)
    index.close()
    monkeypatch.setattr(
        index_module, "MIGRATIONS", (*MIGRATIONS, "ALTER TABLE pictures ADD COLUMN score REAL")
    )
    database = index_module._open(index.path)
    assert database.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS) + 1,)
    assert database.execute("SELECT width, score FROM pictures").fetchall() == [(40, None)]
    database.close()


def test_an_index_that_cannot_be_written_only_costs_time(tmp_path: Path) -> None:
    (tmp_path / "index.sqlite").mkdir()
    index = Index(tmp_path / "index.sqlite")
    assert index.probe(picture(tmp_path / "a.png")).width == 40
    index.close()


def test_many_threads_and_a_second_process_share_it(index: Index, tmp_path: Path) -> None:
    paths = [picture(tmp_path / f"{number}.png", (10 + number, 10)) for number in range(20)]
    other = Index(index.path)
    with ThreadPoolExecutor(6) as threads:
        found = list(
            threads.map(
                lambda number: (index, other)[number % 2].probe(paths[number % 20]), range(120)
            )
        )
    assert [info.width for info in found] == [10 + number % 20 for number in range(120)]
    index.close()
    other.close()


def test_file_names_that_are_not_text(index: Index, tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.png"))
    with path.open("wb") as file:
        Image.new("RGB", (5, 5)).save(file, "PNG")
    assert index.probe(path).width == 5
    assert index.probe(path).width == 5
    index.close()


def test_facts_are_kept_by_kind_and_content(index: Index) -> None:
    shas = [f"{number:064x}" for number in range(1_200)]
    assert index.keep_facts("blur-1", {sha: sha.encode() for sha in shas})
    assert index.keep_facts("other-1", {shas[0]: b"other"})
    assert index.facts("blur-1", [*shas, "ff" * 32]) == {sha: sha.encode() for sha in shas}
    assert index.facts("other-1", shas[:2]) == {shas[0]: b"other"}
    index.keep_facts("other-1", {shas[0]: b"newer"})
    assert index.facts("other-1", shas[:1]) == {shas[0]: b"newer"}
    index.close()
