"""What the tagger says and a caption has not, and the reverse."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lorabake.core.tags import tag_key
from lorabake.tag.select import Picked

if TYPE_CHECKING:
    from lorabake.tag.apply import TagChange


@dataclass(frozen=True)
class Difference:
    """One tag on which tagger and captions differ. ids: of the pictures; probability: the mean."""

    tag: str
    category: str
    ids: tuple[str, ...]
    probability: float


def difference(
    existing: Sequence[str], picked: Sequence[Picked], *, knows: Container[str] | None = None
) -> tuple[list[Picked], list[str]]:
    """(says_not_have, have_not_says) of one picture.

    knows: keys of the tagger's list; tags that are not on it cannot be said, and are left out.
    """
    have = {tag_key(tag) for tag in existing}
    says = {one.key for one in picked}
    extra = [tag for tag in existing if (key := tag_key(tag)) not in says and _may(knows, key)]
    return [one for one in picked if one.key not in have], extra


def differences(
    changes: Iterable[TagChange], *, knows: Container[str] | None = None
) -> tuple[list[Difference], list[Difference]]:
    """The same for many pictures, counted by tag, the most frequent first."""
    says: dict[str, list[tuple[str, Picked]]] = {}
    have: dict[str, list[tuple[str, Picked]]] = {}
    for change in changes:
        missing, extra = difference(change.before, change.picked, knows=knows)
        for one in missing:
            says.setdefault(one.key, []).append((change.id, one))
        for tag in extra:
            have.setdefault(tag_key(tag), []).append((change.id, Picked(tag, "", 0.0)))
    return _counted(says), _counted(have)


def _counted(found: dict[str, list[tuple[str, Picked]]]) -> list[Difference]:
    rows = [
        Difference(
            tag=pairs[0][1].name,
            category=pairs[0][1].category,
            ids=tuple(id for id, _ in pairs),
            probability=sum(one.probability for _, one in pairs) / len(pairs),
        )
        for pairs in found.values()
    ]
    return sorted(rows, key=lambda row: (-len(row.ids), -row.probability, row.tag))


def _may(knows: Container[str] | None, key: str) -> bool:
    return knows is None or key in knows
