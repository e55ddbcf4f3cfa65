"""A drawing board in a 128-unit square: smooth outlined shapes, drawn large and reduced."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PIL import Image, ImageDraw

from .characters import RGB

Point = tuple[float, float]

UNITS = 128
SUPERSAMPLE = 4
INK: RGB = (58, 40, 62)
OUTLINE_WIDTH = 2.0


def mix(first: RGB, second: RGB, share: float) -> RGB:
    """`share` of the second colour in the first."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def ink_for(fill: RGB) -> RGB:
    """An outline that belongs to its fill: softer than black, and easier for a small VAE."""
    return mix(fill, INK, 0.52)


def smooth(points: Sequence[Point], steps: int = 6) -> list[Point]:
    """A closed Catmull-Rom curve through all points."""
    curve = []
    count = len(points)
    for index in range(count):
        a, b, c, d = (points[(index + shift) % count] for shift in (-1, 0, 1, 2))
        curve += [_between(a, b, c, d, step / steps) for step in range(steps)]
    return curve


def _between(a: Point, b: Point, c: Point, d: Point, t: float) -> Point:
    """The point of the Catmull-Rom curve at `t` of the way from b to c."""
    x, y = (
        0.5
        * (
            2 * q
            + (r - p) * t
            + (2 * p - 5 * q + 4 * r - s) * t**2
            + (3 * q - p - 3 * r + s) * t**3
        )
        for p, q, r, s in zip(a, b, c, d, strict=True)
    )
    return x, y


def star(x: float, y: float, radius: float, tilt: float = 0.0) -> list[Point]:
    """The ten corners of a five-pointed star."""
    corners = []
    for index in range(10):
        reach = radius if index % 2 == 0 else radius * 0.45
        angle = tilt - math.pi / 2 + index * math.pi / 5
        corners.append((x + reach * math.cos(angle), y + reach * math.sin(angle)))
    return corners


class Board:
    """Draws in units of a 128-unit square, seen at `scale` and moved by `shift`."""

    def __init__(self, size: int, paper: RGB, *, scale: float = 1.0, shift: Point = (0, 0)) -> None:
        self.size = size
        self.pixels = size * SUPERSAMPLE
        self.zoom = self.pixels / UNITS * scale
        self.shift = (
            self.pixels / 2 - (UNITS / 2 - shift[0]) * self.zoom,
            self.pixels - (UNITS - shift[1]) * self.zoom,  # scaled about the bottom's middle
        )
        self.image = Image.new("RGB", (self.pixels, self.pixels), paper)
        self.pen = ImageDraw.Draw(self.image)

    def at(self, points: Sequence[Point]) -> list[Point]:
        return [(x * self.zoom + self.shift[0], y * self.zoom + self.shift[1]) for x, y in points]

    def width(self, units: float) -> int:
        return max(1, round(units * self.zoom))

    def polygon(
        self, points: Sequence[Point], fill: RGB, ink: RGB | None, width: float = OUTLINE_WIDTH
    ) -> None:
        """A filled outline with round corners; no outline when ink is None."""
        corners = self.at(points)
        self.pen.polygon(corners, fill=fill)
        if ink:
            self._stroke([*corners, corners[0], corners[1]], ink, width)

    def blob(
        self, points: Sequence[Point], fill: RGB, ink: RGB | None, width: float = OUTLINE_WIDTH
    ) -> None:
        """A filled smooth curve through the points."""
        self.polygon(smooth(points), fill, ink, width)

    def line(self, points: Sequence[Point], ink: RGB, width: float) -> None:
        corners = self.at(points)
        self._stroke(corners, ink, width)
        radius = self.width(width) / 2
        for x, y in (corners[0], corners[-1]):
            self.pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=ink)

    def oval(
        self,
        x: float,
        y: float,
        rx: float,
        ry: float,
        fill: RGB | None,
        ink: RGB | None = None,
        width: float = OUTLINE_WIDTH,
    ) -> None:
        (left, top), (right, bottom) = self.at([(x - rx, y - ry), (x + rx, y + ry)])
        self.pen.ellipse(
            (left, top, right, bottom), fill=fill, outline=ink, width=self.width(width)
        )

    def arc(
        self,
        x: float,
        y: float,
        rx: float,
        ry: float,
        start: float,
        end: float,
        ink: RGB,
        width: float,
    ) -> None:
        """Part of an oval's outline, in degrees clockwise from three o'clock."""
        angles = [math.radians(start + (end - start) * step / 10) for step in range(11)]
        self.line([(x + rx * math.cos(a), y + ry * math.sin(a)) for a in angles], ink, width)

    def finished(self) -> Image.Image:
        return self.image.reduce(SUPERSAMPLE)

    def _stroke(self, corners: Sequence[Point], ink: RGB, width: float) -> None:
        self.pen.line(corners, fill=ink, width=self.width(width), joint="curve")
