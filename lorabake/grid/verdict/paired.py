"""Means and their errors from the same pictures in every cell: what is common to all drops out."""

from __future__ import annotations

import math
from collections.abc import Sequence


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def error_of_difference(one: Sequence[float], other: Sequence[float]) -> float:
    """Standard error of the mean of one − other, picture by picture; 0 for less than two.

    Pictures differ far more from each other than cells do; paired, that does not count.
    """
    differences = [a - b for a, b in zip(one, other, strict=True)]
    count = len(differences)
    if count < 2:
        return 0.0
    middle = mean(differences)
    spread = math.sqrt(sum((value - middle) ** 2 for value in differences) / (count - 1))
    return spread / math.sqrt(count)


def within_noise(
    best: Sequence[float], other: Sequence[float], *, sure: float = 2.0, least: float = 0.0
) -> bool:
    """Is the difference of two cells smaller than `sure` standard errors, or than `least`?"""
    difference = abs(mean(other) - mean(best))
    return difference <= max(sure * error_of_difference(best, other), least)
