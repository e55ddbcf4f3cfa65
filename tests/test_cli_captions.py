"""The verb `captions`, as a script would use it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lorabake.captions.recipes import save_recipe
from lorabake.captions.settings import ProcessSettings
from lorabake.core.workspace import Workspace
from tests.captions.making import on_disk, write_dataset
from tests.verbs import refused

Lorabake = Callable[..., subprocess.CompletedProcess[str]]
FILES = {"b": b"1girl, smile\r\n", "a10": b"1girl, simple background", "a9": None}


@pytest.fixture
def lorabake(workspace: Path) -> Lorabake:
    def call(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "lorabake", "captions", *map(str, arguments)]
        return subprocess.run(
            command, capture_output=True, text=True, encoding="utf-8", check=False
        )

    return call


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "pictures", FILES)


def answer(done: subprocess.CompletedProcess[str]) -> dict:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_dry_run_says_what_would_change_and_writes_nothing(lorabake, root):
    before = on_disk(root)
    asked = ("--add", "kafka", "--remove", "smile,simple background", "--rename")
    told = answer(lorabake(root, *asked, "--dry-run", "--json"))
    assert {"changed", "renamed", "skipped"} <= told.keys()
    first = next(one for one in told["changed"] if one["path"].endswith("b.txt"))
    assert first["path"] == str(root / "5_kafka" / "b.txt")
    assert (first["before"], first["after"]) == ("1girl, smile", "kafka, 1girl")
    assert {one["tag"] for one in first["reasons"]} == {"kafka", "smile"}
    assert len(told["changed"]) == 3
    assert {"from": "5_kafka/a9.png", "to": "5_kafka/1.png"} in told["renamed"]
    assert told["written"] == 0
    assert on_disk(root) == before


def test_done_undone_and_done_again_by_processes_of_their_own(lorabake, root):
    before = on_disk(root)
    told = answer(lorabake(root, "--add", "kafka", "--replace", "smile=grin", "--rename", "--json"))
    assert (told["written"], told["skipped"]) == (3, [])
    now = on_disk(root)
    assert now["5_kafka/3.txt"] == b"kafka, 1girl, grin\r\n"
    assert sorted(path.name for path in (root / "5_kafka").glob("*.png")) == [
        "1.png",
        "2.png",
        "3.png",
    ]

    assert "ename" in answer(lorabake(root, "--undo", "--json"))["undone"]
    assert answer(lorabake(root, "--undo", "--json"))["undone"] == "Process tags"
    assert on_disk(root) == before
    nothing = lorabake(root, "--undo")
    assert (nothing.returncode, nothing.stdout) == (1, "")
    assert nothing.stderr.strip() == "lorabake: There is nothing to undo."

    answer(lorabake(root, "--redo", "--json"))
    answer(lorabake(root, "--redo", "--json"))
    assert on_disk(root) == now


def test_only_what_a_filter_finds(lorabake, root):
    told = answer(lorabake(root, "--add", "t", "--filter", "tag:smile OR name:a9*", "--json"))
    assert [Path(one["path"]).name for one in told["changed"]] == ["a9.txt", "b.txt"]
    assert told["looked"] == 2
    wrong = lorabake(root, "--add", "t", "--filter", "tag:(")
    assert wrong.returncode == 1


def test_saved_sets_and_files_and_single_settings(lorabake, root, workspace):
    space = Workspace.open(workspace)
    save_recipe(space, "Tidy", ProcessSettings(tags_to_remove="smile", underscores="underscores"))
    told = answer(
        lorabake(root, "--recipe", "tidy", "--remove", "1girl", "--set", "tags_to_add=t", "--json")
    )
    assert {Path(one["path"]).stem: one["after"] for one in told["changed"]} == {
        "a9": "t",
        "a10": "t, simple_background",
        "b": "t",
    }
    file = root.parent / "mine.toml"
    file.write_text('tags_to_add = "u"\n', encoding="utf-8")
    told = answer(lorabake(root, "--recipe", file, "--dry-run", "--json"))
    assert told["changed"][0]["after"].startswith("u, t")


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ((), 2, "Say what to do"),
        (("--undo", "--redo"), 2, "stand alone"),
        (("--undo", "--add", "a"), 2, "stand alone"),
        (("--rename", "--filter", "a"), 2, "whole folders"),
        (("--set", "mood=good"), 1, "mood"),
        (("--set", "sort"), 1, "KEY=VALUE"),
        (("--recipe", "never"), 1, "No set of operations is saved yet"),
        (("--add", "a", "--extension", ".json"), 1, ".txt or .caption"),
        (("--set", "regex_find=("), 1, "not a regular expression"),
    ],
)
def test_what_does_not_work_is_told_in_a_sentence(
    workspace, root, arguments, code, says, monkeypatch, capsys
):
    before = on_disk(root)
    ended, told = refused(("captions", root, *arguments), monkeypatch, capsys)
    assert ended == code, told
    assert says in told
    assert "Traceback" not in told
    assert on_disk(root) == before


def test_a_folder_that_is_not_there(workspace, tmp_path, monkeypatch, capsys):
    for option in (("--add", "a"), ("--undo",)):
        asked = ("captions", tmp_path / "never", *option)
        code, told = refused(asked, monkeypatch, capsys)
        assert code == 1
        assert "There is no folder" in told


def test_for_a_person(lorabake, root):
    done = lorabake(root, "--add", "kafka", "--remove", "simle")
    assert done.returncode == 0
    assert "  - 1girl, smile\n  + kafka, 1girl, smile" in done.stdout
    assert "No caption has simle, which you want to remove." in done.stdout
    assert done.stdout.strip().endswith("takes the last step back.")
