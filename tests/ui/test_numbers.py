"""The calculator's cells, advice that is taken, and captions foreseen: through the page's own calls."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from lorabake.core.events import EventWriter
from lorabake.core.workspace import Workspace
from lorabake.recipe.presets import compose, load_recipe, recipe_to_toml
from lorabake.ui import device, foreseen, numbers, oven, planned, recipes
from lorabake.ui.answers import BUG
from lorabake.ui.chosen import read_chosen, write_chosen
from lorabake.ui.place import Place, open_place
from tests.ui.browsing import make_project

NAME = "zeta"
DRAFT = {"repeats": {"1_zetadef": 4}, "epochs": 5, "batch_size": 3}


@pytest.fixture
def place(workspace: Path) -> Place:
    """Two outfits of 6 pictures, on the settings for Illustrious."""
    outfits = {f"{n}": f"zetadef, dress, tag {n}" for n in range(6)}
    project = make_project(workspace, NAME, outfits, "1_zetadef")
    other = project.dataset_dir / "2_zetasummer"
    other.mkdir()
    for n in range(6):
        picture = (project.dataset_dir / "1_zetadef" / f"{n}.png").read_bytes()
        (other / f"{n}.png").write_bytes(picture + b"\0")  # another picture by its hash
        (other / f"{n}.txt").write_text(f"zetasummer, hat, tag {n}", encoding="utf-8")
    opened = open_place(Workspace.open(workspace))
    write_chosen(opened.project(NAME), "illustrious", (), compose("illustrious"))
    return opened


def call(function: Any, **data: Any) -> dict[str, Any]:
    answer = function({"project": NAME, **data})
    assert "error" not in answer, answer
    return dict(answer)


def refused(function: Any, **data: Any) -> str:
    return str(function({"project": NAME, **data})["error"])


def folders(place: Place) -> list[str]:
    return sorted(path.name for path in place.project(NAME).dataset_dir.glob("[0-9]*"))


def test_cells_are_tried_without_changing_anything(place: Place) -> None:
    before = call(numbers.lb_numbers)
    assert (before["T"], before["epochs"], before["steps"]) == (18, 10, 90)
    assert [one["share"] for one in before["rows"]] == [pytest.approx(1 / 3), pytest.approx(2 / 3)]
    tried = call(numbers.lb_numbers, **DRAFT)
    assert (tried["T"], tried["steps"], tried["simple_steps"]) == (36, 60, 60)
    assert tried["before"]["steps"] == 90
    assert tried["chart"]["here"] == {"count": 36, "steps": 60, "sentence": ""}
    assert [(one["label"], one["before"], one["after"]) for one in tried["changes"]] == [
        ("Epochs", "10", "5"),
        ("Batch size", "2", "3"),
        ("Folder", "1_zetadef", "4_zetadef"),
    ]
    assert [(one["now"], one["repeats"]) for one in tried["rows"]] == [(1, 4), (2, 2)]
    assert call(numbers.lb_numbers) == before
    assert tried["files"]["count"] == 5
    assert tried["files"]["total"] == pytest.approx(5 * tried["files"]["each"])


def test_ways_to_a_number_of_steps_arrive_there(place: Place) -> None:
    ways = call(numbers.lb_numbers, wanted=200)["ways"]
    assert 1 <= len(ways) <= 3
    for way in ways:
        tried = call(numbers.lb_numbers, repeats=way["repeats"], epochs=way["epochs"])
        assert tried["steps"] == way["steps"]
        assert abs(way["steps"] - 200) <= 9
        assert way["label"].startswith(f"{way['epochs']} epochs")


def test_numbers_are_used_and_taken_back_as_one_step(place: Place) -> None:
    was = read_chosen(place.project(NAME)).recipe
    said = call(numbers.lb_use_numbers, **DRAFT)
    assert said["folders"] == 1
    assert "Epochs 10 → 5" in said["said"]
    assert "1_zetadef is 4_zetadef now" in said["said"]
    assert folders(place) == ["2_zetasummer", "4_zetadef"]
    now = read_chosen(place.project(NAME)).recipe
    assert (now.general.epochs, now.general.batch_size) == (5, 3)
    assert call(numbers.lb_numbers)["changes"] == []
    assert "1 folder has its old repeats" in call(recipes.lb_undo)["said"]
    assert folders(place) == ["1_zetadef", "2_zetasummer"]
    assert read_chosen(place.project(NAME)).recipe == was
    call(recipes.lb_undo)  # what was undone comes back
    assert folders(place) == ["2_zetasummer", "4_zetadef"]
    assert read_chosen(place.project(NAME)).recipe == now
    call(numbers.lb_use_numbers, repeats={"2_zetasummer": 5}, epochs=6)
    dataset = place.project(NAME).dataset_dir
    (dataset / "5_zetasummer").rename(dataset / "9_else")
    assert "5_zetasummer is not there any more" in call(recipes.lb_undo)["said"]
    assert read_chosen(place.project(NAME)).recipe == now


def test_steps_instead_of_epochs_end_with_epochs(place: Place) -> None:
    call(recipes.lb_set, key="general.max_train_steps", value="40")
    view = call(numbers.lb_numbers)
    assert (view["steps"], view["epochs"], view["now"]["epochs"]) == (40, 5, 5)
    call(numbers.lb_use_numbers, epochs=5)
    general = read_chosen(place.project(NAME)).recipe.general
    assert (general.epochs, general.max_train_steps) == (5, 0)


@pytest.mark.parametrize(
    ("draft", "sentence"),
    [
        ({"repeats": {"1_zetadef": 0}}, "Repeats can be from 1 to 1000"),
        ({"repeats": {"1_zetadef": 2.5}}, "whole numbers"),
        ({"repeats": {"../x": 3}}, "There is no folder ../x"),
        ({"epochs": 0}, "Epochs"),
        ({"epochs": "many"}, "whole number"),
        ({"batch_size": 10**9}, "Batch size"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_happens(
    place: Place, draft: dict[str, Any], sentence: str
) -> None:
    before, was = folders(place), read_chosen(place.project(NAME))
    for function in (numbers.lb_numbers, numbers.lb_use_numbers):
        assert sentence in refused(function, **draft)
    assert (folders(place), read_chosen(place.project(NAME))) == (before, was)


def test_all_folders_are_renamed_or_none(place: Place) -> None:
    """Another folder has the wanted name already."""
    (place.project(NAME).dataset_dir / "7_zetasummer").mkdir()
    draft = {"repeats": {"1_zetadef": 3, "2_zetasummer": 7}, "epochs": 4}
    assert "There is already a folder 7_zetasummer" in refused(numbers.lb_use_numbers, **draft)
    assert folders(place) == ["1_zetadef", "2_zetasummer", "7_zetasummer"]
    assert read_chosen(place.project(NAME)).recipe.general.epochs == 10


def test_time_is_that_of_an_earlier_bake_or_not_known(place: Place) -> None:
    view = call(numbers.lb_numbers)
    assert view["seconds"] is None
    assert "not known" in view["pace"]
    run = place.project(NAME).create_run("kafka")
    run.recipe_path.write_text(recipe_to_toml(load_recipe("illustrious")), encoding="utf-8")
    with EventWriter(run.events_path) as events:
        for step in range(1, 6):
            events.write("step", step=step, seconds=1.5)
    view = call(numbers.lb_numbers, epochs=2)
    assert view["seconds"] == pytest.approx(18 * 1.5)
    assert view["pace"] == "1.5 s a step, as measured in kafka"


# --- advice ----------------------------------------------------------------------------------------


def test_advice_is_taken_once_and_undone(place: Place) -> None:
    call(recipes.lb_set, key="captions.keep_tokens", value="0")
    (loose,) = [one for one in call(planned.lb_plan)["advice"] if one["id"] == "trigger.loose"]
    assert (loose["level"], loose["fix"]) == ("warn", "Set Keep tokens to 1")
    assert "Keep tokens is set to at least 1" in loose["why"]
    assert "to look at" in oven.state(NAME)
    taken = {"id": loose["id"], "label": loose["fix"]}
    assert call(numbers.lb_take, **taken)["said"] == "Keep tokens 0 → 1."
    assert "trigger.loose" not in [one["id"] for one in call(planned.lb_plan)["advice"]]
    assert "no longer stands" in refused(numbers.lb_take, **taken)
    call(recipes.lb_undo)
    assert read_chosen(place.project(NAME)).recipe.captions.keep_tokens == 0


def test_advice_about_repeats_renames_folders(place: Place) -> None:
    call(recipes.lb_overlay, overlay="prodigy", on=True)
    (few,) = [one for one in call(planned.lb_plan)["advice"] if one["id"] == "prodigy.epoch"]
    assert call(numbers.lb_take, id=few["id"], label=few["fix"])["folders"] == 2
    assert folders(place) == ["8_zetadef", "8_zetasummer"]
    call(recipes.lb_undo)
    assert folders(place) == ["1_zetadef", "2_zetasummer"]


def test_nothing_is_said_twice(place: Place) -> None:
    call(recipes.lb_set, key="model.base", value="gone.safetensors")
    texts = [one["text"] for one in call(planned.lb_plan)["advice"]]
    assert len(texts) == len(set(texts))
    assert device.machine().kind in ("cuda", "mps", "cpu")


# --- before a bake -----------------------------------------------------------------------------------


def test_rates_with_warmup_and_restarts(place: Place) -> None:
    for key, value in (("lr_scheduler", "cosine_with_restarts"), ("lr_scheduler_num_cycles", "3")):
        call(recipes.lb_set, key=f"optimizer.{key}", value=value)
    call(recipes.lb_set, key="optimizer.warmup_ratio", value="0.1")
    plan = call(planned.lb_plan)["plan"]
    assert set(plan["rates"]) == {"unet", "text_encoder", "text_encoder_2"}
    assert (plan["warmup"], plan["restarts"]) == (9, [36, 63])
    unet = dict(plan["rates"]["unet"])
    assert unet[0] < unet[8] < unet[9] == pytest.approx(6e-5)
    assert unet[35] < unet[36] == pytest.approx(6e-5)


def test_captions_of_three_epochs_with_what_is_kept_cut_and_dropped(place: Place) -> None:
    caption = place.project(NAME).dataset_dir / "2_zetasummer" / "1.txt"
    words = ", ".join(f"quite long tag number {n}" for n in range(40))
    caption.write_text(f"zetasummer, {words}", encoding="utf-8")
    call(recipes.lb_set, key="captions.caption_tag_dropout_rate", value="0.1")
    call(recipes.lb_set, key="general.max_token_length", value="150")
    view = call(foreseen.lb_foreseen, folder="2_zetasummer", number=2)
    assert (view["name"], view["number"], view["count"]) == ("1.png", 2, 6)
    assert view["folders"] == [["1_zetadef", 6], ["2_zetasummer", 6]]
    looks = view["looks"]
    assert [one["epoch"] for one in looks] == [1, 1, 2, 2, 3, 3]
    assert len({str(one["chunks"]) for one in looks}) > 1
    for one in looks:
        kinds = [[kind for kind, _ in chunk] for chunk in one["chunks"]]
        assert kinds[:3] == [["kept", "free"], ["free"], ["cut"]]
        assert one["chunks"][0][0][1] == "zetasummer"
        text = "".join(text for chunk in one["chunks"] for _, text in chunk)
        assert len(text.split(", ")) + len(one["missing"]) == 41
        assert one["cut"] == one["tokens"] - 150 > 0
    assert any(one["missing"] for one in looks)
    assert call(foreseen.lb_foreseen, folder="../x", number=99)["folder"] == "1_zetadef"


# --- what a page could send ----------------------------------------------------------------------------


def test_pictures_in_no_folder_of_their_own_keep_their_repeats(place: Place) -> None:
    dataset = place.project(NAME).dataset_dir
    for path in (dataset / "1_zetadef").iterdir():
        path.rename(dataset / path.name)
    for folder in ("1_zetadef", "2_zetasummer"):
        shutil.rmtree(dataset / folder)
    place.forget(NAME)
    view = call(numbers.lb_numbers, wanted=100)
    ((fixed, name),) = [(one["fixed"], one["folder"]) for one in view["rows"]]
    assert fixed
    assert len(view["ways"]) == 1, "by the epochs alone"
    assert "no folder of their own" in refused(numbers.lb_use_numbers, repeats={name: 3})


@pytest.mark.parametrize("odd", [None, -1, 10**30, 1.5, "x" * 5000, [], {"a": {}}, True])
def test_nonsense_is_answered_in_a_sentence(place: Place, odd: Any) -> None:
    was = folders(place), read_chosen(place.project(NAME))
    words = ("repeats", "epochs", "batch_size", "wanted", "folder", "number", "id", "label")
    for function in (numbers.lb_numbers, numbers.lb_take, foreseen.lb_foreseen):
        for data in ({"project": odd}, {"project": NAME, **dict.fromkeys(words, odd)}):
            said = function(data).get("error", "fine")
            assert said != BUG
    assert (folders(place), read_chosen(place.project(NAME))) == was
