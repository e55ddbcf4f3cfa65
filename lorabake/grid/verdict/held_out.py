"""The loss of the same pictures with the same noise at the same noise levels, in every cell.

B pictures of one bucket, h w latents
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from lorabake.core.buckets import letterbox_offset
from lorabake.core.concept_settings import overridden
from lorabake.core.dataset import Concept, Dataset, DatasetImage
from lorabake.core.errors import DeviceError, LorabakeError
from lorabake.core.files import sha256_of
from lorabake.core.image import load_rgb, resize_cover
from lorabake.engine.families.prompts import Conditioning
from lorabake.engine.fixed_noise import fixed_losses, picture_noise, spread_timesteps
from lorabake.engine.networks.switch import LoraSwitch
from lorabake.recipe.pictures import caption_as_written, held_out_pictures, training_pictures
from lorabake.recipe.plan import fit_of
from lorabake.recipe.recipe import Recipe

if TYPE_CHECKING:
    from lorabake.engine.families.model import Model

PURPOSE = "verdict"
TOGETHER = 4
TOGETHER_SMALL = 24  # latents of up to 32 x 32


@dataclass(frozen=True)
class Chosen:
    """A picture whose loss is measured."""

    image: DatasetImage
    concept: Concept


@dataclass(frozen=True)
class Choice:
    """held_out: they were not trained on, so that their loss says more than what was memorised."""

    pictures: tuple[Chosen, ...]
    held_out: bool


def choose_pictures(dataset: Dataset, recipe: Recipe, most: int) -> Choice:
    """The run's held-out share, or else some of the pictures it was trained on.

    Those that are gone or were changed since are left out. Of many, those with the smallest hashes,
    taken from the concepts in turn, so that the choice is the same every time.
    """
    held_out = held_out_pictures(dataset, recipe)
    found = held_out or [one for one in training_pictures(dataset, recipe) if not one.is_reg]
    by_concept: dict[str, dict[str, Chosen]] = {}
    for picture in sorted(found, key=lambda picture: picture.image.sha256):
        chosen = Chosen(picture.image, picture.concept)
        by_concept.setdefault(picture.concept.name, {}).setdefault(chosen.image.sha256, chosen)
    waiting = [list(pictures.values()) for pictures in by_concept.values()]
    taken: list[Chosen] = []
    while len(taken) < most and any(waiting):
        for pictures in waiting:
            while pictures and len(taken) < most:
                one = pictures.pop(0)
                if is_unchanged(one.image):
                    taken.append(one)
                    break
    return Choice(tuple(taken), bool(held_out))


def is_unchanged(image: DatasetImage) -> bool:
    """Is the picture still the one that was trained on?"""
    try:
        return sha256_of(image.path) == image.sha256
    except (OSError, LorabakeError):
        return False


@dataclass(frozen=True)
class Ready:
    """Pictures of one bucket, encoded once. latents, and noise at each level: (B, 4, h, w)."""

    places: tuple[int, ...]
    captions: tuple[str, ...]
    latents: Tensor
    noise: tuple[Tensor, ...]
    timesteps: tuple[Tensor, ...]
    time_ids: Tensor | None


class LossMeter:
    """The pictures of a choice, ready to be measured with whatever network is on the model."""

    def __init__(
        self, model: Model, recipe: Recipe, choice: Choice, *, levels: int, seed: int
    ) -> None:
        self.model = model
        self.recipe = recipe
        self.count = len(choice.pictures)
        self.levels = levels
        self._alphas = model.alphas_cumprod
        self._fit = fit_of(recipe)
        times = spread_timesteps(self.count, levels, seed, PURPOSE)
        self._ready = [
            self._make_ready(places, [choice.pictures[place] for place in places], times, seed)
            for places in self._groups(choice.pictures)
        ]
        self._heard: list[Conditioning] | None = None

    def losses(self, switch: LoraSwitch, *, text_weight: float) -> list[float]:
        """Each picture's mean over its noise levels, as things stand on the model.

        text_weight: of the LoRA in the text encoders; texts are encoded once where it does nothing.
        """
        heard = self._heard
        if switch.changes_text or heard is None:
            switch.set_prompt_weight(text_weight)
            heard = [self._hear(ready.captions) for ready in self._ready]
            self._heard = None if switch.changes_text else heard
        found = [0.0] * self.count
        for ready, conditioning in zip(self._ready, heard, strict=True):
            sums = torch.zeros(len(ready.places))
            for noise, times in zip(ready.noise, ready.timesteps, strict=True):
                sums += self._one_level(ready, conditioning, noise, times)
            for place, total in zip(ready.places, sums.tolist(), strict=True):
                found[place] = total / self.levels
        if not all(math.isfinite(value) for value in found):
            raise DeviceError(
                "The loss of a picture came out infinite or not a number, so this file is broken, or "
                "the model overflows in half precision. Switch on No half VAE, or bake in bf16."
            )
        return found

    def _one_level(self, ready: Ready, heard: Conditioning, noise: Tensor, times: Tensor) -> Tensor:
        """(B,) on the CPU; one picture at a time when memory is too small for all."""
        try:
            with torch.inference_mode():
                return fixed_losses(
                    self.model,
                    ready.latents,
                    noise,
                    times,
                    heard,
                    ready.time_ids,
                    self._alphas,
                ).cpu()
        except torch.OutOfMemoryError:
            if len(ready.places) == 1:
                raise DeviceError(
                    "The graphics card ran out of memory with a single picture. Close other programs "
                    "that use it, then measure again."
                ) from None
            torch.cuda.empty_cache()
        parts = [self._one_level(*_row(ready, heard, noise, times, n)) for n in range(len(times))]
        return torch.cat(parts)

    def _hear(self, captions: Sequence[str]) -> Conditioning:
        general = self.recipe.general
        with torch.inference_mode():
            return self.model.encode_prompts(captions, general.max_token_length, general.clip_skip)

    def _groups(self, pictures: Sequence[Chosen]) -> list[tuple[int, ...]]:
        """Places of pictures that share a bucket, as many as are measured together."""
        buckets: dict[tuple[int, int], list[int]] = {}
        for place, one in enumerate(pictures):
            size = (one.image.width, one.image.height)
            buckets.setdefault(self._fit(size).bucket, []).append(place)
        groups = []
        for bucket, places in sorted(buckets.items()):
            small = bucket[0] * bucket[1] <= (32 * self.model.vae_factor) ** 2
            most = TOGETHER_SMALL if small else TOGETHER
            groups += [tuple(places[start : start + most]) for start in range(0, len(places), most)]
        return groups

    def _make_ready(
        self, places: tuple[int, ...], some: Sequence[Chosen], times: list[list[int]], seed: int
    ) -> Ready:
        device = self.model.device
        latents = torch.stack([self._latent(one) for one in some])
        images = [one.image for one in some]
        buckets = [self._fit((image.width, image.height)).bucket for image in images]
        sizes = [(image.width, image.height) for image in images]
        return Ready(
            places=places,
            captions=tuple(caption_of(one, self.recipe) for one in some),
            latents=latents.to(device),
            noise=tuple(
                torch.stack(
                    [
                        picture_noise(latents.shape[1:], seed, PURPOSE, image.sha256, level)
                        for image in images
                    ]
                ).to(device)
                for level in range(self.levels)
            ),
            timesteps=tuple(
                torch.tensor([times[place][level] for place in places])
                for level in range(self.levels)
            ),
            time_ids=self.model.time_ids(
                original=[size[::-1] for size in sizes],
                crop=[
                    letterbox_offset(size, bucket)[::-1]
                    for size, bucket in zip(sizes, buckets, strict=True)
                ],
                target=[bucket[::-1] for bucket in buckets],
            ),
        )

    def _latent(self, one: Chosen) -> Tensor:
        """The middle of a picture's posterior, scaled: (4, h, w)."""
        fit = self._fit((one.image.width, one.image.height))
        matte = overridden(self.recipe.augment, one.concept.settings).matte
        rgb = load_rgb(one.image.path, matte)
        cut = resize_cover(rgb, resized=fit.resized, bucket=fit.bucket)
        pixels = torch.from_numpy(cut).permute(2, 0, 1)[None].float() / 127.5 - 1
        with torch.inference_mode():
            middle, _ = self.model.encode_images(pixels.to(self.model.device))
        return self.model.scale_latents(middle)[0]


def measure_file(
    meter: LossMeter,
    switch: LoraSwitch,
    weights: Sequence[float],
    on_cell: Callable[[float, list[float]], None],
) -> None:
    """The cells of the file that is loaded, told one by one."""
    for weight in weights:
        with torch.inference_mode():
            switch.set_weights([weight])
        on_cell(weight, meter.losses(switch, text_weight=weight))


def strength(switch: LoraSwitch) -> float:
    """‖ΔW‖ / ‖W‖ over the layers that the loaded file changes; 0 for a file of zeros."""
    network = switch.network
    if network is None:
        return 0.0
    changed = whole = 0.0
    with torch.no_grad():
        for layer in network.layers.values():
            changed += float(layer.delta().float().square().sum())
            whole += float(layer.weight.float().square().sum())
    return math.sqrt(changed / whole) if whole else 0.0


def caption_of(one: Chosen, recipe: Recipe) -> str:
    """As the text encoders hear it, without anything that varies."""
    return caption_as_written(one.image.lines, overridden(recipe.captions, one.concept.settings))


def _row(
    ready: Ready, heard: Conditioning, noise: Tensor, times: Tensor, at: int
) -> tuple[Any, ...]:
    """One picture of a group by itself."""
    part = slice(at, at + 1)
    alone = Ready(
        ready.places[part],
        ready.captions[part],
        ready.latents[part],
        ready.noise,
        ready.timesteps,
        None if ready.time_ids is None else ready.time_ids[part],
    )
    return alone, type(heard)(*(side[part] for side in heard)), noise[part], times[part]
