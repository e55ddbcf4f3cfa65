"""The sheet's geometry, as X/Y/Z plot draws it, and what is in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from lorabake.grid.sheet import draw_sheet, fitted, lay_out, line_height, shown_size


@pytest.mark.parametrize(
    ("columns", "rows", "cell", "size"),
    [
        (["(a) 0.8"] * 3, ["07", "10"], (512, 704), (1920, 1503)),
        (["kafka, hair_up"] * 8, [""], (512, 704), (4096, 799)),
        (["1.0>", "0.9>", "0.8>", "0.7>"], [""], (448, 704), (1792, 783)),
    ],
)
def test_sheets_have_the_size_of_xyz_plots(
    columns: list[str], rows: list[str], cell: tuple[int, int], size: tuple[int, int]
) -> None:
    """3 × 2 of 512 × 704, 8 × 1 of the same, 4 × 1 of 448 × 704, as measured on sheets it made."""
    layout = lay_out(columns, rows, cell)
    assert layout.cell == cell
    assert layout.font_size == sum(cell) // 25
    assert layout.left == (cell[0] * 3 // 4 if any(rows) else 0)
    assert layout.size == size
    assert draw_sheet({}, columns, rows, cell).size == size


def test_margins_lie_between_cells_and_sheets_of_z_side_by_side() -> None:
    colours = [(200, 30, 30), (30, 200, 30)]
    cells = {(0, 0, z): Image.new("RGB", (256, 256), colour) for z, colour in enumerate(colours)}
    labels = (["1", "2"], ["1", "2"])
    plain = lay_out(*labels, (256, 256))
    layout = lay_out(*labels, (256, 256), sheets=["1girl", "1boy"], margin=10)
    assert layout.grid == (plain.grid[0] + 10, plain.grid[1] + 10)
    # title: font (w + h) / 25 of a grid, the label and twice half of it above
    size = sum(layout.grid) // 25
    assert layout.above == line_height("1girl", size) + 2 * (size // 2)
    assert layout.size == (2 * layout.grid[0], layout.grid[1] + layout.above)
    sheet = draw_sheet(cells, *labels, (256, 256), sheets=["1girl", "1boy"], margin=10)
    for z, colour in enumerate(colours):
        left, top = layout.corner((0, 0, z))
        assert sheet.getpixel((left, top)) == colour
        assert sheet.getpixel((left + 255, top + 255)) == colour
        assert sheet.getpixel((left + 260, top + 100)) == (255, 255, 255)
        title = sheet.crop((z * layout.grid[0], 0, (z + 1) * layout.grid[0], layout.above))
        assert title.convert("L").getextrema()[0] < 100


def test_smaller_cells_stand_in_the_middle_and_failed_ones_say_why() -> None:
    cells: dict[tuple[int, int, int], Image.Image | Path] = {
        (0, 0, 0): Image.new("RGB", (512, 256), (9, 9, 200))
    }
    reason = "The file is a web page. Download it again."
    sheet = draw_sheet(cells, ["a", "b"], [""], (512, 512), reasons={(1, 0, 0): reason})
    layout = lay_out(["a", "b"], [""], (512, 512))
    assert sheet.getpixel((10, layout.top + 127)) == (255, 255, 255)
    assert sheet.getpixel((10, layout.top + 129)) == (9, 9, 200)
    failed = sheet.crop((520, layout.top + 8, 1016, layout.top + 504)).convert("L")
    assert failed.getextrema()[0] < 100


def test_long_labels_wrap_at_words() -> None:
    label = fitted("white shirt, pantyhose, eyewear on head, sunglasses", 256, 20)
    assert len(label.lines) > 1
    assert {size for _, size in label.lines} == {20}
    assert " ".join(text for text, _ in label.lines).count(",") == 3
    (line,) = fitted("a_very_long_single_word_without_any_space_in_it", 256, 20).lines
    assert line[1] < 20


@pytest.mark.parametrize(
    ("cell", "shown"),
    [((64, 64), (256, 256)), ((48, 80), (288, 480)), ((256, 256), (256, 256)), ((832, 1216),) * 2],
)
def test_small_cells_are_shown_by_a_whole_factor(
    cell: tuple[int, int], shown: tuple[int, int]
) -> None:
    assert shown_size(cell, 4, 4) == shown


def test_no_sheet_is_longer_than_pictures_can_be() -> None:
    for columns, rows, sheets in ((100, 1, 4), (1, 100, 1), (20, 20, 1), (10, 10, 4)):
        layout = lay_out(["1"] * columns, ["1"] * rows, (832, 1216), sheets=["z"] * sheets)
        assert max(layout.size) <= 65_535
        assert layout.size[0] * layout.size[1] <= 200_000_000


def test_huge_sheets_stay_printable() -> None:
    width, height = shown_size((1024, 1024), 20, 20)
    assert width == height
    assert (width * 21) ** 2 <= 200_000_000
    sheet_sides = 65_535  # what a PNG's readers take
    assert width * 21 < sheet_sides


def test_every_cell_is_where_its_labels_say() -> None:
    colours = {(x, y): (40 + 60 * x, 90 * y, 200) for x in range(3) for y in range(2)}
    cells = {(x, y, 0): Image.new("RGB", (64, 64), colour) for (x, y), colour in colours.items()}
    del cells[1, 1, 0]
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
