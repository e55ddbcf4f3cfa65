"""The oven's parts: the model with its network, what one batch costs, and one optimizer step.

B batch, h w latents, T tokens, D width of the encoded text
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from lorabake.core.buckets import letterbox_offset
from lorabake.core.errors import DeviceError, TrainingError
from lorabake.engine.families.prompts import Conditioning
from lorabake.engine.loss import huber_c_for, loss_weights, masked, pointwise_loss
from lorabake.engine.noise import (
    add_noise,
    draw_timesteps,
    input_noise,
    training_noise,
    velocity,
)
from lorabake.engine.optimizers import OPTIMIZERS, build_optimizer
from lorabake.recipe.plan import peak_rate, rate_at
from lorabake.recipe.recipe import Recipe
from lorabake.train.batches import Batch, View, captions_of, view_of
from lorabake.train.checkpointing import Checkpointing
from lorabake.train.ema import Ema
from lorabake.train.latents import LatentCache
from lorabake.train.masks import Masks
from lorabake.train.remembered import Remembered

if TYPE_CHECKING:
    from lorabake.engine.families.model import Model
    from lorabake.engine.networks.base import Network


@dataclass(frozen=True)
class StepResult:
    """losses: one per picture, as a person compares them (weighted as they were trained).

    rates: the schedule's, by group. effective: what was applied, such as d × lr of Prodigy; {} where
    it is the same. scaled: layers that were cut down by Scale weight norms.
    """

    losses: list[float]
    rates: dict[str, float]
    grad_norm: float
    effective: dict[str, float]
    scaled: int = 0


class Oven:
    """A model with a network on it, its optimizer, and everything one step needs."""

    def __init__(
        self,
        model: Model,
        network: Network,
        recipe: Recipe,
        latents: LatentCache,
        total_steps: int,
        checkpointing: Checkpointing | None = None,
    ) -> None:
        self.model = model
        self.network = network
        self.recipe = recipe
        self.latents = latents
        self.total_steps = total_steps
        self.checkpointing = checkpointing or Checkpointing(model, 0.0)
        self.pieces = 1  # into how many parts a batch is cut because memory ran out
        self.alphas_cumprod = model.alphas_cumprod
        self.masks = Masks(recipe.optimizer.masked_loss, model.vae_factor)
        self.kind = OPTIMIZERS[recipe.optimizer.type]
        self.optimizer = build_optimizer(
            recipe.optimizer.type, _groups(network, recipe), recipe.optimizer.args
        )
        self.ema = Ema(network, recipe.optimizer.ema_decay) if recipe.optimizer.ema else None
        fp16 = model.dtype == torch.float16 and model.device.type == "cuda"
        self.scaler = torch.amp.GradScaler("cuda", enabled=fp16)
        self._encode_one = Remembered(self._encode_frozen)

    def step(self, step: int, batches: Sequence[Batch]) -> StepResult:
        """One optimizer step (from 0) over one or more batches.

        Raises TrainingError before the optimizer has moved when a loss is not finite.
        """
        rates = self._set_rates(step)
        losses: list[float] = []
        parts = len(batches)
        if self.recipe.general.kohya_exact:  # it divides the last, smaller group by the full number
            parts = self.recipe.general.gradient_accumulation_steps
        for batch in batches:
            losses += self._backward_within_memory(batch, step, share=1 / parts)
        self.scaler.unscale_(self.optimizer)
        norm = self._clip()
        if not self.scaler.is_enabled() and not torch.isfinite(norm):
            raise TrainingError(_not_finite("The gradients", step, batches))
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        limit = self.recipe.optimizer.scale_weight_norms
        scaled = self.network.scale_weight_norms(limit) if limit else 0
        if self.ema:
            self.ema.update(step + 1)
        effective = self.kind.effective_rates(self.optimizer)
        return StepResult(
            losses, rates, float(norm), effective if effective != rates else {}, scaled
        )

    @property
    def shape(self) -> tuple[int, float]:
        """How a batch is computed: in how many parts, and how much of it checkpointed."""
        return self.pieces, self.checkpointing.share

    def shape_note(self) -> str:
        """A sentence after memory ran out."""
        if self.pieces > 1:
            return (
                "The graphics card's memory was too small for the whole batch, so it is computed in "
                f"{self.pieces} parts. The result is the same; each step takes a little longer."
            )
        return (
            "The graphics card's memory was too small, so gradient checkpointing was switched on. "
            "The result is the same; each step takes about a third longer."
        )

    @contextmanager
    def at_rest(self) -> Iterator[None]:
        """Within, the weights are those to save and to look at; some optimizers train others."""
        self.kind.training(self.optimizer, False)
        try:
            yield
        finally:
            self.kind.training(self.optimizer, True)

    @contextmanager
    def without_network(self) -> Iterator[None]:
        """Within, the model is the plain base."""
        self.network.set_weight(0.0)
        try:
            yield
        finally:
            self.network.set_weight(1.0)

    def _backward_within_memory(self, batch: Batch, step: int, share: float) -> list[float]:
        """Losses of a batch, its gradients added. When memory runs out, activations are kept for
        fewer layers, and then the batch is cut into smaller parts.

        Neither changes anything but time: the loss is a mean over pictures whose randomness does
        not depend on their neighbours. Gradients of parts that were done are taken back first.
        """
        while True:
            before = [p.grad.clone() if p.grad is not None else None for p in self._parameters()]
            try:
                losses: list[float] = []
                for slots in _cut(len(batch.images), self.pieces):
                    each = self._losses(batch, slots)
                    if not torch.isfinite(each).all():
                        raise TrainingError(_not_finite("The loss", step, [batch]))
                    self.scaler.scale(each.sum() / len(batch.images) * share).backward()
                    losses += each.detach().tolist()
                return losses
            except torch.OutOfMemoryError as error:
                for parameter, gradient in zip(self._parameters(), before, strict=True):
                    parameter.grad = gradient
                torch.cuda.empty_cache()
                if self._can_checkpoint_more():
                    self.checkpointing.set(1.0)
                elif self.pieces < len(batch.images):
                    self.pieces = min(self.pieces * 2, len(batch.images))
                else:
                    raise DeviceError(_too_large(self.recipe)) from error
            finally:
                self.network.end_batch()

    def _can_checkpoint_more(self) -> bool:
        return (
            self.recipe.general.gradient_checkpointing == "auto" and self.checkpointing.share < 1.0
        )

    def _losses(self, batch: Batch, slots: range) -> Tensor:
        """The weighted loss of each picture in `slots` of a batch: (B,)."""
        recipe, device = self.recipe, self.model.device
        seed, number = recipe.general.seed, batch.number
        latents = self._latents(batch, slots).to(device)  # (B, 4, h, w)
        noise = self._noise(latents, number, slots)
        low, high = recipe.noise.min_timestep, recipe.noise.max_timestep
        timesteps = draw_timesteps(len(batch.images), seed, number, low, high)
        timesteps = timesteps[slots.start : slots.stop]
        abar = self.alphas_cumprod[timesteps].to(device)  # (B,)
        going_in = input_noise(
            noise,
            seed,
            number,
            slots,
            gamma=recipe.network.ip_noise_gamma,
            random_strength=recipe.noise.ip_noise_gamma_random_strength,
        )
        self.network.begin_batch(seed, number, slots.start)
        with self.autocast():
            conditioning = self._conditioning(batch, slots)
            predicted = self.model.predict(
                add_noise(latents, going_in, abar),
                timesteps.to(device),
                conditioning,
                self.time_ids(batch, slots),
            )
        target = velocity(latents, noise, abar) if self.model.prediction == "v" else noise
        losses = self._distance(batch, slots, predicted.float(), target, timesteps)
        return losses * self._weights(batch, slots, timesteps).to(losses)

    def _noise(self, latents: Tensor, number: int, slots: range) -> Tensor:
        noise = self.recipe.noise
        return training_noise(
            latents.shape,
            self.recipe.general.seed,
            number,
            slots,
            offset=noise.noise_offset,
            offset_random=noise.noise_offset_random_strength,
            multires_iterations=noise.multires_noise_iterations,
            multires_discount=noise.multires_noise_discount,
        ).to(latents.device)

    def _distance(
        self, batch: Batch, slots: range, predicted: Tensor, target: Tensor, timesteps: Tensor
    ) -> Tensor:
        """How far each prediction is from its target, under its mask: (B,)."""
        options = self.recipe.optimizer
        huber_c = None
        if options.loss_type in ("huber", "smooth_l1"):
            huber_c = huber_c_for(
                timesteps,
                self.alphas_cumprod,
                options.huber_schedule,
                options.huber_c,
                options.huber_scale,
            )
        loss = pointwise_loss(predicted, target, options.loss_type, huber_c)
        seed = self.recipe.general.seed
        mask = self.masks.of(view_of(batch, slot, seed) for slot in slots)
        if mask is not None:
            loss = masked(loss, mask.to(loss.device))
        return loss.mean(dim=(1, 2, 3))

    def _weights(self, batch: Batch, slots: range, timesteps: Tensor) -> Tensor:
        """How much each picture counts: by its noise level, and less or more for regularisation."""
        options = self.recipe.optimizer
        by_noise = loss_weights(
            self.alphas_cumprod,
            timesteps,
            prediction=self.model.prediction,
            min_snr_gamma=options.min_snr_gamma,
            debiased=options.debiased_estimation_loss,
            scale_v_like_noise=options.scale_v_pred_loss_like_noise_pred,
        )
        by_picture = torch.tensor([batch.images[slot].loss_weight for slot in slots])
        return by_noise * by_picture

    def _latents(self, batch: Batch, slots: range) -> Tensor:
        """A draw from each picture's posterior, scaled: (B, 4, h, w) on the CPU."""
        return self.model.scale_latents(self.latents.draw(batch, slots))

    def middle_latents(self, batch: Batch) -> Tensor:
        """The middle of each picture's posterior, scaled: (B, 4, h, w) on the CPU."""
        means = [self.latents.get(View(image)).mean.float() for image in batch.images]
        return self.model.scale_latents(torch.stack(means))

    def _conditioning(self, batch: Batch, slots: range) -> Conditioning:
        captions = captions_of(batch, self.recipe.general.seed, self.total_steps)
        wanted = captions[slots.start : slots.stop]
        if self.recipe.text_encoder_trains:
            return self.encode(wanted)
        # One by one, so that what is kept does not depend on who stood beside it.
        each = [self._encode_one(caption) for caption in wanted]
        return Conditioning(
            torch.cat([one.context for one in each]), torch.cat([one.pooled for one in each])
        )

    def encode(self, captions: Sequence[str]) -> Conditioning:
        """Captions as the recipe wants them encoded, with gradients where the encoders train."""
        general = self.recipe.general
        return self.model.encode_prompts(captions, general.max_token_length, general.clip_skip)

    def _encode_frozen(self, caption: str) -> Conditioning:
        with torch.no_grad():
            return self.encode([caption])

    def time_ids(self, batch: Batch, slots: range) -> Tensor | None:
        """What SDXL is told of sizes, as (height, width) and (top, left); None for SD 1.5."""
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

    def autocast(self) -> AbstractContextManager[Any]:
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


def _groups(network: Network, recipe: Recipe) -> list[dict[str, Any]]:
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
