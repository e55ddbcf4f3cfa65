"""`python -m lorabake duplicates`: lists, moves when asked to, and names what cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.duplicates.drawings import jpeg, scene
from tests.verbs import answered, refused


def test_listing_then_moving(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LORABAKE_WORKSPACE", str(tmp_path / "w"))
    folder = tmp_path / "set" / "1_x"
    folder.mkdir(parents=True)
    picture = scene(3)
    picture.save(folder / "a.png")
    jpeg(picture.transpose(0), 60).save(folder / "b.jpg")
    (folder / "bad.png").write_bytes(b"no picture")
    arguments = ("duplicates", tmp_path / "set")
    listed = answered((*arguments, "--apply", "--dry-run"), monkeypatch, capsys)
    assert listed["images"] == 2
    (one,) = listed["groups"]
    assert one["keep"] == str(folder / "a.png")
    gone = next(row for row in one["members"] if row["path"] != one["keep"])
    assert set(gone) >= {"path", "match", "kind", "reason"}
    assert (gone["kind"], gone["marked"]) == ("mirrored", True)
    assert 95 <= gone["match"] < 100
    assert [Path(row["path"]).name for row in listed["unreadable"]] == ["bad.png"]
    assert "bad.png" in listed["unreadable"][0]["reason"]
    assert (folder / "b.jpg").exists()
    moved = answered((*arguments, "--apply"), monkeypatch, capsys)
    assert moved["moved"] == 1
    assert not (folder / "b.jpg").exists()
    answered(("captions", tmp_path / "set", "--undo"), monkeypatch, capsys)
    assert (folder / "b.jpg").exists()
    code, said = refused(("duplicates", tmp_path / "nowhere"), monkeypatch, capsys)
    assert code == 1
    assert "There is no folder" in said
