"""What every tagger is to the rest: a list of tags, and a function from pictures to probabilities."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from lorabake.core.workspace import Workspace
from lorabake.tag.labels import Label

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Tagger(Protocol):
    """An open tagger.

    key: of its model and list, so that probabilities are known by it. size: px a side. batch: how
    many pictures it takes at once, None for any number. provider: what it runs on, "CUDA" or "CPU".
    """

    @property
    def name(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def labels(self) -> tuple[Label, ...]: ...
    @property
    def size(self) -> int: ...
    @property
    def batch(self) -> int | None: ...
    @property
    def provider(self) -> str: ...

    def run(self, pictures: NDArray[np.float32]) -> NDArray[np.float32]:
        """(B, size, size, 3) BGR 0 to 255 → (B, labels) probabilities, for any B."""
        ...


@dataclass(frozen=True)
class TaggerFiles:
    """A tagger on disk. where: the program or folder that it was found in."""

    name: str
    model: Path
    tags: Path
    where: str = ""


@dataclass(frozen=True)
class TaggerKind:
    """A tagger that is known by name.

    model: its name on the shelf (engine.shelf.KNOWN), "" when it cannot be downloaded. aliases:
    what else people call it, and how its file is called elsewhere. find: where it lies on this
    computer, None when it does not. open: from its files, on a device ("auto", "cpu", "cuda", …).
    """

    name: str
    label: str
    help: str
    find: Callable[[Workspace], TaggerFiles | None]
    open: Callable[[Workspace, TaggerFiles, str], Tagger]
    model: str = ""
    aliases: tuple[str, ...] = ()
