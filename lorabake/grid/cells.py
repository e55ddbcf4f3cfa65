"""A grid on disk: one PNG for each cell, and the sheet. What exists is done."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from PIL import Image, PngImagePlugin
from torch import Tensor

from lorabake.core.files import atomic_writer
from lorabake.grid.board import Board, Spot
from lorabake.grid.infotext import sheet_infotext
from lorabake.grid.sheet import draw_sheet

SHEET = "sheet.png"
QUICK = 1  # PNG compression: a third of the time of the usual 6 for files a tenth larger


class CellFiles:
    """The pictures of a grid in its folder."""

    def __init__(self, folder: Path, board: Board) -> None:
        self.folder = folder
        self.board = board

    def path(self, spot: Spot) -> Path:
        return self.folder / spot.name

    def exists(self, spot: Spot) -> bool:
        return self.path(spot).exists()

    @property
    def done(self) -> int:
        return sum(self.exists(spot) for spot in self.board.spots)

    def save(self, spot: Spot, picture: Tensor, text: str) -> Path:
        """Write one cell; `text` is how it was made."""
        write_png(self.path(spot), to_image(picture), text)
        return self.path(spot)

    def write_sheet(self, reasons: Mapping[str, str]) -> Path | None:
        """The sheet of all cells there are; None when there is none.

        reasons: why a cell could not be rendered, by the name of its file.
        """
        board = self.board
        pictures = {
            (spot.x, spot.y, spot.z): self.path(spot) for spot in board.spots if self.exists(spot)
        }
        if not pictures:
            return None
        sheet = draw_sheet(
            pictures,
            board.columns,
            board.rows,
            (
                max(spot.shot.width for spot in board.spots),
                max(spot.shot.height for spot in board.spots),
            ),
            sheets=board.sheets,
            margin=board.margin,
            reasons={
                (spot.x, spot.y, spot.z): reasons[spot.name]
                for spot in board.spots
                if spot.name in reasons
            },
        )
        with Image.open(next(iter(pictures.values()))) as picture:
            first = str(picture.info.get("parameters", ""))
        write_png(self.folder / SHEET, sheet, sheet_infotext(first, board.axes))
        return self.folder / SHEET


def to_image(picture: Tensor) -> Image.Image:
    """A picture from -1 to 1, (3, H, W), as 8-bit RGB."""
    pixels = ((picture.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return Image.fromarray(pixels.permute(1, 2, 0).contiguous().numpy())


def write_png(path: Path, image: Image.Image, text: str) -> None:
    """Whole or not at all; `text` goes where web UIs look for how a picture was made."""
    notes = PngImagePlugin.PngInfo()
    notes.add_text("parameters", text)
    with atomic_writer(path) as temporary:
        image.save(temporary, format="PNG", pnginfo=notes, compress_level=QUICK)
