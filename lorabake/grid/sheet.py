"""The labelled sheet: X across, Y down, one such grid beside the other for Z. As X/Y/Z plot lays it out.

Cells smaller than 256 px are shown larger, by a whole factor, so that the labels have room; the
cells' own files stay as they were rendered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

SMALLEST = 256  # px of a shown cell's shorter side
LARGEST_SHEET = 200_000_000  # px; beyond it cells are shown smaller, as X/Y/Z plot refuses
LONGEST_SIDE = 65_535  # px; what every reader of PNG and JPEG takes
SMALLEST_FONT = 6  # px
INK, FAINT, PAPER = (0, 0, 0), (153, 153, 153), (255, 255, 255)
MISSING_TEXT = 400  # characters of a reason that are written into a missing cell

# How high a line of Roboto, which X/Y/Z plot writes with, is in parts of its size: without and with
# signs that reach below the line. Measured on its sheets: 33 px of 46, 47 px of 48.
PLAIN_LINE, DEEP_LINE = 0.711, 0.979
_DEEP = frozenset("()[]{}|/\\,;_@$gjpqyQ")

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Place = tuple[int, int, int]  # column, row, sheet


@dataclass(frozen=True)
class Label:
    """A label as it is drawn: its lines, each with the size at which it fits."""

    lines: tuple[tuple[str, int], ...]
    spacing: int

    @property
    def height(self) -> int:
        heights = [line_height(text, size) for text, size in self.lines]
        return sum(heights) + self.spacing * max(len(heights) - 1, 0)


@dataclass(frozen=True)
class Layout:
    """Where everything goes, in px. left, top: room for the labels; above: for those of Z.

    cell: shown size; margin: between cells. font_size: of X and Y.
    """

    cell: tuple[int, int]
    left: int
    top: int
    font_size: int
    columns: int
    rows: int
    sheets: int = 1
    margin: int = 0
    above: int = 0
    title_size: int = field(default=0)

    @property
    def spacing(self) -> int:
        return self.font_size // 2

    @property
    def grid(self) -> tuple[int, int]:
        """One grid of X and Y, with its labels."""
        width, height = self.cell
        return (
            self.left + width * self.columns + self.margin * (self.columns - 1),
            self.top + height * self.rows + self.margin * (self.rows - 1),
        )

    @property
    def size(self) -> tuple[int, int]:
        width, height = self.grid
        return width * self.sheets, height + self.above

    def corner(self, place: Place) -> tuple[int, int]:
        """The upper left corner of a cell."""
        column, row, sheet = place
        return (
            sheet * self.grid[0] + self.left + (self.cell[0] + self.margin) * column,
            self.above + self.top + (self.cell[1] + self.margin) * row,
        )


def draw_sheet(
    cells: Mapping[Place, Image.Image | Path],
    columns: Sequence[str],
    rows: Sequence[str],
    cell_size: tuple[int, int],
    *,
    sheets: Sequence[str] = ("",),
    margin: int = 0,
    reasons: Mapping[Place, str] | None = None,
) -> Image.Image:
    """All cells with their labels; a cell that failed says why, one that is not there is framed.

    cells: pictures, or files that are opened one after the other. cell_size: of the largest cell;
    smaller ones stand in the middle of theirs.
    """
    layout = lay_out(columns, rows, cell_size, sheets=sheets, margin=margin)
    sheet = Image.new("RGB", layout.size, PAPER)
    draw = ImageDraw.Draw(sheet)
    width, height = layout.cell
    for z, title in enumerate(sheets):
        if layout.above:
            middle = (z * layout.grid[0] + layout.grid[0] // 2, layout.above // 2)
            _write(draw, middle, fitted(title, layout.grid[0], layout.title_size))
        for x, label in enumerate(columns):
            left = layout.corner((x, 0, z))[0]
            middle = (left + width // 2, layout.above + layout.top // 2)
            _write(draw, middle, fitted(label, width, layout.font_size))
        for y, label in enumerate(rows):
            top = layout.corner((0, y, z))[1]
            middle = (z * layout.grid[0] + layout.left // 2, top + height // 2)
            _write(draw, middle, fitted(label, layout.left, layout.font_size))
    for z in range(len(sheets)):
        for y in range(len(rows)):
            for x in range(len(columns)):
                _place(sheet, draw, layout, (x, y, z), cells, cell_size, reasons or {})
    return sheet


def lay_out(
    columns: Sequence[str],
    rows: Sequence[str],
    cell_size: tuple[int, int],
    *,
    sheets: Sequence[str] = ("",),
    margin: int = 0,
) -> Layout:
    """Font (w + h) / 25, left margin 3/4 of a cell, top margin the tallest label and a line.

    For Z the same once more, with a grid as the cell.
    """
    shown = shown_size(cell_size, len(columns), len(rows), len(sheets), margin)
    while True:
        layout = _laid_out(columns, rows, shown, sheets, margin)
        width, height = layout.size
        small = min(1.0, (LARGEST_SHEET / (width * height)) ** 0.5)
        small = min(small, LONGEST_SIDE / max(width, height))
        if small == 1 or min(shown) <= 16:
            return layout
        shown = (max(int(shown[0] * small * 0.99), 16), max(int(shown[1] * small * 0.99), 16))


def _laid_out(
    columns: Sequence[str],
    rows: Sequence[str],
    shown: tuple[int, int],
    sheets: Sequence[str],
    margin: int,
) -> Layout:
    width, height = shown
    font_size = max((width + height) // 25, SMALLEST_FONT)
    layout = Layout(
        cell=shown,
        left=width * 3 // 4 if any(rows) else 0,
        top=_room_for(columns, width, font_size),
        font_size=font_size,
        columns=len(columns),
        rows=len(rows),
        sheets=len(sheets),
        margin=margin,
    )
    if not any(sheets):
        return layout
    title_size = max(sum(layout.grid) // 25, SMALLEST_FONT)
    above = _room_for(sheets, layout.grid[0], title_size)
    return Layout(**{**vars(layout), "above": above, "title_size": title_size})


def shown_size(
    cell_size: tuple[int, int], columns: int, rows: int, sheets: int = 1, margin: int = 0
) -> tuple[int, int]:
    """The size at which a cell is shown: a whole multiple for small ones, less for huge sheets."""
    width, height = cell_size
    factor = max(1, -(-SMALLEST // min(width, height)))
    width, height = width * factor, height * factor
    pixels = (width + margin) * (columns + 1) * sheets * (height + margin) * (rows + 1)
    if pixels > LARGEST_SHEET:
        shrink = (LARGEST_SHEET / pixels) ** 0.5
        width, height = max(int(width * shrink), 16), max(int(height * shrink), 16)
    return width, height


def line_height(text: str, size: int) -> int:
    """px of a line of text at a font size, as on X/Y/Z plot's sheets."""
    return round(size * (DEEP_LINE if _DEEP & set(text) else PLAIN_LINE))


def fitted(label: str, room: int, size: int) -> Label:
    """A label in lines of whole words; the font of a line shrinks until it fits."""
    spacing = size // 2
    lines = []
    for line in _wrapped(label, room, size):
        own = size
        while own > SMALLEST_FONT and _width(line, own) > room:
            own -= 1
        lines.append((line, own))
    return Label(tuple(lines), spacing)


def _room_for(labels: Sequence[str], room: int, size: int) -> int:
    if not any(labels):
        return 0
    return max(fitted(label, room, size).height for label in labels) + 2 * (size // 2)


def _wrapped(label: str, room: int, size: int) -> list[str]:
    lines: list[str] = []
    for word in label.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and _width(longer, size) <= room:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _write(draw: ImageDraw.ImageDraw, middle: tuple[int, int], label: Label) -> None:
    top = middle[1] - label.height // 2
    for text, size in label.lines:
        high = line_height(text, size)
        font = _font(size)
        draw.text((middle[0], top + high // 2), text, fill=INK, font=font, anchor="mm")
        top += high + label.spacing


def _place(
    sheet: Image.Image,
    draw: ImageDraw.ImageDraw,
    layout: Layout,
    place: Place,
    cells: Mapping[Place, Image.Image | Path],
    largest: tuple[int, int],
    reasons: Mapping[Place, str],
) -> None:
    corner, (width, height) = layout.corner(place), layout.cell
    picture = cells.get(place)
    if picture is None:
        end = (corner[0] + width - 1, corner[1] + height - 1)
        draw.rectangle((*corner, *end), outline=FAINT)
        if reason := reasons.get(place):
            small = max(layout.font_size // 2, SMALLEST_FONT)
            label = fitted(reason[:MISSING_TEXT], width - 8, small)
            _write(draw, (corner[0] + width // 2, corner[1] + height // 2), label)
        return
    if isinstance(picture, Path):
        with Image.open(picture) as opened:
            picture = opened.convert("RGB")
    size = (
        max(round(picture.width * width / largest[0]), 1),
        max(round(picture.height * height / largest[1]), 1),
    )
    shown = picture.convert("RGB")
    if shown.size != size:
        shown = shown.resize(size, Image.Resampling.LANCZOS)
    sheet.paste(shown, (corner[0] + (width - size[0]) // 2, corner[1] + (height - size[1]) // 2))


@lru_cache(maxsize=64)
def _font(size: int) -> Font:
    return ImageFont.load_default(size)


@lru_cache(maxsize=1024)
def _width(text: str, size: int) -> int:
    left, _, right, _ = _font(size).getbbox(text)
    return int(right - left)
