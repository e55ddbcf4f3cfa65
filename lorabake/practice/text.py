"""How captions reach the networks: tokens, embeddings, and a reader that checks their meaning."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from random import Random
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lorabake.engine.clip_tokenizer import tokenizer_g, tokenizer_l

from . import characters
from .characters import VALUES, Caption, Character

# B batch, T = 77 tokens, D = 64 width of both encoders together, P = 32 width of the pooled vector

READ_FIELDS = tuple(VALUES)[:13]
"""The fields a caption can tell; the stranger's traits have no words."""


@functools.cache
def junk_words() -> list[str]:
    """Whole words of CLIP's vocabulary, plain letters only; no word that the captions use."""
    used = {word for tag in _all_tags() for word in tag.split()}
    vocabulary = tokenizer_l().get_vocab()
    words = (token[:-4] for token in vocabulary if token.endswith("</w>"))
    return sorted(w for w in words if w.isascii() and w.isalpha() and w not in used and len(w) > 2)


def _all_tags() -> list[str]:
    colours = {*characters.HAIR, *characters.EYES, *characters.CLOTH, *characters.BACKGROUND}
    things = ("hair", "eyes", "background", "dark skin", "glasses", "blush")
    worlds = (characters.STYLES, characters.HEADWEAR, characters.OUTFITS, characters.EXPRESSIONS)
    named = [name for world in worlds for name in world]
    return [*colours, *things, *named, *characters.SEXES, *characters.QUALITY_WORDS]


@functools.cache
def used_tokens() -> list[int]:
    """Ids of all tokens that the tags need: the only rows of the embeddings that are trained."""
    ids = {int(i) for tag in [*_all_tags(), ","] for i in tokenizer_l()(tag).input_ids}
    return sorted(ids | {0})  # 0 is "!", with which the second encoder's prompts are filled up


def tokens(captions: list[str]) -> tuple[Tensor, Tensor]:
    """Ids for the two encoders, each (B, T)."""
    both = [
        tokenizer(captions, padding="max_length", truncation=True, return_tensors="pt").input_ids
        for tokenizer in (tokenizer_l(), tokenizer_g())
    ]
    return both[0], both[1]


class SparseEmbedding(nn.Module):
    """CLIP's full table of 49,408 words, of which only the rows in use are parameters.

    The others are random signs: distinct from each other, so that an unknown trigger word can be
    learned by a LoRA, and compressible.
    """

    frozen: Tensor
    slots: Tensor

    def __init__(self, rows: int, width: int, used: list[int], spread: float = 0.25) -> None:
        super().__init__()
        signs = (torch.rand(rows, width) < 0.5).float() * 2 - 1
        self.trained = nn.Parameter(signs[used] * spread)
        signs[used] = 0
        slots = torch.full((rows,), len(used))
        slots[torch.tensor(used)] = torch.arange(len(used))
        self.register_buffer("frozen", signs * spread, persistent=True)
        self.register_buffer("slots", slots, persistent=True)

    def forward(self, ids: Tensor) -> Tensor:
        rows = torch.cat([self.trained, self.trained.new_zeros(1, self.trained.shape[1])])
        return F.embedding(ids, self.frozen) + F.embedding(self.slots[ids], rows)

    def table(self) -> Tensor:
        """The whole table, as a stock nn.Embedding holds it."""
        return self(torch.arange(len(self.slots)))


class TextPair(nn.Module):
    """Both text encoders, with SDXL's conventions."""

    def __init__(self, first: Any, second: Any) -> None:
        super().__init__()
        self.first, self.second = first, second

    def forward(self, ids: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Last-but-one hidden states side by side (B, T, D), and the pooled vector (B, P)."""
        one = self.first(ids[0], output_hidden_states=True)
        two = self.second(ids[1], output_hidden_states=True)
        context = torch.cat([one.hidden_states[-2], two.hidden_states[-2]], dim=-1)
        return context, two.text_embeds


def embeddings_of(encoder: Any) -> Any:
    """The module that holds token_embedding, in both classes of text encoder."""
    return getattr(encoder, "text_model", encoder).embeddings


def with_sparse_embedding(encoder: Any) -> Any:
    """The encoder with its word table replaced, for training."""
    home = embeddings_of(encoder)
    rows, width = home.token_embedding.weight.shape
    home.token_embedding = SparseEmbedding(rows, width, used_tokens())
    return encoder


class Reader(nn.Module):
    """Reads the attributes back from the encoders' output, to teach them what words go together.

    One learned query per field attends over the context; a linear head answers with one of the
    field's values or "not told". The pooled vector is read by heads of its own.
    """

    def __init__(self, width: int = 64, pooled: int = 32) -> None:
        super().__init__()
        self.queries = nn.Parameter(torch.randn(len(READ_FIELDS), width) * 0.3)
        self.keys = nn.Linear(width, width)
        self.values = nn.Linear(width, width)
        sizes = [len(VALUES[name]) + 1 for name in READ_FIELDS]
        self.heads = nn.ModuleList(nn.Linear(width, size) for size in sizes)
        self.pooled_heads = nn.ModuleList(nn.Linear(pooled, size) for size in sizes)

    def forward(self, context: Tensor, pooled: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Answers from the context and from the pooled vector: per field (B, values + 1)."""
        scores = self.queries @ self.keys(context).transpose(1, 2) / context.shape[-1] ** 0.5
        found = scores.softmax(-1) @ self.values(context)  # (B, fields, D)
        return (
            [head(found[:, index]) for index, head in enumerate(self.heads)],
            [head(pooled) for head in self.pooled_heads],
        )

    def loss(self, context: Tensor, pooled: Tensor, told: Tensor) -> tuple[Tensor, float]:
        """Cross-entropy of both readings, and the share of right answers from the context.

        told: (B, fields) class numbers from told_labels.
        """
        answers, pooled_answers = self(context, pooled)
        total = context.new_zeros(())
        right = 0.0
        for index, (answer, other) in enumerate(zip(answers, pooled_answers, strict=True)):
            truth = told[:, index]
            total = total + F.cross_entropy(answer, truth) + 0.5 * F.cross_entropy(other, truth)
            right += (answer.argmax(-1) == truth).float().mean().item()
        return total / len(answers), right / len(answers)


def told_labels(people: Iterable[Character], captions: Iterable[Caption]) -> Tensor:
    """(B, fields): the value of every field that the caption tells, else the count of values."""
    rows = []
    for person, caption in zip(people, captions, strict=True):
        numbers = dict(zip(VALUES, characters.labels(person), strict=True))
        rows.append(
            [numbers[name] if name in caption.told else len(VALUES[name]) for name in READ_FIELDS]
        )
    return torch.tensor(rows)


def random_captions(people: list[Character], seed: int, step: int) -> tuple[list[str], Tensor]:
    """A fresh caption for each person and what it tells; the same for the same seed and step."""
    rng = Random(f"{seed}:{step}:captions")
    made = [training_caption_of(person, rng) for person in people]
    return [caption.text for caption in made], told_labels(people, made)


def training_caption_of(person: Character, rng: Random) -> Caption:
    return characters.training_caption(person, rng, junk_words())
