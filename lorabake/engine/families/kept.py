"""The encoded empty chunk, kept for as long as its text encoder cannot change.

Most captions are shorter than 225 tokens, so most chunks are the same empty one. While an encoder is
trained, it is encoded once for each call. While it is frozen, it is encoded once; what proves that
nothing has changed is looked at each time, so that no one has to remember to forget.

N chunks, W width of the encoder, P of the pooled vector
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

# Whose modules compute what their parameters say and nothing else; those of a LoRA are not these.
_PLAIN = ("torch", "transformers")


class Encoded(NamedTuple):
    """Chunks behind an encoder. states: (N, 77, W); pooled: (N, P)."""

    states: Tensor
    pooled: Tensor

    def followed_by(self, other: Encoded) -> Encoded:
        return Encoded(
            torch.cat([self.states, other.states]), torch.cat([self.pooled, other.pooled])
        )


@dataclass
class _Seen:
    """The weights that an encoder had, and what it made with them, by the way it was asked."""

    weights: list[tuple[weakref.ref[nn.Parameter], int, int]]
    made: dict[Hashable, Encoded] = field(default_factory=dict)


class KeptChunks:
    """One encoded chunk for each frozen encoder and each way of asking it."""

    def __init__(self) -> None:
        self._seen: weakref.WeakKeyDictionary[nn.Module, _Seen] = weakref.WeakKeyDictionary()

    def get(
        self, encoder: nn.Module, asked: Hashable, make: Callable[[], Encoded]
    ) -> Encoded | None:
        """What `make` gives, from memory where it can be; None while the encoder may change."""
        if torch.is_inference_mode_enabled() or not _is_plain(encoder):
            return None  # tensors of inference mode are of no use to a later backward pass
        seen = self._seen.get(encoder)
        if seen is None or not _unchanged(encoder, seen):
            weights = [(weakref.ref(p), p._version, p.data_ptr()) for p in encoder.parameters()]
            seen = self._seen[encoder] = _Seen(weights)
        device = next(encoder.parameters()).device.type
        automatic = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else None
        way = (asked, automatic)
        if way not in seen.made:
            with torch.no_grad():
                seen.made[way] = make()
        return seen.made[way]

    def __deepcopy__(self, memo: object) -> KeptChunks:
        return KeptChunks()  # what was kept belongs to the encoders that were copied


def _is_plain(encoder: nn.Module) -> bool:
    """Whether an encoder is frozen and nothing is put on it that could change what it says."""
    if any(p.requires_grad or p.is_inference() for p in encoder.parameters()):
        return False
    return all(
        _is_library(type(module))
        and "forward" not in vars(module)
        and all(map(_is_library, module._forward_hooks.values()))  # transformers has some itself
        and all(map(_is_library, module._forward_pre_hooks.values()))
        for module in encoder.modules()
    )


def _is_library(thing: Any) -> bool:
    """Whether a class or function comes with torch or transformers."""
    return str(getattr(thing, "__module__", "")).partition(".")[0] in _PLAIN


def _unchanged(encoder: nn.Module, seen: _Seen) -> bool:
    """Whether the weights are the same tensors at the same place, never written to in between."""
    now = list(encoder.parameters())
    return len(now) == len(seen.weights) and all(
        parameter() is other and version == other._version and place == other.data_ptr()
        for other, (parameter, version, place) in zip(now, seen.weights, strict=True)
    )
