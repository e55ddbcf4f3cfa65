"""Are these two the same drawing? They are laid one on the other and compared place by place.

Flat drawings of one pose have much in common without being copies. So only what is drawn counts:
edges, and areas that differ. An edge may lie a pixel off, as resizing puts it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from lorabake.duplicates.align import WHOLE, Box, Planes, laid, refined
from lorabake.duplicates.candidates import BOXES

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Mask = NDArray[np.bool_]

PAIRS = "duplicates-pair-3"  # a new number whenever they are compared differently
Change = Literal["", "greyed", "recoloured"]
Share = Literal["", "watermarked", "variant"]
_CHANGES: tuple[Change, ...] = ("", "greyed", "recoloured")
_SHARES: tuple[Share, ...] = ("", "watermarked", "variant")
_KEPT = struct.Struct("<BBBbb5d")

_BLOCKS = 15  # a side: dupeGuru's
_TOLERANCE = 10.0  # levels that JPEG and resizing change beyond what is near
_CHROMA_TOLERANCE = 9.0
_SMEARED = 0.25  # of an edge's height, more that it may be off: thin lines lose some of it
_SMEARED_PIECE = 0.4  # a piece never lies to the last part of a pixel
_GLASS_TOLERANCE = 40.0
_EDGE = 14.0  # levels within 3 × 3 pixels; less is no drawing
_LEAST_DRAWN = 40  # px of 128 × 128; with less nothing can be said
_SPECK = 20.0  # weight of one patch (`_patches`) that differs by chance: a thin line, smeared
_SPECK_PIECE = 45.0
_PER_CENT = 2.5  # of match, for each hundredth of the drawing that differs
_LOWEST = 40.0  # per cent of match; less alike is of no use to anybody
_MONO = 2.5  # levels of chroma
_FRAME = 0.16  # of the side: where watermarks and signatures are
_MOST_MARK = 0.12  # of the area
_MOST_VARIANT = 0.25
_MOST_STRETCH = 0.04


@dataclass(frozen=True)
class Pair:
    """What the second picture is to the first.

    match: per cent on dupeGuru's scale, less than 100; 100 − the mean of |ΔR| + |ΔG| + |ΔB| over
    15 × 15 blocks where both show the same, and less when edges differ. turn: of the second.
    box: where it lies on the first. marked: +1 when the second has something drawn over, −1 the first;
    grey: in the same way, the one whose colours were taken out.
    """

    match: float
    turn: int
    box: Box
    change: Change = ""
    share: Share = ""
    marked: int = 0
    grey: int = 0


def compare(one: Planes, two: Planes, turn: int, box: int = -1) -> Pair | None:
    """Lay `two`, turned, on `one`, or on one of BOXES of it. None: another drawing."""
    other = two.turned(turn)
    if one.is_hidden != other.is_hidden:
        return None
    if box < 0:
        found = _judged(one, other, WHOLE, turn)
        if found is not None and found.share != "variant" and found.match >= 95:
            return found
        start = WHOLE
    else:
        (left, right), (top, bottom) = BOXES[box]
        found, start = None, Box(left, top, right, bottom)
    exact = refined(one, other, start)
    if exact is None or not _is_plausible(one, other, exact):
        return found
    again = _judged(one, other, exact, turn)
    return max((pair for pair in (found, again) if pair is not None), key=_worth, default=None)


def packed(pair: Pair | None) -> bytes:
    """As it is kept."""
    if pair is None:
        return b"-"
    box = pair.box
    return _KEPT.pack(
        pair.turn,
        _CHANGES.index(pair.change),
        _SHARES.index(pair.share),
        pair.marked,
        pair.grey,
        pair.match,
        *(box.left, box.top, box.right, box.bottom),
    )


def unpacked(data: bytes) -> Pair | None:
    """ValueError when it is not what was kept."""
    if data == b"-":
        return None
    try:
        turn, change, share, marked, grey, match, *edges = _KEPT.unpack(data)
        return Pair(match, turn, Box(*edges), _CHANGES[change], _SHARES[share], marked, grey)
    except (struct.error, IndexError) as error:
        raise ValueError("a kept comparison is damaged") from error


def _worth(pair: Pair) -> tuple[bool, float]:
    return pair.share != "variant", pair.match


def _is_plausible(one: Planes, two: Planes, box: Box) -> bool:
    """Of the same shape as the picture that is laid there, and mostly within the other."""
    import numpy as np

    (tall, wide), (tall2, wide2) = one.luma.shape, two.luma.shape
    stretch = (box.width * wide / wide2) / (box.height * tall / tall2)
    part = box.inside()
    shared = part.width * part.height / max(1e-6, min(1.0, box.width * box.height))
    # A side of few pixels is rounded.
    rounded = 1.0 / min(tall, wide, tall2, wide2)
    return bool(abs(np.log(stretch)) < _MOST_STRETCH + rounded and shared > 0.6)


def _judged(one: Planes, two: Planes, box: Box, turn: int) -> Pair | None:
    both = laid(one, two, box)
    if both is None:
        return None
    a, b = both
    if len(a) == 4 and not _same_glass(a.pop(), b.pop()):
        return None
    found = _pair(a, b, box, turn, "")
    # As a piece of another picture only without a change of colours: too much would fit by chance.
    if (found is None or (not found.share and found.match < 95)) and box.is_whole:
        x, y, change = _same_colours(a, b)
        again = _pair(x, y, box, turn, change) if change else None
        # With other colours it is a copy or nothing: as a variant, anything of its pose would do.
        better = again is not None and (found is None or again.match > found.match)
        if again is not None and better and again.share != "variant":
            return replace(again, grey=0 if change != "greyed" else 1 if _is_mono(b) else -1)
    return found


def _pair(a: list[Floats], b: list[Floats], box: Box, turn: int, change: Change) -> Pair | None:
    excess, drawn = _differing(a, b, _SMEARED if box.is_whole else _SMEARED_PIECE)
    speck = _SPECK if box.is_whole else _SPECK_PIECE
    differs = excess > 0
    count = int(drawn.sum())
    if count < _LEAST_DRAWN:
        return None
    unlike = float(differs.sum()) / count
    area = float(differs.mean())
    colour = 100 - max(1.0, float(int(_block_difference(a, b, ~differs))))
    match = min(colour, 100 - 100 * _PER_CENT * unlike)
    patches = _patches(excess)
    biggest = max((weight for weight, _ in patches), default=0.0)
    if biggest <= speck:
        return Pair(match, turn, box, change) if match >= _LOWEST else None
    if colour >= 90 and area <= _MOST_MARK and _is_mark(b[0] - a[0], excess, patches, speck):
        more = _drawn_more(a[0], b[0], differs)
        return Pair(min(colour, 99 - 100 * area), turn, box, change, "watermarked", more)
    if colour >= 95 and area <= _MOST_VARIANT and unlike <= 0.45:
        return Pair(min(colour, 99 - 100 * area), turn, box, change, "variant")
    return Pair(match, turn, box, change) if match >= _LOWEST else None


def _differing(a: list[Floats], b: list[Floats], smeared: float) -> tuple[Floats, Mask]:
    """Levels of each pixel that nothing near explains, and which say anything: drawn or differing."""
    import numpy as np

    excess, drawn = _unexplained(a[0], b[0], _TOLERANCE, smeared)
    for x, y in zip(a[1:], b[1:], strict=True):
        more, edge = (
            _doubled(half, drawn.shape) for half in _unexplained(x, y, _CHROMA_TOLERANCE, smeared)
        )
        excess, drawn = np.maximum(excess, more), drawn | edge
    return excess, drawn | (excess > 0)


def _unexplained(a: Floats, b: Floats, tolerance: float, smeared: float) -> tuple[Floats, Mask]:
    import numpy as np

    (low_a, high_a), (low_b, high_b) = _range(a), _range(b)
    off = np.maximum(np.maximum(low_b - a, a - high_b), np.maximum(low_a - b, b - high_a))
    contrast = np.maximum(high_a - low_a, high_b - low_b)
    return np.maximum(off - tolerance - smeared * contrast, 0), contrast > _EDGE


def _range(layer: Floats) -> tuple[Floats, Floats]:
    """The lowest and the highest value within 3 × 3 pixels."""
    import numpy as np

    low, high = layer.copy(), layer.copy()
    for take, found in ((np.minimum, low), (np.maximum, high)):
        found[1:] = take(found[1:], layer[:-1])
        found[:-1] = take(found[:-1], layer[1:])
        rows = found.copy()
        found[:, 1:] = take(found[:, 1:], rows[:, :-1])
        found[:, :-1] = take(found[:, :-1], rows[:, 1:])
    return low, high


def _doubled(half: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    return half.repeat(2, axis=0).repeat(2, axis=1)[: shape[0], : shape[1]]


def _same_glass(a: Floats, b: Floats) -> bool:
    excess, drawn = _unexplained(a, b, _GLASS_TOLERANCE, _SMEARED)
    differs = excess > 0
    return float(differs.sum()) <= 0.05 * max(_LEAST_DRAWN, float((drawn | differs).sum()))


def _block_difference(a: list[Floats], b: list[Floats], counts: Mask) -> float:
    """Mean of |ΔR| + |ΔG| + |ΔB| over 15 × 15 blocks, of what counts in each (dupeGuru's measure)."""
    import numpy as np

    weight = _blocks(counts.astype(np.float32))
    luma = _blocks((a[0] - b[0]) * counts) / np.maximum(weight, 1e-3)
    half = counts[::2, ::2].astype(np.float32)
    weight_half = np.maximum(_blocks(half), 1e-3)
    blue, red = (_blocks((x - y) * half) / weight_half for x, y in zip(a[1:], b[1:], strict=True))
    total = (  # BT.601 as JPEG has it
        abs(luma + 1.402 * red) + abs(luma - 0.344 * blue - 0.714 * red) + abs(luma + 1.772 * blue)
    )
    return float((total * weight).sum() / max(1e-6, weight.sum()))


def _blocks(layer: Floats) -> Floats:
    import numpy as np
    from PIL import Image

    small = Image.fromarray(layer).resize((_BLOCKS, _BLOCKS), Image.Resampling.BOX)
    return np.asarray(small)


def _same_colours(a: list[Floats], b: list[Floats]) -> tuple[list[Floats], list[Floats], Change]:
    """Both as if nobody had changed the colours: one is given the other's, by a linear map."""
    mono = _is_mono(a), _is_mono(b)
    if mono == (True, False):
        return a, _recoloured(b, a), "greyed"
    if mono == (False, True):
        return _recoloured(a, b), b, "greyed"
    return a, _recoloured(b, a), "recoloured"


def _is_mono(picture: list[Floats]) -> bool:
    return all(float(layer.std()) < _MONO for layer in picture[1:])


def _recoloured(picture: list[Floats], like: list[Floats]) -> list[Floats]:
    """The linear map of (luma, blue, red) that comes nearest, fitted twice: without what differs."""
    import numpy as np

    picture, like = ([p[0], p[1] - 128, p[2] - 128] for p in (picture, like))
    small = [_halved(picture[0], picture[1].shape), *picture[1:]]
    wanted = np.stack([_halved(like[0], like[1].shape), *like[1:]]).reshape(3, -1)
    values = np.stack([*(layer.ravel() for layer in small), np.ones(small[0].size, np.float32)])
    good = np.ones(values.shape[1], dtype=bool)
    map_ = np.zeros((3, 4), np.float32)
    for _ in range(3):
        x, y = values[:, good].astype(np.float64), wanted[:, good].astype(np.float64)
        square = x @ x.T + np.diag([1.0, 1.0, 1.0, 0.01]) * x.shape[1] * 0.1
        map_ = np.linalg.solve(square, x @ y.T).T.astype(np.float32)
        off = np.abs(map_ @ values - wanted).sum(axis=0)
        good = off <= max(6.0, 2.5 * float(np.median(off)))
    full = [picture[0], *(_bilinear(layer, picture[0].shape) for layer in picture[1:])]
    luma = sum(map_[0, k] * full[k] for k in range(3)) + map_[0, 3]
    blue, red = (
        (map_[k, :3, None] * values[:3]).sum(axis=0).reshape(small[1].shape) + map_[k, 3]
        for k in (1, 2)
    )
    return [np.asarray(layer, dtype=np.float32) for layer in (luma, blue + 128, red + 128)]


def _halved(layer: Floats, shape: tuple[int, ...]) -> Floats:
    import numpy as np
    from PIL import Image

    small = Image.fromarray(layer).resize((shape[1], shape[0]), Image.Resampling.BOX)
    return np.asarray(small)


def _bilinear(layer: Floats, shape: tuple[int, ...]) -> Floats:
    import numpy as np
    from PIL import Image

    large = Image.fromarray(layer).resize((shape[1], shape[0]), Image.Resampling.BILINEAR)
    return np.asarray(large)


def _patches(excess: Floats) -> list[tuple[float, float]]:
    """(weight, share of it along the edge of the picture) of each patch that differs.

    A pixel weighs 1 when it is 10 levels off, and 4 at most.
    """
    import numpy as np
    from scipy import ndimage

    labels, count = ndimage.label(excess > 0, structure=np.ones((3, 3)))
    if not count:
        return []
    height, width = excess.shape
    tall, wide = round(_FRAME * height), round(_FRAME * width)
    weights = np.minimum(excess, 40) / 10
    whole = np.bincount(labels.ravel(), weights.ravel())[1:]
    weights[tall : height - tall, wide : width - wide] = 0
    frame = np.bincount(labels.ravel(), weights.ravel())[1:]
    return list(zip(whole.tolist(), (frame / whole).tolist(), strict=True))


def _is_mark(
    change: Floats, excess: Floats, patches: list[tuple[float, float]], speck: float
) -> bool:
    """Does what differs look like a watermark or a signature, not like another drawing?

    Along the edge of the picture, or faint writing all over it.
    """
    import numpy as np

    if all(share >= 0.8 for weight, share in patches if weight > speck):
        return True
    differs = excess > 0
    height, width = excess.shape
    change = change[differs]
    one_way = max(float((change > 0).mean()), float((change < 0).mean()))
    rows, columns = np.nonzero(differs)
    spread = min(np.ptp(rows) / height, np.ptp(columns) / width) > 0.5
    faint = float(np.median(np.abs(change))) < 70
    many = sum(weight > 2 for weight, _ in patches) >= 5
    return bool(many and spread and one_way > 0.85 and faint)


def _drawn_more(a: Floats, b: Floats, differs: Mask) -> int:
    """+1 when the second has more edges where they differ, −1 when the first has."""
    import numpy as np

    first, second = (
        float(
            np.abs(np.diff(layer, axis=1))[differs[:, 1:]].sum()
            + np.abs(np.diff(layer, axis=0))[differs[1:]].sum()
        )
        for layer in (a, b)
    )
    return 1 if second > 1.05 * first else -1 if first > 1.05 * second else 0
