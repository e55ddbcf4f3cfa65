"""A file that is handed over: right, complete, loadable elsewhere, and nothing written over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from safetensors.torch import load_file

from lorabake.core.errors import GridError, LorabakeError, ModelFileError, WorkspaceError
from lorabake.core.run import Run
from lorabake.core.settings import from_mapping
from lorabake.engine.lora_file import inspect_lora, model_hash, read_lora, read_metadata, save_lora
from lorabake.engine.networks.lowrank import Keep, Part, composed, difference
from lorabake.grid.handover import words
from lorabake.grid.handover.card import model_card
from lorabake.grid.handover.choice import Choice, choose
from lorabake.grid.handover.make import HandedOver, hand_over
from lorabake.grid.handover.settings import HandoverSettings
from lorabake.grid.job import GridRequest, prepare_grid, read_plan
from tests.engine.tiny_networks import file_of
from tests.grid.webui import read_infotext
from tests.verbs import answered, refused

torch.set_num_threads(1)
NOTES = {
    "ss_base_model_version": "sdxl_base_v1-0",
    "ss_output_name": "tiny",
    "ss_sd_model_name": "base.safetensors",
    "ss_num_epochs": "3",
    "ss_network_dim": "4",
    "ss_network_alpha": "4",
    "ss_network_args": '{"conv_dim": "2", "conv_alpha": "2"}',
    "ss_dataset_dirs": '{"2_ohwx": {"n_repeats": 2, "img_count": 5}}',
    "ss_tag_frequency": '{"2_ohwx": {"smile": 5}}',
    "modelspec.trigger_phrase": "ohwx",
    "modelspec.title": "tiny",
    "lorabake.recipe": "title = 'mine'",
}


@pytest.fixture
def tasted(run: Run) -> Run:
    """The run with full notes in its files, and a grid whose cells are painted by hand."""
    for checkpoint in run.checkpoints():
        save_lora(checkpoint.path, read_lora(checkpoint.path), NOTES)
    asked = {"prompt": "ohwx, smile (happy)", "negative": "hat", "weights": "0, 0.8, 1.0"}
    folder = prepare_grid(run, from_mapping(GridRequest, {**asked, "size": "32x32"}))
    plan = read_plan(folder)
    for row in plan.rows:
        for weight in plan.weights:
            picture = Image.new("RGB", (32, 32), (row.epoch * 60, int(weight * 200), 90))
            notes = PngInfo()
            notes.add_text(
                "parameters",
                f"<lora:{row.name}:{weight}>, {plan.prompt}\nNegative prompt: hat\nSteps: 20, "
                f'Sampler: Euler a, Lora hashes: "{row.name}: {row.lora_hash[:12]}", Version: 1',
            )
            picture.save(folder / plan.cell_name(row, weight), pnginfo=notes)
    return run


def give(choice: Choice, folder: Path, **changes: Any) -> HandedOver:
    suggested = {**vars(choice.suggested()), "name": "kafka", **changes}
    return hand_over(choice, HandoverSettings(**suggested), folder)


def read_as_a1111(path: Path) -> dict[str, Any]:
    """The names under which its page of a LoRA's user metadata reads a sidecar, and their types."""
    told = json.loads(path.read_text(encoding="utf-8"))
    wanted = {
        "description": str,
        "sd version": str,
        "activation text": str,
        "preferred weight": float,
        "negative text": str,
        "notes": str,
    }
    assert told.keys() == wanted.keys()
    assert all(isinstance(told[key], kind) for key, kind in wanted.items()), told
    assert told["sd version"] in ("SD1", "SD2", "SDXL")
    return told


def test_the_chosen_cell_becomes_three_files(tasted: Run, tmp_path: Path) -> None:
    choice = choose(tasted, 2, 0.8)
    done = give(choice, tmp_path / "Lora", notes='mine: "good"')
    file, told, picture = [placed.path for placed in done.files]
    assert [path.name for path in (file, told, picture)] == [
        "kafka.safetensors",
        "kafka.json",
        "kafka.png",
    ]
    assert file.read_bytes() == choice.file.read_bytes()
    assert done.norm == pytest.approx(inspect_lora(file)["norm"])
    sidecar = read_as_a1111(told)
    assert sidecar["activation text"] == "ohwx"
    assert sidecar["preferred weight"] == 0.8
    assert sidecar["negative text"] == "hat"
    assert sidecar["sd version"] == "SDXL"
    assert "epoch 2 of 3" in sidecar["description"]
    with Image.open(picture) as shown:
        assert shown.convert("RGB").getpixel((3, 3)) == (120, 160, 90)
        found = read_infotext(shown.info["parameters"])
    assert found["Prompt"] == "<lora:kafka:0.8>, ohwx, smile (happy)"
    assert found["Lora hashes"] == f"kafka: {model_hash(file)[:12]}"
    assert not list(tasted.folder.glob(".handover*")), "what was needed meanwhile is gone"

    again = give(choice, tmp_path / "Lora", notes='mine: "good"')
    assert not any(placed.new for placed in again.files)
    assert "there already" in again.said[-1]


def test_nothing_is_written_over(tasted: Run, tmp_path: Path) -> None:
    folder = tmp_path / "Lora"
    folder.mkdir()
    (folder / "Kafka.json").write_text('{"notes": "by hand"}', encoding="utf-8")
    with pytest.raises(WorkspaceError, match=r"already another Kafka\.json"):
        give(choose(tasted, 2, 0.8), folder)
    assert [path.name for path in folder.iterdir()] == ["Kafka.json"], "all or nothing"
    with pytest.raises(LorabakeError):
        give(choose(tasted, 2, 0.8), folder, name="../kafka")
    with pytest.raises(GridError, match="weight 0"):
        choose(tasted, 2, 0)
    with pytest.raises(GridError, match="no file of epoch 9"):
        choose(tasted, 9, 1)


def test_trimmed_of_what_others_need_not_know(tasted: Run, tmp_path: Path) -> None:
    choice = choose(tasted, 3, 1.0)
    done = give(choice, tmp_path / "Lora", training_notes="trim")
    notes = read_metadata(done.files[0].path)
    assert not {"ss_tag_frequency", "ss_dataset_dirs", "lorabake.recipe"} & notes.keys()
    assert notes["ss_sd_model_name"] == "base.safetensors"
    assert notes["ss_output_name"] == notes["modelspec.title"] == "kafka"
    assert notes["sshs_model_hash"] == model_hash(choice.file), "known again by its hash"
    before, after = load_file(choice.file), load_file(done.files[0].path)
    assert all(torch.equal(after[key], tensor) for key, tensor in before.items())
    with Image.open(done.files[2].path) as shown:  # the weights are those of the picture
        assert "Lora hashes" in shown.info["parameters"]


def delta(state: dict[str, torch.Tensor], layer: str) -> torch.Tensor:
    """ΔW of a layer, made as a web UI makes it."""
    down, up = state[f"{layer}.lora_down.weight"], state[f"{layer}.lora_up.weight"]
    scale = float(state[f"{layer}.alpha"]) / len(down)
    return scale * up.double().flatten(1) @ down.double().flatten(1)


def layers(state: dict[str, torch.Tensor]) -> list[str]:
    return [key.removesuffix(".alpha") for key in state if key.endswith(".alpha")]


@pytest.mark.parametrize("kind", ["lora", "locon"])
def test_a_smaller_rank_is_the_best_of_its_size(kind: str) -> None:
    state = file_of(kind)
    small = composed([Part(state)], Keep(rank=2))
    rest = whole = 0.0
    for layer in layers(state):
        full, made = delta(state, layer), delta(small, layer)
        strengths = torch.linalg.svdvals(full)
        assert len(small[f"{layer}.lora_down.weight"]) == 2
        assert float((full - made).norm()) == pytest.approx(float(strengths[2:].norm()), rel=1e-4)
        rest += float((full - made).square().sum())
        whole += float(full.square().sum())
    assert difference([Part(state)], small) == pytest.approx((rest / whole) ** 0.5, rel=1e-4)
    assert difference([Part(state)], composed([Part(state)], Keep())) < 1e-6


def test_a_share_of_the_strength_takes_the_fewest_ranks_that_do() -> None:
    state = file_of("locon")
    small = composed([Part(state)], Keep(share=0.9))
    counts = set()
    for layer in layers(state):
        strengths = torch.linalg.svdvals(delta(state, layer))
        kept = len(small[f"{layer}.lora_down.weight"])
        counts.add(kept)
        assert strengths[:kept].norm() >= 0.9 * strengths.norm() - 1e-6
        assert kept == 1 or strengths[: kept - 1].norm() < 0.9 * strengths.norm()
    assert len(counts) > 1, "layers keep what they need"


def test_two_epochs_are_averaged_as_what_they_do(tasted: Run, tmp_path: Path) -> None:
    """Not as factors: those of two epochs are of different bases."""
    one, other = (read_lora(tasted.folder / f"tiny-{n:02d}.safetensors") for n in (3, 1))
    exact = composed([Part(one, 0.6), Part(other, 0.4)], Keep(rank=99))
    for layer in layers(one):
        wanted = 0.6 * delta(one, layer) + 0.4 * delta(other, layer)
        assert float((delta(exact, layer) - wanted).norm()) < 2e-3 * float(wanted.norm())
    done = give(choose(tasted, 3, 1.0), tmp_path / "Lora", merge_with="1:0.4")
    made = read_lora(done.files[0].path)
    assert done.error == pytest.approx(
        difference([Part(one, 0.6), Part(other, 0.4)], made), rel=1e-6
    )
    for layer in layers(one):
        assert made[f"{layer}.lora_down.weight"].shape == one[f"{layer}.lora_down.weight"].shape
    assert "60 % of epoch 3 and 40 % of epoch 1" in done.said[0]
    with Image.open(done.files[2].path) as shown:
        assert "Lora hashes" not in shown.info["parameters"], "the picture is of the baked file"
    notes = read_metadata(done.files[0].path)
    assert notes["sshs_model_hash"] != model_hash(choose(tasted, 3, 1.0).file)
    assert json.loads(notes["ss_network_args"])["conv_dim"] == notes["ss_network_dim"]


def test_what_cannot_be_made_smaller_is_refused_in_a_sentence(tasted: Run, tmp_path: Path) -> None:
    for kind in ("dora", "loha", "lokr", "glora"):
        with pytest.raises(ModelFileError, match="Only LoRA and LoCon"):
            composed([Part(file_of(kind))], Keep(rank=1))
    choice = choose(tasted, 3, 1.0)
    for wrong in ({"resize": "4"}, {"resize": "1.5"}, {"resize": "0"}, {"merge_with": "3:0.5"}):
        with pytest.raises(GridError, match=r"already|cannot be|no file of epoch"):
            give(choice, tmp_path / "Lora", **wrong)
    broken = {key: tensor.clone() for key, tensor in read_lora(choice.file).items()}
    next(iter(broken.values())).view(-1)[0] = float("nan")
    from safetensors.torch import save_file

    save_file(broken, choice.file)
    for changes in ({}, {"training_notes": "trim"}, {"resize": "2"}):
        with pytest.raises(ModelFileError, match="no numbers"):
            give(choice, tmp_path / "Lora", **changes)
    assert not (tmp_path / "Lora").exists() or not list((tmp_path / "Lora").iterdir())


def test_the_previews_text_names_the_new_file_and_leaves_other_loras() -> None:
    text = '<lora:a-02:0.8>, x, <lora:b:1.0>\nSteps: 9, Lora hashes: "a-02: 11, b: 22", Version: 1'
    start = "<lora:kafka:0.8>, x, <lora:b:1.0>\nSteps: 9"
    told = words.preview_text(text, "a-02", "kafka", "3" * 64)
    assert told == f'{start}, Lora hashes: "kafka: {"3" * 12}, b: 22", Version: 1'
    changed = words.preview_text(text, "a-02", "kafka", "")
    assert changed == f'{start}, Lora hashes: "b: 22", Version: 1'
    alone = words.preview_text(text.replace(", b: 22", ""), "a-02", "kafka", "")
    assert alone == f"{start}, Version: 1"


def test_prompt_and_card_tell_how_to_use_it(tasted: Run) -> None:
    choice = choose(tasted, 2, 0.8)
    settings = HandoverSettings(name="kafka_2", weight=0.8, trigger="ohwx, `tick`", negative="hat")
    assert words.prompt(choice, settings) == "<lora:kafka_2:0.8>, `tick`, ohwx, smile (happy)"
    card = model_card(choice, settings)
    assert card.startswith("---\ntags: [")
    for part in (
        r"# kafka\_2",
        "- Weight: 0.8",
        "`` ohwx, `tick` ``",
        "![kafka\\_2](./kafka_2.png)",
        "| ohwx | 5 | 2 |",
        "Data set: 5 pictures",
        "| Network dim | 4 |",
    ):
        assert part in card, part


def test_verb_export(
    tasted: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    start = ("export", tasted.folder, "--epoch", 2, "--weight", 0.8, "--to", tmp_path / "Lora")
    said = answered((*start, "--name", "kafka", "--resize", 2, "--card"), monkeypatch, capsys)
    assert [Path(path).name for path in said["files"]] == [
        "kafka.safetensors",
        "kafka.json",
        "kafka.png",
        "kafka.md",
    ]
    assert all(Path(path).is_file() for path in said["files"])
    assert said["ranks"] == [2]
    assert 0 < said["error"] < 1
    code, sentence = refused((*start, "--name", "kafka"), monkeypatch, capsys)
    assert code == 1
    assert "already another kafka.safetensors" in sentence
