"""LoKr layers: ΔW = scaling · w1 ⊗ w2 (LyCORIS, arXiv 2309.14859), each factor whole or of rank r.

(w1 ⊗ w2) x is w1 X w2ᵀ with x written as a matrix X, so ΔW is never made.

Legend: B batch, C = uq · vq channels in, D = up · vp channels out; w1 (up, uq), w2 (vp, vq[, k, k])
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lorabake.core.errors import ModelFileError
from lorabake.engine.networks.layer import NetworkLayer, Read, Shape, misfit
from lorabake.engine.networks.lora_layers import product_norm
from lorabake.engine.networks.sizes import factorization


class LokrLayer(NetworkLayer):
    FILE_NAMES: ClassVar[Mapping[str, str]] = {
        key: f"lokr_{key}" for key in ("w1", "w1_a", "w1_b", "w2", "w2_a", "w2_b")
    }
    SCALED = ("w1", "w1_a")

    w1: nn.Parameter
    w1_a: nn.Parameter
    w1_b: nn.Parameter
    w2: nn.Parameter
    w2_a: nn.Parameter
    w2_b: nn.Parameter

    @staticmethod
    def plan(weight: Shape, rank: int, factor: int = -1, both: bool = False) -> dict[str, Shape]:
        """As LyCORIS: the smaller factor whole unless `both`, the larger one of rank r when r is
        less than half its side."""
        out_1, out_2 = factorization(weight[0], factor)
        in_1, in_2 = factorization(weight[1], factor)
        kernel = weight[2:]
        shapes: dict[str, Shape] = {}
        if both and rank < max(out_1, in_1) / 2:
            shapes |= {"w1_a": (out_1, rank), "w1_b": (rank, in_1)}
        else:
            shapes["w1"] = (out_1, in_1)
        if rank < max(out_2, in_2) / 2:
            shapes |= {"w2_a": (out_2, rank), "w2_b": (rank, in_2 * math.prod(kernel))}
        else:
            shapes["w2"] = (out_2, in_2, *kernel)
        return shapes

    @classmethod
    def read(cls, tensors: Mapping[str, Tensor], weight: Shape, name: str) -> Read:
        values = {key: tensors[file] for key, file in cls.FILE_NAMES.items() if file in tensors}
        up, uq = _shape(values, "w1")
        vp, vq = _shape(values, "w2")
        if (up * vp, uq * vq) != (weight[0], math.prod(weight[1:])) or weight[1] % uq:
            raise misfit(f"{name}.lokr_w1", next(iter(values.values())), weight)
        if "w2" in values:
            values["w2"] = values["w2"].view(vp, -1, *weight[2:])
        for key in ("w1_a", "w1_b", "w2_a", "w2_b"):
            if key in values:
                values[key] = values[key].flatten(1)
        for number in ("w1", "w2"):
            if number not in values and values[f"{number}_a"].shape[1] != len(
                values[f"{number}_b"]
            ):
                raise ModelFileError(
                    f"{name}.lokr_{number} does not fit together. Get the file again."
                )
        ranked = next((values[key] for key in ("w2_b", "w1_b") if key in values), None)
        alpha = float(tensors["alpha"]) if "alpha" in tensors else 0.0
        rank = len(ranked) if ranked is not None else max(int(alpha), 1)
        return Read(values, rank, alpha or float(rank))

    @property
    def whole(self) -> bool:
        """Both factors are there as they are: alpha does not count then."""
        return hasattr(self, "w1") and hasattr(self, "w2")

    @property
    def scaling(self) -> float:
        return 1.0 if self.whole else self.alpha / self.rank

    def written_alpha(self) -> float:
        return float(self.rank) if self.whole else self.alpha

    def factors(self) -> tuple[Tensor, Tensor]:
        """w1 (up, uq) and w2 (vp, vq[, k, k])"""
        first = self.w1 if hasattr(self, "w1") else self.w1_a @ self.w1_b
        if hasattr(self, "w2"):
            return first, self.w2
        second = self.w2_a @ self.w2_b
        return first, second.view(len(second), -1, *self.weight.shape[2:])

    def added(self, x: Tensor) -> Tensor:
        first = (self.w1 if hasattr(self, "w1") else self.w1_a @ self.w1_b).to(x.dtype)
        result = self._linear(x, first) if self.linear else self._conv(x, first)
        if (mask := self.row_mask()) is not None:
            result = result * (mask if self.linear else mask.view(-1, 1, 1)).to(result.dtype)
        return result

    def _linear(self, x: Tensor, first: Tensor) -> Tensor:
        rows = x.reshape(-1, first.shape[1], x.shape[-1] // first.shape[1])  # (B T, uq, vq)
        if hasattr(self, "w2"):
            inner = F.linear(rows, self.w2.to(x.dtype))
        else:
            inner = F.linear(F.linear(rows, self.w2_b.to(x.dtype)), self.w2_a.to(x.dtype))
        outer = torch.matmul(self.scaling * first.to(inner.dtype), inner)  # (B T, up, vp)
        return outer.reshape(*x.shape[:-1], -1)

    def _conv(self, x: Tensor, first: Tensor) -> Tensor:
        groups = first.shape[1]
        rows = x.reshape(len(x) * groups, -1, *x.shape[2:])  # (B uq, vq, h, w)
        if hasattr(self, "w2"):
            inner = self.convolve(rows, self.w2.to(x.dtype))
        else:
            kernel = self.w2_b.view(self.w2_b.shape[0], -1, *self.weight.shape[2:])
            inner = self.convolve(rows, kernel.to(x.dtype))
            inner = F.conv2d(inner, self.w2_a[:, :, None, None].to(x.dtype))
        height, width = inner.shape[2:]
        columns = inner.reshape(len(x), groups, -1)  # (B, uq, vp h w)
        outer = torch.matmul(self.scaling * first.to(inner.dtype), columns)
        return outer.reshape(len(x), -1, height, width)

    def delta(self) -> Tensor:
        with torch.no_grad():
            first, second = self.factors()
            first = first.view(*first.shape, *[1] * (second.dim() - 2))
            return self.scaling * torch.kron(first, second.contiguous())

    def initialise(self, seed: int) -> None:
        """As LyCORIS: Kaiming-uniform (a = √5), but what makes w2 zero."""
        for key, parameter in self.trained().items():
            if key in ("w2", "w2_b"):
                with torch.no_grad():
                    parameter.zero_()
            else:
                self.draw_uniform(key, seed, 1 / math.sqrt(parameter[0].numel()))

    def scale_norm(self, limit: float) -> bool:
        """Every factor by the same ratio, so that ‖ΔW‖ becomes `limit`, as LyCORIS."""
        with torch.no_grad():
            norm = abs(self.scaling) * lokr_norm(self.trained())
            if norm <= limit:
                return False
            factors = self.trained().values()
            for parameter in factors:
                parameter.mul_((limit / norm) ** (1 / len(factors)))
        return True


def lokr_norm(values: Mapping[str, Any]) -> float:
    """‖w1 ⊗ w2‖ = ‖w1‖ · ‖w2‖; values by parameter name."""
    norm = 1.0
    for key in ("w1", "w2"):
        if key in values:
            norm *= float(values[key].double().norm())
        else:
            norm *= product_norm(values[f"{key}_a"].flatten(1), values[f"{key}_b"].flatten(1))
    return norm


def _shape(values: Mapping[str, Tensor], key: str) -> tuple[int, int]:
    """Sides of a factor, a kernel's numbers counted in the second."""
    if key in values:
        return len(values[key]), values[key][0].numel()
    return len(values[f"{key}_a"]), values[f"{key}_b"][0].numel()
