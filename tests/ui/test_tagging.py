"""Generate tags: what a threshold would do, what is written, the way back, and the differences."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lorabake.core.origins import Origins
from lorabake.core.settings import setting_fields
from lorabake.core.tags import tag_key
from lorabake.core.workspace import Workspace
from lorabake.tag.scores import pack
from lorabake.tag.settings import TagSettings
from lorabake.tag.taggers import tagger_key
from lorabake.ui import pulse, tag_choice, tag_preview, tag_review, tag_work, tagging
from lorabake.ui.place import Place, open_place
from tests.ui.browsing import make_project

NAME = "kafka"
LABELS = [
    ("general", "rating"),
    ("1girl", "general"),
    ("long_hair", "general"),
    ("smile", "general"),
    ("hat", "general"),
    ("kafka_(hsr)", "character"),
]
SURE: dict[str, Mapping[str, float]] = {
    "a": {"1girl": 0.98, "long_hair": 0.8, "smile": 0.25, "kafka_(hsr)": 0.9, "general": 0.9},
    "b": {"1girl": 0.95, "smile": 0.6, "hat": 0.4, "kafka_(hsr)": 0.5},
    "c": {"1girl": 0.9, "long_hair": 0.35},
    "d": {},
}
CAPTIONS = {"a": "kafka, 1girl, hat", "b": "", "c": "kafka, solo\nanother line", "d": ""}


@pytest.fixture
def place(workspace: Path) -> Place:
    """Four pictures that a tagger has looked at; two of them have captions."""
    project = make_project(workspace, NAME, CAPTIONS)
    for name, caption in CAPTIONS.items():
        if not caption:
            (project.dataset_dir / "2_kafka" / f"{name}.txt").unlink()
    place = open_place(Workspace.open(workspace))
    remember(place, SURE)
    return place


def remember(place: Place, sure: Mapping[str, Mapping[str, float]]) -> None:
    """As if the practice tagger had this list and had said this of the pictures."""
    key = tagger_key(place.workspace, "practice")
    place.index.keep_tagger(key, "practice", LABELS)
    found = {}
    for picture in place.shelf(NAME).by_id.values():
        if picture.path.stem in sure:
            said = sure[picture.path.stem]
            found[picture.sha] = pack(np.array([said.get(n, 0.0) for n, _ in LABELS], np.float32))
    assert place.index.keep_scores(key, found)


def call(function: Any, **data: Any) -> dict[str, Any]:
    answer = function({"project": NAME, **data})
    assert "error" not in answer, answer
    return dict(answer)


def refused(function: Any, **data: Any) -> str:
    answer = function({"project": NAME, **data})
    assert "error" in answer, answer
    return str(answer["error"])


def caption(place: Place, name: str) -> bytes | None:
    path = place.project(NAME).dataset_dir / "2_kafka" / f"{name}.txt"
    return path.read_bytes() if path.exists() else None


def captions(place: Place) -> dict[str, bytes | None]:
    return {name: caption(place, name) for name in CAPTIONS}


# --- settings ----------------------------------------------------------------------------------


def test_every_setting_is_drawn_once() -> None:
    drawn = [field["key"] for field in tag_choice.describe()]
    assert set(drawn) == {spec.name for spec in setting_fields(TagSettings)} - {"taggers"}
    assert len(drawn) == len(set(drawn))


@pytest.mark.parametrize("name", tag_choice.WORDS)
def test_words_for_choices_stand_for_every_choice(name: str) -> None:
    (spec,) = [spec for spec in setting_fields(TagSettings) if spec.name == name]
    assert set(tag_choice.WORDS[name]) == set(spec.choices)


def test_settings_are_remembered_beside_the_recipe(place: Place) -> None:
    project = place.project(NAME)
    project.write_settings({"preset": "practice"})
    call(tag_choice.lb_tag_set, key="threshold", value="0.4")
    call(tag_choice.lb_tag_set, key="exclude", value="hat, smile")
    answer = call(tag_choice.lb_tag_set, key="tag_thresholds", value="smile = 0.6\nhat=2")
    assert answer["values"]["tag_thresholds"] == "smile = 0.6\nhat = 2"
    assert not answer["usual"]
    again = tag_choice.read_tagging(project)
    assert (again.threshold, again.exclude) == (0.4, "hat, smile")
    assert dict(again.tag_thresholds) == {"smile": 0.6, "hat": 2.0}
    assert project.read_settings()["preset"] == "practice"
    assert call(tag_choice.lb_tag_set, usual=True)["usual"]
    assert tag_choice.read_tagging(project) == TagSettings()


def test_what_does_not_fit_is_refused_and_what_was_damaged_is_as_usual(place: Place) -> None:
    assert "from 0.05 to 1" in refused(tag_choice.lb_tag_set, key="threshold", value=7)
    assert "number" in refused(tag_choice.lb_tag_set, key="threshold", value="much")
    assert "smile = 0.6" in refused(tag_choice.lb_tag_set, key="tag_thresholds", value="smile")
    assert "smile = 0.6" in refused(tag_choice.lb_tag_set, key="tag_thresholds", value="hat = nan")
    assert "reload" in refused(tag_choice.lb_tag_set, key="__class__", value=1).lower()
    damaged = {"threshold": "x", "merge": "burn", "exclude": "hat", "tag_thresholds": [1]}
    place.project(NAME).write_settings({"tagging": damaged})
    assert tag_choice.read_tagging(place.project(NAME)) == TagSettings(exclude="hat")
    place.project(NAME).write_settings({"tagging": "gone"})
    assert tag_choice.read_tagging(place.project(NAME)) == TagSettings()


# --- preview -----------------------------------------------------------------------------------


def test_the_curve_counts_what_reaches_each_threshold(place: Place) -> None:
    answer = call(tag_preview.lb_tag_curve)
    points = {round(t, 2): (general, character) for t, general, character in answer["points"]}
    assert answer["of"] == answer["pictures"] == 4
    category = dict(LABELS)
    for threshold in (0.05, 0.3, 0.5, 0.85, 0.99):
        for column, kind in enumerate(("general", "character")):
            count = sum(
                sure >= threshold - 0.002  # as exact as probabilities are kept
                for said in SURE.values()
                for name, sure in said.items()
                if category[name] == kind
            )
            assert points[threshold][column] == pytest.approx(count / 4), (threshold, kind)


def test_moving_a_threshold_is_answered_from_what_is_kept(place: Place) -> None:
    usual = call(tag_preview.lb_tag_count)
    assert usual["missing"] == 0
    low = call(tag_preview.lb_tag_count, values={"character_threshold": 0.4, "threshold": 0.2})
    assert low["adds"] == usual["adds"] + 2  # smile of a, the character of b
    none = call(tag_preview.lb_tag_count, values={"threshold": 1, "character_threshold": 1})
    assert (none["adds"], none["removes"], none["changed"]) == (0, 0, 0)
    assert none["empty"] == 2
    assert tag_choice.read_tagging(place.project(NAME)) == TagSettings()
    assert not list(place.project(NAME).root.glob("jobs/*"))


def test_examples_tell_what_is_new_kept_gone_and_nearly_there(place: Place) -> None:
    examples = {
        Path(one["name"]).stem: {tag_key(chip[0]): chip[1:] for chip in one["chips"]}
        for one in call(tag_preview.lb_tag_examples)["examples"]
    }
    a = examples["a"]
    assert a["kafka"] == ("trigger", "you", "kept", None)
    assert a["1girl"][:3] == ("general", "you", "kept")
    assert a["long_hair"][:3] == ("general", "tagger", "new")
    assert a["long_hair"][3] == pytest.approx(0.8, abs=0.002)
    assert a["smile"][2] == "near"
    assert "rating" not in {chip[0] for chip in a.values()}
    checked = call(tag_preview.lb_tag_examples, values={"merge": "intersection"})["examples"]
    states = {tag_key(chip[0]): chip[3] for chip in checked[0]["chips"]}
    assert (states["hat"], states["1girl"], states["kafka"]) == ("gone", "kept", "kept")


def test_examples_are_spread_over_all_pictures() -> None:
    ids = [str(n) for n in range(100)]
    first, second = tag_preview.spread(ids, 6, 0), tag_preview.spread(ids, 6, 1)
    assert len(set(first)) == len(set(second)) == 6
    assert not set(first) & set(second)
    assert int(first[-1]) > 70
    assert tag_preview.spread(ids[:4], 6, 3) == ids[:4]
    seen = {name for start in range(60) for name in tag_preview.spread(ids, 6, start)}
    assert len(seen) > 90


def test_only_some_pictures(place: Place) -> None:
    assert call(tag_preview.lb_tag_count, scope="bare")["pictures"] == 2
    ids = ["2_kafka/a.png", "../../secret", 7, "2_kafka/none.png"]
    assert call(tag_preview.lb_tag_count, scope="selected", ids=ids)["pictures"] == 1
    assert call(tag_preview.lb_tag_count, scope="selected", ids="a")["pictures"] == 0
    assert "no pictures" in refused(tag_work.lb_tag_start, scope="selected", ids=[])


# --- writing -----------------------------------------------------------------------------------


def test_tags_are_written_at_once_told_honestly_and_undone_to_the_byte(place: Place) -> None:
    before = captions(place)
    told = call(tag_preview.lb_tag_count)
    answer = call(tag_work.lb_tag_start)
    assert answer["said"] == f"Wrote {told['adds']} tags into {told['changed']} captions."
    assert caption(place, "a").decode().startswith("kafka, 1girl, hat, ")  # type: ignore[union-attr]
    assert caption(place, "c").decode().endswith("another line")  # type: ignore[union-attr]
    assert caption(place, "d") is None
    assert call(tag_preview.lb_tag_count)["changed"] == 0
    sha = place.shelf(NAME).by_id["2_kafka/a.png"].sha
    origins = Origins.open(place.project(NAME).dataset_dir)
    assert origins.of(sha, ["1girl", "long hair"]) == ["you", "tagger"]
    after = captions(place)
    undone = call(tag_work.lb_tag_undo, operation=answer["operation"])
    assert captions(place) == before
    assert call(tag_work.lb_tagging)["captioned"] == 2
    call(tag_work.lb_tag_undo, operation=undone["operation"], redo=True)
    assert captions(place) == after


def test_only_the_step_that_was_told_is_undone(place: Place) -> None:
    first = call(tag_work.lb_tag_start)
    call(tag_review.lb_tag_accept, side="have", tag="hat")
    after = captions(place)
    assert "Process tags" in refused(tag_work.lb_tag_undo, operation=first["operation"])
    assert "Process tags" in refused(tag_work.lb_tag_undo, operation=None)
    assert captions(place) == after


def test_a_caption_that_changes_meanwhile_is_left_alone(place: Place) -> None:
    found = tag_preview.full_preview(place.project(NAME), TagSettings(), [*place.shelf(NAME).by_id])
    path = place.project(NAME).dataset_dir / "2_kafka" / "a.txt"
    path.write_text("mine", encoding="utf-8")
    answer = tag_work.write_now(place.project(NAME), found)
    assert path.read_text(encoding="utf-8") == "mine"
    assert "left alone" in answer["said"]
    assert answer["skipped"][0].startswith("2_kafka/a.txt: ")


# --- differences ---------------------------------------------------------------------------------


def test_differences_are_about_what_the_tagger_can_say(place: Place) -> None:
    answer = call(tag_review.lb_tag_differences)
    says = {tag_key(tag): (category, count) for tag, category, count, _ in answer["says"]}
    assert says["1girl"] == ("general", 2)
    assert says["long_hair"] == ("general", 2)
    have = {tag_key(tag): count for tag, _, count, _ in answer["have"]}
    assert have == {"hat": 1}  # solo is not on its list, and kafka is the trigger
    assert answer["says_tags"] == sum(count for _, count in says.values())


def test_one_tag_is_taken_over_in_one_picture_then_everywhere(place: Place) -> None:
    listed = call(tag_review.lb_tag_pictures, side="says", tag="long hair")["pictures"]
    assert [name for _, _, name, _ in listed] == ["a.png", "c.png"]
    answer = call(tag_review.lb_tag_accept, side="says", tag="long hair", only=["2_kafka/c.png"])
    assert answer["said"] == "Add long hair: 1 caption changed."
    assert caption(place, "c") == b"kafka, solo, long hair\nanother line"
    assert caption(place, "a") == b"kafka, 1girl, hat"
    call(tag_review.lb_tag_accept, side="says", tag="long hair")
    assert caption(place, "a") == b"kafka, 1girl, hat, long hair"
    assert "faster" in refused(tag_review.lb_tag_accept, side="says", tag="long hair")
    sha = place.shelf(NAME).by_id["2_kafka/c.png"].sha
    root = place.project(NAME).dataset_dir
    assert Origins.open(root).of(sha, ["solo", "long hair"]) == ["you", "tagger"]


def test_a_whole_side_is_taken_over_and_undone(place: Place) -> None:
    before = captions(place)
    removed = call(tag_review.lb_tag_accept, side="have", tag="")
    assert caption(place, "a") == b"kafka, 1girl"
    added = call(tag_review.lb_tag_accept, side="says", tag="")
    left = call(tag_review.lb_tag_differences)
    assert left["says"] == left["have"] == []
    call(tag_work.lb_tag_undo, operation=added["operation"])
    call(tag_work.lb_tag_undo, operation=removed["operation"])
    assert captions(place) == before


# --- the page around it --------------------------------------------------------------------------


def test_the_title_and_the_next_step_say_how_it_stands(place: Place) -> None:
    assert tagging.state(NAME) == "2 of 4 tagged"
    for path in place.project(NAME).dataset_dir.rglob("*.txt"):
        path.unlink()
    step = pulse.next_step(place.project(NAME), [])
    assert (step.button, step.go) == ("Generate tags", "tagging")
    assert step.text.startswith("4 pictures, no captions yet.")


def test_taggers_that_are_here_come_first(place: Place) -> None:
    rows = call(tag_work.lb_tagging, form=True)["taggers"]
    assert rows[0]["name"] == "practice"
    assert rows[0]["on"]
    others = [row for row in rows if not row["here"]]
    assert all(row["can"] and row["licence"] and row["size"] for row in others)
    assert sum(row["recommended"] for row in rows) == 1
    place.project(NAME).write_settings({"tagging": {"taggers": "lost, practice"}})
    rows = call(tag_work.lb_tagging)["taggers"]
    lost = next(row for row in rows if row["name"] == "lost")
    assert "no longer" in lost["help"]
    assert not lost["here"]


def test_work_that_is_not_this_projects_is_left_alone(place: Place) -> None:
    assert "no longer there" in refused(tag_work.lb_tag_stop, place="projects/other/jobs/tag-1")
    assert "no longer there" in refused(tag_work.lb_tag_resume, place="../..")
