"""What an operation on captions is given, and what it gives back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Generic, Protocol, TypeVar

from lorabake.captions.settings import ProcessSettings
from lorabake.core.tags import tag_key

Tags = tuple[str, ...]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an operation touched a tag. tag: "" when it is about the whole caption, such as sorting.

    operation: a name of `operations.OPERATIONS`; why: half a sentence for a person.
    """

    tag: str
    operation: str
    why: str


# None: nothing to do here, which is what most operations say of most captions.
Result = tuple[Tags, list[Reason]] | None


class TagList(Protocol):
    """What operations ask a vocabulary (core.vocabulary)."""

    def category(self, tag: str) -> str: ...
    def canonical(self, tag: str) -> str: ...
    def implied(self, tag: str) -> frozenset[str]: ...


class Memo(dict[str, T], Generic[T]):
    """What `make` says of a tag, asked once: a dataset has few tags, but each of them many times."""

    def __init__(self, make: Callable[[str], T]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, tag: str) -> T:
        value = self[tag] = self._make(tag)
        return value


class Keys(Memo[str]):
    """tag → `tag_key`."""

    def __init__(self) -> None:
        super().__init__(tag_key)

    def of(self, tags: Iterable[str]) -> Iterator[str]:
        return map(self.__getitem__, tags)


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose caption it is. kept: keys that are not dropped unasked; front: keys that stay in front.

    as_typed: keys of the trigger and of added tags, whose spelling is somebody's choice.
    """

    id: str
    concept: str = ""
    trigger: str = ""
    kept: frozenset[str] = frozenset()
    front: frozenset[str] = frozenset()
    as_typed: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Context:
    """The settings, and what is known of all captions.

    captions: (concept, tags) of every picture of the dataset, as they are when first counted: what
    was rewritten and added by then counts. scores: picture → key → probability.
    """

    settings: ProcessSettings
    vocabulary: TagList | None = None
    captions: Callable[[], Iterable[tuple[str, Tags]]] = tuple
    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    keys: Keys = field(default_factory=Keys)

    @cached_property
    def by_concept(self) -> dict[str, Counter[str]]:
        """concept → key → pictures that have it."""
        found: dict[str, Counter[str]] = {}
        for concept, tags in self.captions():
            counter = found.setdefault(concept, Counter())
            counter.update(set(self.keys.of(tags)))
        return found

    @cached_property
    def counts(self) -> Counter[str]:
        """key → pictures that have it."""
        total: Counter[str] = Counter()
        for counter in self.by_concept.values():
            total.update(counter)
        return total


Apply = Callable[[Tags, Subject], Result]


@dataclass(frozen=True)
class Operation:
    """One thing that can be done to captions.

    make: reads the settings once and gives the function that is called for each caption.
    """

    name: str
    label: str
    wanted: Callable[[ProcessSettings], bool]
    make: Callable[[Context], Apply]
