"""Says what is in a picture: a small classifier trained on drawings, never on samples.

Half of its training pictures have passed through the VAE, because everything the model paints has.
Its own accuracy is measured on fresh drawings in tests/practice.
"""

from __future__ import annotations

import functools
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .characters import VALUES, Character, labels, random_character
from .draw import SPLIT_COLOUR, draw
from .models import new_part
from .muon import Both, is_matrix
from .stage import Progress, cosine, prepare

logger = logging.getLogger(__name__)

JUDGE_FILE = Path(__file__).parent / "judge.safetensors"
TRAITS = ("split_hair", "star", "scarf")
"""What only the sample project's character has."""


class Judge(nn.Module):
    """Five strided convolutions and one linear head per field of a Character."""

    def __init__(self, widths: Sequence[int] = (16, 32, 64, 96, 96)) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for width in widths:
            layers += [
                nn.Conv2d(before, width, 3, stride=2, padding=1),
                nn.GroupNorm(8, width),
                nn.SiLU(),
            ]
            before = width
        self.body = nn.Sequential(*layers, nn.Flatten())
        self.heads = nn.ModuleDict(
            {name: nn.Linear(before * 4, len(values)) for name, values in VALUES.items()}
        )

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        """pixels: (B, 3, 64, 64) between -1 and 1. Result: scores (B, values) for every field."""
        found = self.body(pixels)
        return {name: head(found) for name, head in self.heads.items()}

    @torch.no_grad()
    def answers(self, pixels: Tensor) -> list[dict[str, str]]:
        """For every picture, field by field, the value that is most likely drawn."""
        scores = self(F.interpolate(pixels, (64, 64), mode="area") if _big(pixels) else pixels)
        best = {name: score.argmax(-1).tolist() for name, score in scores.items()}
        return [
            {name: VALUES[name][choices[index]] for name, choices in best.items()}
            for index in range(len(pixels))
        ]


def _big(pixels: Tensor) -> bool:
    return tuple(pixels.shape[-2:]) != (64, 64)


@functools.cache
def load_judge() -> Judge:
    from safetensors.torch import load_file

    judge = Judge()
    judge.load_state_dict({name: t.float() for name, t in load_file(JUDGE_FILE).items()})
    return judge.eval()


@dataclass(frozen=True, kw_only=True)
class JudgeSettings:
    steps: int = 2200
    batch: int = 64
    pool: int = 12000
    lr: float = 2e-3
    muon_lr: float = 0.02
    seed: int = 5


def judge_character(rng: Random) -> Character:
    """A random character that may have any of the stranger's traits, each by itself."""
    person = random_character(rng)
    has_split = person.hair != SPLIT_COLOUR and rng.random() < 0.3
    if has_split and rng.random() < 0.5:
        person = replace(person, hair="pink")
    return replace(person, split_hair=has_split, star=rng.random() < 0.3, scarf=rng.random() < 0.35)


def drawn(people: Sequence[Character], seed: str) -> Tensor:
    """The drawings of these characters: (B, 3, 64, 64) between -1 and 1."""
    images = [draw(person, Random(f"{seed}:{i}")) for i, person in enumerate(people)]
    pixels = np.stack([np.asarray(image).transpose(2, 0, 1) for image in images])
    return torch.from_numpy(pixels).float() / 127.5 - 1


@torch.no_grad()
def through_vae(vae: Any, pixels: Tensor, batch: int = 50) -> Tensor:
    """What the VAE makes of the pictures."""
    parts = []
    for part in pixels.split(batch):
        with torch.autocast("cpu", torch.bfloat16):
            parts.append(vae.decode(vae.encode(part).latent_dist.mean).sample.float().clamp(-1, 1))
    return torch.cat(parts)


def train_judge(cache: Path, settings: JudgeSettings) -> None:
    """Leaves judge.safetensors beside this module."""
    from safetensors.torch import save_file

    prepare(settings.seed)
    people, pixels = _lessons(cache, settings)
    truth = torch.tensor([labels(person) for person in people])
    judge = Judge().train()
    named = list(judge.named_parameters())
    optimizer = Both(
        [p for n, p in named if is_matrix(n, p)],
        [p for n, p in named if not is_matrix(n, p)],
        muon_lr=settings.muon_lr,
        adam_lr=settings.lr,
    )
    progress = Progress(cache, "judge", settings.steps)
    for step in range(settings.steps):  # two minutes: not worth going on from the middle
        chance = torch.Generator().manual_seed(settings.seed * 1_000_003 + step)
        chosen = torch.randint(len(pixels), (settings.batch,), generator=chance)
        batch = varied(pixels[chosen].float() / 127.5 - 1, chance)
        loss = _loss(judge(batch), truth[chosen % len(people)])
        loss.backward()
        optimizer.step(cosine(step, settings.steps))
        if (step + 1) % 250 == 0:
            progress.note(step + 1, loss=loss.item())
    weights = {name: tensor.half().contiguous() for name, tensor in judge.state_dict().items()}
    save_file(weights, JUDGE_FILE, metadata={"settings": json.dumps(vars(settings))})


def _lessons(cache: Path, settings: JudgeSettings) -> tuple[list[Character], Tensor]:
    """Characters, and their drawings twice over: as drawn, and half of them through the VAE."""
    people = [judge_character(Random(f"{settings.seed}:{i}")) for i in range(settings.pool)]
    clean = drawn(people, str(settings.seed))
    vae = new_part("vae").eval()
    vae.load_state_dict(torch.load(cache / "vae.pt", weights_only=True))
    half = settings.pool // 2
    blurred = torch.cat([through_vae(vae, clean[:half]), clean[half:]])
    both = torch.cat([clean, blurred])
    return people, ((both + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def varied(pixels: Tensor, chance: torch.Generator) -> Tensor:
    """Small shifts, noise and changes of brightness, so that no single pixel decides."""
    down, right = torch.randint(-2, 3, (2,), generator=chance).tolist()
    moved = torch.roll(pixels, (down, right), (2, 3))
    shape = (len(pixels), 3, 1, 1)
    tint = torch.randn(shape, generator=chance) * 0.03
    return moved + tint + torch.randn(pixels.shape, generator=chance) * 0.03


def _loss(scores: dict[str, Tensor], truth: Tensor) -> Tensor:
    """Cross-entropy over all fields; split hair has no single colour and is left out there."""
    columns = dict(zip(VALUES, truth.unbind(1), strict=True))
    total = truth.new_zeros((), dtype=torch.float32)
    for name, score in scores.items():
        losses = F.cross_entropy(score, columns[name], reduction="none", label_smoothing=0.02)
        if name == "hair":
            losses = losses * (columns["split_hair"] == 0)
        total = total + losses.mean()
    return total / len(scores)
