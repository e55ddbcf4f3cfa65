"""A stage that was stopped goes on where it was, and ends with the same weights."""

from pathlib import Path

import pytest
import torch

from lorabake.practice import stage
from lorabake.practice.pool import make_pool
from lorabake.practice.stage import Average, Progress, cosine
from lorabake.practice.text import junk_words, random_captions, tokens, used_tokens
from lorabake.practice.train_text import TextSettings, train_text
from lorabake.practice.train_unet import framed, spread_timesteps


def test_a_stopped_stage_ends_as_if_it_had_not_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "SAVE_EVERY", 2)
    settings = TextSettings(steps=4, batch=4)
    train_text(tmp_path / "whole", settings)

    saves = Progress.save

    def stop_after(self: Progress, step: int, state: dict[str, object]) -> None:
        saves(self, step, state)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Progress, "save", stop_after)
        with pytest.raises(KeyboardInterrupt):
            train_text(tmp_path / "stopped", settings)
    train_text(tmp_path / "stopped", settings)

    whole, stopped = (
        torch.load(tmp_path / name / "text.pt", weights_only=True) for name in ("whole", "stopped")
    )
    for name, value in whole["pair"].items():
        assert torch.equal(value, stopped["pair"][name]), name


def test_pools_are_the_same_every_time() -> None:
    first, second = make_pool(6, 1, clutter=1.0), make_pool(6, 1, clutter=1.0)
    assert (first.pixels == second.pixels).all()
    assert first.characters == second.characters


def test_every_noise_level_is_in_every_batch() -> None:
    times = spread_timesteps(20, torch.Generator().manual_seed(0)).sort().values
    assert (times.div(50, rounding_mode="floor") == torch.arange(20)).all()


def test_crops_are_told_to_the_model() -> None:
    chance = torch.Generator().manual_seed(0)
    whole, ids = framed(torch.zeros(3, 4, 16, 16), 0, chance)
    assert whole.shape == (3, 4, 16, 16)
    assert ids[:, 4:].tolist() == [[64, 64]] * 3
    narrow, ids = framed(torch.zeros(3, 4, 16, 16), 9, chance)
    assert narrow.shape == (3, 4, 16, 12)
    assert ids[:, 4:].tolist() == [[64, 48]] * 3


def test_rates_rise_then_fall() -> None:
    rates = [cosine(step, 1000) for step in range(1000)]
    assert rates[0] < rates[50] < rates[99] == pytest.approx(1)
    assert rates[-1] == pytest.approx(0.02, abs=1e-3)


def test_the_average_follows_the_weights() -> None:
    layer = torch.nn.Linear(2, 2)
    average = Average(layer, 0.9)
    with torch.no_grad():
        layer.weight.fill_(1.0)
    for step in range(200):
        average.update(layer, step)
    assert torch.allclose(average.weights(layer)["weight"], torch.ones(2, 2), atol=1e-3)


def test_junk_says_nothing_about_the_picture() -> None:
    assert not {"hair", "red", "hat", "solo"} & set(junk_words())
    assert len(junk_words()) > 10_000
    assert len(used_tokens()) < 150


def test_captions_depend_on_seed_and_step_only() -> None:
    people = list(make_pool(4, 3, size=8).characters)
    assert random_captions(people, 1, 2)[0] == random_captions(people, 1, 2)[0]
    assert random_captions(people, 1, 2)[0] != random_captions(people, 1, 3)[0]
    first, second = tokens(["red hat", ""])
    assert first.shape == second.shape == (2, 77)
