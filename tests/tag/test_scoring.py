"""Running a tagger over pictures: every picture once, in any batch, stopped and gone on with."""

from pathlib import Path

import numpy as np
import pytest

from lorabake.core.dataset import Dataset
from lorabake.core.errors import Stopped, WorkspaceError
from lorabake.core.files import sha256_of
from lorabake.core.workspace import Workspace
from lorabake.tag.pixels import batch_of, prepare
from lorabake.tag.scores import scores_for
from lorabake.tag.scoring import score_pictures
from lorabake.tag.taggers import load_tagger
from tests.tag.models import write_picture


class Counting:
    """A tagger that counts what it was shown; everything else is the real one's."""

    def __init__(self, tagger) -> None:
        self._tagger = tagger
        self.shown: list[int] = []

    def __getattr__(self, name):
        return getattr(self._tagger, name)

    def run(self, pictures):
        self.shown.append(len(pictures))
        return self._tagger.run(pictures)


@pytest.fixture
def tagger(workspace: Workspace) -> Counting:
    return Counting(load_tagger(workspace, "colours"))


def pairs(dataset: Dataset) -> list[tuple[str, Path]]:
    return [(image.sha256, image.path) for image in dataset.images]


def test_what_is_kept_is_what_the_tagger_says_of_each_picture(workspace, tagger, dataset):
    scored = score_pictures(tagger, pairs(dataset), workspace.index, batch_size=3)
    assert (scored.done, scored.known, scored.failed) == (4, 0, ())
    kept = scores_for(workspace.index, tagger.key, [sha for sha, _ in pairs(dataset)])
    for sha, path in pairs(dataset):
        alone = tagger.run(batch_of([prepare(path, tagger.size)]))[0]
        dense = kept[sha].dense(len(tagger.labels))
        assert np.abs(dense - alone)[alone >= 0.05].max() < 0.0006


def test_nothing_is_run_again(workspace, tagger, dataset):
    score_pictures(tagger, pairs(dataset), workspace.index)
    tagger.shown.clear()
    again = score_pictures(tagger, pairs(dataset), workspace.index)
    assert (again.done, again.known, tagger.shown) == (0, 4, [])


def test_the_same_picture_twice_is_looked_at_once(workspace, tagger, dataset):
    score_pictures(tagger, [*pairs(dataset), *pairs(dataset)], workspace.index)
    assert sum(tagger.shown) == 4


@pytest.mark.parametrize("size", [1, 2, 64])
def test_the_size_of_batches_changes_nothing(workspace, tagger, dataset, size):
    score_pictures(tagger, pairs(dataset), workspace.index, batch_size=size)
    assert sum(tagger.shown) == 4
    assert max(tagger.shown) <= size


def test_stopping_keeps_what_is_done_and_going_on_does_the_rest(workspace, tagger, tmp_path):
    paths = [write_picture(tmp_path / f"{n}.png", (n, 9, 9)) for n in range(10)]
    todo = [(sha256_of(path), path) for path in paths]
    told: list[tuple[int, int]] = []
    with pytest.raises(Stopped):
        score_pictures(
            tagger,
            todo,
            workspace.index,
            batch_size=2,
            on_progress=lambda done, total: told.append((done, total)),
            should_stop=lambda: sum(tagger.shown) >= 4,
        )
    assert told == [(0, 10), (2, 10), (4, 10)]
    rest = score_pictures(tagger, todo, workspace.index)
    assert (rest.done, rest.known) == (6, 4)


def test_a_picture_that_cannot_be_read_does_not_hold_up_the_others(workspace, tagger, tmp_path):
    good = write_picture(tmp_path / "good.png", (1, 2, 3))
    bad = tmp_path / "bad.png"
    bad.write_bytes(good.read_bytes()[:60])
    scored = score_pictures(
        tagger, [("b" * 64, bad), (sha256_of(good), good)], workspace.index, batch_size=1
    )
    assert scored.done == 1
    ((path, sentence),) = scored.failed
    assert path == bad
    assert "bad.png" in sentence


def test_a_full_disk_is_told_and_not_taken_for_done(workspace, tagger, dataset, monkeypatch):
    index = workspace.index
    monkeypatch.setattr(type(index), "keep_scores", lambda *_: False)
    with pytest.raises(WorkspaceError, match="could not be kept"):
        score_pictures(tagger, pairs(dataset), index)
