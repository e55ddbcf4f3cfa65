"""The labelled sheet: columns are weights, rows are epochs. Sizes are those of X/Y/Z plot.

Cells smaller than 256 px are shown larger, by a whole factor, so that the labels have room; the
cells' own files stay as they were rendered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

SMALLEST = 256  # px of a shown cell's shorter side
LARGEST_SHEET = 200_000_000  # px; beyond it cells are shown smaller
INK, FAINT, PAPER = (0, 0, 0), (153, 153, 153), (255, 255, 255)

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Place = tuple[int, int]  # column, row


@dataclass(frozen=True)
class Layout:
    """Where everything goes. left, top: room for the labels; cell: shown size. px."""

    cell: tuple[int, int]
    left: int
    top: int
    font_size: int

    @property
    def spacing(self) -> int:
        return self.font_size // 2


def draw_sheet(
    cells: Mapping[Place, Image.Image],
    columns: Sequence[str],
    rows: Sequence[str],
    cell_size: tuple[int, int],
) -> Image.Image:
    """All cells with their labels; a missing cell stays blank, its place marked by a thin frame."""
    layout = lay_out(columns, rows, cell_size)
    width, height = layout.cell
    size = (layout.left + width * len(columns), layout.top + height * len(rows))
    sheet = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(sheet)
    for column, label in enumerate(columns):
        middle = (layout.left + width * column + width // 2, layout.top // 2)
        _write(draw, middle, label, width, layout)
    for row, label in enumerate(rows):
        middle = (layout.left // 2, layout.top + height * row + height // 2)
        _write(draw, middle, label, layout.left, layout)
    for column in range(len(columns)):
        for row in range(len(rows)):
            corner = (layout.left + width * column, layout.top + height * row)
            picture = cells.get((column, row))
            if picture is None:
                end = (corner[0] + width - 1, corner[1] + height - 1)
                draw.rectangle((*corner, *end), outline=FAINT)
            else:
                shown = picture.convert("RGB").resize(layout.cell, Image.Resampling.LANCZOS)
                sheet.paste(shown, corner)
    return sheet


def lay_out(columns: Sequence[str], rows: Sequence[str], cell_size: tuple[int, int]) -> Layout:
    """Font (w + h) / 25, left margin 3/4 of a cell, top margin the tallest label and a line."""
    width, height = shown_size(cell_size, len(columns), len(rows))
    font_size = max((width + height) // 25, 8)
    tallest = max(
        (_box(label, _fitting(label, width, font_size))[1] for label in columns), default=0
    )
    return Layout(
        cell=(width, height),
        left=width * 3 // 4 if any(rows) else 0,
        top=tallest + 2 * (font_size // 2) if any(columns) else 0,
        font_size=font_size,
    )


def shown_size(cell_size: tuple[int, int], columns: int, rows: int) -> tuple[int, int]:
    """The size at which a cell is shown: a whole multiple for small ones, less for huge sheets."""
    width, height = cell_size
    factor = max(1, -(-SMALLEST // min(width, height)))
    width, height = width * factor, height * factor
    pixels = width * (columns + 1) * height * (rows + 1)
    if pixels > LARGEST_SHEET:
        shrink = (LARGEST_SHEET / pixels) ** 0.5
        width, height = max(int(width * shrink), 16), max(int(height * shrink), 16)
    return width, height


def _write(
    draw: ImageDraw.ImageDraw, middle: tuple[int, int], label: str, room: int, layout: Layout
) -> None:
    font = _fitting(label, room, layout.font_size)
    draw.text(middle, label, fill=INK, font=font, anchor="mm")


def _fitting(label: str, room: int, size: int) -> Font:
    """The font at this size, or smaller until the label fits."""
    while size > 6 and _box(label, ImageFont.load_default(size))[0] > room:
        size -= 1
    return ImageFont.load_default(size)


def _box(label: str, font: Font) -> tuple[int, int]:
    left, top, right, bottom = font.getbbox(label)
    return int(right - left), int(bottom - top)
