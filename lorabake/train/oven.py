"""The oven's parts: the model with its network, what one batch costs, and one optimizer step.

B batch, h w latents, T tokens, D width of the encoded text
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from lorabake.core.buckets import letterbox_offset
from lorabake.core.errors import DeviceError, TrainingError
from lorabake.engine.families.prompts import Conditioning
from lorabake.engine.noise import (
    add_noise,
    draw_noise,
    draw_timesteps,
    min_snr_weight,
    perturbed,
    signal_to_noise,
)
from lorabake.engine.optimizers import build_optimizer
from lorabake.recipe.plan import peak_rate, rate_at
from lorabake.recipe.recipe import Recipe
from lorabake.train.batches import Batch, captions_of, view_of
from lorabake.train.latents import LatentCache

if TYPE_CHECKING:
    from lorabake.engine.families.model import Model
    from lorabake.engine.networks.lora_network import LoraNetwork


@dataclass(frozen=True)
class StepResult:
    """losses: one per picture, as a person compares them (after min-SNR). rates: by group."""

    losses: list[float]
    rates: dict[str, float]
    grad_norm: float


class Oven:
    """A model with a LoRA on it, its optimizer, and everything one step needs."""

    def __init__(
        self,
        model: Model,
        network: LoraNetwork,
        recipe: Recipe,
        latents: LatentCache,
        total_steps: int,
    ) -> None:
        self.model = model
        self.network = network
        self.recipe = recipe
        self.latents = latents
        self.total_steps = total_steps
        self.pieces = 1  # into how many parts a batch is cut because memory ran out
        self.alphas_cumprod = model.alphas_cumprod
        self.optimizer = build_optimizer(
            recipe.optimizer.type, _groups(network, recipe), recipe.optimizer.args
        )
        fp16 = model.dtype == torch.float16 and model.device.type == "cuda"
        self.scaler = torch.amp.GradScaler("cuda", enabled=fp16)
        self._encode_one = lru_cache(maxsize=256)(self._encode_frozen)

    def step(self, step: int, batches: Sequence[Batch]) -> StepResult:
        """One optimizer step (from 0) over one or more batches.

        Raises TrainingError before the optimizer has moved when a loss is not finite.
        """
        rates = self._set_rates(step)
        losses: list[float] = []
        for batch in batches:
            losses += self._backward_within_memory(batch, share=1 / len(batches))
        self.scaler.unscale_(self.optimizer)
        norm = self._clip()
        if not self.scaler.is_enabled() and not torch.isfinite(norm):
            raise TrainingError(_not_finite("The gradients", step, batches))
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        return StepResult(losses, rates, float(norm))

    def _backward_within_memory(self, batch: Batch, share: float) -> list[float]:
        """Losses of a batch, its gradients added; cut into smaller parts when memory runs out.

        Cutting changes nothing but time: the loss is a mean over pictures whose randomness does
        not depend on their neighbours. Gradients of parts that were done are taken back first.
        """
        while True:
            before = [p.grad.clone() if p.grad is not None else None for p in self._parameters()]
            try:
                losses: list[float] = []
                for slots in _cut(len(batch.images), self.pieces):
                    each = self._losses(batch, slots)
                    if not torch.isfinite(each).all():
                        raise TrainingError(_not_finite("The loss", batch.number, [batch]))
                    self.scaler.scale(each.sum() / len(batch.images) * share).backward()
                    losses += each.detach().tolist()
                return losses
            except torch.OutOfMemoryError as error:
                for parameter, gradient in zip(self._parameters(), before, strict=True):
                    parameter.grad = gradient
                torch.cuda.empty_cache()
                if self.pieces >= len(batch.images):
                    raise DeviceError(_too_large(self.recipe)) from error
                self.pieces = min(self.pieces * 2, len(batch.images))

    def _losses(self, batch: Batch, slots: range) -> Tensor:
        """The weighted loss of each picture in `slots` of a batch: (B,)."""
        recipe, device = self.recipe, self.model.device
        latents = self._latents(batch, slots).to(device)  # (B, 4, h, w)
        seed = recipe.general.seed
        shape = (len(batch.images), *latents.shape[1:])
        noise = draw_noise(shape, seed, "noise", batch.number)[slots.start : slots.stop].to(device)
        timesteps = draw_timesteps(len(batch.images), seed, batch.number)[slots.start : slots.stop]
        abar = self.alphas_cumprod[timesteps]  # (B,)
        going_in = noise
        if gamma := recipe.network.ip_noise_gamma:
            fresh = draw_noise(shape, seed, "ip_noise", batch.number)[slots.start : slots.stop]
            going_in = perturbed(noise, gamma, fresh.to(device))
        noisy = add_noise(latents, going_in, abar.to(device))
        with self._autocast():
            conditioning = self._conditioning(batch, slots)
            predicted = self.model.predict(
                noisy, timesteps.to(device), conditioning, self._time_ids(batch, slots)
            )
        losses = (predicted.float() - noise).square().mean(dim=(1, 2, 3))
        if recipe.optimizer.min_snr_gamma:
            snr = signal_to_noise(abar)
            losses = losses * min_snr_weight(snr, recipe.optimizer.min_snr_gamma).to(losses)
        return losses

    def _latents(self, batch: Batch, slots: range) -> Tensor:
        """A draw from each picture's posterior, scaled: (B, 4, h, w) on the CPU."""
        return self.model.scale_latents(self.latents.draw(batch, slots))

    def _conditioning(self, batch: Batch, slots: range) -> Conditioning:
        captions = captions_of(batch, self.recipe.general.seed, self.total_steps)
        wanted = captions[slots.start : slots.stop]
        if self.recipe.text_encoder_trains:
            return self.model.encode_prompts(wanted, self.recipe.general.max_token_length)
        # One by one, so that what is kept does not depend on who stood beside it.
        each = [self._encode_one(caption) for caption in wanted]
        return Conditioning(
            torch.cat([one.context for one in each]), torch.cat([one.pooled for one in each])
        )

    def _encode_frozen(self, caption: str) -> Conditioning:
        with torch.no_grad():
            return self.model.encode_prompts([caption], self.recipe.general.max_token_length)

    def _time_ids(self, batch: Batch, slots: range) -> Tensor:
        """What SDXL is told of sizes, as (height, width) and (top, left)."""
        seed = self.recipe.general.seed
        views = [view_of(batch, slot, seed) for slot in slots]
        images = [view.image for view in views]
        return self.model.time_ids(
            original=[(image.size[1], image.size[0]) for image in images],
            crop=[
                letterbox_offset(view.image.size, view.image.bucket, flipped=view.flipped)[::-1]
                for view in views
            ],
            target=[(image.bucket[1], image.bucket[0]) for image in images],
        )

    def _autocast(self) -> AbstractContextManager[Any]:
        if self.model.dtype == torch.float32:
            return nullcontext()
        return torch.autocast(self.model.device.type, self.model.dtype)

    def _set_rates(self, step: int) -> dict[str, float]:
        rates: dict[str, float] = {}
        for group in self.optimizer.param_groups:
            group["lr"] = rate_at(step, self.total_steps, group["name"], self.recipe)
            rates[group["name"]] = group["lr"]
        return rates

    def _clip(self) -> Tensor:
        limit = self.recipe.optimizer.max_grad_norm or float("inf")
        return torch.nn.utils.clip_grad_norm_(self._parameters(), limit)

    def _parameters(self) -> list[torch.nn.Parameter]:
        return [p for group in self.optimizer.param_groups for p in group["params"]]


def _groups(network: LoraNetwork, recipe: Recipe) -> list[dict[str, Any]]:
    """Parameter groups by part, each with its own learning rate."""
    groups = []
    for part, parameters in network.parameter_groups().items():
        groups.append({"params": parameters, "lr": peak_rate(part, recipe), "name": part})
    return groups


def _cut(count: int, pieces: int) -> list[range]:
    """range(count) in `pieces` parts of nearly equal length, in order."""
    edges = [count * piece // pieces for piece in range(pieces + 1)]
    return [range(a, b) for a, b in pairwise(edges) if b > a]


def _not_finite(what: str, number: int, batches: Sequence[Batch]) -> str:
    names = sorted({image.path.name for batch in batches for image in batch.images})
    return (
        f"{what} became infinite or not a number at step {number + 1}, with {', '.join(names[:8])}"
        f"{' and others' if len(names) > 8 else ''}. What was learned before is saved. Look at these "
        "pictures, lower the learning rate, or train in bf16 or full precision."
    )


def _too_large(recipe: Recipe) -> str:
    advice = []
    if recipe.general.gradient_checkpointing == "off":
        advice.append("switch on Gradient checkpointing")
    if recipe.general.batch_size > 1:
        advice.append("set Batch size to 1")
    if recipe.text_encoder_trains:
        advice.append("set the TE learning rate to 0")
    advice.append(f"lower the Resolution below {recipe.general.resolution}")
    return f"The graphics card ran out of memory even with one picture at a time. Try this, in order: {'; '.join(advice)}."
