"""How many tokens a caption has, and where each chunk of 75 begins; without loading a model.

The tokenizer is CLIP's, built from the merges shipped beside this file with the `tokenizers`
library alone: transformers, which training uses, takes seconds to import. Both give the same
tokens; a test compares them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

from lorabake.engine.clip_tokenizer import END, START, clip_merges, clip_vocabulary

if TYPE_CHECKING:
    from tokenizers import Tokenizer

CHUNK: Final = 75  # tokens between the start and end tokens of CLIP's 77
MAX_TEXT: Final = 64 * 1024  # characters that are looked at
_REMEMBERED: Final = 20_000  # captions
_HALVES: Final = re.compile("[\ud800-\udfff]")
# What CLIP cuts words by: the endings of English, letters, single digits, other signs.
_WORDS: Final = (
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
)


@dataclass(frozen=True)
class TokenCount:
    """tokens: without start and end; chunks: of 75, at least 1.

    boundaries: characters of the text at which a new chunk begins, the first chunk left out.
    """

    tokens: int
    chunks: int
    boundaries: tuple[int, ...]


@lru_cache(maxsize=2000)
def count_tokens(text: str, family: str = "sdxl") -> TokenCount:
    """family: "sdxl" or "sd15"; both cut text alike, SDXL's second encoder too."""
    places = _tokenizer().encode(_whole(text), add_special_tokens=False).offsets
    tokens = len(places)
    boundaries = tuple(places[at][0] for at in range(CHUNK, tokens, CHUNK))
    return TokenCount(tokens, max(1, -(-tokens // CHUNK)), boundaries)


def count_many(texts: Sequence[str], family: str = "sdxl") -> list[int]:
    """The tokens of each text; known ones are not cut again."""
    new = [text for text in dict.fromkeys(texts) if text not in _counts]
    if len(_counts) + len(new) > _REMEMBERED:
        _counts.clear()
        new = list(dict.fromkeys(texts))
    cut = _tokenizer().encode_batch_fast(list(map(_whole, new)), add_special_tokens=False)
    made = {text: len(encoded) for text, encoded in zip(new, cut, strict=True)}
    _counts.update(made)
    return [made[text] if text in made else _counts[text] for text in texts]


_counts: dict[str, int] = {}


def _whole(text: str) -> str:
    """What the tokenizer takes: no halves of characters, which a script may send."""
    return _HALVES.sub("\ufffd", text[:MAX_TEXT])


@cache
def _tokenizer() -> Tokenizer:
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

    tokenizer = Tokenizer(
        models.BPE(
            vocab=clip_vocabulary(),
            merges=clip_merges(),
            end_of_word_suffix="</w>",
            unk_token=END,
        )
    )
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORDS), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.add_special_tokens([START, END])
    return tokenizer
