"""Numbers and times as a person says them; the page's scripts use the same words."""

from __future__ import annotations

from lorabake.core.status import RunStatus


def plural(count: int, one: str, many: str = "") -> str:
    """ "1 picture", "1,240 pictures"."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def span(seconds: float | None) -> str:
    """ "40 s", "4 min", "2 h 10 min"; "" for unknown."""
    if seconds is None:
        return ""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def running_text(status: RunStatus) -> str:
    """Where a bake is: "epoch 3 of 10, 4 min left"."""
    if not status.step:
        return "getting ready"
    left = span(status.seconds_left)
    return f"epoch {status.epoch} of {status.epochs}" + (f", {left} left" if left else "")
