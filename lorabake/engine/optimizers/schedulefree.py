"""Schedule-free AdamW that can be looked at without being disturbed. Loads torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from pytorch_optimizer import ScheduleFreeAdamW as LibraryScheduleFreeAdamW
from torch import Tensor


class ScheduleFreeAdamW(LibraryScheduleFreeAdamW):
    """The library's, with two differences.

    Going to the average and back restores the very same weights: computed back they would differ in
    their last bits, and a bake would depend on how often it was saved. And nothing but eps is added
    to the root of the squared gradients, as in the original: the library adds 1e-15 below the root
    too, which is not small beside the gradients of a LoRA.
    """

    def __init__(self, groups: Any, **settings: Any) -> None:
        super().__init__(groups, **settings)
        self._trained: list[tuple[Tensor, Tensor]] = []  # weights and what they were

    @torch.no_grad()
    def eval(self) -> None:
        if not self._trained:
            weights = [weight for group in self.param_groups for weight in group["params"]]
            self._trained = [(weight, weight.detach().clone()) for weight in weights]
        super().eval()

    @torch.no_grad()
    def train(self) -> None:
        for group in self.param_groups:
            group["train_mode"] = True
        for weight, trained in self._trained:
            weight.copy_(trained)
        self._trained = []

    @staticmethod
    def apply_ams_bound_foreach(
        ams_bound: bool,
        exp_avg_sqs: list[Tensor],
        max_exp_avg_sqs: list[Tensor],
        eps: float,
        exp_avg_sq_eps: float = 0.0,
    ) -> Sequence[Tensor]:
        assert not ams_bound
        roots = torch._foreach_sqrt(exp_avg_sqs)
        torch._foreach_add_(roots, eps)
        return roots
