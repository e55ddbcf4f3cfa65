"""A hundred bad files pass through every section: no crash, and each is named with its reason."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from lorabake.core.dataset import Dataset, scan_dataset
from lorabake.core.image import probe_many
from lorabake.core.importing import import_images
from lorabake.core.index import Index
from lorabake.curate.measures import measure_many
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


def test_none_of_the_good_ones_is_bad_to_the_last_pixel(dataset: Dataset) -> None:
    found = probe_many([image.path for image in dataset.images], thorough=True)
    assert [info for info in found if isinstance(info, Exception)] == []
