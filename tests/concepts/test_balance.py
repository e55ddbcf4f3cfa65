"""Balance: the fewest pictures lost, found exactly; the worst go first, and come back."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lorabake.concepts.balance import (
    Verdict,
    best_balance,
    guides_balance,
    repeats_only,
    worst_first,
)
from lorabake.concepts.balancing import apply, propose, take_back
from lorabake.concepts.looks import looks_of
from lorabake.concepts.pile import look_at
from lorabake.concepts.worst import plain_verdicts
from lorabake.core.errors import DatasetError
from lorabake.core.history import NothingToUndo, open_history
from lorabake.core.pictures import binned
from tests.concepts.outfits import CLOTHES, figure, outfit
from tests.core.test_pictures import everything


def by_trying_all(counts: list[int], tolerance: float, limit: int) -> tuple[int, float]:
    """Fewest lost and smallest spread over every keep and every repeats."""
    options = [
        [
            (keep, keep * repeats)
            for keep in range(1, n + 1)
            for repeats in range(1, limit // keep + 1)
        ]
        for n in counts
    ]
    best = (sum(counts), 0.0)
    for chosen in product(*options):
        seen = [looks for _, looks in chosen]
        spread = max(seen) / min(seen) - 1
        if spread <= tolerance + 1e-12:
            best = min(best, (sum(counts) - sum(keep for keep, _ in chosen), spread))
    return best


@given(counts=st.lists(st.integers(1, 400), min_size=1, max_size=6))
def test_the_guides_way_asks_for_nothing_more_the_second_time(counts: list[int]) -> None:
    first = guides_balance(counts)
    again = guides_balance([share.keep for share in first.shares])
    assert again.lost == 0
    assert [share.repeats for share in again.shares] == [share.repeats for share in first.shares]


@settings(max_examples=40)
@given(
    counts=st.lists(st.integers(1, 9), min_size=1, max_size=3),
    tolerance=st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0]),
)
def test_nobody_can_lose_fewer(counts: list[int], tolerance: float) -> None:
    found = best_balance(counts, tolerance)
    lost, spread = by_trying_all(counts, tolerance, max(counts))
    assert found.lost == lost
    assert found.spread == pytest.approx(spread)
    assert found.spread <= tolerance + 1e-9
    assert max(share.seen for share in found.shares) <= max(counts)
    assert all(1 <= share.keep <= share.images for share in found.shares)


@settings(max_examples=60)
@given(counts=st.lists(st.integers(0, 500), max_size=6))
def test_the_guides_way_keeps_the_largest_folder_whole(counts: list[int]) -> None:
    found = guides_balance(counts)
    for share in found.shares:
        assert 0 <= share.keep <= share.images
        assert share.seen <= max(counts)
        assert not share.images or share.seen > max(counts) - share.repeats
    assert not counts or max(share.keep for share in found.shares) == max(counts)
    assert all(share.lost == 0 for share in repeats_only(counts).shares)


def test_a_longer_epoch_and_a_wider_tolerance_lose_fewer() -> None:
    counts = (23, 49, 100, 79)
    losses = [best_balance(counts, tolerance).lost for tolerance in (0, 0.02, 0.05, 0.1, 0.2)]
    assert losses == [41, 32, 29, 22, 8]
    assert best_balance(counts, 0.05, most_seen=400).lost == 0
    assert best_balance((), 0.1).seen_per_epoch == 0
    assert [share.keep for share in best_balance((0, 5), 0.1).shares] == [0, 5]
    for wrong in (-0.1, 1.1):
        with pytest.raises(DatasetError, match="tolerance can be from 0"):
            best_balance(counts, wrong)


def test_the_worst_go_first() -> None:
    verdicts = {"b": Verdict(1), "d": Verdict(3, "is blurred"), "a": Verdict(1)}
    assert worst_first("abcd", verdicts) == ["d", "b", "a", "c"]


@pytest.fixture
def unequal(tmp_path: Path) -> Path:
    """Four, seven and twelve pictures, with a copy, a small one, and one without a caption."""
    for name, count in (("zetadef", 4), ("zetasummer", 7), ("zetadark", 12)):
        outfit(tmp_path / f"1_{name}", name, count, trigger=True)
    summer = tmp_path / "1_zetasummer"
    (summer / "copy.png").write_bytes((summer / "zetasummer-002.png").read_bytes())
    figure(summer / "tiny.png", CLOTHES["zetasummer"][0], 999, (12, 16))
    (summer / "zetasummer-004.txt").unlink()
    return tmp_path


def test_a_data_set_comes_into_balance_and_back(unequal: Path) -> None:
    before = everything(unequal)
    proposal = propose(look_at(unequal), resolution=48)
    rows = [(f.folder, f.renamed, f.images, f.keep, f.repeats) for f in proposal.folders]
    assert rows == [
        ("1_zetadark", "1_zetadark", 12, 12, 1),
        ("1_zetadef", "3_zetadef", 4, 4, 3),
        ("1_zetasummer", "2_zetasummer", 9, 6, 2),
    ]
    assert (proposal.seen_per_epoch, proposal.spread, proposal.lost) == (36, 0, 3)
    assert [(one.file.name, one.why) for one in proposal.folders[2].remove] == [
        ("zetasummer-002.png", "is the same picture as copy.png"),
        ("tiny.png", "is small: 12 × 16 px"),
        ("zetasummer-004.png", "has no caption"),
    ]
    done = apply(proposal)
    assert done.renamed["1_zetasummer"] == "2_zetasummer"
    assert len(binned(unequal)) == 3
    after = look_at(unequal)
    assert after.dataset.seen_per_epoch == 36
    assert propose(after, resolution=48).lost == 0
    take_back(unequal, done)
    assert everything(unequal) == before
    # Undoing the step alone brings the pictures back into the folders of today.
    done = apply(propose(look_at(unequal), resolution=48))
    open_history(unequal).undo()
    assert len(look_at(unequal).of("2_zetasummer")) == 9
    with pytest.raises(NothingToUndo, match="Other steps"):
        take_back(unequal, done)


def test_somebody_who_knows_more_is_believed(unequal: Path) -> None:
    sorting = look_at(unequal)
    blurred = {"1_zetasummer/zetasummer-006.png": Verdict(99, "is blurred")}
    removed = propose(sorting, verdicts=blurred, resolution=48).folders[2].remove
    assert removed[0].why == "is blurred"
    wide = propose(sorting, tolerance=0.5)
    assert wide.lost == 0
    assert wide.spread <= 0.5
    mapping = wide.to_mapping()
    assert [concept["keep"] for concept in mapping["concepts"]] == [12, 4, 9]


def test_near_twins_are_seen_where_looks_are_known(tmp_path: Path) -> None:
    colour = CLOTHES["zetadef"][0]
    for name, seed, size in (("a", 1, (48, 64)), ("b", 1, (96, 128)), ("c", 2, (48, 64))):
        figure(tmp_path / "1_x" / f"{name}.png", colour, seed, size)
    pictures = look_at(tmp_path).pictures
    found = plain_verdicts(pictures, resolution=40, looks=looks_of(pictures))
    assert found["1_x/a.png"].why == "looks like b.png", "the larger one stays"
    assert max(found, key=lambda one: found[one].badness) == "1_x/a.png"


def test_two_folders_of_one_name_are_refused_before_anything_is_done(tmp_path: Path) -> None:
    for name in ("1_zetadef", "2_zetadef", "3_zetadark"):
        outfit(tmp_path / name, name[2:], 2)
    before = everything(tmp_path)
    with pytest.raises(DatasetError, match="Two folders would be called 1_zetadef"):
        apply(propose(look_at(tmp_path)))
    assert everything(tmp_path) == before
