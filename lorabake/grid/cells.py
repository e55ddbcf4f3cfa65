"""A grid on disk: one PNG for each cell, and the sheet. What exists is done."""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image, PngImagePlugin
from torch import Tensor

from lorabake.core.files import atomic_writer
from lorabake.grid.infotext import number, sheet_infotext
from lorabake.grid.job import GridPlan, Row
from lorabake.grid.sheet import draw_sheet

SHEET = "sheet.png"
QUICK = 1  # PNG compression: a third of the time of the usual 6 for files a tenth larger


class CellFiles:
    """The pictures of a grid in its folder."""

    def __init__(self, folder: Path, plan: GridPlan) -> None:
        self.folder = folder
        self.plan = plan

    def path(self, row: Row, weight: float) -> Path:
        return self.folder / self.plan.cell_name(row, weight)

    def exists(self, row: Row, weight: float) -> bool:
        return self.path(row, weight).exists()

    def missing(self, row: Row) -> list[float]:
        """The weights of an epoch that are not rendered yet."""
        return [weight for weight in self.plan.weights if not self.exists(row, weight)]

    @property
    def done(self) -> int:
        return self.plan.total - sum(len(self.missing(row)) for row in self.plan.rows)

    def save(self, row: Row, weight: float, picture: Tensor, text: str) -> Path:
        """Write one cell; `text` is how it was made."""
        write_png(self.path(row, weight), to_image(picture), text)
        return self.path(row, weight)

    def write_sheet(self) -> Path | None:
        """The sheet of all cells there are; None when there is none."""
        plan = self.plan
        pictures: dict[tuple[int, int], Image.Image] = {}
        first = ""
        for y, row in enumerate(plan.rows):
            for x, weight in enumerate(plan.weights):
                if self.exists(row, weight):
                    picture = Image.open(self.path(row, weight))
                    picture.load()
                    first = first or str(picture.info.get("parameters", ""))
                    pictures[x, y] = picture
        if not pictures:
            return None
        sheet = draw_sheet(
            pictures,
            [f"weight {number(weight)}" for weight in plan.weights],
            [f"epoch {row.suffix}" for row in plan.rows],
            (plan.width, plan.height),
        )
        suffixes = [row.suffix for row in plan.rows]
        write_png(self.folder / SHEET, sheet, sheet_infotext(first, plan.weights, suffixes))
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
