"""Groups of duplicates and of variants, for any hardness, out of the distances of one scan."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lorabake.core.names import natural_key
from lorabake.duplicates.keep import Relation, best, choose, relation
from lorabake.duplicates.scan import Scan, Seen
from lorabake.duplicates.settings import DuplicateSettings
from lorabake.duplicates.verify import Pair

_USUAL = DuplicateSettings()
Two = tuple[str, str]  # sha256 of two pictures


@dataclass(frozen=True)
class Member:
    """A picture of a group. id: its path; match: per cent, None for the one to keep.

    kind: what it is to the one to keep, "" for that one itself. reason: why it is kept, or not.
    """

    id: str
    match: int | None
    kind: str
    reason: str
    marked: bool


@dataclass(frozen=True)
class Group:
    """keep: the id of the one to keep. variant: the same drawing with another face, clothes or text."""

    keep: str
    members: tuple[Member, ...]
    variant: bool = False


@dataclass(frozen=True)
class Groups:
    groups: tuple[Group, ...]


def pair_key(one: str, other: str) -> str:
    """How a pair of contents (sha256) that shall never be shown is remembered."""
    return "-".join(sorted((one, other)))


def group(
    scan: Scan,
    *,
    hardness: int = _USUAL.hardness,
    ignored_pairs: Iterable[str] = (),
    prefer_folder: str = "",
) -> Groups:
    """Put together what matches by `hardness` per cent, and choose which to keep.

    ignored_pairs: `pair_key`s; those two never come into one group. Variants are marked by nobody
    but the person.
    """
    ignored = frozenset(ignored_pairs)
    links = _links(scan, hardness)
    sets = _Sets(scan, links, ignored)
    for pair in sorted(links, key=lambda pair: -links[pair]):
        sets.link(*pair)
    groups: list[Group] = []
    kept: dict[str, Seen] = {}
    for shas in sets.all():
        members = _expanded(scan, shas, ignored)
        if not members:
            continue
        keep = best(scan, members, prefer_folder)
        kept |= dict.fromkeys(shas, keep)
        if len(members) > 1:
            groups.append(_group(scan, keep, members, prefer_folder, variant=False))
    variants = _variants(scan, kept, ignored)
    groups += [
        _group(scan, best(scan, members, prefer_folder), members, prefer_folder, variant=True)
        for members in variants
    ]
    return Groups(tuple(sorted(groups, key=lambda one: (one.variant, natural_key(one.keep)))))


def _links(scan: Scan, hardness: int) -> dict[Two, float]:
    """Pairs that match well enough, with their match."""
    key = ("matches",)
    if key not in scan.remembered:
        scan.remembered[key] = {
            pair: _match(scan, pair, one)
            for pair, one in scan.pairs.items()
            if one.share != "variant"
        }
    return {pair: match for pair, match in scan.remembered[key].items() if match >= hardness}


def _match(scan: Scan, pair: tuple[str, str], found: Pair) -> float:
    return 100.0 if _same_pixels(scan, *pair) else min(99.0, found.match)


def _same_pixels(scan: Scan, one: str, other: str) -> bool:
    a, b = scan.pictures[one][0].detail, scan.pictures[other][0].detail
    return a is not None and b is not None and a.pixels == b.pixels


def _both_ways(pairs: Iterable[Two]) -> set[Two]:
    return {ordered for one, other in pairs for ordered in ((one, other), (other, one))}


class _Sets:
    """Pictures put together step by step, the most alike first.

    One joins a group only when it matches at least half of it: what is alike to one that is alike to
    another need not be a copy of both.
    """

    def __init__(self, scan: Scan, links: Iterable[Two], ignored: frozenset[str]) -> None:
        self._scan = scan
        self._of: dict[str, list[str]] = {}
        self._linked = _both_ways(links)
        parts = (key.partition("-") for key in ignored)
        variants = (pair for pair, one in scan.pairs.items() if one.share == "variant")
        self._apart = _both_ways([*variants, *((one, other) for one, _, other in parts)])

    def link(self, one: str, other: str) -> None:
        first, second = self._of.setdefault(one, [one]), self._of.setdefault(other, [other])
        if first is second:
            return
        across = [(a, b) for a in first for b in second]
        if not self._apart.isdisjoint(across):
            return
        if 2 * sum(pair in self._linked for pair in across) < len(across):
            return
        first += second
        for sha in second:
            self._of[sha] = first

    def all(self) -> list[list[str]]:
        """Each group once, and each picture that is there several times as it is."""
        for sha, same in self._scan.pictures.items():
            if len(same) > 1:
                self._of.setdefault(sha, [sha])
        return list({id(shas): shas for shas in self._of.values()}.values())


def _expanded(scan: Scan, shas: Sequence[str], ignored: frozenset[str]) -> list[Seen]:
    """All files of these contents; of one that may not be shown with itself only the first."""
    found: list[Seen] = []
    for sha in shas:
        same = sorted(scan.pictures[sha], key=lambda one: one.order)
        found += same[:1] if pair_key(sha, sha) in ignored else same
    return sorted(found, key=lambda one: one.order)


def _group(
    scan: Scan, keep: Seen, members: Sequence[Seen], prefer_folder: str, *, variant: bool
) -> Group:
    others = [one for one in members if one is not keep]
    rows = [_member(scan, keep, one, others, prefer_folder, variant) for one in others]
    rows.sort(key=lambda row: -(row.match or 0))
    closest = min(others, key=lambda one: (_rank(scan, keep, one, prefer_folder), one.id))
    wins = "" if variant else choose(scan, keep, closest, prefer_folder).wins
    first = Member(keep.id, None, "", wins, False)
    return Group(keep.id, (first, *rows), variant)


def _rank(scan: Scan, keep: Seen, other: Seen, prefer_folder: str) -> int:
    """Which rule decided: the kept one's reason is the strongest that it has."""
    order = (
        "folder",
        "colours",
        "detail",
        "shows",
        "enlarged",
        "pixels",
        "watermark",
        "from",
        "loss",
        "file",
    )
    wins = choose(scan, keep, other, prefer_folder).wins
    return next((rank for rank, word in enumerate(order) if word in wins), len(order))


def _member(
    scan: Scan,
    keep: Seen,
    one: Seen,
    others: Sequence[Seen],
    prefer_folder: str,
    variant: bool,
) -> Member:
    found = relation(scan, one, keep)
    via = found
    if via is None:  # alike to the others of the group only
        via = next((r for other in others if (r := relation(scan, one, other)) is not None), None)
    same = keep.image.sha256 == one.image.sha256
    pixels = not same and _same_pixels(scan, one.image.sha256, keep.image.sha256)
    pair = via.pair if via is not None else None
    match = 100 if same or pixels else int(min(99.0, pair.match)) if pair else None
    if variant:
        return Member(one.id, match, "variant", "another expression, clothes or text", False)
    kind = "identical file" if same else "identical pixels" if pixels else _kind(via, one, keep)
    loses = choose(scan, keep, one, prefer_folder).loses
    return Member(one.id, match, kind, "; ".join((*_also(via, kind), loses)), True)


def _kind(found: Relation | None, one: Seen, keep: Seen) -> str:
    pair = found.pair if found is not None else None
    if found is not None and pair is not None:
        words = [
            ("cropped", found.is_piece),
            *((word, True) for word in _turn_words(pair.turn)),
            (pair.share, bool(pair.share)),
            (pair.change, bool(pair.change)),
        ]
        for word, fits in words:
            if fits:
                return word
    a, b = (sorted((seen.image.width, seen.image.height)) for seen in (one, keep))
    return "recompressed" if a == b else "resized"


def _also(found: Relation | None, kind: str) -> list[str]:
    """What else was done to it, besides its kind."""
    pair = found.pair if found is not None else None
    if pair is None or kind.startswith("identical"):
        return []
    words = [*_turn_words(pair.turn), pair.share, pair.change]
    return [word for word in words if word and word not in (kind, "variant")]


def _turn_words(turn: int) -> tuple[str, ...]:
    if turn in (4, 6):  # left for right, or top for bottom
        return ("mirrored",)
    return ("rotated",) if turn < 4 and turn else ("rotated", "mirrored") if turn else ()


def _variants(scan: Scan, kept: dict[str, Seen], ignored: frozenset[str]) -> list[list[Seen]]:
    """Variants of each other; of duplicates only the one that is kept."""
    above: dict[str, str] = {}

    def top(id: str) -> str:
        while above.setdefault(id, id) != id:
            id = above[id]
        return id

    seen: dict[str, Seen] = {}
    for (a, b), pair in scan.pairs.items():
        if pair.share != "variant" or pair_key(a, b) in ignored:
            continue
        one, other = (kept.get(sha, scan.pictures[sha][0]) for sha in (a, b))
        if one is not other:
            seen |= {one.id: one, other.id: other}
            above[top(one.id)] = top(other.id)
    groups: dict[str, list[Seen]] = defaultdict(list)
    for id, one in sorted(seen.items(), key=lambda item: item[1].order):
        groups[top(id)].append(one)
    return [members for members in groups.values() if len(members) > 1]
