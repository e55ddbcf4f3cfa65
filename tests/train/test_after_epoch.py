"""Between two epochs: the smoothed copy, held-out loss, sample images, old files, a LoRA to go on from."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from lorabake.core.errors import ModelFileError
from lorabake.engine.device import DeviceInfo
from lorabake.engine.families import load_model
from lorabake.engine.networks import attach
from lorabake.recipe.memory import Estimate
from lorabake.recipe.presets import load_recipe
from lorabake.train.checkpointing import Checkpointing, share_for
from lorabake.train.loop import train
from lorabake.train.prepare import load_setup
from tests.bakes import Recorded, bake, prepare

torch.set_num_threads(1)


def test_the_smoothed_copy_lags_behind_and_the_plain_file_does_not_change(
    tmp_path: Path, tiny_base: Path
) -> None:
    plain, *_ = bake(tmp_path / "plain", tiny_base)
    both, *_ = bake(tmp_path / "both", tiny_base, ema=True, ema_decay=0.8)
    last, smooth = (
        load_file(both.folder / f"tiny-03{suffix}.safetensors") for suffix in ("", "-ema")
    )
    first = load_file(both.folder / "tiny-01.safetensors")
    without = load_file(plain.folder / "tiny-03.safetensors")
    assert all(torch.equal(last[name], without[name]) for name in last)
    assert sorted(path.name for path in both.folder.glob("*-ema.safetensors")) == [
        f"tiny-0{epoch}-ema.safetensors" for epoch in (1, 2, 3)
    ]
    ups = [name for name in last if name.endswith("lora_up.weight")]
    far = sum((last[name] - first[name]).float().norm() ** 2 for name in ups)
    lag = sum((last[name] - smooth[name]).float().norm() ** 2 for name in ups)
    assert 0 < lag < far
    # the page and the grid see one file for each epoch
    assert [found.epoch for found in both.checkpoints()] == [1, 2, 3]


def test_held_out_pictures_are_measured_and_not_trained_on(tmp_path: Path, tiny_base: Path) -> None:
    run, _, events = bake(tmp_path, tiny_base, validation_split=0.3, unet_lr=3e-3)
    plan = load_setup(run).plan
    assert (plan.images, plan.validation_images) == (3, 2)
    found = events.of("validation")
    assert [event["epoch"] for event in found] == [1, 2, 3]
    assert len({event["base"] for event in found}) == 1
    assert len({event["loss"] for event in found}) == 3
    for event in found:
        assert len(event["by_timestep"]) == 4
        assert event["loss"] == pytest.approx(sum(event["by_timestep"]) / 4)

    again, _, second = bake(tmp_path / "again", tiny_base, validation_split=0.3, unet_lr=3e-3)
    assert [e["loss"] for e in second.of("validation")] == [e["loss"] for e in found]
    # measuring changes nothing of what is learned
    seldom, *_ = bake(
        tmp_path / "seldom",
        tiny_base,
        validation_split=0.3,
        unet_lr=3e-3,
        validate_every_n_epochs=3,
    )
    one, other = (load_file(r.checkpoints()[-1].path) for r in (again, seldom))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_an_untrained_network_measures_as_the_base_model(tmp_path: Path, tiny_base: Path) -> None:
    changes = {"optimizer.type": "adamw", "unet_lr": 1e-12, "text_encoder_lr": 1e-12}
    _, _, events = bake(tmp_path, tiny_base, validation_split=0.3, epochs=1, **changes)
    (event,) = events.of("validation")
    assert event["loss"] == pytest.approx(event["base"], rel=1e-6)


def test_samples_are_drawn_and_change_nothing(tmp_path: Path, tiny_base: Path) -> None:
    prompts = "ohwx, smile --w 32 --h 48 --s 2 --d 7\nohwx, hat --s 2 --l 1 --n bad"
    run, _, events = bake(
        tmp_path / "with", tiny_base, sample_every_n_epochs=2, sample_prompts=prompts
    )
    drawn = events.of("sample")
    assert [(event["epoch"], event["path"]) for event in drawn] == [
        (2, "02-01.png"),
        (2, "02-02.png"),
        (3, "03-01.png"),
        (3, "03-02.png"),
    ]
    with Image.open(run.previews_dir / "03-01.png") as picture:
        assert picture.size == (32, 48)
        text = picture.text["parameters"]  # type: ignore[attr-defined]
        assert text.startswith("ohwx, smile\nSteps: 2, Sampler: Euler a")
        assert "Seed: 7, Size: 32x48, Epoch: 3" in text
    without, *_ = bake(tmp_path / "without", tiny_base)
    one, other = (load_file(r.checkpoints()[-1].path) for r in (run, without))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_only_the_last_epochs_are_kept(tmp_path: Path, tiny_base: Path) -> None:
    run, result, _ = bake(tmp_path, tiny_base, epochs=4, save_last_n_epochs=2, ema=True)
    kept = ["tiny-03-ema", "tiny-03", "tiny-04-ema", "tiny-04"]
    assert sorted(path.stem for path in run.folder.glob("*.safetensors")) == sorted(kept)
    assert [checkpoint.epoch for checkpoint in result.checkpoints] == [3, 4]


def test_a_bake_goes_on_from_another_ones_file(tmp_path: Path, tiny_base: Path) -> None:
    first, *_ = bake(tmp_path, tiny_base, name="first", save_precision="float")
    second = prepare(
        tmp_path,
        tiny_base,
        name="second",
        network_weights="first/first-03.safetensors",
        dim_from_weights=True,
        network_dim=16,
        save_precision="float",
        unet_lr=1e-12,
        text_encoder_lr=1e-12,
        epochs=1,
    )
    train(second, Recorded())
    one, other = (load_file(r.checkpoints()[-1].path) for r in (first, second))
    assert one.keys() == other.keys()
    for name in one:
        assert torch.allclose(one[name], other[name], rtol=1e-3, atol=1e-7), name


@pytest.mark.parametrize(
    "name", ["first-03.safetensors", "../../x.safetensors", "no/such.safetensors"]
)
def test_a_lora_that_is_not_there_is_named(tmp_path: Path, tiny_base: Path, name: str) -> None:
    with pytest.raises(ModelFileError, match="to start from"):
        prepare(tmp_path, tiny_base, network_weights=name)


def test_checkpointing_is_spread_and_changes_nothing_but_time(
    tmp_path: Path, tiny_base: Path
) -> None:
    model = load_model(tiny_base)
    shares = [0.0, 0.25, 0.5, 0.75, 1.0]
    reached = []
    gradients = []
    network = attach(model, load_recipe("pdxl").network, 3)
    for layer in network.layers.values():  # an untrained network has no gradients downwards
        for parameter in layer.parameters():
            if parameter.requires_grad:
                torch.nn.init.normal_(
                    parameter, std=0.01, generator=torch.Generator().manual_seed(1)
                )
    for share in shares:
        checkpointing = Checkpointing(model, 0.0)
        checkpointing.set(share)
        reached.append(checkpointing.share)
        conditioning = model.encode_prompts(["ohwx"], 75)
        noisy = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(2))
        ids = model.time_ids([(32, 32)], [(0, 0)], [(32, 32)])
        model.predict(noisy, torch.tensor([400]), conditioning, ids).square().mean().backward()
        gradients.append([p.grad.clone() for p in network.parameters() if p.grad is not None])
        for parameter in network.parameters():
            parameter.grad = None
    assert reached == sorted(reached)
    assert (reached[0], reached[-1]) == (0.0, 1.0)
    for wanted, got in zip(shares, reached, strict=True):
        assert abs(wanted - got) < 0.2
    assert gradients[0]
    for other in gradients[1:]:
        assert all(
            torch.allclose(a, b, atol=1e-7) for a, b in zip(gradients[0], other, strict=True)
        )


def test_checkpointing_is_as_much_as_memory_asks_for() -> None:
    room = DeviceInfo("cpu", "CPU", 8_000_000)
    none = DeviceInfo("cpu", "CPU", 1)
    guess = Estimate(weights=1000, fixed=100, plain=2000, checkpointed=500)
    auto = load_recipe("pdxl", {"gradient_checkpointing": "auto"})
    assert share_for(auto, guess, none) == 1.0
    assert share_for(auto, Estimate(1, 1, 2, 1), room) == 0.0
    assert share_for(auto, None, room) == 1.0
    assert share_for(load_recipe("pdxl", {"gradient_checkpointing": "on"}), guess, room) == 1.0
    assert share_for(load_recipe("pdxl", {"gradient_checkpointing": "off"}), guess, none) == 0.0
