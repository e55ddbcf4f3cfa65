"""Captions to what SDXL's U-Net listens to.

Long captions are cut into chunks of 75 tokens, as kohya's trainer does it: each chunk gets its own
start and end and goes through the encoders alone; the results are joined behind the first start.

B captions, C chunks, T = 75 C + 2 vectors, D width of both encoders together, P of the pooled one
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from transformers import CLIPTokenizer

CHUNK = 75
MAX_CHUNKS = 20
START_ID, END_ID = 49406, 49407


class Conditioning(NamedTuple):
    """Encoded captions. context: (B, T, D); pooled: (B, P), a summary of the first chunk."""

    context: Tensor
    pooled: Tensor


def encode(
    captions: Sequence[str],
    tokenizers: tuple[CLIPTokenizer, CLIPTokenizer],
    encoders: tuple[nn.Module, nn.Module],
    max_token_length: int | None,
) -> Conditioning:
    """Encode captions with both text encoders.

    max_token_length: 75, 150 or 225 for that many tokens, whatever the captions' lengths; None
    for as many chunks as the longest caption needs.
    """
    if max_token_length is None:
        chunks = max(chunks_needed(captions, tokenizer) for tokenizer in tokenizers)
    else:
        chunks = max_token_length // CHUNK
    contexts = []
    for tokenizer, encoder in zip(tokenizers, encoders, strict=True):
        ids = token_chunks(captions, tokenizer, chunks)  # (B, C, 77)
        penultimate, pooled = _run(encoder, ids)
        contexts.append(_join(penultimate))
    return Conditioning(torch.cat(contexts, dim=-1), pooled)


def chunks_needed(captions: Sequence[str], tokenizer: CLIPTokenizer) -> int:
    """Chunks that hold all tokens of the longest caption: at least 1."""
    longest = _tokens(captions, tokenizer, MAX_CHUNKS, padding="longest").shape[1] - 2
    return max(1, -(-longest // CHUNK))


def token_chunks(captions: Sequence[str], tokenizer: CLIPTokenizer, chunks: int) -> Tensor:
    """Token ids of captions, cut into chunks that each begin with START: (B, chunks, 77).

    As in kohya's trainer, the cut may fall in the middle of a tag. The first encoder pads with
    END, the second with id 0; there every chunk keeps at least one END, which it needs to be a
    sentence.
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


def _run(encoder: nn.Module, ids: Tensor) -> tuple[Tensor, Tensor]:
    """All chunks through one encoder: its last layer but one, (B, C, 77, width), and pooled (B, P).

    Chunks that occur more than once, such as the empty ones behind short captions, run once.
    """
    device = next(encoder.parameters()).device
    shape = ids.shape
    different, places = torch.unique(ids.flatten(0, 1), dim=0, return_inverse=True)
    output = encoder(different.to(device), output_hidden_states=True)
    places = places.to(device)
    penultimate = output.hidden_states[-2][places].unflatten(0, shape[:2])
    first = places.reshape(shape[:2])[:, 0]
    return penultimate, _pooled(encoder, output, different.to(device))[first]


def _pooled(encoder: nn.Module, output: Any, ids: Tensor) -> Tensor:
    """The vector at each chunk's END after the last layer and its norm, projected where it can be.

    Read here instead of from the output, as configs are known to name a wrong end token.
    """
    ends = (ids == END_ID).int().argmax(dim=-1)
    vectors = output.last_hidden_state[torch.arange(len(ids), device=ids.device), ends]
    projection = getattr(encoder, "text_projection", None)
    pooled: Tensor = vectors if projection is None else projection(vectors)
    return pooled


def _join(states: Tensor) -> Tensor:
    """(B, C, 77, width) to (B, 75 C + 2, width): one START, all texts, one END."""
    return torch.cat(
        [states[:, 0, :1], states[:, :, 1:-1].flatten(1, 2), states[:, -1, -1:]], dim=1
    )
