"""Second stage of the build: the text encoders by themselves.

The diffusion loss alone teaches them shapes, but not which colour belongs to which noun. A minute
of reading attributes back from their output does, and the U-Net then learns colours at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch

from .characters import random_character
from .models import new_part
from .stage import Progress, cosine, prepare
from .text import Reader, TextPair, random_captions, tokens, with_sparse_embedding


@dataclass(frozen=True, kw_only=True)
class TextSettings:
    steps: int = 900
    batch: int = 48
    lr: float = 2e-3
    seed: int = 2


def new_text() -> tuple[TextPair, Reader]:
    """Fresh encoders with trainable rows for the words in use, and their reader."""
    pair = TextPair(
        *(with_sparse_embedding(new_part(p)) for p in ("text_encoder", "text_encoder_2"))
    )
    return pair.train(), Reader()


def train_text(cache: Path, settings: TextSettings) -> None:
    """Leaves text.pt, with the weights of the encoders and of the reader, in the cache folder."""
    prepare(settings.seed)
    pair, reader = new_text()
    params = [*pair.parameters(), *reader.parameters()]
    optimizer = torch.optim.AdamW(
        params, settings.lr, betas=(0.9, 0.99), weight_decay=0, fused=True
    )
    progress = Progress(cache, "text", settings.steps)
    if state := progress.load():
        pair.load_state_dict(state["pair"])
        reader.load_state_dict(state["reader"])
        optimizer.load_state_dict(state["optimizer"])
    for step in range(progress.first, settings.steps):
        rng = Random(f"{settings.seed}:{step}")
        people = [random_character(rng) for _ in range(settings.batch)]
        captions, told = random_captions(people, settings.seed, step)
        context, pooled = pair(tokens(captions))
        loss, right = reader.loss(context, pooled, told)
        for group in optimizer.param_groups:
            group["lr"] = settings.lr * cosine(step, settings.steps)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(params, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        done = step + 1
        if done % 100 == 0:
            progress.note(done, loss=loss.item(), right=right)
        if progress.due(done):
            both = {"pair": pair.state_dict(), "reader": reader.state_dict()}
            progress.save(done, {**both, "optimizer": optimizer.state_dict()})
    torch.save({"pair": pair.state_dict(), "reader": reader.state_dict()}, cache / "text.pt")
