"""What a run said of itself as the page draws it: losses, rates, samples. Read on from where we were."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from lorabake.core.events import Event, read_events

T = TypeVar("T")

PLACES = 500  # on the time axis; each is one step or the range of several
KEPT = 8  # runs whose points stay in memory


GROUPS = ("unet", "text_encoder", "text_encoder_2")  # the order of the rates of a point
_OTHER_NAMES = {"text_encoder_1": "text_encoder"}


@dataclass(frozen=True)
class Point:
    """One step. rates: of GROUPS as scheduled; applied: what the optimizer made of them, or ()."""

    loss: float
    average: float
    rates: tuple[float, ...]
    applied: tuple[float, ...] = ()


@dataclass
class Curve:
    """What one events.jsonl said so far. After a resume steps repeat; the later ones count."""

    path: Path
    offset: int = 0
    points: dict[int, Point] = field(default_factory=dict)
    checkpoints: dict[int, dict[str, Any]] = field(default_factory=dict)
    validations: dict[int, list[float]] = field(default_factory=dict)
    samples: dict[str, dict[str, Any]] = field(default_factory=dict)
    total: int = 0
    epochs: int = 0
    per_epoch: int = 0

    def read_on(self) -> None:
        events, offset = read_events(self.path, self.offset)
        if offset < self.offset:  # begun anew
            for told in (self.points, self.checkpoints, self.validations, self.samples):
                told.clear()
        self.offset = offset
        for event in events:
            self._take(event)

    def _take(self, event: Event) -> None:
        data = event.data
        step, epoch = int(_number(data.get("step"))), int(_number(data.get("epoch")))
        if event.type == "step":
            self.points[step] = Point(
                _number(data.get("loss")),
                _number(data.get("loss_average")),
                _rates(data.get("lr")),
                _rates(data.get("effective")) if data.get("effective") else (),
            )
        elif event.type == "checkpoint":
            self.checkpoints[epoch] = {
                "epoch": epoch,
                "step": step,
                "loss": _number(data.get("loss")),
                "mib": _number(data.get("mib")),
                "file": str(data.get("path", "")),
            }
        elif event.type == "validation":
            self.validations[step] = [
                step,
                _number(data.get("loss")),
                epoch,
                _number(data.get("base")),
            ]
        elif event.type == "sample":
            name = str(data.get("path", ""))
            self.samples[name] = {
                "name": name,
                "epoch": epoch,
                "prompt": str(data.get("prompt", "")),
            }
        elif event.type == "plan":
            self.total = int(_number(data.get("steps")))
            self.epochs = int(_number(data.get("epochs")))
            self.per_epoch = int(_number(data.get("steps_per_epoch")))

    def view(self) -> dict[str, Any]:
        """Points as [step, lowest loss, highest, average, rate of each of GROUPS, applied ones]."""
        held_out = [self.validations[step] for step in sorted(self.validations)]
        return {
            "points": thinned(self.points),
            "checkpoints": sorted(self.checkpoints.values(), key=lambda item: item["epoch"]),
            "validations": spread(held_out, PLACES),
            "total": self.total,
            "epochs": self.epochs,
            "per_epoch": self.per_epoch,
        }

    def lowest(self) -> dict[str, Any] | None:
        """The lowest point of the smoothed loss, and the saved epoch nearest to it; None without one.

        An average counts from the end of the first epoch on, when a whole epoch is in it.
        """
        whole = {s: p.average for s, p in self.points.items() if s >= max(self.per_epoch, 1)}
        saved = [
            one for one in self.checkpoints.values() if (self.path.parent / one["file"]).exists()
        ]
        if not whole or not saved:
            return None
        step = min(whole, key=lambda step: (whole[step], step))
        near = min(saved, key=lambda one: (abs(one["step"] - step), one["epoch"]))
        text = f"Lowest smoothed loss at step {step}, nearest saved: epoch {near['epoch']}."
        return {"step": step, "loss": whole[step], "epoch": near["epoch"], "text": text}

    def strip(self) -> list[dict[str, Any]]:
        """The samples by epoch, the newest first: [{epoch, pictures: [{name, prompt}]}]."""
        epochs: dict[int, list[dict[str, str]]] = {}
        for sample in self.samples.values():
            about = {"name": sample["name"], "prompt": sample["prompt"]}
            epochs.setdefault(sample["epoch"], []).append(about)
        return [
            {"epoch": epoch, "pictures": sorted(epochs[epoch], key=lambda one: one["name"])}
            for epoch in sorted(epochs, reverse=True)
        ]


def thinned(points: Mapping[int, Point], places: int = PLACES) -> list[list[float]]:
    """At most `places` points; each keeps the lowest and highest loss of the steps it stands for."""
    steps = sorted(points)
    count = min(places, len(steps))
    view = []
    for i in range(count):
        group = steps[i * len(steps) // count : (i + 1) * len(steps) // count]
        losses = [points[step].loss for step in group]
        last = points[group[-1]]
        view.append([group[-1], min(losses), max(losses), last.average, *last.rates, *last.applied])
    return view


def spread(items: list[T], places: int) -> list[T]:
    """At most `places` of them, the first and the last among these."""
    if len(items) <= places:
        return items
    return [items[round(i * (len(items) - 1) / (places - 1))] for i in range(places)]


_curves: OrderedDict[Path, Curve] = OrderedDict()  # by file, which is one place's only
_lock = threading.Lock()


def curve(path: Path) -> dict[str, Any]:
    """The run's curve as it is now; only what was appended since the last question is read."""
    with _lock:
        return _read(path).view()


def lowest(path: Path) -> dict[str, Any] | None:
    """Where the run's smoothed loss is lowest; see Curve.lowest."""
    with _lock:
        return _read(path).lowest()


def samples(path: Path) -> list[dict[str, Any]]:
    """The run's sample images, by epoch."""
    with _lock:
        return _read(path).strip()


def _read(path: Path) -> Curve:
    known = _curves.setdefault(path, Curve(path))
    _curves.move_to_end(path)
    while len(_curves) > KEPT:
        _curves.popitem(last=False)
    known.read_on()
    return known


def _rates(told: Any) -> tuple[float, ...]:
    """The rate of each of GROUPS; 0 for what was not told."""
    told = told if isinstance(told, Mapping) else {}
    named = {_OTHER_NAMES.get(str(name), str(name)): value for name, value in told.items()}
    return tuple(_number(named.get(group)) for group in GROUPS)


def _number(value: Any) -> float:
    usable = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if usable and math.isfinite(value) else 0.0
