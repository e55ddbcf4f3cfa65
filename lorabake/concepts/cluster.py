"""Groups that a pile falls into by itself, as a suggestion for folders.

Two pictures are near when their captions share rare tags and their colours agree; poses, faces and
backgrounds do not count, since they change within an outfit. Groups are built
from the bottom up (Ward's method); their number is the one whose pictures lie nearest to their own
group compared with the next (mean silhouette, Rousseeuw 1987); one group when none is clear, or when the
nearest two are hardly apart.
The same pictures give the same groups, in whatever order they come.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from lorabake.concepts.looks import COLOURS, Looks
from lorabake.concepts.passing import is_passing
from lorabake.concepts.pile import Picture
from lorabake.core.tags import caption_form

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_GROUPS: Final = 12
LEAST_GROUP: Final = 3  # pictures; what is smaller is no outfit to train
CLEAR: Final = 0.1  # silhouette below which there is only one group
MOST_PICTURES: Final = 2000  # that are compared with each other; more are laid to the nearest group
APART: Final = 0.5  # mean distance of two groups, of at most √2; nearer ones are one outfit
TAG_WEIGHT: Final = 0.65  # of the distance; the rest is what pictures look like
_BRIGHTNESS: Final = 0.05  # of the look: poses and backgrounds differ within an outfit
_NAMED: Final = 3  # tags that tell a group


@dataclass(frozen=True)
class Group:
    """pictures: their ids. tags: what tells it from the others, the surest first."""

    pictures: tuple[str, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True)
class Suggested:
    """groups: the largest first. clearness: mean silhouette, -1 to 1; 0 with one group."""

    groups: tuple[Group, ...]
    clearness: float


def suggest_groups(
    pictures: Sequence[Picture],
    looks: Looks | None = None,
    *,
    tags: Mapping[str, Collection[str]] | None = None,
    count: int | None = None,
    passing: Callable[[str], bool] = is_passing,
) -> Suggested:
    """looks: by sha256, of `looks_of`; a picture without one is compared by tags alone.

    tags: by sha256, where a tagger knows more than the captions; keys of tag_key. count: how many
    groups; None for as many as are clear. passing: tags that do not count.
    """
    known = tags or {}
    ordered = sorted(pictures, key=lambda picture: (picture.sha256, picture.id))
    words = [
        frozenset(tag for tag in known.get(one.sha256, one.tags) if not passing(tag))
        for one in ordered
    ]
    if len(ordered) < 2 * LEAST_GROUP:
        return Suggested(_groups(ordered, words, [0] * len(ordered)), 0.0)
    features = _features(ordered, words, looks or {})
    some = features[:: -(-len(features) // MOST_PICTURES)]
    labels, clearness = _cut(some, count)
    if len(some) < len(features):
        labels = _nearest(features, some, labels)
    return Suggested(_groups(ordered, words, labels), clearness)


def _features(
    pictures: Sequence[Picture], words: Sequence[frozenset[str]], looks: Looks
) -> NDArray[np.float64]:
    """(N, F): tags and looks beside each other, weighed so that squared distances add up."""
    import numpy as np

    tags = _tag_features(words)
    seen = np.zeros((len(pictures), COLOURS + 16))
    for row, picture in enumerate(pictures):
        vector = looks.get(picture.sha256)
        if vector is not None:
            colours, rest = vector[:COLOURS], vector[COLOURS:]
            # The square root makes Euclid's distance that of Hellinger, between shares.
            seen[row, :COLOURS] = np.sqrt(np.maximum(colours, 0) * (1 - _BRIGHTNESS))
            seen[row, COLOURS : COLOURS + len(rest)] = rest * _BRIGHTNESS**0.5
    weight = TAG_WEIGHT if tags.shape[1] else 0.0
    if not looks:
        weight = 1.0
    return np.concatenate([tags * weight**0.5, seen * (1 - weight) ** 0.5], axis=1)


def _tag_features(words: Sequence[frozenset[str]]) -> NDArray[np.float64]:
    """(N, tags): rows of length 1; a tag counts the more the fewer pictures have it.

    What one picture alone has, or nearly all, tells no group from another.
    """
    import numpy as np

    counts = Counter(tag for tags in words for tag in tags)
    columns = sorted(tag for tag, n in counts.items() if 1 < n <= 0.9 * len(words))
    place = {tag: column for column, tag in enumerate(columns)}
    found = np.zeros((len(words), len(columns)))
    for row, tags in enumerate(words):
        for tag in tags & place.keys():
            found[row, place[tag]] = np.log(len(words) / counts[tag])
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    result: NDArray[np.float64] = found / np.where(lengths > 0, lengths, 1)
    return result


def _cut(features: NDArray[np.float64], count: int | None) -> tuple[list[int], float]:
    """A label for each row, and the mean silhouette."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import pdist, squareform

    flat = pdist(features)
    distances, tree = squareform(flat), linkage(features, "ward")
    if count is not None:
        labels = fcluster(tree, max(1, count), "maxclust")
        return [int(label) for label in labels], _silhouette(distances, labels)
    best, clearness = [0] * len(features), CLEAR
    for number in range(2, min(MOST_GROUPS, len(features) // LEAST_GROUP) + 1):
        labels = fcluster(tree, number, "maxclust")
        if (
            min(Counter(labels.tolist()).values()) < LEAST_GROUP
            or _nearest_two(distances, labels) < APART
        ):
            continue
        found = _silhouette(distances, labels)
        if found > clearness + 1e-12:
            best, clearness = [int(label) for label in labels], found
    return best, clearness if len(set(best)) > 1 else 0.0


def _silhouette(distances: NDArray[np.float64], labels: Any) -> float:
    """Mean over pictures of (b - a) / max(a, b): a to the own group, b to the nearest other one."""
    import numpy as np

    names = np.unique(labels)
    if len(names) < 2:
        return 0.0
    members = np.stack([labels == name for name in names])  # (groups, N)
    sizes = members.sum(axis=1)
    sums = distances @ members.T  # (N, groups)
    own = members.T
    alone = sizes[np.argmax(own, axis=1)] == 1
    a = sums[own] / np.maximum(sizes[np.argmax(own, axis=1)] - 1, 1)
    b = np.where(own, np.inf, sums / sizes).min(axis=1)
    widest = np.maximum(np.maximum(a, b), 1e-12)
    return float(np.where(alone, 0.0, (b - a) / widest).mean())


def _nearest_two(distances: NDArray[np.float64], labels: Any) -> float:
    """The mean distance of the two groups that are nearest to each other."""
    import numpy as np

    members = np.stack([labels == name for name in np.unique(labels)]).astype(float)
    sizes = members.sum(axis=1)
    means = members @ distances @ members.T / np.outer(sizes, sizes)
    np.fill_diagonal(means, np.inf)
    return float(means.min())


def _nearest(
    features: NDArray[np.float64], some: NDArray[np.float64], labels: Sequence[int]
) -> list[int]:
    """The label of the group whose middle is nearest, for every row."""
    import numpy as np

    given = np.array(labels)
    names = np.unique(given)
    middles = np.stack([some[given == name].mean(axis=0) for name in names])
    squares = (middles**2).sum(axis=1) - 2 * features @ middles.T
    return [int(name) for name in names[squares.argmin(axis=1)]]


def _groups(
    pictures: Sequence[Picture], words: Sequence[frozenset[str]], labels: Sequence[int]
) -> tuple[Group, ...]:
    by_label: dict[int, list[int]] = {}
    for row, label in enumerate(labels):
        by_label.setdefault(label, []).append(row)
    found = [
        Group(
            tuple(sorted(pictures[row].id for row in rows)),
            telling_tags([words[row] for row in rows], _others(words, rows)),
        )
        for rows in by_label.values()
    ]
    return tuple(sorted(found, key=lambda group: (-len(group.pictures), group.pictures)))


def _others(words: Sequence[frozenset[str]], rows: Sequence[int]) -> list[frozenset[str]]:
    inside = set(rows)
    return [tags for row, tags in enumerate(words) if row not in inside]


def telling_tags(
    inside: Sequence[frozenset[str]],
    outside: Sequence[frozenset[str]],
    *,
    most: int = _NAMED,
    least: float = 0.5,
) -> tuple[str, ...]:
    """Tags that at least half of a group has, and others seldom: the surest first, in caption form."""
    if not inside or not outside:
        return ()
    here = Counter(tag for tags in inside for tag in tags)
    there = Counter(tag for tags in outside for tag in tags)
    rated = {
        tag: count / len(inside) - there[tag] / len(outside)
        for tag, count in here.items()
        if count >= least * len(inside)
    }
    told = sorted((tag for tag, lead in rated.items() if lead >= 0.4), key=lambda t: (-rated[t], t))
    return tuple(caption_form(tag) for tag in told[:most])
