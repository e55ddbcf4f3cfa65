"""How long a grid will take, from how long an earlier one of the same run took. No torch here."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from lorabake.core.errors import LorabakeError
from lorabake.core.events import read_tail
from lorabake.core.run import Run
from lorabake.core.status import read_process
from lorabake.grid.batches import painting_of
from lorabake.grid.shot import Shot
from lorabake.grid.xyz import open_board


def work_of(shots: Iterable[Shot]) -> int:
    """Pixels times steps of all different pictures; at weight 0 all epochs are one."""
    different = {painting_of(shot): shot for shot in shots}
    return sum(shot.width * shot.height * shot.steps for shot in different.values())


def pace_of(folders: Iterable[Path]) -> float | None:
    """Seconds for a pixel and step, loading included; of the first of these grids that tells."""
    for folder in folders:
        with suppress(LorabakeError, OSError, KeyError, TypeError, ValueError):
            if pace := _pace(folder):
                return pace
    return None


def _pace(folder: Path) -> float | None:
    """Of its last attempt, from the first word about its model to its last picture."""
    run = Run(folder)
    process = read_process(run)
    events = read_tail(run.events_path, process.events_offset if process else 0)
    drawn = [event for event in events if event.type == "cell"]
    if not drawn:
        return None
    begun = [event for event in events if event.type == "phase" and event.data["name"] == "load"]
    seconds = drawn[-1].time - (begun or events)[0].time
    names = {str(event.data["path"]) for event in drawn}
    work = work_of(spot.shot for spot in open_board(folder).spots if spot.name in names)
    return seconds / work if seconds > 0 and work else None
