"""How long it will take, from tiles that were measured; what was measured is kept by model."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from lorabake.core.buckets import Size
from lorabake.core.errors import WorkspaceError
from lorabake.core.files import atomic_write_json, read_json
from lorabake.core.lock import folder_lock
from lorabake.core.workspace import Workspace
from lorabake.enhance.models import Upscaler
from lorabake.enhance.settings import EnhanceSettings
from lorabake.enhance.tiles import SMALLEST, Tiling, pixels_seen

_FILE = "upscalers.json"
_KEPT = 200
# Seconds a megapixel without a network, on one slow core: reading and resizing; writing as PNG.
_READ, _WRITE = 0.25, 0.35


@dataclass(frozen=True)
class Pace:
    """What a model has shown. seconds: for a megapixel that it sees; tile: px a side.

    device: where, as people call it. half: in half precision.
    """

    scale: int
    architecture: str
    seconds: float
    tile: int
    device: str
    half: bool = False


def paces(workspace: Workspace) -> dict[str, Pace]:
    """All that were measured, by `Upscaler.stamp`."""
    try:
        record = read_json(workspace.cache_dir / _FILE)
    except (OSError, WorkspaceError):
        return {}
    known = {}
    for stamp, fields in record.items() if isinstance(record, dict) else ():
        with suppress(TypeError, ValueError):
            pace = Pace(**fields)
            if pace.seconds > 0 and pace.tile >= SMALLEST and pace.scale >= 1:
                known[stamp] = pace
    return known


def pace_of(workspace: Workspace, upscaler: Upscaler) -> Pace | None:
    return paces(workspace).get(upscaler.stamp)


def keep_pace(workspace: Workspace, upscaler: Upscaler, pace: Pace) -> None:
    """Remember what a model has shown; the latest counts."""
    path: Path = workspace.cache_dir / _FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    with folder_lock(path.parent):
        known = paces(workspace)
        known.pop(upscaler.stamp, None)
        known[upscaler.stamp] = pace
        latest = list(known.items())[-_KEPT:]
        atomic_write_json(path, {stamp: asdict(one) for stamp, one in latest})


def seconds_for(
    pictures: Iterable[tuple[Size, Size]], settings: EnhanceSettings, pace: Pace | None
) -> float | None:
    """Seconds for (size before, size after) of pictures, px; None when the model was not measured."""
    total = 0.0
    for before, after in pictures:
        total += (before[0] * before[1] * _READ + after[0] * after[1] * _WRITE) / 1e6
        if settings.model:
            if pace is None:
                return None
            total += pixels_seen(*before, tiling_of(pace)) / 1e6 * pace.seconds
    return total


def about(seconds: float, pictures: int) -> str:
    """What a person is told before it begins."""
    count = "1 picture" if pictures == 1 else f"{pictures:,} pictures"
    if seconds < 90:
        return f"{count}: about {max(1, round(seconds))} s."
    if seconds < 90 * 60:
        return f"{count}: about {round(seconds / 60)} minutes."
    return f"{count}: about {seconds / 3600:.1f} hours."


def tiling_of(pace: Pace) -> Tiling:
    return Tiling(pace.tile)
