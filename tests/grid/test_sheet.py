"""The sheet's geometry, as X/Y/Z plot draws it, and what is in it."""

from __future__ import annotations

import pytest
from PIL import Image

from lorabake.grid.sheet import draw_sheet, lay_out, shown_size


def test_the_sheet_is_laid_out_as_xyz_plot_does() -> None:
    """3 × 2 cells of 512 × 704 make 1920 × 1503 there: 384 px to the left and about 95 above."""
    layout = lay_out(["weight 0.8"] * 3, ["epoch 07"] * 2, (512, 704))
    assert layout.cell == (512, 704)
    assert layout.left == 384
    assert layout.font_size == 48
    assert 80 <= layout.top <= 100  # the font's own height; X/Y/Z plot's is Roboto
    sheet = draw_sheet({}, ["weight 0.8"] * 3, ["epoch 07"] * 2, (512, 704))
    assert sheet.size == (1920, layout.top + 2 * 704)


@pytest.mark.parametrize(
    ("cell", "shown"),
    [((64, 64), (256, 256)), ((48, 80), (288, 480)), ((256, 256), (256, 256)), ((832, 1216),) * 2],
)
def test_small_cells_are_shown_by_a_whole_factor(
    cell: tuple[int, int], shown: tuple[int, int]
) -> None:
    assert shown_size(cell, 4, 4) == shown


def test_huge_sheets_stay_printable() -> None:
    width, height = shown_size((1024, 1024), 20, 20)
    assert width == height
    assert (width * 21) ** 2 <= 200_000_000
    sheet_sides = 65_535  # what a PNG's readers take
    assert width * 21 < sheet_sides


def test_every_cell_is_where_its_labels_say() -> None:
    colours = {(x, y): (40 + 60 * x, 90 * y, 200) for x in range(3) for y in range(2)}
    cells = {place: Image.new("RGB", (64, 64), colour) for place, colour in colours.items()}
    del cells[1, 1]
    labels = (["weight 0.6", "weight 0.8", "weight 1.0"], ["epoch 07", "epoch 10"])
    sheet = draw_sheet(cells, *labels, (64, 64))
    layout = lay_out(*labels, (64, 64))
    for (x, y), colour in colours.items():
        middle = (layout.left + 256 * x + 128, layout.top + 256 * y + 128)
        expected = (255, 255, 255) if (x, y) == (1, 1) else colour
        assert sheet.getpixel(middle) == expected
    # each label has ink in its own place
    for x in range(3):
        box = (layout.left + 256 * x, 0, layout.left + 256 * (x + 1), layout.top)
        assert sheet.crop(box).convert("L").getextrema()[0] < 100
    for y in range(2):
        box = (0, layout.top + 256 * y, layout.left, layout.top + 256 * (y + 1))
        ink = sheet.crop(box).convert("L").point(lambda value: 255 * (value < 128)).getbbox()
        assert ink is not None
        assert ink[0] > 0  # not cut off
        assert ink[2] < layout.left
        assert abs((ink[1] + ink[3]) / 2 - 128) < 20  # beside the middle of its row


def test_long_labels_shrink_until_they_fit() -> None:
    label = "weight 0.12345678 and a very long story about it"
    sheet = draw_sheet({}, [label], ["epoch 07"], (256, 256))
    layout = lay_out([label], ["epoch 07"], (256, 256))
    strip = sheet.crop((layout.left, 0, sheet.width, layout.top - 1)).convert("L")
    ink = strip.point(lambda value: 255 * (value < 128)).getbbox()
    assert ink is not None
    assert ink[0] >= 0
    assert ink[2] - ink[0] <= 256
