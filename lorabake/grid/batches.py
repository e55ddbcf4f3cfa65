"""Which pictures are painted together, and in which order.

Cells that show the same picture are painted once. Pictures of one LoRA file and size are one batch,
with a weight, block weights, seed and prompt of their own. What is dear to change, the base model before all, is
changed least often, wherever its axis stands.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace

from lorabake.grid.board import Board, Spot
from lorabake.grid.shot import Shot
from lorabake.grid.tags import LoraUse, lora_uses, without_tags

MOST_TOGETHER = 16


@dataclass(frozen=True)
class Painting:
    """A picture as a model paints it. shot: its prompt is what the text encoders hear.

    loras: those with a weight; at weight 0 all epochs are the plain base.
    """

    shot: Shot
    loras: tuple[LoraUse, ...]

    @property
    def files(self) -> tuple[tuple[str, int | None], ...]:
        """What is loaded for it: names, and how many of their ranks."""
        return tuple((use.name, use.ranks) for use in self.loras)


@dataclass(frozen=True)
class Batch:
    """Pictures that share all but prompt, seed and the weights of one LoRA.

    main: which of the LoRAs that is; the others are the same for all.
    """

    paintings: tuple[Painting, ...]
    main: int

    @property
    def base(self) -> str:
        return self.paintings[0].shot.base

    @property
    def label(self) -> str:
        return ", ".join(use.name for use in self.paintings[0].loras) or "The plain base"


def painting_of(shot: Shot) -> Painting:
    loras = tuple(use for use in lora_uses(shot.prompt) if not use.idle)
    return Painting(replace(shot, prompt=without_tags(shot.prompt)), loras)


def shared(board: Board) -> dict[Painting, list[Spot]]:
    """Each different picture, and the cells it belongs to."""
    found: dict[Painting, list[Spot]] = {}
    for spot in board.spots:
        found.setdefault(painting_of(spot.shot), []).append(spot)
    return found


def batches_of(paintings: Iterable[Painting], most: int = MOST_TOGETHER) -> list[Batch]:
    """All paintings in batches, by base model, then by LoRA files, then by everything else.

    The same paintings and `most` give the same batches, whatever is rendered already: a picture
    comes out the same to the last bit only beside the same others.
    """
    all_of_them = list(paintings)
    main = _main_loras(all_of_them)
    groups: dict[tuple[Hashable, ...], list[Painting]] = {}
    for painting in all_of_them:
        key = _key(painting, main[painting.shot.base, painting.files])
        groups.setdefault(key, []).append(painting)
    bases, files = (_first_seen(key[place] for key in groups) for place in (0, 1))
    ordered = sorted(groups.items(), key=lambda item: (bases[item[0][0]], files[item[0][1]]))
    return [
        Batch(tuple(group[start : start + most]), main[group[0].shot.base, group[0].files])
        for _, group in ordered
        for start in range(0, len(group), most)
    ]


def _key(painting: Painting, main: int) -> tuple[Hashable, ...]:
    """What pictures of one batch have in common."""
    shot = painting.shot
    others = tuple(use for index, use in enumerate(painting.loras) if index != main)
    shape = (shot.width, shot.height, shot.steps, shot.cfg, shot.sampler, shot.clip_skip)
    return (shot.base, painting.files, others, shape)


def _main_loras(paintings: list[Painting]) -> dict[tuple[Hashable, ...], int]:
    """For each set of LoRAs the first whose weight differs from picture to picture, else the first."""
    seen: dict[tuple[Hashable, ...], list[tuple[LoraUse, ...]]] = {}
    for painting in paintings:
        seen.setdefault((painting.shot.base, painting.files), []).append(painting.loras)
    return {
        key: next(
            (index for index, uses in enumerate(zip(*rows, strict=True)) if len(set(uses)) > 1), 0
        )
        for key, rows in seen.items()
    }


def _first_seen(values: Iterable[Hashable]) -> dict[Hashable, int]:
    return {value: place for place, value in enumerate(dict.fromkeys(values))}
