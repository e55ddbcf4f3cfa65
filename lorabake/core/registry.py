"""Registry: the closed list of things of one kind, found by name."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Generic, Protocol, TypeVar

from lorabake.core.errors import RecipeError


class Named(Protocol):
    """What a registry holds: a name for files, a label for the screen."""

    @property
    def name(self) -> str: ...

    @property
    def label(self) -> str: ...


T = TypeVar("T", bound=Named)


class Registry(Generic[T]):
    """Named things of one kind, in the order they were listed.

    Closed on purpose: names come from files that others wrote, so a name is only ever looked up
    here and never imported.
    """

    def __init__(self, kind: str, *entries: T) -> None:
        self.kind = kind
        self._entries = {entry.name: entry for entry in entries}
        assert len(self._entries) == len(entries), f"two entries of one name in {kind}"

    def __getitem__(self, name: str) -> T:
        try:
            return self._entries[name]
        except KeyError:
            raise RecipeError(unknown_name(self.kind, name, self.names)) from None

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[T]:
        return iter(self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._entries)

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(entry.label for entry in self)


def unknown_name(kind: str, name: object, names: tuple[str, ...]) -> str:
    """The sentence for a name that is not in a list, with the nearest one first."""
    near = get_close_matches(str(name)[:80], names, n=1)
    hint = f"Did you mean {near[0]!r}? " if near else ""
    return f"There is no {kind} called {str(name)[:80]!r}. {hint}There are: {', '.join(names)}."
