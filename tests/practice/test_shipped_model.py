"""The shipped model: small, whole, and with a VAE that keeps pictures sharp."""

import math
from random import Random

import pytest
import torch

from lorabake.engine.families.sdxl import load_model
from lorabake.engine.sample import sample
from lorabake.practice import MODEL_DIR
from lorabake.practice.characters import random_character
from lorabake.practice.evaluate import measure_vae
from lorabake.practice.judge import load_judge

MEGABYTES = 20


@pytest.fixture(scope="module")
def model() -> object:
    return load_model(MODEL_DIR)


def test_it_is_at_most_20_megabytes_of_safetensors() -> None:
    files = [path for path in MODEL_DIR.rglob("*") if path.is_file()]
    weights = [path for path in files if path.suffix == ".safetensors"]
    assert len(weights) == 4
    assert sum(path.stat().st_size for path in weights) <= MEGABYTES * 1_000_000
    assert {path.suffix for path in files} == {".safetensors", ".json"}


def test_every_weight_is_finite(model) -> None:
    for network in model.parts.values():
        for name, value in network.state_dict().items():
            assert value.isfinite().all(), name


def test_fresh_drawings_survive_the_vae(model) -> None:
    (figure,) = measure_vae(model)
    assert figure.value >= 27


def test_latents_are_standard(model) -> None:
    """No code has to know a factor: every channel has mean 0 and spread 1, roughly."""
    from lorabake.practice.judge import drawn

    pixels = drawn([random_character(Random(i)) for i in range(48)], "latents")
    with torch.no_grad():
        latents = model.scale_latents(model.encode_images(pixels)[0])
    assert latents.mean((0, 2, 3)).abs().max() < 0.15
    assert (latents.std((0, 2, 3)) - 1).abs().max() < 0.15


def test_it_paints_what_is_asked(model) -> None:
    """A few pictures only; `python -m lorabake.practice evaluate` measures it properly."""
    people = [random_character(Random(f"quick:{i}")) for i in range(8)]
    with torch.no_grad():
        pictures = sample(
            model,
            model.encode_prompts([", ".join(person.tags()) for person in people]),
            model.encode_prompts([""]),
            seeds=list(range(8)),
            width=64,
            height=64,
            steps=10,
        )
    answers = load_judge().answers(pictures)
    right = [answer["hair"] == person.hair for person, answer in zip(people, answers, strict=True)]
    assert math.isfinite(float(pictures.sum()))
    assert sum(right) >= 7
