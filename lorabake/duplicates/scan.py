"""Looking for duplicates in a whole data set: looked at once, compared, and remembered by content.

What comes out holds distances, not decisions: groups are made of it for any hardness at once.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from lorabake.core.dataset import DatasetImage
from lorabake.core.errors import ImageError, Stopped
from lorabake.core.index import Index
from lorabake.core.names import natural_key
from lorabake.core.sources import FILE, FOLDER, Sources
from lorabake.core.tags import tag_key
from lorabake.duplicates.align import Planes, planes
from lorabake.duplicates.candidates import (
    CANDIDATES,
    STOPPED,
    Candidate,
    Prints,
    find_candidates,
    read_prints,
)
from lorabake.duplicates.candidates import packed as packed_candidates
from lorabake.duplicates.candidates import unpacked as unpacked_candidates
from lorabake.duplicates.detail import Detail, detail_many
from lorabake.duplicates.prints import LOOKS, ShouldStop, Tell, look_at, print_many, unpacked
from lorabake.duplicates.verify import PAIRS, Pair, compare
from lorabake.duplicates.verify import packed as packed_pair
from lorabake.duplicates.verify import unpacked as unpacked_pair

_AT_ONCE = 256  # pairs between two looks at the clock and the index
_LOOKS_HELD = 1024
_MARKS = {
    *("watermark", "signature", "artist_name", "web_address", "logo", "text", "dated"),
    *("speech_bubble", "copyright_notice", "username", "character_name", "copyright_name"),
    *("sound_effects", "subtitled"),
}
_MARK_ENDS = ("_watermark", "_username", "_text", "_logo", "_address")


@dataclass(frozen=True)
class Seen:
    """One picture. size: bytes; site: the board it is from, or ""; tags: how many it has.

    has_mark: its tags say watermark, signature or text. detail: None when it has no twin.
    """

    image: DatasetImage
    size: int
    site: str
    tags: int
    has_mark: bool
    detail: Detail | None

    @cached_property
    def id(self) -> str:
        return str(self.image.path)

    @cached_property
    def order(self) -> Any:
        """To sort by, as people do."""
        return natural_key(self.id)

    @property
    def pixels(self) -> int:
        return self.image.width * self.image.height


@dataclass(frozen=True)
class Scan:
    """pictures: by sha256, those of the same bytes together.

    pairs: what the second is to the first, for (sha256, sha256). unreadable: path and reason.
    remembered: what was asked of two pictures before, as the hardness moves.
    """

    pictures: Mapping[str, tuple[Seen, ...]]
    pairs: Mapping[tuple[str, str], Pair]
    unreadable: tuple[tuple[str, str], ...] = ()
    remembered: dict[tuple[str, ...], Any] = field(default_factory=dict, compare=False, repr=False)


def scan_duplicates(
    index: Index,
    images: Sequence[DatasetImage],
    tell: Tell = lambda done, total: None,
    *,
    should_stop: ShouldStop = lambda: False,
) -> Scan:
    """Compare all pictures. tell: (pictures looked at, all); comparing follows when all are.

    Stopped raises Stopped, and what was looked at is kept. Memory does not grow with the pictures'
    size, and by some kilobytes with each of them.
    """
    count = len({one.sha256 for one in images})
    printed = print_many(
        index, images, lambda done, _: tell(done * len(images) // count, len(images)), should_stop
    )
    if should_stop():
        raise Stopped(STOPPED)
    by_sha: dict[str, list[DatasetImage]] = defaultdict(list)
    for one in images:
        by_sha[one.sha256].append(one)
    shas = sorted(printed.prints)  # by content, so that the pairs of the next scan are the same
    paths = {sha: by_sha[sha][0].path for sha in shas}
    prints = read_prints([printed.prints[sha] for sha in shas]) if shas else None
    pairs: dict[tuple[str, str], Pair] = {}
    blank: list[list[str]] = []
    if prints is not None:
        found = _candidates(index, shas, prints, should_stop)
        pairs = _compared(index, shas, paths, found, should_stop)
        blank = _alike_blanks(shas, printed.prints, prints.flat.tolist())
    twins = {sha for pair in pairs for sha in pair} | {sha for group in blank for sha in group}
    twins |= {sha for sha, same in by_sha.items() if len(same) > 1 and sha in paths}
    details = detail_many(index, {sha: paths[sha] for sha in sorted(twins)}, should_stop)
    for group in blank:
        pairs |= _same_blanks(group, details)
    seen = _seen({sha: by_sha[sha] for sha in shas}, details)
    bad = [(str(one.path), why) for sha, why in printed.unreadable.items() for one in by_sha[sha]]
    return Scan(seen, pairs, tuple(sorted(bad)))


def _candidates(
    index: Index, shas: Sequence[str], prints: Prints, should_stop: ShouldStop
) -> list[Candidate]:
    """As `find_candidates`; of these very pictures they are remembered."""
    key = hashlib.sha256("".join(shas).encode()).hexdigest()
    kept = index.facts(CANDIDATES, [key]).get(key)
    found = None if kept is None else unpacked_candidates(kept, len(shas))
    if found is None:
        found = find_candidates(prints, should_stop)
        index.keep_facts(CANDIDATES, {key: packed_candidates(found)})
    return found


def _compared(
    index: Index,
    shas: Sequence[str],
    paths: Mapping[str, Path],
    candidates: Iterable[Candidate],
    should_stop: Callable[[], bool],
) -> dict[tuple[str, str], Pair]:
    by_pair: dict[tuple[str, str], list[Candidate]] = defaultdict(list)
    for one in candidates:
        a, b = shas[one.one], shas[one.two]
        by_pair[min(a, b), max(a, b)].append(one)
    keys = {pair: _key(pair) for pair in by_pair}
    kept = index.facts(PAIRS, keys.values())
    looks = _Looks(index, paths)
    found: dict[tuple[str, str], Pair] = {}
    todo: list[tuple[str, str]] = []
    for pair, key in keys.items():
        known = _known(pair, kept.get(key))
        if known is None:
            todo.append(pair)
        else:
            found |= known
    for start in range(0, len(todo), _AT_ONCE):
        if should_stop():
            raise Stopped(STOPPED)
        some = todo[start : start + _AT_ONCE]
        looks.fetch({sha for pair in some for sha in pair})
        new: dict[str, bytes] = {}
        for pair in some:
            result = _best(by_pair[pair], shas, looks)
            found |= result
            new[keys[pair]] = _kept_pair(pair, result)
        index.keep_facts(PAIRS, new)
    return found


def _best(
    candidates: Sequence[Candidate], shas: Sequence[str], looks: _Looks
) -> dict[tuple[str, str], Pair]:
    """The likeliest way to lay them that holds; a variant only when none of them is a copy."""
    best: dict[tuple[str, str], Pair] = {}
    for one in candidates:
        a, b = shas[one.one], shas[one.two]
        first, second = looks.of(a), looks.of(b)
        pair = compare(first, second, one.turn, one.box) if first and second else None
        if pair is None:
            continue
        if pair.share != "variant" and pair.match >= 95:
            return {(a, b): pair}
        before = next(iter(best.values()), None)
        if before is None or (pair.share != "variant", pair.match) > (
            before.share != "variant",
            before.match,
        ):
            best = {(a, b): pair}
    return best


def _key(pair: tuple[str, str]) -> str:
    return hashlib.sha256("".join(pair).encode()).hexdigest()


def _kept_pair(pair: tuple[str, str], found: Mapping[tuple[str, str], Pair]) -> bytes:
    for ordered, one in found.items():
        return (b"=" if ordered == pair else b"<") + packed_pair(one)
    return packed_pair(None)


def _known(pair: tuple[str, str], data: bytes | None) -> dict[tuple[str, str], Pair] | None:
    """What is known of a pair; None when it has to be compared."""
    if data is None:
        return None
    try:
        found = unpacked_pair(data[1:] if data[:1] in b"=<" else data)
    except ValueError:
        return None
    if found is None:
        return {}
    return {(pair if data[:1] == b"=" else (pair[1], pair[0])): found}


class _Looks:
    """Looks of a part of the pictures; the longest unused go."""

    def __init__(self, index: Index, paths: Mapping[str, Path]) -> None:
        self._index = index
        self._paths = paths
        self._held: OrderedDict[str, Planes | None] = OrderedDict()

    def fetch(self, shas: set[str]) -> None:
        missing = [sha for sha in shas if sha not in self._held]
        for sha in shas.intersection(self._held):
            self._held.move_to_end(sha)
        kept = self._index.facts(LOOKS, missing)
        for sha in missing:
            look = unpacked(kept[sha]) if sha in kept else None
            if look is None:
                try:
                    look = look_at(self._paths[sha])
                except ImageError:  # it went meanwhile
                    look = None
            self._held[sha] = planes(look) if look else None
        while len(self._held) > max(_LOOKS_HELD, len(shas)):
            self._held.popitem(last=False)

    def of(self, sha: str) -> Planes | None:
        return self._held.get(sha)


def _alike_blanks(
    shas: Sequence[str], prints: Mapping[str, bytes], flat: Sequence[bool]
) -> list[list[str]]:
    """Pictures with nothing drawn that look the same: only their very pixels can tell."""
    groups: dict[bytes, list[str]] = defaultdict(list)
    for sha, is_flat in zip(shas, flat, strict=True):
        if is_flat:
            groups[prints[sha]].append(sha)
    return [group for group in groups.values() if len(group) > 1]


def _same_blanks(
    group: Sequence[str], details: Mapping[str, Detail]
) -> dict[tuple[str, str], Pair]:
    from lorabake.duplicates.align import WHOLE

    first: dict[str, str] = {}
    found = {}
    for sha in group:
        if sha in details:
            other = first.setdefault(details[sha].pixels, sha)
            if other != sha:
                found[other, sha] = Pair(99, 0, WHOLE)
    return found


def _seen(
    by_sha: Mapping[str, Sequence[DatasetImage]], details: Mapping[str, Detail]
) -> dict[str, tuple[Seen, ...]]:
    """What decides which of them is kept."""
    known: dict[Path, Sources | None] = {}

    def site_and_tags(one: DatasetImage) -> tuple[str, set[str]]:
        folder = one.path.parent
        if folder not in known:
            roots = (root for root in (folder.parent, folder) if (root / FOLDER / FILE).is_file())
            root = next(roots, None)
            known[folder] = None if root is None else Sources.open(root)
        sources = known[folder]
        source = sources.of(one.sha256) if sources else None
        if source is None:
            return "", set()
        return source.site, {tag_key(tag) for tags in source.tags.values() for tag in tags}

    def look(one: DatasetImage, detail: Detail | None) -> Seen:
        site, tags = site_and_tags(one) if detail else ("", set())
        tags |= {tag_key(tag) for tag in one.caption.tags} if detail else set()
        try:
            size = one.path.stat().st_size if detail else 0
        except OSError:
            size = 0
        has_mark = any(tag in _MARKS or tag.endswith(_MARK_ENDS) for tag in tags)
        return Seen(one, size, site, len(one.caption.tags), has_mark, detail)

    return {sha: tuple(look(one, details.get(sha)) for one in same) for sha, same in by_sha.items()}
