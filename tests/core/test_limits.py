"""Every limit of a way of running, tried at the thing that it limits."""

from __future__ import annotations

import json
import time
from dataclasses import fields, replace
from pathlib import Path

import pytest
from PIL import Image

from lorabake.collect.settings import explicit_allowed, is_public
from lorabake.core import jobs, limits
from lorabake.core.errors import JobError, LorabakeError, ModelFileError, WorkspaceError
from lorabake.core.files import MIB
from lorabake.core.http import Web
from lorabake.core.limits import DEMO, LOCAL, MODE_VARIABLE, MODES, SHARE, Limits, choose_mode
from lorabake.core.lock import MACHINE_LOCK_VARIABLE
from lorabake.core.oven import Oven, Patience
from lorabake.core.pictures import empty_bin
from lorabake.core.secrets import read_key, write_key
from lorabake.core.workspace import Workspace
from lorabake.recipe.models import resolve_base
from tests.core.test_jobs import KINDS, prepare


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv(MODE_VARIABLE, "demo")
    return monkeypatch


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    workspace = Workspace.open(tmp_path / "workspace")
    workspace.create_project("kafka")
    return workspace


def only(monkeypatch: pytest.MonkeyPatch, **changes: object) -> Limits:
    """This limit and no other."""
    changed = replace(LOCAL, **changes)  # type: ignore[arg-type]
    monkeypatch.setitem(MODES, "local", changed)
    monkeypatch.setenv(MODE_VARIABLE, "local")
    return changed


def test_the_way_is_chosen_once_and_told_to_children(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(MODE_VARIABLE, raising=False)
    assert limits.limits() is LOCAL
    monkeypatch.setenv(MODE_VARIABLE, "anything")
    assert limits.limits() is DEMO  # the narrowest
    for mode in ("share", "demo", "local"):
        assert choose_mode(mode) is limits.limits() is MODES[mode]


def test_no_way_is_wider_than_one_s_own_computer() -> None:
    assert LOCAL.roles == {"owner"}
    assert SHARE.roles == {"owner", "helper", "viewer"}
    assert "owner" not in DEMO.roles
    for spec in fields(Limits):
        own, demo = getattr(LOCAL, spec.name), getattr(DEMO, spec.name)
        if spec.name not in ("mode", "roles"):
            assert own != demo, f"{spec.name} does not limit the demo"
        if isinstance(own, int):
            assert demo is not None
            assert demo <= own


def test_network(limited: pytest.MonkeyPatch) -> None:
    with pytest.raises(LorabakeError, match="Nothing is fetched"), Web().open("https://a.example"):
        raise AssertionError("it was asked")


def test_keys(limited: pytest.MonkeyPatch, tmp_path: Path) -> None:
    limited.setenv("LORABAKE_CONFIG", str(tmp_path))
    (tmp_path / "keys.json").write_text(json.dumps({"civitai": "abc"}), encoding="utf-8")
    assert read_key("civitai") is None
    with pytest.raises(WorkspaceError, match="No keys"):
        write_key("civitai", "abcd")
    assert is_public()
    assert not explicit_allowed()


def test_deleting(limited: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="deleted for good"):
        empty_bin(tmp_path)


def test_models(limited: pytest.MonkeyPatch, space: Workspace) -> None:
    assert resolve_base(space, "practice").exists()
    for name in ("other", "/etc/passwd", "practice/../practice"):
        with pytest.raises(ModelFileError, match="Only practice"):
            resolve_base(space, name)


@pytest.mark.parametrize(
    ("name", "size"),
    [("a.png", 8 * MIB), ("a.JPEG", 8 * MIB), ("a.webp", 8 * MIB)],
)
def test_upload_kinds_and_sizes(name: str, size: int) -> None:
    assert DEMO.upload_bytes(name) == size
    assert LOCAL.upload_bytes("a.safetensors") == LOCAL.upload_model
    assert LOCAL.upload_bytes("anything") == LOCAL.upload_file


@pytest.mark.parametrize(
    "name",
    ["a.safetensors", "a.pth", "a.exe", "a.png.html", "a", "a.zip", "a.txt", "a.toml", "a.svg"],
)
def test_kinds_that_are_not_taken(name: str) -> None:
    with pytest.raises(WorkspaceError, match="not taken here"):
        DEMO.upload_bytes(name)


def test_queue(monkeypatch: pytest.MonkeyPatch, space: Workspace) -> None:
    only(monkeypatch, queue=1)
    jobs.enqueue(space, "tiny", prepare(space, "a").folder, kinds=KINDS, start=False)
    with pytest.raises(JobError, match="as many as there may be"):
        jobs.enqueue(space, "tiny", prepare(space, "b").folder, kinds=KINDS, start=False)
    assert len(jobs.jobs(space)) == 1


def test_numbers_of_the_demo() -> None:
    """As docs/space.md tells them."""
    assert (DEMO.upload_files, DEMO.upload_file, DEMO.pixels) == (40, 8 * MIB, 16_000_000)
    assert (DEMO.queue, DEMO.jobs_each, DEMO.job_seconds) == (4, 1, 120.0)
    assert (DEMO.disk, DEMO.idle, DEMO.visitors) == (200 * MIB, 3600.0, 24)


def test_one_job_of_each(monkeypatch: pytest.MonkeyPatch, space: Workspace) -> None:
    only(monkeypatch, jobs_each=1)
    jobs.require_place(space)
    jobs.enqueue(space, "tiny", prepare(space, "a").folder, kinds=KINDS, start=False)
    with pytest.raises(JobError, match="one at a time"):
        jobs.enqueue(space, "tiny", prepare(space, "b").folder, kinds=KINDS, start=False)
    with pytest.raises(JobError, match="one at a time"):
        jobs.require_place(space)


def test_pixels(monkeypatch: pytest.MonkeyPatch, space: Workspace, tmp_path: Path) -> None:
    only(monkeypatch, pixels=64 * 64)
    for side in (64, 65):
        Image.new("RGB", (side, 64)).save(tmp_path / f"p{side}.png")
    report = space.project("kafka").import_images(tmp_path, "1_kafka")
    assert [path.name for path in report.saved] == ["p64.png"]
    assert "65 × 64 px" in report.skipped[0][1]


def test_disk(monkeypatch: pytest.MonkeyPatch, space: Workspace) -> None:
    only(monkeypatch, disk=1)
    (space.root / "something").write_bytes(b"12")
    with pytest.raises(WorkspaceError, match="no room"):
        jobs.enqueue(space, "tiny", prepare(space, "a").folder, kinds=KINDS, start=False)


def test_time(space: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A job that works for too long is asked to stop, as somebody would."""
    monkeypatch.setenv(MACHINE_LOCK_VARIABLE, str(tmp_path / "heavy.lock"))
    run = prepare(space, "a", steps=10_000, pause=0.02)
    view = jobs.enqueue(space, "tiny", run.folder, kinds=KINDS, start=False)
    begun = time.monotonic()
    Oven(space, KINDS, Patience(look=0.02, work=0.5)).work()
    assert jobs.job(space, view.place).status.state == "stopped"
    assert "as long as a job may take" in run.stopped_because
    assert time.monotonic() - begun < 30
