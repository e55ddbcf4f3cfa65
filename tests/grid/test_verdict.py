"""The measured verdict: its sums, its sentences, and a whole measuring on the tiny model."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import torch

from lorabake.core.dataset import scan_dataset
from lorabake.core.errors import GridError, Stopped
from lorabake.core.run import Run
from lorabake.core.settings import from_mapping
from lorabake.core.workspace import Workspace
from lorabake.engine.families import load_model
from lorabake.engine.fixed_noise import spread_timesteps
from lorabake.engine.networks.switch import LoraSwitch
from lorabake.grid.job import GridRequest, Row, base_of, prepare_grid, recipe_of
from lorabake.grid.verdict import tagging
from lorabake.grid.verdict.asked import FOLDER, Asked, Key, prepare_verdict, read_asked
from lorabake.grid.verdict.evidence import Evidence
from lorabake.grid.verdict.extra import Item
from lorabake.grid.verdict.held_out import LossMeter, choose_pictures
from lorabake.grid.verdict.hints import hints_of, learned_nothing, sentence_of
from lorabake.grid.verdict.likeness import Label, agreement, telling_tags
from lorabake.grid.verdict.looks import distance, look_of
from lorabake.grid.verdict.measures import Measure, measures_of, overcooked
from lorabake.grid.verdict.paired import error_of_difference, within_noise
from lorabake.grid.verdict.record import RESULT, read_verdict, verdict_of
from lorabake.grid.verdict.score import propose
from lorabake.grid.verdict.work import measure
from lorabake.practice import SAMPLE_DIR
from lorabake.practice.characters import random_character
from lorabake.practice.draw import draw
from tests.bakes import Recorded

torch.set_num_threads(1)
ASKED: dict[str, Any] = {"prompt": "ohwx, smile", "steps": 2, "weights": "0, 0.5, 1.0"}


# --- sums -----------------------------------------------------------------------------------------


def test_noise_levels_are_spread_evenly_over_all_pictures() -> None:
    times = spread_timesteps(25, 4, 0, "verdict")
    assert times == spread_timesteps(25, 4, 0, "verdict")
    for each in times:
        assert [time // 250 for time in each] == [0, 1, 2, 3]
    together = sorted(time for each in times for time in each)
    assert max(b - a for a, b in pairwise(together)) <= 22  # drawn freely it would be about 50


def test_what_is_common_to_all_pictures_is_no_noise() -> None:
    hard_and_easy = [0.1, 0.9, 0.4, 0.7]
    shifted = [value + 0.01 for value in hard_and_easy]
    assert error_of_difference(hard_and_easy, shifted) == pytest.approx(0, abs=1e-12)
    assert not within_noise(hard_and_easy, shifted)
    assert within_noise([0.1, 0.9, 0.4, 0.7], [0.3, 0.7, 0.5, 0.62])


def test_what_a_picture_looks_like() -> None:
    grey = look_of(np.full((64, 48, 3), 128, np.uint8))
    assert (grey.saturation, grey.contrast, grey.clipped) == (0, 0, 0)
    red = np.zeros((64, 48, 3), np.uint8)
    red[..., 0] = 255
    assert look_of(red).saturation == 1
    assert look_of(red).clipped == 1
    halves = np.full((64, 48, 3), 40, np.uint8)
    halves[:, 24:] = 200
    assert look_of(halves).contrast == pytest.approx(80 / 255, abs=0.01)
    assert distance(grey, grey) == 0
    assert distance(grey, look_of(halves)) == pytest.approx((88 + 72) / 2 / 255, abs=0.01)


LABELS = tuple(
    Label(name, category)
    for name, category in [
        ("general", "rating"),
        ("1girl", "general"),
        ("split_hair", "general"),
        ("star", "general"),
        ("red_hat", "general"),
        ("blood", "general"),
    ]
)


def scores(*values: float) -> Any:
    return np.array(values, np.float32)


def test_likeness_asks_for_what_is_hers_and_not_the_bases() -> None:
    data = np.stack([scores(1, 0.9, 0.9, 0.8, 0.9, 0), scores(1, 0.9, 0.9, 0.8, 0, 0)])
    plain = np.stack([scores(1, 0.9, 0, 0.1, 0.4, 0)])
    telling = telling_tags(LABELS, data, plain)
    assert telling.names(LABELS) == ["split hair", "star"]  # not 1girl, which the base paints too
    prompt = ["ohwx", "1girl", "red hat"]
    hers = agreement(LABELS, telling, prompt, scores(1, 0.9, 0.9, 0.8, 0.9, 0))
    assert (hers.likeness, hers.found, hers.expected, hers.obeyed) == (1, 1, 1, 1)
    base = agreement(LABELS, telling, prompt, scores(1, 0.9, 0, 0, 0.9, 0))
    assert (base.found, base.likeness) == (0, 0)
    burnt = agreement(LABELS, telling, prompt, scores(1, 0.9, 0.9, 0.8, 0, 0.9))
    assert burnt.expected == 0.8  # nobody asked for blood
    assert burnt.obeyed == 0.5  # the hat is missing
    assert burnt.likeness == pytest.approx(2 * 0.8 / 1.8)


# --- the proposal ---------------------------------------------------------------------------------

GRID = [(epoch, weight) for epoch in (1, 2, 3) for weight in (0.8, 1.0)]


def measured(
    loss: Mapping[Key, float] | None = None,
    likeness: Mapping[Key, float] | None = None,
    **signs: Any,
) -> dict[str, Measure]:
    found = {}
    if loss is not None:
        found["loss"] = Measure("loss", "lower", loss, 1.0)
    if likeness is not None:
        found["likeness"] = Measure("likeness", "higher", likeness, 0.0)
    from lorabake.grid.verdict.measures import SCALES

    for name, values in signs.items():
        found[name] = Measure(name, "lower", values, scale=SCALES[name])
    return found


def by(of: Callable[[int, float], float]) -> dict[Key, float]:
    return {key: of(*key) for key in GRID}


def test_the_best_cell_is_proposed() -> None:
    loss = by(lambda epoch, weight: 0.9 - 0.1 * epoch * weight)
    found = propose(measured(loss=loss), held_out=True)
    assert found is not None
    assert (found.best, found.runner_up) == ((3, 1.0), (3, 0.8))
    assert found.scores[3, 1.0] == 1
    assert found.scores[1, 1.0] == pytest.approx(0.2 / 0.4)


def test_of_equal_ones_weight_1_and_the_earlier_epoch() -> None:
    """The guide: "ideally work at weight 1.0"; and what was reached earlier is less overcooked."""
    found = propose(measured(likeness=by(lambda epoch, weight: 0.9)), held_out=True)
    assert found is not None
    assert found.best == (1, 1.0)
    assert found.tied == frozenset(GRID)


def test_an_overcooked_cell_does_not_win() -> None:
    likeness = by(lambda epoch, weight: 0.7 + 0.1 * epoch)
    burnt = by(lambda epoch, weight: 2.0 if epoch == 3 else 1.0)
    measures = measured(likeness=likeness, saturation=burnt)
    assert overcooked(measures, (3, 1.0)) == {"saturation": 1.0}
    assert overcooked(measures, (2, 1.0)) == {}
    found = propose(measures, held_out=True)
    assert found is not None
    assert found.best == (2, 1.0)


def test_nothing_is_proposed_from_colours_alone() -> None:
    assert propose(measured(saturation=by(lambda epoch, weight: 1.0)), held_out=True) is None


def test_memory_counts_less_than_held_out_pictures() -> None:
    measures = measured(
        loss=by(lambda epoch, weight: 1 - 0.1 * epoch),  # always falls
        likeness=by(lambda epoch, weight: 0.9 if epoch == 2 else 0.75),
    )
    learnt, memorised = (propose(measures, held_out=held_out) for held_out in (True, False))
    assert learnt is not None
    assert memorised is not None
    assert memorised.best == (2, 1.0)
    assert learnt.scores[3, 1.0] > memorised.scores[3, 1.0]


def asked(**changes: Any) -> Asked:
    rows = tuple(Row(epoch, f"a-{epoch:02d}.safetensors", "") for epoch in (1, 2, 3))
    given: dict[str, Any] = {
        "rows": rows, "weights": (0.0, 0.8, 1.0), "workspace": "", "prompt": "ohwx", "negative": "",
        "sampler": "Euler a", "cfg": 5.0, "width": 64, "height": 64, "clip_skip": 1, "pictures": 4,
        "levels": 4, "prompts": 1, "seeds": 2, "unrelated": 1, "steps": 2,
    }  # fmt: skip
    return Asked(**given | changes)


def evidence(losses: Callable[[int, float], float], base: float = 1.0) -> Evidence:
    """Four pictures, of which each has a difficulty of its own."""
    hard = (0.0, 0.1, 0.3, 0.2)
    told: dict[Key | None, list[float]] = {None: [base + h for h in hard]}
    told |= {key: [losses(*key) + h for h in hard] for key in GRID}
    return Evidence(asked(), held_out=True, losses=told)


def test_the_sentence_says_which_and_why() -> None:
    found = evidence(lambda epoch, weight: 1 - 0.1 * weight * (epoch if epoch < 3 else 1))
    record = verdict_of(found, done=True)
    assert record["verdict"]["epoch"] == 2
    assert record["verdict"]["weight"] == 1.0
    assert record["sentence"].startswith("Epoch 2 at weight 1.0: the lowest loss;")
    assert "Weight 1.0 is what a LoRA should ideally work at." in record["sentence"]
    (loss,) = (one for one in record["measures"] if one["name"] == "loss")
    assert loss["shown"][1] == ["1.1500", "0.9900", "0.9500"]  # the plain base, then the weights
    assert [hint["tone"] for hint in record["hints"]][:2] == ["info", "info"]
    assert any("Download one" in hint["text"] for hint in record["hints"])
    json.dumps(record)


def test_the_guides_word_on_other_weights() -> None:
    found = evidence(lambda epoch, weight: 0.5 if weight == 0.8 else 0.9)
    assert "Ideally it works at 1.0; about 0.8 is fine." in verdict_of(found, done=True)["sentence"]


def test_nothing_learned_is_said_and_nothing_proposed() -> None:
    found = evidence(lambda epoch, weight: 1.0)
    measures = measures_of(found)
    assert learned_nothing(found, measures)
    assert sentence_of(found, measures, propose(measures, held_out=True)).startswith(
        "It looks as if nothing was learned"
    )
    assert hints_of(found, measures, None)[0].tone == "warn"
    assert verdict_of(found, done=True)["verdict"] is None
    learned = evidence(lambda epoch, weight: 0.9)
    assert not learned_nothing(learned, measures_of(learned))


def burnt_evidence() -> Evidence:
    """Epoch 2 at 1.0 has the lowest loss. Epoch 3 is overcooked: the same picture for every seed, in
    colours that the data set does not have."""
    found = evidence(lambda epoch, weight: 1 - 0.1 * weight * (epoch if epoch < 3 else 1.9))
    found.items = [Item("own1-1", "own", "ohwx", 1), Item("own1-2", "own", "ohwx", 2)]
    rng = np.random.default_rng(1)

    def picture(strong: float) -> Any:
        cells = np.round(rng.uniform(0, 1, (16, 16, 3))) * strong + (1 - strong) * 0.5
        return look_of((np.kron(cells, np.ones((4, 4, 1))) * 255).astype(np.uint8))

    found.data = [picture(0.4) for _ in range(8)]
    burnt = picture(1.0)
    for key in [None, *GRID]:
        for item in found.items:
            overdone = key is not None and key[0] == 3
            found.looks[key, item.name] = burnt if overdone else picture(0.4)
    return found


def test_signs_of_overcooking_from_pictures() -> None:
    found = burnt_evidence()
    measures = measures_of(found)
    assert {"saturation", "contrast", "variety"} <= overcooked(measures, (3, 1.0)).keys()
    assert overcooked(measures, (1, 1.0)) == {}
    assert measures["variety"].values[3, 1.0] == 0
    assert measures["saturation"].values[3, 1.0] == pytest.approx(2.5, rel=0.1)
    (hint,) = (one for one in hints_of(found, measures, None) if "overcooking" in one.text)
    assert "epoch 3 at 0.8 and 1.0" in hint.text
    proposal = propose(measures, held_out=True)
    assert proposal is not None
    assert proposal.best == (2, 1.0)


def test_the_practice_tagger_knows_her(tmp_path: Path) -> None:
    """The sample's own pictures are as like as can be, drawings of strangers are not."""
    space = Workspace.open(tmp_path / "workspace")
    concept = scan_dataset(SAMPLE_DIR).concepts[0]
    items = [Item(f"own{n}", "own", "ohwx, 1girl", n, concept.name) for n in range(4)]
    found = Evidence(asked(prompts=4, seeds=1), items=items)
    painted: dict[tuple[Key | None, str], Path] = {}
    for number, item in enumerate(items):
        rng = Random(number)
        stranger = tmp_path / f"{number}.png"
        draw(random_character(rng), rng, 64).save(stranger)
        painted[None, item.name] = stranger
        painted[(1, 1.0), item.name] = concept.images[number].path
        painted[(2, 1.0), item.name] = stranger
    tagging.compare_tags(
        found,
        space,
        "practice",
        [(concept, [image.path for image in concept.images])],
        painted,
        on_progress=lambda done, total: None,
        should_stop=lambda: False,
    )
    assert {"striped scarf", "star hair ornament", "multicolored hair"} <= set(found.telling)
    likeness = measures_of(found)["likeness"]
    assert likeness.values[1, 1.0] > 0.9
    assert likeness.values[2, 1.0] < 0.4


# --- a whole measuring ----------------------------------------------------------------------------


def ask(run: Run, space: Workspace, **changes: Any) -> Path:
    """The job's folder of a small measuring."""
    grid = prepare_grid(run, from_mapping(GridRequest, {**ASKED, **changes}))
    folder = prepare_verdict(grid, space)
    record = json.loads((folder / "asked.json").read_text())
    record |= {"pictures": 3, "levels": 2, "prompts": 1, "seeds": 2, "unrelated": 1, "steps": 2}
    (folder / "asked.json").write_text(json.dumps(record))
    return folder


def test_measured_twice_is_the_same_and_so_is_one_that_was_cut_off(
    run: Run, tmp_path: Path
) -> None:
    space = Workspace.open(tmp_path / "space")
    folder = ask(run, space, epochs="1-2")
    looks = 0

    def soon() -> bool:
        nonlocal looks
        looks += 1
        return looks > 3

    with pytest.raises(Stopped):
        measure(folder, events=Recorded(), should_stop=soon)
    half = read_verdict(folder.parent)
    assert half is None or not half["done"]
    kept = json.loads((folder / "losses.json").read_text())["losses"]
    assert 1 < len(kept) < 5

    events = Recorded()
    record = measure(folder, events=events)
    assert record["done"]
    first = (folder.parent / RESULT).read_bytes()
    done = {one["done"] for one in events.of("phase") if one["detail"] == "Measuring the loss"}
    assert done  # the rest of them was measured now
    assert json.loads((folder / "losses.json").read_text())["losses"].items() >= kept.items()

    again = Recorded()
    measure(folder, events=again)
    assert (folder.parent / RESULT).read_bytes() == first
    assert not [one for one in again.of("phase") if one["name"] == "load"]  # no model is needed

    for path in folder.glob("*/*.png"):
        path.unlink()
    (folder / "losses.json").unlink()
    measure(folder, events=Recorded())
    assert (folder.parent / RESULT).read_bytes() == first


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"rows": [{"epoch": 1, "file": "../../secret.safetensors", "lora_hash": ""}]}, "no file"),
        ({"weights": ["much"]}, "could not convert"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_what_was_asked_is_told_when_it_is_damaged(
    run: Run, tmp_path: Path, change: dict[str, Any], why: str
) -> None:
    folder = ask(run, Workspace.open(tmp_path / "space"))
    path = folder / "asked.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(record | change), encoding="utf-8")
    with pytest.raises(GridError, match=rf"asked\.json is damaged .*{why}.*Press Measure again"):
        read_asked(folder)


def test_at_weight_0_the_loss_is_the_bases(run: Run, tmp_path: Path) -> None:
    folder = ask(run, Workspace.open(tmp_path / "space"))
    wanted, recipe = read_asked(folder), recipe_of(run)
    dataset = scan_dataset(tmp_path_of_data(run))
    choice = choose_pictures(dataset, recipe, wanted.pictures)
    assert not choice.held_out
    assert len(choice.pictures) == 3
    model = load_model(base_of(run).path)
    meter = LossMeter(model, recipe, choice, levels=2, seed=0)
    with LoraSwitch(model) as switch:
        plain = meter.losses(switch, text_weight=0.0)
        found = {}
        switch.load(run.folder / "tiny-02.safetensors")
        for weight in (0.0, 0.5, 1.0, 2.0):
            with torch.inference_mode():
                switch.set_weights([weight])
            found[weight] = meter.losses(switch, text_weight=weight)
    assert found[0.0] == pytest.approx(plain, rel=1e-5)
    # a LoRA of random numbers does harm
    sums = {weight: sum(losses) for weight, losses in found.items()}
    assert all(sums[0.0] < sums[weight] for weight in (0.5, 1.0, 2.0))


def tmp_path_of_data(run: Run) -> Path:
    manifest = json.loads(run.manifest_path.read_text(encoding="utf-8"))
    return Path(manifest["root"])


def test_pictures_that_are_gone_leave_the_rest(run: Run, tmp_path: Path) -> None:
    """The data set may be anywhere by now; a broken file is one row less."""
    manifest = json.loads(run.manifest_path.read_text(encoding="utf-8"))
    manifest["root"] = str(tmp_path / "gone")
    run.manifest_path.write_text(json.dumps(manifest), encoding="utf-8")
    folder = ask(run, Workspace.open(tmp_path / "space"), epochs="1-2")
    (run.folder / "tiny-02.safetensors").write_bytes(b"")
    record = measure(folder, events=Recorded())
    assert record["done"]
    assert record["verdict"] is None
    assert any("No loss was measured" in hint["text"] for hint in record["hints"])
    (change,) = (one for one in record["measures"] if one["name"] == "change")
    assert change["values"][0][2] is not None
    assert change["values"][1][2] is None


def test_a_held_out_share_is_what_is_measured(run: Run) -> None:
    recipe = recipe_of(run)
    from dataclasses import replace

    held_out = replace(recipe, validation=replace(recipe.validation, validation_split=0.4))
    dataset = scan_dataset(tmp_path_of_data(run))
    choice = choose_pictures(dataset, held_out, 24)
    assert choice.held_out
    assert len(choice.pictures) == 2


def test_only_what_compares_something_is_measured(run: Run, tmp_path: Path) -> None:
    space = Workspace.open(tmp_path / "space")
    grid = prepare_grid(run, from_mapping(GridRequest, {**ASKED, "epochs": "1", "weights": "1"}))
    with pytest.raises(GridError, match="neither epochs nor weights"):
        prepare_verdict(grid, space)
    assert not (grid / FOLDER).exists()
