"""The pictures that are painted only to be measured: her own prompts and unrelated ones, few steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from lorabake.core.randomness import derive
from lorabake.core.run import Run
from lorabake.grid.board import Board, LoraFile, Spot
from lorabake.grid.cells import CellFiles, to_image, write_png
from lorabake.grid.job import Row
from lorabake.grid.shot import Shot
from lorabake.grid.tags import lora_tag, without_tags
from lorabake.grid.values import number
from lorabake.grid.verdict.asked import Asked, Key

if TYPE_CHECKING:  # the page knows the items too, without torch
    from torch import Tensor

UNRELATED = (
    "1girl, solo, blonde hair, long hair, blue dress, smile, white background",
    "1boy, solo, black hair, short hair, white shirt, frown, grey background",
)
"""Somebody else, in words that every anime model knows."""
KEPT_SIDE = 512  # px: what taggers and colours need; 40 cells of full pictures would fill a disk


@dataclass(frozen=True)
class Item:
    """One picture of a cell. kind: "own" or "other"; concept: whose prompt it is, "" for nobody's."""

    name: str
    kind: str
    prompt: str
    seed: int
    concept: str = ""


@dataclass(frozen=True)
class Prompt:
    """text: a caption of a concept."""

    text: str
    concept: str


def items_of(asked: Asked, prompts: Sequence[Prompt]) -> list[Item]:
    """What is painted in each cell: prompts × seeds, then the unrelated ones."""
    own = [
        Item(f"own{n}-{s}", "own", prompt.text, _seed(asked, "own", s), prompt.concept)
        for n, prompt in enumerate(prompts, 1)
        for s in range(1, asked.seeds + 1)
    ]
    other = [
        Item(f"other{n}", "other", text, _seed(asked, "other", 1))
        for n, text in enumerate(UNRELATED[: asked.unrelated], 1)
    ]
    return own + other


def other_seed(asked: Asked, items: Sequence[Item]) -> list[Item]:
    """The unrelated prompts with another seed: how far two pictures of the base are apart."""
    return [
        Item(f"{item.name}-again", item.kind, item.prompt, _seed(asked, "other", 2))
        for item in items
        if item.kind == "other"
    ]


def file_name(key: Key | None, item: Item) -> str:
    """key: None for the plain base."""
    cell = f"{key[0]:02d}_{number(key[1])}" if key else "base"
    return f"{cell}_{item.name}.png"


def extra_board(run: Run, asked: Asked, items: Sequence[Item]) -> Board:
    """All of them as a grid: cells down, pictures across."""
    rows: dict[int, Row] = {row.epoch: row for row in asked.rows}
    keys: list[Key | None] = [None, *asked.cells]
    spots = []
    for y, key in enumerate(keys):
        wanted = [*items, *other_seed(asked, items)] if key is None else items
        for x, item in enumerate(wanted):
            tag = f"{lora_tag(rows[key[0]].name, key[1])} " if key else ""
            label = f"epoch {key[0]}, weight {number(key[1])}" if key else "the plain base"
            shot = _shot(asked, tag + without_tags(item.prompt), item.seed)
            spots.append(Spot(x, y, 0, shot, file_name(key, item), label))
    return Board(
        spots=tuple(spots),
        columns=tuple(item.name for item in items),
        rows=tuple(str(key) for key in keys),
        sheets=("",),
        axes=(),
        files={row.name: LoraFile(run.folder / row.file, row.lora_hash) for row in asked.rows},
        bases={},
    )


class SmallFiles(CellFiles):
    """Pictures at 512 px a side at most."""

    def save(self, spot: Spot, picture: Tensor, text: str) -> Path:
        image = to_image(picture)
        longest = max(image.size)
        if longest > KEPT_SIDE:
            sides = [max(round(side * KEPT_SIDE / longest), 1) for side in image.size]
            image = image.resize((sides[0], sides[1]), Image.Resampling.BOX)
        write_png(self.path(spot), image, text)
        return self.path(spot)


def _shot(asked: Asked, prompt: str, seed: int) -> Shot:
    return Shot(
        prompt=prompt,
        negative=asked.negative,
        seed=seed,
        steps=asked.steps,
        cfg=asked.cfg,
        sampler=asked.sampler,
        width=asked.width,
        height=asked.height,
        clip_skip=asked.clip_skip,
    )


def _seed(asked: Asked, purpose: str, number_: int) -> int:
    return derive(asked.seed, f"verdict {purpose}", number_) % 2**32
