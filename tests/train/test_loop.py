"""The bake: what it counts, what it writes, and that it can be cut off anywhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from lorabake.core.dataset import scan_dataset
from lorabake.core.errors import Stopped, TrainingError
from lorabake.core.run import Run
from lorabake.engine.lora_file import inspect_lora
from lorabake.recipe.plan import make_plan, rate_at
from lorabake.train.latents import LatentCache
from lorabake.train.loop import train
from lorabake.train.oven import Oven
from lorabake.train.prepare import load_setup
from tests.bakes import Recorded, bake, prepare

torch.set_num_threads(1)


class PowerCut(BaseException):
    """Nothing in the program catches this: what is on the disk is all that is left."""


class CutAfter(Recorded):
    """Events of a bake that is cut off right after a step, before anything else is written."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self.step = step

    def write(self, type: str, **data: Any) -> None:
        super().write(type, **data)
        if type == "step" and data["step"] == self.step:
            raise PowerCut


def tensors(run: Run) -> dict[str, torch.Tensor]:
    return load_file(run.checkpoints()[-1].path)


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(
        torch.equal(a[name].view(torch.uint8), b[name].view(torch.uint8))
        for name in a
        if a[name].dim()
    )


@pytest.fixture(scope="module")
def uncut(
    tmp_path_factory: pytest.TempPathFactory, tiny_base: Path
) -> dict[str, dict[str, torch.Tensor]]:
    """The LoRA of an undisturbed bake, by optimizer."""
    return {
        optimizer: tensors(
            bake(tmp_path_factory.mktemp(optimizer), tiny_base, **_with(optimizer))[0]
        )
        for optimizer in ("adamw", "came")
    }


def _with(optimizer: str) -> dict[str, Any]:
    return {"optimizer.type": optimizer, "conv_dim": 2, "ip_noise_gamma": 0.05}


def test_the_plan_is_what_the_bake_then_does(tmp_path: Path, tiny_base: Path) -> None:
    run, result, events = bake(tmp_path, tiny_base)
    plan = load_setup(run).plan
    steps = events.of("step")
    assert [step["step"] for step in steps] == list(range(1, plan.total_steps + 1))
    assert result.steps == plan.total_steps
    assert sum(bucket.batches for bucket in plan.buckets) == plan.steps_per_epoch == 5
    recipe = load_setup(run).recipe
    assert [step["lr"]["unet"] for step in steps] == [
        rate_at(step, plan.total_steps, "unet", recipe) for step in range(plan.total_steps)
    ]


def test_one_numbered_file_per_epoch_the_last_one_too(tmp_path: Path, tiny_base: Path) -> None:
    run, result, events = bake(tmp_path, tiny_base, epochs=2)
    assert [file.path.name for file in run.checkpoints()] == [
        "tiny-01.safetensors",
        "tiny-02.safetensors",
    ]
    assert [event["path"] for event in events.of("checkpoint")] == [
        c.path.name for c in result.checkpoints
    ]
    about = inspect_lora(run.checkpoints()[-1].path)
    assert about["hashes"]["matches"]
    assert about["finite"]
    assert about["norm"] > 0
    assert about["family"] == "sdxl"
    assert about["rank"] == 4
    assert about["metadata"]["ss_steps"] == str(result.steps)
    text = json.dumps(about["metadata"])
    assert str(tmp_path) not in text, "a path of this computer is in the file"


def test_the_loss_falls_on_a_task_that_can_be_learned(tmp_path: Path, tiny_base: Path) -> None:
    _, _, events = bake(
        tmp_path,
        tiny_base,
        **{"optimizer.type": "adamw", "unet_lr": 3e-3, "epochs": 10, "sizes": [(32, 32)] * 4},
        conv_dim=8,
        network_dim=16,
    )
    losses = [event["loss"] for event in events.of("step")]
    third = len(losses) // 3
    assert sum(losses[-third:]) < 0.95 * sum(losses[:third])


@pytest.mark.parametrize(
    ("optimizer", "cut"),
    # CAME, which is slower, is cut off with every option in test_options.py, too.
    [("adamw", cut) for cut in (1, 5, 6, 9, 14)] + [("came", cut) for cut in (6, 14)],
)
def test_a_bake_cut_off_anywhere_ends_in_the_same_bytes(
    tmp_path: Path, tiny_base: Path, uncut: Any, optimizer: str, cut: int
) -> None:
    run = prepare(tmp_path, tiny_base, **_with(optimizer))
    with pytest.raises(PowerCut):
        train(run, CutAfter(cut))
    train(run, Recorded(), resume=True)
    assert same(tensors(run), uncut[optimizer])


def test_a_bake_stopped_twice_ends_in_the_same_bytes(
    tmp_path: Path, tiny_base: Path, uncut: Any
) -> None:
    run = prepare(tmp_path, tiny_base, **_with("came"))
    for after in (3, 4):
        events = Recorded()
        with pytest.raises(Stopped, match="can be resumed"):
            train(run, events, resume=True, should_stop=lambda: len(events.of("step")) >= after)  # noqa: B023
    train(run, Recorded(), resume=True)
    assert same(tensors(run), uncut["came"])


def test_a_damaged_state_is_passed_over_for_the_one_before(
    tmp_path: Path, tiny_base: Path, uncut: Any
) -> None:
    run = prepare(tmp_path, tiny_base, **_with("adamw"))
    with pytest.raises(PowerCut):
        train(run, CutAfter(12))
    newest = sorted(run.state_dir.iterdir())[-1] / "optimizer.safetensors"
    newest.write_bytes(newest.read_bytes()[:-8] + b"\0" * 8)
    events = Recorded()
    train(run, events, resume=True)
    assert "after step 5" in events.of("note")[0]["text"]
    assert same(tensors(run), uncut["adamw"])


def test_gradient_accumulation_counts_steps_as_planned(tmp_path: Path, tiny_base: Path) -> None:
    run, result, _ = bake(tmp_path, tiny_base, gradient_accumulation_steps=2, epochs=2)
    plan = load_setup(run).plan
    assert result.steps == plan.total_steps == 2 * -(-plan.batches_per_epoch // 2)


def test_a_loss_that_is_no_number_stops_before_the_step_and_names_the_pictures(
    tmp_path: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = prepare(tmp_path, tiny_base)
    # A picture whose latents are broken: the file in the cache is overwritten with NaN.
    original = LatentCache.get

    def poisoned(cache: LatentCache, view: Any) -> Any:
        latent = original(cache, view)
        if view.image.path.name == "03.png":
            return type(latent)(latent.mean * float("nan"), latent.std)
        return latent

    monkeypatch.setattr(LatentCache, "get", poisoned)
    events = Recorded()
    with pytest.raises(TrainingError, match=r"03\.png"):
        train(run, events)
    saved = load_file(sorted(run.state_dir.iterdir())[-1] / "network.safetensors")
    assert all(torch.isfinite(tensor).all() for tensor in saved.values())


def test_a_batch_in_parts_gives_the_same_gradients(tmp_path: Path, tiny_base: Path) -> None:
    """What a card with too little memory does: the mathematics must not change."""
    norms = {}
    for pieces in (1, 2):
        run = prepare(
            tmp_path / str(pieces), tiny_base, epochs=1, batch_size=4, sizes=[(32, 32)] * 4
        )
        original = Oven.__init__

        def start(oven: Oven, *args: Any, _pieces: int = pieces, _original: Any = original) -> None:
            _original(oven, *args)
            oven.pieces = _pieces

        events = Recorded()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Oven, "__init__", start)
            train(run, events)
        norms[pieces] = [(step["grad_norm"], step["loss"]) for step in events.of("step")]
    for whole, parts in zip(norms[1], norms[2], strict=True):
        assert parts == pytest.approx(whole, rel=1e-3)


def test_the_text_encoders_stay_alone_at_a_rate_of_zero(tmp_path: Path, tiny_base: Path) -> None:
    run, _, events = bake(tmp_path, tiny_base, epochs=1, text_encoder_lr=0)
    assert inspect_lora(run.checkpoints()[-1].path)["layers"]["text_encoder_1"] == 0
    assert set(events.of("step")[0]["lr"]) == {"unet"}


def test_checkpointing_changes_memory_and_not_the_result(tmp_path: Path, tiny_base: Path) -> None:
    losses = []
    for on in (False, True):
        _, _, events = bake(tmp_path / str(on), tiny_base, epochs=1, gradient_checkpointing=on)
        losses.append([event["loss"] for event in events.of("step")])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_an_edited_picture_is_encoded_again_and_only_that_one(
    tmp_path: Path, tiny_base: Path
) -> None:
    bake(tmp_path, tiny_base, name="first", epochs=1)
    picture = tmp_path / "data" / "2_ohwx" / "02.png"
    from PIL import Image

    Image.new("RGB", (40, 40), (1, 2, 3)).save(picture)
    workspace = tmp_path / "workspace"
    before = set(workspace.rglob("*.safetensors"))
    run = prepare_again(tmp_path, tiny_base)
    events = Recorded()
    train(run, events)
    assert len(set(workspace.rglob("*.safetensors")) - before) == 1
    assert [event["total"] for event in events.of("phase") if "total" in event] == [1]


def prepare_again(tmp_path: Path, tiny_base: Path) -> Run:
    from lorabake.core.workspace import Workspace
    from lorabake.recipe.presets import load_recipe
    from lorabake.train.prepare import prepare_run
    from tests.bakes import TINY

    recipe = load_recipe("pdxl", {"model.base": str(tiny_base)} | TINY | {"epochs": 1})
    return prepare_run(
        Workspace.open(tmp_path / "workspace"),
        tmp_path / "second",
        scan_dataset(tmp_path / "data"),
        recipe,
        name="second",
        paths_allowed=True,
    )


def test_a_picture_edited_after_the_start_is_noticed(tmp_path: Path, tiny_base: Path) -> None:
    """The manifest is frozen: training must not use other pixels under an old name's hash."""
    run = prepare(tmp_path, tiny_base, epochs=1)
    from PIL import Image

    Image.new("RGB", (40, 40), (9, 9, 9)).save(tmp_path / "data" / "2_ohwx" / "02.png")
    with pytest.raises(TrainingError, match=r"02\.png"):
        train(run, Recorded())


def test_bf16_bakes_on_the_cpu(tmp_path: Path, tiny_base: Path) -> None:
    run, _, events = bake(tmp_path, tiny_base, epochs=1, mixed_precision="bf16")
    assert all(event["loss"] < 10 for event in events.of("step"))
    state = load_file(sorted(run.state_dir.iterdir())[-1] / "network.safetensors")
    assert {tensor.dtype for tensor in state.values()} == {torch.float32}, (
        "what is learned stays 32 bit"
    )


def test_the_same_seed_gives_the_same_file_and_another_seed_another(
    tmp_path: Path, tiny_base: Path
) -> None:
    first, second, other = (
        tensors(bake(tmp_path / name, tiny_base, epochs=1, seed=seed)[0])
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert same(first, second)
    assert not same(first, other)


def test_an_empty_plan_is_refused_before_anything_is_written(
    tmp_path: Path, tiny_base: Path
) -> None:
    from lorabake.core.errors import RecipeError
    from lorabake.core.workspace import Workspace
    from lorabake.recipe.presets import load_recipe
    from lorabake.train.prepare import prepare_run

    (tmp_path / "empty").mkdir()
    dataset = scan_dataset(tmp_path / "empty")
    assert make_plan(dataset, load_recipe("pdxl")).total_steps == 0
    with pytest.raises(RecipeError, match="no pictures"):
        prepare_run(
            Workspace.open(tmp_path / "w"), tmp_path / "run", dataset,
            load_recipe("pdxl", {"model.base": str(tiny_base), "bucket_reso_steps": 64}),
            name="x", paths_allowed=True,
        )  # fmt: skip
    assert not (tmp_path / "run").exists()
