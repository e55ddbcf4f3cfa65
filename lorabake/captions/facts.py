"""What the filter language may ask about a picture, straight from a dataset."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from lorabake.core.dataset import Concept, Dataset, DatasetImage
from lorabake.core.filter import parse_filter
from lorabake.core.tags import tag_key
from lorabake.engine.token_count import count_tokens


@dataclass(frozen=True)
class ImageFacts:
    """core.filter.Facts of one picture. Where it is from is not written in a dataset."""

    concept_: Concept
    image: DatasetImage
    source: str = ""

    @property
    def id(self) -> str:
        return f"{self.concept_.folder.name}/{self.image.path.name}"

    @property
    def name(self) -> str:
        return self.image.path.name

    @property
    def path(self) -> str:
        return self.id

    @property
    def caption(self) -> str:
        return self.image.caption.text

    @cached_property
    def tags(self) -> tuple[str, ...]:
        return tuple(tag_key(tag) for tag in self.image.caption.tags)

    @property
    def concept(self) -> str:
        return self.concept_.trigger

    @property
    def tokens(self) -> int:
        return count_tokens(self.caption).tokens

    @property
    def width(self) -> int:
        return self.image.width

    @property
    def height(self) -> int:
        return self.image.height


def ids_matching(dataset: Dataset, expression: str) -> set[str]:
    """Pictures that a filter finds; FilterError when it cannot be understood."""
    rows = [ImageFacts(concept, image) for concept in dataset.concepts for image in concept.images]
    return {rows[number].id for number in parse_filter(expression).select(rows)}
