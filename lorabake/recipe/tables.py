"""The guide's four reference tables: how many steps for how many pictures.

A table says how often each picture is looked at in a whole bake (repeats × epochs), which does not
depend on the batch size. Between two rows that number is interpolated as a power of the number of
pictures. Beyond the ends it goes on so up to twice or half the last count, and then stays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import exp, log
from typing import Final, Literal

Kind = Literal["single", "several"]
BEYOND: Final = 2  # how far a table is trusted to go on, as a factor of its last count


@dataclass(frozen=True)
class Row:
    """One line of a table.

    count: pictures, or T where there are several concepts. steps: as the guide prints them.
    """

    count: int
    repeats: int
    epochs: int
    batch_size: int
    steps: int
    sentence: str

    @property
    def simple_steps(self) -> float:
        """The row's own sum, not rounded."""
        return self.steps_at(self.batch_size)

    @property
    def rounded(self) -> bool:
        """Did the guide round the sum? It is noted, and the sum is used."""
        return self.steps != self.simple_steps

    @property
    def looks(self) -> int:
        """How often each picture is looked at; with several concepts, each of the T."""
        return self.repeats * self.epochs

    def steps_at(self, batch_size: int) -> float:
        """The sum at another batch size."""
        return self.count * self.looks / batch_size


@dataclass(frozen=True)
class Table:
    """name: "nai-single" …; family: "sd15" or "sdxl"; sentence: of the guide, above it."""

    name: str
    label: str
    family: str
    kind: Kind
    sentence: str
    rows: tuple[Row, ...]

    @property
    def unit(self) -> str:
        return "T" if self.kind == "several" else "images"

    def covers(self, count: int) -> bool:
        return self.rows[0].count <= count <= self.rows[-1].count

    def reaches(self, count: int) -> bool:
        """Is it within what the table can be carried on to?"""
        return self.rows[0].count <= count * BEYOND and count <= self.rows[-1].count * BEYOND


@dataclass(frozen=True)
class Suggestion:
    """What a table says between its rows.

    looks: repeats × epochs, as interpolated. steps: of count × repeats × epochs ÷ batch size.
    inside: False beyond the ends of the table, where the guide says nothing.
    """

    repeats: int
    epochs: int
    steps: int
    looks: float
    inside: bool


def _single(count: int, repeats: int, epochs: int, batch: int, steps: int) -> Row:
    plural = "" if repeats == 1 else "s"
    sentence = (
        f"{count} images × {repeats} repeat{plural} × {epochs} epochs ÷ {batch} batch size "
        f"= {steps} steps"
    )
    return Row(count, repeats, epochs, batch, steps, sentence)


def _several(count: int, epochs: int, steps: int) -> Row:
    sentence = f"{count} T × {epochs} epochs ÷ 2 batch size = {steps} steps"
    return Row(count, 1, epochs, 2, steps, sentence)


NAI_SINGLE: Final = Table(
    "nai-single",
    "NAI 1.5, one concept",
    "sd15",
    "single",
    "For NAI 1.5, this is Holostrawberry's reference table.",
    (
        _single(20, 10, 10, 2, 1000),
        _single(100, 3, 10, 2, 1500),
        _single(400, 1, 10, 2, 2000),
        _single(1000, 1, 10, 3, 3300),
    ),
)
XL_SINGLE: Final = Table(
    "xl-single",
    "PDXL and Illustrious, one concept",
    "sdxl",
    "single",
    "For PDXL and Illustrious, this is mine.",
    (
        _single(20, 2, 10, 2, 200),
        _single(40, 2, 7, 2, 280),
        _single(60, 2, 5, 2, 300),
        _single(100, 2, 4, 2, 400),
        _single(200, 2, 3, 2, 600),
        _single(600, 2, 2, 2, 1200),
    ),
)
NAI_SEVERAL: Final = Table(
    "nai-several",
    "NAI 1.5, several concepts",
    "sd15",
    "several",
    "Here's a reference table for NAI 1.5",
    (_several(200, 17, 1700), _several(300, 12, 1800), _several(400, 10, 2000)),
)
XL_SEVERAL: Final = Table(
    "xl-several",
    "Illustrious, several concepts",
    "sdxl",
    "several",
    "I train on Illustrious though, so here's a new table",
    (_several(100, 8, 400), _several(200, 7, 700), _several(300, 5, 750), _several(600, 5, 1500)),
)
TABLES: Final = (NAI_SINGLE, XL_SINGLE, NAI_SEVERAL, XL_SEVERAL)


def table_for(family: str, concepts: int) -> Table:
    """family: "sd15" or "sdxl". The guide has no table of several concepts for PDXL alone; that of
    Illustrious serves both, as its table of one concept does."""
    kind = "several" if concepts > 1 else "single"
    return next(table for table in TABLES if (table.family, table.kind) == (family, kind))


def nearest(table: Table, count: int) -> Row:
    """The row whose count is the nearest as a ratio: 40 is as far from 20 as from 80."""
    return min(table.rows, key=lambda row: (abs(log(max(count, 1) / row.count)), row.count))


def suggest(table: Table, count: int, batch_size: int) -> Suggestion:
    """Repeats and epochs for a number of pictures, or for a T; a row of the table gives itself.

    Several concepts have their repeats already, so there it is 1 and the epochs count.
    """
    wanted = max(count, 1)
    looks = _between(table.rows, wanted, lambda row: row.looks)
    repeats = 1
    if table.kind == "single":
        usual = _between(table.rows, wanted, lambda row: row.epochs)
        repeats = max(1, round(looks / usual))
    epochs = max(1, round(looks / repeats))
    steps = round(wanted * repeats * epochs / batch_size)
    return Suggestion(repeats, epochs, steps, looks, table.covers(count))


def epochs_for(table: Table, count: int, repeats: float) -> int:
    """Epochs for pictures that are shown `repeats` times an epoch; for a T it counts them already."""
    looks = _between(table.rows, max(count, 1), lambda row: row.looks)
    return max(1, round(looks if table.kind == "several" else looks / max(repeats, 1)))


def steps_by_table(table: Table, count: int, batch_size: int) -> float:
    """Steps on the table's own curve, with repeats and epochs in fractions."""
    wanted = max(count, 1)
    return wanted * _between(table.rows, wanted, lambda row: row.looks) / batch_size


def _between(rows: Sequence[Row], count: int, of: Callable[[Row], float]) -> float:
    """A figure of the rows at `count`: a straight line between rows on logarithmic axes."""
    count = min(max(count, rows[0].count // BEYOND), rows[-1].count * BEYOND)
    pairs = list(pairwise(rows))
    low, high = next((pair for pair in pairs if count <= pair[1].count), pairs[-1])
    share = log(count / low.count) / log(high.count / low.count)
    return exp(log(of(low)) + share * (log(of(high)) - log(of(low))))
