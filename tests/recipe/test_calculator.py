"""The calculator beside the guide's tables: what is typed, what comes of it, and the way back."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import pytest

from lorabake.core.concept_settings import ConceptSettings
from lorabake.core.errors import RecipeError
from lorabake.recipe.calculator import calculate, ways_to, what_if, with_repeats
from lorabake.recipe.curve import rate_lines, restarts
from lorabake.recipe.plan import learning_rates, make_plan
from lorabake.recipe.presets import load_recipe
from lorabake.recipe.tables import TABLES, steps_by_table, suggest
from tests.recipe.datasets import concept, dataset

ZETA = dataset(concept(20, 5, "zetadef"), concept(33, 3, "zetasummer"))


def test_a_row_for_each_folder() -> None:
    reg = replace(concept(10, 1, "girl"), settings=ConceptSettings(is_reg=True))
    found = calculate(
        replace(ZETA, concepts=(*ZETA.concepts, reg)), load_recipe("pdxl"), seconds_per_step=2.5
    )
    assert [(row.folder, row.images, row.repeats, row.seen) for row in found.rows] == [
        ("5_zetadef", 20, 5, 100),
        ("3_zetasummer", 33, 3, 99),
        ("1_girl", 10, 1, 10),
    ]
    assert [round(row.share, 3) for row in found.rows] == [0.503, 0.497, 0]
    assert found.seen_per_epoch == found.count == 199
    assert found.table.name == "xl-several"
    assert found.seconds == 2.5 * found.steps
    assert any("199 regularisation pictures" in note for note in found.notes)
    assert json.loads(json.dumps(found.to_mapping()))["T"] == 199


def test_partial_batches_are_told() -> None:
    shapes = dataset(concept([(1024, 1024)] * 5 + [(832, 1216)] * 5))
    found = calculate(shapes, load_recipe("pdxl"))
    assert (found.steps, found.simple_steps) == (60, 50)
    assert (
        "10 steps more than the simple sum, because each of the 2 shapes may end" in found.notes[0]
    )


def test_files_and_their_size() -> None:
    found = calculate(ZETA, load_recipe("pdxl", {"epochs": 7, "save_every_n_epochs": 2})).files
    assert found.count == 4
    assert found.total == pytest.approx(4 * found.each)
    last = calculate(ZETA, load_recipe("pdxl", {"save_last_n_epochs": 3})).files
    assert (last.count, last.total) == (10, pytest.approx(3 * last.each))
    without = calculate(ZETA, load_recipe("pdxl", {"text_encoder_lr": 0})).files
    assert without.each < 0.9 * found.each


def test_what_if() -> None:
    recipe = load_recipe("pdxl", {"max_train_steps": 10})
    found = what_if(ZETA, recipe, repeats={"3_zetasummer": 6}, epochs=4, batch_size=1)
    assert (found.seen_per_epoch, found.epochs, found.batch_size) == (298, 4, 1)
    assert found.steps == 4 * 298
    assert ZETA.concepts[1].repeats == 3, "nothing was changed"
    with pytest.raises(RecipeError, match="There is no folder 9_else"):
        with_repeats(ZETA, {"9_else": 1})
    with pytest.raises(RecipeError, match="from 1 to 1000"):
        with_repeats(ZETA, {"5_zetadef": 0})


@pytest.mark.parametrize("wanted", [1, 99, 100, 700, 1234, 5000])
def test_wanted_steps_are_solved_backwards(wanted: int) -> None:
    recipe = load_recipe("pdxl")
    ways = ways_to(ZETA, recipe, wanted)
    assert ways[0].repeats == {"5_zetadef": 5, "3_zetasummer": 3}, "first with the epochs alone"
    for way in ways:
        found = what_if(ZETA, recipe, repeats=way.repeats, epochs=way.epochs)
        assert found.steps == way.steps == wanted + way.off
        assert way.repeats["5_zetadef"] * 3 == way.repeats["3_zetasummer"] * 5, "weights stay"
    assert [abs(way.off) for way in ways[1:]] == sorted(abs(way.off) for way in ways[1:])
    assert all(abs(way.off) < abs(ways[0].off) for way in ways[1:])


def test_the_nearest_way_is_the_nearest() -> None:
    """23 pictures, 1000 steps: tried by hand over all repeats and epochs."""
    data, recipe = dataset(concept(23, 3)), load_recipe("nai15")
    best = min(
        abs(what_if(data, recipe, repeats={"3_ohwx": repeats}, epochs=epochs).steps - 1000)
        for repeats in range(1, 41)
        for epochs in {max(1, round(2000 / 23 / repeats)) + more for more in (-1, 0, 1)} - {0}
    )
    assert min(abs(way.off) for way in ways_to(data, recipe, 1000)) == best
    with pytest.raises(RecipeError, match="at least 1"):
        ways_to(data, recipe, 0)
    assert ways_to(dataset(), recipe, 100) == []


def test_between_the_rows_steps_rise_and_looks_fall() -> None:
    for table in TABLES:
        first, last = table.rows[0].count, table.rows[-1].count
        steps = [steps_by_table(table, count, 2) for count in range(first, last + 1)]
        assert all(later > earlier for earlier, later in pairwise(steps))
        beyond = suggest(table, last * 50, 2)
        assert not beyond.inside
        assert beyond.epochs >= 1
        assert suggest(table, 1, 2).looks <= 2 * suggest(table, first, 2).looks * 1.9


# --- the learning rate before it starts ----------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"lr_scheduler": "rex_annealing_warm_restarts", "lr_scheduler_num_cycles": 3},
        {
            "lr_scheduler": "cosine_with_restarts",
            "lr_scheduler_num_cycles": 4,
            "warmup_ratio": 0.05,
        },
        {
            "lr_scheduler": "cosine_annealing_warm_restarts",
            "lr_scheduler_num_cycles": 3,
            "kohya_exact": True,
        },
        {"lr_scheduler": "constant_with_warmup", "warmup_ratio": 0.05},
    ],
)
def test_the_drawn_line_is_the_trainers(changes: dict[str, object]) -> None:
    recipe = load_recipe("pdxl", {"epochs": 11, **changes})
    plan = make_plan(ZETA, recipe)
    exact = learning_rates(plan, recipe)
    lines = rate_lines(plan, recipe, points=20)
    assert lines.keys() == {"unet", "text_encoder", "text_encoder_2"}
    for name, line in lines.items():
        assert all(rate == exact[name][step] for step, rate in line)
        assert len(line) < 40
    drawn = dict(lines["unet"])
    # Every jump of the rate upwards is drawn with both of its sides.
    rates = exact["unet"]
    jumps = [s for s in range(1, len(rates)) if rates[s] > rates[s - 1] * 1.5 > 0 and s > 60]
    assert jumps == [start for start in restarts(plan, recipe) if start in jumps]
    assert all(step in drawn and step - 1 in drawn for step in jumps)
    assert max(drawn.values()) == max(rates)
