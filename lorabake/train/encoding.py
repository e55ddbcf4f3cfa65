"""How pictures get to the VAE: decoded ahead, several of one bucket together; and which VAE it is."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import torch

from lorabake.core.buckets import Size
from lorabake.core.cpus import cpu_count
from lorabake.core.image import RGB
from lorabake.train.batches import TrainImage, View
from lorabake.train.pixels import load_pixels

if TYPE_CHECKING:
    from lorabake.engine.families.model import Model

Job = tuple[TrainImage, list[View]]
"""A picture and the views of it that are wanted."""
Decoded = tuple[TrainImage, list[View], RGB]

CPU_PIXELS = 1024 * 1024  # together; more neither helps two cores nor fits small memories
CPU_PICTURES = 4
GPU_PICTURES = 16
# Working memory of SDXL's VAE while it encodes, in fp32: six maps of 128 channels at full size.
BYTES_PER_PIXEL = 6 * 128 * 4
FREE_SHARE = 0.5  # of the card's free memory that may be used for it
AHEAD = 4  # pictures decoded before they are needed


def free_bytes(model: Model) -> int:
    """Free memory of the model's card; 0 where it is not a card."""
    if model.device.type != "cuda":
        return 0
    free: int = torch.cuda.mem_get_info(model.device)[0]
    return free


def pictures_at_once(bucket: Size, device: str, free: int) -> int:
    """How many pictures of a bucket go through the VAE together."""
    pixels = bucket[0] * bucket[1]
    if device == "cuda":
        return max(1, min(GPU_PICTURES, int(free * FREE_SHARE) // (pixels * BYTES_PER_PIXEL)))
    return max(1, min(CPU_PICTURES, CPU_PIXELS // pixels))


def grouped(jobs: Iterable[Job], device: str, free: int) -> list[list[Job]]:
    """Jobs in groups of one bucket, each as many views as fit together, or one picture."""
    groups: list[list[Job]] = []
    open_groups: dict[Size, list[Job]] = {}
    for image, views in jobs:
        group = open_groups.get(image.bucket)
        used = sum(len(others) for _, others in group or ())
        if group is None or used + len(views) > pictures_at_once(image.bucket, device, free):
            group = open_groups[image.bucket] = []
            groups.append(group)
        group.append((image, views))
    return groups


def decoded(groups: list[list[Job]]) -> Iterator[list[Decoded]]:
    """Groups with their pixels; the next pictures are decoded while one is being encoded."""
    jobs = (job for group in groups for job in group)
    waiting: deque[Future[Any]] = deque()
    with ThreadPoolExecutor(2) as pool:

        def prepare(count: int) -> None:
            for image, _ in _first(jobs, count):
                waiting.append(pool.submit(load_pixels, image))

        prepare(AHEAD)
        for group in groups:
            ready: list[Decoded] = []
            for image, views in group:
                ready.append((image, views, waiting.popleft().result()))
                prepare(1)
            yield ready


def _first(jobs: Iterator[Job], count: int) -> Iterator[Job]:
    for _ in range(count):
        if (job := next(jobs, None)) is None:
            return
        yield job


def weights_key(module: torch.nn.Module) -> str:
    """A short name for a network's exact weights and number format.

    SHA-256, which processors compute themselves, and of several tensors at a time: 0.2 s for the
    335 MB of SDXL's VAE where BLAKE2 takes 0.4 s.
    """
    state = sorted(module.state_dict().items())
    with ThreadPoolExecutor(min(4, cpu_count())) as pool:
        hashes = pool.map(_tensor_hash, [tensor for _, tensor in state])
        whole = hashlib.blake2b(digest_size=12)
        for (name, tensor), tensor_hash in zip(state, hashes, strict=True):
            whole.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode() + tensor_hash)
    return whole.hexdigest()


def _tensor_hash(tensor: torch.Tensor) -> bytes:
    flat = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
    return hashlib.sha256(flat.numpy().data).digest()
