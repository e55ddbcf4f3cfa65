"""Latents of the training pictures, encoded once and kept by content.

The name of a cache file is made of the picture's bytes, its bucket and the VAE's weights. Edit a
picture, change the resolution or the VAE, and nothing stale can be used; undo it, and what was
there is found again. Mean and deviation are kept, so that every step draws a fresh latent.

h w: latents of the bucket, bucket / vae_factor.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from lorabake.core.buckets import cover_size
from lorabake.core.errors import Stopped, TrainingError
from lorabake.core.files import atomic_write_bytes, sha256_of
from lorabake.core.image import load_rgb, resize_cover
from lorabake.train.batches import TrainImage

if TYPE_CHECKING:
    from lorabake.engine.families.model import Model

MEMORY_LIMIT = 2 * 1024**3  # bytes of latents kept in memory; what is beyond is read per step


@dataclass(frozen=True)
class Latent:
    """Posterior of one picture, unscaled: mean and deviation, (4, h, w) each, fp16."""

    mean: Tensor
    std: Tensor


class LatentCache:
    """Latents by picture, from memory or disk. `fill` encodes what is missing."""

    def __init__(self, folder: Path | None, model: Model) -> None:
        self.folder = folder / weights_key(model.vae) if folder else None
        self._model = model
        self._kept: dict[str, Latent] = {}
        self._bytes = 0

    def fill(
        self,
        images: Iterable[TrainImage],
        on_progress: Callable[[int, int], None],
        should_stop: Callable[[], bool],
    ) -> int:
        """Encode the pictures that are not there yet; returns how many those were."""
        distinct = list({self._key(image): image for image in images}.values())
        missing = [image for image in distinct if not self._read(image)]
        if missing and self.folder:
            self.folder.mkdir(parents=True, exist_ok=True)
        for done, (image, rgb) in enumerate(_decoded(missing)):
            if should_stop():
                raise Stopped("Stopped while the pictures were being encoded; those done are kept.")
            _require_unchanged(image)
            self._write(image, self._encode(image, rgb))
            on_progress(done + 1, len(missing))
        return len(missing)

    def get(self, image: TrainImage) -> Latent:
        """The latent of a picture that `fill` has seen."""
        found = self._kept.get(self._key(image)) or self._read(image)
        if found is None:
            raise TrainingError(
                f"The cached latent of {image.path.name} has vanished from {self.folder}. "
                "Bake again; it is encoded anew."
            )
        return found

    def _key(self, image: TrainImage) -> str:
        return f"{image.sha256[:40]}_{image.bucket[0]}x{image.bucket[1]}"

    def _encode(self, image: TrainImage, rgb: Any) -> Latent:
        covering = cover_size((rgb.shape[1], rgb.shape[0]), image.bucket)
        fitted = resize_cover(rgb, resized=covering, bucket=image.bucket)
        pixels = torch.from_numpy(fitted).permute(2, 0, 1).unsqueeze(0)  # (1, 3, H, W) uint8
        with torch.no_grad():
            mean, std = self._model.encode_images(pixels.to(self._model.device).float() / 127.5 - 1)
        if not (torch.isfinite(mean).all() and torch.isfinite(std).all()):
            raise TrainingError(
                f"The VAE turned {image.path.name} into numbers that are not finite. Switch on No half "
                "VAE, or choose the fp16-fixed SDXL VAE."
            )
        return Latent(mean[0].half().cpu(), std[0].half().cpu())

    def _write(self, image: TrainImage, latent: Latent) -> None:
        if self.folder:
            data = safetensors.torch.save({"mean": latent.mean, "std": latent.std})
            atomic_write_bytes(self.folder / f"{self._key(image)}.safetensors", data)
        self._keep(image, latent)

    def _read(self, image: TrainImage) -> Latent | None:
        if self.folder is None:
            return self._kept.get(self._key(image))
        try:
            tensors = safetensors.torch.load_file(self.folder / f"{self._key(image)}.safetensors")
            latent = Latent(tensors["mean"], tensors["std"])
        except (OSError, SafetensorError, KeyError):
            return None
        self._keep(image, latent)
        return latent

    def _keep(self, image: TrainImage, latent: Latent) -> None:
        size = 2 * latent.mean.nbytes
        if self.folder is None or self._bytes + size <= MEMORY_LIMIT:
            self._kept[self._key(image)] = latent
            self._bytes += size


def _decoded(images: list[TrainImage]) -> Iterator[tuple[TrainImage, Any]]:
    """Pictures with their pixels; the next one is decoded while this one is encoded."""
    with ThreadPoolExecutor(1) as pool:
        ahead = [pool.submit(load_rgb, image.path) for image in images[:2]]
        for place, image in enumerate(images):
            rgb = ahead.pop(0).result()
            if place + 2 < len(images):
                ahead.append(pool.submit(load_rgb, images[place + 2].path))
            yield image, rgb


def _require_unchanged(image: TrainImage) -> None:
    """A picture edited since the run was set up must not be kept under the old one's hash."""
    if sha256_of(image.path) != image.sha256:
        raise TrainingError(
            f"{image.path.name} was changed after this bake was started. Start the bake anew, so "
            "that it takes the picture as it is now."
        )


def weights_key(module: torch.nn.Module) -> str:
    """A short name for a network's exact weights and number format."""
    digest = hashlib.blake2b(digest_size=12)
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
        flat = tensor.detach().cpu().contiguous().view(torch.uint8).reshape(-1)
        digest.update(flat.numpy().data)
    return digest.hexdigest()
