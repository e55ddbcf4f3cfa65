"""The loss of a run as the page draws it: read on from where we were, at most 500 places."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lorabake.core.events import Event, read_events

PLACES = 500  # on the time axis; each is one step or the range of several
KEPT = 8  # runs whose points stay in memory


@dataclass
class Curve:
    """What one events.jsonl said so far. After a resume steps repeat; the later ones count."""

    path: Path
    offset: int = 0
    points: dict[int, tuple[float, float, float, float]] = field(default_factory=dict)
    checkpoints: dict[int, dict[str, Any]] = field(default_factory=dict)
    total: int = 0
    epochs: int = 0

    def read_on(self) -> None:
        events, offset = read_events(self.path, self.offset)
        if offset < self.offset:  # begun anew
            self.points.clear()
            self.checkpoints.clear()
        self.offset = offset
        for event in events:
            self._take(event)

    def _take(self, event: Event) -> None:
        data = event.data
        if event.type == "step":
            rates = data.get("lr") if isinstance(data.get("lr"), dict) else {}
            assert isinstance(rates, dict)
            text = max((_number(v) for k, v in rates.items() if k != "unet"), default=0.0)
            step = int(_number(data.get("step")))
            self.points[step] = (
                _number(data.get("loss")),
                _number(data.get("loss_average")),
                _number(rates.get("unet")),
                text,
            )
        elif event.type == "checkpoint":
            epoch = int(_number(data.get("epoch")))
            self.checkpoints[epoch] = {
                "epoch": epoch,
                "step": int(_number(data.get("step"))),
                "loss": _number(data.get("loss")),
                "mib": _number(data.get("mib")),
                "file": str(data.get("path", "")),
            }
        elif event.type == "plan":
            self.total = int(_number(data.get("steps")))
            self.epochs = int(_number(data.get("epochs")))

    def view(self) -> dict[str, Any]:
        """Points as [step, lowest loss, highest, average, U-Net rate, text encoder rate]."""
        return {
            "points": thinned(self.points),
            "checkpoints": sorted(self.checkpoints.values(), key=lambda item: item["epoch"]),
            "total": self.total,
            "epochs": self.epochs,
        }


def thinned(
    points: dict[int, tuple[float, float, float, float]], places: int = PLACES
) -> list[list[float]]:
    """At most `places` points; each keeps the lowest and highest loss of the steps it stands for."""
    steps = sorted(points)
    count = min(places, len(steps))
    view = []
    for i in range(count):
        group = steps[i * len(steps) // count : (i + 1) * len(steps) // count]
        losses = [points[step][0] for step in group]
        _, average, unet, text = points[group[-1]]
        view.append([group[-1], min(losses), max(losses), average, unet, text])
    return view


_curves: OrderedDict[Path, Curve] = OrderedDict()
_lock = threading.Lock()


def curve(path: Path) -> dict[str, Any]:
    """The run's curve as it is now; only what was appended since the last question is read."""
    with _lock:
        known = _curves.setdefault(path, Curve(path))
        _curves.move_to_end(path)
        while len(_curves) > KEPT:
            _curves.popitem(last=False)
        known.read_on()
        return known.view()


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
