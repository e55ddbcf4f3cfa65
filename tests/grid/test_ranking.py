"""Strengths from comparisons: against closed forms, another method, and known truth."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lorabake.grid.ranking import (
    Array,
    Outcome,
    Strengths,
    chances,
    fit,
    gains,
    likeness,
    wilson,
    wins,
)

FLAT = 1e6  # a prior that says next to nothing
CELLS = [(epoch, weight) for epoch in range(4) for weight in range(3)]


def flat(count: int) -> Array:
    return np.eye(count) * FLAT


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def votes_of(truth: Array, count: int, source: random.Random) -> list[Outcome]:
    """What somebody with these strengths says of random pairs."""
    made = []
    for _ in range(count):
        one, other = source.sample(range(len(truth)), 2)
        won = source.random() < sigmoid(truth[one] - truth[other])
        made.append(Outcome(one, other, float(won)))
    return made


@pytest.mark.parametrize(("won", "total"), [(7, 10), (1, 4), (30, 31), (12, 24)])
def test_two_alone_have_a_closed_form(won: int, total: int) -> None:
    """θ₁ − θ₂ = logit(w / n), with a standard error of 1 / √(n p q), when the prior says nothing."""
    outcomes = [Outcome(0, 1, 1.0)] * won + [Outcome(1, 0, 1.0)] * (total - won)
    found = fit(outcomes, flat(2))
    share = won / total
    assert found.mean[0] - found.mean[1] == pytest.approx(math.log(share / (1 - share)), abs=1e-3)
    variance = found.covariance[0, 0] + found.covariance[1, 1] - 2 * found.covariance[0, 1]
    assert variance == pytest.approx(1 / (total * share * (1 - share)), rel=1e-3)
    first, second = wins(found)
    assert first.share == pytest.approx(share, abs=1e-3)
    assert first.share + second.share == pytest.approx(1)
    # The interval is the one of logistic regression with an intercept alone.
    reach = 1.959964 * math.sqrt(variance)
    logit = math.log(share / (1 - share))
    assert (first.low, first.high) == pytest.approx(
        (sigmoid(logit - reach), sigmoid(logit + reach)), abs=1e-3
    )


def test_a_prior_keeps_who_always_wins_finite() -> None:
    """With d = θ₁ − θ₂ and a prior variance v of d, the mode solves n (1 − σ(d)) = d / v."""
    found = fit([Outcome(0, 1, 1.0)] * 5, np.eye(2) * 0.5)
    gap = found.mean[0] - found.mean[1]
    assert 5 * (1 - sigmoid(gap)) == pytest.approx(gap / 1.0)


def test_as_hunters_mm_finds_it() -> None:
    """γᵢ ← Wᵢ / Σⱼ nᵢⱼ / (γᵢ + γⱼ), repeated (Hunter 2004, eq. 3), gives the same strengths."""
    source = random.Random(3)
    outcomes = votes_of(np.array([0.0, 0.5, 1.0, -0.7]), 120, source)
    won, met = np.zeros(4), np.zeros((4, 4))
    for one in outcomes:
        won[one.left] += one.share
        won[one.right] += 1 - one.share
        met[one.left, one.right] += 1
        met[one.right, one.left] += 1
    gamma = np.ones(4)
    for _ in range(3000):
        gamma = won / (met / (gamma[:, None] + gamma[None, :])).sum(axis=1)
    theta = np.log(gamma)
    found = fit(outcomes, flat(4)).mean
    assert found - found.mean() == pytest.approx(theta - theta.mean(), abs=1e-3)


def test_known_strengths_come_back_in_their_order() -> None:
    truth = np.linspace(-1.5, 1.5, 7)
    found = fit(votes_of(truth, 900, random.Random(5)), likeness([(n,) for n in range(7)]))
    assert list(np.argsort(found.mean)) == list(range(7))


def test_intervals_hold_the_truth_in_95_of_100_cases() -> None:
    """Of strengths drawn as the prior says: of single pictures, and of epochs; and who is called the
    best with 95 % mostly is."""
    prior = likeness(CELLS)
    groups = [[n for n, (epoch, _) in enumerate(CELLS) if epoch == one] for one in range(4)]
    root = np.linalg.cholesky(prior)
    numbers = np.random.default_rng(11)
    inside, sure, right = [], 0, 0
    for turn in range(150):
        truth = root @ numbers.standard_normal(len(CELLS))
        found = fit(votes_of(truth, 60, random.Random(turn)), prior)
        exact = Strengths(truth, prior)
        for mine, real in ((found, exact), (found.pooled(groups), exact.pooled(groups))):
            inside += [
                one.low <= other.share <= one.high
                for one, other in zip(wins(mine), wins(real), strict=True)
            ]
        chance = chances(found.pooled(groups))
        if chance.max() >= 0.95:
            sure += 1
            right += int(chance.argmax() == exact.pooled(groups).mean.argmax())
    assert 0.93 <= sum(inside) / len(inside) <= 0.975
    assert sure > 20
    assert right / sure > 0.9


def test_a_vote_about_one_weight_tells_of_the_epoch() -> None:
    """Epoch 1 won at weight 0; so it is taken to be better at weight 2 as well, less surely."""
    places = {cell: number for number, cell in enumerate(CELLS)}
    outcomes = [Outcome(places[1, 0], places[2, 0], 1.0)] * 6
    found = fit(outcomes, likeness(CELLS))
    gap = found.mean[places[1, 2]] - found.mean[places[2, 2]]
    assert 0 < gap < found.mean[places[1, 0]] - found.mean[places[2, 0]]
    # Nothing is said of another epoch at that weight than of itself.
    assert found.mean[places[0, 0]] == pytest.approx(found.mean[places[3, 0]])


OUTCOMES = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 3), st.sampled_from([0.0, 0.5, 1.0]))
    .filter(lambda one: one[0] != one[1])
    .map(lambda one: Outcome(*one)),
    max_size=25,
)
PRIOR = likeness([("a", 1), ("a", 2), ("b", 1), ("b", 2)])


@settings(max_examples=60, deadline=None)
@given(OUTCOMES, st.permutations(range(4)), st.randoms())
def test_names_sides_and_order_do_not_matter(
    outcomes: list[Outcome], named: list[int], source: random.Random
) -> None:
    found = fit(outcomes, PRIOR)
    turned = [Outcome(one.right, one.left, 1 - one.share) for one in outcomes]
    source.shuffle(turned)
    assert fit(turned, PRIOR).mean == pytest.approx(found.mean, abs=1e-6)
    other = [Outcome(named[one.left], named[one.right], one.share) for one in outcomes]
    order = np.argsort(named)  # the old place of each new one
    renamed = fit(other, PRIOR[np.ix_(order, order)])
    assert renamed.mean[named] == pytest.approx(found.mean, abs=1e-6)
    assert renamed.covariance[np.ix_(named, named)] == pytest.approx(found.covariance, abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(OUTCOMES)
def test_a_win_never_makes_weaker(outcomes: list[Outcome]) -> None:
    before, after = fit(outcomes, PRIOR), fit([*outcomes, Outcome(0, 3, 1.0)], PRIOR)
    assert after.mean[0] - after.mean[3] > before.mean[0] - before.mean[3]
    assert wins(after)[0].share > wins(before)[0].share
    assert np.trace(after.covariance) < np.trace(before.covariance) + 0.2


@settings(max_examples=60, deadline=None)
@given(OUTCOMES)
def test_shares_chances_and_gains_are_what_they_say(outcomes: list[Outcome]) -> None:
    found = fit(outcomes, PRIOR)
    for one in wins(found):
        assert 0 <= one.low <= one.share <= one.high <= 1
    assert sum(one.share for one in wins(found)) == pytest.approx(2)  # each meets three others
    assert chances(found).sum() == pytest.approx(1)
    assert (chances(found) == chances(found)).all()
    told = gains(found)
    assert told == pytest.approx(told.T)
    assert (np.diag(told) == 0).all()
    assert (told >= 0).all()


def test_wilsons_interval() -> None:
    half = wilson(5, 10)
    assert (half.share, half.low, half.high) == pytest.approx((0.5, 0.2366, 0.7634), abs=1e-4)
    none = wilson(0, 10)
    assert (none.share, none.low, none.high) == pytest.approx((0.0, 0.0, 0.2775), abs=1e-4)
    nobody = wilson(0, 0)
    assert (nobody.low, nobody.high) == (0.0, 1.0)
