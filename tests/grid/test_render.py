"""Grids from saved files: right, resumable, honest about what failed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from lorabake.core.errors import GridError, Stopped
from lorabake.core.events import read_events
from lorabake.core.run import Run
from lorabake.core.settings import from_mapping, setting_fields
from lorabake.core.workspace import Workspace
from lorabake.engine.families.prompts import Conditioning
from lorabake.engine.families.sdxl import load_model
from lorabake.engine.lora_file import model_hash, read_lora
from lorabake.engine.networks.attaching import network_for
from lorabake.engine.sample import sample
from lorabake.engine.sampler_names import SAMPLER_NAMES as OFFERED
from lorabake.engine.samplers import SAMPLERS
from lorabake.grid import painter
from lorabake.grid.cells import to_image
from lorabake.grid.job import GridRequest, base_of, prepare_grid, read_plan
from lorabake.grid.render import GridResult, render_grid
from lorabake.grid.sitting import prepare, render_here
from tests.bakes import Recorded
from tests.grid.webui import read_infotext

torch.set_num_threads(1)
ASKED: dict[str, Any] = {"prompt": "ohwx, smile", "negative": "hat", "steps": 3}


def ask(run: Run, **changes: Any) -> Path:
    return prepare_grid(run, from_mapping(GridRequest, {**ASKED, **changes}))


def go(folder: Path, **options: Any) -> tuple[GridResult, Recorded]:
    events = Recorded()
    return render_grid(folder, events=events, **options), events


def pixels(path: Path | None) -> np.ndarray[Any, Any]:
    assert path is not None
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def alone(run: Run, epoch: int, weight: float) -> np.ndarray[Any, Any]:
    """One picture as another program would make it: LoRA merged into the weights, no batch."""
    model = load_model(base_of(run).path)
    network = network_for(model, read_lora(run.folder / f"tiny-{epoch:02d}.safetensors"))
    deltas = {}
    for name, layer in network.layers.items():
        base: Any = layer.base_layer
        delta = layer.up.flatten(1) @ layer.down.flatten(1) * (weight * layer.alpha / layer.rank)
        deltas[name] = (base.weight, delta.detach().view_as(base.weight))
    network.detach()
    with torch.no_grad():
        for base_weight, delta in deltas.values():
            base_weight += delta
        both = model.encode_prompts(["ohwx, smile", "hat"])
        positive, negative = (Conditioning(*(t[n : n + 1] for t in both)) for n in (0, 1))
        picture = sample(model, positive, negative, seeds=[1], width=32, height=48, steps=3)
    return np.asarray(to_image(picture[0])).astype(int)


def test_every_cell_is_the_picture_of_its_epoch_and_weight(run: Run) -> None:
    result, events = go(ask(run, epochs="2-3", weights="0, 0.5, 1.0"))
    assert [(cell.epoch, cell.weight) for cell in result.cells] == [
        (epoch, weight) for epoch in (2, 3) for weight in (0.0, 0.5, 1.0)
    ]
    shown = {(cell.epoch, cell.weight): pixels(cell.path) for cell in result.cells}
    for (epoch, weight), picture in shown.items():
        assert picture.shape == (48, 32, 3)  # the shape most pictures were trained in
        assert np.abs(picture - alone(run, epoch, weight)).max() <= 2
    assert (shown[2, 0.0] == shown[3, 0.0]).all()  # the plain base
    assert np.abs(shown[2, 1.0] - shown[3, 1.0]).max() > 10
    assert np.abs(shown[2, 1.0] - shown[2, 0.5]).max() > 10
    assert {cell.seed for cell in result.cells} == {1}
    assert [event["done"] for event in events.of("cell")] == [1, 2, 3, 4, 5, 6]
    with Image.open(result.sheet) as sheet:
        assert sheet.width == 256 * 3 + 192


def test_every_picture_says_how_it_was_made(run: Run) -> None:
    result, _ = go(ask(run, epochs="3", weights="0.8, 1.0"))
    for cell in result.cells:
        assert cell.path is not None
        with Image.open(cell.path) as picture:
            found = read_infotext(picture.info["parameters"])
        assert found["Prompt"] == f"<lora:tiny-03:{cell.weight}> ohwx, smile"
        assert found["Negative prompt"] == "hat"
        assert found["Size"] == "32x48"
        assert found["Sampler"] == "Euler a"
        file = run.folder / "tiny-03.safetensors"
        assert found["Lora hashes"] == f"tiny-03: {model_hash(file)[:12]}"
    with Image.open(result.sheet) as sheet:
        found = read_infotext(sheet.info["parameters"])
    assert found["X Values"] == "0.8>, 1.0>"
    assert found["Y Values"] == "-03"


def test_a_grid_that_was_cut_off_goes_on_where_it_was(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(painter, "_cores", lambda: 1)
    folder = ask(run, weights="0, 1.0")
    rows = 0

    def after_the_first_row() -> bool:
        nonlocal rows
        rows += len(list(folder.glob("tiny-*.png"))) >= 2  # written beside the painting
        return rows > 0

    with pytest.raises(Stopped, match="goes on from there"):
        go(folder, should_stop=after_the_first_row)
    made = {path: path.stat().st_mtime_ns for path in folder.glob("tiny-*.png")}
    assert 2 <= len(made) < 6
    assert (folder / "sheet.png").exists()
    assert ask(run, weights="0, 1.0") == folder
    result, events = go(folder)
    assert all(path.stat().st_mtime_ns == time_ for path, time_ in made.items())
    assert events.of("cell")[-1]["done"] == 6
    whole, _ = go(ask(run, weights="0, 1.0", seed=1, epochs="1-3"))
    assert [cell.path for cell in whole.cells] == [cell.path for cell in result.cells]
    plain = [pixels(cell.path) for cell in result.cells if cell.weight == 0]
    assert all((picture == plain[0]).all() for picture in plain)


def test_rows_side_by_side_on_several_cores_are_the_same_pictures(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = []
    for cores in (1, 3):
        monkeypatch.setattr(painter, "_cores", lambda cores=cores: cores)
        result, events = go(ask(run, weights="0, 0.5, 1.0"))
        assert [event["done"] for event in events.of("cell")] == list(range(1, 10))
        shown.append([pixels(cell.path) for cell in result.cells])
        for cell in result.cells:
            assert cell.path is not None
            cell.path.unlink()
    assert all((one == other).all() for one, other in zip(*shown, strict=True))


def test_a_stop_reaches_every_core(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(painter, "_cores", lambda: 3)
    with pytest.raises(Stopped, match="after 0 of 6"):
        go(ask(run, weights="0.5, 1.0", steps=30), should_stop=lambda: True)


def test_one_painters_mistake_ends_the_grid(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """What lorabake did not expect is raised as it is, however many painters are at work."""
    real = painter.LoraSwitch.load

    def fails(self: Any, path: Path, *ranks: Any) -> None:
        if path.name == "tiny-02.safetensors":
            raise ZeroDivisionError("a bug")
        real(self, path, *ranks)

    monkeypatch.setattr(painter, "_cores", lambda: 3)
    monkeypatch.setattr(painter.LoraSwitch, "load", fails)
    with pytest.raises(ZeroDivisionError):
        go(ask(run, weights="0.5, 1.0"))


def test_a_finished_grid_is_not_rendered_again(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = ask(run, epochs="1", weights="1.0")
    go(folder)
    monkeypatch.setattr(painter, "load_model", None)  # calling it would fail
    result, _ = go(folder)
    assert len(result.cells) == 1


def test_another_question_gets_another_folder(run: Run) -> None:
    folders = {ask(run), ask(run, seed=2), ask(run, weights="1"), ask(run, prompt="猫")}
    assert len(folders) == 4
    assert {folder.parent for folder in folders} == {run.grid_dir}
    assert ask(run, prompt="<lora:tiny-03:1.0>, ohwx, smile") == ask(run)


def test_a_broken_file_leaves_the_others_alone(run: Run) -> None:
    (run.folder / "tiny-02.safetensors").write_bytes(b"<html>login</html>")
    result, events = go(ask(run, weights="1.0"))
    assert [cell.path is None for cell in result.cells] == [False, True, False]
    assert "web page" in result.cells[1].error
    assert len(events.of("warning")) == 1


def test_when_nothing_can_be_rendered_it_says_why(run: Run) -> None:
    for path in run.folder.glob("*.safetensors"):
        path.write_bytes(b"")
    folder = ask(run, weights="1.0")
    with pytest.raises(GridError, match="empty"):
        go(folder)


def test_too_little_memory_means_smaller_batches(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def small_card(
        model: Any, positive: Any, negative: Any, *, seeds: list[int], **rest: Any
    ) -> Any:
        sizes.append(len(seeds))
        if len(seeds) > 2:
            raise torch.OutOfMemoryError("out of memory")
        return sample(model, positive, negative, seeds=seeds, **rest)

    whole, _ = go(ask(run, weights="0.2, 0.4, 0.6, 0.8, 1.0", epochs="1"))
    pictures = [pixels(cell.path) for cell in whole.cells]
    for cell in whole.cells:
        assert cell.path is not None
        cell.path.unlink()
    monkeypatch.setattr(painter, "sample", small_card)
    again, events = go(ask(run, weights="0.2, 0.4, 0.6, 0.8, 1.0", epochs="1"))
    assert sizes == [5, 2, 2, 1]
    assert len(events.of("note")) == 1
    for cell, picture in zip(again.cells, pictures, strict=True):
        assert np.abs(pixels(cell.path) - picture).max() <= 1


def test_what_does_not_fit_the_run_is_refused_before_anything_is_rendered(run: Run) -> None:
    for changes, words in (
        ({"prompt": " "}, "no prompt"),
        ({"prompt": "<lora:other:1>, x"}, "not a file of this run"),
        ({"epochs": "4"}, "There are: 1 to 3"),
        ({"weights": "x"}, "neither a number"),
        ({"size": "33x48"}, "multiples of 16"),
        ({"size": "big"}, "no size"),
        ({"size": "0x0"}, "does not fit"),
        ({"weights": "0.01-1.00", "epochs": "1-3"}, None),
    ):
        if words is None:
            assert len(read_plan(ask(run, **changes)).weights) == 100
            continue
        with pytest.raises(GridError, match=words):
            ask(run, **changes)


def test_the_size_is_that_of_the_training(run: Run) -> None:
    plan = read_plan(ask(run))
    assert (plan.width, plan.height) == (32, 48)
    plan = read_plan(ask(run, size="64 x 32"))
    assert (plan.width, plan.height) == (64, 32)


def test_a_plan_cannot_lead_outside_of_the_run(run: Run) -> None:
    folder = ask(run)
    plan = json.loads((folder / "grid.json").read_text(encoding="utf-8"))
    plan["rows"][0]["file"] = "../../secret.safetensors"
    (folder / "grid.json").write_text(json.dumps(plan), encoding="utf-8")
    with pytest.raises(GridError, match="not a grid"):
        read_plan(folder)


def test_a_moved_base_model_is_named(run: Run) -> None:
    about = json.loads((run.folder / "setup.json").read_text(encoding="utf-8"))
    about["base"] = "/nowhere/pony.safetensors"
    (run.folder / "setup.json").write_text(json.dumps(about), encoding="utf-8")
    with pytest.raises(GridError, match=r"pony.safetensors is not where it was"):
        ask(run)


def test_the_command_lines_way(run: Run) -> None:
    told: list[str] = []
    asked = {**ASKED, "epochs": "3", "weights": "0.5-1.0 (+0.5)", "size": "32x32"}
    folder = prepare(run, asked, Workspace.open, told.append)
    result = render_here(folder, tell=told.append)
    assert set(result) >= {"sheet", "cells", "verdict"}
    assert [set(cell) for cell in result["cells"]] == [{"path", "epoch", "weight", "seed"}] * 2
    assert all(Path(cell["path"]).is_file() for cell in result["cells"])
    assert json.loads(json.dumps(result)) == result
    assert told[-1] == "2 of 2: epoch 3, weight 1.0"
    events, _ = read_events(Path(result["sheet"]).parent / "events.jsonl")
    assert events[-1].type == "finished"
    assert events[-1].data["cells"][0]["path"] == "tiny-03_0.5.png"


def test_the_worker_of_the_queue(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from lorabake.grid.__main__ import main

    folder = ask(run, epochs="1", weights="1.0", size="32x32", steps=1)
    monkeypatch.setattr("sys.argv", ["lorabake.grid", str(folder)])
    assert main() == 0
    assert (folder / "sheet.png").exists()
    events, _ = read_events(folder / "events.jsonl")
    assert events[-1].type == "finished"
    assert events[-1].data["sheet"] == "sheet.png"


def test_the_form_offers_the_samplers_there_are() -> None:
    assert tuple(SAMPLERS) == OFFERED
    assert {field.name for field in setting_fields(GridRequest)} == set(
        GridRequest.__dataclass_fields__
    )
