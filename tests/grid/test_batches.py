"""Which pictures are painted together: by what is dear to change, and by the memory there is."""

from __future__ import annotations

from itertools import pairwise, permutations, product

import pytest

from lorabake.grid.batches import MOST_TOGETHER, batches_of, painting_of
from lorabake.grid.painter import room_for
from lorabake.grid.shot import Shot

AXES = {
    "base": ("", "other"),
    "file": ("k-01", "k-02", "k-03"),
    "size": ((512, 512), (512, 768)),
    "seed": (1, 2),
}


def shot(base: str, file: str, size: tuple[int, int], seed: int, tag: str = ":0.8") -> Shot:
    return Shot(
        prompt=f"<lora:{file}{tag}> 1girl", negative="", seed=seed, steps=20, cfg=5.0,
        sampler="Euler a", width=size[0], height=size[1], base=base,
    )  # fmt: skip


def changes(values: list[object]) -> int:
    """How often one is put in another's place."""
    return sum(one != other for one, other in pairwise(values))


@pytest.mark.parametrize("order", list(permutations(AXES)), ids="-".join)
def test_what_is_dear_is_changed_least_often(order: tuple[str, ...]) -> None:
    """Wherever its axis stands: each model is loaded once, and each file once on each of them."""
    places = product(*(AXES[name] for name in order))
    shots = [shot(**dict(zip(order, place, strict=True))) for place in places]  # type: ignore[arg-type]
    batches = batches_of(map(painting_of, shots))
    assert sum(len(batch.paintings) for batch in batches) == len(shots)
    assert changes([batch.base for batch in batches]) == 1
    assert changes([(batch.base, batch.label) for batch in batches]) == 2 * 3 - 1
    assert len(batches) == 2 * 3 * 2, "what differs in the seed alone is one batch"


def test_what_one_batch_can_differ_in() -> None:
    tags = (":0.5", ":1:0.2", ":1:lbw=MID", ":1:lbw=OUTALL")
    shots = [shot("", "k-01", (512, 512), seed, tag) for tag in tags for seed in range(5)]
    batches = batches_of(map(painting_of, shots))
    assert [len(batch.paintings) for batch in batches] == [MOST_TOGETHER, 4]
    ranks = [shot("", "k-01", (512, 512), 1, f":1:1:{ranks}") for ranks in (2, 4)]
    assert len(batches_of(map(painting_of, ranks))) == 2, "loaded with other ranks"


@pytest.mark.parametrize(
    ("free_mib", "size", "bytes_a_number", "together"),
    [
        (0, (1024, 1024), 4, 1),  # not known
        (500, (1024, 1024), 2, 1),
        (8 * 1024, (1024, 1024), 2, 4),
        (8 * 1024, (1024, 1024), 4, 2),
        (8 * 1024, (512, 512), 2, 16),
        (80 * 1024, (512, 512), 2, MOST_TOGETHER),
    ],
)
def test_as_many_at_a_time_as_there_is_room_for(
    free_mib: float, size: tuple[int, int], bytes_a_number: int, together: int
) -> None:
    assert room_for(free_mib, size[0] * size[1], bytes_a_number) == together
