"""Captions to what a U-Net listens to.

Long captions are cut into chunks of 75 tokens, as kohya's trainer does it: each chunk gets its own
start and end and goes through the encoders alone; the results are joined behind the first start.

B captions, C chunks, N different chunks, T = 75 C + 2 vectors, W width of one encoder, D of all
together, P of the pooled vector
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

from lorabake.engine.families.kept import Encoded, KeptChunks

if TYPE_CHECKING:
    from transformers import CLIPTokenizer

__all__ = ["Conditioning", "Encoder", "KeptChunks", "chunks_needed", "encode", "token_chunks"]

CHUNK = 75
MAX_CHUNKS = 20
START_ID, END_ID = 49406, 49407


class Conditioning(NamedTuple):
    """Encoded captions. context: (B, T, D); pooled: (B, P), a summary of the first chunk."""

    context: Tensor
    pooled: Tensor


@dataclass(frozen=True)
class Encoder:
    """One text encoder and what of it is listened to.

    skip: the layer, counted from the end; 1 is the last. normed: the final norm is applied to it,
    as SD 1.5 wants it. pooled: whether a summary is read too.
    """

    tokenizer: CLIPTokenizer
    module: nn.Module
    skip: int
    normed: bool = False
    pooled: bool = False


def encode(
    captions: Sequence[str],
    encoders: Sequence[Encoder],
    max_token_length: int | None,
    kept: KeptChunks | None = None,
) -> Conditioning:
    """Encode captions with all text encoders of a model.

    max_token_length: 75, 150 or 225 for that many tokens, whatever the captions' lengths; None
    for as many chunks as the longest caption needs. kept: where empty chunks are remembered.
    """
    if max_token_length is None:
        chunks = max(chunks_needed(captions, encoder.tokenizer) for encoder in encoders)
    else:
        chunks = max_token_length // CHUNK
    contexts, pooled = [], []
    for encoder in encoders:
        ids = token_chunks(captions, encoder.tokenizer, chunks)  # (B, C, 77)
        encoded = _run(encoder, ids, kept)
        contexts.append(_join(encoded.states))
        pooled.append(encoded.pooled)
    return Conditioning(torch.cat(contexts, dim=-1), torch.cat(pooled, dim=-1))


def chunks_needed(captions: Sequence[str], tokenizer: CLIPTokenizer) -> int:
    """Chunks that hold all tokens of the longest caption: at least 1."""
    longest = _tokens(captions, tokenizer, MAX_CHUNKS, padding="longest").shape[1] - 2
    return max(1, -(-longest // CHUNK))


def token_chunks(captions: Sequence[str], tokenizer: CLIPTokenizer, chunks: int) -> Tensor:
    """Token ids of captions, cut into chunks that each begin with START: (B, chunks, 77).

    As in kohya's trainer, the cut may fall in the middle of a tag. CLIP-L (SD 1.5, SDXL's first)
    pads with END, SDXL's second with id 0; there every chunk keeps at least one END, which it needs
    to be a sentence.
    """
    ids = _tokens(captions, tokenizer, chunks, padding="max_length")  # (B, 75 C + 2)
    pad = int(tokenizer.pad_token_id)
    made = torch.empty(len(ids), chunks, CHUNK + 2, dtype=torch.long)
    made[:, :, 0] = START_ID
    made[:, :, 1:-1] = ids[:, 1:-1].reshape(len(ids), chunks, CHUNK)
    made[:, :, -1] = ids[:, -1:]
    if pad != END_ID:
        text_to_the_end = (made[:, :, -2] != END_ID) & (made[:, :, -2] != pad)
        made[:, :, -1][text_to_the_end] = END_ID
        made[:, :, 1][made[:, :, 1] == pad] = END_ID
    return made


def _tokens(captions: Sequence[str], tokenizer: CLIPTokenizer, chunks: int, padding: str) -> Tensor:
    """START, the tokens of each caption, END, padding; what is too long is cut."""
    encoded: Any = tokenizer(
        list(captions),
        padding=padding,
        truncation=True,
        max_length=chunks * CHUNK + 2,
        return_tensors="pt",
    )
    ids: Tensor = encoded.input_ids
    return ids


def _run(encoder: Encoder, ids: Tensor, kept: KeptChunks | None) -> Encoded:
    """All chunks through one encoder: states (B, C, 77, W) and pooled (B, P).

    Chunks that occur more than once, such as the empty ones behind short captions, run once. While
    the encoder cannot change, the empty one runs once for all calls.
    """
    rows = ids.flatten(0, 1)  # (B C, 77)
    empty = _empty_chunk(encoder.tokenizer)
    is_empty = (rows == empty).all(dim=1)
    known = None
    if kept is not None and is_empty.any():
        known = kept.get(
            encoder.module,
            (encoder.skip, encoder.normed, encoder.pooled),
            lambda: forward(encoder, empty[None]),
        )
    if known is None:
        different, places = torch.unique(rows, dim=0, return_inverse=True)
        made = forward(encoder, different)
    else:
        different, others = torch.unique(rows[~is_empty], dim=0, return_inverse=True)
        places = torch.zeros(len(rows), dtype=torch.long)  # 0: the empty chunk, put in front
        places[~is_empty] = others + 1
        made = known.followed_by(forward(encoder, different)) if len(different) else known
    places = places.to(made.states.device)
    first = places.view(ids.shape[:2])[:, 0]
    return Encoded(made.states[places].unflatten(0, ids.shape[:2]), made.pooled[first])


def _empty_chunk(tokenizer: CLIPTokenizer) -> Tensor:
    """The chunk without any text: (77,)."""
    return torch.tensor([START_ID, END_ID, *[int(tokenizer.pad_token_id)] * CHUNK])


def forward(encoder: Encoder, ids: Tensor) -> Encoded:
    """Chunks (N, 77) through an encoder: states (N, 77, W), pooled (N, P)."""
    module: Any = encoder.module
    ids = ids.to(next(module.parameters()).device)
    output = module(ids, output_hidden_states=True)
    assert 1 <= encoder.skip < len(output.hidden_states), "clip skip leaves no layer"
    states = output.hidden_states[-encoder.skip]
    if encoder.normed:
        states = getattr(module, "text_model", module).final_layer_norm(states)
    pooled = _pooled(module, output, ids) if encoder.pooled else states.new_zeros(len(ids), 0)
    return Encoded(states, pooled)


def _pooled(module: nn.Module, output: Any, ids: Tensor) -> Tensor:
    """The vector at each chunk's END after the last layer and its norm, projected.

    Read here instead of from the output, as configs are known to name a wrong end token.
    """
    ends = (ids == END_ID).int().argmax(dim=-1)
    vectors = output.last_hidden_state[torch.arange(len(ids), device=ids.device), ends]
    projection: Any = module.text_projection
    pooled: Tensor = projection(vectors)
    return pooled


def _join(states: Tensor) -> Tensor:
    """(B, C, 77, W) to (B, 75 C + 2, W): one START, all texts, one END."""
    return torch.cat(
        [states[:, 0, :1], states[:, :, 1:-1].flatten(1, 2), states[:, -1, -1:]], dim=1
    )
