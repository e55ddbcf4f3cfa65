"""Guide, "Multiple Concepts": four outfits of one character, trained equally."""

from __future__ import annotations

from pathlib import Path

import pytest

from lorabake.concepts.balance import best_balance, guides_balance
from lorabake.core.dataset import scan_dataset, split_concept_name
from lorabake.recipe.calculator import calculate
from lorabake.recipe.plan import make_plan
from lorabake.recipe.presets import load_recipe
from lorabake.recipe.tables import NAI_SEVERAL, XL_SEVERAL, Table, nearest, suggest
from lorabake.train.batches import epoch_batches, train_images
from tests.bakes import draw_dataset
from tests.guide.values import ILLUSTRIOUS, NAI, PDXL, numbers
from tests.recipe.datasets import concept, dataset

OUTFITS = (23, 49, 100, 79)
ZETA = dataset(
    concept(20, 5, "zetadef"),
    concept(33, 3, "zetasummer"),
    concept(100, 1, "zetadark"),
    concept(50, 2, "zetahalloween"),
)


def test_what_is_left_out() -> None:
    """“Delete 3 images in the folder for outfit #1, 16 images in #2, and 29 images in #4.”"""
    assert [share.lost for share in guides_balance(OUTFITS).shares] == [3, 16, 0, 29]


def test_what_stays_and_how_often_it_is_shown() -> None:
    """“Outfit #1: 20 images … #2: 33 … #3: 100 … #4: 50” · “5 repeats … 3 … 1 … 2”"""
    shares = guides_balance(OUTFITS).shares
    assert [(share.keep, share.repeats) for share in shares] == [
        (20, 5),
        (33, 3),
        (100, 1),
        (50, 2),
    ]


def test_what_t_is() -> None:
    """“Let's do some math: (20 × 5) + (33 × 3) + (100 × 1) + (50 × 2) = 399”"""
    assert guides_balance(OUTFITS).seen_per_epoch == 399


def test_fewer_pictures_have_to_go_than_in_the_guide() -> None:
    """At the guide's own spread of 99 to 100 looks, for an epoch that is no longer."""
    guide = guides_balance(OUTFITS)
    best = best_balance(OUTFITS, guide.spread)
    assert best.spread <= guide.spread
    assert (guide.lost, best.lost) == (48, 41)
    assert best.seen_per_epoch <= guide.seen_per_epoch


def test_four_outfits_are_399_pictures_an_epoch() -> None:
    """“We'll label this number as T.”"""
    assert ZETA.seen_per_epoch == 399
    plan = make_plan(ZETA, load_recipe(ILLUSTRIOUS))
    assert (plan.images, plan.seen_per_epoch, plan.to_mapping()["T"]) == (203, 399, 399)


def test_four_outfits_are_trained_equally() -> None:
    """“What you'll be doing is trying to train each outfit equally”"""
    seen = [concept.repeats * len(concept.images) for concept in ZETA.concepts]
    assert seen == [100, 99, 100, 100]
    batches = epoch_batches(
        train_images(ZETA, load_recipe(ILLUSTRIOUS)), epoch=1, batch_size=2, seed=1
    )
    shown = [image.lines[0].split(",")[0] for batch in batches for image in batch.images]
    assert [shown.count(concept.trigger) for concept in ZETA.concepts] == seen


ROWS = [
    (NAI_SEVERAL, NAI, "200 T × 17 epochs ÷ 2 batch size = 1700 steps"),
    (NAI_SEVERAL, NAI, "300 T × 12 epochs ÷ 2 batch size = 1800 steps"),
    (NAI_SEVERAL, NAI, "400 T × 10 epochs ÷ 2 batch size = 2000 steps"),
    (XL_SEVERAL, ILLUSTRIOUS, "100 T × 8 epochs ÷ 2 batch size = 400 steps"),
    (XL_SEVERAL, ILLUSTRIOUS, "200 T × 7 epochs ÷ 2 batch size = 700 steps"),
    (XL_SEVERAL, ILLUSTRIOUS, "300 T × 5 epochs ÷ 2 batch size = 750 steps"),
    (XL_SEVERAL, ILLUSTRIOUS, "600 T × 5 epochs ÷ 2 batch size = 1500 steps"),
]


@pytest.mark.parametrize(("table", "preset", "sentence"), ROWS, ids=[s for _, _, s in ROWS])
def test_the_tables_for_several_concepts(table: Table, preset: str, sentence: str) -> None:
    total, epochs, batch, steps = numbers(sentence)
    several = dataset(concept(total // 10, 5, "one"), concept(total // 4, 2, "two"))
    assert several.seen_per_epoch == total
    recipe = load_recipe(preset, {"epochs": epochs, "batch_size": batch})
    found = calculate(several, recipe)
    assert (found.steps, found.simple_steps, found.count) == (steps, steps, total)
    assert found.table is table
    assert found.row.sentence == sentence
    told = suggest(table, total, batch)
    assert (told.epochs, told.steps) == (epochs, steps)


def test_which_table_is_whose() -> None:
    """“Here's a reference table for NAI 1.5” · “I train on Illustrious though, so here's a new table”"""
    assert NAI_SEVERAL.sentence == "Here's a reference table for NAI 1.5"
    assert XL_SEVERAL.sentence == "I train on Illustrious though, so here's a new table"
    assert not any(row.rounded for row in (*NAI_SEVERAL.rows, *XL_SEVERAL.rows))


def test_how_many_epochs() -> None:
    """“Our T is closest to the last row, so we'd run with 10 epochs” · “Here, I'd run with 5 epochs”"""
    assert nearest(NAI_SEVERAL, 399) is NAI_SEVERAL.rows[-1]
    assert suggest(NAI_SEVERAL, 399, 2).epochs == 10
    assert suggest(XL_SEVERAL, 399, 2).epochs == 5


@pytest.mark.parametrize(
    ("preset", "epochs", "exact", "simple"), [(NAI, 10, 2000, 1995), (ILLUSTRIOUS, 5, 1000, 998)]
)
def test_a_bake_of_four_outfits(preset: str, epochs: int, exact: int, simple: int) -> None:
    """“we'd run with 10 epochs if I was training on NAI”; on Illustrious “I'd run with 5 epochs”."""
    plan = make_plan(ZETA, load_recipe(preset, {"epochs": epochs, "batch_size": 2}))
    assert (plan.total_steps, plan.simple_steps) == (exact, simple)


def test_a_number_before_a_folders_name_is_its_repeats(tmp_path: Path) -> None:
    """“You can prepend a number to each folder's name to automatically input the number of repeats.”"""
    assert split_concept_name("5_zetadef") == (5, "zetadef")
    draw_dataset(tmp_path, [(32, 32)] * 2, "5_zetadef")
    draw_dataset(tmp_path, [(32, 32)] * 3, "3_zetasummer")
    found = scan_dataset(tmp_path)
    assert {concept.trigger: concept.repeats for concept in found.concepts} == {
        "zetadef": 5,
        "zetasummer": 3,
    }
    assert found.seen_per_epoch == 2 * 5 + 3 * 3
    assert make_plan(found, load_recipe(PDXL)).total_steps == 10 * 10
