"""Which part of an epoch was painted by a model, and how much more may be."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from lorabake.core.dataset import Dataset
from lorabake.core.sources import GENERATED, Sources

MOST_GENERATED: Final = 30  # percent of what an epoch shows; our own number, the guide gives none


@dataclass(frozen=True)
class Check:
    """What a picture must pass before it teaches. help: what to look for."""

    name: str
    label: str
    help: str


CHECKLIST: Final = (
    Check("hands", "Hands", "five fingers, none melted together, arms that end where they should"),
    Check("eyes", "Eyes", "both of one colour and shape, pupils in place"),
    Check(
        "accuracy", "Accuracy", "hair, clothes and colours are the character's, nothing invented"
    ),
)


@dataclass(frozen=True)
class Share:
    """Pictures that an epoch shows, repeats counted. generated: those that a model painted."""

    generated: int
    shown: int

    @property
    def percent(self) -> float:
        return 100 * self.generated / self.shown if self.shown else 0.0

    def is_over(self, limit: int = MOST_GENERATED) -> bool:
        """More than `limit` percent?"""
        return 100 * self.generated > limit * self.shown

    def with_more(self, pictures: int, repeats: int) -> Share:
        """After that many generated pictures more."""
        more = pictures * repeats
        return Share(self.generated + more, self.shown + more)

    def room(self, limit: int = MOST_GENERATED) -> int:
        """How often generated pictures more may be shown within `limit` percent, which is below 100.

        100 (g + x) ≤ limit (t + x), solved for x: pictures times repeats.
        """
        return max(0, (limit * self.shown - 100 * self.generated) // (100 - limit))


def generated_share(dataset: Dataset, generated: Collection[str] | None = None) -> Share:
    """Regularisation is not counted. generated: sha256 of pictures; None looks into the sources."""
    known = generated_pictures(dataset) if generated is None else generated
    painted = sum(
        concept.repeats * (image.sha256 in known)
        for concept in dataset.concepts
        if not concept.is_reg
        for image in concept.images
    )
    return Share(painted, dataset.seen_per_epoch)


def generated_pictures(dataset: Dataset) -> set[str]:
    """sha256 of the pictures that are known to be painted by a model."""
    names = Sources.open(dataset.root).names()
    return {image.sha256 for image in dataset.images if names.get(image.sha256) == GENERATED}
