"""GLoRA layers: W′ = W + scaling · (W A + B), A and B of rank r (Chavan et al., arXiv 2306.07967).

A = a_up @ a_down, B = b_up @ b_down. W a_up is narrow, so ΔW is a LoRA's of twice the rank:
[W a_up, b_up] @ [a_down; b_down]. Linear layers only: A1111 can draw no other.

Written in the old layout with the scale folded in: A1111 knows no other and ignores alpha.
    a1 = a_down (r, C)   a2 = scaling · a_up (C, r)   b1 = b_down (r, C)   b2 = scaling · b_up (D, r)
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from lorabake.core.errors import ModelFileError, RecipeError
from lorabake.engine.networks.file_keys import glora_is_old
from lorabake.engine.networks.layer import Read, Shape, misfit
from lorabake.engine.networks.lora_layers import LowRankLayer


class GloraLayer(LowRankLayer):
    FILE_NAMES: ClassVar[Mapping[str, str]] = {
        "a_down": "a1.weight",
        "a_up": "a2.weight",
        "b_down": "b1.weight",
        "b_up": "b2.weight",
    }
    SCALED = ("a_up", "b_up")

    a_down: nn.Parameter
    a_up: nn.Parameter
    b_down: nn.Parameter
    b_up: nn.Parameter

    @staticmethod
    def plan(weight: Shape, rank: int) -> dict[str, Shape]:
        out, wide = weight
        return {
            "a_down": (rank, wide),
            "a_up": (wide, rank),
            "b_down": (rank, wide),
            "b_up": (out, rank),
        }

    @classmethod
    def read(cls, tensors: Mapping[str, Tensor], weight: Shape, name: str) -> Read:
        """Either layout; alpha / rank is folded in or not, both give the same ΔW."""
        if len(weight) != 2 or any(t.dim() > 2 and t.shape[-1] > 1 for t in tensors.values()):
            raise ModelFileError(
                f"{name} is a GLoRA of a convolution, which is not used here (and A1111 cannot draw "
                "it). Use a GLoRA of linear layers."
            )
        flat = {key: t.flatten(1) for key, t in tensors.items() if key != "alpha"}
        a1, a2, b1, b2 = (flat[f"{key}.weight"] for key in ("a1", "a2", "b1", "b2"))
        if not glora_is_old(tuple(a1.shape), tuple(a2.shape), tuple(b1.shape)):
            a1, a2, b1, b2 = a2, a1, b2, b1
        values = {"a_down": a1, "a_up": a2, "b_down": b1, "b_up": b2}
        rank = len(a1)
        for key, shape in cls.plan(weight, rank).items():
            if values[key].shape != shape:
                raise misfit(f"{name}.{cls.FILE_NAMES[key]}", values[key], shape)
        alpha = float(tensors["alpha"]) if "alpha" in tensors else 0.0
        return Read(values, rank, alpha or float(rank))

    def factors(self) -> tuple[Tensor, Tensor]:
        weight = self.weight
        through = weight @ self.a_up.to(weight.dtype)  # W a_up: (D, r)
        down = torch.cat([self.a_down, self.b_down])
        return down, torch.cat([through.to(self.b_up.dtype), self.b_up], 1)

    def delta(self) -> Tensor:
        with torch.no_grad():
            through = self.weight.float() @ self.a_up
            return self.scaling * (through @ self.a_down + self.b_up @ self.b_down)

    def initialise(self, seed: int) -> None:
        """As LyCORIS: both ups Kaiming-uniform (a = √5), both downs zero."""
        for key in ("a_up", "b_up"):
            self.draw_uniform(key, seed, 1 / math.sqrt(self.rank))
        with torch.no_grad():
            self.a_down.zero_()
            self.b_down.zero_()

    def write(self) -> dict[str, Tensor]:
        state = super().write()
        return state | {key: state[key] * self.scaling for key in ("a2.weight", "b2.weight")}

    def written_alpha(self) -> float:
        return float(self.rank)

    def scale_norm(self, limit: float) -> bool:
        raise RecipeError("Scale weight norms is not defined for a GLoRA. Set it to 0.")
