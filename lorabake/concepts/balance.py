"""Balance: as many looks at each folder, however many pictures it has.

Two answers. The guide's: the largest folder is shown once an epoch, and every other one is cut to
the number that fits into it a whole number of times. And the general one: the fewest pictures left
out for a spread that the user allows, found by trying everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor
from typing import Final

from lorabake.core.dataset import MAX_REPEATS
from lorabake.core.errors import DatasetError

TOLERANCE: Final = 0.05  # of the spread; outfits that are a twentieth apart are learned alike
MAX_TOLERANCE: Final = 1.0
_LEAST: Final = 1e-9  # two spreads are ratios of whole numbers, and further apart than this


@dataclass(frozen=True)
class Share:
    """One folder. keep: pictures that stay; repeats: how often an epoch shows each."""

    images: int
    keep: int
    repeats: int

    @property
    def seen(self) -> int:
        return self.keep * self.repeats

    @property
    def lost(self) -> int:
        return self.images - self.keep


@dataclass(frozen=True)
class Balance:
    """shares: in the order of the counts; a folder without pictures has keep 0 and counts nowhere."""

    shares: tuple[Share, ...]

    @property
    def seen_per_epoch(self) -> int:
        """The guide's T."""
        return sum(share.seen for share in self.shares)

    @property
    def lost(self) -> int:
        return sum(share.lost for share in self.shares)

    @property
    def spread(self) -> float:
        """How much more the most seen folder is seen than the least; 0 is equal."""
        seen = [share.seen for share in self.shares if share.images]
        return max(seen) / min(seen) - 1 if seen else 0.0


def guides_balance(counts: Sequence[int]) -> Balance:
    """“Delete 3 images in the folder for outfit #1, 16 images in #2, and 29 images in #4.”

    With 23, 49, 100 and 79 pictures: keep 20, 33, 100 and 50, shown 5, 3, 1 and 2 times.
    """
    _require(counts)
    largest = max(counts, default=0)
    return Balance(tuple(_divided(count, largest) for count in counts))


def best_balance(
    counts: Sequence[int], tolerance: float = TOLERANCE, *, most_seen: int | None = None
) -> Balance:
    """The fewest pictures left out while no folder is seen more than `tolerance` above another.

    most_seen: looks an epoch may take at a folder; by default the pictures of the largest one, so
    that an epoch stays as long as in the guide. Of equal losses the smaller spread, then the
    shorter epoch.

    Exact: in any answer the least seen folder is seen some `low` times, and the others at most
    low × (1 + tolerance). For each `low` the folders do not care about each other, and each keeps
    most with the fewest repeats that bring it into that window. So every `low` is tried.
    """
    _require(counts)
    if not 0 <= tolerance <= MAX_TOLERANCE:
        raise DatasetError(
            f"The tolerance can be from 0 to {MAX_TOLERANCE:.0%}, not {tolerance:.0%}."
        )
    limit = max(counts, default=0) if most_seen is None else most_seen
    best = _fewest_lost(counts, tolerance, limit)
    if best is None:
        return Balance(tuple(Share(count, count, 1) for count in counts))
    # Repeats that keep as many may lie closer together: ask for less spread as long as nothing is lost.
    while best.spread > 0:
        closer = _fewest_lost(counts, best.spread - _LEAST, limit)
        if closer is None or closer.lost > best.lost:
            break
        best = closer
    return best


def _fewest_lost(counts: Sequence[int], tolerance: float, limit: int) -> Balance | None:
    best: Balance | None = None
    for low in range(1, limit + 1):
        found = _within(counts, low, min(limit, floor(low * (1 + tolerance) + _LEAST)))
        if found is not None and (best is None or _worth(found) < _worth(best)):
            best = found
    return best


def repeats_only(counts: Sequence[int]) -> Balance:
    """Nothing left out: the repeats that bring each folder nearest to the largest one."""
    _require(counts)
    largest = max(counts, default=0)
    return Balance(
        tuple(
            Share(count, count, _capped(round(largest / count)) if count else 1) for count in counts
        )
    )


@dataclass(frozen=True)
class Verdict:
    """How little a picture would be missed. badness: the higher the sooner it goes.

    why: half a sentence, "is the same picture as b.png".
    """

    badness: float
    why: str = ""


def worst_first(ids: Iterable[str], verdicts: Mapping[str, Verdict]) -> list[str]:
    """The order in which pictures are proposed for removal; of equals the last comes first."""
    order = {one: place for place, one in enumerate(ids)}
    return sorted(
        order,
        key=lambda one: (-verdicts[one].badness if one in verdicts else 0.0, -order[one]),
    )


def _require(counts: Sequence[int]) -> None:
    if any(count < 0 for count in counts):
        raise DatasetError("A folder cannot have fewer than 0 pictures.")


def _divided(count: int, largest: int) -> Share:
    """As often as brings it up to the largest folder, then as many as fit; a folder that fits stays."""
    if not count:
        return Share(0, 0, 1)
    fewer = _capped(largest // count)
    repeats = fewer if largest // fewer == count else _capped(ceil(largest / count))
    return Share(count, min(count, largest // repeats), repeats)


def _capped(repeats: int) -> int:
    return min(max(repeats, 1), MAX_REPEATS)


def _within(counts: Sequence[int], low: int, high: int) -> Balance | None:
    shares = []
    for count in counts:
        share = _most_kept(count, low, high) if count else Share(0, 0, 1)
        if share is None:
            return None
        shares.append(share)
    return Balance(tuple(shares))


def _most_kept(count: int, low: int, high: int) -> Share | None:
    """Most pictures k with low ≤ k × repeats ≤ high; k falls as repeats rise, so the first fits best."""
    for repeats in range(ceil(low / count), min(high, MAX_REPEATS) + 1):
        keep = min(count, high // repeats)
        if keep * repeats >= low:
            return Share(count, keep, repeats)
    return None


def _worth(balance: Balance) -> tuple[int, float, int]:
    return balance.lost, balance.spread, balance.seen_per_epoch
