"""Grids with any axes: the guide's own strings, several LoRAs, other bases, breaks in the middle."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from lorabake.core.errors import GridError, LorabakeError, Stopped
from lorabake.core.run import Run
from lorabake.core.settings import from_mapping
from lorabake.core.workspace import Workspace
from lorabake.engine.families.sdxl import load_model
from lorabake.engine.lora_file import read_lora
from lorabake.engine.networks.attaching import network_for
from lorabake.engine.networks.merged import MergedLoras, Strength
from lorabake.engine.sample import sample
from lorabake.grid import painter
from lorabake.grid.batches import batches_of, shared
from lorabake.grid.cells import to_image
from lorabake.grid.failed import read_errors
from lorabake.grid.job import GridRequest, base_of, prepare_grid
from lorabake.grid.library import Bases
from lorabake.grid.render import GridResult, render_grid
from lorabake.grid.xyz import open_board, prepare_xyz, read_xyz
from lorabake.grid.xyz_request import XyzRequest
from tests.bakes import Recorded
from tests.grid.webui import read_infotext
from tests.tiny import tiny_sdxl_folder
from tests.verbs import answered, refused

torch.set_num_threads(1)
PROMPT = "<lora:tiny-03:1.0> ohwx, smile"


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> Bases:
    space = Workspace.open(tmp_path_factory.mktemp("workspace"))
    shutil.move(
        tiny_sdxl_folder(tmp_path_factory.mktemp("other"), seed=1), space.models_dir / "other"
    )
    return Bases(space)


def ask(run: Run, bases: Bases, **changes: Any) -> Path:
    asked = {"prompt": PROMPT, "negative": "hat", "steps": 2, "size": "32x32", **changes}
    return prepare_xyz(run, from_mapping(XyzRequest, asked), bases)


def go(folder: Path, **options: Any) -> GridResult:
    return render_grid(folder, events=Recorded(), **options)


def pixels(path: Path | None) -> np.ndarray[Any, Any]:
    assert path is not None
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def test_the_guides_strings_give_epochs_by_weights(run: Run, bases: Bases) -> None:
    """X: `-03, -02`, Y: `1.0>, 0.5>`, on a prompt that names an epoch."""
    result = go(ask(run, bases, x="Prompt S/R=-03, -02", y="Prompt S/R=1.0>, 0.5>"))
    asked = {"prompt": "ohwx, smile", "negative": "hat", "steps": 2, "size": "32x32"}
    request = from_mapping(GridRequest, {**asked, "epochs": "3, 2", "weights": "1.0, 0.5"})
    plain = go(prepare_grid(run, request))
    by_place = {(cell.epoch, cell.weight): pixels(cell.path) for cell in plain.cells}
    assert len(result.cells) == 4
    for cell in result.cells:
        place = (3 - cell.spot.x, 1.0 - cell.spot.y / 2)
        assert np.abs(pixels(cell.path) - by_place[place]).max() <= 1
        assert cell.path is not None
        with Image.open(cell.path) as picture:
            found = read_infotext(picture.info["parameters"])
        assert found["Prompt"] == f"<lora:tiny-0{place[0]}:{place[1]}> ohwx, smile"
        assert found["Lora hashes"].startswith(f"tiny-0{place[0]}: ")
    with Image.open(result.sheet) as sheet:
        found = read_infotext(sheet.info["parameters"])
    assert (found["X Type"], found["X Values"]) == ("Prompt S/R", "-03, -02")
    assert (found["Y Type"], found["Y Values"]) == ("Prompt S/R", "1.0>, 0.5>")
    assert read_xyz(result.sheet.parent).warnings == ()


def test_three_axes_and_what_is_in_each_cell(run: Run, bases: Bases) -> None:
    folder = ask(
        run, bases, x="epoch=1-3 (+2)", y="Seed=5-6", z="Prompt=\"ohwx, (smile:1.2)\", 1girl",
        prompt="", margin=4,
    )  # fmt: skip
    board = open_board(folder)
    assert (board.columns, board.rows) == (
        ("Epoch: tiny-01", "Epoch: tiny-03"),
        ("Seed: 5", "Seed: 6"),
    )
    assert board.sheets == ("ohwx, (smile:1.2)", "1girl")
    for spot in board.spots:
        assert spot.shot.prompt == (f"<lora:tiny-0{1 + 2 * spot.x}:1.0> {board.sheets[spot.z]}")
        assert spot.shot.seed == 5 + spot.y
    # dearest outermost: each file is loaded once, with all seeds and prompts beside each other
    batches = batches_of(shared(board))
    assert [batch.label for batch in batches] == ["tiny-01", "tiny-03"]
    result = go(folder)
    shown = {(c.spot.x, c.spot.y, c.spot.z): pixels(c.path) for c in result.cells}
    assert len({picture.tobytes() for picture in shown.values()}) == 8
    with Image.open(result.sheet) as sheet:
        found = read_infotext(sheet.info["parameters"])
        assert sheet.width == 2 * (192 + 2 * 256 + 4)
    assert (found["Y Type"], found["Y Values"]) == ("Seed", "5, 6")
    assert found["Z Values"] == '"ohwx, (smile:1.2)", 1girl'


def test_several_loras_are_what_merging_them_is(run: Run, bases: Bases) -> None:
    """The first with a weight for each picture, the others in the weights of the model."""
    prompt = "<lora:tiny-03:0.5> <lora:tiny-02:0.7:0.3> ohwx"
    result = go(ask(run, bases, prompt=prompt, x="Prompt S/R=03:0.5, 03:1"))
    for cell, strength in zip(result.cells, (0.5, 1.0), strict=True):
        model = load_model(base_of(run).path)
        for name, text, unet in (("tiny-02", 0.7, 0.3), ("tiny-03", strength, strength)):
            network = network_for(model, read_lora(run.folder / f"{name}.safetensors"))
            added = []
            for key, layer in network.layers.items():
                delta = layer.up.flatten(1) @ layer.down.flatten(1) * (layer.alpha / layer.rank)
                share = unet if network.targets[key].part == "unet" else text
                added.append((layer.base_layer.weight, delta * share))
            network.detach()
            with torch.no_grad():
                for weight, delta in added:
                    weight += delta.view_as(weight)
        with torch.no_grad():
            positive = model.encode_weighted("  ohwx")
            negative = model.encode_weighted("hat", negative=True)
            picture = sample(model, positive, negative, seeds=[1], width=32, height=32, steps=2)
        expected = np.asarray(to_image(picture[0])).astype(int)
        assert np.abs(pixels(cell.path) - expected).max() <= 2
    assert np.abs(pixels(result.cells[0].path) - pixels(result.cells[1].path)).max() > 3


def test_merging_leaves_no_trace(run: Run) -> None:
    model = load_model(base_of(run).path)
    before = {key: value.clone() for key, value in model.unet.state_dict().items()}
    merged = MergedLoras(model)
    merged.put([Strength(run.folder / "tiny-01.safetensors", 1, 1)])
    assert any(not torch.equal(v, before[k]) for k, v in model.unet.state_dict().items())
    (run.folder / "tiny-02.safetensors").write_bytes(b"no LoRA")
    with pytest.raises(LorabakeError, match="tiny-02"):
        merged.put([Strength(run.folder / f"tiny-0{n}.safetensors", 1, 1) for n in (1, 2)])
    assert all(torch.equal(v, before[k]) for k, v in model.unet.state_dict().items())


def test_bases_sizes_steps_and_samplers(run: Run, bases: Bases) -> None:
    """Each base is loaded once; a model that is gone fails its own cells alone."""
    folder = ask(run, bases, x="base model=other", y="Size=32x32, 48x32", z="Sampler=Euler, DDIM")
    told = Recorded()
    result = render_grid(folder, events=told)
    assert [event["detail"] for event in told.of("phase") if event["name"] == "load"] == [
        "Loading other"
    ]
    assert {pixels(cell.path).shape for cell in result.cells} == {(32, 32, 3), (32, 48, 3)}
    assert len({pixels(cell.path).tobytes() for cell in result.cells}) == 4
    assert result.cells[0].path is not None
    with Image.open(result.cells[0].path) as picture:
        assert read_infotext(picture.info["parameters"])["Model"] == "other"

    folder = ask(run, bases, x="base=other", y="steps=1-2")
    shutil.move(bases.workspace.models_dir / "other", bases.workspace.models_dir / "gone")
    try:
        with pytest.raises(GridError, match="No picture"):
            go(folder)
    finally:
        shutil.move(bases.workspace.models_dir / "gone", bases.workspace.models_dir / "other")


def test_a_killed_grid_ends_in_the_same_bytes(
    run: Run, bases: Bases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(painter, "_cores", lambda: 1)
    folder = ask(run, bases, x="weight=0.2-1.0 [5]", y="epoch=1-2")
    go(folder)
    files = sorted(folder.glob("*.png"))
    assert len(files) == 11
    whole = {path.name: path.read_bytes() for path in files}
    for path in (files[0], files[3], files[8], folder / "sheet.png"):  # killed between two files
        path.unlink()
    go(folder)
    assert {path.name: path.read_bytes() for path in sorted(folder.glob("*.png"))} == whole
    for path in files:
        path.unlink()
    with pytest.raises(Stopped):
        go(folder, should_stop=lambda: len(list(folder.glob("*.png"))) > 1)
    assert 1 < len(list(folder.glob("?-*.png"))) < 10
    go(folder)
    assert {path.name: path.read_bytes() for path in sorted(folder.glob("*.png"))} == whole


def test_why_a_picture_failed_is_kept_until_it_comes(run: Run, bases: Bases) -> None:
    """Also when the process that rendered is long gone."""
    path = run.folder / "tiny-02.safetensors"
    whole = path.read_bytes()
    path.write_bytes(b"<html>login</html>")
    folder = ask(run, bases, x="Prompt S/R=-03, -02", y="seed=1, 2")
    assert sum(cell.path is not None for cell in go(folder).cells) == 2
    kept = read_errors(folder)
    assert kept.keys() == {"1-01-02.png", "1-02-02.png"}
    assert all("web page" in reason for reason in kept.values())
    path.write_bytes(whole)
    assert all(cell.path for cell in go(folder).cells)
    assert read_errors(folder) == {}


def test_a_text_is_encoded_once(run: Run, bases: Bases, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seeds and weights of files that leave the text encoders alone share one encoding."""
    from lorabake.engine.lora_file import save_lora

    for name in ("tiny-01", "tiny-02"):
        path = run.folder / f"{name}.safetensors"
        state = {k: v for k, v in read_lora(path).items() if k.startswith("lora_unet")}
        save_lora(path, state, {})
    heard: list[str] = []
    real = painter.Model.encode_weighted

    def counted(self: Any, text: str, *args: Any, **options: Any) -> Any:
        heard.append(text)
        return real(self, text, *args, **options)

    monkeypatch.setattr(painter, "_cores", lambda: 1)
    monkeypatch.setattr(painter.Model, "encode_weighted", counted)
    go(ask(run, bases, x="epoch=1-2", y="weight=0.5, 1.0", z="seed=1-3"))
    assert sorted(heard) == [" ohwx, smile", "hat"]


def test_epochs_of_another_run_and_files_of_other_programs(
    run: Run, bases: Bases, tmp_path: Path
) -> None:
    other = Path(shutil.copytree(run.folder, run.folder.parent / "second"))
    shutil.copy(run.folder / "tiny-01.safetensors", tmp_path / "style.safetensors")
    asked = {"prompt": "<lora:tiny-03:1>, <lora:style:0.5>, ohwx", "x": "epoch=3, second:2-3", "steps": 1,
             "size": "32x32"}  # fmt: skip
    folder = prepare_xyz(run, from_mapping(XyzRequest, asked), bases, [tmp_path])
    board = open_board(folder)
    assert board.columns == ("Epoch: tiny-03", "Epoch: second/tiny-02", "Epoch: second/tiny-03")
    assert board.files["second/tiny-02"].path == other / "tiny-02.safetensors"
    assert board.files["style"].path == tmp_path / "style.safetensors"
    assert len({pixels(cell.path).tobytes() for cell in go(folder).cells}) == 2  # epoch 3 twice
    with pytest.raises(GridError, match="no run 'third'"):
        ask(run, bases, x="epoch=third:1")


def test_the_verb(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ("grid", run.folder, "--prompt", PROMPT, "--steps", 1, "--size", "32x32")
    here = ("--workspace", tmp_path)
    answer = answered(
        (*common, "--x", "Prompt S/R=-03, -02", "--z", "seed=5, 6", "--html", *here),
        monkeypatch,
        capsys,
    )
    assert [cell["label"] for cell in answer["cells"]] == [
        "-03, Seed: 5", "-02, Seed: 5", "-03, Seed: 6", "-02, Seed: 6"
    ]  # fmt: skip
    assert {cell["seed"] for cell in answer["cells"]} == {5, 6}
    assert Path(answer["html"]).is_file()
    code, said = refused((*common, "--x", "hats=1", *here), monkeypatch, capsys)
    assert code == 1
    assert "no axis called" in said
    code, said = refused((*common, "--margin", 4, *here), monkeypatch, capsys)
    assert (code, "Give an axis" in said) == (1, True)


def test_what_does_not_fit_is_refused_and_what_is_odd_is_said(run: Run, bases: Bases) -> None:
    for changes, words in (
        ({"x": "weight"}, "X wants TYPE=VALUES"),
        ({"x": "hats=1"}, "no axis called"),
        ({"x": "weight=1", "y": "weight=2"}, "Two axes are Weight"),
        ({"x": "Prompt S/R=-03, -07"}, "no LoRA called 'tiny-07'"),
        ({"prompt": "<lora:tiny-03:1>"}, "no prompt"),
        ({"prompt": "a <lora:tiny-03:1> <lora:tiny-03:1>"}, "twice"),
        ({"prompt": "[a:b:0.5]"}, "while a picture is drawn"),
        ({"x": "seed=1-50", "y": "steps=1-20"}, "1000 pictures"),
        ({"x": "base model=nothing"}, "nothing"),
        ({"x": "size=33x32"}, "multiples"),
        ({"x": "epoch=9"}, "There are: 1 to 3"),
    ):
        with pytest.raises(LorabakeError, match=words):
            ask(run, bases, **changes)
    told = read_xyz(ask(run, bases, x="Prompt S/R=cat, dog")).warnings
    assert len(told) == 1
    assert "did not find 'cat'" in told[0]


def test_a_half_letter_in_a_prompt_still_names_a_folder() -> None:
    from lorabake.grid.job import folder_name

    name = folder_name({"prompt": "\ud800 Kafka"}, "\ud800 Kafka")
    assert name.startswith("kafka-")
    assert name == folder_name({"prompt": "\ud800 Kafka"}, "\ud800 Kafka")
    assert name != folder_name({"prompt": "Kafka"}, "Kafka")
