"""Which of several copies to keep, and why, in plain words.

Real detail counts more than pixels, so that an enlarged copy loses; then pixels, no watermark or
text, a board's file over one of unknown origin, saved without loss, a larger file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

from lorabake.core.names import natural_key
from lorabake.duplicates.scan import Scan, Seen
from lorabake.duplicates.verify import Pair

_SHARPER = 1.15  # times as sharp at the same size; less is chance, or the ringing of JPEG
_ENLARGED = 1.12  # times as many pixels a side without more detail
_PIECE = 0.97  # of the area; less is a piece of the other
_LARGER = 1.02  # times as many pixels


@dataclass(frozen=True)
class Relation:
    """How one picture stands to another. pair: what was found, None for the same bytes.

    density: pixels a side for the same content, times that of the other.
    shows, other_shows: the part of each that both show.
    """

    pair: Pair | None
    density: float
    shows: float = 1.0
    other_shows: float = 1.0

    @property
    def is_piece(self) -> bool:
        return min(self.shows, self.other_shows) < _PIECE


@dataclass(frozen=True)
class Choice:
    """wins: why the first is kept, loses: why the second is not, as they read in a line."""

    first: bool
    wins: str
    loses: str


def relation(scan: Scan, one: Seen, other: Seen) -> Relation | None:
    """How `one` stands to `other`; None when they were not found to be alike."""
    key = (one.image.sha256, other.image.sha256)
    if key not in scan.remembered:
        scan.remembered[key] = _relation(scan, one, other)
    found: Relation | None = scan.remembered[key]
    return found


def _relation(scan: Scan, one: Seen, other: Seen) -> Relation | None:
    a, b = one.image.sha256, other.image.sha256
    if a == b:
        return Relation(None, 1.0)
    if (b, a) in scan.pairs:
        pair, second, first, swapped = scan.pairs[b, a], one, other, False
    elif (a, b) in scan.pairs:
        pair, second, first, swapped = scan.pairs[a, b], other, one, True
    else:
        return None
    box, part = pair.box, pair.box.inside()
    area, shared = box.width * box.height, part.width * part.height
    density = sqrt(second.pixels / (area * first.pixels))
    of_first, of_second = min(1.0, shared), min(1.0, shared / area)
    if swapped:
        return Relation(pair, 1 / density, of_first, of_second)
    return Relation(pair, density, of_second, of_first)


def choose(scan: Scan, one: Seen, other: Seen, prefer_folder: str) -> Choice:
    """Which of the two to keep."""
    key = (one.id, other.id, prefer_folder)
    if key not in scan.remembered:
        scan.remembered[key] = _choice(scan, one, other, prefer_folder)
    found: Choice = scan.remembered[key]
    return found


def _choice(scan: Scan, one: Seen, other: Seen, prefer_folder: str) -> Choice:
    for rule in (_folder, _colour, _detail, _marks, _origin, _packing, _last):
        found = rule(scan, one, other, prefer_folder)
        if found is not None:
            return found
    raise AssertionError("the last rule always decides")


def best(scan: Scan, members: Sequence[Seen], prefer_folder: str) -> Seen:
    """The one to keep of a group."""
    kept = members[0]
    for other in members[1:]:
        if not choose(scan, kept, other, prefer_folder).first:
            kept = other
    return kept


def _folder(_: Scan, one: Seen, other: Seen, prefer_folder: str) -> Choice | None:
    a, b = (seen.image.path.parent.name == prefer_folder for seen in (one, other))
    if not prefer_folder or a == b:
        return None
    return Choice(a, "it is in the folder you keep from first", f"not in {prefer_folder}")


def _colour(scan: Scan, one: Seen, other: Seen, _: str) -> Choice | None:
    grey = _side(scan, one, other, "grey")
    return Choice(grey < 0, "it has its colours", "without its colours") if grey else None


def _side(scan: Scan, one: Seen, other: Seen, what: str) -> int:
    """+1 when it is `one` that is marked or grey, −1 when it is the other, 0 for neither."""
    a, b = one.image.sha256, other.image.sha256
    for pair, sign in (((b, a), 1), ((a, b), -1)):
        if pair in scan.pairs:
            return sign * int(getattr(scan.pairs[pair], what))
    return 0


def _detail(scan: Scan, one: Seen, other: Seen, _: str) -> Choice | None:
    """Real detail, then how much is shown, then pixels that are no mere enlargement."""
    found = relation(scan, one, other)
    if found is None:
        found = Relation(None, sqrt(one.pixels / max(1, other.pixels)))
    sharper = _sharper(one, other, found.density)
    if sharper is not None and _is_real(sharper, found.density):
        share = min(sharper, 1 / sharper)
        less = f"less real detail, {100 * share:.0f} % as sharp at the same size"
        return Choice(sharper > 1, "most real detail", less)
    if found.is_piece and abs(found.shows - found.other_shows) > 0.02:
        more = found.shows < found.other_shows  # both show a smaller part of this one
        return Choice(more, "it shows more of the picture", "only a part of the picture")
    if sharper is not None and not 1 / _ENLARGED <= found.density <= _ENLARGED:
        wins = "as much detail without being enlarged"
        return Choice(found.density < 1, wins, "only enlarged, without more detail")
    if not 1 / _LARGER <= one.pixels / max(1, other.pixels) <= _LARGER:
        return Choice(one.pixels > other.pixels, "more pixels", "fewer pixels")
    return None


def _is_real(sharper: float, density: float) -> bool:
    """Is that more than chance, and more than enlarging makes of an edge?

    Lanczos makes edges steeper by a fifth at twice the size; real detail would make them twice as steep.
    """
    least = max(_SHARPER, sqrt(density) if density > 1 else 1.0)
    most = min(1 / _SHARPER, sqrt(density) if density < 1 else 1.0)
    return sharper > least or sharper < most


def _sharper(one: Seen, other: Seen, density: float) -> float | None:
    """How sharp it is at the same size, times the other; None when nothing can be said."""
    a, b = (seen.detail.sharpness if seen.detail else 0.0 for seen in (one, other))
    return a / b * density if a and b else None


def _marks(scan: Scan, one: Seen, other: Seen, _: str) -> Choice | None:
    marked, other_marked = one.has_mark, other.has_mark
    if marked == other_marked:
        side = _side(scan, one, other, "marked")
        marked, other_marked = side > 0, side < 0
    if marked == other_marked:
        return None
    return Choice(other_marked, "no watermark, signature or text", "a watermark, signature or text")


def _origin(_: Scan, one: Seen, other: Seen, __: str) -> Choice | None:
    if bool(one.site) == bool(other.site):
        return None
    return Choice(bool(one.site), f"it is from {one.site or other.site}", "not known from a board")


def _packing(_: Scan, one: Seen, other: Seen, __: str) -> Choice | None:
    a, b = (seen.detail is not None and seen.detail.lossless for seen in (one, other))
    if a != b:
        return Choice(a, "saved without loss", "saved with loss")
    if not a and one.size != other.size:  # of what is saved without loss, size says nothing
        return Choice(one.size > other.size, "the larger file", "a smaller file")
    return None


def _last(_: Scan, one: Seen, other: Seen, __: str) -> Choice | None:
    if bool(one.tags) != bool(other.tags):
        return Choice(bool(one.tags), "it has a caption", "no caption")
    names: Mapping[bool, object] = {
        first: (
            "copy" in seen.image.path.stem.lower(),
            natural_key(seen.image.path.stem),
            seen.order,
        )
        for first, seen in ((True, one), (False, other))
    }
    return Choice(
        names[True] <= names[False],  # type: ignore[operator]
        "the first of equal ones",
        "no better than the kept one",
    )
