"""Prompts to what a U-Net listens to, as AUTOMATIC1111's web UI makes them for pictures.

Unlike captions in training, a prompt is cut at commas, its chunks keep their own start and end, and
parts of it may count more than others.

C chunks, W width of one encoder, D of all together, P of the pooled vector
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from lorabake.engine.families.emphasis import Piece, weigh
from lorabake.engine.families.prompts import CHUNK, END_ID, START_ID, Conditioning, Encoder, forward

if TYPE_CHECKING:
    from transformers import CLIPTokenizer

COMMA_ID = 267
LOOK_BACK = 20  # tokens at a chunk's end among which a comma is looked for


@dataclass(frozen=True)
class Chunk:
    """START, 75 tokens, END, and the weight of each: 77 and 77."""

    ids: tuple[int, ...]
    weights: tuple[float, ...]


def encode_weighted(prompt: str, encoders: Sequence[Encoder]) -> Conditioning:
    """One prompt through all text encoders: context (1, 77 C, D), pooled (1, P) of chunk one."""
    pieces = weigh(prompt)
    contexts, pooled = [], []
    for encoder in encoders:
        chunks = chunks_of(pieces, encoder.tokenizer)
        ids = torch.tensor([_padded(chunk.ids, encoder.tokenizer) for chunk in chunks])
        encoded = forward(encoder, ids)
        weights = torch.tensor([chunk.weights for chunk in chunks])
        states = emphasised(encoded.states, weights.to(encoded.states.device))
        contexts.append(states.flatten(0, 1)[None])
        pooled.append(encoded.pooled[:1])
    return Conditioning(torch.cat(contexts, dim=-1), torch.cat(pooled, dim=-1))


def emphasised(states: Tensor, weights: Tensor) -> Tensor:
    """Vectors times the weights of their tokens, each chunk brought back to its mean from before.

    The web UI's emphasis "Original". states: (C, 77, W); weights: (C, 77).
    """
    if bool((weights == 1).all()):
        return states
    weighed = states * weights.to(states.dtype)[..., None]
    before, after = states.mean(dim=(1, 2)), weighed.mean(dim=(1, 2))
    return weighed * (before / after)[:, None, None]


def chunks_of(pieces: Iterable[Piece], tokenizer: CLIPTokenizer) -> list[Chunk]:
    """A prompt's tokens in chunks of 75, at least one.

    A tag that would be cut at a chunk's end goes into the next one as a whole, when its comma is
    among the last 20 tokens.
    """
    filling = _Filling()
    for piece in pieces:
        if piece.breaks:
            filling.close()
            continue
        for token in tokenizer(piece.text, add_special_tokens=False).input_ids:
            filling.add(token, piece.weight)
    if filling.ids or not filling.done:
        filling.close()
    return filling.done


class _Filling:
    """A chunk that is being filled, and those before it. comma: where its last comma stands."""

    def __init__(self) -> None:
        self.done: list[Chunk] = []
        self._begin([], [])

    def _begin(self, ids: list[int], weights: list[float]) -> None:
        self.ids = ids
        self.weights = weights
        self.comma: int | None = None

    def add(self, token: int, weight: float) -> None:
        if len(self.ids) == CHUNK:
            near = self.comma is not None and CHUNK - self.comma <= LOOK_BACK
            if token != COMMA_ID and self.comma is not None and near:
                cut = self.comma + 1
                tail = self.ids[cut:], self.weights[cut:]
                del self.ids[cut:], self.weights[cut:]
                self.close()
                self._begin(*tail)
            else:
                self.close()
        elif token == COMMA_ID:
            self.comma = len(self.ids)
        self.ids.append(token)
        self.weights.append(weight)

    def close(self) -> None:
        room = CHUNK - len(self.ids)
        self.done.append(
            Chunk(
                (START_ID, *self.ids, *[END_ID] * room, END_ID),
                (1.0, *self.weights, *[1.0] * room, 1.0),
            )
        )
        self._begin([], [])


def _padded(ids: Sequence[int], tokenizer: CLIPTokenizer) -> list[int]:
    """SDXL's second encoder is filled up with another token than END."""
    end = ids.index(END_ID) + 1
    return [*ids[:end], *[int(tokenizer.pad_token_id)] * (len(ids) - end)]
