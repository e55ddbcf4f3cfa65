"""Who wins how often, from comparisons of two, and how sure that is.

The model is Bradley and Terry's (Biometrika 39, 1952): of i and j, i is preferred with probability
σ(θi − θj). A tie counts as half a win for each. A Gaussian prior on θ keeps strengths finite when
somebody always wins, and lets what is alike be strong together (`likeness`). The strengths are at
the mode, found by Newton's method rather than by Hunter's MM (Annals of Statistics 32, 2004), because
it needs the observed information anyway: its inverse there is their covariance (Laplace).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from lorabake.core.randomness import derive

Array = NDArray[np.float64]

SHARED = 1.2  # logits: how far the values of one axis lie apart
OWN = 0.8  # how far a candidate lies from what its values say
SURE = 0.95
DRAWS = 4000
_STEPS = 50
_SMALL = 1e-9


@dataclass(frozen=True)
class Outcome:
    """One comparison of candidates `left` and `right`. share: 1 the left won, 0 the right, 0.5 a tie."""

    left: int
    right: int
    share: float


@dataclass(frozen=True)
class Strengths:
    """θ of each candidate in logits, (n,), and the covariance of what is not known, (n, n)."""

    mean: Array
    covariance: Array

    def __len__(self) -> int:
        return len(self.mean)

    def pooled(self, groups: Sequence[Sequence[int]]) -> Strengths:
        """The mean strength of each group of candidates."""
        average = np.zeros((len(groups), len(self)))
        for row, members in enumerate(groups):
            average[row, list(members)] = 1 / len(members)
        return Strengths(average @ self.mean, average @ self.covariance @ average.T)


@dataclass(frozen=True)
class Interval:
    """A share and the interval it lies in with 95 %. All from 0 to 1."""

    share: float
    low: float
    high: float


def likeness(
    values: Sequence[Sequence[Hashable]], *, shared: float = SHARED, own: float = OWN
) -> Array:
    """The prior's covariance, (n, n): candidates with the same epoch, or the same weight, are alike.

    values: of each candidate, one along each axis. A vote about epoch 8 at one weight so tells
    something about epoch 8 at the others, as far as votes do not say otherwise.
    """
    count = len(values)
    covariance = np.eye(count) * own**2
    for axis in zip(*values, strict=True):
        known = {value: number for number, value in enumerate(dict.fromkeys(axis))}
        codes = np.array([known[value] for value in axis])
        if len(known) > 1:
            covariance += shared**2 * (codes[:, None] == codes[None, :])
    return covariance


def fit(outcomes: Sequence[Outcome], prior: Array) -> Strengths:
    """The strengths at which outcomes and prior together are most likely.

    The logarithm of both is strictly concave, so there is one maximum; a step that overshoots is
    halved.
    """
    count = len(prior)
    precision = np.linalg.inv(prior)
    left = np.array([one.left for one in outcomes], dtype=int)
    right = np.array([one.right for one in outcomes], dtype=int)
    share = np.array([one.share for one in outcomes], dtype=float)

    def value(theta: Array) -> float:
        gap = theta[left] - theta[right]
        told = share * gap - np.logaddexp(0, gap)
        return float(told.sum() - 0.5 * theta @ precision @ theta)

    theta, best = np.zeros(count), value(np.zeros(count))
    information = precision
    for _ in range(_STEPS):
        expected = _sigmoid(theta[left] - theta[right])
        slope = -precision @ theta
        np.add.at(slope, left, share - expected)
        np.add.at(slope, right, expected - share)
        information = precision + _laplacian(left, right, expected * (1 - expected), count)
        step = np.linalg.solve(information, slope)
        if float(slope @ step) < _SMALL:
            break
        length = 1.0
        while (next_ := value(theta + length * step)) < best and length > _SMALL:
            length /= 2
        theta, best = theta + length * step, next_
    return Strengths(theta, np.linalg.inv(information))


def wins(strengths: Strengths, *, sure: float = SURE) -> list[Interval]:
    """How often each wins against another one of them, drawn by chance.

    The interval is that of the logit, by the delta method, so it stays within 0 and 1.
    """
    count = len(strengths)
    if count < 2:
        return [Interval(0.5, 0.0, 1.0)] * count
    beats = _sigmoid(strengths.mean[:, None] - strengths.mean[None, :])
    slopes = beats * (1 - beats)
    np.fill_diagonal(beats, 0)
    np.fill_diagonal(slopes, 0)
    share = beats.sum(axis=1) / (count - 1)
    slope = (np.diag(slopes.sum(axis=1)) - slopes) / (count - 1)
    spread = np.sqrt(np.einsum("ij,jk,ik->i", slope, strengths.covariance, slope))
    reach = _z(sure) * spread / (share * (1 - share))
    logit = np.log(share / (1 - share))
    low, high = _sigmoid(logit - reach), _sigmoid(logit + reach)
    return [Interval(*map(float, row)) for row in zip(share, low, high, strict=True)]


def chances(strengths: Strengths, *, seed: int = 0) -> Array:
    """With what probability each is the best of all, (n,); they sum to 1. The same seed, the same answer."""
    count = len(strengths)
    source = np.random.default_rng(derive(seed, "chances", count))
    root = np.linalg.cholesky(strengths.covariance + _SMALL * np.eye(count))
    drawn = strengths.mean + source.standard_normal((DRAWS, count)) @ root.T
    return np.bincount(drawn.argmax(axis=1), minlength=count) / DRAWS


def wilson(count: int, total: int, *, sure: float = SURE) -> Interval:
    """A plain share with its score interval (Wilson, JASA 22, 1927); all of 0 to 1 when nobody was asked."""
    if not total:
        return Interval(0.0, 0.0, 1.0)
    share, z = count / total, _z(sure)
    middle = (share + z * z / (2 * total)) / (1 + z * z / total)
    reach = (
        z / (1 + z * z / total) * math.sqrt(share * (1 - share) / total + (z / (2 * total)) ** 2)
    )
    return Interval(share, max(middle - reach, 0.0), min(middle + reach, 1.0))


def gains(strengths: Strengths) -> Array:
    """What a vote between each two would tell, (n, n), in nats, as far as one vote is small.

    log(1 + p (1 − p) v) with v the variance of their difference: most between two of about the same
    strength of which little is known.
    """
    variance = np.diag(strengths.covariance)
    spread = variance[:, None] + variance[None, :] - 2 * strengths.covariance
    beats = _sigmoid(strengths.mean[:, None] - strengths.mean[None, :])
    return np.log1p(beats * (1 - beats) * spread.clip(min=0))


def _laplacian(left: NDArray[np.intp], right: NDArray[np.intp], weight: Array, count: int) -> Array:
    """Σ w (e_left − e_right)(e_left − e_right)ᵀ"""
    made = np.zeros((count, count))
    np.add.at(made, (left, left), weight)
    np.add.at(made, (right, right), weight)
    np.add.at(made, (left, right), -weight)
    np.add.at(made, (right, left), -weight)
    return made


def _sigmoid(x: Array) -> Array:
    return 0.5 * (1 + np.tanh(0.5 * x))


def _z(sure: float) -> float:
    """1.96 for 0.95"""
    return NormalDist().inv_cdf(0.5 + sure / 2)
