"""A hundred bad files pass through every section: no crash, and each is named with its reason."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lorabake.cli import app
from lorabake.core.dataset import Dataset, scan_dataset
from lorabake.core.errors import LorabakeError
from lorabake.core.history import open_history
from lorabake.core.image import probe_many
from lorabake.core.importing import import_images
from lorabake.core.index import Index
from lorabake.curate.applying import apply_crops
from lorabake.curate.crop import Box
from lorabake.curate.erase import erase_in, mask_from_boxes
from lorabake.curate.measures import measure_many
from lorabake.duplicates.groups import group
from lorabake.duplicates.scan import scan_duplicates
from tests.enhance.models import save_pth, tiny_esrgan
from tests.hostile import hostile_folder, must_be_met


@pytest.fixture(scope="module")
def met(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    folder = tmp_path_factory.mktemp("hostile") / "1_bad"
    return folder, hostile_folder(folder)


@pytest.fixture(scope="module")
def dataset(met: tuple[Path, dict[str, str]]) -> Dataset:
    return scan_dataset(met[0])


def test_a_data_set(met: tuple[Path, dict[str, str]], dataset: Dataset) -> None:
    used = {image.path.name for image in dataset.images}
    must_be_met(met[1], used, [problem.sentence for problem in dataset.problems])
    assert all("\n" not in problem.sentence for problem in dataset.problems)


def test_taken_in_as_ones_own(met: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    target = tmp_path / "1_mine"
    target.mkdir()
    started = time.monotonic()
    report = import_images(met[0], target)
    taken = [path.name for path in report.saved]
    told = "\n".join(sentence for _, sentence in report.skipped)
    bad = [name for name, how in met[1].items() if how == "named"]
    assert not [name for name in bad if name[:40] not in told]
    assert len(taken) >= sum(how == "used" for how in met[1].values())
    assert all(path.resolve().parent == target.resolve() for path in target.iterdir())
    assert time.monotonic() - started < 60


def test_curating(dataset: Dataset, tmp_path: Path) -> None:
    index = Index(tmp_path / "index.sqlite")
    measured = measure_many(index, dataset.images)
    assert {image.sha256 for image in dataset.images} == {*measured.found, *measured.unreadable}
    index.close()


def test_cutting_and_painting_over(dataset: Dataset, tmp_path: Path) -> None:
    """Each picture that opens is cut and painted over in a copy of the folder, or says why not."""
    root = tmp_path / "set"
    folder = root / "1_bad"
    folder.mkdir(parents=True)
    for image in dataset.images:
        (folder / image.path.name).write_bytes(image.path.read_bytes())
    refused = []
    images = scan_dataset(root).images
    assert len(images) == len(dataset.images)
    for image in images:
        side = max(1, min(image.width, image.height, 32))
        box = Box(0, 0, min(64, image.width), side)
        try:
            apply_crops(root, image, [box], keep_original=True)
            mask = mask_from_boxes([(2, 2, 5, 5)], (image.width, image.height))
            erase_in(root, image, mask)
        except LorabakeError as error:
            refused.append(str(error))
    assert len(refused) <= 6, refused
    assert all("\n" not in why for why in refused)
    after = scan_dataset(root)
    assert len(after.images) >= 2 * (len(images) - len(refused))
    assert not [problem for problem in after.problems if problem.level == "error"]
    history = open_history(root)
    while history.can_undo:
        history.undo()
    now = {image.path.name: image.sha256 for image in scan_dataset(root).images}
    assert now == {image.path.name: image.sha256 for image in images}


def test_improving(met: tuple[Path, dict[str, str]], workspace: Path, tmp_path: Path) -> None:
    """All of the folder, through a network: what opens is improved, all else is named with a reason."""
    folder = tmp_path / "set" / "1_bad"
    folder.parent.mkdir()
    shutil.copytree(met[0], folder, symlinks=True, ignore=lambda _, names: {"pipe.png"} & {*names})
    model = save_pth(tiny_esrgan(2), tmp_path / "2x-Tiny.pth")
    arguments = ["--upscaler", str(model), "--scale", "1", "--contrast", "--json"]
    before = {image.path.name: image.sha256 for image in scan_dataset(folder.parent).images}
    result = CliRunner().invoke(app, ["enhance", str(folder.parent), *arguments])
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    used = {Path(path).stem for path in told["written"]}
    told_of = [one["reason"] for one in (*told["unreadable"], *told["skipped"])]
    names = {name: how for name, how in met[1].items() if name != "pipe.png"}
    must_be_met(names, {name for name in names if Path(name).stem in used}, told_of)
    open_history(folder.parent).undo()
    assert {i.path.name: i.sha256 for i in scan_dataset(folder.parent).images} == before


def test_duplicates(met: tuple[Path, dict[str, str]], dataset: Dataset, tmp_path: Path) -> None:
    """Also of one that is bad behind a good header, and of one that went meanwhile."""
    bad = met[0] / "torn-50.png"
    gone = replace(dataset.images[0], path=met[0] / "gone.png", sha256="0" * 64)
    # Most are one drawing in other colours, so that each is compared with each: a third will do.
    images = [*dataset.images[::3], replace(gone, path=bad, sha256="1" * 64), gone]
    index = Index(tmp_path / "index.sqlite")
    scan = scan_duplicates(index, images)
    found = group(scan).groups
    index.close()
    assert sorted(Path(path).name for path, _ in scan.unreadable) == ["gone.png", bad.name]
    assert all(Path(path).name in why for path, why in scan.unreadable)
    assert {one.sha256 for one in images} == {*scan.pictures, "0" * 64, "1" * 64}
    assert all(member.id for one in found for member in one.members)


def test_none_of_the_good_ones_is_bad_to_the_last_pixel(dataset: Dataset) -> None:
    found = probe_many([image.path for image in dataset.images], thorough=True)
    assert [info for info in found if isinstance(info, Exception)] == []
