"""LoRAs with fewer ranks, and the average of several: by singular values, without making ΔW.

ΔW of a layer is scale · up @ down. A sum of several is one product again, of all `up` side by side
and all `down` one above the other, so nothing is lost by adding. What is left out of it then are its
weakest directions, which changes ΔW least of all choices of that rank (Eckart and Young, 1936).
Averaging the factors themselves would be wrong: they are of any basis, and ΔW is not linear in them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lorabake.core.errors import ModelFileError
from lorabake.engine.networks.file_keys import LABELS, LORA, kinds_of, layers_of, weighty

if TYPE_CHECKING:
    from torch import Tensor

_DOWN, _UP = "lora_down.weight", "lora_up.weight"


@dataclass(frozen=True)
class Part:
    """One file in a sum. state: its tensors by name; share: how much of its ΔW goes in."""

    state: Mapping[str, Tensor]
    share: float = 1.0


@dataclass(frozen=True)
class Keep:
    """How much of each layer stays: at most `rank` directions, or the fewest that make `share` of
    its ‖ΔW‖ (Frobenius). Neither: as many as the first file's layer has."""

    rank: int | None = None
    share: float | None = None


def composed(parts: Sequence[Part], keep: Keep) -> dict[str, Tensor]:
    """The sum of the parts' ΔW with what is to be kept of it, in the first part's dtype.

    alpha is the largest new rank in all layers: where ranks differ, diffusers takes the alpha of
    some layers for that of others. Raises ModelFileError for other kinds than LoRA and LoCon, and
    for files that do not belong together.
    """
    for part in parts:
        _require_lora(part.state)
    reduced = {}
    for name, terms in _by_layer(parts).items():
        first = terms[0][0]
        reduced[name] = first, *_reduced(*_joined(name, terms), _wanted(first, keep), keep.share)
    alpha = max((len(down) for _, _, down in reduced.values()), default=1)
    made: dict[str, Tensor] = {}
    for name, (first, up, down) in reduced.items():
        made |= _layer(name, up, down, alpha, first)
    return made


def difference(parts: Sequence[Part], state: Mapping[str, Tensor]) -> float:
    """‖ΔW of the sum − ΔW of `state`‖ ÷ ‖ΔW of the sum‖, over all layers; 0 for a sum of nothing."""
    made = weighty(layers_of(state))
    wanted = apart = 0.0
    for name, terms in _by_layer(parts).items():
        wanted += _norm(*_joined(name, terms)) ** 2
        apart += _norm(*_joined(name, [*terms, (made[name], -1.0)])) ** 2
    return math.sqrt(apart / wanted) if wanted else 0.0


def ranks(state: Mapping[str, Tensor]) -> list[int]:
    """The rank of every layer of a LoRA or LoCon."""
    return [len(layer[_DOWN]) for layer in weighty(layers_of(state)).values()]


def first_ranks(state: Mapping[str, Tensor], count: int | None) -> dict[str, Tensor]:
    """A file of which only the first ranks act, as with `dyn=` in A1111; None: all of them.

    alpha ÷ dim stays what it was. Layers of other kinds than LoRA, LoCon and DoRA stay as they are.
    """
    made = dict(state)
    if count is None:
        return made
    for name, layer in layers_of(state).items():
        if _DOWN not in layer or _UP not in layer or count >= (rank := len(layer[_DOWN])):
            continue
        made[f"{name}.{_DOWN}"] = layer[_DOWN][:count].contiguous()
        made[f"{name}.{_UP}"] = layer[_UP][:, :count].contiguous()
        if "alpha" in layer:
            made[f"{name}.alpha"] = layer["alpha"].float() * count / rank
    return made


def _require_lora(state: Mapping[str, Tensor]) -> None:
    others = sorted(LABELS[kind] for kind in kinds_of(state) - {LORA})
    if others:
        raise ModelFileError(
            f"Only LoRA and LoCon can be made smaller or averaged, and this is a {others[0]}: "
            "use the file as it was baked."
        )


Term = tuple[Mapping[str, "Tensor"], float]


def _by_layer(parts: Sequence[Part]) -> dict[str, list[Term]]:
    """Each layer's tensors in every part that has it, with the part's share."""
    found: dict[str, list[Term]] = {}
    for part in parts:
        for name, layer in weighty(layers_of(part.state)).items():
            found.setdefault(name, []).append((layer, part.share))
    return found


def _joined(name: str, terms: Sequence[Term]) -> tuple[Tensor, Tensor]:
    """(out, R), (R, in) whose product is the sum, R all ranks together; float64."""
    import torch

    ups, downs = [], []
    for layer, share in terms:
        down, up = layer[_DOWN].double().flatten(1), layer[_UP].double().flatten(1)
        rank = len(down)
        alpha = float(layer["alpha"]) if "alpha" in layer else rank
        ups.append(up * (share * (alpha or rank) / rank))
        downs.append(down)
    if len({(len(up), down.shape[1]) for up, down in zip(ups, downs, strict=True)}) > 1:
        raise ModelFileError(
            f"The two files do not fit each other ({name[:80]} has another size). "
            "Choose epochs of one bake."
        )
    return torch.cat(ups, dim=1), torch.cat(downs)


def _wanted(first: Mapping[str, Tensor], keep: Keep) -> int | None:
    if keep.rank is not None:
        return keep.rank
    return None if keep.share is not None else len(first[_DOWN])


def _reduced(
    up: Tensor, down: Tensor, rank: int | None, share: float | None
) -> tuple[Tensor, Tensor]:
    """The strongest directions of up @ down, as factors of equal size: (out, k), (k, in)."""
    import torch

    q_up, r_up = torch.linalg.qr(up)
    q_down, r_down = torch.linalg.qr(down.T)
    left, strengths, right = torch.linalg.svd(r_up @ r_down.T)
    count = len(strengths)
    if rank is not None:
        count = min(rank, count)
    if share is not None:
        count = _fewest(strengths, share)
    root = strengths[:count].sqrt()
    return q_up @ left[:, :count] * root, (root[:, None] * right[:count]) @ q_down.T


def _fewest(strengths: Tensor, share: float) -> int:
    """How many of the strongest make this share of the norm; at least one."""
    squares = strengths.square().cumsum(0)
    enough = squares >= share * share * squares[-1]
    return max(1, len(strengths) - int(enough.sum()) + 1)


def _layer(
    name: str, up: Tensor, down: Tensor, alpha: int, like: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Factors under the names, in the shapes and dtype of a layer of a file; alpha ÷ rank in them."""
    import torch

    rank, dtype = len(down), like[_DOWN].dtype
    even = math.sqrt(rank / alpha)
    up = (up * even).reshape(len(up), rank, *like[_UP].shape[2:])
    down = (down * even).reshape(rank, *like[_DOWN].shape[1:])
    return {
        f"{name}.{_DOWN}": down.to(dtype).contiguous(),
        f"{name}.{_UP}": up.to(dtype).contiguous(),
        f"{name}.alpha": torch.tensor(float(alpha), dtype=dtype),
    }


def _norm(up: Tensor, down: Tensor) -> float:
    """‖up @ down‖, of small differences too, which squares of factors would lose."""
    import torch

    r_up, r_down = torch.linalg.qr(up).R, torch.linalg.qr(down.T).R
    return float((r_up @ r_down.T).norm())
