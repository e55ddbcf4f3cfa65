"""The tagger's part: pictures of the data set and paintings, looked at once and kept in the index."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from lorabake.core.caption import parse_caption
from lorabake.core.dataset import Concept
from lorabake.core.errors import LorabakeError
from lorabake.core.files import sha256_of
from lorabake.core.workspace import Workspace
from lorabake.grid.verdict.asked import Key
from lorabake.grid.verdict.evidence import Evidence
from lorabake.grid.verdict.likeness import Telling, agreement, telling_tags
from lorabake.recipe.models import SHIPPED
from lorabake.tag.scores import scores_for
from lorabake.tag.scoring import score_pictures
from lorabake.tag.taggers import default_tagger, load_tagger

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from lorabake.tag.taggers import Tagger

PRACTICE = "practice"
Progress = Callable[[int, int], None]
Painted = dict[tuple[Key | None, str], Path]


def tagger_for(workspace: Workspace, base: Path) -> str:
    """The name of a tagger that knows what this base model paints; "" when none is here.

    The practice tagger knows the practice model's drawings and nothing else.
    """
    if base == SHIPPED[PRACTICE]:
        return PRACTICE
    name = default_tagger(workspace)
    return "" if name == PRACTICE else name


def compare_tags(
    evidence: Evidence,
    workspace: Workspace,
    name: str,
    concepts: Sequence[tuple[Concept, Sequence[Path]]],
    painted: Painted,
    *,
    on_progress: Progress,
    should_stop: Callable[[], bool],
) -> None:
    """Fill in the agreements of all own pictures. concepts: with the pictures that are there.

    Raises Stopped; what the tagger has seen by then is kept.
    """
    tagger = load_tagger(workspace, name)
    own = {item.name: item for item in evidence.own}
    paths = [path for _, pictures in concepts for path in pictures]
    paths += [path for (_, item), path in painted.items() if item in own]
    hashes = {path: sha256_of(path) for path in dict.fromkeys(paths)}
    score_pictures(
        tagger,
        [(sha, path) for path, sha in hashes.items()],
        workspace.index,
        on_progress=on_progress,
        should_stop=should_stop,
    )
    seen = _Seen(workspace, tagger, hashes)
    evidence.tagger = tagger.name
    told: dict[str, None] = {}
    for concept, pictures in concepts:
        mine = [item for item in own.values() if item.concept == concept.name]
        plain = [painted[None, item.name] for item in mine if (None, item.name) in painted]
        data, without = seen.rows(pictures), seen.rows(plain)
        if not len(data) or not len(without):
            continue
        telling = telling_tags(tagger.labels, data, without)
        told.update(dict.fromkeys(telling.names(tagger.labels)))
        for (key, item), path in painted.items():
            if item in own and own[item].concept == concept.name:
                _agree(evidence, seen, telling, key, item, own[item].prompt, path)
    evidence.telling = list(told)


class _Seen:
    """What the tagger said of each file."""

    def __init__(self, workspace: Workspace, tagger: Tagger, hashes: dict[Path, str]) -> None:
        self.labels = tagger.labels
        self._hashes = hashes
        self._scores = scores_for(workspace.index, tagger.key, hashes.values())

    def row(self, path: Path) -> NDArray[np.float32] | None:
        """(L,); None for what could not be read."""
        found = self._scores.get(self._hashes.get(path, ""))
        return found.dense(len(self.labels)) if found else None

    def rows(self, paths: Sequence[Path]) -> NDArray[np.float32]:
        """(N, L)"""
        import numpy as np

        found = [row for path in paths if (row := self.row(path)) is not None]
        return np.stack(found) if found else np.zeros((0, len(self.labels)), dtype=np.float32)


def _agree(
    evidence: Evidence,
    seen: _Seen,
    telling: Telling,
    key: Key | None,
    item: str,
    prompt: str,
    path: Path,
) -> None:
    row = seen.row(path)
    if row is None:
        return
    with suppress(LorabakeError):
        tags = parse_caption(prompt).tags
        evidence.agreements[key, item] = agreement(seen.labels, telling, tags, row)
