"""The CLIP tokenizers of every Stable Diffusion family, built from the merges shipped here.

A single-file checkpoint holds no tokenizer, and all of them use the same one: OpenAI's byte-pair
encoding. Keeping its merges beside this file (200 kB) makes loading a checkpoint work offline.
"""

from __future__ import annotations

import functools
import gzip
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import CLIPTokenizer

MERGES_FILE = Path(__file__).parent / "data" / "clip_merges.txt.gz"
MAX_TOKENS = 77
START, END = "<|startoftext|>", "<|endoftext|>"


@functools.cache
def tokenizer_l() -> CLIPTokenizer:
    """The tokenizer of SD 1.5 and of SDXL's first text encoder; pads with the end token."""
    return _build(pad=END)


@functools.cache
def tokenizer_g() -> CLIPTokenizer:
    """The tokenizer of SDXL's second text encoder; pads with "!", whose id is 0."""
    return _build(pad="!")


def _build(pad: str) -> CLIPTokenizer:
    from transformers import CLIPTokenizer

    return CLIPTokenizer(
        vocab=clip_vocabulary(),
        merges=clip_merges(),
        pad_token=pad,
        model_max_length=MAX_TOKENS,
    )


@functools.cache
def clip_merges() -> list[tuple[str, str]]:
    """The byte-pair merges, best first."""
    with gzip.open(MERGES_FILE, "rt", encoding="utf-8") as file:
        return [(left, right) for left, right in (line.split() for line in file)]


def clip_vocabulary() -> dict[str, int]:
    """Token to id: bytes, bytes at a word's end, merges in order, then the two special tokens."""
    symbols = _byte_symbols()
    tokens = [*symbols, *(f"{symbol}</w>" for symbol in symbols)]
    tokens += ["".join(pair) for pair in clip_merges()]
    tokens += [START, END]
    return {token: index for index, token in enumerate(tokens)}


def _byte_symbols() -> list[str]:
    """One printable character for each of the 256 bytes, in CLIP's order.

    Printable Latin-1 stands for itself and comes first; the rest is moved up to U+0100 and on,
    so that no token contains a space or a control character.
    """
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = 256 - len(printable)
    return [chr(code) for code in printable] + [chr(0x100 + index) for index in range(others)]
