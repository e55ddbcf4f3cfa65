"""Latents of the training pictures, encoded once and kept by content.

The name of a cache file is made of the picture's bytes, how it is cut, its matte and the VAE's
weights. Edit a picture, change the resolution or the VAE, and nothing stale can be used; undo it,
and what was there is found again. Mean and deviation are kept, so that every step draws a fresh
latent.

B batch; h w: latents of the bucket, bucket / vae_factor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from lorabake.core.buckets import cover_size
from lorabake.core.errors import DeviceError, Stopped, TrainingError
from lorabake.core.files import atomic_write_bytes, sha256_of
from lorabake.core.image import RGB, WHITE
from lorabake.engine.noise import generator
from lorabake.recipe.recipe import Recipe
from lorabake.train.batches import Batch, TrainImage, View, view_of
from lorabake.train.encoding import Job, decoded, free_bytes, grouped, weights_key
from lorabake.train.pixels import load_pixels, pixels_of

if TYPE_CHECKING:
    from lorabake.engine.families.model import Model

MEMORY_LIMIT = 2 * 1024**3  # bytes of latents kept in memory; what is beyond is read per step


@dataclass(frozen=True)
class Latent:
    """Posterior of one picture, unscaled: mean and deviation, (4, h, w) each, fp16."""

    mean: Tensor
    std: Tensor


class LatentCache:
    """Latents by view, from memory or disk. `fill` encodes what is missing.

    folder: None keeps them in memory only. Pictures that look different each time (colour, random
    crop), or all of them without cache_latents, are encoded at each step.
    """

    def __init__(self, folder: Path | None, model: Model, recipe: Recipe) -> None:
        self.folder = folder / weights_key(model.vae) if folder else None
        self._model = model
        self._cached = recipe.general.cache_latents
        self._exact = recipe.general.kohya_exact
        self._seed = recipe.general.seed
        self._kept: dict[str, Latent] = {}
        self._bytes = 0

    def fill(
        self,
        images: Iterable[TrainImage],
        on_progress: Callable[[int, int], None],
        should_stop: Callable[[], bool],
    ) -> int:
        """Encode the pictures that are not there yet; returns how many those were."""
        missing = self._missing(images)
        if missing and self.folder:
            self.folder.mkdir(parents=True, exist_ok=True)
        done = 0
        for group in decoded(grouped(missing, self._model.device.type, free_bytes(self._model))):
            if should_stop():
                raise Stopped("Stopped while the pictures were being encoded; those done are kept.")
            for image, _, _ in group:
                _require_unchanged(image)
            views = [view for _, views, _ in group for view in views]
            shown = [pixels_of(view, rgb) for _, views, rgb in group for view in views]
            for view, latent in zip(views, self._encode(views, shown), strict=True):
                self._write(view, latent)
            done += len(group)
            on_progress(done, len(missing))
        return len(missing)

    def keeps(self, image: TrainImage) -> bool:
        """Is this picture encoded once, and not at every step?"""
        return self._cached and image.fixed

    def get(self, view: View) -> Latent:
        """The latent of a view: one that `fill` has seen, or encoded now."""
        if not self.keeps(view.image):
            return self._encode([view], [pixels_of(view, load_pixels(view.image))])[0]
        found = self._kept.get(_key(view)) or self._read(view)
        if found is None:
            raise TrainingError(
                f"The cached latent of {view.image.path.name} has vanished from {self.folder}. "
                "Bake again; it is encoded anew."
            )
        return found

    def draw(self, batch: Batch, slots: range) -> Tensor:
        """Each picture of a batch as a sample of its posterior, unscaled: (B, 4, h, w) on the CPU.

        Fresh at each step; with kohya_exact always the same one, where latents are kept.
        """
        views = [view_of(batch, slot, self._seed) for slot in slots]
        return torch.stack(
            [
                sample(self.get(view), self._place(view, batch.number, slot))
                for view, slot in zip(views, slots, strict=True)
            ]
        )

    def _place(self, view: View, number: int, slot: int) -> torch.Generator:
        if self._exact and self.keeps(view.image):
            return generator(0, "latent for ever", _key(view))
        return generator(self._seed, "latent", number, slot)

    def _missing(self, images: Iterable[TrainImage]) -> list[Job]:
        """Pictures with those of their views, plain and mirrored, that are not there yet."""
        wanted: dict[str, View] = {}
        for image in images:
            if self.keeps(image):
                for view in [View(image), *([View(image, True)] if image.augment.flip_aug else [])]:
                    wanted.setdefault(_key(view), view)
        jobs: dict[tuple[str, str], Job] = {}
        for view in wanted.values():
            if not self._read(view):
                name = (view.image.sha256, _key(View(view.image)))
                jobs.setdefault(name, (view.image, []))[1].append(view)
        return list(jobs.values())

    def _encode(self, views: Sequence[View], shown: Sequence[RGB]) -> list[Latent]:
        """Pictures of one bucket through the VAE together; in halves when memory is too small."""
        pixels = torch.stack([torch.from_numpy(rgb).permute(2, 0, 1) for rgb in shown])
        try:
            with torch.no_grad():
                mean, std = self._model.encode_images(
                    pixels.to(self._model.device).float() / 127.5 - 1
                )
        except torch.OutOfMemoryError as error:
            torch.cuda.empty_cache()
            if len(views) == 1:
                raise DeviceError(
                    f"The graphics card has too little memory to encode {views[0].image.path.name}. "
                    "Close other programs that use it, or lower the resolution."
                ) from error
            half = len(views) // 2
            return self._encode(views[:half], shown[:half]) + self._encode(
                views[half:], shown[half:]
            )
        for view, one_mean, one_std in zip(views, mean, std, strict=True):
            if not (torch.isfinite(one_mean).all() and torch.isfinite(one_std).all()):
                raise TrainingError(
                    f"The VAE turned {view.image.path.name} into numbers that are not finite. Switch "
                    "on No half VAE, or choose the fp16-fixed SDXL VAE."
                )
        mean, std = mean.half().cpu(), std.half().cpu()
        return [Latent(_own(m), _own(s)) for m, s in zip(mean, std, strict=True)]

    def _write(self, view: View, latent: Latent) -> None:
        if self.folder:
            data = safetensors.torch.save({"mean": latent.mean, "std": latent.std})
            atomic_write_bytes(self.folder / f"{_key(view)}.safetensors", data)
        self._keep(view, latent)

    def _read(self, view: View) -> Latent | None:
        if self.folder is None:
            return self._kept.get(_key(view))
        try:
            tensors = safetensors.torch.load_file(self.folder / f"{_key(view)}.safetensors")
            latent = Latent(tensors["mean"], tensors["std"])
        except (OSError, SafetensorError, KeyError):
            return None
        self._keep(view, latent)
        return latent

    def _keep(self, view: View, latent: Latent) -> None:
        size = 2 * latent.mean.nbytes
        if self.folder is None or self._bytes + size <= MEMORY_LIMIT:
            self._kept[_key(view)] = latent
            self._bytes += size


def sample(latent: Latent, draw: torch.Generator) -> Tensor:
    """mean + deviation · noise: (4, h, w), fp32."""
    noise = torch.randn(latent.mean.shape, generator=draw)
    return latent.mean.float() + latent.std.float() * noise


def _own(tensor: Tensor) -> Tensor:
    """A copy by itself, so that keeping one picture does not keep its whole batch."""
    return tensor.clone(memory_format=torch.contiguous_format)


def _key(view: View) -> str:
    """What decides a latent besides the VAE, as the name of a file."""
    image, parts = view.image, []
    if image.resized != cover_size(image.size, image.bucket):
        parts.append(f"of{image.resized[0]}x{image.resized[1]}")
    if image.augment.matte.lower() != WHITE:
        parts.append(image.augment.matte.lower().removeprefix("#"))
    if view.flipped:
        parts.append("mirrored")
    return "_".join([image.sha256[:40], f"{image.bucket[0]}x{image.bucket[1]}", *parts])


def _require_unchanged(image: TrainImage) -> None:
    """A picture edited since the run was set up must not be kept under the old one's hash."""
    if sha256_of(image.path) != image.sha256:
        raise TrainingError(
            f"{image.path.name} was changed after this bake was started. Start the bake anew, so "
            "that it takes the picture as it is now."
        )
