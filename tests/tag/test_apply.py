"""From kept probabilities to captions: any threshold without a second run, one step to undo."""

import time
from dataclasses import replace

import pytest

from lorabake.core.dataset import Dataset, scan_dataset
from lorabake.core.history import open_history
from lorabake.core.origins import Origins
from lorabake.core.workspace import Workspace
from lorabake.tag.apply import (
    TagPreview,
    preview_tags,
    probabilities,
    says,
    threshold_curve,
    write_tags,
)
from lorabake.tag.difference import differences
from lorabake.tag.scoring import score_pictures
from lorabake.tag.settings import TagSettings
from lorabake.tag.taggers import load_tagger, tagger_key
from tests.tag.many import many_scored
from tests.tag.models import COLOURS, write_tagger

LOW = TagSettings(taggers="colours", character_threshold=0.5)


@pytest.fixture
def scored(workspace: Workspace, dataset: Dataset) -> Dataset:
    score(workspace, dataset, "colours")
    return dataset


def score(workspace: Workspace, dataset: Dataset, name: str) -> None:
    pairs = [(image.sha256, image.path) for image in dataset.images]
    score_pictures(load_tagger(workspace, name), pairs, workspace.index)


def again(workspace: Workspace, dataset: Dataset) -> Dataset:
    return scan_dataset(dataset.root, index=workspace.index)


def preview(workspace: Workspace, dataset: Dataset, settings: TagSettings = LOW) -> TagPreview:
    return preview_tags(dataset, workspace.index, settings, workspace=workspace)


def after(found: TagPreview) -> dict[str, tuple[str, ...]]:
    return {change.id: change.after for change in found.changes}


def test_what_becomes_of_each_caption(workspace, scored):
    found = preview(workspace, scored)
    assert after(found) == {
        "1_himeko/red.png": ("himeko", "red theme", "^_^", "smile (object)"),
        "3_kafka/blue.png": ("blue theme", "^_^", "smile (object)", "kafka (honkai: star rail)"),
        "3_kafka/green.png": ("green theme", "^_^", "smile (object)"),
        "3_kafka/red.png": ("kafka", "red theme", "my own tag", "^_^", "smile (object)"),
    }
    red = next(change for change in found.changes if change.id == "3_kafka/red.png")
    assert red.origins == ("you", "you", "you", "tagger", "tagger")
    assert found.counted[0].pictures == 4
    assert found.missing == ()


def test_a_threshold_moves_without_a_run(workspace, scored, tmp_path):
    """The model's file is gone, and still every threshold can be tried."""
    (workspace.models_dir / "colours" / "model.onnx").unlink()
    counts = []
    for threshold in (0.05, 0.5, 0.99):
        settings = replace(LOW, threshold=threshold, character_threshold=threshold)
        found = preview_tags(scored, workspace.index, settings)
        counts.append(sum(len(change.picked) for change in found.changes))
    # Low: also what is hardly ever sure; high: the clear colours alone.
    assert counts[0] > counts[1] > counts[2] > 0


def test_some_pictures_only(workspace, scored):
    found = preview_tags(scored, workspace.index, LOW, ["3_kafka/red.png", "nowhere.png"])
    assert [change.id for change in found.changes] == ["3_kafka/red.png"]


def test_pictures_without_probabilities_are_named(workspace, dataset):
    found = preview(workspace, dataset)
    assert found.changes == ()
    assert len(found.missing) == 4


def test_curve_falls_with_the_threshold(workspace, scored):
    curve = threshold_curve(scored, workspace.index, LOW, workspace=workspace)
    assert [threshold for threshold, _ in curve][:3] == [0.05, 0.1, 0.15]
    tags = [count for _, count in curve]
    assert tags == sorted(tags, reverse=True)
    low, high = curve[5][1], curve[-1][1]
    assert low == 3.0  # a colour, ^_^ and smile at 0.3
    assert high == 1.0  # a clear colour at 0.95


def test_one_tag_in_all_pictures(workspace, scored):
    shas = {image.path.stem: image.sha256 for image in scored.images}
    sure = probabilities(workspace.index, list(shas.values()), "Blue_Theme", LOW)
    assert sure[shas["blue"]] > 0.9 > 0.1 > sure[shas["green"]]
    assert probabilities(workspace.index, list(shas.values()), "not on the list", LOW) == {}
    said = says(workspace.index, [shas["green"], "0" * 64], LOW)
    assert said[shas["green"]][0].name == "green theme"
    assert "0" * 64 not in said


def test_several_taggers(workspace, dataset):
    rows = [*COLOURS[:7], ("hat", 0, (0.0, 0.0, 0.0), 2.0)]
    write_tagger(workspace.models_dir / "second", rows=rows)
    score(workspace, dataset, "colours")
    both = replace(LOW, taggers="colours, second")
    assert preview(workspace, dataset, both).changes == ()  # the second has seen nothing yet
    score(workspace, dataset, "second")
    assert "hat" in after(preview(workspace, dataset, both))["3_kafka/green.png"]
    agreed = replace(both, combine="intersection")
    assert "green theme" in after(preview(workspace, dataset, agreed))["3_kafka/green.png"]


def test_writing_is_one_step_that_can_be_undone(workspace, scored):
    root = scored.root
    before = {path: path.read_bytes() for path in root.rglob("*.txt")}
    outcome = write_tags(root, preview(workspace, scored))
    assert sorted(outcome.changed) == [
        *("1_himeko/red.txt", "3_kafka/blue.txt", "3_kafka/green.txt", "3_kafka/red.txt")
    ]
    assert outcome.operation is not None
    assert (outcome.operation.title, outcome.operation.origin) == ("Generate tags", "tagger")
    blue = root / "3_kafka" / "blue.txt"
    assert blue.read_bytes() == b"blue theme, ^_^, smile (object), kafka (honkai: star rail)"
    open_history(root).undo()
    assert {path: path.read_bytes() for path in root.rglob("*.txt")} == before


def test_origins_are_kept_and_a_second_tagging_replaces_only_its_own(workspace, scored):
    write_tags(scored.root, preview(workspace, scored))
    sha = next(image.sha256 for image in scored.images if image.path.stem == "green")
    origins = Origins.open(scored.root)
    assert origins.of(sha, ["green theme", "^_^"]) == ["tagger", "tagger"]
    assert origins.by(sha, "^_^") == tagger_key(workspace, "colours")
    stricter = replace(LOW, threshold=0.9)
    found = after(preview(workspace, again(workspace, scored), stricter))
    assert found["3_kafka/green.png"] == ("green theme",)
    assert found["3_kafka/red.png"] == ("kafka", "red theme", "my own tag")  # not the tagger's
    kept = after(preview(workspace, again(workspace, scored), replace(stricter, merge="append")))
    assert kept["3_kafka/green.png"] == ("green theme", "^_^", "smile (object)")


def test_writing_twice_changes_nothing_more(workspace, scored):
    write_tags(scored.root, preview(workspace, scored))
    assert preview(workspace, again(workspace, scored)).changed == ()


def test_a_caption_that_was_changed_meanwhile_is_left_and_told(workspace, scored):
    found = preview(workspace, scored)
    mine = scored.root / "3_kafka" / "red.txt"
    mine.write_bytes(b"written by another program")
    outcome = write_tags(scored.root, found)
    assert mine.read_bytes() == b"written by another program"
    assert len(outcome.changed) == 3
    ((path, why),) = outcome.skipped
    assert path == "3_kafka/red.txt"
    assert "changed" in why
    sha = next(image.sha256 for image in scored.images if image.path.parent.name == "3_kafka")
    assert Origins.open(scored.root).of(sha, ["unwritten"]) == ["you"]


def test_odd_files_keep_their_ways(workspace, scored):
    """Byte order mark, CRLF and further lines are as they were."""
    mine = scored.root / "3_kafka" / "red.txt"
    mine.write_bytes(b"\xef\xbb\xbfkafka\r\nsecond line, kept\r\n")
    write_tags(scored.root, preview(workspace, again(workspace, scored)))
    assert mine.read_bytes() == (
        b"\xef\xbb\xbfkafka, red theme, ^_^, smile (object)\r\nsecond line, kept\r\n"
    )


def test_caption_files_of_the_other_kind(workspace, scored):
    other = scored.root / "3_kafka" / "red.caption"
    other.write_bytes(b"kafka")
    found = preview_tags(scored, workspace.index, LOW, workspace=workspace, extension=".caption")
    write_tags(scored.root, found, extension=".caption")
    assert other.read_bytes().startswith(b"kafka, red theme")
    assert (scored.root / "3_kafka" / "red.txt").read_bytes() == b"kafka, red theme, my own tag"


def test_a_caption_that_is_no_text_is_missing_and_untouched(workspace, scored):
    mine = scored.root / "3_kafka" / "red.txt"
    mine.write_bytes(b"\0\1\2")
    found = preview(workspace, again(workspace, scored))
    assert found.missing == ("3_kafka/red.png",)
    write_tags(scored.root, found)
    assert mine.read_bytes() == b"\0\1\2"


def test_differences_by_tag(workspace, scored):
    found = preview(workspace, scored)
    say, have = differences(found.changes, knows=found.knows)
    assert [(row.tag, len(row.ids)) for row in say][:2] == [("^_^", 4), ("smile (object)", 4)]
    assert have == []  # nobody's caption has a tag of the list that the tagger denies
    blue = scored.root / "3_kafka" / "blue.txt"
    blue.write_bytes(b"red theme, nothing of the list")
    _, have = differences(preview(workspace, again(workspace, scored)).changes, knows=found.knows)
    assert [(row.tag, row.ids) for row in have] == [("red theme", ("3_kafka/blue.png",))]


def test_thousands_of_pictures_are_previewed_in_a_moment(tmp_path):
    """10,000 take some 3 s of one core. (Not by the clock: other programs may be busy.)"""
    workspace, dataset = many_scored(tmp_path, 600)
    started = time.process_time()
    found = preview_tags(dataset, workspace.index, TagSettings(taggers="many"))
    assert len(found.changes) == 600
    assert time.process_time() - started < 1.8
