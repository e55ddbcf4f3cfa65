"""What the plot and the strip draw, from a file that a bake writes on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from lorabake.core.errors import LorabakeError
from lorabake.core.events import EventWriter
from lorabake.core.workspace import Workspace
from lorabake.ui import bakes
from lorabake.ui.losses import PLACES, Curve
from lorabake.ui.place import Place, open_place
from tests.ui.browsing import make_project

RATES = {"unet": 1e-4, "text_encoder_1": 6e-5, "text_encoder_2": 3e-5}


def told(path: Path) -> Curve:
    known = Curve(path)
    known.read_on()
    return known


def test_three_rates_and_what_is_applied(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with EventWriter(path) as events:
        events.write("plan", steps=4, steps_per_epoch=2, epochs=2)
        events.write("step", step=1, epoch=1, loss=0.5, loss_average=0.5, lr=RATES)
        applied = {"unet": 3e-4, "text_encoder_1": 2e-4}
        events.write(
            "step", step=2, epoch=1, loss=0.3, loss_average=0.4, lr=RATES, effective=applied
        )
    view = told(path).view()
    assert view["points"][0] == [1, 0.5, 0.5, 0.5, 1e-4, 6e-5, 3e-5]
    assert view["points"][1] == [2, 0.3, 0.3, 0.4, 1e-4, 6e-5, 3e-5, 3e-4, 2e-4, 0.0]
    assert (view["total"], view["epochs"], view["per_epoch"]) == (4, 2, 2)


def test_validation_and_samples_are_read_on(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    known = Curve(path)
    with EventWriter(path) as events:
        events.write("validation", epoch=1, step=10, loss=0.2, base=0.3, by_timestep={"200": 0.1})
        events.write("sample", epoch=1, step=10, path="b.png", prompt="two")
        events.write("sample", epoch=1, step=10, path="a.png", prompt="one")
        known.read_on()
        assert known.view()["validations"] == [[10, 0.2, 1, 0.3]]
        events.write("sample", epoch=2, step=20, path="c.png", prompt="<b>one</b>")
        events.write("validation", epoch=1, step=10, loss=0.25, base=0.3)  # after a resume
        events.write("validation", epoch=2, step=20, loss=0.1)
        known.read_on()
    assert known.view()["validations"] == [[10, 0.25, 1, 0.3], [20, 0.1, 2, 0.0]]
    assert [row["epoch"] for row in known.strip()] == [2, 1]
    assert [one["name"] for one in known.strip()[1]["pictures"]] == ["a.png", "b.png"]
    path.write_bytes(b"")
    known.read_on()
    assert known.view()["validations"] == known.strip() == []


def test_long_runs_stay_short_and_keep_their_extremes(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with EventWriter(path) as events:
        for step in range(1, 2001):
            loss = 9.0 if step == 777 else 0.1
            events.write("step", step=step, epoch=1, loss=loss, loss_average=0.1, lr=RATES)
            events.write("validation", epoch=step, step=step, loss=0.2)
    view = told(path).view()
    assert len(view["points"]) == len(view["validations"]) == PLACES
    assert max(point[2] for point in view["points"]) == 9.0
    assert (view["points"][-1][0], view["validations"][-1][0]) == (2000, 2000)
    assert view["validations"][0][0] == 1


def test_what_a_damaged_file_says_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    lines = [
        {"type": "step", "data": {"step": "x", "loss": None, "lr": [1], "effective": "much"}},
        {"type": "validation", "data": {"step": True, "loss": "low", "epoch": {}}},
        {"type": "sample", "data": {"epoch": None, "path": ["x"], "prompt": 3}},
        {"type": "unheard of", "data": {}},
    ]
    text = "".join(json.dumps({"time": 0, **line}) + "\n" for line in lines)
    path.write_text(text + "no JSON\n", encoding="utf-8")
    view = told(path).view()
    assert view["points"] == [[0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]]
    assert view["validations"] == [[0, 0.0, 0, 0.0]]


# --- the pictures ------------------------------------------------------------------------------


@pytest.fixture
def place(workspace: Path) -> Place:
    make_project(workspace, "kafka", {"a": "kafka"})
    return open_place(Workspace.open(workspace))


def test_only_pictures_that_a_run_has_named_are_sent(place: Place, tmp_path: Path) -> None:
    run = place.project("kafka").create_run("first")
    run.previews_dir.mkdir()
    picture = Image.effect_noise((800, 600), 90)
    for name in ("named.png", "unnamed.png", "text.html"):
        picture.save(run.previews_dir / name, format="PNG")
    (run.folder / "recipe.toml").write_text("", encoding="utf-8")
    outside = tmp_path / "outside.png"
    picture.save(outside)
    (run.previews_dir / "link.png").symlink_to(outside)
    with EventWriter(run.events_path) as events:
        wrong = ("text.html", "../recipe.toml", "link.png", "/etc/passwd", "..", "", "CON.png")
        for name in ("named.png", "gone.png", *wrong):
            events.write("sample", epoch=1, step=1, path=name, prompt="x")

    assert bakes.sample_path("kafka", "first", "named.png") == run.previews_dir / "named.png"
    with Image.open(bakes.small_sample_path("kafka", "first", "named.png")) as small:
        assert max(small.size) == bakes.SMALL_SIDE
    for name in ("unnamed.png", *wrong):
        with pytest.raises(LorabakeError):
            bakes.sample_path("kafka", "first", name)
    with pytest.raises(LorabakeError):
        bakes.sample_path("kafka", "../first", "named.png")


# --- the lowest point, which the guide looks for with Prodigy -------------------------------------


def test_the_lowest_smoothed_loss_and_the_file_nearest_to_it(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    averages = [0.01, 0.2, 0.5, 0.4, 0.3, 0.25, 0.3, 0.35]  # of the first epoch only the end counts
    with EventWriter(path) as events:
        events.write("plan", steps=8, steps_per_epoch=3, epochs=3)
        for step, average in enumerate(averages, 1):
            events.write("step", step=step, epoch=1, loss=0.001, loss_average=average, lr=RATES)
        for epoch, step in ((1, 3), (2, 5), (3, 8)):
            name = f"a-{epoch:02d}.safetensors"
            events.write("checkpoint", path=name, epoch=epoch, step=step, loss=0.1, mib=1)
            if epoch != 2:  # removed by "Keep the last n epochs"
                (tmp_path / name).write_bytes(b"")
    found = told(path).lowest()
    assert found is not None
    assert (found["step"], found["loss"], found["epoch"]) == (6, 0.25, 3)
    assert found["text"] == "Lowest smoothed loss at step 6, nearest saved: epoch 3."


@pytest.mark.parametrize(("optimizer", "marked"), [("prodigy", True), ("adamw", False)])
def test_it_is_marked_for_prodigy_only(place: Place, optimizer: str, marked: bool) -> None:
    """The guide: "look for the model with its loss at its lowest point", under Prodigy."""
    run = place.project("kafka").create_run("first")
    run.recipe_path.write_text(f'[optimizer]\ntype = "{optimizer}"\n', encoding="utf-8")
    (run.folder / "a-01.safetensors").write_bytes(b"")
    with EventWriter(run.events_path) as events:
        events.write("plan", steps=1, steps_per_epoch=1, epochs=1)
        events.write("step", step=1, epoch=1, loss=0.5, loss_average=0.5, lr=RATES)
        events.write("checkpoint", path="a-01.safetensors", epoch=1, step=1, loss=0.5, mib=1)
    answer = bakes.lb_curve({"project": "kafka", "run": "first"})
    assert (answer["lowest"] is not None) == marked
