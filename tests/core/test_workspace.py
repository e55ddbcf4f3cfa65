"""Projects, and that nothing from outside leads out of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from lorabake.core.errors import BadName, WorkspaceError
from lorabake.core.files import restore
from lorabake.core.workspace import Project, Workspace, inside


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.open(tmp_path / "work space ü")


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def picture(path: Path, color: str = "red", size: tuple[int, int] = (8, 8)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, color).save(path)
    return path


def test_open_makes_it_private_where_it_must_be(workspace: Workspace) -> None:
    assert workspace.cache_dir.stat().st_mode & 0o777 == 0o700
    assert workspace.projects() == []
    assert Workspace.open(workspace.root) == workspace
    assert workspace.server_file.parent == workspace.cache_dir


def test_the_environment_can_choose_the_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LORABAKE_WORKSPACE", str(tmp_path / "there"))
    assert Workspace.open().root == tmp_path / "there"


def test_a_place_that_cannot_be_used_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WorkspaceError, match="Choose another folder"):
        Workspace.open(tmp_path / "file" / "below")
    workspace = Workspace.open(tmp_path / "newer")
    (workspace.root / "workspace.json").write_text('{"format": 99}', encoding="utf-8")
    with pytest.raises(WorkspaceError, match="another version"):
        Workspace.open(workspace.root)


def test_projects_have_names_that_work_everywhere(workspace: Workspace) -> None:
    for name in ("kafka 10", "kafka 2", "カフカ"):
        workspace.create_project(name)
    assert workspace.projects() == ["kafka 2", "kafka 10", "カフカ"]
    with pytest.raises(WorkspaceError, match="already"):
        workspace.create_project("KAFKA 2")
    with pytest.raises(WorkspaceError, match="no project"):
        workspace.project("nobody")
    for name in ("../kafka", "..", "a/b", "", "CON"):
        with pytest.raises(BadName):
            workspace.project(name)
        with pytest.raises(BadName):
            workspace.create_project(name)
    assert listing(workspace.projects_dir) == ["kafka 10", "kafka 2", "カフカ"]


def test_links_out_are_refused(workspace: Workspace, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "dataset").mkdir(parents=True)
    picture(outside / "secret.png")
    (workspace.projects_dir / "link").symlink_to(outside)
    project = workspace.create_project("kafka")
    concept = project.create_concept("kafka", 5)
    (concept / "link.png").symlink_to(outside / "secret.png")
    (project.dataset_dir / "3_link").symlink_to(outside)
    assert workspace.projects() == ["kafka"]
    assert project.concepts() == ["5_kafka"]
    with pytest.raises(BadName, match="link"):
        workspace.project("link")
    with pytest.raises(BadName, match="link"):
        project.image_path("5_kafka", "link.png")
    with pytest.raises(BadName, match="link"):
        project.image_path("3_link", "secret.png")
    with pytest.raises(BadName, match="link"):
        project.import_images(outside / "secret.png", "3_link")
    with pytest.raises(BadName, match="link"):
        inside(workspace.root, "projects", "kafka", "dataset", "3_link", "secret.png")


def test_places_of_jobs(workspace: Workspace, tmp_path: Path) -> None:
    run = workspace.create_project("kafka").create_run("bake")
    place = workspace.job_place(run.folder)
    assert place == "projects/kafka/runs/bake"
    assert workspace.job_path(place) == run.folder
    verdict = run.grid_dir / "first" / "verdict"  # as deep as jobs lie
    assert workspace.job_path(workspace.job_place(verdict)) == verdict
    for wrong in (
        "",
        "models/x/y",
        "projects/kafka",
        "../x/y",
        "projects/../x",
        "/etc/passwd/x",
        "projects//x",
    ):
        with pytest.raises(BadName):
            workspace.job_path(wrong)
    with pytest.raises(WorkspaceError, match="outside"):
        workspace.job_place(tmp_path)


def test_settings_of_a_project(workspace: Workspace) -> None:
    project = workspace.create_project("kafka")
    assert project.read_settings() == {}
    project.write_settings({"preset": "pdxl", "changes": {"network_dim": 4}})
    assert project.read_settings()["changes"] == {"network_dim": 4}
    with pytest.raises(WorkspaceError, match="larger"):
        project.write_settings({"x": "y" * 300_000})
    assert project.read_settings()["preset"] == "pdxl"
    for damage in ("[1]", "{", "x" * 300_000):
        project.settings_path.write_text(damage, encoding="utf-8")
        with pytest.raises(WorkspaceError):
            project.read_settings()


def test_the_sample_project_is_whole_or_not_there(workspace: Workspace, tmp_path: Path) -> None:
    sample = tmp_path / "sample"
    picture(sample / "5_kafka" / "1.png")
    (sample / "5_kafka" / "1.txt").write_text("kafka", encoding="utf-8")
    (sample / "make.py").touch()
    script = (
        "import os, shutil, sys; from pathlib import Path; from lorabake.core.workspace import Workspace; "
        "shutil.copytree = lambda source, target, **_: (Path(target, '5_kafka').mkdir(), os._exit(137)); "
        "Workspace.open(Path(sys.argv[1])).create_sample_project(Path(sys.argv[2]))"
    )
    killed = subprocess.run(
        [sys.executable, "-c", script, str(workspace.root), str(sample)],
        cwd=Path(__file__).parents[2],
        check=False,
        timeout=60,
    )
    assert killed.returncode == 137
    assert workspace.projects() == []
    project = workspace.create_sample_project(sample)
    assert project.name == "practice"
    assert project.concepts() == ["5_kafka"]
    assert project.image_path("5_kafka", "1.txt").read_text(encoding="utf-8") == "kafka"
    assert not (project.dataset_dir / "make.py").exists()
    project.image_path("5_kafka", "1.txt").write_text("mine", encoding="utf-8")
    again = workspace.create_sample_project(sample)
    assert again.image_path("5_kafka", "1.txt").read_text(encoding="utf-8") == "mine"
    Workspace.open(workspace.root)
    assert listing(workspace.projects_dir) == ["practice"], "half a project is swept away"


def test_runs_get_free_names_and_deleting_can_be_undone(workspace: Workspace) -> None:
    project = workspace.create_project("kafka")
    assert [project.create_run("Bake").name for _ in range(3)] == ["Bake", "Bake-2", "Bake-3"]
    assert project.create_run("bake").name == "bake-4", "the same file elsewhere"
    entry = project.delete_run("Bake-2")
    assert [run.name for run in project.runs()] == ["Bake", "Bake-3", "bake-4"]
    restore(entry)
    deleted = workspace.delete_project("kafka")
    assert workspace.projects() == []
    restore(deleted)
    assert len(workspace.project("kafka").runs()) == 4


def test_checkpoints_of_a_run_are_found_by_epoch(workspace: Workspace) -> None:
    run = workspace.create_project("kafka").create_run("bake")
    for name in (
        "kafka-10.safetensors",
        "kafka-02.safetensors",
        "kafka.safetensors",
        ".kafka-03.safetensors.1-a.tmp",
    ):
        (run.folder / name).touch()
    assert [(found.path.name, found.epoch) for found in run.checkpoints()] == [
        ("kafka-02.safetensors", 2),
        ("kafka-10.safetensors", 10),
    ]


@pytest.fixture
def project(workspace: Workspace) -> Project:
    return workspace.create_project("kafka")


def test_importing_copies_pictures_with_their_captions(project: Project, tmp_path: Path) -> None:
    files = tmp_path / "files"
    picture(files / "a.png", "red")
    picture(files / "b.JPG", "green")
    (files / "a.txt").write_bytes(b"kafka, smile\r\n")
    (files / "orphan.txt").write_text("nobody", encoding="utf-8")
    (files / "page.png").write_text("<!DOCTYPE html>", encoding="utf-8")
    (files / "notes.docx").touch()
    before = listing(files)
    report = project.import_images(files, "5_kafka")
    assert [path.name for path in report.saved] == ["a.png", "b.jpg"]
    assert project.image_path("5_kafka", "a.txt").read_bytes() == b"kafka, smile\r\n"
    assert listing(project.concept_dir("5_kafka")) == ["a.png", "a.txt", "b.jpg"]
    assert listing(files) == before, "copied, never moved"
    reasons = dict(report.skipped)
    assert sorted(reasons) == ["notes.docx", "orphan.txt", "page.png"]
    assert "web page" in reasons["page.png"]
    assert "together with its picture" in reasons["orphan.txt"]


def test_importing_dropped_files_pairs_them_by_name(project: Project, tmp_path: Path) -> None:
    """Each dropped file lies in a folder of its own."""
    image = picture(tmp_path / "x" / "a?:b.png")
    caption = tmp_path / "y" / "a?:b.txt"
    caption.parent.mkdir()
    caption.write_text("kafka", encoding="utf-8")
    report = project.import_images([caption, image], "5_kafka")
    assert [path.name for path in report.saved] == ["a__b.png"]
    assert project.image_path("5_kafka", "a__b.txt").read_text(encoding="utf-8") == "kafka"


def test_importing_refuses_a_second_picture_of_one_name(project: Project, tmp_path: Path) -> None:
    first, second = picture(tmp_path / "a.png", "red"), picture(tmp_path / "b" / "A.webp", "blue")
    assert project.import_images([first], "5_kafka").skipped == ()
    report = project.import_images([second], "5_kafka")
    assert report.saved == ()
    assert "Rename one" in report.skipped[0][1]
    assert listing(project.concept_dir("5_kafka")) == ["a.png"]


def test_importing_keeps_captions_that_are_there(project: Project, tmp_path: Path) -> None:
    folder = project.create_concept("kafka", 5)
    (folder / "a.txt").write_text("edited", encoding="utf-8")
    image = picture(tmp_path / "a.png")
    (tmp_path / "a.txt").write_text("original", encoding="utf-8")
    report = project.import_images([image], "5_kafka")
    assert len(report.saved) == 1
    assert (folder / "a.txt").read_text(encoding="utf-8") == "edited"
    assert "compare" in report.skipped[0][1]


def test_a_bad_caption_does_not_cost_the_picture(project: Project, tmp_path: Path) -> None:
    image = picture(tmp_path / "a.png")
    (tmp_path / "a.txt").write_bytes(b"a\0b")
    report = project.import_images([image], "5_kafka")
    assert [path.name for path in report.saved] == ["a.png"]
    assert "not a text file" in report.skipped[0][1]
    with pytest.raises(WorkspaceError, match="There is no"):
        project.import_images(tmp_path / "nothing", "5_kafka")


def test_deleting_a_picture_takes_its_caption_along(project: Project, tmp_path: Path) -> None:
    image = picture(tmp_path / "a.png")
    (tmp_path / "a.txt").write_text("kafka", encoding="utf-8")
    project.import_images([image], "5_kafka")
    entry = project.delete_images("5_kafka", ["a.png"])
    assert listing(project.concept_dir("5_kafka")) == []
    restore(entry)
    assert listing(project.concept_dir("5_kafka")) == ["a.png", "a.txt"]


def test_settings_file_is_plain_json(project: Project) -> None:
    project.write_settings({"preset": "pdxl"})
    assert json.loads(project.settings_path.read_text(encoding="utf-8")) == {"preset": "pdxl"}
