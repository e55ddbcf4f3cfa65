"""What the verdict proposes on the practice oven, judged by what it never hears. Minutes: see docs."""

from __future__ import annotations

import pytest

from lorabake.practice.verdicts import NEAR, check_verdicts


@pytest.mark.slow
@pytest.mark.parametrize("held_out", [0.0, 0.2])
def test_the_proposed_cell_is_as_good_as_the_best_within_5_percent(held_out: float) -> None:
    """Five seeded bakes, eighteen cells each, judged with prompts and seeds that no measuring uses."""
    changes = {"validation_split": held_out} if held_out else {}
    figures = check_verdicts(**changes)
    shares = [figure for figure in figures if figure.target == NEAR]
    assert len(shares) == 5
    assert all(figure.is_met for figure in shares), shares
