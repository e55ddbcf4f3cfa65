"""What a prediction costs: distances with their schedules, and the weight of each noise level.

The formulas and the numbers are those of sd-scripts; where one of its weights becomes infinite or
not a number, at an SNR of 0, the value here is named beside it.

B batch, C = 4 channels, h w latent sizes; alphas_cumprod (1000,) is the model's schedule, rescaled
if it ends in pure noise; timesteps (B,) are whole numbers 0..999 into it.
"""

from __future__ import annotations

from math import log

import torch
from torch import Tensor
from torch.nn import functional as F

from lorabake.core.errors import RecipeError
from lorabake.engine.noise import signal_to_noise

LARGEST_SNR = 1000.0  # sd-scripts' bound: the cleanest steps would otherwise count next to nothing
SMALLEST_SNR = 1 / LARGEST_SNR  # below any of an ordinary schedule's, whose last step has 0.0047


def pointwise_loss(
    predicted: Tensor, target: Tensor, kind: str, huber_c: Tensor | None = None
) -> Tensor:
    """The loss of every latent pixel: (B, C, h, w).

    kind: "l2", "l1", "huber" or "smooth_l1"; the last two need huber_c (B,). As in sd-scripts these
    are smooth curves (pseudo-Huber) that are square near 0 and straight beyond c:

        huber      2c·(√(d² + c²) − c)      like d² near 0
        smooth_l1  2·(√(d² + c²) − c)       like 2·|d| far away
    """
    if kind == "l2":
        return (predicted - target).square()
    if kind == "l1":
        return (predicted - target).abs()
    if kind not in ("huber", "smooth_l1"):
        raise RecipeError(f"There is no loss type called {kind!r}.")
    assert huber_c is not None, "huber and smooth_l1 need their c"
    c = huber_c.to(predicted).view(-1, 1, 1, 1)
    squared = (predicted - target).square()
    # √(d² + c²) − c, written so that a small d beside a large c is not rounded away
    bend = squared / ((squared + c * c).sqrt() + c)
    return 2 * c * bend if kind == "huber" else 2 * bend


def huber_c_for(
    timesteps: Tensor,
    alphas_cumprod: Tensor,
    schedule: str,
    huber_c: float,
    huber_scale: float = 1.0,
) -> Tensor:
    """Where Huber and smooth L1 turn from square to straight, for each picture: (B,).

    constant     c·scale
    exponential  scale·c^(t/1000)            from scale at t = 0 towards c·scale
    snr          (1 − c)/(1 + σ)² + c        σ = √((1 − ā)/ā); from 1 towards c, without scale
    """
    if schedule == "constant":
        return torch.full((len(timesteps),), huber_c * huber_scale)
    if schedule == "exponential":
        progress = timesteps.cpu().float() / len(alphas_cumprod)
        return (log(huber_c) * progress).exp() * huber_scale
    if schedule != "snr":
        raise RecipeError(f"There is no Huber schedule called {schedule!r}.")
    abar = alphas_cumprod.cpu()[timesteps.cpu()]
    sigma = ((1 - abar) / abar).sqrt()  # infinite for pure noise, which leaves c
    return (1 - huber_c) / (1 + sigma).square() + huber_c


def loss_weights(
    alphas_cumprod: Tensor,
    timesteps: Tensor,
    *,
    prediction: str = "epsilon",
    min_snr_gamma: float = 0.0,
    debiased: bool = False,
    scale_v_like_noise: bool = False,
) -> Tensor:
    """How much each picture counts because of its noise level: (B,), finite, 1 where nothing is on.

    prediction: "epsilon" or "v". As in sd-scripts, what is switched on is multiplied. Scaling like
    noise prediction is for v-prediction only and does nothing to the other.
    """
    snr = signal_to_noise(alphas_cumprod.cpu()[timesteps.cpu()])
    v = prediction == "v"
    weights = torch.ones_like(snr)
    if min_snr_gamma:
        weights = weights * (min_snr_weight_v if v else min_snr_weight)(snr, min_snr_gamma)
    if v and scale_v_like_noise:
        weights = weights * noise_like_weight(snr)
    if debiased:
        weights = weights * (debiased_weight_v if v else debiased_weight)(snr)
    return weights


def min_snr_weight(snr: Tensor, gamma: float) -> Tensor:
    """min(SNR, γ)/SNR, for noise prediction (Hang et al., arXiv 2303.09556): (B,).

    Written as min(1, γ/SNR), which is 1 at an SNR of 0 and not 0/0.
    """
    return (gamma / snr).clamp(max=1)


def min_snr_weight_v(snr: Tensor, gamma: float) -> Tensor:
    """min(SNR, γ)/(SNR + 1), for v-prediction: (B,). Pure noise weighs 0."""
    return snr.clamp(max=gamma) / (snr + 1)


def noise_like_weight(snr: Tensor) -> Tensor:
    """SNR/(SNR + 1): a v-prediction's loss weighed as that of the noise it implies: (B,)."""
    bounded = snr.clamp(max=LARGEST_SNR)
    return bounded / (bounded + 1)


def debiased_weight(snr: Tensor) -> Tensor:
    """1/√SNR, for noise prediction (Yu et al., arXiv 2310.08442): (B,).

    SNR is bounded to 1000 as in sd-scripts, and to 1/1000 below: only a schedule that ends in pure
    noise reaches that, and there the weight would go to infinity.
    """
    return snr.clamp(SMALLEST_SNR, LARGEST_SNR).rsqrt()


def debiased_weight_v(snr: Tensor) -> Tensor:
    """1/(SNR + 1), for v-prediction: (B,)."""
    return 1 / (snr.clamp(max=LARGEST_SNR) + 1)


def masked(loss: Tensor, mask: Tensor) -> Tensor:
    """The loss where the mask is white: (B, C, h, w) × (B, 1, H, W) or (B, H, W) in 0..1.

    A mask of another size is averaged down by area. As in sd-scripts the rest is not made to count
    more for it: a picture of which little is learned weighs little.
    """
    if mask.dim() == 3:
        mask = mask.unsqueeze(1)
    if mask.shape[-2:] != loss.shape[-2:]:
        mask = F.interpolate(mask.float(), size=loss.shape[-2:], mode="area")
    return loss * mask.to(loss)
