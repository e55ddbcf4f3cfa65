"""A grid on disk: one PNG for each cell, and the sheet. What exists is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, PngImagePlugin

from lorabake.core.files import atomic_writer
from lorabake.grid.board import AxisText, Board, Spot
from lorabake.grid.infotext import read_text, sheet_infotext
from lorabake.grid.sheet import draw_sheet

if TYPE_CHECKING:  # the page draws sheets too, without torch
    from torch import Tensor

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
        return self._write(self.folder / SHEET, board.spots, board.sheets, board.axes, reasons)

    def write_sub_sheet(self, z: int, reasons: Mapping[str, str]) -> Path | None:
        """The same of one value of Z alone, as `sheet-2.png` ("Include sub grids" of X/Y/Z plot)."""
        board = self.board
        spots = [replace(spot, z=0) for spot in board.spots if spot.z == z]
        return self._write(self.sub_sheet(z), spots, ("",), board.axes[:2], reasons)

    def sub_sheet(self, z: int) -> Path:
        return self.folder / f"sheet-{z + 1}.png"

    def _write(
        self,
        path: Path,
        spots: Sequence[Spot],
        sheets: Sequence[str],
        axes: Sequence[AxisText],
        reasons: Mapping[str, str],
    ) -> Path | None:
        """A sheet of these cells; None when none of them is there."""
        pictures = {
            (spot.x, spot.y, spot.z): self.path(spot) for spot in spots if self.exists(spot)
        }
        if not pictures:
            return None
        sheet = draw_sheet(
            pictures,
            self.board.columns,
            self.board.rows,
            (max(spot.shot.width for spot in spots), max(spot.shot.height for spot in spots)),
            sheets=sheets,
            margin=self.board.margin,
            reasons={
                (spot.x, spot.y, spot.z): reasons[spot.name]
                for spot in spots
                if spot.name in reasons
            },
        )
        first = read_text(next(iter(pictures.values())))
        write_png(path, sheet, sheet_infotext(first, axes))
        return path


def to_image(picture: Tensor) -> Image.Image:
    """A picture from -1 to 1, (3, H, W), as 8-bit RGB."""
    import torch

    pixels = ((picture.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return Image.fromarray(pixels.permute(1, 2, 0).contiguous().numpy())


def write_png(path: Path, image: Image.Image, text: str) -> None:
    """Whole or not at all; `text` goes where web UIs look for how a picture was made."""
    notes = PngImagePlugin.PngInfo()
    notes.add_text("parameters", text)
    with atomic_writer(path) as temporary:
        image.save(temporary, format="PNG", pnginfo=notes, compress_level=QUICK)
