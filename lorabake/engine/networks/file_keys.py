"""What the tensors of a network are called in a file, and which kind of network they make.

A key is `<layer>.<tensor>`; names of layers hold no dots. Needs no torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from lorabake.core.errors import ModelFileError

if TYPE_CHECKING:
    from torch import Tensor

DOWN, UP, ALPHA = ".lora_down.weight", ".lora_up.weight", ".alpha"
MAGNITUDE = "dora_scale"

LORA, DORA, LOHA, LOKR, GLORA = "lora", "dora", "loha", "lokr", "glora"
LABELS = {LORA: "LoRA", DORA: "DoRA", LOHA: "LoHa", LOKR: "LoKr", GLORA: "GLoRA"}

# One of these names gives the kind away.
_MARKS = {
    "lora_down.weight": LORA,
    "hada_w1_a": LOHA,
    "lokr_w1": LOKR,
    "lokr_w1_a": LOKR,
    "a1.weight": GLORA,
}
_TENSORS = {
    LORA: {"lora_down.weight", "lora_up.weight"},
    DORA: {"lora_down.weight", "lora_up.weight", MAGNITUDE},
    LOHA: {"hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"},
    LOKR: {"lokr_w1", "lokr_w1_a", "lokr_w1_b", "lokr_w2", "lokr_w2_a", "lokr_w2_b"},
    GLORA: {"a1.weight", "a2.weight", "b1.weight", "b2.weight"},
}
_CHOICES = (("lokr_w1", {"lokr_w1_a", "lokr_w1_b"}), ("lokr_w2", {"lokr_w2_a", "lokr_w2_b"}))


def layers_of(state: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """The tensors by layer: {layer: {tensor: …}}, the alpha among them as "alpha"."""
    layers: dict[str, dict[str, Tensor]] = {}
    for key, tensor in state.items():
        layer, _, name = key.partition(".")
        layers.setdefault(layer, {})[name] = tensor
    return layers


def kind_of(layer: str, names: Iterable[str]) -> str:
    """The kind of network that one layer's tensors make.

    Raises ModelFileError when one is missing, or belongs to a kind that is not known here.
    """
    found = set(names) - {"alpha"}
    kind = next((kind for mark, kind in _MARKS.items() if mark in found), None)
    if kind == LORA and MAGNITUDE in found:
        kind = DORA
    if unknown := sorted(found - _TENSORS.get(kind or "", set())):
        key = f"{layer}.{unknown[0]}"
        raise ModelFileError(
            f"This is not a LoRA of a known kind: it has a tensor called {key[-60:]!r}. "
            "LoRA, LoCon, DoRA, LoHa, LoKr and GLoRA can be used here."
        )
    assert kind is not None  # a layer has at least one tensor, or it has an alpha alone
    if missing := sorted(_needed(kind, found) - found):
        raise ModelFileError(
            f"This LoRA is incomplete: {layer}.{missing[0]} is missing. Get it again."
        )
    return kind


def kinds_of(state: Mapping[str, Tensor]) -> set[str]:
    """All kinds of network in a file; raises ModelFileError as `kind_of` does."""
    return {kind_of(layer, names) for layer, names in weighty(layers_of(state)).items()}


def weighty(layers: Mapping[str, dict[str, Tensor]]) -> dict[str, dict[str, Tensor]]:
    """The layers that hold more than an alpha."""
    return {layer: tensors for layer, tensors in layers.items() if set(tensors) - {"alpha"}}


def is_network(names: Iterable[str]) -> bool:
    """Whether any of a file's keys belongs to a network that can be read here."""
    return any(name.partition(".")[2] in _MARKS for name in names)


def _needed(kind: str, found: set[str]) -> set[str]:
    """What must be there; a LoKr's factors may each be whole or in two parts."""
    if kind != LOKR:
        return _TENSORS[kind]
    needed: set[str] = set()
    for whole, parts in _CHOICES:
        needed |= {whole} if whole in found else parts
    return needed


def glora_is_old(a1: tuple[int, ...], a2: tuple[int, ...], b1: tuple[int, ...]) -> bool:
    """Which of the two layouts a GLoRA layer has, from the shapes of its tensors.

    old: a1 (r, in), a2 (in, r), b1 (r, in), b2 (out, r); new: both pairs the other way round. Every
    web UI reads the old one. Where in = out and the names alone do not tell, a rank is smaller.
    """
    old = a1[0] == a2[1] == b1[0]
    new = a1[1] == a2[0] == b1[1]
    return a1[0] <= a1[1] if old and new else old
